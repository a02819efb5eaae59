# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which applications may be taken for a PBX: properties that hold for all, and the cases that people notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import adoption, ownership
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.adoption import (
    BY_NAME,
    BY_PBX,
    INVENTORY,
    Caller,
    Candidate,
    Claim,
    NotConfirmed,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import MARK
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import Pbx
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, Any]

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
ELSEWHERE = "bbbbbbbb-0000-4000-8000-000000000002"
AUTOMATION = "cccccccc-0000-4000-8000-00000000000c"
APP = "dddddddd-0000-4000-8000-00000000000d"
OURS, THEIRS = "A" * 40, "B" * 40
URI = "https://pbx.example.com:5001/oauth2office2"
GUIDE = frozenset(("User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send"))

PBX = Pbx.of("https://pbx.example.com:5001")
CALLER = Caller(frozenset({AUTOMATION}), "automation-principal", app_only=True)
assert PBX is not None


def _key(thumbprint: str, name: str = "CN=somebody") -> Json:
    return {
        "keyId": f"key-{thumbprint[:3]}-{name}",
        "customKeyIdentifier": thumbprint,
        "displayName": name,
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "endDateTime": "2036-01-01T00:00:00Z",
    }


def _candidate(**options: Any) -> Candidate:
    application: Json = {
        "id": "object",
        "appId": APP,
        "displayName": "An application",
        "uniqueName": None,
        "tags": [],
        "web": {"redirectUris": []},
        "keyCredentials": [],
        "passwordCredentials": [],
        "createdByAppId": None,
    }
    known = {name: options.pop(name) for name in list(options) if name in application}
    principal: Json = {"id": "sp", "appId": APP, "appOwnerOrganizationId": TENANT}
    options.setdefault("service_principal", principal)
    options.setdefault("granted", frozenset())
    return Candidate({**application, **known}, **options)


def _made(candidate: Candidate) -> Candidate:
    """The same application, registered by the automation."""
    return replace(candidate, application={**candidate.application, "createdByAppId": AUTOMATION})


def _claim(named_by: str = BY_PBX, **options: Any) -> Claim:
    found: Json = {
        "pbx": PBX,
        "unique_name": "3cx-acme",
        "thumbprints": frozenset({OURS}),
        "requested": GUIDE,
        **options,
    }
    return Claim(named_by, **found)


def _decide(candidate: Candidate, claim: Claim, caller: Caller = CALLER) -> adoption.Decision:
    return adoption.decide(candidate, claim, caller, TENANT)


WIZARD: Json = {"web": {"redirectUris": [URI]}, "keyCredentials": [_key(OURS)], "granted": GUIDE}
ADMIN: Json = {"id": "u1", "userPrincipalName": "admin@acme.example", "userType": "Member"}
GUEST: Json = {"id": "u2", "userPrincipalName": "eve_evil.example#EXT#@acme.example", "userType": "Guest"}
SECRET: Json = {"keyId": "s1", "displayName": "backup", "endDateTime": "2036-01-01T00:00:00Z"}
FEDERATED: Json = {"id": "f1", "name": "ci", "issuer": "https://token.example", "subject": "repo:x"}


# --- the legitimate cases -------------------------------------------------------------------------------------------------


def test_the_application_of_the_wizard_is_adopted_as_it_is() -> None:
    found = _decide(_candidate(**WIZARD, owners=(ADMIN,)), _claim())
    assert (found.action, found.stated) == (adoption.ADOPT, False)
    assert found.holds_consent == ("the owner admin@acme.example",)


def test_the_application_of_the_wizard_is_adopted_without_a_key_in_the_inventory() -> None:
    found = _decide(_candidate(**WIZARD), _claim(thumbprints=frozenset()))
    assert found.action == adoption.ADOPT
    assert found.holds_consent == (f"the certificate {OURS}",)


def test_what_carries_our_mark_and_nobody_else_holds_is_used() -> None:
    marked = {"tags": [MARK], "uniqueName": "3cx-acme"}
    assert _decide(_candidate(**marked), _claim(BY_NAME)).holds_consent == ()
    assert _decide(_candidate(**marked, keyCredentials=[_key(OURS)]), _claim(BY_PBX)).action == adoption.USE


