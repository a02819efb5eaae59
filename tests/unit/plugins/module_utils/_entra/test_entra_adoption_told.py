# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator is told about an application that is adopted or not, to the letter: he approves by it."""

from __future__ import annotations

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
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import MARK, Observed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import Pbx

Json = dict[str, Any]

TENANT, ELSEWHERE = "aaaaaaaa-0000-4000-8000-00000000000a", "BBBBBBBB-0000-4000-8000-00000000000b"
AUTOMATION, APP = "cccccccc-0000-4000-8000-00000000000c", "DDDDDDDD-0000-4000-8000-00000000000d"
OURS, NEIGHBOR = "A" * 40, "C" * 40
PBX = Pbx.of("https://pbx.example.com:5001")
assert PBX is not None
CALLER = Caller(frozenset({AUTOMATION}), "automation-principal", app_only=True)


def key(thumbprint: str, **properties: Any) -> Json:
    return {
        "keyId": "k1",
        "customKeyIdentifier": thumbprint,
        "displayName": "CN=somebody",
        "usage": "Verify",
        "endDateTime": "2036-01-01T00:00:00Z",
        **properties,
    }


def secret(**properties: Any) -> Json:
    return {"keyId": "s1", "displayName": "backup", "endDateTime": "2036-01-01T00:00:00Z", **properties}


def found(granted: frozenset[str] | None = frozenset(), owners: tuple[Json, ...] = (), **properties: Any) -> Candidate:
    return Candidate({"appId": APP, "displayName": "Phones", "tags": [], **properties}, None, owners, granted=granted)


def refusal(candidate: Candidate, claim: Claim) -> NotConfirmed:
    with pytest.raises(NotConfirmed) as refused:
        adoption.decide(candidate, claim, CALLER, TENANT)
    return refused.value


@pytest.mark.parametrize(
    ("owner", "value", "words"),
    [
        (
            {"id": "u", "userPrincipalName": "ann@acme.example", "displayName": "Ann"},
            "ann@acme.example",
            "ann@acme.example",
        ),
        ({"id": "u", "displayName": "Ann"}, "Ann", "'Ann'"),
        ({"id": "u", "displayName": "Ann", "userType": "Guest"}, "Ann (guest)", "'Ann (guest)'"),
        (
            {"id": "u", "userPrincipalName": "e_x#EXT#@acme.example"},
            "e_x#EXT#@acme.example (guest)",
            "e_x#EXT#@acme.example (guest)",
        ),
        ({"id": "u", "appId": "an-app"}, "an-app", "an-app"),
        ({"id": "u", "appId": ""}, "u", "u"),
    ],
)
def test_an_owner_has_the_name_that_nobody_else_could_take(owner: Json, value: str, words: str) -> None:
    assert adoption.owner_name(owner) == value
    assert adoption.owner_in_words(owner) == words


def test_what_would_be_adopted_is_listed() -> None:
    candidate = found(
        frozenset({"User.Read.All", "Mail.Send"}),
        ({"id": "u", "displayName": "Ann"}, {"id": "v", "userPrincipalName": "bob@acme.example"}),
        keyCredentials=[key(OURS)],
        passwordCredentials=[secret()],
    )
    assert adoption.adoption_in_words(candidate, Claim(BY_PBX), CALLER, done=False) == (
        f"would ADOPT application {APP} ('Phones'; owners: 'Ann', bob@acme.example; granted: Mail.Send, User.Read.All; "
        f"credentials: the certificate {OURS}, the client secret 'backup')"
    )


@pytest.mark.parametrize(("granted", "told"), [(frozenset(), "none"), (None, "not read")])
def test_nothing_is_told_as_nothing(granted: frozenset[str] | None, told: str) -> None:
    words = adoption.adoption_in_words(found(granted), Claim(BY_PBX), CALLER, done=True)
    assert words == f"ADOPTED application {APP} ('Phones'; owners: none; granted: {told}; credentials: none)"


@pytest.mark.parametrize(
    ("ends", "now", "hint"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "expired"),
        ("2026-01-01T00:00:00.9999999Z", "2026-01-01T00:00:00Z", ""),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", ""),
        ("2026-01-01T00:00:00Z", "", ""),
        (None, "2026-01-01T00:00:00Z", ""),
    ],
)
def test_a_credential_that_has_ended_lets_nobody_in(ends: str | None, now: str, hint: str) -> None:
    candidate = found(passwordCredentials=[secret(endDateTime=ends)])
    (credential,) = adoption.credentials(candidate, Claim(BY_PBX, now=now), CALLER)
    assert credential.as_dict() == {
        "kind": "secret",
        "name": "backup",
        "expires": ends,
        "owner": "foreign",
        "on": "application",
    }
    assert credential.hint == hint
    holders = adoption.unknown_holders(candidate, Claim(BY_PBX, now=now), CALLER)
    assert holders == ([] if hint else ["the client secret 'backup'"])


