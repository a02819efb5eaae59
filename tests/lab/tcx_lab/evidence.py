# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How sure we are of what the lab does: grades of evidence, and switches for what nobody outside 3CX and Microsoft can know.

Every behavior says its grade, either with the decorator `evidence` (functions) or in the metadata of a switch. A test that
depends on an assumed behavior runs with every position of its switch.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar


class Grade(StrEnum):
    """Where a behavior of the lab comes from, best first."""

    DOCUMENTED = "documented"  # the vendor's documentation or published API description says so
    RECORDED = "recorded"  # seen in traffic that somebody recorded against the real service
    OBSERVED = "observed"  # written down by somebody who ran it on the real thing
    ASSUMED = "assumed"  # our inference; must have a switch when something depends on it


@dataclass(frozen=True)
class Evidence:
    """One graded statement about the real services. `source` names a publication, never a file of this machine."""

    behavior: str
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
    """Positions of the lab's assumed behaviors, changed with `PATCH /_lab/switches` or `--switch NAME=VALUE`."""

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

    replication_flapping: bool = switch(
        False,
        "during the lag each read sees the old or the new state by chance (different replicas)",
        grade=Grade.OBSERVED,
        choices=(True, False),
    )
    duplicate_assignment_wording: str = switch(
        "permission",
        "error of an app role assignment that exists: 'Permission being assigned already exists on the object' or "
        "'EntitlementGrant entry already exists.'",
        grade=Grade.OBSERVED,
        choices=("permission", "entitlement"),
    )
    kept_key_must_be_complete: bool = switch(
        True,
        "a kept keyCredentials entry that lost a property counts as changed and is refused",
        grade=Grade.OBSERVED,
        choices=(True, False),
    )
    unique_name_immutable: bool = switch(
        True, "uniqueName can be set once on an application and not changed afterwards", choices=(True, False)
    )
    application_tags_reach_service_principal: bool = switch(
        True,
        "tags of an application also show on its service principal",
        grade=Grade.DOCUMENTED,
        choices=(True, False),
    )
    restore_needs_directory_role: bool = switch(
        False,
        "restoring a deleted application app-only needs an Entra role beside the Graph permission",
        grade=Grade.DOCUMENTED,
        choices=(True, False),
    )
    throttle_resource_units: int = switch(
        0,
        "resource units per 10 s, application and tenant before 429 (0: no limit; the real ones: 3500, 5000, 8000)",
        grade=Grade.DOCUMENTED,
    )
    throttle_writes: int = switch(
        0,
        "writes per 150 s, application and tenant before 429 (0: no limit; the real one: 3000)",
        grade=Grade.DOCUMENTED,
    )
    default_page_size: int = switch(100, "objects in a page of a list without $top")

    # --- Entra (owned by entra/) ---------------------------------------------------------------------------------------
    token_lifetime: int = switch(3599, "seconds until an access token of Entra ends", grade=Grade.RECORDED)
    error_line_breaks: bool = switch(
        True,
        r"AADSTS descriptions separate Trace ID, Correlation ID and Timestamp by \r\n (newer endpoints: by spaces)",
        grade=Grade.OBSERVED,
        choices=(True, False),
    )

    conditional_access_blocks: str = switch(
        "", "client id that Conditional Access refuses with AADSTS53003 ('*': every one; error value assumed)"
    )
    consent_required: bool = switch(
        False,
        "a user is asked for consent (AADSTS65001 when silent) unless the tenant granted the delegated permissions",
        choices=(True, False),
    )
    user_consent: bool = switch(
        True,
        "users may consent for themselves; if not, they are shown that an administrator must (AADSTS90094)",
        grade=Grade.DOCUMENTED,
        choices=(True, False),
    )
    silent_consent_first: bool = switch(
        False,
        "with prompt=none a missing consent is told before that nobody is signed in (AADSTS50058)",
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
    xapi_licence: str = switch(
        "open",
        "below Enterprise 8SC XAPI works, its tokens are refused, or every call is forbidden",
        choices=("open", "no_token", "forbidden"),
    )
    system_admins_m365: bool = switch(
        False, "the role system_admins may use the Microsoft 365 integration", choices=(True, False)
    )
    bad_literal: str = switch(
        "server_error",
        "an enum member or date that does not exist: 500 with an empty body, or the delta error",
        grade=Grade.OBSERVED,
        choices=("server_error", "delta"),
    )
    annotations_refused: bool = switch(
        True,
        "a body with @odata.context is refused like any unknown property",
        grade=Grade.OBSERVED,
        choices=(True, False),
    )
    unset_ids: str = switch(
        "empty", "ApplicationId and TenantId of an unlinked PBX are empty or left out", choices=("empty", "omitted")
    )
    page_limit: int = switch(0, "entities in a listing without $top (0: all)")
    second_factor_status: str = switch("TFARequested", "Status of a sign-in that lacks its security code")
    admin_token_rotates: bool = switch(
        True, "a refresh token is replaced when it is used", grade=Grade.OBSERVED, choices=(True, False)
    )
    duplicated_emails: str = switch(
        "several",
        "GetDuplicatedEmails returns addresses of several users, or of any user",
        choices=("several", "any"),
    )
    selected_users: str = switch(
        "id", "SelectedUsers holds Entra object ids alone, or principal names too", choices=("id", "any")
    )
    sync_match: str = switch(
        "upn",
        "what a user is mapped by to the e-mail of an extension that exists",
        grade=Grade.OBSERVED,
        choices=("upn", "mail"),
    )
    sync_polls: int = switch(0, "listings of users between saving and the users being there")
    sync_interval: float = switch(60.0, "seconds of lab time between syncs while change notifications reach the PBX")
    office_phone: str = switch(
        "caller_id",
        "where a synced office phone number goes: OutboundCallerID, or the extension number",
        choices=("caller_id", "extension"),
    )
    m365_error_status: int = switch(400, "HTTP status of M365 actions that Microsoft refuses", choices=(400, 500))
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


def all_statements() -> list[Evidence]:
    """`statements` after importing all services, best graded first."""
    for package in ("entra", "graph", "pbx"):
        importlib.import_module(f"tcx_lab.{package}")
    order = list(Grade)
    return sorted(statements(), key=lambda each: (order.index(each.grade), each.behavior))
