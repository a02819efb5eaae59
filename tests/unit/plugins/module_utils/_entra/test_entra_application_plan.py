# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of an application: properties that hold for all of them, and the cases that people notice."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import azure_app_registration
from ansible_collections.tcx.m365.plugins.module_utils._common.dates import iso
from ansible_collections.tcx.m365.plugins.module_utils._common.tree import dig
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import certificates, declared
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import keys as key_plan
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import plan as plans
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import view as application_view
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import thumbprint_of
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import (
    MARK,
    URI_LISTS,
    Desired,
    Key,
    Observed,
)
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Conflict, NotOurs
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW, make_pair
from hypothesis import assume, given

REFUSED = (NotOurs, Conflict, BadInput)


def _plan(desired: Desired, observed: Observed, now: dt.datetime = NOW) -> Any:
    return plans.plan_present(desired, observed, now, gen.CATALOGUES)


def _begun(desired: Desired, observed: Observed) -> Desired:
    """As a run begins: what can be used then decides what an exclusive list may remove until its end."""
    entries = (observed.application or {}).get("keyCredentials") or ()
    return dataclasses.replace(desired, registered=key_plan.usable_thumbprints(entries, NOW))


def _plan_or_skip(desired: Desired, observed: Observed) -> Any:
    try:
        return _plan(desired, observed)
    except REFUSED:
        assume(False)


@given(gen.requested(), gen.observations())
def test_a_plan_carried_out_leaves_nothing_to_do(desired: Desired, observed: Observed) -> None:
    desired = _begun(desired, observed)
    plan = _plan_or_skip(desired, observed)
    again = _plan(desired, plans.simulate(observed, plan))
    assert again.as_list() == []
    assert again.writes == []


@given(gen.requested(), gen.observations())
def test_changes_and_writes_go_together(desired: Desired, observed: Observed) -> None:
    plan = _plan_or_skip(desired, observed)
    assert bool(plan.changes) == bool(plan.writes)


@given(gen.requested(exclusive=False, removes=False), gen.observations())
def test_nothing_foreign_is_ever_dropped(desired: Desired, observed: Observed) -> None:
    plan = _plan_or_skip(desired, observed)
    before = observed.application or observed.deleted or {}
    after = plans.simulate(observed, plan).application or {}
    for each in URI_LISTS:
        assert set(dig(before, each.path) or ()) <= set(dig(after, each.path) or ())
    assert declared.pairs(before.get("requiredResourceAccess") or ()) <= declared.pairs(
        after.get("requiredResourceAccess") or ()
    )
    assert set(before.get("tags") or ()) <= set(after["tags"])
    kept = {entry["keyId"]: entry for entry in after.get("keyCredentials") or ()}
    wanted = {certificate.thumbprint for certificate in desired.certificates or ()}
    for entry in before.get("keyCredentials") or ():
        replaced = thumbprint_of(entry) in wanted and key_plan.ended(entry, NOW)
        assert kept.get(entry["keyId"], entry if replaced else None) == entry


@given(gen.requested(), gen.observations(marked=False))
def test_without_our_mark_nothing_is_removed_unless_forced(desired: Desired, observed: Observed) -> None:
    assume(not desired.force)
    try:
        plan = _plan(desired, observed)
    except REFUSED:
        return
    before = observed.application or observed.deleted or {}
    after = plans.simulate(observed, plan).application or {}
    for each in URI_LISTS:
        assert set(dig(before, each.path) or ()) <= set(dig(after, each.path) or ())
    usable = {thumbprint_of(e) or e["keyId"] for e in before.get("keyCredentials") or () if not key_plan.ended(e, NOW)}
    assert usable <= {thumbprint_of(e) or e["keyId"] for e in after.get("keyCredentials") or ()}


@given(gen.requested(), gen.observations())
def test_kept_entries_are_sent_back_as_they_were_without_their_bytes(desired: Desired, observed: Observed) -> None:
    plan = _plan_or_skip(desired, observed)
    read = (observed.application or observed.deleted or {}).get("keyCredentials") or []
    for write in plan.writes:
        if write.action != plans.UPDATE or "keyCredentials" not in write.payload:
            continue
        known = {entry["keyId"]: entry for entry in read}
        for sent in key_plan.to_send(write.payload["keyCredentials"], read):
            if sent["keyId"] in known:
                assert json.dumps(sent) == json.dumps({**known[sent["keyId"]], "key": None})
            else:
                assert sent["key"]
                assert "customKeyIdentifier" not in sent