@pytest.mark.parametrize(
    ("thumbprint", "name", "made", "pbx", "owner"),
    [
        (OURS, "CN=somebody", False, PBX, "this_pbx"),
        (NEIGHBOR, "CN=somebody", False, PBX, "other_pbx"),
        ("E" * 40, "CN=somebody", True, PBX, "foreign"),
        ("E" * 40, f"{MARK} 2026-01-01", True, PBX, "this_pbx"),
        ("E" * 40, f"{MARK} 2026-01-01 {PBX.label}", True, PBX, "this_pbx"),
        ("E" * 40, f"{MARK} 2026-01-01 other.example", True, PBX, "other_pbx"),
        ("E" * 40, f"{MARK} 2026-01-01 other.example", True, None, "this_pbx"),
        ("E" * 40, f"{MARK} 2026-01-01", False, PBX, "foreign"),
    ],
)
def test_whose_a_certificate_is(thumbprint: str, name: str, made: bool, pbx: Pbx | None, owner: str) -> None:
    claim = Claim(BY_PBX, pbx, thumbprints=frozenset({OURS}), neighbors=frozenset({NEIGHBOR}))
    candidate = found(keyCredentials=[key(thumbprint, displayName=name)], createdByAppId=AUTOMATION if made else None)
    (credential,) = adoption.credentials(candidate, claim, CALLER)
    assert credential.as_dict() == {
        "kind": "certificate",
        "name": thumbprint,
        "expires": "2036-01-01T00:00:00Z",
        "owner": owner,
        "on": "application",
    }


def test_a_key_that_encrypts_proves_nothing_and_lets_nobody_in() -> None:
    candidate = found(keyCredentials=[key(OURS, usage="Encrypt")])
    claim = Claim(BY_PBX, PBX, thumbprints=frozenset({OURS}))
    assert adoption.evidence(candidate.application, claim) == []
    assert adoption.credentials(candidate, claim, CALLER) == []


@pytest.mark.parametrize(
    ("properties", "removed", "returns"),
    [
        ({"tags": [MARK, PBX.tag]}, APP.lower(), True),
        ({"tags": [MARK, PBX.tag]}, "", False),
        ({"tags": [MARK, PBX.tag]}, AUTOMATION, False),
        ({"tags": [PBX.tag]}, APP.lower(), False),
        ({"tags": [MARK, f"{ownership.PBX_TAG}other.example"]}, APP.lower(), False),
        ({"tags": [MARK, PBX.tag], "appId": None}, "", False),
    ],
)
def test_only_what_our_offboarding_has_deleted_returns(properties: Json, removed: str, returns: bool) -> None:
    assert Claim(BY_PBX, PBX, removed=removed).returns(found(**properties).application) is returns


def test_without_a_pbx_and_without_a_name_nothing_is_marked_or_named() -> None:
    claim = Claim(BY_PBX)
    assert not claim.is_marked({"tags": [MARK, PBX.tag]})
    assert not claim.is_named({})
    assert not claim.is_named({"uniqueName": ""})
    assert Claim(BY_NAME, unique_name="3cx-acme").is_named({"uniqueName": "3cx-acme"})


@pytest.mark.parametrize(
    ("home", "why"),
    [
        ("", "its enterprise application is in this tenant, and the application itself cannot be read"),
        (TENANT.upper(), "its enterprise application is in this tenant, and the application itself cannot be read"),
        (
            ELSEWHERE,
            f"it is registered in another tenant ({ELSEWHERE}); only its enterprise application is in this one",
        ),
        (None, "the PBX works with it today, and it cannot be read in this tenant"),
    ],
)
def test_a_pointer_that_cannot_be_read_is_explained(home: str | None, why: str) -> None:
    principal = None if home is None else {"appOwnerOrganizationId": home}
    with pytest.raises(NotConfirmed) as refused:
        adoption.decide_missing(APP, principal, in_use=True, tenant_id=TENANT)
    error = refused.value
    assert error.message == f"{why}. The PBX is not moved to another application unless the inventory says so"
    assert (error.tried, error.target) == ("find the application of the PBX", APP)
    assert f"Check entra_tenant_id ({TENANT}) first." in error.remedy


