# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Actions on credentials: addPassword, removePassword, addKey, removeKey, and federated identity credentials."""

from __future__ import annotations

import re
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import service_principals
from tcx_lab.graph.credentials import Target, new_password, replace_keys, unknown_key
from tcx_lab.graph.errors import (
    GraphError,
    bad_request,
    forbidden,
    invalid_value,
    method_not_allowed,
    not_found,
    required_value,
)
from tcx_lab.graph.session import Session, text_of
from tcx_lab.graph.shapes import parse_moment
from tcx_lab.graph.store import APPLICATIONS, Entity
from tcx_lab.graph.web import Answer

_PROOF_AUDIENCES = ("00000002-0000-0000-c000-000000000000", "https://graph.microsoft.com")
_MAX_FEDERATED = 20  # documented
_FEDERATED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")  # documented: URL-friendly, 3 to 120 characters
_LONGEST_FEDERATED = 600  # documented


def act(session: Session, kind: str, entity: Entity, action: str) -> Answer:
    """One of the four actions on an application or a service principal."""
    if session.call.method != "POST":
        raise method_not_allowed()
    if action in ("addkey", "removekey"):
        return _roll_key(session, kind, entity, action)
    session.require_application_write(entity["id"])
    if kind != APPLICATIONS:
        service_principals.check_lock(session, entity, "passwordCredentials")
    return _add_password(session, kind, entity) if action == "addpassword" else _remove_password(session, kind, entity)


def _target(kind: str, entity: Entity) -> Target:
    resource = "Application" if kind == APPLICATIONS else "ServicePrincipal"
    return Target(entity["id"], entity["createdDateTime"], entity["keyCredentials"], resource)


def _add_password(session: Session, kind: str, entity: Entity) -> Answer:
    written = session.directory.real(kind)[entity["id"]]
    sent = session.body().get("passwordCredential")
    stored, answered, text = new_password(session, _target(kind, written), sent, with_hint=kind == APPLICATIONS)
    changed = {**written, "passwordCredentials": [stored, *written["passwordCredentials"]]}  # newest first (recorded)
    session.directory.put(kind, entity["id"], changed)
    remember_secret(session, entity["id"], stored, text)
    return session.action("microsoft.graph.passwordCredential", answered)


def remember_secret(session: Session, object_id: str, stored: Entity, text: str) -> None:
    """Keep what sign-in compares with."""
    secret = {"keyId": stored["keyId"], "secretText": text, "endDateTime": stored["endDateTime"]}
    session.tenant.secrets.setdefault(object_id, []).append(secret)


def _remove_password(session: Session, kind: str, entity: Entity) -> Answer:
    key_id = session.body().get("keyId")
    written = session.directory.real(kind)[entity["id"]]
    kept = [credential for credential in written["passwordCredentials"] if credential["keyId"] != key_id]
    if len(kept) == len(written["passwordCredentials"]):
        raise unknown_key(key_id)
    session.directory.put(kind, entity["id"], {**written, "passwordCredentials": kept})
    secrets = session.tenant.secrets.get(entity["id"], [])
    session.tenant.secrets[entity["id"]] = [secret for secret in secrets if secret["keyId"] != key_id]
    return Answer(204)


def _roll_key(session: Session, kind: str, entity: Entity, action: str) -> Answer:
    written = session.directory.real(kind)[entity["id"]]
    if session.app_id != written["appId"]:  # its own keys need no permission (documented)
        if not session.allowed:
            raise forbidden()
        session.require_application_write(entity["id"])
    sent = session.body()
    _check_proof(session, written, text_of(sent, "proof", required_value("proof", "KeyCredential")))
    kept = list(written["keyCredentials"])
    if action == "addkey":
        key = sent.get("keyCredential")
        if not isinstance(key, dict):
            raise required_value("keyCredential", "Application")
        kept.append({name: value for name, value in key.items() if name != "keyId"})
    else:
        kept = [credential for credential in kept if credential["keyId"] != sent.get("keyId")]
        if len(kept) == len(written["keyCredentials"]):
            raise unknown_key(sent.get("keyId"))
    shown, key_bytes = replace_keys(session, _target(kind, written), kept)
    session.directory.put(kind, entity["id"], {**written, "keyCredentials": shown})
    session.tenant.key_bytes[entity["id"]] = key_bytes
    if action == "removekey":
        return Answer(204)
    return session.action("microsoft.graph.keyCredential", shown[-1])


