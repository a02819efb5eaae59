# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells a person, without any configuration, what a rollout does to each PBX while it does it.

Ansible's own callback says ``changed: [acme]``. What a program reads (a JSON callback) is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat, _way_back
from ansible_collections.tcx.m365.plugins.plugin_utils._prose import Totals, failure_lines, host_lines, is_passed
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.snapshots import run_id

_FOR_PEOPLE = frozenset(("default", "yaml", "debug", "dense", "awx_display", "unixy"))
"""Stdout callbacks that a person reads. That of this collection tells the same itself."""

display = Display()


_KIND = "narrator"
_WRITTEN = "narrator_written"


class Narrator:
    """Says on a person's terminal what was done to each PBX, while it is done; to a program's callback it says nothing.

    :param play_hosts: all hosts of the play; the last batch also tells of all batches together.
    """

    def __init__(self, task: Any, hosts: Sequence[str], play_hosts: Sequence[str], store: RunStore) -> None:
        self._check_mode = bool(task.check_mode)
        # With --diff the callback shows the lines of each object itself.
        self._detailed = (self._check_mode or display.verbosity > 0) and not getattr(task, "diff", False)
        self._listens = is_heard() and bool(hosts)
        self._play_hosts = play_hosts
        self._size = len(hosts)
        self._store = store
        self.follow(hosts)
        self._totals = Totals()

    def follow(self, hosts: Sequence[str]) -> None:
        """From now on these are the hosts that are told of."""
        everyone = {*hosts, *_failed_before(self._store)}
        self.is_last = bool(hosts and self._play_hosts) and set(self._play_hosts[-1:]) <= everyone

    def tell(self, host: str, result: Mapping[str, Any], *, final: bool = True) -> None:
        """One PBX. The callback shows a failure itself; what was changed before it is told here.

        :param final: nothing of it is undone by this run afterwards.
        """
        self._totals.add(host, result)
        if self._listens and (result.get("changes") or not result.get("failed")) and not is_passed(result):
            for line in self._lines(host, result, final=final):
                _core_compat.show(line)

    def _lines(self, host: str, result: Mapping[str, Any], *, final: bool) -> list[str]:
        if not result.get("failed"):
            return host_lines(host, result, check_mode=self._check_mode, detailed=self._detailed)
        # Nothing was verified, whatever is known of the PBX.
        shown = {**result, "failed": False, "status": {}, "steps": {}, "version": ""}
        lines = host_lines(host, shown, check_mode=self._check_mode, detailed=self._detailed)
        return [*lines, *failure_lines(host, result, written=not self._check_mode, final=final)[1:]]

    def end_of_checks(self, failed: Iterable[str]) -> None:
        """Keep the hosts that a check of this batch has stopped, for the line at the end of the batch."""
        for host in failed:
            self._totals.add_failure(host)
        kept = {"failed": sorted(self._totals.outcomes), "outcomes": _earlier_batches(self._store)}
        self._store.put(_KIND, "", kept)
        if self._listens and len(self._totals.outcomes) == self._size:
            _core_compat.show(self._totals.summary())  # no task comes after it

    def end(self) -> None:
        """One line for all, in check mode after the plan in numbers. Those that a check before has stopped count as well."""
        for host in _failed_before(self._store):
            self._totals.add_failure(host)
        everyone = Totals(outcomes={**_earlier_batches(self._store), **self._totals.outcomes})
        self._store.put(_KIND, "", {"failed": [], "outcomes": everyone.outcomes})
        if not self._listens:
            return
        for line in self._totals.passed_lines():
            _core_compat.show(line)
        if self._check_mode:
            _core_compat.show(self._totals.plan())
        _core_compat.show(self._totals.summary(check_mode=self._check_mode))
        if self.is_last and len(everyone.outcomes) > len(self._totals.outcomes):
            _core_compat.show(f"In all batches: {everyone.summary(check_mode=self._check_mode)}")


def is_heard() -> bool:
    """Whether a person reads what the stdout callback shows, and the callback leaves it to us to tell."""
    return constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] in _FOR_PEOPLE


def tell_way_back(
    store: RunStore, results: Iterable[Mapping[str, Any]], extra: Mapping[str, Any], *, ends: bool, once: bool = False
) -> None:
    """Say how what the run has changed is undone, after the last batch that changed something.

    :param extra: the variables of ``-e``.
    :param ends: nothing of the playbook comes after this; what is said of earlier batches waits for it.
    :param once: of a task of a play that somebody else has written: nobody knows which one is the last, so the first says it.
    """
    if not is_heard():
        return
    with store.lock(_WRITTEN, ""):
        known = dict(store.get(_WRITTEN, "") or {})
        left = [_way_back.directory(result) for result in results if _way_back.is_left(result)]
        waits = bool(left or known.get("waits")) and not (once and known.get("said"))
        known["directory"] = next((path for path in left if path), known.get("directory", ""))
        known["waits"] = waits and not ends
        known["said"] = known.get("said") or (waits and ends)
        store.put(_WRITTEN, "", known)
    if waits and ends:
        _core_compat.show(_way_back.sentence(run_id(store), known["directory"], _way_back.Started.of(extra)))


def _failed_before(store: RunStore) -> list[str]:
    return list((store.get(_KIND, "") or {}).get("failed") or ())


def _earlier_batches(store: RunStore) -> dict[str, str]:
    return dict((store.get(_KIND, "") or {}).get("outcomes") or {})