@pytest.mark.parametrize(
    ("named_by", "unique_name", "begins", "remedy"),
    [
        (BY_PBX, "3cx-acme", "the PBX names it, but nothing in the tenant confirms", adoption.CHOICES),
        (BY_NAME, "3cx-acme", "it has the name 3cx-acme, but nothing", "give another entra_app_unique_name."),
        (BY_NAME, "", "it has the name that was given, but nothing", "give another entra_app_unique_name."),
    ],
)
def test_a_refusal_names_the_application_and_the_choices(
    named_by: str, unique_name: str, begins: str, remedy: str
) -> None:
    error = refusal(found(), Claim(named_by, PBX, unique_name))
    assert error.message.startswith(begins)
    assert (error.tried, error.target) == ("adopt the application", f"{APP} 'Phones'")
    assert error.remedy.endswith(remedy)
    assert (error.remedy == adoption.CHOICES) is (named_by == BY_PBX)
    assert refusal(found(displayName=None), Claim(named_by, PBX, unique_name)).target == f"{APP} ''"


def test_our_tag_alone_is_refused_with_what_it_holds() -> None:
    claim = Claim(BY_PBX, PBX)
    assert "it carries the tag tcx.m365, which every owner can set" in refusal(found(tags=[MARK]), claim).message
    for count, told in ((5, "the owner u5"), (6, "the owner u5 and 1 more"), (8, "the owner u5 and 3 more")):
        owners = tuple({"id": f"u{number}"} for number in range(1, count + 1))
        message = refusal(found(tags=[MARK], owners=owners), claim).message
        assert message.endswith(
            f"a redirect URI of it, and it holds the owner u1, the owner u2, the owner u3, the owner u4, {told}"
        )


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"tags": [MARK, f"{ownership.PBX_TAG}other.example"]}, "it is marked for another PBX (other.example"),
        ({"uniqueName": "3cx-other"}, "its unique name is 3cx-other, so that it is another PBX's"),
    ],
)
def test_what_is_another_pbxs_is_told(properties: Json, why: str) -> None:
    assert why in refusal(found(**properties), Claim(BY_PBX, PBX, "3cx-acme")).message


def test_who_would_gain_by_an_application() -> None:
    """Permissions that others have granted come with it, unless the PBX signs in with it already."""
    ours = found(tags=[MARK], keyCredentials=[key(OURS)]).application
    uri = {"web": {"redirectUris": ["https://pbx.example.com:5001/oauth2office2"]}}
    with_key, without = Claim(BY_PBX, PBX, thumbprints=frozenset({OURS})), Claim(BY_PBX, PBX)
    assert not adoption.gains(ours, with_key, CALLER)
    assert adoption.gains({**ours, "tags": []}, with_key, CALLER), "not marked"
    assert adoption.gains({**ours, "keyCredentials": []}, with_key, CALLER), "it brings its key"
    assert not adoption.gains({**ours, **uri}, without, CALLER)
    assert adoption.gains(ours, without, CALLER), "nothing speaks for this PBX"
    assert not adoption.gains({**ours, "tags": []}, Claim(INVENTORY, PBX), CALLER)
    made = {**ours, "tags": [], "createdByAppId": AUTOMATION, "uniqueName": "3cx-acme"}
    assert not adoption.gains(made, Claim(BY_NAME, PBX, "3cx-acme"), CALLER)
    assert adoption.gains(made, Claim(BY_NAME, PBX, "3cx-other"), CALLER)


def test_owners_that_the_inventory_names_and_the_automation_are_no_strangers() -> None:
    """Object IDs are compared without regard to case: Graph and an inventory write them differently."""
    claim = Claim(BY_PBX, PBX, known_owners=frozenset({"Ee-01"}))
    caller = Caller(frozenset({AUTOMATION}), "Ff-02", app_only=True)
    known: tuple[Json, ...] = ({"id": "eE-01", "displayName": "Ann"}, {"id": "fF-02", "displayName": "Automation"})
    stranger: Json = {"id": "ee-03", "displayName": "Eve"}
    mine = Candidate({"appId": APP}, None, owners=known, principal_owners=known)
    assert adoption.unknown_holders(mine, claim, caller) == []
    theirs = Candidate({"appId": APP}, None, owners=(*known, stranger), principal_owners=(stranger, *known))
    told = ["the owner 'Eve'", "the owner of its service principal 'Eve'"]
    assert adoption.unknown_holders(theirs, claim, caller) == told
    assert adoption.unknown_holders(Candidate({}, None, owners=({"displayName": "Eve"},)), claim, caller) == told[:1]


