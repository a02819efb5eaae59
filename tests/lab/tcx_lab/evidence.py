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
    name: str = ""  # of the switch, or of the question in a record, that the statement is about


EVIDENCE: list[Evidence] = []
_UNKNOWN = "nobody has published it"

_Function = TypeVar("_Function", bound=Callable[..., Any])


def evidence(grade: Grade, source: str) -> Callable[[_Function], _Function]:
    """Mark a function of the lab with the grade of what it imitates; `python -m tcx_lab --evidence` lists them all."""

    def mark(function: _Function) -> _Function:
        first_line = (function.__doc__ or function.__name__).strip().splitlines()[0]
        EVIDENCE.append(Evidence(first_line, grade, source))
        return function

    return mark


def switch(
    about: str, *, grade: Grade = Grade.ASSUMED, source: str = "", choices: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """What a field of `Switches` says of itself: `choices` are its positions (empty: any value).

    The grade, and its `source` (a link, or the name of a recording), are those of the default. Where nothing decides, the
    default is the position that is harder on a client.
    """
    return {"about": about, "grade": grade, "source": source or _UNKNOWN, "choices": choices}


def is_exactly(value: Any, kind: type) -> bool:
    """Whether a value that came in JSON is of that type: `true` is no number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


@dataclass
class Switches:
    """Positions of the lab's assumed behaviors, changed with `PATCH /_lab/switches` or `--switch NAME=VALUE`."""

    # --- Graph store (owned by graph/) ---------------------------------------------------------------------------------
    replication_lag: float = field(
        default=0.0,
        metadata=switch("seconds of lab time until a write is seen by reads, references and token requests"),
    )
    replication_reads: int = field(
        default=0, metadata=switch("number of reads of an object that still see the state before its last write")
    )
    upsert_supported: bool = field(
        default=True,
        metadata=switch(
            "PATCH /applications(uniqueName='..') exists (older documentation: public cloud only)",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/api/application-upsert",
            choices=(True, False),
        ),
    )
    complex_patch_merges: bool = field(
        default=True,
        metadata=switch(
            "a nested property that a PATCH of `web` or `api` leaves out keeps its value", choices=(True, False)
        ),
    )
    expired_key_blocks_patch: bool = field(
        default=False,
        metadata=switch(
            "PATCH keyCredentials that keeps an expired entry is refused with KeyCredentialsInvalidEndDate",
            grade=Grade.OBSERVED,
            source="one public report: an entry that has expired fails the PATCH that keeps it",
            choices=(True, False),
        ),
    )
    restore_restores_service_principal: bool = field(
        default=False,
        metadata=switch(
            "restoring an application also restores its service principal",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/api/directory-deleteditems-restore",
            choices=(True, False),
        ),
    )
    restored_principal_keeps_grants: bool = field(
        default=False,
        metadata=switch(
            "what a service principal was granted is there again when it is restored", choices=(True, False)
        ),
    )
    duplicate_assignment_status: int = field(
        default=400, metadata=switch("HTTP status for an app role assignment that exists", choices=(400, 409))
    )
    redirect_uris_order_kept: bool = field(
        default=False,
        metadata=switch(
            "redirect URIs are read in the order they were written",
            grade=Grade.RECORDED,
            source=(
                "https://github.com/Azure/azure-cli/blob/2b2fc6d8abfa/src/azure-cli/azure/cli/command_modules/role/tests/"
                "latest/recordings/test_app_scenario.yaml"
            ),
            choices=(True, False),
        ),
    )

    replication_flapping: bool = field(
        default=False,
        metadata=switch(
            "during the lag each read sees the old or the new state by chance (different replicas)",
            grade=Grade.OBSERVED,
            source="hashicorp/terraform-provider-azuread waits for several equal reads in succession (its source)",
            choices=(True, False),
        ),
    )
    duplicate_assignment_wording: str = field(
        default="permission",
        metadata=switch(
            "error of an app role assignment that exists: 'Permission being assigned already exists on the object' or "
            "'EntitlementGrant entry already exists.'",
            grade=Grade.OBSERVED,
            source="https://github.com/microsoftgraph/msgraph-bicep-types/issues/161",
            choices=("permission", "entitlement"),
        ),
    )
    kept_key_must_be_complete: bool = field(
        default=True,
        metadata=switch(
            "a kept keyCredentials entry that lost a property counts as changed and is refused",
            grade=Grade.OBSERVED,
            source=(
                "https://github.com/microsoftgraph/msgraph-sdk-java/issues/1823 and "
                "https://github.com/Azure/azure-powershell/issues/6219"
            ),
            choices=(True, False),
        ),
    )
    unique_name_immutable: bool = field(
        default=True,
        metadata=switch(
            "uniqueName can be set once on an application and not changed afterwards",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/api/resources/application",
            choices=(True, False),
        ),
    )
    application_tags_reach_service_principal: bool = field(
        default=True,
        metadata=switch(
            "tags of an application also show on its service principal",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/api/resources/application",
            choices=(True, False),
        ),
    )
    restore_needs_directory_role: bool = field(
        default=False,
        metadata=switch(
            "restoring a deleted application app-only needs an Entra role beside the Graph permission",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/api/directory-deleteditems-restore",
            choices=(True, False),
        ),
    )
    users_may_register_applications: bool = field(
        default=True,
        metadata=switch(
            "a person without a role may register applications (authorizationPolicy, allowedToCreateApps)",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/entra/identity/role-based-access-control/delegate-app-roles",
            choices=(True, False),
        ),
    )
    throttle_resource_units: int = field(
        default=0,
        metadata=switch(
            "resource units per 10 s, application and tenant before 429 (0: no limit; the real ones: 3500, 5000, 8000)",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/throttling-limits",
        ),
    )
    throttle_writes: int = field(
        default=0,
        metadata=switch(
            "writes per 150 s, application and tenant before 429 (0: no limit; the real one: 3000)",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/throttling-limits",
        ),
    )
    concurrent_writes: str = field(
        default="serialized",
        metadata=switch(
            "two writes to one directory object within a second: carried out one after the other, or the second is refused "
            "once with 409 or 503 Directory_ConcurrencyViolation",
            choices=("serialized", "409", "503"),
            grade=Grade.OBSERVED,
            source="https://github.com/nais/azurerator/issues/448 (409), https://github.com/Azure/azure-cli/issues/23081 (503): "
            "both now and then, so that neither is the default",
        ),
    )
    default_page_size: int = field(
        default=100,
        metadata=switch(
            "objects in a page of a list without $top",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/graph/paging",
        ),
    )

    # --- Entra (owned by entra/) ---------------------------------------------------------------------------------------
    token_lifetime: int = field(
        default=3599,
        metadata=switch(
            "seconds until an access token of Entra ends",
            grade=Grade.OBSERVED,
            source=(
                "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow "
                "(3599 in the example; "
                "https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime says 60 "
                "to 90 minutes)"
            ),
        ),
    )
    error_line_breaks: bool = field(
        default=True,
        metadata=switch(
            r"AADSTS descriptions separate Trace ID, Correlation ID and Timestamp by \r\n (newer endpoints: by spaces)",
            grade=Grade.OBSERVED,
            source="https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application",
            choices=(True, False),
        ),
    )

    conditional_access_blocks: str = field(
        default="",
        metadata=switch(
            "client id that Conditional Access refuses with AADSTS53003 ('*': every one; error value assumed)"
        ),
    )
    consent_required: bool = field(
        default=False,
        metadata=switch(
            "a user is asked for consent (AADSTS65001 when silent) unless the tenant granted the delegated permissions",
            choices=(True, False),
        ),
    )
    user_consent: bool = field(
        default=True,
        metadata=switch(
            "users may consent for themselves; if not, they are shown that an administrator must (AADSTS90094)",
            grade=Grade.DOCUMENTED,
            source="https://learn.microsoft.com/entra/identity/enterprise-apps/configure-user-consent",
            choices=(True, False),
        ),
    )
    silent_consent_first: bool = field(
        default=False,
        metadata=switch(
            "with prompt=none a missing consent is told before that nobody is signed in (AADSTS50058)",
            choices=(True, False),
        ),
    )

    partner_center_errors: str = field(
        default="coded",
        metadata=switch(
            "body of a refusal of Partner Center: code and description, an error object as Graph's, or nothing",
            choices=("coded", "nested", "empty"),
        ),
    )
    partner_center_mfa_status: int = field(
        default=403,
        metadata=switch("HTTP status of Partner Center for a token without a second factor", choices=(401, 403)),
    )
    partner_center_exists_status: int = field(
        default=400,
        metadata=switch(
            "HTTP status of 'Permission entry already exists' (the text: https://github.com/KelvinTegelaar/CIPP-API, "
            "Set-CIPPCPVConsent)",
            choices=(400, 409),
        ),
    )
    partner_center_removes: str = field(
        default="service_principal",
        metadata=switch(
            "what DELETE of an application's consent takes away at the customer: the enterprise application, or its "
            "delegated grants alone",
            grade=Grade.OBSERVED,
            source="https://github.com/KelvinTegelaar/CIPP-API, Set-CIPPCPVConsent",
            choices=("service_principal", "grants"),
        ),
    )
    partner_without_access: int = field(
        default=50020,
        metadata=switch(
            "AADSTS code for a partner's person whom no relationship gives a role in the customer's tenant",
            choices=(50020, 65001),
        ),
    )
    partner_without_principal: int = field(
        default=65001,
        metadata=switch(
            "AADSTS code for a partner's person where the application has no service principal in the customer's tenant",
            choices=(65001, 700016, 90099),
        ),
    )

    # --- PBX (owned by pbx/) -------------------------------------------------------------------------------------------
    ad_users_patch: str = field(
        default="replace",
        metadata=switch(
            "PATCH of a nested complex property (AdUsers) replaces or merges it", choices=("replace", "merge")
        ),
    )
    token_scope: str = field(
        default="client",
        metadata=switch("one active access token per XAPI client or per PBX", choices=("client", "pbx")),
    )
    token_rule: str = field(
        default="newest_wins",
        metadata=switch(
            "a second token revokes the first, or its request is refused", choices=("newest_wins", "refuse_second")
        ),
    )
    token_error_status: int = field(
        default=400, metadata=switch("HTTP status of /connect/token for a wrong secret", choices=(400, 401))
    )
    bad_secret_counts: bool = field(
        default=True, metadata=switch("a wrong client secret counts for the anti-hacking block", choices=(True, False))
    )
    block_after: int = field(
        default=3,
        metadata=switch(
            "failed sign-ins of one address until it is blocked",
            source=(
                'https://help.3cx.com/kb/en-us/16-for-customers/224-i-blacklisted-the-ip-address-of-my-management-console says "more than 3" of a V16 console; '
                "three is harder on a client"
            ),
        ),
    )
    block_symptom: str = field(
        default="forbidden", metadata=switch("how a blocked address is treated", choices=("forbidden", "refused"))
    )
    forbidden_body: str = field(
        default="empty", metadata=switch("body of 403 for a missing role", choices=("empty", "odata"))
    )
    xapi_licence: str = field(
        default="no_token",
        metadata=switch(
            "below Enterprise 8SC XAPI works, its tokens are refused, or every call is forbidden",
            grade=Grade.DOCUMENTED,
            source=(
                'https://github.com/3cx/xapi-tutorial, README: "You must have a 3CX Enterprise license" '
                "(how it refuses: assumed)"
            ),
            choices=("open", "no_token", "forbidden"),
        ),
    )
    system_admins_m365: bool = field(
        default=False,
        metadata=switch("the role system_admins may use the Microsoft 365 integration", choices=(True, False)),
    )
    bad_literal: str = field(
        default="server_error",
        metadata=switch(
            "an enum member or date that does not exist: 500 with an empty body, or the delta error",
            grade=Grade.OBSERVED,
            source="public clients of XAPI 20.0.8 and 20.0.9",
            choices=("server_error", "delta"),
        ),
    )
    annotations_refused: bool = field(
        default=True,
        metadata=switch(
            "a body with @odata.context is refused like any unknown property",
            grade=Grade.OBSERVED,
            source="public clients of XAPI 20.0.8 and 20.0.9",
            choices=(True, False),
        ),
    )
    unset_ids: str = field(
        default="empty",
        metadata=switch(
            "ApplicationId and TenantId of an unlinked PBX are empty or left out", choices=("empty", "omitted")
        ),
    )
    page_limit: int = field(default=0, metadata=switch("entities in a listing without $top (0: all)"))
    second_factor_status: str = field(
        default="TFARequested", metadata=switch("Status of a sign-in that lacks its security code")
    )
    admin_token_rotates: bool = field(
        default=True,
        metadata=switch(
            "a refresh token is replaced when it is used",
            grade=Grade.OBSERVED,
            source="https://github.com/matthttam/3cx_sync",
            choices=(True, False),
        ),
    )
    duplicated_emails: str = field(
        default="several",
        metadata=switch(
            "GetDuplicatedEmails returns addresses of several users, or of any user", choices=("several", "any")
        ),
    )
    selected_users: str = field(
        default="id",
        metadata=switch("SelectedUsers holds Entra object ids alone, or principal names too", choices=("id", "any")),
    )
    sync_match: str = field(
        default="upn",
        metadata=switch(
            "what a user is mapped by to the e-mail of an extension that exists",
            grade=Grade.OBSERVED,
            source="a 3CX reseller's manual: a user whose UPN is no extension's e-mail gets a new extension",
            choices=("upn", "mail"),
        ),
    )
    sync_polls: int = field(default=0, metadata=switch("listings of users between saving and the users being there"))
    sync_interval: float = field(
        default=60.0, metadata=switch("seconds of lab time between syncs while change notifications reach the PBX")
    )
    office_phone: str = field(
        default="caller_id",
        metadata=switch(
            "where a synced office phone number goes: OutboundCallerID, or the extension number",
            choices=("caller_id", "extension"),
        ),
    )
    m365_error_status: int = field(
        default=400, metadata=switch("HTTP status of M365 actions that Microsoft refuses", choices=(400, 500))
    )
    script_answer: str = field(
        default="file",
        metadata=switch(
            "what GetDialPlanScript and GetMapUsersScript answer (described as JSON of an IActionResult): the file, or "
            "JSON with the text in it",
            choices=("file", "json"),
        ),
    )
    sync_on_save: bool = field(
        default=True, metadata=switch("saving the Microsoft 365 settings starts a user sync", choices=(True, False))
    )
    sync_delay: float = field(
        default=0.0, metadata=switch("seconds of lab time between saving and the users being there")
    )

    def update(self, changes: dict[str, Any]) -> None:
        """Set switches by name. Raises ValueError for an unknown name, a wrong type or a position that does not exist."""
        known = {setting.name: setting for setting in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; there are: {', '.join(sorted(known))}")
            setattr(self, name, _position(known[name], value))

    def as_dict(self) -> dict[str, Any]:
        """Positions by name."""
        return dataclasses.asdict(self)


def _position(setting: dataclasses.Field[Any], value: Any) -> Any:
    kind = type(setting.default)
    if kind is float and is_exactly(value, int):
        value = float(value)
    if not is_exactly(value, kind):
        raise ValueError(f"switch {setting.name} takes {kind.__name__}, not {type(value).__name__}")
    choices = setting.metadata["choices"]
    if choices and value not in choices:
        raise ValueError(f"switch {setting.name} has the positions {choices}, not {value!r}")
    return value


def statements() -> list[Evidence]:
    """All graded statements known so far: the decorated functions that were imported, and the switches."""
    switches = [
        Evidence(
            f"switch {setting.name}: {setting.metadata['about']}",
            setting.metadata["grade"],
            setting.metadata["source"],
            setting.name,
        )
        for setting in dataclasses.fields(Switches)
    ]
    return [*EVIDENCE, *switches]


def all_statements() -> list[Evidence]:
    """`statements` after importing all services, with the grades that records raise, best graded first."""
    from tcx_lab import records  # it builds on this module

    for package in ("entra", "graph", "pbx"):
        importlib.import_module(f"tcx_lab.{package}")
    order = list(Grade)
    return sorted(
        records.raised(statements(), records.read_all()),
        key=lambda statement: (order.index(statement.grade), statement.behavior),
    )
