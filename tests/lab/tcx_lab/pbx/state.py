# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one PBX of the lab remembers. Made on its first request; defaults are shared between all PBXs (see defaults.py)."""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tcx_lab.evidence import Switches
from tcx_lab.pbx import defaults
from tcx_lab.pbx.model import Model, model_of

if TYPE_CHECKING:
    from tcx_lab.clock import SkewedClock
    from tcx_lab.world import Pbx, World

Entity = dict[str, Any]

OWNER = "system_owners"
SECRET_FIELDS = ("AccessPassword", "AuthID", "AuthPassword", "DeskphonePassword", "SIPID", "VMPIN")


@dataclass(slots=True)
class AccessToken:
    """A bearer token of XAPI that was issued and not superseded."""

    text: str
    subject: str  # client id of a service principal, or extension number
    role: str
    expires: float  # Unix time by the PBX's clock
    service_principal: bool


@dataclass(slots=True)
class Session:
    """A refresh token: one row of /SecurityTokens and one browser's cookie."""

    id: int
    token: str
    number: str
    grant: str  # Password | Sso
    created: datetime
    used: datetime
    expires: datetime
    address: str
    user_agent: str
    revoked: datetime | None = None
    reason: str | None = None
    revoked_by: str | None = None


@dataclass(slots=True)
class SyncState:
    """Where the user sync stands. Times are Unix times of the PBX's clock."""

    due: float | None = None  # None: nothing planned
    polls: int = 0  # listings of users still to come before it runs
    last: float | None = None
    mapped: dict[str, int] = field(default_factory=dict)  # Entra object id -> id of the extension
    photos: dict[str, bytes] = field(default_factory=dict)  # ContactImage -> JPEG


@dataclass(slots=True)
class Presence:
    """The delegated token of the presence account."""

    token: str
    account: str
    expires: float


