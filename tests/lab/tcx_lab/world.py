# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything the lab holds, in memory: tenants, PBXs, the automation app, and what happens to requests. No HTTP in here."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tcx_lab.clock import Clock
from tcx_lab.evidence import Switches
from tcx_lab.requestlog import RequestLog
from tcx_lab.trouble import Trouble

if TYPE_CHECKING:
    import httpx

    from tcx_lab.ca import KeyPair, KeyPool
    from tcx_lab.gdap import Partner

#: The application (client) id of Microsoft Graph, the same in every tenant and cloud (recorded).
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"


@dataclass
class Tenant:
    """One Entra tenant. Directory objects are dicts exactly as Graph shows them; key bytes and secrets are kept apart."""

    id: str  # GUID
    display_name: str
    domain: str  # contoso.example
    cloud: str = "public"  # public | usgov | usgov_dod | china
    clock_offset: float = 0.0  # seconds this tenant's servers are ahead of the lab's clock

    # --- directory (owned by graph/) -----------------------------------------------------------------------------------
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)  # object id -> application
    service_principals: dict[str, dict[str, Any]] = field(default_factory=dict)  # object id -> servicePrincipal
    app_role_assignments: dict[str, dict[str, Any]] = field(default_factory=dict)  # id -> appRoleAssignment
    oauth2_permission_grants: dict[str, dict[str, Any]] = field(default_factory=dict)  # id -> oauth2PermissionGrant
    deleted_items: dict[str, dict[str, Any]] = field(default_factory=dict)  # object id -> object with deletedDateTime
    users: dict[str, dict[str, Any]] = field(default_factory=dict)  # object id -> user
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)  # object id -> group
    group_members: dict[str, list[str]] = field(default_factory=dict)  # group object id -> user object ids
    photos: dict[str, bytes] = field(default_factory=dict)  # user object id -> JPEG
    secrets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """application object id -> [{keyId, secretText, endDateTime}]"""
    key_bytes: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """application object id -> {keyId: DER of the certificate}"""
    owners: dict[str, list[str]] = field(default_factory=dict)  # object id of app or SP -> object ids of its owners
    federated_credentials: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """application object id -> federatedIdentityCredentials"""
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)  # id -> change notification subscription
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)  # id -> appManagementPolicy
    default_policy: dict[str, Any] | None = None  # tenantAppManagementPolicy; None: the service's default
    policy_assignments: dict[str, list[str]] = field(default_factory=dict)  # app or SP object id -> policy ids
    grants_of_deleted: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)  # by service principal
    directory_roles: dict[str, list[str]] = field(default_factory=dict)  # principal object id -> role display names
    directory: Any = None  # indexes and versions over the objects above: tcx_lab.graph.store.directory_of

    # --- sign-in (owned by entra/) -------------------------------------------------------------------------------------


@dataclass
class Administrator:
    """A PBX administrator's login for the console (password may come with a TOTP secret, base32)."""

    username: str
    password: str
    totp_secret: str | None = None


@dataclass
class Pbx:
    """One 3CX phone system. `tenant_id` is where its users live; what is configured on it is state of pbx/."""

    name: str
    version: str  # full build, "20.0.10.731"
    edition: str  # Standard | Professional | Enterprise
    tenant_id: str
    client_id: str  # XAPI service principal
    client_secret: str
    admin: Administrator
    port: int = 0  # TCP port on 127.0.0.1; filled when the lab binds its sockets
    https_port: int = 0  # what the PBX believes its HTTPS port is; the same as `port` unless a scenario says otherwise
    fqdn: str = "localhost"
    simultaneous_calls: int = 16
    down: bool = False  # connections are refused
    clock_offset: float = 0.0  # seconds this PBX is ahead of the lab's clock
    key_pair: KeyPair | None = None  # the pair of the guide's "Generate new key pair"; made on first use

    # --- inventory (owned by inventory.py): what the operator believes, right or wrong ---------------------------------
    inventory_vars: dict[str, Any] = field(default_factory=dict)  # extra or overriding host variables
    trouble: tuple[str, ...] = ()  # what its fleet planned for it: names of fleet.TROUBLES
    expected: str = "compliant"  # verdict of a compliance run after a rollout (and after POST /_lab/drift)

    # --- hostile mode (owned by hostile.py): what the PBX says instead of the truth, by property ------------------------
    lies: dict[str, Any] = field(default_factory=dict)

    # --- XAPI state (owned by pbx/) ------------------------------------------------------------------------------------
    state: Any = None  # whatever pbx/ keeps; made by `tcx_lab.pbx.prepare_pbx`

    @property
    def release(self) -> tuple[int, int, int]:
        """(20, 0, 10) of "20.0.10.731"."""
        major, minor, update = self.version.split(".")[:3]
        return int(major), int(minor), int(update)

    @property
    def url(self) -> str:
        """Base URL the operator uses."""
        return f"https://127.0.0.1:{self.port}"


