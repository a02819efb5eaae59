# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan of an application reports and what it sends, to the letter: one without the other would be a false report."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import plan as plans
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import (
    DEFAULT_AUDIENCE,
    MARK,
    VISIBLE_TAG,
    Desired,
    Key,
    Observed,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import ADOPTED_TAG
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import DELEGATED
from ansible_collections.tcx.m365.plugins.module_utils._errors import Conflict, NotOurs
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.planned import (
    ONE,
    OTHER_TAG,
    OTHER_URI,
    TAG,
    TWO,
    URI,
    Json,
    access,
    alone,
    application,
    desired,
    key,
    present,
    reported,
    sent,
    there,
)

# --- an application is made, restored, marked ---------------------------------------------------------------------------------


def test_a_new_application_is_reported_as_it_is_sent() -> None:
    plan = present(desired(adopts=True, tags=["mine"]), Observed())
    assert reported(plan) == [
        ("application", "state", "absent", "present"),
        ("application", "display_name", None, "3cx-one"),
        ("application", "sign_in_audience", None, "AzureADMyOrg"),
        ("application", "unique_name", None, "3cx-one"),
        ("application", "tags", [], ["mine", MARK, TAG, ADOPTED_TAG]),
        ("service_principal", "state", "absent", "present"),
    ]
    body = {
        "displayName": "3cx-one",
        "signInAudience": "AzureADMyOrg",
        "uniqueName": "3cx-one",
        "tags": ["mine", MARK, TAG, ADOPTED_TAG],
    }
    assert sent(plan) == [
        (plans.CREATE, body),
        (plans.CREATE_PRINCIPAL, {"appId": PENDING, "accountEnabled": True}),
    ]


@pytest.mark.parametrize(
    ("request_", "name", "audience"),
    [
        (alone(key=Key(display_name="By its name")), "By its name", DEFAULT_AUDIENCE),
        (
            alone(plain={"display_name": "Mine", "sign_in_audience": "AzureADMultipleOrgs"}),
            "Mine",
            "AzureADMultipleOrgs",
        ),
        (alone(key=Key(unique_name="3cx-one", display_name="Both")), "Both", DEFAULT_AUDIENCE),
    ],
)
def test_a_new_application_has_the_name_that_is_known_best(request_: Desired, name: str, audience: str) -> None:
    ((_action, body), _principal) = sent(present(request_, Observed()))
    assert (body["displayName"], body["signInAudience"]) == (name, audience)


def test_what_is_there_keeps_its_name_and_its_audience() -> None:
    observed = there(displayName="Theirs", signInAudience="AzureADMultipleOrgs")
    assert (reported(present(desired(), observed)), sent(present(desired(), observed))) == ([], [])


def test_a_deleted_application_comes_back_with_its_service_principal() -> None:
    observed = Observed(deleted=application(), deleted_principal={"id": "old", "accountEnabled": False, "tags": ["x"]})
    plan = present(desired(service_principal={"enabled": True, "visible": True}), observed)
    assert reported(plan) == [
        ("application", "state", "deleted", "present"),
        ("service_principal", "state", "deleted", "present"),
        ("service_principal", "enabled", False, True),
        ("service_principal", "visible", False, True),
    ]
    assert sent(plan) == [
        (plans.RESTORE, {"id": "object"}),
        (plans.RESTORE_PRINCIPAL, {"id": "old"}),
        (plans.UPDATE_PRINCIPAL, {"accountEnabled": True, "tags": ["x", VISIBLE_TAG]}),
    ]
    gone = present(desired(), Observed(deleted=application()))
    assert sent(gone)[1:] == [(plans.CREATE_PRINCIPAL, {"appId": "app", "accountEnabled": True})]


def test_a_service_principal_is_made_as_it_is_desired() -> None:
    options = {"enabled": False, "assignment_required": True, "visible": True}
    plan = present(desired(service_principal=options), Observed(application()))
    assert reported(plan) == [
        ("service_principal", "state", "absent", "present"),
        ("service_principal", "enabled", None, False),
        ("service_principal", "assignment_required", None, True),
        ("service_principal", "visible", False, True),
    ]
    body = {"appId": "app", "accountEnabled": False, "appRoleAssignmentRequired": True, "tags": [VISIBLE_TAG]}
    assert sent(plan) == [(plans.CREATE_PRINCIPAL, body)]
    usual = present(desired(service_principal={"enabled": True, "visible": False}), Observed(application()))
    assert reported(usual) == [("service_principal", "state", "absent", "present")]


def test_a_service_principal_that_is_as_desired_is_left_alone() -> None:
    live = {"id": "sp", "accountEnabled": True, "tags": ["x", VISIBLE_TAG]}
    observed = Observed(application(), live)
    assert not sent(present(desired(service_principal={"enabled": True, "visible": True}), observed))
    plan = present(desired(service_principal={"visible": False, "assignment_required": False}), observed)
    assert reported(plan) == [("service_principal", "visible", True, False)]
    assert sent(plan) == [(plans.UPDATE_PRINCIPAL, {"tags": ["x"]})]


def test_a_unique_name_is_never_changed_and_the_way_out_is_told() -> None:
    with pytest.raises(Conflict) as caught:
        present(desired(), there(uniqueName="theirs"))
    error = caught.value
    assert error.message == "it has the unique name theirs already, and a unique name is never changed"
    assert (error.tried, error.target) == ("give the application the unique name 3cx-one", "app")
    assert error.remedy == "Use O(unique_name): theirs, or leave O(unique_name) out."
    assert not sent(present(desired(key=Key(app_id="app")), there(uniqueName="theirs")))
    with pytest.raises(Conflict) as caught:
        present(desired(), Observed({"uniqueName": "theirs"}))
    assert caught.value.target == ""


def test_a_mark_is_added_to_the_tags_that_are_there() -> None:
    plan = present(desired(), there(uniqueName=None, tags=["theirs", MARK]))
    assert reported(plan) == [
        ("application", "unique_name", None, "3cx-one"),
        ("application", "tags", ["theirs", MARK], ["theirs", MARK, TAG]),
    ]
    assert sent(plan) == [(plans.UPDATE, {"uniqueName": "3cx-one", "tags": ["theirs", MARK, TAG]})]


def test_a_cloud_without_unique_names_gets_the_name_as_a_tag_beside_the_others() -> None:
    assert plans.tagged_key({"uniqueName": "n", "notes": "x", "tags": ["a"]}) == {
        "notes": "x",
        "tags": ["a", "tcx.m365:unique_name=n"],
    }
    assert plans.tagged_key({"uniqueName": "n"}) == {"tags": ["tcx.m365:unique_name=n"]}
    assert plans.tagged_key({"notes": "x"}) == {"notes": "x"}


# --- its properties -----------------------------------------------------------------------------------------------------------


def test_a_property_is_reported_with_what_was_there() -> None:
    observed = there(notes="old", isFallbackPublicClient=None, web={"homePageUrl": "https://h.example"})
    plan = present(
        desired(plain={"notes": "", "public_client": True, "home_page_url": "https://new.example"}), observed
    )
    assert reported(plan) == [
        ("application", "home_page_url", "https://h.example", "https://new.example"),
        ("application", "public_client", None, True),
        ("application", "notes", "old", ""),
    ]
    assert sent(plan) == [
        (
            plans.UPDATE,
            {"web": {"homePageUrl": "https://new.example"}, "isFallbackPublicClient": True, "notes": None},
        )
    ]


def test_claims_are_merged_by_name_and_source() -> None:
    have = [
        {"name": "upn", "source": None, "essential": False, "additionalProperties": []},
        {"name": "upn", "source": "user", "essential": True},
        {"name": "groups", "additionalProperties": ["a", "b"]},
    ]
    request = desired(
        claims={
            "id_token": [
                {"name": "upn", "essential": True},
                {"name": "groups", "additionalProperties": ["b", "a"]},
                {"name": "email"},
            ],
            "access_token": [],
            "saml2_token": None,
        }
    )
    plan = present(request, there(optionalClaims={"idToken": have, "saml2Token": []}))
    target = [
        {"name": "upn", "source": None, "essential": True, "additionalProperties": []},
        *have[1:],
        {"name": "email"},
    ]
    assert reported(plan) == [("application", "optional_claims.id_token", have, target)]
    assert sent(plan) == [(plans.UPDATE, {"optionalClaims": {"idToken": target, "saml2Token": []}})]
    same = desired(claims={"id_token": [{"name": "upn", "essential": False, "additionalProperties": []}]})
    for source in ({}, {"source": None}, {"source": ""}):
        observed = there(optionalClaims={"idToken": [{"name": "upn", **source}]})
        assert not sent(present(same, observed)), "null is as good as nothing"
    later = present(desired(claims={"id_token": None, "access_token": [{"name": "upn"}]}), there())
    assert reported(later) == [("application", "optional_claims.access_token", [], [{"name": "upn"}])]


def test_a_lock_is_reported_by_its_options_and_always_says_whether_it_is_on() -> None:
    plan = present(desired(lock={"all_properties": True, "enabled": None}), there())
    assert reported(plan) == [("application", "service_principal_lock.all_properties", None, True)]
    assert sent(plan) == [
        (plans.UPDATE, {"servicePrincipalLockConfiguration": {"allProperties": True, "isEnabled": False}})
    ]
    locked = there(servicePrincipalLockConfiguration={"isEnabled": True, "allProperties": None})
    assert reported(present(desired(lock={"enabled": False}), locked)) == [
        ("application", "service_principal_lock.enabled", True, False)
    ]
    plan = present(desired(lock={"all_properties": True, "token_encryption_key_id": False}), locked)
    assert sent(plan) == [
        (plans.UPDATE, {"servicePrincipalLockConfiguration": {"isEnabled": True, "allProperties": True}})
    ]


def test_owners_are_added_once_and_nobody_is_removed() -> None:
    observed = there().but(owners=("a", "b"))
    plan = present(desired(owners=["c", "a", "c", "d"]), observed)
    assert reported(plan) == [("application", "owners", ["a", "b"], ["a", "b", "c", "d"])]
    assert sent(plan) == [(plans.ADD_OWNERS, ["c", "d"])]


# --- lists: what goes, what stays for others ----------------------------------------------------------------------------------


def test_redirect_uris_are_reported_by_their_platform() -> None:
    observed = there(web={"redirectUris": ["https://a.example"]}, spa=None)
    request = desired(uris={"redirect_uris": [URI], "spa_redirect_uris": ["https://s.example"]})
    plan = present(request, observed)
    assert reported(plan) == [
        ("application", "redirect_uris", ["https://a.example"], ["https://a.example", URI]),
        ("application", "spa_redirect_uris", [], ["https://s.example"]),
    ]


OTHERS = [
    OTHER_URI,
    "https://two.example/oauth2office2/?x=1?y=2",
    "https://two.example/oauth2presence",
]
NOBODYS = ["https://two.example/cb", "https://two.example/cb?back=/oauth2office2", "https://two.example/oauth2office2X"]


@pytest.mark.parametrize(
    ("options", "tags", "left"),
    [
        ({}, [MARK, TAG], [*OTHERS, URI]),
        ({}, [MARK, TAG, OTHER_TAG], [*OTHERS, *NOBODYS, URI]),
        ({"removes": False}, [MARK, TAG], [*OTHERS, *NOBODYS, "https://one.example:5001/old", URI]),
        ({"force": True}, [MARK, TAG, OTHER_TAG], [URI]),
        ({"pbx": None}, [MARK], [URI]),
    ],
    ids=["alone", "shared", "in the run that marks", "forced", "without a PBX"],
)
def test_an_exclusive_list_of_redirect_uris_leaves_those_of_other_pbxs(
    options: Json, tags: list[str], left: list[str]
) -> None:
    own = "https://one.example:5001/old"
    observed = there(tags=tags, web={"redirectUris": [*OTHERS, *NOBODYS, own]})
    plan = present(desired(**{"uris": {"redirect_uris": [URI]}, "uris_exclusive": True, **options}), observed)
    assert reported(plan) == [("application", "redirect_uris", [*OTHERS, *NOBODYS, own], left)]


def test_certificates_are_reported_by_thumbprint_with_what_undoing_takes() -> None:
    old = key(TWO, "one.example:5001")
    request = desired(certificates=[ONE], certificates_exclusive=True, registered=frozenset([ONE.thumbprint]))
    plan = present(request, there(keyCredentials=[old]))
    assert reported(plan) == [("application", "certificates", [TWO.thumbprint], [ONE.thumbprint])]
    assert set(plan.changes[0].details) == {ONE.thumbprint, TWO.thumbprint}
    ((_action, body),) = sent(plan)
    assert [entry["customKeyIdentifier"] for entry in body["keyCredentials"]] == [ONE.thumbprint]
    assert plan.changes[0].details[ONE.thumbprint][0]["keyId"] == body["keyCredentials"][0]["keyId"]


FIRST, SECOND = gen.permission(0), gen.permission(1)
READ, SEND = (gen.permission(number, DELEGATED) for number in (0, 1))


def test_permissions_are_reported_by_name_and_kind() -> None:
    observed = there(requiredResourceAccess=access(SECOND, SEND))
    plan = present(desired(permissions=[FIRST, READ]), observed)
    assert reported(plan) == [
        ("application", "permissions", [SECOND.name], [SECOND.name, FIRST.name]),
        ("application", "delegated_permissions", [SEND.name], [SEND.name, READ.name]),
    ]
    assert sent(plan) == [(plans.UPDATE, {"requiredResourceAccess": access(SECOND, SEND, FIRST, READ)})]
    assert not sent(present(desired(permissions=[SEND]), observed))
    ((_target, _field, _before, unnamed),) = reported(plans.plan_present(desired(permissions=[FIRST]), there(), NOW))
    assert len(unnamed) == 1
    assert FIRST.id in unnamed[0], "where no names are known the id has to do"


@pytest.mark.parametrize(
    ("options", "tags", "goes"),
    [
        ({}, [MARK, TAG], True),
        ({}, [MARK, TAG, OTHER_TAG], False),
        ({"removes": False}, [MARK, TAG], False),
        ({"force": True}, [MARK, TAG, OTHER_TAG], True),
        ({"pbx": None}, [MARK], True),
        ({"permissions_exclusive": False}, [MARK, TAG], False),
    ],
)
def test_an_exclusive_list_of_permissions_takes_none_from_others(options: Json, tags: list[str], goes: bool) -> None:
    request = desired(**{"permissions": [FIRST], "permissions_exclusive": True, **options})
    plan = present(request, there(tags=tags, requiredResourceAccess=access(FIRST, SECOND)))
    assert bool(sent(plan)) is goes
    assert reported(plan) == ([("application", "permissions", [FIRST.name, SECOND.name], [FIRST.name])] if goes else [])


def test_what_an_application_without_our_mark_would_lose_is_named() -> None:
    observed = there(
        tags=[],
        web={"redirectUris": ["https://a.example"]},
        keyCredentials=[key(TWO), gen.entry(gen.ENDED, 1, ours=True, identifier="hex", ended=True)],
        requiredResourceAccess=access(SECOND, SEND),
    )
    request = alone(
        uris={"redirect_uris": []},
        uris_exclusive=True,
        certificates=[ONE],
        certificates_exclusive=True,
        registered=frozenset([ONE.thumbprint]),
        permissions=[FIRST],
        permissions_exclusive=True,
    )
    with pytest.raises(NotOurs) as caught:
        present(request, observed)
    error = caught.value
    assert error.message == (
        f"it would lose https://a.example, the certificate {TWO.thumbprint}, the declared permission {SECOND.name}, "
        f"the declared permission {SEND.name}, and it does not carry the tag {MARK}"
    )
    assert (error.tried, error.target) == ("bring an application to an exclusive state", "3cx-one")
    assert error.remedy == "Adopt it first without the exclusive options, or set O(force): true."


def test_of_an_application_without_our_mark_every_list_that_would_lose_a_redirect_uri_is_named() -> None:
    observed = there(
        tags=[],
        web={"redirectUris": ["https://kept.example", "https://web.example"]},
        spa={"redirectUris": ["https://spa.example"]},
        publicClient={"redirectUris": ["https://public.example"]},
    )
    request = alone(
        uris={"redirect_uris": ["https://kept.example"], "spa_redirect_uris": [], "public_client_redirect_uris": []},
        uris_exclusive=True,
    )
    with pytest.raises(NotOurs) as caught:
        present(request, observed)
    assert caught.value.message == (
        f"it would lose https://web.example, https://spa.example, https://public.example, and it does not carry the tag {MARK}"
    )


def test_one_of_two_entries_of_a_certificate_is_no_loss() -> None:
    observed = there(tags=[], keyCredentials=[key(ONE), key(ONE, number=1), key(TWO)])
    plan = present(alone(prune_duplicates=True), observed)
    assert (
        "application",
        "certificates",
        [ONE.thumbprint] * 2 + [TWO.thumbprint],
        [ONE.thumbprint, TWO.thumbprint],
    ) in (reported(plan))
    nameless = {**gen.saml_key(0), "type": "AsymmetricX509Cert", "usage": "Verify"}
    with pytest.raises(NotOurs, match="the certificate saml-0"):
        present(
            alone(certificates=[ONE], certificates_exclusive=True), there(tags=[], keyCredentials=[key(ONE), nameless])
        )