@given(gen.requested(rotates=True), gen.observations())
def test_rotation_never_removes_the_last_certificate_that_works(desired: Desired, observed: Observed) -> None:
    plan = _plan_or_skip(desired, observed)

    def working(state: Observed) -> set[str]:
        entries = (state.application or state.deleted or {}).get("keyCredentials") or ()
        return {thumbprint_of(entry) for entry in key_plan.certificates_in(entries) if not key_plan.ended(entry, NOW)}

    lost = working(observed) - working(plans.simulate(observed, plan))
    wanted = {each.thumbprint for each in desired.certificates or ()}
    assert not lost or wanted <= working(observed), "an older one goes only when all wanted ones were there before"


# --- cases ---------------------------------------------------------------------------------------------------------------

ONE, TWO = gen.CERTIFICATES[:2]


def _application(**properties: Any) -> dict[str, Any]:
    return {
        "id": "object",
        "appId": "app",
        "uniqueName": "name",
        "displayName": "one",
        "signInAudience": "AzureADMyOrg",
        "tags": [MARK],
        "web": {"redirectUris": [], "implicitGrantSettings": {"enableIdTokenIssuance": False}},
        "keyCredentials": [],
        "requiredResourceAccess": [],
        **properties,
    }


def _there(**properties: Any) -> Observed:
    return Observed(_application(**properties), {"id": "sp", "appId": "app", "accountEnabled": True, "tags": []})


def _desired(**options: Any) -> Desired:
    return Desired(key=Key(unique_name="name"), **options)


def test_a_new_application_gets_a_name_an_audience_and_the_mark() -> None:
    plan = _plan(_desired(), Observed())
    body = plan.writes[0].payload
    assert (body["displayName"], body["signInAudience"], body["tags"]) == ("name", "AzureADMyOrg", [MARK])
    assert plan.writes[1].payload == {"appId": PENDING, "accountEnabled": True}
    assert {"target": "application", "field": "state", "before": "absent", "after": "present"} in plan.as_list()


def test_a_deleted_application_is_restored_and_corrected() -> None:
    plan = _plan(_desired(plain={"display_name": "new"}), Observed(deleted=_application()))
    assert [write.action for write in plan.writes] == [plans.RESTORE, plans.UPDATE, plans.CREATE_PRINCIPAL]
    assert plan.writes[1].payload == {"displayName": "new"}


@pytest.mark.parametrize("value", [None, False])
def test_null_equals_false(value: Any) -> None:
    observed = _there(isFallbackPublicClient=value, web={"implicitGrantSettings": {"enableIdTokenIssuance": value}})
    assert not _plan(_desired(plain={"public_client": False, "id_tokens": False}), observed)


def test_a_falsy_value_is_enforced() -> None:
    observed = _there(isFallbackPublicClient=True, notes="old", web={"logoutUrl": "https://x.example"})
    plan = _plan(_desired(plain={"public_client": False, "notes": "", "logout_url": ""}), observed)
    (update,) = plan.writes
    assert update.payload["isFallbackPublicClient"] is False
    assert update.payload["notes"] is None
    assert update.payload["web"]["logoutUrl"] is None


def test_the_whole_web_is_sent() -> None:
    """Whether Graph merges a nested property is not known, so what is not ours is sent back."""
    web = {
        "redirectUris": ["https://kept.example"],
        "homePageUrl": "https://home.example",
        "implicitGrantSettings": {"enableIdTokenIssuance": False, "enableAccessTokenIssuance": True},
    }
    (update,) = _plan(_desired(plain={"id_tokens": True}), _there(web=web)).writes
    assert update.payload == {
        "web": {**web, "implicitGrantSettings": {"enableIdTokenIssuance": True, "enableAccessTokenIssuance": True}}
    }


def test_order_does_not_matter() -> None:
    observed = _there(web={"redirectUris": ["https://b.example", "https://a.example"]})
    assert not _plan(_desired(uris={"redirect_uris": ["https://a.example", "https://b.example"]}), observed)