def test_an_interrupted_creation_is_recognized() -> None:
    """Only Entra writes who registered an application."""
    started = _candidate(uniqueName="3cx-acme", createdByAppId=AUTOMATION)
    assert _decide(started, _claim(BY_NAME)).action == adoption.USE
    person = replace(CALLER, app_only=False)
    with pytest.raises(NotConfirmed):
        _decide(started, _claim(BY_NAME), person)


def test_several_pbxs_share_the_name_that_the_inventory_gives() -> None:
    shared = _candidate(
        uniqueName="3cx-shared",
        tags=[MARK, f"{ownership.PBX_TAG}other.example"],
        keyCredentials=[_key(THEIRS, f"{MARK} 2026-01-01 other.example")],
    )
    claim = _claim(BY_NAME, unique_name="3cx-shared")
    assert _decide(shared, replace(claim, neighbors=frozenset({THEIRS}))).holds_consent == ()
    assert _decide(_made(shared), claim).holds_consent == ()
    shown = replace(claim, pbx=PBX)
    (entry,) = adoption.credentials(_made(shared), shown, CALLER)
    assert entry.owner == "other_pbx"


@pytest.mark.parametrize("name", [MARK, f"{MARK} 2026-01-01", f"{MARK} 2026-01-01 pbx.example.com:5001"])
def test_a_display_name_counts_only_where_the_automation_registered(name: str) -> None:
    """A squatter who names his certificate like ours and leaves has nothing of it; older marks of ours stay known."""
    left = _candidate(
        tags=[MARK], uniqueName="3cx-acme", web={"redirectUris": [URI]}, keyCredentials=[_key(THEIRS, name)]
    )
    for named_by in (BY_PBX, BY_NAME):
        assert _decide(left, _claim(named_by)).holds_consent == (f"the certificate {THEIRS}",)
        assert _decide(_made(left), _claim(named_by)).holds_consent == ()
        person = replace(CALLER, app_only=False)
        assert _decide(_made(left), _claim(named_by), person).holds_consent == (f"the certificate {THEIRS}",)


def test_what_the_operator_states_is_taken_and_may_be_given_permissions() -> None:
    found = _decide(_candidate(owners=(GUEST,), passwordCredentials=[SECRET]), _claim(INVENTORY))
    assert found.holds_consent == ()
    assert len(found.unknown) == 2, "it is reported all the same"


# --- the ways in ----------------------------------------------------------------------------------------------------------

VENDOR: Json = {"displayName": "Entra Backup", "granted": frozenset(("Application.ReadWrite.All",))}


@pytest.mark.parametrize("named_by", [BY_PBX, BY_NAME])
@pytest.mark.parametrize(
    "properties",
    [
        VENDOR,
        {**VENDOR, "web": {"redirectUris": ["https://vendor.example/cb"]}},
        {**WIZARD, "granted": GUIDE | {"Application.ReadWrite.All"}},
        {**WIZARD, "granted": GUIDE | {"Office 365 Exchange Online/full_access_as_app"}},
        {**WIZARD, "uniqueName": "3cx-other"},
        {**WIZARD, "tags": [MARK, f"{ownership.PBX_TAG}other.example"]},
        {
            "uniqueName": "3cx-acme",
            "keyCredentials": [_key(THEIRS)],
            "passwordCredentials": [SECRET],
            "owners": (GUEST,),
        },
        {"uniqueName": "3cx-acme", "tags": [MARK], "passwordCredentials": [SECRET]},
        {"uniqueName": "3cx-acme", "tags": [MARK], "owners": (GUEST,)},
        {"uniqueName": "3cx-acme", "tags": [MARK], "federated": (FEDERATED,)},
        {"web": {"redirectUris": [URI]}, "owners": (GUEST,), "granted": frozenset()},
        {"web": {"redirectUris": ["https://pbx.example.com:5001@evil.example/oauth2office2"]}, "granted": GUIDE},
        {"web": {"redirectUris": ["https://pbx.example.com.evil.example:5001/oauth2office2"]}, "granted": GUIDE},
        {"web": {"redirectUris": ["https://*.example.com:5001/oauth2office2"]}, "granted": GUIDE},
        {"web": {"redirectUris": ["https://pbx.example.com:5002/oauth2office2"]}, "granted": GUIDE},
        {"web": {"redirectUris": ["http://pbx.example.com:5001/oauth2office2"]}, "granted": GUIDE},
    ],
)
def test_nothing_but_evidence_leads_to_an_application(named_by: str, properties: Json) -> None:
    if named_by == BY_NAME and ownership.PBX_TAG + "other.example" in properties.get("tags", ()):
        properties = {**properties, "uniqueName": "3cx-other"}
    with pytest.raises(NotConfirmed) as caught:
        _decide(_candidate(**properties), _claim(named_by))
    assert "entra_app_app_id" in str(caught.value)


