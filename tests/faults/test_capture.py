# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is configured, and whoever has made the application: with the captured variables a rollout finds no change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import TARGET, Ground, ground
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as some
from tcx_lab import ca
from tcx_lab.fleet import BUILDS
from tcx_lab.graph import seed
from tcx_lab.pbx import patch_pbx, state_of

Json = dict[str, Any]

EXAMPLES = int(os.environ.get("TCX_CAPTURE_EXAMPLES", "20"))
ROLES = ("User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send", "Group.Read.All", "Presence.ReadWrite.All")
HOSTILE = (
    "{{ lookup('pipe', 'touch /tmp/captured') }}",
    "yes",
    "0123",
    "a: b",
    "# x",
    "'",
    "\u202e\u0007",
    "é ß 漢",
    "=1+1",
)
_SCOPES = ("SyncAllUsers", "SyncAllUsersExceptSelected", "SyncSelected")
_PBX_STATUS = ("Available", "Away", "OutOfOffice")
_M365_STATUS = ("Available", "Busy", "Away", "DoNotDisturb", "InMeeting")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("capture")) as found:
        yield found


def flags(*names: str) -> some.SearchStrategy[Json]:
    return some.fixed_dictionaries({name: some.booleans() for name in names})


def bindings(origin: tuple[str, ...], goal: tuple[str, ...]) -> some.SearchStrategy[list[Json]]:
    pair = some.fixed_dictionaries({"From": some.sampled_from(origin), "To": some.sampled_from(goal)})
    return some.lists(pair, max_size=3, unique_by=lambda each: each["From"])


@some.composite
def settings_of_a_pbx(draw: some.DrawFn) -> Json:
    """What somebody may have configured on it, by whatever means."""
    update = draw(some.sampled_from(sorted(BUILDS)))
    users = draw(
        flags("EnableSSO", "IsEnabled", "IsSyncDepartments", "IsSyncOfficePhone", "IsSyncPhoto", "SetTeamsPresence")
    )
    users |= draw(flags("SyncEvents", "SyncGuestUsers", "SyncPersonalContacts"))
    if update != "20.0.5":
        users |= draw(flags("IsSyncDetails"))
    newest = update in ("20.0.9", "20.0.10")
    users["SyncType"] = draw(some.sampled_from((*_SCOPES, "SyncSelectedGroups") if newest else _SCOPES))
    users["StartingExtensionNumber"] = draw(some.sampled_from(("200", "010", "", "900")))
    if draw(some.booleans()):
        users["StatusSyncConfiguration"] = {
            "PBXToM365Busy": draw(some.booleans()),
            "PBXToM365Bindings": draw(bindings(_PBX_STATUS, _M365_STATUS)),
            "M365ToPbxBindings": draw(bindings(_M365_STATUS, _PBX_STATUS)),
        }
    return {
        "update": update,
        "edition": draw(some.sampled_from(("Standard", "Professional", "Enterprise"))),
        "AdUsers": users,
        "chosen": draw(some.integers(0, 2)),
        "SharedMailboxesSync": {
            "IsEnabled": draw(some.booleans()),
            "SyncType": draw(some.sampled_from(_SCOPES)),
        },
        "mail": {"MailServerType": draw(some.sampled_from(("Tcx", "MS365", "Custom")))},
        "teams": draw(flags("Enabled", "IsDynamicIP", "IsNativeFQDN", "SecureSipEnabled"))
        | {
            "DialPlanCode": draw(some.sampled_from(("", "49", "0049"))),
            "AreaCode": draw(some.sampled_from(("", "030"))),
            "SipDomain": draw(some.sampled_from(("", "sip.example", *HOSTILE))),
            "TlsPortForNativeFQDN": draw(some.integers(1025, 65535)),
        },
    }


@some.composite
def applications(draw: some.DrawFn) -> Json:
    """An application as the rollout, 3CX's wizard, an administrator by hand, or another program leaves it."""
    maker = draw(some.sampled_from(("rollout", "wizard", "hand", "other")))
    declared = draw(some.lists(some.sampled_from(ROLES), unique=True))
    return {
        "maker": maker,
        "displayName": draw(some.sampled_from(("3CX Server-side", "3CX Phone System", *HOSTILE))),
        "signInAudience": draw(some.sampled_from(("AzureADMyOrg", "AzureADMultipleOrgs"))),
        "id_tokens": draw(some.booleans()),
        "public_client": draw(some.sampled_from((True, False, None))),
        "more_uris": draw(
            some.lists(some.sampled_from(("https://a.example/x", "https://b.example/y?z=1")), unique=True)
        ),
        "own_uri": draw(some.booleans()),
        "notes": draw(some.sampled_from((None, "", "by hand", *HOSTILE))),
        "declared": declared,
        "granted": draw(some.one_of(some.just(declared), some.lists(some.sampled_from(ROLES), unique=True))),
        "principal": draw(some.booleans()),
        "marked": draw(some.booleans()),
    }