def test_adoption_writes_key_and_mark_once() -> None:
    observed = _there(uniqueName=None, tags=["theirs"])
    plan = _plan(_desired(), observed)
    assert plan.writes[0].payload == {"uniqueName": "name", "tags": ["theirs", MARK]}
    assert not _plan(_desired(), plans.simulate(observed, plan))


def test_another_unique_name_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="unique name other already"):
        _plan(_desired(), _there(uniqueName="other"))


def test_in_a_cloud_without_unique_names_a_tag_is_the_key() -> None:
    body = plans.tagged_key({"uniqueName": "name", "tags": [MARK]})
    assert "uniqueName" not in body
    assert not _plan(_desired(), _there(uniqueName=None, tags=body["tags"]))


def test_exclusive_on_a_foreign_application_is_refused() -> None:
    observed = _there(tags=[], web={"redirectUris": ["https://theirs.example"]})
    desired = _desired(uris={"redirect_uris": []}, uris_exclusive=True)
    with pytest.raises(NotOurs, match=r"https://theirs\.example.*force"):
        _plan(desired, observed)
    forced = Desired(**{**desired.__dict__, "force": True})
    assert _plan(forced, observed).writes[0].payload["web"]["redirectUris"] == []


def _entry(certificate: Any, number: int = 0, **options: Any) -> dict[str, Any]:
    return gen.entry(certificate, number, **{"ours": True, "identifier": "hex", "ended": False, **options})


def test_a_new_entry_has_the_dates_of_its_certificate() -> None:
    (entry,) = _plan(_desired(certificates=[ONE]), _there()).writes[0].payload["keyCredentials"]
    assert (entry["startDateTime"], entry["endDateTime"]) == (iso(ONE.not_before), iso(ONE.not_after))
    assert entry["displayName"] == f"{MARK} 2026-11-22"
    assert (entry["type"], entry["usage"]) == ("AsymmetricX509Cert", "Verify")


def test_the_same_addition_made_twice_is_one_entry() -> None:
    first = _plan(_desired(certificates=[ONE]), _there()).writes[0].payload["keyCredentials"]
    second = _plan(_desired(certificates=[ONE]), _there()).writes[0].payload["keyCredentials"]
    assert first[0]["keyId"] == second[0]["keyId"]


def test_a_certificate_that_has_ended_is_not_added_but_tolerated() -> None:
    with pytest.raises(BadInput, match=r"expired on 2026-10-13.*public_key\.pem"):
        _plan(_desired(certificates=[gen.ENDED]), _there())
    assert not _plan(_desired(certificates=[gen.ENDED]), _there(keyCredentials=[_entry(gen.ENDED)]))


def test_a_certificate_of_tomorrow_is_added_beside_one_that_works_only() -> None:
    later = certificates.parse(make_pair("later", NOW + dt.timedelta(days=2)).pem)
    soon = certificates.parse(make_pair("soon", NOW + dt.timedelta(minutes=2)).pem)
    with pytest.raises(BadInput, match="is not valid before 2026-11-24"):
        _plan(_desired(certificates=[later]), _there())
    with pytest.raises(BadInput, match="is not valid before"):
        _plan(_desired(certificates=[later]), _there(keyCredentials=[_entry(ONE, ended=True)]))
    for listed, there in (([later], [_entry(ONE)]), ([later, ONE], []), ([ONE, later], [])):
        sent = _plan(_desired(certificates=listed), _there(keyCredentials=there)).writes[0].payload["keyCredentials"]
        assert {thumbprint_of(entry) for entry in sent} == {later.thumbprint, ONE.thumbprint}
    assert _plan(_desired(certificates=[soon]), _there()).changes, "the clock of the PBX may be a little ahead"


def test_keys_that_microsoft_entra_does_not_take_are_refused_by_the_module_too() -> None:
    with pytest.raises(BadInput, match="kind EC"):
        azure_app_registration._parsed([make_pair(curve=True).pem])