WIDE: Json = {"tags": [MARK], "granted": frozenset(("Directory.ReadWrite.All",))}


@pytest.mark.parametrize(
    "properties",
    [
        WIDE,
        {**WIDE, "granted": frozenset()},
        {**WIDE, "createdByAppId": AUTOMATION},
        {**WIDE, "tags": [MARK, PBX.tag]},
        {**WIDE, "tags": [MARK, PBX.tag], "createdByAppId": AUTOMATION},
        {**WIDE, "web": {"redirectUris": [URI]}},
        {**WIDE, "uniqueName": "3cx-acme"},
    ],
)
def test_a_mark_leads_a_pbx_to_no_permissions_that_it_does_not_have(properties: Json) -> None:
    """The operator registers other applications with this collection too, and every owner can set a tag."""
    if properties.get("uniqueName"):
        with pytest.raises(NotConfirmed):
            _decide(_candidate(**properties), _claim(BY_NAME))
    with pytest.raises(NotConfirmed):
        _decide(_candidate(**properties), _claim(BY_PBX))


def test_the_permissions_of_an_application_that_a_pbx_signs_in_to_today_are_no_gain() -> None:
    """The operator once granted more to it, by hand or by a variable that is gone."""
    known = {**WIDE, "keyCredentials": [_key(OURS)]}
    assert _decide(_candidate(**known), _claim(BY_PBX)).action == adoption.USE
    wizard = {**WIDE, "web": {"redirectUris": [URI]}}
    assert _decide(_candidate(**wizard), _claim(BY_PBX, thumbprints=frozenset())).action == adoption.USE
    made = {**WIDE, "uniqueName": "3cx-acme", "createdByAppId": AUTOMATION}
    assert _decide(_candidate(**made), _claim(BY_NAME)).action == adoption.USE


@pytest.mark.parametrize("named_by", [BY_PBX, BY_NAME])
def test_what_was_deleted_is_restored_only_where_the_automation_made_it(named_by: str) -> None:
    """Its owners and federated credentials cannot be read while it is deleted, and come back with it."""
    deleted = _candidate(**{**WIZARD, "tags": [MARK, PBX.tag], "uniqueName": "3cx-acme"})
    deleted = replace(deleted, application={**deleted.application, "deletedDateTime": "2026-11-20T00:00:00Z"})
    with pytest.raises(NotConfirmed):
        _decide(deleted, _claim(named_by))
    assert _decide(_made(deleted), _claim(named_by)).action == adoption.USE
    assert _decide(deleted, _claim(INVENTORY)).action == adoption.USE


@pytest.mark.parametrize("grants", [True, False])
def test_what_the_record_of_an_offboarding_brings_back_is_held_by_nobody_else(grants: bool) -> None:
    """A PBX could have named any application before it was offboarded, and its owner shows only when it is back."""
    known = _candidate(**{**WIZARD, "appId": APP, "tags": [MARK, PBX.tag]})
    claim = _claim(BY_NAME, removed=APP, grants=grants)
    deleted = replace(known, application={**known.application, "deletedDateTime": "2026-11-20T00:00:00Z"})
    assert _decide(deleted, claim).action == adoption.USE
    assert _decide(replace(known, restored=True), claim).action == adoption.USE
    for hidden in ({"owners": (ADMIN,)}, {"principal_owners": (ADMIN,)}, {"federated": ({"name": "ci"},)}):
        with pytest.raises(NotConfirmed, match="it holds"):
            _decide(replace(known, restored=True, **hidden), claim)
        assert _decide(_made(replace(known, restored=True, **hidden)), claim).unknown


