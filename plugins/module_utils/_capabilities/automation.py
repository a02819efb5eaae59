# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbooks ``bootstrap`` and ``tenants`` ask of one tenant about the automation's own application.

No modules of their own: :data:`LOOKUP` finds the application and refuses one that may be somebody else's, :data:`FEDERATED`
makes its federated credential, :data:`ACCESS` signs in as it and says what it may do in a tenant.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from .._common import dates
from .._common.ids import is_guid
from .._common.odata import encoded_literal
from .._common.text import quoted
from .._entra import own_application, person
from .._entra import rights as entra_rights
from .._entra.application import absence, adoption
from .._entra.application import keys as key_plan
from .._entra.application.certificates import thumbprint_of
from .._entra.application.model import MARK, SELECT, unique_name_of
from .._entra.credentials.certificate import ClientCertificate
from .._entra.credentials.client_secret import ClientSecret
from .._entra.credentials.federated import FederatedToken, GitHubOidc
from .._entra.federation import Federated, FederatedCredential
from .._entra.graph import Call, GraphClient
from .._errors import Ambiguous, BadCredential, BadInput, M365Error
from .._reconcile import reconcile
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection

Json = dict[str, Any]

NOT_KNOWN_YET = ("AADSTS700016", "AADSTS7000229", "AADSTS700027", "AADSTS7000215", "AADSTS700213", "AADSTS700211")
"""With which a sign-in is refused while what was just written has not reached the sign-in service."""

LOOKUP_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "app_id": {"type": "str"},
    "stated": {"type": "bool", "default": False},
    "unique_name": {"type": "str", "required": True},
    "display_name": {"type": "str", "required": True},
    "thumbprints": {"type": "list", "elements": "str", "default": []},
    "owners": {"type": "list", "elements": "str", "default": []},
    "federated": {"type": "list", "elements": "dict", "default": []},
}
FEDERATED_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "object_id": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "issuer": {"type": "str", "required": True},
    "subject": {"type": "str", "required": True},
    "audience": {"type": "str", "required": True},
    "wait_timeout": {"type": "int", "default": 300},
}
ACCESS_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "wait_timeout": {"type": "int", "default": 0},
}


def lookup(task: Task) -> Outcome:
    """The application, when it is certainly the one that was made here or that the operator states."""
    params = task.params
    client = _entra_connection.client(params, task.context)
    token = client.tokens.get()
    person.require_registration(token, client.tenant_id)
    values: Json = {
        "tenant_id": client.tenant_id,
        "caller": str(token.claims.get("upn") or token.claims.get("app_displayname") or ""),
        "caller_id": "" if token.app_only else str(token.claims.get("oid") or ""),
        "may_consent": person.may_consent(token),
        "application": None,
        "deleted": False,
        "unknown": [],
    }
    application, deleted = _known(client, params) if params["app_id"] else (None, False)
    application = application or _named(client, params)
    if application is not None:
        values.update(application=_shown(application), deleted=deleted)
        if not deleted:
            values["unknown"] = _unknown(client, application, params, values["caller_id"])
        if values["unknown"] and not params["stated"]:
            raise _not_certain(application, values["unknown"])
    return Outcome(values)


def _known(client: GraphClient, params: Mapping[str, Any]) -> tuple[Json | None, bool]:
    """The application that is recorded or stated by id, deleted or not.

    :raises BadInput: there is none.
    """
    app_id = str(params["app_id"]).strip().lower()
    if not is_guid(app_id):
        raise BadInput(f"bootstrap_app_id {app_id!r} is not a GUID", remedy="Give the application (client) ID.")
    application = client.send(Call.by_key("applications", "appId", app_id, f"$select={SELECT}")).entity_or_none()
    if application is not None:
        return application, False
    for deleted in client.pages(absence.DELETED_APPLICATIONS):
        if str(deleted.get("appId") or "").lower() == app_id:
            return deleted, True
    if params["stated"]:
        raise BadInput(
            f"the tenant {client.tenant_id} has no application {app_id}",
            tried="find the automation's application",
            remedy="Check bootstrap_app_id and bootstrap_tenant_id.",
        )
    return None, False


