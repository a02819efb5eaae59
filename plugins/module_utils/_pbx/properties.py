# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every 3CX setting this collection manages, declared once.

Argument spec, reading, planning, gating by version and edition, and the table in ``docs/settings-by-version.md`` follow
from :data:`PROPERTIES` and are written nowhere else. Names, types and first releases are documented (3CX's OpenAPI
descriptions of 20.0.5 to 20.0.10); the edition an option needs comes from 3CX's manual and guide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._common.tree import dig
from .license import Edition
from .version import FIRST, Release

INTEGRATION = "Microsoft365Integration"
TEAMS = "Microsoft365TeamsIntegration"
MAIL = "MailSettings"

FLAG = "flag"
TEXT = "text"
NUMBER = "number"
GUID = "guid"
CHOICE = "choice"
ACCOUNTS = "accounts"
BINDINGS = "bindings"

USERS = "users"
GROUPS = "groups"
MAILBOXES = "mailboxes"

BESIDES: dict[str, list[str]] = {
    MAIL: ["CanEditMailServerType"],
    TEAMS: ["SbcCertificate", "SbcPrivateKey", "SbcCertificateExpirationDate"],
}
"""What else is read of a resource; XAPI conceals the contents of files (documented: ``ConcealedDataFile``)."""

PBX_PROFILES: dict[str, str] = {"available": "Available", "away": "Away", "out_of_office": "OutOfOffice"}
"""Our word -> ``SynchronizedPbxProfile`` (documented)."""

M365_PROFILES: dict[str, str] = {
    "available": "Available",
    "busy": "Busy",
    "away": "Away",
    "available_idle": "AvailableIdle",
    "busy_idle": "BusyIdle",
    "do_not_disturb": "DoNotDisturb",
    "be_right_back": "BeRightBack",
    "in_meeting": "InMeeting",
    "in_call": "InCall",
}
"""Our word -> ``SynchronizedM365Profile`` (documented)."""

SCOPES: dict[Any, str] = {
    "all": "SyncAllUsers",
    "all_except": "SyncAllUsersExceptSelected",
    "selected": "SyncSelected",
    "groups": "SyncSelectedGroups",
}
"""Our word -> ``IntegrationSyncType`` (documented)."""

SINCE_GROUPS = Release(20, 0, 9)