def test_who_grants_nothing_may_adopt_beside_strangers() -> None:
    """Missing permissions matter only to a task that would grant them."""
    held = _candidate(web={"redirectUris": [URI]}, owners=(ADMIN,), granted=frozenset())
    with pytest.raises(NotConfirmed):
        _decide(held, _claim())
    found = _decide(held, _claim(grants=False))
    assert found.action == adoption.ADOPT
    assert found.unknown, "they are reported all the same"


@pytest.mark.parametrize("named_by", [BY_PBX, BY_NAME, INVENTORY])
@pytest.mark.parametrize("written", [str.lower, str.upper])
def test_the_automation_itself_is_never_touched(named_by: str, written: Any) -> None:
    own = _candidate(**{**WIZARD, "appId": written(AUTOMATION)}, tags=[MARK])
    with pytest.raises(NotConfirmed, match="automation's own"):
        _decide(own, _claim(named_by))


@pytest.mark.parametrize("named_by", [BY_PBX, BY_NAME, INVENTORY])
@pytest.mark.parametrize("home", [adoption.MICROSOFT, adoption.MICROSOFT.upper(), ELSEWHERE])
def test_what_others_registered_is_never_touched(named_by: str, home: str) -> None:
    foreign = _candidate(**WIZARD, service_principal={"id": "sp", "appOwnerOrganizationId": home})
    with pytest.raises(NotConfirmed):
        _decide(foreign, _claim(named_by))
    with pytest.raises(NotConfirmed):
        _decide(_candidate(**{**WIZARD, "appId": "00000003-0000-0000-c000-000000000000"}), _claim(named_by))


def test_a_pointer_that_cannot_be_read_is_not_a_stale_one() -> None:
    adoption.decide_missing(APP, None, in_use=False, tenant_id=TENANT)
    for principal, in_use in (({"appOwnerOrganizationId": ELSEWHERE}, False), (None, True), ({}, False)):
        with pytest.raises(NotConfirmed, match="entra_app_mode: create"):
            adoption.decide_missing(APP, principal, in_use=in_use, tenant_id=TENANT)


# --- properties -----------------------------------------------------------------------------------------------------------

subsets = st.frozensets(st.sampled_from([*sorted(GUIDE), "Application.ReadWrite.All", "Directory.Read.All", "openid"]))
keys = st.lists(
    st.builds(
        _key,
        st.sampled_from([OURS, THEIRS]),
        st.sampled_from(["CN=x", "tcx.m365 2026-01-01", "tcx.m365 2026-01-01 other.example", "tcx.m365 evil"]),
    ),
    max_size=3,
)


@st.composite
def candidates(draw: Any) -> Candidate:
    return _candidate(
        uniqueName=draw(st.sampled_from([None, "3cx-acme", "3cx-other"])),
        tags=draw(st.lists(st.sampled_from([MARK, PBX.tag, f"{ownership.PBX_TAG}other.example", "x"]), unique=True)),
        web={"redirectUris": draw(st.lists(st.sampled_from([URI, "https://evil.example/x", "garbage"]), unique=True))},
        keyCredentials=draw(keys),
        passwordCredentials=draw(st.sampled_from([[], [SECRET]])),
        owners=draw(st.sampled_from([(), (ADMIN,), (GUEST,), ({"id": "automation-principal"},)])),
        federated=draw(st.sampled_from([(), (FEDERATED,)])),
        granted=draw(subsets),
        createdByAppId=draw(st.sampled_from([None, ELSEWHERE, AUTOMATION])),
    )


def _outcome(candidate: Candidate, claim: Claim) -> adoption.Decision | None:
    try:
        return _decide(candidate, claim)
    except NotConfirmed:
        return None


