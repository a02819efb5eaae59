# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application that several PBXs share: each changes and removes its own entries alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import ownership
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import plan as plans
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import thumbprint_of
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import MARK, Desired, Key, Observed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import ADOPTED_TAG, PBX_TAG, Pbx
from ansible_collections.tcx.m365.plugins.module_utils._errors import NotOurs
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW

ONE, TWO, THREE = gen.CERTIFICATES[:3]
OWN, OTHER = "https://one.example:5001", "https://two.example:5001"
URI, OTHER_URI = f"{OWN}/oauth2office2", f"{OTHER}/oauth2office2"


def _pbx(url: str = OWN) -> Pbx:
    found = Pbx.of(url)
    assert found is not None
    return found


def _entry(certificate: Any, owner: str | None, days: int = 60, number: int = 0) -> dict[str, Any]:
    made = gen.entry(certificate, number, ours=True, identifier="hex", ended=False)
    when = NOW - dt.timedelta(days=days)
    name = "CN=somebody" if owner is None else f"{MARK} {when:%Y-%m-%d} {owner}".strip()
    return {**made, "displayName": name}


def _there(**properties: Any) -> Observed:
    application = {
        "id": "object",
        "appId": "app",
        "uniqueName": "shared",
        "displayName": "one",
        "signInAudience": "AzureADMyOrg",
        "tags": [MARK, _pbx().tag, _pbx(OTHER).tag],
        "web": {"redirectUris": [URI, OTHER_URI]},
        "keyCredentials": [_entry(ONE, "one.example:5001"), _entry(TWO, "two.example:5001")],
        "requiredResourceAccess": [],
        **properties,
    }
    return Observed(application, {"id": "sp", "appId": "app", "accountEnabled": True, "tags": []})


def _desired(**options: Any) -> Desired:
    return Desired(**{"key": Key(unique_name="shared"), "pbx": _pbx(), **options})


def _left(observed: Observed, plan: Any) -> list[str]:
    after = plans.simulate(observed, plan).application or {}
    return [thumbprint_of(each) for each in after.get("keyCredentials") or ()]


def test_a_new_certificate_says_whose_it_is() -> None:
    plan = plans.plan_present(_desired(certificates=[ONE]), Observed(), NOW)
    body = plan.writes[0].payload
    assert body["tags"] == [MARK, f"{PBX_TAG}one.example:5001"]
    assert ownership.entry_owner(body["keyCredentials"][0]) == "one.example:5001"


def test_a_long_name_fits_into_a_display_name() -> None:
    long = _pbx(f"https://{'a' * 60}.{'b' * 60}.example:5001")
    plan = plans.plan_present(_desired(pbx=long, certificates=[ONE]), Observed(), NOW)
    name = plan.writes[0].payload["keyCredentials"][0]["displayName"]
    assert len(name) <= 90
    assert ownership.entry_owner({"displayName": name}) == long.label


@pytest.mark.parametrize("owner", ["two.example:5001", ""], ids=["labelled", "of an earlier release"])
def test_rotation_leaves_the_certificate_of_a_neighbor(owner: str) -> None:
    old, neighbor, new = _entry(ONE, "one.example:5001"), _entry(TWO, owner), _entry(THREE, "one.example:5001", 20, 1)
    observed = _there(keyCredentials=[old, neighbor, new])
    plan = plans.plan_present(_desired(certificates=[THREE], overlap_days=14), observed, NOW)
    assert _left(observed, plan) == [TWO.thumbprint, THREE.thumbprint]


def test_rotation_of_a_pbx_alone_retires_what_an_earlier_release_added() -> None:
    alone = {"tags": [MARK, _pbx().tag], "web": {"redirectUris": [URI]}}
    observed = _there(keyCredentials=[_entry(ONE, ""), _entry(TWO, "one.example:5001", 20, 1)], **alone)
    plan = plans.plan_present(_desired(certificates=[TWO], overlap_days=14), observed, NOW)
    assert _left(observed, plan) == [TWO.thumbprint]
    waits = plans.plan_present(_desired(certificates=[TWO], overlap_days=14, removes=False), observed, NOW)
    assert _left(observed, waits) == [ONE.thumbprint, TWO.thumbprint], "the run that marks removes nothing"


