# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""The five verdicts a PBX can get: their order, their names for people, and what to do when nothing better is known."""

from __future__ import annotations

import shlex

COMPLIANT = "compliant"
DRIFTED = "drifted"
FAILED = "failed"
UNREACHABLE = "unreachable"
UNLICENSED = "unlicensed"

# The order of the summary in every format.
VERDICTS: tuple[str, ...] = (COMPLIANT, DRIFTED, FAILED, UNREACHABLE, UNLICENSED)

# Worst first. A run that failed half way hides whatever else is wrong, so it outranks a finding that was seen.
WORST_FIRST: tuple[str, ...] = (FAILED, UNREACHABLE, UNLICENSED, DRIFTED, COMPLIANT)
SEVERITY: dict[str, int] = {verdict: len(WORST_FIRST) - rank for rank, verdict in enumerate(WORST_FIRST)}

# Only these verdicts say that every setting was looked at: about the others nothing can be said setting by setting.
OBSERVED = frozenset((COMPLIANT, DRIFTED))

LABELS: dict[str, str] = {
    COMPLIANT: "Compliant",
    DRIFTED: "Drifted",
    FAILED: "Failed",
    UNREACHABLE: "Unreachable",
    UNLICENSED: "Unlicensed",
}

MEANINGS: dict[str, str] = {
    COMPLIANT: "everything that was checked is as the inventory wants it",
    DRIFTED: "something differs from what the inventory wants",
    FAILED: "the check itself ended with an error",
    UNREACHABLE: "the PBX, or its Entra tenant, did not answer",
    UNLICENSED: "the license does not include what the inventory wants",
}

_REASONS: dict[str, str] = {
    COMPLIANT: "",
    DRIFTED: "The PBX differs from what the inventory wants.",
    FAILED: "The check ended with an error that gave no message.",
    UNREACHABLE: "The PBX could not be reached and gave no message.",
    UNLICENSED: "The license of the PBX or of the tenant does not include what the inventory wants.",
}

_CHECK_AGAIN = "Then check this PBX alone: ansible-playbook tcx.m365.compliance --limit {host}"

_REMEDIES: dict[str, tuple[str, ...]] = {
    COMPLIANT: (),
    DRIFTED: (
        "To make the PBX follow the inventory: ansible-playbook tcx.m365.rollout --limit {host}",
        "If the PBX is right and the inventory is not, correct the inventory instead.",
    ),
    FAILED: ("Remove the cause that the reason names.", _CHECK_AGAIN),
    UNREACHABLE: (
        "See that the address is right, that the PBX runs, and that its HTTPS port is open to the controller.",
        _CHECK_AGAIN,
    ),
    UNLICENSED: (
        "Upgrade the license, or take the feature out of the inventory of this PBX.",
        _CHECK_AGAIN,
    ),
}


def check_verdict(verdict: str) -> str:
    """The verdict itself; ValueError when it is none of the five."""
    if verdict not in SEVERITY:
        raise ValueError(f"'{verdict}' is no verdict of a compliance report: expected one of {', '.join(VERDICTS)}.")
    return verdict


def worst(verdicts: list[str]) -> str:
    """The verdict that outranks the others; `compliant` for an empty list."""
    return max(verdicts, key=SEVERITY.__getitem__, default=COMPLIANT)


def default_reasons(verdict: str) -> list[str]:
    """One sentence for a PBX that is not compliant and came without a reason."""
    return [_REASONS[verdict]] if _REASONS[verdict] else []


def default_remedies(verdict: str, host: str) -> list[str]:
    """What to do about the verdict when the check itself had no advice. The host name is quoted for a shell."""
    return [remedy.format(host=shlex.quote(host)) for remedy in _REMEDIES[verdict]]