@given(candidates(), st.sampled_from([BY_PBX, BY_NAME]))
def test_without_our_mark_only_evidence_counts(candidate: Candidate, named_by: str) -> None:
    found = _outcome(candidate, _claim(named_by))
    if found is not None and not ownership.is_marked(candidate.application) and not CALLER.made(candidate.application):
        assert adoption.evidence(candidate.application, _claim(named_by))
        assert candidate.granted is not None
        assert candidate.granted <= GUIDE | adoption.GRANTABLE
        assert not found.holds_consent or candidate.granted >= GUIDE


@given(candidates(), st.sampled_from([BY_PBX, BY_NAME]))
def test_strangers_are_never_rewarded_with_consent(candidate: Candidate, named_by: str) -> None:
    found = _outcome(candidate, _claim(named_by))
    strangers = (
        candidate.application["passwordCredentials"]
        or candidate.federated
        or candidate.owners[:1]
        in (
            (ADMIN,),
            (GUEST,),
        )
    )
    if found is not None and strangers:
        assert found.holds_consent


@given(candidates(), st.sampled_from([BY_PBX, BY_NAME]), st.frozensets(st.sampled_from([OURS, THEIRS])))
def test_only_the_inventory_vouches_for_keys_where_others_registered(
    candidate: Candidate, named_by: str, neighbors: frozenset[str]
) -> None:
    """Whatever marks an application carries: a key that the inventory has nowhere holds every new permission back."""
    claim = _claim(named_by, neighbors=neighbors)
    found = _outcome(candidate, claim)
    held = {each["customKeyIdentifier"] for each in candidate.application["keyCredentials"]}
    if found is not None and not CALLER.made(candidate.application) and held - {OURS} - neighbors:
        assert found.holds_consent


@given(candidates(), st.sampled_from([BY_PBX, BY_NAME, INVENTORY]), st.text(max_size=30))
def test_a_display_name_never_helps_in_what_others_registered(candidate: Candidate, named_by: str, name: str) -> None:
    if CALLER.made(candidate.application):
        return
    entries = [{**each, "displayName": name} for each in candidate.application["keyCredentials"]]
    renamed = replace(candidate, application={**candidate.application, "keyCredentials": entries})
    one, other = (_outcome(each, _claim(named_by)) for each in (candidate, renamed))
    assert (one is None) == (other is None)
    assert one is None or other is None or one.holds_consent == other.holds_consent


@given(candidates(), candidates())
def test_more_strangers_never_open_a_door(one: Candidate, other: Candidate) -> None:
    """What is refused stays refused when credentials, owners or permissions are added."""
    claim = _claim(BY_PBX)
    if _outcome(one, claim) is None:
        worse = replace(
            one, owners=(*one.owners, *other.owners), federated=one.federated or other.federated, granted=one.granted
        )
        assert _outcome(worse, claim) is None


@given(candidates())
def test_another_pbxs_mark_is_respected(candidate: Candidate) -> None:
    marked_for = ownership.pbxs_of(candidate.application)
    if marked_for and PBX.identity not in marked_for and candidate.application["uniqueName"] != "3cx-acme":
        assert _outcome(candidate, _claim(BY_PBX)) is None


def test_an_adoption_is_told_in_words() -> None:
    words = adoption.adoption_in_words(
        _candidate(**WIZARD, owners=(GUEST,), passwordCredentials=[SECRET]), _claim(), CALLER, done=False
    )
    for part in (
        "would ADOPT application",
        APP,
        "An application",
        "(guest)",
        "Mail.Send",
        OURS,
        "client secret 'backup'",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("end", "known"),
    [
        ("2026-11-21T23:59:59Z", True),
        ("2026-11-22T11:00:00+09:00", True),
        ("2036-01-01T00:00:00Z", False),
        ("0001-01-01T00:00:00Z", False),
        ("", False),
        (" 2036-01-01", False),
        (None, False),
    ],
)
def test_only_a_credential_that_has_certainly_expired_lets_nobody_in(end: str | None, *, known: bool) -> None:
    """A date that is none, or the one with which .NET writes that there is none, is no date in the past."""
    candidate = Candidate({"appId": "a", "passwordCredentials": [{**SECRET, "endDateTime": end}]})
    claim = Claim(BY_PBX, now="2026-11-22T10:00:00+00:00")
    assert (adoption.unknown_holders(candidate, claim, CALLER) == []) is known