def test_an_entry_that_expired_before_its_certificate_is_replaced() -> None:
    """No entry is changed, and no twin is left; who undoes it finds what was added."""
    other = _entry(TWO, 1)
    state = _there(keyCredentials=[_entry(ONE, ended=True), other])
    for _year in range(3):
        plan = _plan(_desired(certificates=[ONE]), state)
        (change,) = plan.changes
        assert (change.before, change.after) == ([TWO.thumbprint], [TWO.thumbprint, ONE.thumbprint])
        kept, new = plan.writes[0].payload["keyCredentials"]
        assert kept == other
        assert new["keyId"] not in {entry["keyId"] for entry in state.application["keyCredentials"]}
        assert len(change.details[ONE.thumbprint]) == 2
        state = _there(keyCredentials=[{**new, "endDateTime": "2026-01-01T00:00:00Z"}, other])


def test_pruning() -> None:
    dead, twice = _entry(TWO, 1, ended=True, ours=False), [_entry(ONE, 0), _entry(ONE, 1)]
    saml = gen.saml_key(0)
    observed = _there(keyCredentials=[dead, *twice, saml])
    (update,) = _plan(_desired(prune_expired=True), observed).writes
    assert update.payload["keyCredentials"] == [*twice, saml]
    (update,) = _plan(_desired(prune_duplicates=True), observed).writes
    assert update.payload["keyCredentials"] == [dead, twice[0], saml]


def test_exclusive_certificates_keep_what_is_to_be_kept() -> None:
    observed = _there(
        keyCredentials=[_entry(TWO, ours=False), _entry(gen.CERTIFICATES[2], ours=False), gen.saml_key(0)]
    )
    desired = _desired(
        certificates=[ONE],
        certificates_exclusive=True,
        keep=frozenset([TWO.thumbprint]),
        registered=frozenset([ONE.thumbprint]),
    )
    sent = _plan(desired, observed).writes[0].payload["keyCredentials"]
    assert [thumbprint_of(entry) or entry["keyId"] for entry in sent] == [TWO.thumbprint, "saml-0", ONE.thumbprint]


@given(gen.requested(), gen.observations())
def test_an_exclusive_list_leaves_a_certificate_that_was_there(desired: Desired, observed: Observed) -> None:
    """Unless it is forced, or an expiry or overlap that was asked for says otherwise, somebody can still sign in."""
    desired = _begun(dataclasses.replace(desired, force=False, overlap_days=None), observed)
    plan = _plan_or_skip(desired, observed)
    before = desired.registered or frozenset()
    entries = (plans.simulate(observed, plan).application or {}).get("keyCredentials") or ()
    assert not before or before & key_plan.usable_thumbprints(entries, NOW)


def test_an_exclusive_list_waits_for_a_desired_certificate_to_be_there() -> None:
    observed = _there(keyCredentials=[_entry(TWO)])
    desired = _begun(_desired(certificates=[ONE], certificates_exclusive=True), observed)
    plan = _plan(desired, observed)
    after = plans.simulate(observed, plan)
    assert key_plan.kept_for_now(desired, [_entry(TWO)], NOW) == [TWO.thumbprint]
    assert [change.after for change in plan.changes if change.field == "certificates"] == [
        [TWO.thumbprint, ONE.thumbprint]
    ]
    following = _begun(desired, after)
    (change,) = _plan(following, after).changes
    assert (change.before, change.after) == ([TWO.thumbprint, ONE.thumbprint], [ONE.thumbprint])
    forced = dataclasses.replace(desired, force=True)
    assert [change.after for change in _plan(forced, observed).changes if change.field == "certificates"] == [
        [ONE.thumbprint]
    ]


@given(gen.requested(), gen.observations())
def test_a_service_principal_is_never_made_while_a_deleted_one_exists(desired: Desired, observed: Observed) -> None:
    plan = _plan_or_skip(desired, observed)
    actions = [write.action for write in plan.writes]
    assert not (observed.deleted_principal and plans.CREATE_PRINCIPAL in actions)
    assert (plans.RESTORE_PRINCIPAL in actions) is (observed.deleted_principal is not None)
    if plans.RESTORE in actions and plans.RESTORE_PRINCIPAL in actions:
        assert actions.index(plans.RESTORE) < actions.index(plans.RESTORE_PRINCIPAL)