@dataclass(frozen=True)
class Property:
    """One setting.

    :param option: the module's option, dotted when nested.
    :param field: where XAPI keeps it in ``resource``, dotted when nested.
    :param since: the first release that has the field; sending it to an older one is refused as a whole.
    :param edition: the least edition that may switch it on; switching off is always allowed.
    :param values: our word -> XAPI's word.
    :param values_since: our words that came later than the field.
    :param directory: which listing of Microsoft 365 resolves the names (:data:`ACCOUNTS`).
    :param sides: the words of ``from`` and ``to`` (:data:`BINDINGS`).
    """

    option: str
    field: str
    kind: str
    about: str
    resource: str = INTEGRATION
    since: Release = FIRST
    edition: Edition | None = None
    values: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    values_since: Mapping[str, Release] = dataclasses.field(default_factory=dict)
    directory: str = ""
    sides: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    aliases: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The option this one is nested in, or nothing."""
        return self.option.rpartition(".")[0]

    @property
    def name(self) -> str:
        return self.option.rpartition(".")[2]

    def spec(self) -> dict[str, Any]:
        """The entry of an argument spec."""
        if self.kind == FLAG:
            return {"type": "bool", "aliases": list(self.aliases)} if self.aliases else {"type": "bool"}
        if self.kind == NUMBER:
            return {"type": "int"}
        if self.kind == CHOICE:
            return {"type": "str", "choices": list(self.values)}
        if self.kind == ACCOUNTS:
            return {"type": "list", "elements": "str"}
        if self.kind == BINDINGS:
            origin, goal = self.sides
            sides = {
                "from": {"type": "str", "required": True, "choices": list(origin)},
                "to": {"type": "str", "required": True, "choices": list(goal)},
            }
            return {"type": "list", "elements": "dict", "options": sides}
        return {"type": "str"}


def _user_sync(name: str, xapi: str, about: str, kind: str = FLAG, **more: Any) -> Property:
    return Property(f"user_sync.{name}", f"AdUsers.{xapi}", kind, about, **more)


def _teams(name: str, xapi: str, kind: str, about: str) -> Property:
    return Property(f"teams.{name}", xapi, kind, about, resource=TEAMS, edition=Edition.ENTERPRISE)


PROPERTIES: tuple[Property, ...] = (
    Property(
        "application_id", "ApplicationId", GUID, "Application (client) ID of the app registration that the PBX uses."
    ),
    Property("tenant_id", "TenantId", GUID, "Tenant whose users the PBX works with, by ID or domain."),
    _user_sync("enabled", "IsEnabled", "Whether extensions are created and updated from users of Microsoft 365."),
    _user_sync(
        "scope",
        "SyncType",
        "Which users are synchronized. V(all) of them, V(all_except) those in O(user_sync.users), the "
        "V(selected) ones in O(user_sync.users), or the members of O(user_sync.groups).\n"
        "V(groups) needs 3CX 20.0.9.",
        CHOICE,
        values=SCOPES,
        values_since={"groups": SINCE_GROUPS},
    ),
    _user_sync(
        "users",
        "SelectedUsers",
        "Users that O(user_sync.scope) speaks of, by user principal name, mail address or object ID.\n"
        "The PBX itself looks them up. Those that it does not find are an error that names all of them.\n"
        "A PBX that is not linked to its application yet is linked before it looks them up; check mode tells that they were not checked.",
        ACCOUNTS,
        directory=USERS,
    ),
    _user_sync(
        "groups",
        "SelectedGroups",
        "Groups that O(user_sync.scope) speaks of, by name or object ID. Needs 3CX 20.0.9, and an "
        "application that may read groups.",
        ACCOUNTS,
        directory=GROUPS,
        since=SINCE_GROUPS,
    ),
    _user_sync(
        "starting_extension",
        "StartingExtensionNumber",
        "The first extension number given to new users. It must have as many digits as the PBX's extensions have. "
        "Write it in quotes, because YAML changes numbers with a leading zero.",
        TEXT,
    ),
    _user_sync("photo", "IsSyncPhoto", "Whether the users' photos are synchronized."),
    _user_sync("office_phone", "IsSyncOfficePhone", "Whether office phone numbers are synchronized."),
    _user_sync("departments", "IsSyncDepartments", "Whether departments are synchronized."),
    _user_sync(
        "details",
        "IsSyncDetails",
        "Whether further details of the users are synchronized. Needs 3CX 20.0.6.",
        since=Release(20, 0, 6),
    ),
    _user_sync("guests", "SyncGuestUsers", "Whether guests of the tenant are synchronized as well."),
    Property(
        "sign_in.enabled",
        "AdUsers.EnableSSO",
        FLAG,
        "Whether it is offered. It is then open to all synchronized users but those who are opted out.",
    ),
    Property(
        "contact_sync.enabled",
        "AdUsers.SyncPersonalContacts",
        FLAG,
        "Whether it is on. Needs a Professional or Enterprise license.",
        edition=Edition.PROFESSIONAL,
    ),
    Property(
        "shared_mailboxes.enabled",
        "SharedMailboxesSync.IsEnabled",
        FLAG,
        "Whether it is on. Needs a Professional or Enterprise license.",
        edition=Edition.PROFESSIONAL,
    ),
    Property(
        "shared_mailboxes.scope",
        "SharedMailboxesSync.SyncType",
        CHOICE,
        "Which shared mailboxes are synchronized.",
        values={word: SCOPES[word] for word in ("all", "all_except", "selected")},
    ),
    Property(
        "shared_mailboxes.mailboxes",
        "SharedMailboxesSync.SelectedUsers",
        ACCOUNTS,
        "The mailboxes that O(shared_mailboxes.scope) speaks of, by mail address or object ID.",
        directory=MAILBOXES,
    ),
    Property(
        "calendar_sync.enabled",
        "AdUsers.SyncEvents",
        FLAG,
        "Whether it is on. Needs a Professional or Enterprise license.",
        edition=Edition.PROFESSIONAL,
    ),
    Property(
        "presence.enabled",
        "AdUsers.SetTeamsPresence",
        FLAG,
        "Whether the PBX sets presence in Teams.",
        aliases=("set_teams_presence",),
    ),
    Property(
        "presence.pbx_to_m365_busy",
        "AdUsers.StatusSyncConfiguration.PBXToM365Busy",
        FLAG,
        "Whether a user who is in a call of the PBX is shown as busy.",
    ),
    Property(
        "presence.pbx_to_m365",
        "AdUsers.StatusSyncConfiguration.PBXToM365Bindings",
        BINDINGS,
        "Which status of the PBX sets which presence.",
        sides=(PBX_PROFILES, M365_PROFILES),
    ),
    Property(
        "presence.m365_to_pbx",
        "AdUsers.StatusSyncConfiguration.M365ToPbxBindings",
        BINDINGS,
        "Which presence sets which status of the PBX.",
        sides=(M365_PROFILES, PBX_PROFILES),
    ),
    Property(
        "mail.microsoft365",
        "MailServerType",
        FLAG,
        "Whether it is sent through Microsoft 365. V(false) returns to the mail server of 3CX if it is, "
        "and changes nothing if another server is configured. Needs 3CX 20.0.7.",
        resource=MAIL,
        since=Release(20, 0, 7),
        values={True: "MS365", False: "Tcx"},
    ),
    _teams("enabled", "Enabled", FLAG, "Whether it is on."),
    _teams(
        "sbc_fqdn",
        "SbcFQDN",
        TEXT,
        "Name under which Teams reaches the PBX. The PBX checks that it leads to itself, before anything is written.",
    ),
    _teams(
        "native_fqdn", "IsNativeFQDN", FLAG, "Whether the PBX's own name is used instead of a name of the customer."
    ),
    _teams("tls_port_native_fqdn", "TlsPortForNativeFQDN", NUMBER, "TLS port when the PBX's own name is used."),
    _teams("tls_port", "TlsPortForNonNativeFQDN", NUMBER, "TLS port when a name of the customer is used."),
    _teams("dynamic_ip", "IsDynamicIP", FLAG, "Whether the public address of the PBX is dynamic."),
    _teams("sip_domain", "SipDomain", TEXT, "SIP domain of the users in Teams."),
    _teams("secure_sip", "SecureSipEnabled", FLAG, "Whether Secure SIP is used towards Teams."),
    _teams("dial_plan_code", "DialPlanCode", TEXT, "Country code of the dial plan."),
    _teams("area_code", "AreaCode", TEXT, "Area code of the dial plan."),
)

BY_OPTION: dict[str, Property] = {setting.option: setting for setting in PROPERTIES}


def of_resource(resource: str) -> list[Property]:
    """The properties that live in one resource of XAPI."""
    return [setting for setting in PROPERTIES if setting.resource == resource]


def argument_spec(extra: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The options of all properties, nested as they are documented.

    :param extra: further suboptions by group, for what is not a property (``{"sign_in": {"opt_out": {...}}}``).
    """
    spec: dict[str, dict[str, Any]] = {}
    for setting in PROPERTIES:
        if not setting.group:
            spec[setting.name] = setting.spec()
            continue
        group = spec.setdefault(setting.group, {"type": "dict", "options": {}})
        group["options"][setting.name] = setting.spec()
    for name, options in extra.items():
        spec.setdefault(name, {"type": "dict", "options": {}})["options"].update(options)
    return spec


