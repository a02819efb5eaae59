# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin: one table of all tenants of a play, and whether each has consented to the automation."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import functools
import os
import time
from collections.abc import Mapping, Sized
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat, _files
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.access import access
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.consent import CustomerTenant, tenants_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.tenants import (
    Row,
    document,
    remember_names,
    row_of,
    summary,
    table,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._provenance import provenance
from ansible_collections.tcx.m365.plugins.plugin_utils._report.tenants import NOT_CHECKED, STATES
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import share

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "file": {"type": "str"},
    "wait": {"type": "int", "default": 0},
    "interval": {"type": "int", "default": 15},
    "fail_on": {"type": "list", "elements": "str", "choices": list(STATES), "default": []},
    "enforce": {"type": "bool", "default": True},
    "app_name": {"type": "str", "default": "tcx.m365 automation"},
    "concurrency": {"type": "int", "default": 16},
}

_FILE_MODE = 0o640
_MOST_BYTES = 16 * 1024 * 1024


class ActionModule(ControllerAction):
    """Asks all tenants of the play at once; it reads and never writes."""

    SPEC = ARGUMENT_SPEC
    PREFIX = "tenants_"

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        customers = tenants_of(self.variables_of_play(task_vars).items())
        started = time.monotonic()
        rows: dict[int, Row] = {}
        while True:
            pending = [index for index in range(len(customers)) if index not in rows or not rows[index].settled]
            rows.update(_ask(customers, pending, options))
            waiting = [row for row in rows.values() if not row.settled]
            left = options["wait"] - (time.monotonic() - started)
            if not waiting or left <= 0 or not any(customers[index].is_known for index in pending):
                break
            _core_compat.show(f"{_share(waiting, rows)} not ready; {left:.0f} s left", stderr=True)
            time.sleep(min(left, max(1, options["interval"])))
        ordered = [rows[index] for index in range(len(customers))]
        return self._result(ordered, options, task_vars, time.monotonic() - started)

    def _result(
        self, rows: list[Row], options: Mapping[str, Any], task_vars: Mapping[str, Any], seconds: float
    ) -> dict[str, Any]:
        moment = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
        run = {
            "playbook": "tcx.m365.tenants",
            "duration_s": round(seconds, 1),
            **provenance(task_vars, {row.app_id for row in rows}),
        }
        path = ""
        if options["file"]:
            remember_names(rows, _earlier(options["file"]))
            path = _files.written("file", options["file"], functools.partial(_write, document(rows, moment, run)))
        counts = summary(rows)
        reason = _failure_reason(rows, options)
        return {
            "changed": False,
            "failed": bool(reason) and options["enforce"],
            "failure_reason": reason,
            "msg": reason or f"{counts['total']} tenants, {counts['ready'] + counts['too_wide']} of them consented.",
            "tenants": [row.as_dict() for row in rows],
            "summary": counts,
            "table": table(rows),
            "file": path,
            "waited": round(seconds, 1),
        }


def _ask(customers: list[CustomerTenant], indexes: list[int], options: Mapping[str, Any]) -> dict[int, Row]:
    """The rows of some tenants, asked together, each with tokens of this moment."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, options["concurrency"])) as pool:
        rows = pool.map(lambda index: _row(customers[index], options["app_name"]), indexes)
        return dict(zip(indexes, rows))


def _row(customer: CustomerTenant, app_name: str) -> Row:
    return row_of(customer, access(customer), app_name)


def _share(part: Sized, rows: Sized) -> str:
    return share(len(part), len(rows), "tenant", "tenants")


def _failure_reason(rows: list[Row], options: Mapping[str, Any]) -> str:
    waiting = [row for row in rows if not row.settled]
    if options["wait"] and waiting:
        shown = ", ".join(host for row in waiting for host in row.hosts)
        return f"{_share(waiting, rows)} not ready after {options['wait']} s (tenants_wait): {shown}"
    refused = [row for row in rows if row.state in options["fail_on"]]
    if refused:
        shown = ", ".join(f"{host} ({row.state})" for row in refused for host in row.hosts)
        return f"{_share(refused, rows)} in a state of tenants_fail_on: {shown}"
    if rows and all(row.state == NOT_CHECKED for row in rows):
        return f"No tenant could be checked. {rows[0].reason}"
    return ""


def _earlier(name: str) -> str:
    """The table of an earlier run; nothing where there is none."""
    try:
        with open(os.path.expanduser(name), encoding="utf-8") as stream:
            return stream.read(_MOST_BYTES)
    except (OSError, ValueError):
        return ""


def _write(content: str, path: str) -> str:
    _files.make_directory(os.path.dirname(path), 0o750)
    _files.replace(path, content.encode("utf-8"), _FILE_MODE)
    return path
