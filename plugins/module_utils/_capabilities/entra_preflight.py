# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``entra_preflight``: can the caller do what a rollout will ask of the tenant?

A sign-in, the roles in the token, and the certificates themselves tell almost all of it. Only permissions that the operator
names himself are looked up in Graph, in one request for all tenants of a run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from .._common.dates import ahead, day, days_left, iso
from .._common.hosts import host_name
from .._common.ids import is_guid
from .._common.pem import NoFile
from .._common.text import shortened
from .._entra import rights
from .._entra.application import adoption
from .._entra.application import permissions as names
from .._entra.application.catalogs import Catalogs
from .._entra.application.certificates import (
    Certificate,
    PrivateKeyGiven,
    check_usable,
    normalized_thumbprint,
    parse_all,
)
from .._entra.tokens import Token
from .._errors import BadInput, M365Error
from .._pbx.key_pair import V18, V20, WHERE_TO_CLICK
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection
from ._application_trust import caller_of

ARGUMENT_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "mode": {"type": "str", "choices": ["auto", "create", "adopt"], "default": "auto"},
    "unique_name": {"type": "str"},
    "app_id": {"type": "str"},
    "pbx_app_id": {"type": "str"},
    "pbx": {"type": "str"},
    "pbx_names": {"type": "list", "elements": "str", "default": []},
    "pbx_tenant_id": {"type": "str"},
    "pbx_healthy": {"type": "bool", "default": False},
    "move_tenant": {"type": "bool", "default": False},
    "certificates": {"type": "list", "elements": "str"},
    "pbx_tls_thumbprint": {"type": "str"},
    "permissions": {"type": "list", "elements": "raw"},
    "delegated_permissions": {"type": "list", "elements": "raw"},
    "features": {"type": "list", "elements": "str", "choices": list(names.FEATURES)},
    "exclusive": {"type": "bool", "default": False},
    "grants": {"type": "bool", "default": True},
    "owners": {"type": "list", "elements": "str"},
    "users": {"type": "bool", "default": False},
    "writes": {"type": "bool"},
    "warning_days": {"type": "int", "default": 30},
}


def run(task: Task) -> Outcome:
    """Check, and decide how the application is found."""
    params = task.params
    now = dt.datetime.now(dt.timezone.utc)
    certificates = _certificates(params, now)
    requested = names.requested_by_options(params)
    client = _entra_connection.client(params, task.context)
    token = client.tokens.get()
    adoption.never((params["app_id"] or "").strip(), None, caller_of(client), token.tenant_id)
    left = check_tenant_move(
        params, token.tenant_id, lambda domain: _entra_connection.tenant_id_of(params, domain, task.context)
    )
    # What the PBX points to is in the tenant that it leaves.
    key = application_key({**params, "pbx_app_id": ""} if left else params)
    notes = [left] if left else []
    notes += _check_rights(
        token,
        writes=not task.check_mode if params["writes"] is None else params["writes"],
        grants=params["grants"],
        delegated=any(permission.kind == names.DELEGATED for permission in requested),
        exclusive=params["exclusive"],
        owners=bool(params["owners"]),
        users=params["users"],
    )
    Catalogs(client).check(requested)
    if not certificates and "app_id" not in key:
        notes.append(f"The application gets no certificate, so that the PBX cannot sign in with it. {WHERE_TO_CLICK}")
    notes += filter(None, (_expires_soon(certificate, now, params["warning_days"]) for certificate in certificates))
    for note in notes:
        task.context.warn(note)
    values = {
        "application": key,
        "tenant_id": token.tenant_id or params["tenant_id"] or "",
        "roles": sorted(token.roles),
        "app_only": token.app_only,
        "certificates": [_described(certificate, now) for certificate in certificates],
        "notes": notes,
    }
    return Outcome(values)


def application_key(params: Mapping[str, Any]) -> dict[str, Any]:
    """The options by which ``azure_app_registration`` finds the application, and what it may take for it.

    What the inventory states by id is taken; what the PBX or a name leads to is taken on evidence.

    :raises BadInput: nothing says which application is to be adopted.
    """
    mode, stated = params["mode"], (params["app_id"] or "").strip()
    pointed = "" if mode == "create" else (params["pbx_app_id"] or "").strip()
    if mode == "adopt" and not (stated or pointed):
        raise BadInput(
            "nothing says which application is to be adopted: the PBX points to none",
            tried="find the application",
            remedy="Give entra_app_app_id, or use entra_app_mode: auto or create.",
        )
    key: dict[str, Any] = {"pbx": params.get("pbx"), "pbx_names": params.get("pbx_names")}
    if stated:
        return _only_set({**key, "app_id": stated})
    key["require_evidence"] = True
    if mode != "adopt":
        key["unique_name"] = params["unique_name"]
    if pointed:
        key["app_id"] = pointed
        # A pointer that leads nowhere must not stop a rollout; one that cannot be followed in this tenant does.
        key["prefer"] = "app_id" if mode == "auto" and params["unique_name"] else None
        key["in_use"] = params.get("pbx_healthy") or None
    return _only_set(key)