def test_a_restored_service_principal_is_as_it_was() -> None:
    gone = {"id": "sp", "appId": "app", "accountEnabled": True, "appRoleAssignmentRequired": True, "tags": ["x"]}
    observed = Observed(deleted=_there().application, deleted_principal=gone)
    after = plans.simulate(observed, _plan(_desired(), observed))
    assert after.service_principal == gone
    assert after.deleted_principal is None


def test_rotation_in_two_phases() -> None:
    desired = _desired(certificates=[TWO], overlap_days=14)
    old, foreign = _entry(ONE), _entry(gen.CERTIFICATES[2], ours=False)
    observed = _there(keyCredentials=[old, foreign])
    plan = _plan(desired, observed)
    added = plans.simulate(observed, plan)
    assert added.application is not None
    held = [thumbprint_of(entry) for entry in added.application["keyCredentials"]]
    assert held == [ONE.thumbprint, foreign["customKeyIdentifier"], TWO.thumbprint]
    assert not _plan(desired, added, NOW + dt.timedelta(days=13))
    late = _plan(desired, added, NOW + dt.timedelta(days=14))
    left = [thumbprint_of(entry) for entry in late.writes[0].payload["keyCredentials"]]
    assert left == [foreign["customKeyIdentifier"], TWO.thumbprint], "the stranger's stays"


def test_declared_permissions_merge_by_api() -> None:
    theirs = {"resourceAppId": gen.GRAPH.upper(), "resourceAccess": [{"id": "stranger", "type": "Role"}]}
    plan = _plan(
        _desired(permissions=[gen.permission(0), gen.permission(1, resource=gen.OTHER)]),
        _there(requiredResourceAccess=[theirs]),
    )
    sent = plan.writes[0].payload["requiredResourceAccess"]
    assert sent == [
        {
            "resourceAppId": gen.GRAPH.upper(),
            "resourceAccess": [{"id": "stranger", "type": "Role"}, {"id": gen.permission(0).id, "type": "Role"}],
        },
        {"resourceAppId": gen.OTHER, "resourceAccess": [{"id": gen.permission(1).id, "type": "Role"}]},
    ]
    (change,) = plan.as_list()
    assert change["after"] == ["stranger", "P0.Role", "Exchange/P1.Role"]


def test_too_many_permissions() -> None:
    crowd = [gen.permission(number) for number in range(401)]
    with pytest.raises(BadInput, match="400 permissions"):
        _plan(_desired(permissions=crowd), _there())


def test_service_principal_properties() -> None:
    desired = _desired(service_principal={"enabled": False, "assignment_required": True, "visible": True})
    (update,) = _plan(desired, _there()).writes
    assert update.payload == {
        "accountEnabled": False,
        "appRoleAssignmentRequired": True,
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
    }


def test_deletion_wants_the_mark() -> None:
    assert not plans.plan_absent(_desired(), Observed(), purge=False)
    with pytest.raises(NotOurs):
        plans.plan_absent(_desired(), _there(tags=[]), purge=False)
    plan = plans.plan_absent(_desired(), _there(), purge=True)
    assert [write.action for write in plan.writes] == [plans.DELETE, plans.PURGE]
    assert plans.simulate(_there(), plan) == Observed(owners=())
    assert plans.plan_absent(_desired(), Observed(deleted=_application()), purge=True).writes[0].action == plans.PURGE
    assert not plans.plan_absent(_desired(), Observed(deleted=_application()), purge=False)


@pytest.mark.parametrize(
    ("application", "principal", "code"),
    [
        ({}, {"accountEnabled": False}, "AADSTS7000112"),
        ({}, {"accountEnabled": True, "appRoleAssignmentRequired": True}, "AADSTS50105"),
        ({"isDisabled": True}, {"accountEnabled": True}, "deactivated"),
    ],
)
def test_what_keeps_users_out_is_said(application: dict[str, Any], principal: dict[str, Any], code: str) -> None:
    observed = Observed(application={"displayName": "3CX", **application}, service_principal=principal)
    [sentence] = application_view.attention(observed)
    assert code in sentence
    assert "3CX" in sentence


def test_an_application_that_is_open_needs_no_attention() -> None:
    for principal in (None, {}, {"accountEnabled": True, "appRoleAssignmentRequired": False}):
        assert application_view.attention(Observed(application={}, service_principal=principal)) == []
