# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdicts a PBX can get: their order, their names for people, and what to do when nothing better is known."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._wording import totals

COMPLIANT = "compliant"
ATTENTION = "attention"
DRIFTED = "drifted"
BROKEN = "broken"
FAILED = "failed"
UNREACHABLE = "unreachable"
UNLICENSED = "unlicensed"

# The order of the summary in every format.
VERDICTS: tuple[str, ...] = (COMPLIANT, ATTENTION, DRIFTED, BROKEN, FAILED, UNREACHABLE, UNLICENSED)

# Worst first, for sorting: what could not be checked may hide anything, an outage that was seen is one.
WORST_FIRST: tuple[str, ...] = (FAILED, UNREACHABLE, BROKEN, UNLICENSED, DRIFTED, ATTENTION, COMPLIANT)
SEVERITY: dict[str, int] = {verdict: len(WORST_FIRST) - rank for rank, verdict in enumerate(WORST_FIRST)}

# Only these verdicts say that every setting was read: about the others nothing can be said setting by setting.
OBSERVED = frozenset((COMPLIANT, ATTENTION, DRIFTED, BROKEN))

# What the check could not find out.
UNKNOWN = frozenset((FAILED, UNREACHABLE))

# Every setting has its desired value, whatever else there is to say.
AS_DESIRED = frozenset((COMPLIANT, ATTENTION))

LABELS: dict[str, str] = {verdict: verdict.capitalize() for verdict in VERDICTS}

MEANINGS: dict[str, str] = {
    COMPLIANT: "everything that was checked has its desired value",
    ATTENTION: "every setting has its desired value, but something expires, is foreign or is unknown",
    DRIFTED: "something differs from the inventory",
    BROKEN: "the settings are as desired, and Microsoft 365 does not work on the PBX",
    FAILED: "the check could not be completed",
    UNREACHABLE: "the PBX, or its Entra tenant, did not answer, or its certificate could not be verified",
    UNLICENSED: "the license does not include what the inventory asks for",
}

_REASONS: dict[str, str] = {
    DRIFTED: "The PBX differs from the inventory.",
    BROKEN: "Microsoft 365 does not work on the PBX, although every setting is as desired.",
    FAILED: "The check failed without a message.",
    UNREACHABLE: "The PBX could not be reached and gave no message.",
    UNLICENSED: "The license of the PBX or of the tenant does not include what the inventory asks for.",
}

_CHECK_AGAIN = "Then check this PBX alone: {compliance}"

_REMEDIES: dict[str, tuple[str, ...]] = {
    DRIFTED: (
        "To make the PBX follow the inventory: {rollout}",
        "If the PBX is right and the inventory is not, correct the inventory instead.",
    ),
    BROKEN: ("Remove the cause that the PBX names.", _CHECK_AGAIN),
    FAILED: ("Remove the cause that the reason names.", _CHECK_AGAIN),
    UNREACHABLE: (
        "Check that the address is right, that the PBX is running, and that its HTTPS port is open to the controller.",
        _CHECK_AGAIN,
    ),
    UNLICENSED: ("Upgrade the license, or remove the feature from the inventory of this PBX.", _CHECK_AGAIN),
}


def check_verdict(verdict: str) -> str:
    """The verdict itself; ValueError when it is none of those above."""
    if verdict not in SEVERITY:
        raise ValueError(f"'{verdict}' is no verdict of a compliance report: expected one of {', '.join(VERDICTS)}.")
    return verdict


def summary(entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Number of PBXs in all and by verdict."""
    return totals((entry["verdict"] for entry in entries), VERDICTS)


def default_reasons(verdict: str) -> list[str]:
    """One sentence for a PBX that is not compliant and came without a reason."""
    return [_REASONS[verdict]] if verdict in _REASONS else []


def default_remedies(verdict: str, host: str, options: str | None = "") -> list[str]:
    """What to do about the verdict when the check itself had no advice.

    :param options: those of the command line that name the inventory and files of the run, quoted for a shell, such as
        ``-i inventory.yml``; ``None`` in a job of a controller, whose command line ends with it. The host name is quoted here.
    """
    runs = {name: _run(name, shlex.quote(host), options) for name in ("compliance", "rollout")}
    return [remedy.format(**runs) for remedy in _REMEDIES.get(verdict, ())]


def _run(name: str, host: str, options: str | None) -> str:
    if options is None:
        return f"launch the job template of tcx.m365.{name} with the limit {host}"
    return " ".join(filter(None, ("ansible-playbook", f"tcx.m365.{name}", options, "--limit", host)))