class PbxState:
    """All of one PBX but what `world.Pbx` says about it. `role`, `reachable` ... are for scenarios to set."""

    def __init__(self, world: World, pbx: Pbx) -> None:
        self.world = world
        self.pbx = pbx
        self.role = OWNER  # of the service principal in the inventory
        self.reachable = True  # Microsoft's change notifications reach the HTTPS port
        self.certificate_valid = True  # ... and find a public certificate that they accept
        self.license_active = True
        self.maintenance_days = 200  # until the maintenance ends; negative: expired
        self.max_user_extensions = 500
        self.number_length = 3
        self.dns: dict[str, bool] = {}  # names beside the FQDN and whether they lead to this PBX
        self._ids = itertools.count(1)
        self.sessions: list[Session] = []
        self.tokens: dict[str, AccessToken] = {}  # by text
        self.failures: dict[str, int] = {}  # failed sign-ins by address
        self.pending: dict[str, dict[str, Any]] = {}  # OIDC state -> nonce and more
        self.presence: Presence | None = None
        self.sync = SyncState()
        self.blocklist: dict[int, Entity] = {}
        self.events: deque[Entity] = deque(maxlen=500)
        self.groups: dict[int, Entity] = {}
        self.users: dict[int, Entity] = {}
        self.principals: dict[int, Entity] = {}
        self.client_secrets: dict[str, str] = {}
        self.m365: Entity = {
            "Id": 0,
            "ApplicationId": "",
            "TenantId": "",
            "AdUsers": thawed(defaults.AD_USERS),
            "SharedMailboxesSync": thawed(defaults.SHARED_MAILBOXES),
        }
        self._singletons: dict[str, Entity] = {}
        self._populate()

    # --- who and when ---------------------------------------------------------------------------------------------------

    @property
    def model(self) -> Model:
        """The names of this PBX's build."""
        return model_of(self.pbx.release)

    @property
    def switches(self) -> Switches:
        """Positions of the assumed behaviors."""
        return self.world.switches

    @property
    def clock(self) -> SkewedClock:
        """The clock of this PBX, right or wrong."""
        return self.world.clock.skewed(self.pbx.clock_offset)

    @property
    def base_url(self) -> str:
        """The address that the PBX believes to be its own: https, FQDN, and the port unless it is 443."""
        port = "" if self.pbx.https_port == 443 else f":{self.pbx.https_port}"
        return f"https://{self.pbx.fqdn}{port}"

    def new_id(self) -> int:
        """A number no entity of this PBX has."""
        return next(self._ids)

    def secret(self, *parts: object, length: int = 16) -> str:
        """A throw-away secret that is the same for the same seed, PBX and purpose."""
        text = "/".join(map(str, (self.world.seed, self.pbx.name, *parts)))
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    # --- contents -------------------------------------------------------------------------------------------------------

    def _populate(self) -> None:
        self.add_group("DEFAULT").update(Number="GRP0000", IsDefault=True)
        admin = self.pbx.admin.username
        number, name = (admin, "Administrator") if admin.isdigit() else ("100", admin.partition("@")[0])
        mail = admin if "@" in admin else f"admin@{self.pbx.name}.example"
        self.add_user({"Number": number, "FirstName": name, "EmailAddress": mail}, role=OWNER)
        if self.pbx.client_id:
            self.add_principal(self.pbx.client_id)

    def default_group(self) -> int:
        """The id of the department that new users belong to."""
        return next(key for key, group in self.groups.items() if group["IsDefault"])

    def add_user(self, properties: Mapping[str, Any], *, role: str = "users") -> Entity:
        """A new extension with every default; `Number` must be given and free."""
        entity_id = self.new_id()
        user: Entity = {**thawed(defaults.USER), "PrimaryGroupId": self.default_group(), **properties, "Id": entity_id}
        number = user["Number"]
        for name in SECRET_FIELDS:
            user.setdefault(name, self.secret(number, name, length=4 if name == "VMPIN" else 16))
        user["DisplayName"] = display_name(user)
        user["lab.role"] = role
        user.setdefault("Groups", [])
        if not user["Groups"]:
            user["Groups"] = [self.membership(user["PrimaryGroupId"], role)]
        self.users[entity_id] = user
        return user

    def add_group(self, name: str) -> Entity:
        """A new department."""
        entity_id = self.new_id()
        group: Entity = {**defaults.GROUP, "Id": entity_id, "Name": name, "Number": f"GRP{entity_id:04d}"}
        self.groups[entity_id] = group
        return group

    def membership(self, group_id: int, role: str) -> Entity:
        """One entry of a user's or a service principal's Groups."""
        group = self.groups[group_id]
        rights = {"RoleName": role}
        return {"GroupId": group_id, "Name": group["Name"], "Number": group["Number"], "Rights": rights}

    def add_principal(self, client_id: str) -> Entity:
        """A service principal of XAPI, without a secret yet."""
        entity_id = self.new_id()
        principal: Entity = {
            "Id": entity_id,
            "Number": client_id,
            "XAPIEnabled": True,
            "CallControlEnabled": False,
            "MyPhoneEnabled": False,
            "IsSystem": False,
            "TranscriptionMode": "Inherit",
            "Groups": [self.membership(self.default_group(), self.role)],
            "Peers": [],
        }
        self.principals[entity_id] = principal
        return principal

    def secret_of(self, client_id: str) -> str | None:
        """The secret of a service principal; None when it has none."""
        return self.pbx.client_secret if client_id == self.pbx.client_id else self.client_secrets.get(client_id)

    def set_secret(self, client_id: str, secret: str) -> None:
        """Give a service principal a new secret; the old one is gone."""
        if client_id == self.pbx.client_id:
            self.pbx.client_secret = secret
        else:
            self.client_secrets[client_id] = secret

    @property
    def ad_users(self) -> Entity:
        """The settings of the user sync; empty when they were set to null."""
        return self.m365["AdUsers"] or {}

    def singleton(self, name: str) -> Entity:
        """A settings entity of this PBX that may be changed: google, mail, teams, anti_hacking or console."""
        settings = self._singletons.get(name)
        if settings is None:
            shared = {
                "google": defaults.GOOGLE,
                "mail": defaults.MAIL,
                "teams": defaults.TEAMS,
                "anti_hacking": defaults.ANTI_HACKING,
                "console": defaults.CONSOLE,
            }[name]
            settings = self._singletons[name] = thawed(shared)
        return settings

    def user_by_number(self, number: str) -> Entity | None:
        """The extension with a number."""
        return next((user for user in self.users.values() if user["Number"] == number), None)

    def users_by_email(self, *addresses: str) -> list[Entity]:
        """Extensions with one of these e-mail addresses, without regard to case."""
        folded = {address.lower() for address in addresses if address}
        return [user for user in self.users.values() if (user.get("EmailAddress") or "").lower() in folded]

    def numbers(self) -> set[str]:
        """All numbers in use."""
        return {entity["Number"] for part in (self.users, self.groups, self.principals) for entity in part.values()}

    def log_event(self, kind: str, source: str, message: str) -> None:
        """A row of /EventLogs; `kind` is Error, Warning or Info."""
        self.events.append(
            {
                "Id": self.new_id(),
                "EventId": {"Error": 3, "Warning": 2, "Info": 1}[kind],
                "Type": kind,
                "Source": source,
                "GroupName": "System",
                "Group": "GRP0000",
                "Message": message,
                "Params": [],
                "TimeGenerated": stamp(self.clock.now()),
            }
        )

    def license_ends(self) -> datetime:
        """When the maintenance ends."""
        return self.world.clock.now() + timedelta(days=self.maintenance_days)


def state_of(world: World, pbx: Pbx) -> PbxState:
    """The state of a PBX, made on first use."""
    if pbx.state is None:
        pbx.state = PbxState(world, pbx)
    state: PbxState = pbx.state
    return state


def display_name(user: Mapping[str, Any]) -> str:
    """First and last name as XAPI shows them."""
    return f"{user.get('FirstName') or ''} {user.get('LastName') or ''}".strip() or str(user["Number"])


def stamp(moment: datetime) -> str:
    """A date as XAPI writes it: ISO 8601, UTC, with Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def thawed(value: Any) -> Any:
    """A copy of a shared default that may be changed."""
    if isinstance(value, Mapping):
        return {name: thawed(part) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [thawed(part) for part in value]
    return value