def _check_proof(session: Session, entity: Entity, proof: str) -> None:
    """A proof is a token signed with a certificate that is valid now; issuer is the object id, ten minutes at most
    (documented). Raises 403 (status and code assumed)."""
    now = session.now()
    stored = session.tenant.key_bytes.get(entity["id"], {})
    for key in entity["keyCredentials"]:
        if not parse_moment(key["startDateTime"]) <= now < parse_moment(key["endDateTime"]):
            continue
        public = x509.load_der_x509_certificate(stored[key["keyId"]]).public_key()
        if not isinstance(public, RSAPublicKey):
            continue
        try:
            claims: dict[str, Any] = jwt.decode(
                proof,
                public,
                algorithms=["RS256", "PS256"],
                audience=list(_PROOF_AUDIENCES),
                issuer=entity["id"],
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            continue
        seconds = now.timestamp()
        if claims.get("nbf", 0) - 300 <= seconds <= claims.get("exp", 0) <= claims.get("nbf", 0) + 600:
            return
    raise forbidden()


@evidence(Grade.RECORDED, "azure-cli test recordings")
def federated(session: Session, app: Entity, rest: list[str]) -> Answer:
    """`/applications/{id}/federatedIdentityCredentials[/{id or name}]` (recorded)."""
    method, context = session.call.method, f"applications('{app['id']}')/federatedIdentityCredentials"
    if method != "GET":
        session.require_application_write(app["id"])
    entries = session.tenant.federated_credentials.setdefault(app["id"], [])
    if not rest:
        if method == "GET":
            return session.many(context, list(entries))
        if method == "POST":
            return _add_federated(session, entries, context)
        raise method_not_allowed()
    name = rest[0].removeprefix("(name='").removesuffix("')")
    entry = next((candidate for candidate in entries if name in (candidate["id"], candidate["name"])), None)
    if entry is None:
        raise not_found(name)
    if method == "GET":
        return session.one(f"{context}/$entity", entry)
    if method == "DELETE":
        entries.remove(entry)
        return Answer(204)
    if method == "PATCH":
        changed = _federated_entry(entry["id"], {**entry, **session.properties()})
        if changed["name"] != entry["name"]:
            raise bad_request("Property 'name' is read-only and cannot be set.")  # documented: immutable; text assumed
        _check_federated_pair(entries, changed)
        entries[entries.index(entry)] = changed
        return Answer(204)
    raise method_not_allowed()


def _add_federated(session: Session, entries: list[Entity], context: str) -> Answer:
    entry = _federated_entry(session.world.new_guid(), session.properties())
    if any(other["name"] == entry["name"] for other in entries):
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            f"FederatedIdentityCredential with name {entry['name']} already exists.",
        )
    if len(entries) >= _MAX_FEDERATED:
        raise bad_request("The maximum number of federated identity credentials has been reached.")
    _check_federated_pair(entries, entry)
    entries.append(entry)
    answer = session.created(f"{context}/$entity", entry, "FederatedIdentityCredential")
    base = f"{session.world.endpoints.graph}/v2/{session.tenant.id}"
    answer.headers["Location"] = f"{base}/federatedIdentityCredentials/{entry['id']}"  # recorded
    return answer


def _federated_entry(entry_id: str, sent: dict[str, Any]) -> Entity:
    for name in ("name", "issuer", "subject"):
        text_of(sent, name, required_value(name, "FederatedIdentityCredential"))
    audiences = sent.get("audiences")
    if not isinstance(audiences, list) or len(audiences) != 1:
        raise required_value("audiences", "FederatedIdentityCredential")
    if not _FEDERATED_NAME.fullmatch(sent["name"]):
        raise invalid_value("name", "FederatedIdentityCredential")
    for name, value in (("issuer", sent["issuer"]), ("subject", sent["subject"]), ("audiences", audiences[0])):
        if len(str(value)) > _LONGEST_FEDERATED:
            raise invalid_value(name, "FederatedIdentityCredential")
    return {
        "id": entry_id,
        "name": sent["name"],
        "issuer": sent["issuer"],
        "subject": sent["subject"],
        "description": sent.get("description"),
        "audiences": audiences,
    }


def _check_federated_pair(entries: list[Entity], entry: Entity) -> None:
    pair = (entry["issuer"], entry["subject"])
    if any(other["id"] != entry["id"] and (other["issuer"], other["subject"]) == pair for other in entries):
        raise bad_request("Issuer and subject combination already exists for this application.")
