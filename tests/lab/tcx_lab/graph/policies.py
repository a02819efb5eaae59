# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""App management policies: reading, changing, assigning, and what they forbid (documented shapes, observed errors)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph.errors import GraphError, bad_request, lifetime_policy, method_not_allowed, not_found, required_value
from tcx_lab.graph.session import Session, text_of
from tcx_lab.graph.shapes import parse_moment
from tcx_lab.graph.store import Entity
from tcx_lab.graph.web import Answer
from tcx_lab.world import Tenant

DEFAULT_ID = "00000000-0000-0000-0000-000000000000"
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def default_policy(tenant: Tenant) -> Entity:
    """The tenant's default policy; nothing is restricted until somebody says so (documented)."""
    return tenant.default_policy or {
        "id": DEFAULT_ID,
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions on applications and service "
        "principals. To apply policy to targeted resources, create a new policy under appManagementPolicies collection.",
        "isEnabled": False,
        "applicationRestrictions": {"passwordCredentials": [], "keyCredentials": []},
        "servicePrincipalRestrictions": {"passwordCredentials": [], "keyCredentials": []},
    }


def handle(session: Session, parts: list[str]) -> Answer:
    """`/policies/...`: the default policy, and policies for chosen applications."""
    method = session.call.method
    if parts == ["defaultappmanagementpolicy"]:
        return _default(session, method)
    if parts[:1] != ["appmanagementpolicies"]:
        raise not_found("/".join(parts))
    policies = session.tenant.policies
    if len(parts) == 1:
        if method == "GET":
            return session.many("policies/appManagementPolicies", policies.values())
        if method == "POST":
            return _create(session)
        raise method_not_allowed()
    policy = policies.get(parts[1])
    if policy is None:
        raise not_found(parts[1])
    if method == "GET":
        return session.one("policies/appManagementPolicies/$entity", policy)
    if method == "PATCH":
        policies[parts[1]] = {**policy, **session.properties(), "id": parts[1]}
        return Answer(204)
    if method == "DELETE":
        del policies[parts[1]]
        return Answer(204)
    raise method_not_allowed()


def _default(session: Session, method: str) -> Answer:
    policy = default_policy(session.tenant)
    if method == "GET":
        return session.one("policies/defaultAppManagementPolicy/$entity", policy)
    if method == "PATCH":
        session.tenant.default_policy = {**policy, **session.properties(), "id": DEFAULT_ID}
        return Answer(204)
    raise method_not_allowed()


def _create(session: Session) -> Answer:
    sent = session.properties()
    text_of(sent, "displayName", required_value("displayName", "appManagementPolicy"))
    policy = {
        "id": session.world.new_guid(),
        "displayName": sent["displayName"],
        "description": sent.get("description"),
        "isEnabled": sent.get("isEnabled", False),
        "restrictions": sent.get("restrictions") or {"passwordCredentials": [], "keyCredentials": []},
    }
    session.tenant.policies[policy["id"]] = policy
    return session.created("policies/appManagementPolicies/$entity", policy, "AppManagementPolicy")


def assigned(session: Session, object_id: str, rest: list[str]) -> Answer:
    """`/applications/{id}/appManagementPolicies`: list, assign with `$ref`, unassign."""
    method = session.call.method
    ids = session.tenant.policy_assignments.setdefault(object_id, [])
    if not rest and method == "GET":
        policies = [session.tenant.policies[policy_id] for policy_id in ids if policy_id in session.tenant.policies]
        return session.many("appManagementPolicies", policies)
    if rest == ["$ref"] and method == "POST":
        policy_id = str(session.body().get("@odata.id", "")).rstrip("/").rpartition("/")[2]
        if policy_id not in session.tenant.policies:
            raise not_found(policy_id)
        ids[:] = [policy_id]  # one policy per object (documented)
        return Answer(204)
    if len(rest) == 2 and rest[1] == "$ref" and method == "DELETE":
        if rest[0] not in ids:
            raise not_found(rest[0])
        ids.remove(rest[0])
        return Answer(204)
    raise method_not_allowed()


