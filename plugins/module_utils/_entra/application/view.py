# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application in the shape of the options: what the modules return. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ..._common import dates
from ..._common.tree import dig
from ..._plan import Plan, as_flag, besides
from . import certificates, declared
from . import keys as key_plan
from .model import (
    CLAIM_LISTS,
    LOCK,
    MARK,
    PROPERTIES,
    SERVICE_PRINCIPAL,
    URI_LISTS,
    VISIBLE_TAG,
    Desired,
    Observed,
    unique_name_of,
)
from .permissions import Catalog

Json = dict[str, Any]


def ids(observed: Observed) -> Json:
    """The ids by which others find the application."""
    application, principal = observed.application or {}, observed.service_principal or {}
    return {
        "app_id": application.get("appId"),
        "object_id": application.get("id"),
        "service_principal_id": principal.get("id"),
        "unique_name": unique_name_of(application) or None,
        "display_name": application.get("displayName"),
    }


def certificate_list(
    application: Mapping[str, Any] | None, now: dt.datetime, managed: Sequence[str] | None = None
) -> list[Json]:
    """The certificates of an application, in the order of their ends.

    :param managed: thumbprints that were asked for; entries with our mark count as managed too.
    """
    rows = []
    for entry in key_plan.certificates_in((application or {}).get("keyCredentials") or ()):
        thumbprint = certificates.thumbprint_of(entry)
        ends = dates.parse(entry.get("endDateTime"))
        rows.append(
            {
                "thumbprint": thumbprint,
                "display_name": entry.get("displayName"),
                "key_id": entry.get("keyId"),
                "not_before": entry.get("startDateTime"),
                "not_after": entry.get("endDateTime"),
                "days_left": (ends - now).days if ends else None,
                "desired": thumbprint in (managed or ()),
                "managed": certificates.is_ours(entry) or thumbprint in (managed or ()),
            }
        )
    return sorted(rows, key=lambda row: str(row["not_after"]))


def removed_certificates(application: Mapping[str, Any] | None, plan: Plan) -> list[Json]:
    """The certificates that a plan has taken away, so that they can be put back where nobody can sign in without them.

    ``certificate`` is the PEM text; ``None`` where Graph did not show the bytes (documented: only with ``$select``).
    """
    gone = {
        thumbprint
        for change in plan.changes
        if (change.target, change.field) == ("application", "certificates")
        for thumbprint in set(change.before or ()) - set(change.after or ())
    }
    return [
        {
            "thumbprint": certificates.thumbprint_of(entry),
            "key_id": entry.get("keyId"),
            "display_name": entry.get("displayName"),
            "not_after": entry.get("endDateTime"),
            "certificate": certificates.pem_of(entry),
        }
        for entry in key_plan.certificates_in((application or {}).get("keyCredentials") or ())
        if certificates.thumbprint_of(entry) in gone
    ]


def goes(before: Observed, plan: Plan) -> Json:
    """What a deletion takes away, or what a PBX takes with it that leaves an application of several; empty for neither."""
    if not plan.changes:
        return {}
    whole = "state" in plan.changed_fields("application")
    application = before.application or before.deleted or {}
    if whole:
        entries = key_plan.certificates_in(application.get("keyCredentials") or ())
        thumbprints = [*map(certificates.name_of, entries)]
        uris = [uri for uri_list in URI_LISTS for uri in dig(application, uri_list.path) or ()]
    else:
        lost = {
            change.field: [value for value in change.before if value not in change.after] for change in plan.changes
        }
        thumbprints = lost.get("certificates", [])
        uris = [uri for uri_list in URI_LISTS for uri in lost.get(uri_list.option, ())]
    return {
        "application": application.get("appId") if whole else None,
        "certificates": thumbprints,
        "redirect_uris": uris,
        "permissions": [*before.roles, *before.scopes] if whole else [],
    }


def restore_warnings(before: Observed, plan: Plan) -> list[str]:
    """What is not as it was after a deleted application or service principal has come back."""
    states = {change.target: change.before for change in plan.changes if change.field == "state"}
    if states.get("application") == "deleted" and states.get("service_principal") == "absent":
        return [
            "The deleted application comes back without its former service principal, which cannot be restored: users and "
            "groups assigned to it, its consents and whether it asked for assignment are lost."
        ]
    principal = before.deleted_principal or {}
    if states.get("service_principal") == "deleted" and as_flag(principal.get("appRoleAssignmentRequired")):
        return [
            "The service principal was deleted and comes back. It requires assignment: check under Enterprise applications, "
            "Users and groups, that those who sign in are still assigned."
        ]
    return []


