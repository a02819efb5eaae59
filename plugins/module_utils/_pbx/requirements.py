# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PBX cannot do for its release or its license: decided before anything is written, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._common.option_names import marked
from .._errors import BadInput, M365Error, Unlicensed, Unsupported
from .facts import Facts
from .properties import BY_OPTION, FLAG, GROUPS, Property
from .version import Release

TEAMS_LEAST_CALLS = 16
"""Direct Routing needs an Enterprise license of this size (documented: 3CX's manual)."""


def applicable(desired: Mapping[str, Any], release: Release) -> dict[str, Any]:
    """What is wanted, without what is switched off here and does not exist there: it is as desired already."""
    return {option: value for option, value in desired.items() if value or release >= BY_OPTION[option].since}


def check(desired: Mapping[str, Any], facts: Facts, *, url: str = "") -> None:
    """Raise one error that names every option this PBX cannot have.

    :raises Unlicensed: the edition lacks something (also when the release lacks something else).
    :raises Unsupported: the release lacks something.
    :raises BadInput: an extension number of the wrong length.
    """
    lacking = [text for option, value in desired.items() for text in _lacking(BY_OPTION[option], value, facts.release)]
    unpaid = [text for option, value in desired.items() for text in _unpaid(BY_OPTION[option], value, facts)]
    error: M365Error | None = None
    if unpaid:
        message = f"the license of this PBX is {facts.license.label}, and {'; '.join(unpaid)}"
        also = f"; besides, it runs {facts.version}, and {'; '.join(lacking)}" if lacking else ""
        error = Unlicensed(message + also, remedy="Upgrade the license, or leave these settings off for this PBX.")
    elif lacking:
        error = Unsupported(
            f"this PBX runs {facts.version}, and {'; '.join(lacking)}",
            remedy="Update the PBX, or leave these settings out for it.",
        )
    if error is not None:
        raise error.while_trying("prepare the Microsoft 365 settings; nothing was written", url)
    _check_number(desired.get("user_sync.starting_extension"), facts)


def check_groups(desired: Mapping[str, Any], present: Iterable[str]) -> None:
    """Raise :class:`BadInput` where the members of groups are to be synchronized, and no group is named. A synchronization that
    is switched off needs none.

    :param present: the groups that the PBX has, and that stay.
    """
    scope = desired.get("user_sync.scope") if desired.get("user_sync.enabled") is not False else None
    if scope == GROUPS and not (desired.get("user_sync.groups") or [*present]):
        raise BadInput(
            "O(user_sync.scope) is groups, and O(user_sync.groups) names none, so that nobody would be synchronized",
            tried="prepare the Microsoft 365 settings; nothing was written",
            remedy="Name the groups, or choose another scope.",
        )


def _lacking(setting: Property, value: Any, release: Release) -> list[str]:
    lacking = []
    if release < setting.since and value:
        lacking.append(f"{marked(setting.option)} needs {setting.since}")
    first = setting.values_since.get(value) if isinstance(value, str) else None
    if first is not None and release < first:
        lacking.append(f"{marked(setting.option)}: {value} needs {first}")
    return lacking


def _unpaid(setting: Property, value: Any, facts: Facts) -> list[str]:
    edition = facts.license.edition
    if setting.edition is None or edition is None or not value:
        return []
    if edition < setting.edition:
        return [f"{marked(setting.option)} needs {setting.edition.label}"]
    calls = facts.license.simultaneous_calls
    if setting.option == "teams.enabled" and setting.kind == FLAG and calls is not None and calls < TEAMS_LEAST_CALLS:
        return [f"{marked(setting.option)} needs {TEAMS_LEAST_CALLS} simultaneous calls (this one has {calls})"]
    return []


def _check_number(number: str | None, facts: Facts) -> None:
    if not number or facts.number_length is None:
        return
    shortest, longest = facts.number_length
    if not shortest <= len(number) <= longest:
        digits = str(shortest) if shortest == longest else f"{shortest} to {longest}"
        raise BadInput(
            f"O(user_sync.starting_extension) {number!r} has {len(number)} digits; extension numbers of this PBX have {digits}",
            remedy="Give the first number of a free range of that length, in quotes: YAML changes a number with a leading "
            "zero (0200 becomes 128).",
        )
