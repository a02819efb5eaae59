# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an application goes, and how a PBX leaves one that it shares: what is sent and what is reported."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import plan as plans
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import (
    MARK,
    Key,
    Observed,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import ADOPTED_TAG, PBX_TAG
from ansible_collections.tcx.m365.plugins.module_utils._errors import NotOurs
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.planned import (
    ONE,
    OTHER_TAG,
    OTHER_URI,
    TAG,
    TWO,
    URI,
    Json,
    alone,
    application,
    desired,
    key,
    present,
    reported,
    sent,
    there,
)


@pytest.mark.parametrize("purge", [False, True])
def test_a_removed_application_is_reported_with_what_goes_with_it(purge: bool) -> None:
    observed = there().but(roles=("User.Read.All",), scopes=("openid",))
    plan = plans.plan_absent(desired(), observed, purge)
    assert reported(plan) == [
        ("application", "state", "present", "purged" if purge else "absent"),
        ("app_role_assignments", "permissions", ["User.Read.All"], []),
        ("oauth2_permission_grants", "delegated_permissions", ["openid"], []),
    ]
    assert sent(plan) == [(plans.DELETE, {"id": "object"}), (plans.PURGE, {"id": "object"})][: 1 + purge]
    bare = plans.plan_absent(alone(), there(), purge)
    assert [change.field for change in bare.changes] == ["state"]


def test_a_deleted_application_goes_for_good_only_where_that_is_asked_for() -> None:
    observed = Observed(deleted=application(), roles=("x",), scopes=("y",))
    assert not plans.plan_absent(desired(), observed, purge=False)
    plan = plans.plan_absent(desired(), observed, purge=True)
    assert reported(plan) == [("application", "state", "deleted", "purged")]
    assert sent(plan) == [(plans.PURGE, {"id": "object"})]
    assert not plans.plan_absent(desired(), Observed(), purge=True)


def test_a_deleted_application_that_others_are_in_is_left_to_them() -> None:
    observed = Observed(deleted=application(tags=[MARK, TAG, OTHER_TAG]))
    plan = plans.plan_absent(desired(), observed, purge=True)
    assert (reported(plan), sent(plan)) == ([], [])


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"pbx": None}, "force): true."),
        ({}, "force): true."),
        ({"stated": False}, "force): true and state it in entra_app_app_id."),
        ({"stated": False, "force": True}, "force): true and state it in entra_app_app_id."),
    ],
    ids=["without a PBX", "stated", "by the word of a PBX", "forced by the word of a PBX"],
)
def test_an_application_without_our_mark_is_not_removed(options: Json, end: str) -> None:
    with pytest.raises(NotOurs) as caught:
        plans.plan_absent(desired(**options), there(tags=["theirs"]), purge=False)
    error = caught.value
    assert error.message == f"it does not carry the tag {MARK}"
    assert (error.tried, error.target) == ("delete an application", "3cx-one")
    assert error.remedy == f"Check that it is the right one, then set O({end}"


@pytest.mark.parametrize("options", [{"pbx": None}, {}])
def test_force_removes_what_the_operator_names_whoever_uses_it(options: Json) -> None:
    observed = there(tags=[OTHER_TAG], uniqueName="theirs")
    plan = plans.plan_absent(desired(force=True, **options), observed, purge=False)
    assert sent(plan) == [(plans.DELETE, {"id": "object"})]
    assert plans.others_in(desired(force=True, **options), observed) == []


# Of an application: its tags, its unique name, whether something of the PBX is in it; and what the task knows it by.
MARKED, UNMARKED, FOREIGN = [MARK, TAG], [MARK], [MARK, OTHER_TAG, f"{PBX_TAG}three.example"]
ITS_OWN = {"web": {"redirectUris": [URI]}}
ITS_KEY = {"keyCredentials": [key(ONE, "two.example:5001")]}