def register(made: Ground, wanted: Json) -> str:
    """The application, made by whom it says; returns its application (client) id."""
    world, tenant, pbx = made.world, made.tenant, made.pbx()
    own = f"{state_of(world, pbx).base_url}/oauth2office2"
    catalog = next(each for each in tenant.service_principals.values() if each["displayName"] == "Microsoft Graph")
    ids = {each["value"]: each["id"] for each in catalog["appRoles"]}
    access = [{"id": ids[name], "type": "Role"} for name in wanted["declared"]]
    found = seed.create_application(
        world,
        tenant,
        wanted["displayName"],
        signInAudience=wanted["signInAudience"],
        isFallbackPublicClient=wanted["public_client"],
        notes=wanted["notes"],
        tags=["tcx.m365"] if wanted["marked"] else [],
        web={
            "redirectUris": [*([own] if wanted["own_uri"] else []), *wanted["more_uris"]],
            "implicitGrantSettings": {"enableIdTokenIssuance": wanted["id_tokens"]},
        },
        requiredResourceAccess=[{"resourceAppId": catalog["appId"], "resourceAccess": access}] if access else [],
    )
    seed.add_certificate(world, tenant, found["id"], ca.key_pair_of(world, pbx).certificate)
    if wanted["principal"] or wanted["granted"]:
        principal = seed.ensure_service_principal(world, tenant, found)
        seed.grant_app_roles(world, tenant, principal["id"], wanted["granted"])
    return str(found["appId"])


def configure(made: Ground, wanted: Json) -> None:
    world, pbx = made.world, made.pbx()
    pbx.version, pbx.edition = BUILDS[wanted["update"]], wanted["edition"]
    chosen = list(made.tenant.users)[: wanted["chosen"]]
    changes: Json = {name: wanted[name] for name in ("AdUsers", "SharedMailboxesSync", "teams")}
    changes["AdUsers"] = {**changes["AdUsers"], "SelectedUsers": chosen}
    changes["SharedMailboxesSync"] = {**changes["SharedMailboxesSync"], "SelectedUsers": chosen}
    if wanted["update"] not in ("20.0.5", "20.0.6"):
        changes["mail"] = wanted["mail"]
    patch_pbx(world, pbx, changes)


@given(settings_of_a_pbx(), applications())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # each example takes three runs, and shrinking hundreds of them
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_a_rollout_with_what_was_captured_changes_nothing(made: Ground, wanted: Json, application: Json) -> None:
    frozen = made.freeze()
    try:
        if application["maker"] == "rollout":
            done = made.run("rollout")
            assert not judge.failure_of(done), judge.failure_of(done)
        else:
            patch_pbx(
                made.world, made.pbx(), {"ApplicationId": register(made, application), "TenantId": made.tenant.id}
            )
        configure(made, wanted)
        reached = {TARGET: made.reached()}
        captured = made.run("capture", only=reached)
        assert not judge.failure_of(captured), judge.failure_of(captured)
        path = Path(captured.target["captured"]["path"])
        text = path.read_text(encoding="utf-8")
        note(text)
        assert not any(secret in text for secret in judge.secrets_of(made))
        yaml.safe_load(text.replace("!unsafe ", ""))
        # Many of these applications do not let anybody sign in, which fails in either mode.
        variables = {**reached[TARGET], **plain(DataLoader().load_from_file(str(path))), "sso_verify_enabled": False}
        planned = made.run("rollout", check=True, only={TARGET: variables})
        told = judge.failure_of(planned)
        assert not told or "has no service principal in the tenant" in told, told
        assert planned.target["changes"] == []
        made.world.log.clear()
        made.run("rollout", only={TARGET: {**variables, "tcx_console_wait": False}})
        assert made.world.log.writes() == [], "a rollout that is not in check mode writes nothing either"
    finally:
        made.restore(frozen)
