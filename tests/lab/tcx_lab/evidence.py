# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How sure we are of what the lab does: grades of evidence, and switches for what nobody outside 3CX and Microsoft can know.

Every behaviour says its grade, either with the decorator `evidence` (functions) or in the metadata of a switch. A test that
depends on an assumed behaviour runs with every position of its switch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar


class Grade(StrEnum):
    """Where a behaviour of the lab comes from, best first."""

    DOCUMENTED = "documented"  # the vendor's documentation or published API description says so
    RECORDED = "recorded"  # seen in traffic that somebody recorded against the real service
    OBSERVED = "observed"  # written down by somebody who ran it on the real thing
    ASSUMED = "assumed"  # our inference; must have a switch when something depends on it


@dataclass(frozen=True)
class Evidence:
    """One graded statement about the real services. `source` names a publication, never a file of this machine."""

    behaviour: str
    grade: Grade
    source: str


EVIDENCE: list[Evidence] = []

_Function = TypeVar("_Function", bound=Callable[..., Any])


def evidence(grade: Grade, source: str) -> Callable[[_Function], _Function]:
    """Mark a function of the lab with the grade of what it imitates; `python -m tcx_lab --evidence` lists them all."""

    def mark(function: _Function) -> _Function:
        first_line = (function.__doc__ or function.__name__).strip().splitlines()[0]
        EVIDENCE.append(Evidence(first_line, grade, source))
        return function

    return mark


def switch(default: Any, about: str, *, grade: Grade = Grade.ASSUMED, choices: tuple[Any, ...] = ()) -> Any:
    """A field of `Switches`: its default is what we think most likely; `choices` are its positions (empty: any value)."""
    return field(default=default, metadata={"about": about, "grade": grade, "choices": choices})


@dataclass
class Switches:
    """Positions of the lab's assumed behaviours, changed with `PATCH /_lab/switches` or `--switch NAME=VALUE`."""

    # --- Graph store (owned by graph/) ---------------------------------------------------------------------------------
    replication_lag: float = switch(
        0.0, "seconds of lab time until a write is seen by reads, references and token requests"
    )
    replication_reads: int = switch(0, "number of reads of an object that still see the state before its last write")
    upsert_supported: bool = switch(
        True,
        "PATCH /applications(uniqueName='..') exists (older documentation: public cloud only)",
        choices=(True, False),
    )
    complex_patch_merges: bool = switch(
        True, "a nested property that a PATCH of `web` or `api` leaves out keeps its value", choices=(True, False)
    )
    expired_key_blocks_patch: bool = switch(
        False,
        "PATCH keyCredentials that keeps an expired entry is refused with KeyCredentialsInvalidEndDate",
        grade=Grade.OBSERVED,
        choices=(True, False),
    )
    restore_restores_service_principal: bool = switch(
        False, "restoring an application also restores its service principal", choices=(True, False)
    )
    duplicate_assignment_status: int = switch(
        400, "HTTP status for an app role assignment that exists", choices=(400, 409)
    )
    redirect_uris_order_kept: bool = switch(
        True, "redirect URIs are read in the order they were written", choices=(True, False)
    )

    # --- Entra (owned by entra/) ---------------------------------------------------------------------------------------
    token_lifetime: int = switch(3599, "seconds until an access token of Entra ends", grade=Grade.RECORDED)
    error_line_breaks: bool = switch(
        True,
        r"AADSTS descriptions separate Trace ID, Correlation ID and Timestamp by \r\n (newer endpoints: by spaces)",
        grade=Grade.OBSERVED,
        choices=(True, False),
    )

    # --- PBX (owned by pbx/) -------------------------------------------------------------------------------------------
    ad_users_patch: str = switch(
        "replace", "PATCH of a nested complex property (AdUsers) replaces or merges it", choices=("replace", "merge")
    )
    token_scope: str = switch("client", "one active access token per XAPI client or per PBX", choices=("client", "pbx"))
    token_rule: str = switch(
        "newest_wins",
        "a second token revokes the first, or its request is refused",
        choices=("newest_wins", "refuse_second"),
    )
    token_error_status: int = switch(400, "HTTP status of /connect/token for a wrong secret", choices=(400, 401))
    bad_secret_counts: bool = switch(
        True, "a wrong client secret counts for the anti-hacking block", choices=(True, False)
    )
    block_after: int = switch(3, "failed sign-ins of one address until it is blocked", grade=Grade.DOCUMENTED)
    block_symptom: str = switch("forbidden", "how a blocked address is treated", choices=("forbidden", "refused"))
    forbidden_body: str = switch("empty", "body of 403 for a missing role", choices=("empty", "odata"))
    sync_on_save: bool = switch(True, "saving the Microsoft 365 settings starts a user sync", choices=(True, False))
    sync_delay: float = switch(0.0, "seconds of lab time between saving and the users being there")

    def update(self, changes: dict[str, Any]) -> None:
        """Set switches by name. Raises ValueError for an unknown name, a wrong type or a position that does not exist."""
        known = {each.name: each for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; there are: {', '.join(sorted(known))}")
            setattr(self, name, _position(known[name], value))

    def as_dict(self) -> dict[str, Any]:
        """Positions by name."""
        return dataclasses.asdict(self)


def _position(each: dataclasses.Field[Any], value: Any) -> Any:
    wanted = type(each.default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not wanted:
        raise ValueError(f"switch {each.name} takes {wanted.__name__}, not {type(value).__name__}")
    choices = each.metadata["choices"]
    if choices and value not in choices:
        raise ValueError(f"switch {each.name} has the positions {choices}, not {value!r}")
    return value


def statements() -> list[Evidence]:
    """All graded statements known so far: the decorated functions that were imported, and the switches."""
    switches = [
        Evidence(f"switch {each.name}: {each.metadata['about']}", each.metadata["grade"], "switch")
        for each in dataclasses.fields(Switches)
    ]
    return [*EVIDENCE, *switches]