@evidence(Grade.OBSERVED, "public issue report with the whole body")
def check_key(session: Session, object_id: str, created: str | None, start: datetime, end: datetime) -> None:
    """Refuse a certificate that lives longer than the policy allows. Raises GraphError 400."""
    for policy_id, restriction in _restrictions(session.tenant, object_id, "keyCredentials"):
        longest = parse_duration(restriction.get("maxLifetime"))
        if (
            restriction.get("restrictionType") == "asymmetricKeyLifetime"
            and longest is not None
            and _applies(restriction, created)
            and end - start > longest
        ):
            raise lifetime_policy(policy_id, "InvalidKeyEndDate")


def check_password(session: Session, object_id: str, created: str | None, start: datetime, end: datetime) -> None:
    """Refuse a password, or one that lives too long. Raises GraphError 400."""
    for policy_id, restriction in _restrictions(session.tenant, object_id, "passwordCredentials"):
        if not _applies(restriction, created):
            continue
        kind = restriction.get("restrictionType")
        if kind in ("passwordAddition", "symmetricKeyAddition"):
            raise _type_not_allowed(policy_id)
        longest = parse_duration(restriction.get("maxLifetime"))
        if kind == "passwordLifetime" and longest is not None and end - start > longest:
            raise lifetime_policy(policy_id, "InvalidKeyEndDate")


@evidence(
    Grade.DOCUMENTED,
    "https://learn.microsoft.com/graph/api/resources/identifieruriconfiguration (wording of the refusal assumed)",
)
def check_identifiers(session: Session, entity: Entity, added: Sequence[str]) -> None:
    """The tenant's rules for identifier URIs: with the app's or tenant's id in them, or on a verified domain."""
    default = default_policy(session.tenant)
    rules = (default.get("applicationRestrictions") or {}).get("identifierUris") or {}
    rule = rules.get("nonDefaultUriAddition") or {}
    if not default.get("isEnabled") or not _applies(rule, entity["createdDateTime"]) or rule.get("state") is None:
        return
    if rule.get("excludeAppsReceivingV2Tokens") and entity["api"].get("requestedAccessTokenVersion") == 2:
        return
    defaults = {f"api://{entity['appId']}", f"api://{session.tenant.id}/{entity['appId']}"}
    for uri in added:
        if uri not in defaults:
            raise bad_request(
                "Failed to add identifier URI. All newly added URIs must contain a tenant verified domain, tenant ID, or "
                "app ID, as per the default tenant policy of your organization.",
                details=[
                    {
                        "code": "InvalidIdentifierUriAsPerAppPolicy",
                        "message": f"The identifier URI {uri} is not allowed by policy {default['id']}.",
                        "target": "identifierUris",
                    }
                ],
            )


def _type_not_allowed(policy_id: str) -> GraphError:
    return bad_request(
        f"Credential type not allowed as per assigned policy '{policy_id}'.", "CredentialTypeNotAllowedAsPerAppPolicy"
    )


def _restrictions(tenant: Tenant, object_id: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """(policy id, restriction): an assigned policy goes before the tenant's default (documented)."""
    if tenant.default_policy is None and not tenant.policy_assignments:
        return []
    for policy_id in tenant.policy_assignments.get(object_id, ()):
        policy = tenant.policies.get(policy_id)
        if policy is not None and policy.get("isEnabled"):
            return [(policy_id, restriction) for restriction in (policy.get("restrictions") or {}).get(kind) or []]
    default = default_policy(tenant)
    if not default.get("isEnabled"):
        return []
    scope = "applicationRestrictions" if object_id in tenant.applications else "servicePrincipalRestrictions"
    if object_id not in tenant.applications and object_id not in tenant.service_principals:
        scope = "applicationRestrictions"  # the application is being created
    return [(default["id"], restriction) for restriction in (default.get(scope) or {}).get(kind) or []]


def _applies(restriction: dict[str, Any], created: str | None) -> bool:
    if restriction.get("state", "enabled") != "enabled":
        return False
    since = restriction.get("restrictForAppsCreatedAfterDateTime")
    return not since or created is None or parse_moment(created) >= parse_moment(since)


def parse_duration(text: object) -> timedelta | None:
    """An ISO 8601 duration ("P90D"); None when it is none. A month counts 30 days, a year 365."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=365 * years + 30 * months + days, hours=hours, minutes=minutes, seconds=seconds)