#: What the collection's README asks for, and no more: a test that needs another right asks for it.
README_PERMISSIONS = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")


@dataclass
class Automation:
    """The automation's own application: multi-tenant, one service principal with its permissions in each tenant."""

    app_id: str
    object_id: str
    home_tenant_id: str
    client_secret: str
    display_name: str = "tcx automation"
    permissions: tuple[str, ...] = README_PERMISSIONS
    key_pair: KeyPair | None = None  # certificate credential, made on first use
    service_principals: dict[str, str] = field(default_factory=dict)  # tenant id -> object id of the service principal


@dataclass
class Endpoints:
    """Base URLs without a trailing slash, filled by the server once the ports are known."""

    login: str = "https://localhost:1"
    graph: str = "https://localhost:2"
    management: str = "https://localhost:3"


@dataclass
class World:
    """The whole state of one lab. Nothing in the package is global, so several worlds can live in one process."""

    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    switches: Switches = field(default_factory=Switches)
    tenants: dict[str, Tenant] = field(default_factory=dict)  # by tenant id
    pbxs: dict[str, Pbx] = field(default_factory=dict)  # by name
    endpoints: Endpoints = field(default_factory=Endpoints)
    automation: Automation | None = None
    partner: Partner | None = None  # whose customers some of the tenants are: tcx_lab.partner.arrange
    latency: float = 0.0  # seconds added to every request that does not come from inside the lab
    rng: random.Random = field(init=False)
    trouble: Trouble = field(init=False)
    log: RequestLog = field(init=False)
    key_pool: KeyPool | None = None  # made on first use by ca.pool_of(world)
    origin: Callable[[], World] | None = None  # makes this world as it was at first; set by who built it from a plan
    internal_client_factory: Callable[[str], httpx.AsyncClient] | None = None  # set by switchboard.connect_inside
    _ports: dict[int, Pbx] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.trouble = Trouble(self.seed)
        self.log = RequestLog(self.clock)

    def new_guid(self) -> str:
        """A GUID from the seed: the same world gets the same ids."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def new_secret(self, length: int = 40) -> str:
        """A throw-away secret from the seed."""
        return "".join(self.rng.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789~_-.", k=length))

    def add_tenant(self, tenant: Tenant) -> Tenant:
        """Put a tenant into the world."""
        self.tenants[tenant.id] = tenant
        return tenant

    def add_pbx(self, pbx: Pbx) -> Pbx:
        """Put a PBX into the world; its name must be free."""
        if pbx.name in self.pbxs:
            raise ValueError(f"there are two PBXs called {pbx.name!r}")
        self.pbxs[pbx.name] = pbx
        if pbx.port:
            self.place(pbx, pbx.port)
        return pbx

    def place(self, pbx: Pbx, port: int) -> None:
        """Say on which port a PBX listens; `https_port` follows unless it was set to another one."""
        self._ports.pop(pbx.port, None)
        if pbx.https_port in (0, pbx.port):
            pbx.https_port = port
        pbx.port = port
        self._ports[port] = pbx

    def pbx_on(self, port: int) -> Pbx | None:
        """The PBX that listens on a port."""
        return self._ports.get(port)

    def find_tenant(self, id_or_domain: str) -> Tenant | None:
        """A tenant by id or by one of its domain names, as the login endpoint accepts both."""
        folded = id_or_domain.lower()
        tenant = self.tenants.get(folded)
        if tenant is not None:
            return tenant
        return next((other for other in self.tenants.values() if other.domain.lower() == folded), None)

    def take_over(self, fresh: World) -> None:
        """Become another world of the same plan; ports, addresses and keys stay. Log, trouble and clock begin anew."""
        for name, pbx in fresh.pbxs.items():
            pbx.port = self.pbxs[name].port
        for name in ("seed", "switches", "tenants", "pbxs", "automation", "partner", "latency", "rng"):
            setattr(self, name, getattr(fresh, name))
        for tenant in self.tenants.values():
            tenant.directory = None  # it was made for the other world
        self._ports = {pbx.port: pbx for pbx in self.pbxs.values()}
        self.clock.advance(fresh.clock.time() - self.clock.time())
        self.trouble.clear()
        self.log.clear()

    def internal_client(self, source: str) -> httpx.AsyncClient:
        """A client for requests that stay inside the lab (no socket), logged with `source`, for example "pbx:acme".

        URLs that begin with one of `endpoints` or with a PBX's address reach the same apps as everybody's requests.
        """
        if self.internal_client_factory is None:
            raise RuntimeError("this world has no apps yet: call tcx_lab.switchboard.connect_inside(world)")
        return self.internal_client_factory(source)