@pytest.mark.parametrize(
    ("properties", "options"),
    [
        ({"tags": MARKED}, {"stated": False}),
        ({"tags": MARKED, "uniqueName": "theirs"}, {"stated": True}),
        ({"tags": MARKED, "uniqueName": "theirs", **ITS_OWN}, {"stated": False}),
        ({"tags": MARKED, "uniqueName": "theirs", **ITS_KEY}, {"stated": False, "certificates": [ONE]}),
        ({"tags": UNMARKED}, {"stated": False}),
        ({"tags": UNMARKED, "uniqueName": "theirs"}, {"stated": True}),
        ({"tags": UNMARKED, "uniqueName": None, **ITS_OWN}, {"stated": False}),
    ],
)
def test_a_pbx_removes_its_own_application(properties: Json, options: Json) -> None:
    plan = plans.plan_absent(desired(**options), there(**properties), purge=False)
    assert sent(plan) == [(plans.DELETE, {"id": "object"})]


NEITHER = "it has neither a certificate nor a redirect URI of one.example:5001"
NOT_ITS = "it is another PBX's ({}), not that of one.example:5001"


@pytest.mark.parametrize(
    ("properties", "options", "reason"),
    [
        ({"tags": MARKED, "uniqueName": None}, {}, NEITHER),
        ({"tags": MARKED, "uniqueName": "theirs"}, {}, NOT_ITS.format("the one that has the unique name theirs")),
        ({"tags": UNMARKED, "uniqueName": None}, {}, NEITHER),
        ({"tags": UNMARKED, "uniqueName": None}, {"key": Key(app_id="named")}, NEITHER),
        ({"tags": UNMARKED, "uniqueName": None, **ITS_KEY}, {}, NEITHER),
        (
            {"tags": UNMARKED, "uniqueName": "theirs", **ITS_OWN},
            {},
            NOT_ITS.format("the one that has the unique name theirs"),
        ),
        ({"tags": FOREIGN, "uniqueName": "theirs"}, {}, NOT_ITS.format("two.example:5001, three.example")),
        ({"tags": FOREIGN, **ITS_OWN}, {"stated": True}, NOT_ITS.format("two.example:5001, three.example")),
        (
            {"tags": [MARK, TAG, OTHER_TAG], "uniqueName": "theirs"},
            {},
            NOT_ITS.format("two.example:5001"),
        ),
    ],
)
def test_a_pbx_removes_nobody_elses_application(properties: Json, options: Json, reason: str) -> None:
    request = desired(**{"stated": False, **options})
    with pytest.raises(NotOurs) as caught:
        plans.plan_absent(request, there(**properties), purge=False)
    error = caught.value
    assert error.message == reason
    assert (error.tried, error.target) == ("remove the application of a PBX", "app")
    assert error.remedy == (
        "Nothing of it was changed. Check what the PBX points to; entra_app_app_id names the right application."
    )


def test_an_application_whose_id_is_not_known_is_called_by_its_key() -> None:
    with pytest.raises(NotOurs) as caught:
        plans.plan_absent(desired(stated=False), Observed({"id": "object", "tags": UNMARKED}), purge=False)
    assert caught.value.target == "3cx-one"


@pytest.mark.parametrize(
    ("properties", "options"),
    [
        ({"tags": FOREIGN}, {"stated": False}),
        ({"tags": FOREIGN, "uniqueName": "theirs"}, {"stated": True}),
        ({"tags": FOREIGN, "uniqueName": None}, {"stated": True, "key": Key(app_id="app")}),
    ],
)
def test_a_pbx_that_has_left_an_application_leaves_it_alone_the_next_time(properties: Json, options: Json) -> None:
    plan = plans.plan_absent(desired(**options), there(**properties), purge=True)
    assert (reported(plan), sent(plan)) == ([], [])
    own = {**properties, "keyCredentials": [key(ONE, "one.example:5001")]}
    with pytest.raises(NotOurs):
        plans.plan_absent(desired(certificates=[ONE], **options), there(**own), purge=True)


def test_without_names_two_applications_are_not_the_same() -> None:
    request = desired(stated=False, key=Key(app_id="app"))
    with pytest.raises(NotOurs):
        plans.plan_absent(request, there(tags=FOREIGN, uniqueName=None), purge=False)