def unmanaged(desired: Desired, observed: Observed, now: dt.datetime, catalogs: Mapping[str, Catalog]) -> Json:
    """What is there besides what was asked for."""
    application = observed.application or {}
    report: Json = {
        uri_list.option: besides(desired.uris.get(uri_list.option), dig(application, uri_list.path))
        for uri_list in URI_LISTS
    }
    report["certificates"] = [
        certificate
        for certificate in certificate_list(application, now, desired.thumbprints)
        if certificate["thumbprint"] not in desired.thumbprints
    ]
    access = application.get("requiredResourceAccess") or ()
    for option, kind in declared.OPTIONS:
        asked = [permission.label(catalogs) for permission in desired.permissions or () if permission.kind == kind]
        report[option] = besides(asked, declared.labels(access, kind, catalogs))
    report["owners"] = besides(desired.owners, observed.owners) if desired.owners is not None else []
    return report


def shape(observed: Observed, now: dt.datetime, catalogs: Mapping[str, Catalog]) -> Json:
    """The whole application in the shape of the options."""
    application, principal = observed.application or {}, observed.service_principal
    shaped = ids(observed)
    for prop in PROPERTIES:
        value = dig(application, prop.path)
        shaped[prop.option] = as_flag(value) if prop.compare is as_flag else value
    for uri_list in URI_LISTS:
        shaped[uri_list.option] = list(dig(application, uri_list.path) or ())
    shaped["tags"] = list(application.get("tags") or ())
    shaped["marked"] = MARK in shaped["tags"]
    shaped["optional_claims"] = {
        claim_list.option: dig(application, claim_list.path) or [] for claim_list in CLAIM_LISTS
    }
    shaped["service_principal_lock"] = {prop.option: as_flag(dig(application, prop.path)) for prop in LOCK}
    shaped["certificates"] = certificate_list(application, now)
    access = application.get("requiredResourceAccess") or ()
    for option, kind in declared.OPTIONS:
        shaped[option] = declared.labels(access, kind, catalogs)
    shaped["owners"] = list(observed.owners)
    shaped["service_principal"] = principal_view(principal)
    shaped["created"] = application.get("createdDateTime")
    return shaped


def principal_view(principal: Mapping[str, Any] | None) -> Json | None:
    if principal is None:
        return None
    shaped: Json = {prop.option: as_flag(dig(principal, prop.path)) for prop in SERVICE_PRINCIPAL}
    shaped["visible"] = VISIBLE_TAG in (principal.get("tags") or ())
    return shaped


def attention(final: Observed) -> list[str]:
    """What keeps users from signing in although everything is registered, and what to do, as sentences. Pure."""
    parts = disabled(final)
    if (final.service_principal or {}).get("appRoleAssignmentRequired"):
        reason = f"{_named(final)} requires assignment (AADSTS50105), so that only users and groups that are assigned to it can sign in"
        remedy = (
            "assign them under Enterprise applications > Users and groups, or end it with "
            f"O(service_principal.assignment_required): false, {_PROPERTIES} > Assignment required"
        )
        parts = [*parts, (reason, remedy)]
    return [f"{reason}: {remedy}." for reason, remedy in parts]


def disabled(final: Observed) -> list[tuple[str, str]]:
    """Why nobody at all can sign in with the application, and what to do, in the words of :func:`attention`. Pure."""
    parts = []
    if (final.application or {}).get("isDisabled"):
        reason = f"{_named(final)} is deactivated in its own tenant, {NOBODY_SIGNS_IN}"
        parts.append((reason, "activate it under App registrations"))
    if (final.service_principal or {}).get("accountEnabled") is False:
        reason = f"{_named(final)} is disabled (AADSTS7000112), {NOBODY_SIGNS_IN} and the PBX gets no token"
        remedy = f"enable it with O(service_principal): {{enabled: true}}, {_PROPERTIES} > Enabled for users to sign in"
        parts.append((reason, remedy))
    return parts


NOBODY_SIGNS_IN = "so that nobody can sign in"
_PROPERTIES = "or under Enterprise applications > Properties"


def _named(observed: Observed) -> str:
    application = observed.application or {}
    return f"The application {application.get('displayName') or application.get('appId') or ''}".rstrip()