def _named(client: GraphClient, params: Mapping[str, Any]) -> Json | None:
    """The application that has our name and a certificate of ours: a run ended before it was recorded.

    :raises Ambiguous: there are others with the name. A name proves nothing: by default everybody in a tenant may take it.
    """
    unique, shown = params["unique_name"], params["display_name"]
    clause = f"displayName%20eq%20{encoded_literal(shown)}"
    listed_here = client.pages(f"/applications?$filter={clause}&$select=id&$top=100")
    # Each by itself: a list does not show the bytes of a certificate, beside which its owner may have written any thumbprint.
    matches = [client.get(f"/applications/{entry['id']}?$select={SELECT}") for entry in listed_here]
    answer = client.send(Call.by_key("applications", "uniqueName", unique, f"$select={SELECT}"))
    if answer.ok and answer.get().get("id") not in [match["id"] for match in matches]:
        matches.append(answer.entity("appId"))
    gone = [entry for entry in client.pages(absence.DELETED_APPLICATIONS) if unique_name_of(entry) == unique]
    ours = [match for match in matches if set(_thumbprints(match)).intersection(params["thumbprints"])]
    if len(ours) == 1 and len(matches) == 1 and not gone:
        return ours[0]
    if not matches and not gone:
        return None
    listed = "; ".join([*map(_described, matches), *(f"{_described(entry)}, deleted" for entry in gone)])
    raise Ambiguous(
        f"the tenant has an application with this name already, and nothing shows that it was made here: {listed}",
        tried="create the automation's application",
        target=shown,
        remedy="If it is yours, state it with bootstrap_app_id after checking its owners and credentials. Otherwise choose "
        "bootstrap_unique_name and bootstrap_display_name, or remove it.",
    )


def _unknown(client: GraphClient, application: Json, params: Mapping[str, Any], caller_id: str) -> list[str]:
    """Who else can act as the application: what it holds that was not put there from here."""
    path = f"/applications/{application['id']}"
    owners = list(client.pages(f"{path}/owners?$select=id,displayName,userPrincipalName"))
    federated = list(client.pages(f"{path}/federatedIdentityCredentials"))
    known = {str(thumbprint).upper() for thumbprint in params["thumbprints"]}
    people = {caller_id, *(str(owner) for owner in params["owners"])}
    pairs = {(str(credential.get("issuer")), str(credential.get("subject"))) for credential in params["federated"]}
    unknown = [
        f"the certificate {thumbprint}" for thumbprint in _thumbprints(application) if thumbprint.upper() not in known
    ]
    unknown += [
        f"the client secret {quoted(str(secret.get('displayName') or secret.get('keyId')))}"
        for secret in application.get("passwordCredentials") or ()
    ]
    unknown += [
        f"the federated credential {quoted(str(credential.get('name')))}"
        for credential in federated
        if (str(credential.get("issuer")), str(credential.get("subject"))) not in pairs
    ]
    unknown += [f"the owner {adoption.owner_in_words(owner)}" for owner in owners if str(owner.get("id")) not in people]
    return unknown


def _not_certain(application: Json, unknown: Iterable[str]) -> M365Error:
    return adoption.NotConfirmed(
        f"the application {application.get('appId')} has {', '.join(unknown)}, which did not come from here",
        tried="use the automation's application",
        target=str(application.get("displayName") or ""),
        remedy="Whoever holds one of them acts in every tenant that consents. Remove what is not yours, or state the "
        "application with bootstrap_app_id. Nothing was changed.",
    )


def _thumbprints(application: Json) -> list[str]:
    return [*map(thumbprint_of, key_plan.certificates_in(application.get("keyCredentials") or ()))]


def _described(application: Json) -> str:
    made = str(application.get("createdDateTime") or "")[:10]
    return (
        f"{application.get('appId')} ({str(application.get('displayName'))!r}, created {made or 'at an unknown time'})"
    )


def _shown(application: Json) -> Json:
    entries = key_plan.certificates_in(application.get("keyCredentials") or ())
    return {
        "app_id": str(application.get("appId") or "").lower(),
        "object_id": application.get("id"),
        "display_name": application.get("displayName"),
        "unique_name": unique_name_of(application),
        "marked": MARK in (application.get("tags") or ()),
        "certificates": [
            {"thumbprint": thumbprint_of(entry), "not_after": entry.get("endDateTime")} for entry in entries
        ],
    }