def test_exclusive_lists_spare_what_is_another_pbxs() -> None:
    observed = _there(keyCredentials=[*(_there().application or {})["keyCredentials"], _entry(THREE, None)])
    desired = _desired(
        certificates=[ONE], certificates_exclusive=True, uris={"redirect_uris": [URI]}, uris_exclusive=True
    )
    plan = plans.plan_present(desired, observed, NOW)
    assert TWO.thumbprint in _left(observed, plan)
    after = plans.simulate(observed, plan).application or {}
    assert after["web"]["redirectUris"] == [URI, OTHER_URI]
    old = plans.plan_present(desired, _there(tags=[MARK, _pbx().tag]), NOW)
    assert not [change for change in old.as_list() if change["field"] == "redirect_uris"], "another host of 3CX"


def test_leaving_a_shared_application_takes_the_own_entries_alone() -> None:
    observed = _there()
    plan = plans.plan_absent(_desired(certificates=[ONE]), observed, purge=True)
    after = plans.simulate(observed, plan).application
    assert after is not None, "the neighbor uses it"
    assert after["web"]["redirectUris"] == [OTHER_URI]
    assert after["tags"] == [MARK, f"{PBX_TAG}two.example:5001"]
    assert [thumbprint_of(each) for each in after["keyCredentials"]] == [TWO.thumbprint]
    last = plans.plan_absent(_desired(pbx=_pbx(OTHER)), Observed(after), purge=False)
    assert [write.action for write in last.writes] == [plans.DELETE], "the last one out deletes it"


@pytest.mark.parametrize(
    "tags", [[MARK, f"{PBX_TAG}two.example:5001"], [MARK]], ids=["marked", "of an earlier release"]
)
def test_a_pbx_that_names_the_application_of_another_removes_nothing(tags: list[str]) -> None:
    observed = _there(uniqueName="3cx-two", tags=tags, web={"redirectUris": [OTHER_URI]})
    desired = _desired(key=Key(unique_name="3cx-one", app_id="app", prefer_app_id=True), stated=False)
    with pytest.raises(NotOurs, match="another PBX's"):
        plans.plan_absent(desired, observed, purge=False)


def test_a_shared_application_of_an_earlier_release_stays() -> None:
    observed = _there(tags=[MARK], keyCredentials=[_entry(ONE, ""), _entry(TWO, "")])
    plan = plans.plan_absent(_desired(certificates=[ONE]), observed, purge=False)
    after = plans.simulate(observed, plan).application
    assert after is not None
    assert [thumbprint_of(each) for each in after["keyCredentials"]] == [TWO.thumbprint]


def test_an_adopted_application_with_a_secret_of_somebody_else_stays() -> None:
    own = {
        "tags": [MARK, _pbx().tag, ADOPTED_TAG],
        "web": {"redirectUris": [URI]},
        "keyCredentials": [_entry(ONE, None)],
    }
    secret = {"passwordCredentials": [{"displayName": "bot", "keyId": "s"}]}
    stays = plans.plan_absent(_desired(certificates=[ONE]), _there(**own, **secret), purge=False)
    assert [write.action for write in stays.writes] == [plans.UPDATE]
    goes = plans.plan_absent(_desired(certificates=[ONE]), _there(**own), purge=False)
    assert [write.action for write in goes.writes] == [plans.DELETE]
    made = plans.plan_absent(_desired(), _there(**{**own, "tags": [MARK, _pbx().tag]}, **secret), purge=False)
    assert [write.action for write in made.writes] == [plans.DELETE], "what we made goes, with an intruder's secret"


def test_permissions_of_a_shared_application_are_not_taken_away() -> None:
    access = [{"resourceAppId": gen.GRAPH, "resourceAccess": [{"id": gen.permission(1).id, "type": "Role"}]}]
    desired = _desired(permissions=[gen.permission(0)], permissions_exclusive=True)
    shared = plans.plan_present(desired, _there(requiredResourceAccess=access), NOW)
    after = plans.simulate(_there(), shared).application or {}
    assert len(after["requiredResourceAccess"][0]["resourceAccess"]) == 2


def test_an_administrator_gets_back_to_the_pbx_after_a_consent_and_to_nobody_else() -> None:
    own, other = "https://acme.example.com:5001/oauth2office2", "https://evil.example/cb"
    pbx = Pbx.of("https://acme.example.com:5001")
    assert ownership.return_uri({"web": {"redirectUris": [other, own]}}, pbx) == own
    assert ownership.return_uri({"web": {"redirectUris": [other]}}, pbx) == ""
    assert ownership.return_uri({"web": {"redirectUris": [other, own]}}, None) == other
    assert ownership.return_uri({"web": None}, None) == ownership.return_uri({}, pbx) == ""