def desired_from(params: Mapping[str, Any]) -> dict[str, Any]:
    """What is mentioned, by option: ``{"user_sync.photo": True}``. An option left out (null) is not in it."""
    desired = {}
    for setting in PROPERTIES:
        value = dig(params, setting.option)
        if value is not None:
            desired[setting.option] = value
    return desired


def shape(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by option in the nested shape of the options."""
    shaped: dict[str, Any] = {}
    for option, value in values.items():
        group, _dot, name = option.rpartition(".")
        (shaped.setdefault(group, {}) if group else shaped)[name] = value
    return shaped


def read(setting: Property, entity: Mapping[str, Any]) -> Any:
    """The value of a property in our words."""
    value = dig(entity, setting.field)
    if setting.kind == FLAG:
        return value == setting.values[True] if setting.values else bool(value)
    if setting.kind in (TEXT, GUID):
        return value or ""
    if setting.kind == CHOICE:
        return _word(setting.values, value)
    if setting.kind == ACCOUNTS:
        return list(value or ())
    if setting.kind == BINDINGS:
        origin, goal = setting.sides
        return [{"from": _word(origin, pair.get("From")), "to": _word(goal, pair.get("To"))} for pair in value or ()]
    return value


def write(setting: Property, value: Any) -> Any:
    """The value of a property in XAPI's words; the reverse of :func:`read`."""
    if setting.values:
        return setting.values[value]
    if setting.kind == BINDINGS:
        origin, goal = setting.sides
        return [
            {"From": origin.get(pair["from"], pair["from"]), "To": goal.get(pair["to"], pair["to"])} for pair in value
        ]
    return value


def _word(words: Mapping[Any, str], value: Any) -> Any:
    """Our word for XAPI's; a word that a later release has added stays as it is."""
    return next((ours for ours, theirs in words.items() if theirs == value), value)


def read_all(resource: str, entity: Mapping[str, Any], release: Release) -> dict[str, Any]:
    """All properties of a resource that a release has, by option."""
    return {setting.option: read(setting, entity) for setting in of_resource(resource) if release >= setting.since}


def select(resource: str) -> Sequence[str]:
    """The top-level fields to ask XAPI for: complex properties come whole."""
    fields = [setting.field.split(".")[0] for setting in of_resource(resource)]
    return list(dict.fromkeys(fields + BESIDES.get(resource, [])))