def federated(task: Task) -> Outcome:
    """One federated credential, ensured."""
    params = task.params
    client = _entra_connection.client(params, task.context)
    desired = Federated(params["name"], params["issuer"], params["subject"], params["audience"])
    resource = FederatedCredential(client, params["object_id"], desired, float(params["wait_timeout"]))
    done = reconcile(resource, check_mode=task.check_mode)
    return Outcome({"federated_credentials": [dict(credential) for credential in done.after]}, done.plan)


def access(task: Task) -> Outcome:
    """What the automation may do in a tenant: from its own token, never from what was written once."""
    client = _entra_connection.client(task.params, task.context)
    token = client.tokens.get()
    values: Json = {
        "tenant_id": token.tenant_id or client.tenant_id,
        "roles": sorted(token.roles),
        "app_only": token.app_only,
        "app_id": str(token.claims.get("appid") or client.connection.credential.client_id).lower(),
        "principal": {},
        "tenant_name": "",
        "credential": _credential(client),
        "not_readable": [],
    }
    _read_principal(client, values)
    _read_name(client, values)
    _read_expiry(client, values)
    return Outcome(values)


def _credential(client: GraphClient) -> Json:
    """What the automation signs in with, and when it expires, as far as it can be told without asking."""
    credential = client.connection.credential
    values: Json = {"kind": credential.source, "expires": None, "days_left": None, "thumbprint": None}
    if isinstance(credential, ClientCertificate):
        thumbprint, end = credential.described()
        values.update(_expiry(end, client.now()), thumbprint=thumbprint)
    elif isinstance(credential, (FederatedToken, GitHubOidc)):
        values["expires"] = "never"
    return values


def _expiry(end: dt.datetime, now: dt.datetime) -> Json:
    return {"expires": dates.iso(end), "days_left": dates.days_left(end, now)}


def _read_principal(client: GraphClient, values: Json) -> None:
    """A service principal may read itself without any permission (documented)."""
    query = "$select=id,displayName,accountEnabled,appOwnerOrganizationId,verifiedPublisher"
    answer = client.send(Call.by_key("servicePrincipals", "appId", values["app_id"], query))
    if not answer.ok:
        values["not_readable"].append("the service principal of the automation")
        return
    principal = answer.get()
    publisher = principal.get("verifiedPublisher") or {}
    values["principal"] = {
        "object_id": principal.get("id"),
        "display_name": principal.get("displayName"),
        "home_tenant_id": str(principal.get("appOwnerOrganizationId") or "").lower(),
        "publisher_verified": bool(publisher.get("verifiedPublisherId")),
    }


def _read_name(client: GraphClient, values: Json) -> None:
    """The display name needs a right that a rollout does not; a verified domain shows with every application."""
    with contextlib.suppress(M365Error):
        values["tenant_name"] = own_application.tenant_name(client)
    if not values["tenant_name"] and set(values["roles"]).intersection(entra_rights.READ_APPLICATIONS):
        answer = client.send(Call("GET", "/applications?$select=publisherDomain&$top=1"))
        if answer.ok:
            listed = answer.get().get("value") or ()
            values["tenant_name"] = next((str(application.get("publisherDomain") or "") for application in listed), "")


def _read_expiry(client: GraphClient, values: Json) -> None:
    """When a secret expires stands in the application, which only its home tenant shows."""
    if not isinstance(client.connection.credential, ClientSecret):
        return
    credential = own_application.credential(client)
    end = dates.parse(credential["expires"])
    if end is not None:
        values["credential"].update(_expiry(end, client.now()))
    elif credential["reason"]:
        values["not_readable"].append("the automation's application")


def may_be_early(result: Mapping[str, Any]) -> bool:
    """Whether a refused sign-in may only be early: application, consent or certificate are not everywhere yet."""
    error = result.get("error") or {}
    return error.get("kind") == BadCredential.kind and error.get("code") in NOT_KNOWN_YET


LOOKUP = Capability(name="automation_lookup", argument_spec=LOOKUP_SPEC, run=lookup)
FEDERATED = Capability(name="automation_federated", argument_spec=FEDERATED_SPEC, run=federated)
ACCESS = Capability(name="automation_access", argument_spec=ACCESS_SPEC, run=access)
