# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Keeps what a run changes on one PBX, so that it can be undone: in a file, before and after each write.

What is about to be written is kept as ``pending`` before anything of it is sent, so that a run that is killed in the middle
can be undone as well; undoing what was never carried out changes nothing. A task announces what it writes piece by piece, and
nobody knows what became of the pieces before the last, so all of them stay. What was carried out takes their place
afterwards, also where the task failed.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from typing import Any, Callable, Protocol

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    graph_permission_grant,
    tcx_m365_settings,
)
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible_data, without_login
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING, Change, Plan, joined
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, failure
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import RunTask
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import address_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._provenance import collection_version
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots import snapshots
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.snapshots import SCHEMA_VERSION, Snapshots

Json = dict[str, Any]

WRITERS = frozenset(
    module.CAPABILITY.name for module in (azure_app_registration, graph_permission_grant, tcx_m365_settings)
)
"""The capabilities whose changes can be undone."""

ROLLBACK = "rollback"
SETTINGS = "settings"


Announce = Callable[[Plan], None]


class AnnouncingTask(Protocol):
    """Runs one capability with its arguments, and tells what it is about to write where it can."""

    def __call__(
        self,
        capability: Capability,
        arguments: Mapping[str, Any],
        /,
        *,
        check: bool = False,
        announce: Announce | None = None,
    ) -> dict[str, Any]:
        """The result, as that of :class:`RunTask`."""


class Recorder:
    """What this run changes on one PBX.

    :param operation: what the run does, for people; the changes of a rollback never become the latest.
    :param announces: the work is done in this process, so that it can tell what it is about to write.
    :param before_writing: is called before anything of a write is kept or sent; what it raises ends the task.
    :ivar healthy_before: whether the integration worked before the first write, as far as a check has told.
    """

    def __init__(
        self,
        host: str,
        variables: Variables,
        store: RunStore,
        operation: str,
        *,
        announces: bool = True,
        before_writing: Callable[[], None] = _watch.check,
    ) -> None:
        self._announces = announces
        self._before_writing = before_writing
        self._host = host
        self._variables = variables
        self._store = store
        self._operation = operation
        self._content: Json | None = None
        self.healthy_before: bool | None = None

    @functools.cached_property
    def run(self) -> str:
        return snapshots.run_id(self._store)

    @functools.cached_property
    def place(self) -> Snapshots:
        return Snapshots(snapshots.directory_of(self._variables))

    def told(self) -> Json:
        """Where it is kept what this run has changed by now, or was about to, and not undone; for the result."""
        content = self._read()
        kept = bool(content["changes"] or content["pending"])
        return {"snapshot": self.run, "snapshot_path": self.place.path(self.run, self._host)} if kept else {}

    def recording(self, run_task: AnnouncingTask, *, check_mode: bool) -> RunTask:
        """``run_task`` whose writes are kept."""

        def run(capability: Capability, arguments: Mapping[str, Any], /, *, check: bool = False) -> Json:
            if check or check_mode or capability.name not in WRITERS:
                result = run_task(capability, arguments, check=check)
                return result if check or not result.get("changes") else self._as_kept(result)

            announced: list[Json] = []

            def expect(plan: Plan) -> None:
                self._before_writing()
                announced.extend(visible_data(change) for change in plan.as_undo())
                self._expect(capability, arguments, announced)

            try:
                self._settle()
                if not self._announces:
                    self.place.check_writable(self.run)
                result = run_task(capability, arguments, check=check, announce=expect)
                _watch.check()  # the record is no longer this thread's: who gave the PBX up has gone on from it
            except M365Error as error:
                return failure(error)
            return self._keep(capability, arguments, result)

        return run

    def _as_kept(self, result: Json) -> Json:
        """What check mode has planned; a failure where it could not be kept, so that nothing of it would be written."""
        try:
            self.place.check_usable(self.run)
        except M365Error as error:
            return failure(error)
        return result

    def _settle(self) -> None:
        """What an earlier task of this run has left as pending broke off: whether it was carried out is not known."""
        content = self._read()
        if content["pending"]:
            content["changes"] = net([*content["changes"], *content["pending"]])
            content["pending"] = []

    def _expect(
        self, capability: Capability, arguments: Mapping[str, Any], announced: Iterable[Mapping[str, Any]]
    ) -> None:
        """:raises M365Error: it cannot be kept, so nothing may be written."""
        content = self._read()
        subject = self._object(capability, arguments, {})
        content["pending"] = net({**change, "object": subject} for change in announced)
        self._name_application(content, arguments, {})
        self._write(content)

    def _keep(self, capability: Capability, arguments: Mapping[str, Any], result: Json) -> Json:
        """The result, failed where what was changed could not be kept."""
        content = self._read()
        undo = list(result.pop("undo", None) or ())
        if not undo and not content["pending"]:
            self.place.forget_empty(self.run)
            return result
        subject = self._object(capability, arguments, result)
        self._name_application(content, arguments, result)
        content["changes"] = net([*content["changes"], *({**change, "object": subject} for change in undo)])
        content["pending"] = []
        try:
            self._write(content)
        except M365Error as error:
            if result.get("failed") and str(error) in str(result.get("msg")):
                return result  # nothing was written, because this was told before
            message = f"{result['msg']} " if result.get("failed") and result.get("msg") else ""
            return {**failure(error), **result, "failed": True, "msg": f"{message}{error}"}
        return result

    def _read(self) -> Json:
        if self._content is None:
            kept = self.place.own(self.run, self._host)
            self._content = kept or {
                "schema_version": SCHEMA_VERSION,
                "run_id": self.run,
                "created_at": f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
                "collection_version": collection_version(),
                "operation": self._operation,
                "host": self._host,
                "tcx_url": without_login(str(self._variables.get("tcx_url") or "")),
                "entra_tenant_id": self._variables.tenant,
                "healthy_before": self.healthy_before,
                "application": {"app_id": "", "unique_name": ""},
                "changes": [],
                "pending": [],
            }
        return self._content

    def _write(self, content: Json) -> None:
        latest = bool(content["changes"] or content["pending"]) and content["operation"] != ROLLBACK
        self.place.write(self.run, self._host, content, latest=latest)

    def _object(self, capability: Capability, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Which object an entry is about: an application by its id, a PBX by its address."""
        if capability.name == tcx_m365_settings.CAPABILITY.name:
            return address_of(str(self._variables.get("tcx_url") or ""))
        app_id = str(result.get("app_id") or arguments.get("app_id") or self._read()["application"]["app_id"] or "")
        return "" if app_id == PENDING else app_id.lower()

    def _name_application(self, content: Json, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        named = content["application"]
        for name in ("app_id", "unique_name"):
            value = str(result.get(name) or arguments.get(name) or "")
            if value and value != PENDING and (name != "app_id" or not named["app_id"] or result.get("app_id")):
                named[name] = value.lower() if name == "app_id" else value


def net(changes: Iterable[Mapping[str, Any]]) -> list[Json]:
    """What remains of changes made one after the other, by object; nothing of an application that came and went."""
    by_object: dict[str, list[Change]] = {}
    for change in changes:
        made = Change(
            change["target"], change["field"], change["before"], change["after"], details=change.get("details") or {}
        )
        by_object.setdefault(str(change.get("object") or ""), []).append(made)
    remaining = []
    for name, parts in by_object.items():
        left = joined(parts)
        states = [part for part in parts if (part.target, part.field) == ("application", "state")]
        if len(states) > 1 and states[0].before != "present" and states[-1].after != "present":
            continue
        remaining += [{**change.as_undo(), "object": name} for change in left]
    return remaining