def _only_set(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def check_tenant_move(
    params: Mapping[str, Any],
    tenant_id: str,
    resolve: Callable[[str], str] = str,
    *,
    variable: str = "entra_tenant_id",
) -> str:
    """Whether the PBX may be worked on in this tenant: one that works in another is not moved by a wrong variable.

    :param resolve: from a domain to the ID of its tenant; a PBX may have been linked by either.
    :param variable: where the inventory names the tenant.
    :returns: what stays behind in the other tenant, where the inventory says that the PBX is to move; else empty.
    :raises adoption.NotConfirmed: it does not say so.
    """
    linked = str(params.get("pbx_tenant_id") or "").strip().strip("{}").rstrip(".").lower()
    here = {tenant_id.lower(), str(params["tenant_id"] or "").strip().rstrip(".").lower()} - {""}
    if not linked or not here or linked in here or not params.get("pbx_healthy"):
        return ""
    linked = _tenant_of(linked, resolve)
    if linked in here:
        return ""
    linked, named = shortened(linked), shortened(str(params["pbx_app_id"] or ""))
    shown = tenant_id or params["tenant_id"]
    if not params.get("move_tenant"):
        raise adoption.NotConfirmed(
            f"the PBX works with the tenant {linked} today, and {variable} is {shown}",
            tried="check which tenant the PBX belongs to",
            target=str(params.get("pbx") or ""),
            remedy=f"Correct {variable}. If the PBX is to move to the other tenant, set entra_app_move_tenant: true.",
        )
    return (
        f"The PBX moves from the tenant {linked} to {shown}. In {linked} stay the application {named}, its "
        "certificates and its permissions: run tcx.m365.offboard there, or delete it by hand"
    )


def _tenant_of(tenant: str, resolve: Callable[[str], str]) -> str:
    """The ID of a tenant that a PBX names; its own word where that is no domain of a tenant. The word is foreign text, so that
    nobody is asked about what cannot be a domain."""
    domain = host_name(tenant)
    if is_guid(tenant) or "." not in domain:
        return tenant
    try:
        return resolve(domain).lower()
    except M365Error:
        return tenant


def _check_rights(
    token: Token,
    *,
    grants: bool,
    writes: bool,
    delegated: bool = False,
    exclusive: bool = False,
    owners: bool = False,
    users: bool = False,
) -> list[str]:
    """Raise for what is missing; a run that writes nothing needs the rights to read what it compares, and notes the others.

    What only feeds the report is never a reason to stop: it is noted as not readable.
    """
    needed = rights.to_roll_out(
        grants=grants, delegated=grants and delegated, exclusive=grants and exclusive, owners=owners
    )
    notes = []
    if users and rights.lacking(token, rights.READ_USERS):
        notes.append(rights.not_readable("users of the tenant", rights.READ_USERS))
    unreadable = grants and (delegated or exclusive) and rights.lacking(token, rights.READ_DELEGATED_PERMISSIONS)
    # What cannot be read cannot be compared: a caller who may write is told what a rollout tells, an auditor what is to be read.
    if writes or (unreadable and not rights.lacking(token, rights.WRITE_APPLICATIONS)):
        for tried, any_of in needed:
            rights.require(token, any_of, tried)
        return notes
    rights.require(token, rights.READ_APPLICATIONS, "read applications")
    if unreadable:
        rights.require(token, rights.READ_DELEGATED_PERMISSIONS, "read what is granted", token.tenant_id)
    missing = [(tried, rights.lacking(token, any_of)) for tried, any_of in needed]
    return notes + [
        f"a rollout could not {tried}: the automation's application lacks {' or '.join(names)}"
        for tried, names in missing
        if names
    ]


def _certificates(params: Mapping[str, Any], now: dt.datetime) -> list[Certificate]:
    """The given certificates, at least one of them fit to sign in with today.

    :raises BadInput: one that can never work, or none that works now; the error tells where the file comes from, unless it is another mistake.
    """
    tls = normalized_thumbprint(params["pbx_tls_thumbprint"]) if params["pbx_tls_thumbprint"] else ""
    try:
        certificates = parse_all(params["certificates"])
        # First, because a TLS certificate often has other flaws, whose correction would lead astray.
        _refuse_tls_certificate(certificates, tls)
        check_usable(certificates, now)
    except (NoFile, PrivateKeyGiven):
        raise
    except BadInput as error:
        error.remedy = f"{V20} {V18}"
        raise
    return certificates


def _refuse_tls_certificate(certificates: Sequence[Certificate], tls: str) -> None:
    for certificate in certificates:
        if tls and tls in certificate.alongside:
            raise BadInput(
                f"the certificate {certificate.thumbprint} was given together with, or is, the TLS certificate that the PBX "
                "shows to browsers; the PBX does not sign in to Microsoft with it",
                tried="check the certificates",
            )


def _expires_soon(certificate: Certificate, now: dt.datetime, warning_days: int) -> str:
    flaw = certificate.flaw(now)
    if flaw:
        return f"the certificate {certificate.thumbprint} {flaw}"
    days = days_left(certificate.not_after, now)
    if days >= warning_days:
        return ""
    return f"the certificate {certificate.thumbprint} expires {ahead(days)}, on {day(certificate.not_after)}"


def _described(certificate: Certificate, now: dt.datetime) -> dict[str, Any]:
    return {
        "thumbprint": certificate.thumbprint,
        "not_before": iso(certificate.not_before),
        "not_after": iso(certificate.not_after),
        "days_left": days_left(certificate.not_after, now),
    }


CAPABILITY = Capability(name="entra_preflight", argument_spec=ARGUMENT_SPEC, run=run, files=("certificates",))