@pytest.mark.parametrize(
    ("names", "told"),
    [({}, "CN=somebody"), ({"displayName": None}, "k1"), ({"displayName": None, "keyId": None}, "")],
)
def test_a_credential_without_a_thumbprint_is_called_by_what_it_has(names: Json, told: str) -> None:
    entry = {**key(""), "customKeyIdentifier": None, **names}
    candidate = Candidate({"appId": APP}, {"keyCredentials": [entry], "passwordCredentials": [entry]})
    certificate, password = adoption.credentials(candidate, Claim(BY_PBX, now="2036-01-01T00:00:01Z"), CALLER)
    for credential, kind in ((certificate, "certificate"), (password, "secret")):
        expected = (kind, told, "service_principal", "expired")
        assert (credential.kind, credential.name, credential.on, credential.hint) == expected


def test_what_the_tenant_confirms_is_told_with_the_decision() -> None:
    uri = "https://pbx.example.com:5001/oauth2office2"
    proof = (f"the certificate {OURS}", f"the redirect URI {uri}")
    claim = Claim(BY_PBX, PBX, thumbprints=frozenset({OURS}))
    holdings: Json = {"keyCredentials": [key(OURS)], "web": {"redirectUris": [uri]}}
    adopted = adoption.decide(found(**holdings), claim, CALLER, TENANT)
    assert (adopted.action, adopted.proof) == (adoption.ADOPT, proof)
    used = adoption.decide(found(**holdings, tags=[MARK, PBX.tag]), claim, CALLER, TENANT)
    assert (used.action, used.proof) == (adoption.USE, proof)
    ours = found(**holdings, tags=[MARK, PBX.tag], createdByAppId=AUTOMATION.upper())
    assert adoption.decide(ours, claim, CALLER, TENANT).proof == (*proof, "the automation registered it")


@pytest.mark.parametrize(("tags", "action"), [([], adoption.ADOPT), ([MARK], adoption.USE)])
def test_what_the_inventory_names_is_adopted_where_it_has_no_mark(tags: list[str], action: str) -> None:
    decision = adoption.decide(found(tags=tags), Claim(INVENTORY, PBX), CALLER, TENANT)
    assert (decision.action, decision.stated) == (action, True)


def test_all_pbxs_that_an_application_is_marked_for_are_named() -> None:
    tags = [MARK, *(f"{ownership.PBX_TAG}{name}.example" for name in ("one", "two"))]
    told = "it is marked for another PBX (one.example, two.example)"
    assert told in refusal(found(tags=tags), Claim(BY_PBX, PBX, "3cx-acme")).message
    assert told in refusal(found(tags=tags), Claim(BY_PBX, None, "3cx-acme")).message


def test_a_deleted_application_is_refused_with_what_it_holds_or_that_nobody_can_see_it() -> None:
    claim = Claim(BY_PBX, PBX)
    deleted = "2026-01-01T00:00:00Z"
    message = refusal(found(deletedDateTime=deleted), claim).message
    assert message.endswith("it was deleted, and who owns it and may sign in with it shows only after it is restored")
    message = refusal(found(deletedDateTime=deleted, owners=({"id": "u1"},)), claim).message
    assert message.endswith("it was deleted, and it holds the owner u1")


def test_what_is_never_touched_is_named() -> None:
    claim = Claim(INVENTORY, PBX)
    error = refusal(Candidate({"appId": AUTOMATION}), claim)
    assert (error.tried, error.target) == ("use the application for a PBX", AUTOMATION)
    stated = "Name another application in O(app_id), or leave it out."
    assert error.remedy == stated
    error = refusal(Candidate({"appId": AUTOMATION}), Claim(adoption.BY_NAME, PBX))
    assert (
        error.remedy == "Name another application in entra_app_app_id, or set entra_app_mode: create to have one made."
    )
    with pytest.raises(NotConfirmed) as caught:
        adoption.never(AUTOMATION, None, CALLER, TENANT)
    assert caught.value.remedy == stated, "a task that names one by itself"


def test_what_was_read_is_judged_as_a_whole() -> None:
    principal: Json = {"id": "sp"}
    owners, principal_owners, federated = ({"id": "u"},), ({"id": "v"},), ({"id": "f"},)
    observed = Observed(
        application=None,
        deleted={"appId": APP},
        service_principal=principal,
        owner_objects=owners,
        principal_owners=principal_owners,
        federated=federated,
    )
    expected = Candidate({"appId": APP}, principal, owners, principal_owners, federated)
    assert Candidate.of(observed) == expected
    assert Candidate.of(observed.but(application={"appId": "x"})).application == {"appId": "x"}
    assert Candidate.of(observed.but(deleted=None)).application == {}