def test_who_else_uses_an_application_is_told_in_words() -> None:
    observed = there(
        tags=[MARK, TAG, OTHER_TAG, ADOPTED_TAG],
        web={"redirectUris": [URI, OTHER_URI]},
        keyCredentials=[key(TWO, "two.example:5001"), key(ONE, "two.example:5001")],
        passwordCredentials=[{"displayName": "bot"}],
    ).but(federated=({"name": "pipeline"},))
    expected = [
        "the PBX two.example:5001",
        f"the redirect URI {OTHER_URI}",
        f"the certificate {TWO.thumbprint}",
        "the client secret bot",
        "the federated credential pipeline",
    ]
    assert plans.others_in(desired(certificates=[ONE]), observed) == expected
    assert plans.others_in(alone(), observed) == []
    made = observed.but(application={**(observed.application or {}), "tags": [MARK, TAG]})
    assert plans.others_in(desired(certificates=[ONE]), made) == expected[1:3]
    assert plans.others_in(desired(force=True, stated=False, certificates=[ONE]), made) == expected[1:3]


def test_a_pbx_leaves_a_shared_application_with_all_that_is_its_own() -> None:
    keys = [key(ONE, "one.example:5001"), key(TWO, "two.example:5001"), key(gen.CERTIFICATES[2], "one.example:5001")]
    observed = there(
        tags=["theirs", MARK, TAG, OTHER_TAG],
        web={"redirectUris": [URI, OTHER_URI], "homePageUrl": "https://h.example"},
        spa={"redirectUris": [URI]},
        publicClient=None,
        keyCredentials=keys,
    )
    plan = plans.plan_absent(desired(keep=frozenset([gen.CERTIFICATES[2].thumbprint])), observed, purge=True)
    names = [certificate.thumbprint for certificate in gen.CERTIFICATES[:3]]
    assert reported(plan) == [
        ("application", "certificates", names, names[1:]),
        ("application", "redirect_uris", [URI, OTHER_URI], [OTHER_URI]),
        ("application", "spa_redirect_uris", [URI], []),
        ("application", "tags", ["theirs", MARK, TAG, OTHER_TAG], ["theirs", MARK, OTHER_TAG]),
    ]
    assert set(plan.changes[0].details) == {ONE.thumbprint}, "what it takes to put it back"
    assert sent(plan) == [
        (
            plans.UPDATE,
            {
                "keyCredentials": keys[1:],
                "web": {"redirectUris": [OTHER_URI], "homePageUrl": "https://h.example"},
                "spa": {"redirectUris": []},
                "tags": ["theirs", MARK, OTHER_TAG],
            },
        )
    ]


def test_a_pbx_with_nothing_in_a_shared_application_changes_nothing_of_it() -> None:
    observed = there(tags=UNMARKED, web={"redirectUris": [OTHER_URI]}, keyCredentials=[key(TWO, "two.example:5001")])
    plan = plans.plan_absent(desired(), observed, purge=False)
    assert (reported(plan), sent(plan)) == ([], [])


def test_a_certificate_of_the_inventory_goes_from_a_shared_application_whoever_registered_it() -> None:
    theirs = {**key(ONE), "displayName": "CN=somebody"}
    observed = there(tags=[MARK, TAG, OTHER_TAG], keyCredentials=[theirs])
    plan = plans.plan_absent(desired(certificates=[ONE]), observed, purge=False)
    assert ("application", "certificates", [ONE.thumbprint], []) in reported(plan)
    assert plans.plan_absent(desired(), observed, purge=False).changed_fields("application") == ["tags"]


RENAMED = key(ONE, "before.example:5001")


def test_a_certificate_that_was_registered_before_its_pbx_was_renamed_is_nobody_elses() -> None:
    """The inventory names it for this PBX, so it makes the application no shared one. It stays: a neighbor may sign in with it."""
    request = desired(certificates=[ONE], certificates_exclusive=True)
    plan = present(request, there(keyCredentials=[RENAMED, {**key(TWO), "displayName": "CN=somebody"}]))
    assert reported(plan) == [("application", "certificates", [ONE.thumbprint, TWO.thumbprint], [ONE.thumbprint])]
    secret = {"passwordCredentials": [{"displayName": "bot"}]}
    observed = there(tags=[MARK, TAG, ADOPTED_TAG], keyCredentials=[RENAMED, key(TWO)], **secret)
    plan = plans.plan_absent(desired(certificates=[ONE]), observed, purge=False)
    assert ("application", "certificates", [ONE.thumbprint, TWO.thumbprint], [ONE.thumbprint]) in reported(plan)
