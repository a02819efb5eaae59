# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hostile mode: a PBX that lies, and a user of a tenant who sets traps. See "Hostile" in README.md.

Neither can do more than in reality. A PBX says what it likes about itself and about the tenant it is linked to. An ordinary
user, guests included by default, may register applications, under a free `uniqueName` too, and owns them from then on; of an
application that he does not own he can change nothing (documented: default user permissions of Microsoft Entra ID). What an
administrator of the tenant does is asked for explicitly.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import hashes

from tcx_lab import ca, graph
from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import seed
from tcx_lab.graph.store import directory_of
from tcx_lab.world import GRAPH_APP_ID

if TYPE_CHECKING:
    import httpx

    from tcx_lab.world import Pbx, Tenant, World

Entity = dict[str, Any]


def lie(pbx: Pbx, **lies: Any) -> None:
    """From now on the PBX answers these properties instead of what is true, wherever they stand in an answer of XAPI.

    `FQDN`, `HttpsPort`, `ApplicationId`, `TenantId`, `ExceptionMessage` ...: any name, any JSON value. What it really does
    is not changed: it still signs in with its own key, to the application that it is really linked to.
    """
    pbx.lies = {**pbx.lies, **lies}


def be_honest(pbx: Pbx) -> None:
    """End all lies of a PBX."""
    pbx.lies = {}


def told(pbx: Pbx, answer: Any) -> Any:
    """What a PBX answers, with its lies in place of the truth."""
    if not pbx.lies:
        return answer
    if isinstance(answer, Mapping):
        return {name: pbx.lies[name] if name in pbx.lies else told(pbx, value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [told(pbx, item) for item in answer]
    return answer


@dataclass
class Intruder:
    """A user of a tenant, by default a guest, who registers applications and waits for somebody to give them rights."""

    world: World
    tenant: Tenant
    guest: bool = True
    user: Entity = field(init=False)
    pairs: list[ca.KeyPair] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mailbox = "eve_evil.example#EXT#" if self.guest else "eve"
        more = {"userType": "Guest"} if self.guest else {}
        self.user = seed.add_user(self.world, self.tenant, mailbox, "Eve", "Evil", **more)

    @evidence(
        Grade.DOCUMENTED, "default user permissions: users can register applications; the creator becomes the owner"
    )
    def register(self, display_name: str, **properties: Any) -> Entity:
        """An application of his own, with any properties: unique name, tags, redirect URIs. Raises GraphError."""
        made = seed.create_application(self.world, self.tenant, display_name, **properties)
        self.tenant.owners[made["id"]] = [self.user["id"]]
        return made

    def add_secret(self, application: Entity) -> str:
        """A client secret on an application that he owns; returns its text. Raises PermissionError."""
        self._check_owner(application)
        text = seed.add_secret(self.world, self.tenant, application["id"])
        self.secrets[application["appId"]] = text
        return text

    def add_certificate(self, application: Entity, **properties: Any) -> str:
        """A certificate of his own; `properties` such as a display name that looks like somebody else's."""
        self._check_owner(application)
        pair = ca.make_key_pair(self.world, "eve")
        self.pairs.append(pair)
        key_id = seed.add_certificate(self.world, self.tenant, application["id"], pair.certificate)
        for entry in self.tenant.applications[application["id"]]["keyCredentials"]:
            if entry["keyId"] == key_id:
                entry.update(properties)
        return pair.thumbprint

    def set_tags(self, application: Entity, *tags: str) -> None:
        """Tags, which every owner can set."""
        self._check_owner(application)
        graph.patch_application(self.world, self.tenant, application["id"], {"tags": list(tags)})

    def leave(self, application: Entity) -> None:
        """Take himself off the owners, so that nobody sees him there."""
        self.tenant.owners[application["id"]] = [
            owner_id for owner_id in self.tenant.owners.get(application["id"], ()) if owner_id != self.user["id"]
        ]

    def become_owner(self, application: Entity) -> None:
        """What he does not get by himself: somebody with the right made him an owner."""
        self.tenant.owners.setdefault(application["id"], []).append(self.user["id"])

    def _check_owner(self, application: Entity) -> None:
        if self.user["id"] not in self.tenant.owners.get(application["id"], ()):
            raise PermissionError("only an owner can change an application")


def add_federated(world: World, tenant: Tenant, object_id: str, name: str = "ci") -> None:
    """A federated credential on an application: whoever controls that issuer signs in as the application."""
    entry = {
        "id": world.new_guid(),
        "name": name,
        "issuer": "https://token.evil.example",
        "subject": "repo:evil/evil",
        "description": None,
        "audiences": ["api://AzureADTokenExchange"],
    }
    tenant.federated_credentials.setdefault(object_id, []).append(entry)


def vendor_application(
    world: World, tenant: Tenant, display_name: str = "Entra Backup", roles: Iterable[str] = (), **properties: Any
) -> Entity:
    """An application of another vendor, with its own secret, certificate and wide rights."""
    made = seed.create_application(world, tenant, display_name, **properties)
    seed.add_secret(world, tenant, made["id"])
    seed.add_certificate(world, tenant, made["id"], ca.make_key_pair(world, "vendor").certificate)
    principal = seed.ensure_service_principal(world, tenant, made)
    seed.grant_app_roles(
        world,
        tenant,
        principal["id"],
        roles or ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All"),
    )
    return made


def sign_in(
    world: World, client: httpx.Client, tenant: Tenant, app_id: str, proof: ca.KeyPair | str
) -> frozenset[str] | None:
    """What somebody who holds a key pair or a client secret really gets: the roles in the token that Entra issues.

    `None` where Entra refuses. `client` trusts the lab (`Lab.client()`).
    """
    endpoint = f"{world.endpoints.login}/{tenant.id}/oauth2/v2.0/token"
    form = {
        "client_id": app_id,
        "grant_type": "client_credentials",
        "scope": f"{world.endpoints.graph}/.default",
    }
    if isinstance(proof, str):
        form["client_secret"] = proof
    else:
        form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        form["client_assertion"] = signed_assertion(proof, app_id, endpoint, int(world.clock.time()))
    answer = client.post(endpoint, data=form)
    if answer.status_code != 200:
        return None
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    return frozenset(claims.get("roles") or ())


def signed_assertion(pair: ca.KeyPair, app_id: str, audience: str, now: int) -> str:
    """The JWT with which the holder of a key pair says that he is an application."""
    thumbprint = base64.urlsafe_b64encode(pair.certificate.fingerprint(hashes.SHA1())).rstrip(b"=").decode()
    claims = {
        "aud": audience,
        "iss": app_id,
        "sub": app_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "iat": now,
        "exp": now + 600,
    }
    return jwt.encode(claims, pair.private_key, algorithm="RS256", headers={"x5t": thumbprint})


def granted_roles(world: World, tenant: Tenant, app_id: str) -> set[str]:
    """Names of the application permissions of Graph that an application really has in a tenant."""
    directory = directory_of(world, tenant)
    resource = directory.find_real("servicePrincipals", "appId", GRAPH_APP_ID)
    principal = directory.find_real("servicePrincipals", "appId", app_id)
    if resource is None or principal is None:
        return set()
    names = {role["id"]: role["value"] for role in resource["appRoles"]}
    held = tenant.app_role_assignments.values()
    return {
        names[assignment["appRoleId"]]
        for assignment in held
        if assignment["principalId"] == principal["id"] and assignment["appRoleId"] in names
    }
