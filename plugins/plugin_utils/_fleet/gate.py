# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a rollout goes on after a batch: not when too many of its PBXs failed, or do not work.

Ansible counts failures alone (``max_fail_percentage``) and never says which hosts it did not reach. A PBX whose
integration reports an error has not failed where nobody waits for it (``tcx_console_wait: false``), and yet nobody can
sign in there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import is_empty, trimmed
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count, listed

_KIND = "rollout_gate"
FAILED, UNHEALTHY, FINE = "failed", "unhealthy", "fine"
MOST_NAMES = 20


@dataclass(frozen=True)
class Verdict:
    """What a batch came to.

    :param bad: its PBXs that failed or do not work.
    :param total: how many PBXs it had.
    :param limit: the limit that was passed, in words; empty where none was.
    :param closed: it is our own limit, so that Ansible does not stop by itself.
    :param not_reached: the PBXs of later batches.
    """

    bad: tuple[str, ...]
    total: int
    limit: str = ""
    not_reached: tuple[str, ...] = ()
    closed: bool = False

    @property
    def is_told(self) -> bool:
        """Ansible ends a play without a message about the hosts that it did not reach; where there are none, it needs no other."""
        return self.closed or bool(self.limit and self.not_reached)

    def sentence(self) -> str:
        """Why the rollout ends, and whom it did not reach."""
        share = 100 * len(self.bad) / self.total if self.total else 0
        reason = (
            f"The rollout stops after this batch: {len(self.bad)} of {count(self.total, 'PBX', 'PBXs')} ({share:.0f} %) failed or do not work "
            f"({_names(self.bad)}), {self.limit}."
        )
        if not self.not_reached:
            return f"{reason} No PBX is left."
        return f"{reason} Not reached, and not changed: {count(len(self.not_reached), 'PBX', 'PBXs')} ({_names(self.not_reached)})."

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the result of the task that stops the rollout."""
        return {"unhealthy": list(self.bad), "total": self.total, "not_reached": list(self.not_reached)}


_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def limit_of(value: Any, name: str) -> float | None:
    """A limit as people write it: in an inventory, behind ``-e``, in a survey; ``None`` where there is none.

    :param name: of the option or variable that has it.
    :raises BadInput: it is no share; below zero it would end every rollout.
    """
    if is_empty(value):
        return None
    text = trimmed(str(value)).removesuffix("%").rstrip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text) or float(text) > 100:
        raise BadInput(
            f"{name} must be a percentage from 0 to 100, such as 10 or 10%, not {value!r}",
            tried="read the limit of the rollout",
        )
    return float(text)


def outcome(result: Mapping[str, Any], *, planned: bool = False) -> str:
    """What the result of one PBX means for its batch.

    :param planned: of check mode: that a PBX does not work yet which the rollout would change says nothing.
    """
    if result.get("failed"):
        return FAILED
    if planned and result.get("changed"):
        return FINE
    status = result.get("status") or {}
    return UNHEALTHY if status and not status.get("ok") else FINE


def judge(
    outcomes: Mapping[str, str],
    hosts: Iterable[str],
    reached: Iterable[str],
    *,
    unhealthy_percentage: float | None,
    fail_percentage: float | None,
) -> Verdict:
    """Whether the rollout goes on. Pure.

    :param outcomes: of the PBXs of this batch.
    :param hosts: all PBXs of the rollout; :param reached: those of this batch and the ones before.
    :param unhealthy_percentage: more failed or unhealthy PBXs than this end the rollout; ``None``: no limit.
    :param fail_percentage: Ansible's own limit, which ends it as well; it is told here, because Ansible does not.
    """
    bad = tuple(sorted(host for host, state in outcomes.items() if state != FINE))
    failed = [host for host, state in outcomes.items() if state == FAILED]
    total = len(outcomes)
    known = set(reached)
    rest = tuple(host for host in hosts if host not in known)
    limit, closed = "", False
    if unhealthy_percentage is not None and total and 100 * len(bad) / total > unhealthy_percentage:
        limit, closed = f"more than rollout_max_unhealthy_percentage ({unhealthy_percentage:g} %)", True
    elif fail_percentage is not None and total and 100 * len(failed) / total > fail_percentage:
        limit = f"more than rollout_max_fail_percentage ({fail_percentage:g} %)"
    elif total and len(failed) == total:
        limit = "which is all of it"
    return Verdict(bad, total, limit, rest, closed)


def told_undone(restored: Mapping[str, bool]) -> str:
    """Which PBXs of a batch were set back, and which of them are not as they were; empty where none was to be."""
    undone = sorted(host for host, done in restored.items() if done)
    left = sorted(host for host, done in restored.items() if not done)
    told = [f"Undone: {count(len(undone), 'PBX', 'PBXs')} ({_names(undone)})."] if undone else []
    if left:
        told.append(
            f"Not undone as a whole: {count(len(left), 'PBX', 'PBXs')} ({_names(left)}); the result of each says what is left."
        )
    return " ".join(told)


class Gate:
    """The outcomes of the PBXs of a run, kept for the batches to come."""

    def __init__(self, store: RunStore, hosts: Sequence[str]) -> None:
        self._store = store
        self._hosts = list(hosts)

    def note(self, results: Mapping[str, Mapping[str, Any]], *, checks_only: bool, check_mode: bool = False) -> None:
        """Keep the outcomes of PBXs; of a pre-flight check only the failures, because the others go on."""
        outcomes = {host: outcome(result, planned=check_mode) for host, result in results.items()}
        if checks_only:
            outcomes = {host: FAILED for host, state in outcomes.items() if state == FAILED}
        with self._store.lock(_KIND, ""):
            known = self._read()
            known["batch"] = {**known["batch"], **outcomes}
            self._store.put(_KIND, "", known)

    def verdict(
        self, batch: Sequence[str], *, unhealthy_percentage: float | None, fail_percentage: float | None, last: bool
    ) -> Verdict:
        """The verdict on the PBXs that have come in since the last one.

        :param batch: all that the batch still has.
        :param last: nothing else happens to this batch, so that the next verdict is on the next one.
        """
        with self._store.lock(_KIND, ""):
            known = self._read()
            outcomes = {**dict.fromkeys(batch, FINE), **known["batch"]}
            verdict = judge(
                outcomes,
                self._hosts,
                [*known["reached"], *outcomes],
                unhealthy_percentage=unhealthy_percentage,
                fail_percentage=fail_percentage,
            )
            known["stopped"] = bool(verdict.limit)
            if last:
                closed = {"msg": verdict.sentence(), **verdict.as_dict()} if verdict.closed else None
                reached = [*known["reached"], *outcomes]
                known.update(batch={}, reached=reached, closed=closed)
            self._store.put(_KIND, "", known)
            return verdict

    def undone(self, restored: Mapping[str, bool]) -> str:
        """What became of a batch that has closed the gate, for its sentence; kept for the task that stops the rollout.

        :param restored: of the PBXs that were set back, or should have been: whether they are as they were.
        """
        with self._store.lock(_KIND, ""):
            known = self._read()
            sentence = told_undone(restored)
            if known["closed"] and sentence:
                msg = f"{known['closed']['msg']} {sentence}"
                left = sorted(host for host, done in restored.items() if not done)
                undone = sorted(host for host, done in restored.items() if done)
                known["closed"] = {**known["closed"], "msg": msg, "undone": undone, "not_undone": left}
                self._store.put(_KIND, "", known)
            return sentence

    def stopped(self) -> bool:
        """Whether the last verdict was that the rollout ends, by whatever limit."""
        return bool(self._read()["stopped"])

    def closed(self) -> dict[str, Any] | None:
        """Why the last batch has ended the rollout; ``None`` where it has not."""
        return dict(self._read()["closed"]) if self._read()["closed"] else None

    def is_open(self) -> bool:
        """Whether PBXs have come in on which there was no verdict yet: they were worked on one by one."""
        return bool(self._read()["batch"])

    def _read(self) -> dict[str, Any]:
        return dict(self._store.get(_KIND, "") or {"batch": {}, "reached": [], "closed": None, "stopped": False})


def _names(hosts: Sequence[str]) -> str:
    return listed(hosts, MOST_NAMES) or "none"
