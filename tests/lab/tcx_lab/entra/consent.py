# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The administrator's consent page: makes the service principal, grants what the application declares, goes back."""

from __future__ import annotations

from urllib.parse import urlencode

from tcx_lab.entra import errors, pages
from tcx_lab.entra.authorize import Authorizer, html, redirect_uris, same_redirect
from tcx_lab.entra.clients import registration
from tcx_lab.entra.errors import SignInError
from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import seed
from tcx_lab.graph.store import SERVICE_PRINCIPALS, Entity, directory_of
from tcx_lab.graph.web import Answer, Call
from tcx_lab.world import Tenant, World


@evidence(Grade.DOCUMENTED, "documentation of the admin consent endpoint")
def handle(world: World, authorizer: Authorizer, call: Call, tenant: Tenant, *, new: bool) -> Answer:
    """`/{tenant}/adminconsent` and `/{tenant}/v2.0/adminconsent` (documented parameters and answers)."""
    query = call.form() if call.method == "POST" else call.query
    try:
        app, home = _application(world, tenant, query)
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri and not any(same_redirect(redirect_uri, allowed_uri) for allowed_uri in redirect_uris(app)):
            raise errors.wrong_redirect(redirect_uri, app["appId"])
        if not redirect_uris(app):
            raise errors.no_reply_address(app["appId"])
    except SignInError as error:
        return authorizer.failure_page(error, tenant)
    decision = query.get("decision", "") if call.method == "POST" else ""
    if not decision:
        kept: tuple[str, ...] = ("client_id", "redirect_uri", "state", "scope")
        fields = {name: query[name] for name in kept if name in query}
        action = "/" + "/".join(call.segments)
        return html(pages.consent(action, fields, app["displayName"], _requested(world, tenant, app), admin=True))
    if decision != "accept":
        return _back(query, {"error": "access_denied", "error_description": errors.consent_declined().text})
    seed.grant_declared(world, tenant, app, home)
    answer = {"admin_consent": "True", "tenant": tenant.id}
    if new and query.get("scope"):
        answer["scope"] = query["scope"]
    return _back(query, answer)


def _application(world: World, tenant: Tenant, query: dict[str, str]) -> tuple[Entity, Tenant]:
    client_id = query.get("client_id", "")
    if not client_id:
        raise errors.missing_parameter("client_id")
    registered = registration(world, client_id, tenant)
    if registered is None:
        raise errors.unknown_application(client_id, tenant.display_name)
    return registered


def _requested(world: World, tenant: Tenant, app: Entity) -> list[str]:
    directory = directory_of(world, tenant)
    listed: list[str] = []
    for api in app["requiredResourceAccess"]:
        resource = directory.find(SERVICE_PRINCIPALS, "appId", api["resourceAppId"])
        if resource is None:
            continue
        names = {one["id"]: one["value"] for one in (*resource["appRoles"], *resource["oauth2PermissionScopes"])}
        listed += [f"{resource['displayName']}: {names.get(one['id'], one['id'])}" for one in api["resourceAccess"]]
    return listed


def _back(query: dict[str, str], fields: dict[str, str]) -> Answer:
    if "state" in query:
        fields["state"] = query["state"]
    target = query.get("redirect_uri")
    if not target:
        return html(pages.note("Permissions", ", ".join(f"{name}: {value}" for name, value in fields.items())))
    separator = "&" if "?" in target else "?"
    return Answer(302, None, {"Location": f"{target}{separator}{urlencode(fields)}"})
