# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What undoing on an application reports, sends and leaves alone, to the letter; and when one that a run made is more than that."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import certificates
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import plan as steps
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import undo as application_undo
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import MARK, VISIBLE_TAG, Observed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import DELEGATED, Permission
from ansible_collections.tcx.m365.plugins.module_utils._undo import Entry, Undo
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW, make_pair

Json = dict[str, Any]

ONE, TWO, THREE = gen.CERTIFICATES[:3]
ROLE, OTHER_ROLE = gen.permission(0), gen.permission(1)
EXCHANGE = gen.permission(0, resource=gen.OTHER)
SCOPE = gen.permission(0, DELEGATED)
NAMED = {
    ("permissions", "P0.Role"): ROLE,
    ("permissions", "P1.Role"): OTHER_ROLE,
    ("permissions", "Exchange/P0.Role"): EXCHANGE,
    ("delegated_permissions", "P0.Scope"): SCOPE,
}
ID = "d113cf36-1030-517c-988b-b05073bbde70"
OTHER_ID = "a113cf36-1030-517c-988b-b05073bbde71"


def entry(field: str, before: Any, after: Any, *, target: str = "application", **details: Any) -> Entry:
    return Entry(target, field, before, after, details)


def undone(observed: Observed | Json, *entries: Entry, now: dt.datetime = NOW) -> Undo:
    state = observed if isinstance(observed, Observed) else Observed({"id": "object", "appId": "app", **observed})
    return application_undo.plan(entries, state, NAMED, gen.CATALOGUES, now)


def sent(undo: Undo) -> list[tuple[str, Any]]:
    return [(write.action, write.payload) for write in undo.plan.writes]


def reported(undo: Undo) -> list[tuple[str, str, Any, Any]]:
    return [(change.target, change.field, change.before, change.after) for change in undo.plan.changes]


def refused(undo: Undo) -> list[tuple[str, Any, Any, str]]:
    return [(one["field"], one["expected"], one["found"], one["reason"]) for one in undo.refusals()]


def nothing(undo: Undo) -> bool:
    return (sent(undo), reported(undo), undo.refusals()) == ([], [], [])


# --- single values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "there", "before", "body"),
    [
        (entry("notes", "mine", "ours"), {"notes": "ours"}, "ours", {"notes": "mine"}),
        (entry("notes", "", "ours"), {"notes": "ours"}, "ours", {"notes": None}),
        (entry("notes", None, "ours"), {"notes": "ours"}, "ours", {"notes": None}),
        (entry("display_name", "theirs", "ours"), {"displayName": "ours"}, "ours", {"displayName": "theirs"}),
        (
            entry("public_client", None, True),
            {"isFallbackPublicClient": True},
            True,
            {"isFallbackPublicClient": None},
        ),
        (
            entry("logout_url", None, "https://o.example"),
            {"web": {"logoutUrl": "https://o.example", "homePageUrl": "x"}},
            "https://o.example",
            {"web": {"logoutUrl": None, "homePageUrl": "x"}},
        ),
        (
            entry("service_principal_lock.enabled", False, True),
            {"servicePrincipalLockConfiguration": {"isEnabled": True, "allProperties": True}},
            True,
            {"servicePrincipalLockConfiguration": {"isEnabled": False, "allProperties": True}},
        ),
        (
            entry("optional_claims.id_token", [{"name": "upn"}], [{"name": "upn"}, {"name": "email"}]),
            {"optionalClaims": {"idToken": [{"name": "email"}, {"name": "upn"}]}},
            [{"name": "email"}, {"name": "upn"}],
            {"optionalClaims": {"idToken": [{"name": "upn"}]}},
        ),
    ],
)
def test_a_value_is_set_back_to_what_it_was(change: Entry, there: Json, before: Any, body: Json) -> None:
    undo = undone(there, change)
    assert sent(undo) == [(steps.UPDATE, body)]
    assert reported(undo) == [("application", change.field, before, change.before)]
    assert undo.refusals() == []


@pytest.mark.parametrize(
    ("change", "there"),
    [
        (entry("notes", "mine", "ours"), {"notes": "mine"}),
        (entry("public_client", None, True), {"isFallbackPublicClient": False}),
        (entry("display_name", None, "ours"), {"displayName": "ours"}),
        (entry("display_name", "", "ours"), {"displayName": "ours"}),
        (entry("unique_name", None, "3cx-one"), {"uniqueName": "3cx-one"}),
        (entry("redirect_uris", [], ["https://a.example"]), {"web": None}),
        (entry("certificates", [], [ONE.thumbprint]), {}),
        (entry("permissions", [], ["P0.Role"]), {}),
    ],
    ids=[
        "set back already",
        "false as null",
        "a name",
        "no name",
        "a unique name",
        "uris",
        "certificates",
        "permissions",
    ],
)
def test_what_is_undone_already_or_can_never_be_is_left_without_a_word(change: Entry, there: Json) -> None:
    assert nothing(undone(there, change))


def test_what_somebody_has_changed_since_is_left_with_what_was_found() -> None:
    undo = undone(
        {"notes": "theirs", "displayName": "ours"}, entry("notes", "a", "ours"), entry("display_name", "b", "ours")
    )
    assert refused(undo) == [("notes", "ours", "theirs", "it was changed since")]
    assert sent(undo) == [(steps.UPDATE, {"displayName": "b"})], "the rest goes on"


# --- lists --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "there", "body"),
    [
        (
            "redirect_uris",
            {"web": {"redirectUris": ["n", "t"], "logoutUrl": "x"}},
            {"web": {"redirectUris": ["t", "o"], "logoutUrl": "x"}},
        ),
        ("spa_redirect_uris", {"spa": {"redirectUris": ["n", "t"]}}, {"spa": {"redirectUris": ["t", "o"]}}),
        ("tags", {"tags": ["n", "t"]}, {"tags": ["t", "o"]}),
    ],
)
def test_of_a_list_only_the_own_part_is_undone(field: str, there: Json, body: Json) -> None:
    undo = undone(there, entry(field, ["o"], ["n"]))
    assert sent(undo) == [(steps.UPDATE, body)]
    assert reported(undo) == [("application", field, ["n", "t"], ["t", "o"])]


def test_a_field_of_the_service_principal_is_none_of_the_application() -> None:
    there = {"tags": ["n"], "web": {"redirectUris": ["n"]}, "requiredResourceAccess": access(ROLE)}
    entries = [
        entry(field, [], ["n", "P0.Role"], target="service_principal")
        for field in ("tags", "redirect_uris", "permissions")
    ]
    assert nothing(undone(there, *entries))


def test_owners_come_and_go_by_themselves() -> None:
    state = Observed({"id": "object"}, owners=("new", "theirs"))
    undo = undone(state, entry("owners", ["old"], ["new"]))
    assert reported(undo) == [("application", "owners", ["new", "theirs"], ["theirs", "old"])]
    assert sent(undo) == [(steps.ADD_OWNERS, ["old"]), (steps.REMOVE_OWNERS, ["new"])]
    assert sent(undone(state, entry("owners", [], ["new"]))) == [(steps.REMOVE_OWNERS, ["new"])]
    assert sent(undone(state, entry("owners", ["old"], []))) == [(steps.ADD_OWNERS, ["old"])]
    assert nothing(undone(state, entry("owners", ["theirs"], ["gone"])))


def access(*permissions: Permission, resource: str = gen.GRAPH) -> list[Json]:
    rows = [{"id": permission.id, "type": permission.kind} for permission in permissions]
    return [{"resourceAppId": resource, "resourceAccess": rows}]


def test_declared_permissions_are_undone_among_those_of_others() -> None:
    there = [
        {
            "resourceAppId": gen.GRAPH.upper(),
            "resourceAccess": [{"id": ROLE.id.upper(), "type": ROLE.kind}, *access(SCOPE)[0]["resourceAccess"]],
        },
        *access(EXCHANGE, resource=gen.OTHER),
        {"resourceAppId": gen.UNKNOWN},
    ]
    undo = undone({"requiredResourceAccess": there}, entry("permissions", ["P1.Role"], ["P0.Role", "Exchange/P0.Role"]))
    assert reported(undo) == [("application", "permissions", ["P0.Role", "Exchange/P0.Role"], ["P1.Role"])]
    assert sent(undo) == [
        (
            steps.UPDATE,
            {"requiredResourceAccess": [{**access(SCOPE, OTHER_ROLE)[0], "resourceAppId": gen.GRAPH.upper()}]},
        )
    ]
    undo = undone({"requiredResourceAccess": access(ROLE, SCOPE)}, entry("delegated_permissions", [], ["P0.Scope"]))
    assert reported(undo) == [("application", "delegated_permissions", ["P0.Scope"], [])]
    assert sent(undo) == [(steps.UPDATE, {"requiredResourceAccess": access(ROLE)})]


def test_the_id_of_a_permission_counts_in_either_case() -> None:
    for stored, known in (("ab-1", "AB-1"), ("AB-1", "ab-1")):
        permission = Permission(gen.GRAPH, known, ROLE.kind, "Letters")
        there = [{"resourceAppId": gen.GRAPH, "resourceAccess": [{"id": stored, "type": ROLE.kind}]}]
        undo = application_undo.plan(
            [entry("permissions", [], ["Letters"])],
            Observed({"requiredResourceAccess": there}),
            {("permissions", "Letters"): permission},
            {},
            NOW,
        )
        assert sent(undo) == [(steps.UPDATE, {"requiredResourceAccess": []})]


def test_a_permission_that_the_tenant_does_not_know_is_told_and_the_others_come_back() -> None:
    change = entry("permissions", ["P0.Role", "Gone.One", "Gone.Two"], ["Gone.Three"])
    undo = undone({}, change)
    assert refused(undo) == [
        ("permissions", ["Gone.Three"], None, "this tenant does not know Gone.One, Gone.Two"),
    ]
    assert sent(undo) == [(steps.UPDATE, {"requiredResourceAccess": access(ROLE)})]
    assert reported(undo) == [("application", "permissions", [], ["P0.Role"])]


# --- certificates -------------------------------------------------------------------------------------------------------------


def credential(certificate: Any, identifier: str, **values: Any) -> Json:
    made = gen.entry(certificate, 0, ours=True, identifier="hex", ended=False)
    return {**made, "keyId": identifier, **values}


def test_only_the_very_entry_that_was_added_goes() -> None:
    ours, theirs = credential(ONE, ID), credential(ONE, OTHER_ID)
    change = entry(
        "certificates", [], [ONE.thumbprint], **{ONE.thumbprint: [{"keyId": ID}, "no entry", {"keyId": None}]}
    )
    undo = undone({"keyCredentials": [theirs, ours]}, change)
    assert sent(undo) == [(steps.UPDATE, {"keyCredentials": [theirs]})]
    assert reported(undo) == [("application", "certificates", [ONE.thumbprint] * 2, [ONE.thumbprint])]
    assert undo.plan.changes[0].details[ONE.thumbprint][0]["keyId"] == ID, "what it takes to put it back"
    assert nothing(undone({"keyCredentials": [theirs]}, change))


@pytest.mark.parametrize("rows", [None, "text", [], [{"keyId": ""}]])
def test_where_the_entry_is_not_known_the_certificate_goes(rows: Any) -> None:
    change = entry("certificates", [], [ONE.thumbprint], **{ONE.thumbprint: rows})
    undo = undone({"keyCredentials": [credential(ONE, ID), credential(TWO, OTHER_ID)]}, change)
    assert [one["keyId"] for one in sent(undo)[0][1]["keyCredentials"]] == [OTHER_ID]


def test_a_certificate_comes_back_with_what_it_says_itself() -> None:
    kept = credential(
        ONE,
        ID,
        displayName="x" * 200,
        startDateTime="1999-01-01T00:00:00Z",
        endDateTime="2999-01-01T00:00:00Z",
        usage="Sign",
        other="x",
    )
    undo = undone(
        {"keyCredentials": [credential(TWO, OTHER_ID)]},
        entry("certificates", [ONE.thumbprint], [], **{ONE.thumbprint: [kept]}),
    )
    back = {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "keyId": ID,
        "displayName": "x" * 90,
        "startDateTime": dates.iso(ONE.not_before),
        "endDateTime": dates.iso(ONE.not_after),
        "customKeyIdentifier": ONE.thumbprint,
        "key": kept["key"],
    }
    assert sent(undo)[0][1]["keyCredentials"][1:] == [back]
    assert reported(undo) == [("application", "certificates", [TWO.thumbprint], [TWO.thumbprint, ONE.thumbprint])]
    assert set(undo.plan.changes[0].details) == {ONE.thumbprint}
    nameless = entry("certificates", [ONE.thumbprint], [], **{ONE.thumbprint: [{**kept, "displayName": None}]})
    assert sent(undone({}, nameless))[0][1]["keyCredentials"][0]["displayName"] == ""


def test_a_certificate_that_is_there_already_comes_back_only_where_it_cannot_be_used() -> None:
    change = entry("certificates", [ONE.thumbprint], [], **{ONE.thumbprint: [credential(ONE, ID)]})
    assert nothing(undone({"keyCredentials": [credential(ONE, OTHER_ID)]}, change))
    ended = credential(ONE, OTHER_ID, endDateTime=dates.iso(NOW - dt.timedelta(days=1)))
    undo = undone({"keyCredentials": [ended]}, change)
    assert [one["keyId"] for one in sent(undo)[0][1]["keyCredentials"]] == [OTHER_ID, ID]


def test_of_two_certificates_the_one_that_is_missing_comes_back() -> None:
    details = {ONE.thumbprint: [credential(ONE, ID)], TWO.thumbprint: [credential(TWO, ID)]}
    change = entry("certificates", [ONE.thumbprint, TWO.thumbprint], [], **details)
    undo = undone({"keyCredentials": [credential(ONE, OTHER_ID)]}, change)
    assert [one["keyId"] for one in sent(undo)[0][1]["keyCredentials"]] == [OTHER_ID, ID]


CURVE = certificates.parse(make_pair("curve", curve=True).pem)


@pytest.mark.parametrize(
    ("certificate", "rows", "why"),
    [
        (ONE, None, "its bytes are not known"),
        (ONE, [], "its bytes are not known"),
        (ONE, [{"keyId": ID, "key": None}], "its bytes are not known"),
        (ONE, [credential(TWO, ID)], "the bytes that were kept are not this certificate"),
        (ONE, [{"keyId": ID, "key": "AAAA"}], "the bytes that were kept are not this certificate"),
        (CURVE, [credential(CURVE, ID)], "the bytes that were kept are not this certificate"),
        (gen.ENDED, [credential(gen.ENDED, ID)], "it expired on 2026-10-13"),
        (ONE, [credential(ONE, "../me")], "the id that was kept is not a GUID"),
        (ONE, [credential(ONE, "")], "the id that was kept is not a GUID"),
    ],
)
def test_a_certificate_that_cannot_come_back_is_told_with_the_reason(certificate: Any, rows: Any, why: str) -> None:
    name = certificate.thumbprint
    details = {name: rows, THREE.thumbprint: [credential(THREE, OTHER_ID)]}
    undo = undone({}, entry("certificates", [name, THREE.thumbprint], [TWO.thumbprint], **details))
    assert refused(undo) == [
        ("certificates", [TWO.thumbprint], None, f"the certificate {name} cannot be put back: {why}")
    ]
    assert [one["keyId"] for one in sent(undo)[0][1]["keyCredentials"]] == [OTHER_ID], "the next one does"


def test_certificates_that_other_pbxs_sign_in_with_stay_whoever_added_them() -> None:
    added = entry("certificates", ["A", "B"], ["B", "C", "D"], C=[1])
    other = entry("redirect_uris", [], ["C"])
    principal = entry("certificates", [], ["C"], target="service_principal")
    rest = application_undo.without_shared([added, other, principal], ["B", "C"])
    assert rest == [entry("certificates", ["A", "B"], ["B", "D"], C=[1]), other, principal]
    empty = entry("certificates", None, None)
    assert application_undo.without_shared([empty], ["C"]) == [entry("certificates", None, [])]
    made = entry("state", "absent", "present")
    assert application_undo.without_shared([made, added], ["C"]) == [made, added], "it is decided as a whole"
    for gone in (entry("state", "present", "absent"), entry("state", "absent", "present", target="service_principal")):
        assert application_undo.without_shared([gone, added], ["C"])[1].after == ["B", "D"]


def test_the_permissions_that_entries_name_are_asked_for_by_option() -> None:
    entries = [
        entry("permissions", ["a", "b"], ["b", "c", "a2"]),
        entry("delegated_permissions", ["x"], None),
        entry("permissions", [], ["z"], target="service_principal"),
        entry("redirect_uris", [], ["u"]),
    ]
    assert application_undo.labels(entries) == {"permissions": ["c", "a2", "a"], "delegated_permissions": ["x"]}


# --- an application that was deleted ------------------------------------------------------------------------------------------

DELETED = entry("state", "present", "absent")
PURGED = entry("state", "present", "purged")
MADE = entry("state", "absent", "present")


def test_a_deleted_application_is_restored_with_its_service_principal_and_as_it_was() -> None:
    state = Observed(
        deleted={"id": "object", "appId": "app", "notes": "ours"},
        deleted_principal={"id": "sp", "accountEnabled": True},
    )
    undo = undone(state, DELETED, entry("notes", "mine", "ours"))
    assert reported(undo) == [
        ("application", "state", "deleted", "present"),
        ("application", "notes", "ours", "mine"),
        ("service_principal", "state", "deleted", "present"),
    ]
    assert sent(undo) == [
        (steps.RESTORE, {"id": "object"}),
        (steps.UPDATE, {"notes": "mine"}),
        (steps.RESTORE_PRINCIPAL, {"id": "sp"}),
    ]


def test_where_the_service_principal_is_gone_for_good_a_new_one_is_made() -> None:
    undo = undone(Observed(deleted={"id": "object", "appId": "app"}), DELETED)
    assert reported(undo)[1:] == [("service_principal", "state", "absent", "present")]
    assert sent(undo) == [
        (steps.RESTORE, {"id": "object"}),
        (steps.CREATE_PRINCIPAL, {"appId": "app", "accountEnabled": True}),
    ]
    live = undone(Observed({"id": "object", "appId": "app"}), DELETED)
    assert sent(live) == [(steps.CREATE_PRINCIPAL, {"appId": "app", "accountEnabled": True})], "restored by somebody"
    assert nothing(undone(Observed({"id": "object"}, {"id": "sp"}), DELETED))


@pytest.mark.parametrize("state", [DELETED, PURGED])
def test_an_application_that_nobody_can_restore_is_told_and_nothing_else_is_tried(state: Entry) -> None:
    undo = undone(Observed(), state, entry("notes", "mine", "ours"), entry("owners", ["a"], []))
    assert refused(undo) == [
        ("state", state.after, "absent", "it was deleted permanently, and nobody can restore it"),
    ]
    assert (sent(undo), reported(undo)) == ([], [])


def test_one_that_was_purged_out_of_the_deleted_ones_is_told_as_well() -> None:
    undo = undone(Observed(), entry("state", "deleted", "purged"))
    assert [one[0] for one in refused(undo)] == ["state"]


@pytest.mark.parametrize("entries", [[], [MADE], [entry("notes", "a", "b")]])
def test_where_nothing_is_there_and_nothing_was_deleted_there_is_nothing_to_do(entries: list[Entry]) -> None:
    assert nothing(undone(Observed(), *entries))
    assert nothing(undone(Observed(deleted={"id": "object", "notes": "b"}), *entries)), "somebody else's deletion"


# --- its service principal ----------------------------------------------------------------------------------------------------


def on_principal(field: str, before: Any, after: Any) -> Entry:
    return entry(field, before, after, target="service_principal")


def test_switches_of_the_service_principal_are_set_back_together() -> None:
    principal = {"id": "sp", "accountEnabled": False, "appRoleAssignmentRequired": True, "tags": ["x", VISIBLE_TAG]}
    entries = [
        on_principal("enabled", True, False),
        on_principal("assignment_required", None, True),
        on_principal("visible", False, True),
    ]
    undo = undone(Observed({"id": "object"}, principal), *entries)
    assert reported(undo) == [
        ("service_principal", "enabled", False, True),
        ("service_principal", "assignment_required", True, False),
        ("service_principal", "visible", True, False),
    ]
    body = {"accountEnabled": True, "appRoleAssignmentRequired": False, "tags": ["x"]}
    assert sent(undo) == [(steps.UPDATE_PRINCIPAL, body)]
    back = {"id": "sp", "accountEnabled": True, "appRoleAssignmentRequired": None, "tags": ["x"]}
    assert nothing(undone(Observed({"id": "object"}, back), *entries))
    shown = undone(Observed({"id": "object"}, {"id": "sp", "tags": ["x"]}), on_principal("visible", True, False))
    assert reported(shown) == [("service_principal", "visible", False, True)]
    assert sent(shown) == [(steps.UPDATE_PRINCIPAL, {"tags": ["x", VISIBLE_TAG]})]
    assert nothing(undone(Observed({"id": "object"}), *entries)), "no service principal"


def test_a_switch_of_the_service_principal_that_was_never_set_is_off() -> None:
    never = Observed({"id": "object"}, {"id": "sp", "appRoleAssignmentRequired": None})
    assert nothing(undone(never, on_principal("assignment_required", False, True)))
    undo = undone(never, on_principal("assignment_required", True, False))
    assert reported(undo) == [("service_principal", "assignment_required", None, True)]
    assert sent(undo) == [(steps.UPDATE_PRINCIPAL, {"appRoleAssignmentRequired": True})]


def test_one_switch_that_somebody_has_set_otherwise_leaves_the_other_to_be_set_back() -> None:
    # Neither as before nor as the run left it: the snapshot was written for an application that was changed since.
    entries = [on_principal("enabled", True, True), on_principal("assignment_required", False, True)]
    principal = {"id": "sp", "accountEnabled": False, "appRoleAssignmentRequired": True}
    undo = undone(Observed({"id": "object"}, principal), *entries)
    assert refused(undo) == [("enabled", True, False, "it was changed since")]
    assert sent(undo) == [(steps.UPDATE_PRINCIPAL, {"appRoleAssignmentRequired": False})]


# --- an application that a run made: is it more by now? -----------------------------------------------------------------------

AS_MADE = {
    "id": "object",
    "displayName": "3CX",
    "signInAudience": "AzureADMyOrg",
    "tags": [MARK],
    "web": {"redirectUris": ["https://a.example"], "implicitGrantSettings": {"enableIdTokenIssuance": True}},
    "keyCredentials": [credential(ONE, ID)],
    "requiredResourceAccess": access(ROLE, SCOPE),
}
PRINCIPAL = {"id": "sp", "accountEnabled": True}
RUN = [
    MADE,
    entry("display_name", None, "3CX"),
    entry("sign_in_audience", None, "AzureADMyOrg"),
    entry("id_tokens", None, True),
    entry("tags", [], [MARK]),
    entry("redirect_uris", [], ["https://a.example"]),
    entry("certificates", [], [ONE.thumbprint]),
    entry("permissions", [], ["P0.Role"]),
    entry("delegated_permissions", [], ["P0.Scope"]),
    entry("owners", [], ["nobody reads these"]),
    entry("unique_name", None, "3cx-one"),
    on_principal("state", "absent", "present"),
    on_principal("enabled", None, True),
    on_principal("visible", False, True),
    on_principal("tags", [], ["not compared"]),
]


def changed(
    entries: list[Entry] | None = None, principal: Json | None = None, **properties: Any
) -> list[tuple[str, Any, Any, str]]:
    state = Observed({**AS_MADE, **properties}, {**PRINCIPAL, **(principal or {})})
    return refused(application_undo.changed_since(RUN if entries is None else entries, state, gen.CATALOGUES))


def test_an_application_that_is_as_the_run_left_it_is_no_more_than_that() -> None:
    assert changed() == []


@pytest.mark.parametrize(
    ("properties", "field", "found"),
    [
        ({"displayName": "theirs"}, "display_name", "theirs"),
        ({"notes": "theirs"}, "notes", "theirs"),
        ({"isFallbackPublicClient": True}, "public_client", True),
        ({"tags": [MARK, "theirs"]}, "tags", [MARK, "theirs"]),
        ({"spa": {"redirectUris": ["https://b.example"]}}, "spa_redirect_uris", ["https://b.example"]),
        (
            {"keyCredentials": [credential(ONE, ID), credential(TWO, OTHER_ID)]},
            "certificates",
            [ONE.thumbprint, TWO.thumbprint],
        ),
        ({"requiredResourceAccess": access(ROLE, OTHER_ROLE, SCOPE)}, "permissions", ["P0.Role", "P1.Role"]),
        (
            {
                "web": {
                    "redirectUris": [],
                    "homePageUrl": "https://h.example",
                    "implicitGrantSettings": {"enableIdTokenIssuance": True},
                }
            },
            "home_page_url",
            "https://h.example",
        ),
    ],
)
def test_what_somebody_has_made_of_it_since_keeps_it(properties: Json, field: str, found: Any) -> None:
    assert [one[:1] + one[2:] for one in changed(**properties)] == [(field, found, "it was changed since")]


def test_a_service_principal_that_somebody_has_switched_off_keeps_it() -> None:
    entries = [*RUN[:-3], on_principal("enabled", True, True)]
    assert changed(entries, {"accountEnabled": False}) == [("enabled", True, False, "it was changed since")]


def test_what_a_killed_run_never_came_to_write_does_not_keep_it() -> None:
    assert changed(tags=None, keyCredentials=None, requiredResourceAccess=None, web=None) == []
    assert changed(requiredResourceAccess=access(SCOPE)) == []
    half = [*RUN[:5], entry("redirect_uris", ["https://was.example"], ["https://a.example", "https://b.example"])]
    for now in (["https://b.example"], ["https://a.example", "https://b.example"]):
        both = {**AS_MADE["web"], "redirectUris": ["https://was.example", *now]}
        assert changed(half, web=both, keyCredentials=None, requiredResourceAccess=None) == []


def test_a_switch_that_is_off_and_one_that_was_never_set_are_the_same() -> None:
    off = {**AS_MADE["web"], "implicitGrantSettings": {"enableIdTokenIssuance": False}}
    assert changed(web=off) == [], "it was to be switched on, and never was"
    never = {**AS_MADE["web"], "implicitGrantSettings": None}
    assert changed([entry("state", "deleted", "present"), entry("id_tokens", True, False)], web=never) == []


def test_of_a_restored_application_only_what_the_run_wrote_is_compared() -> None:
    restored = [entry("state", "deleted", "present"), entry("display_name", "was", "3CX")]
    assert changed(restored, notes="of before", spa={"redirectUris": ["https://b.example"]}) == []
    assert [one[0] for one in changed(restored, displayName="theirs")] == ["display_name"]


def test_an_application_with_nothing_but_its_name_is_bare() -> None:
    bare = {"id": "object", "displayName": "3CX", "uniqueName": "3cx-one", "tags": [], "web": {"redirectUris": []}}
    assert application_undo.is_bare(Observed(bare))
    assert not application_undo.is_bare(Observed())
    assert not application_undo.is_bare(Observed(deleted=bare))
    assert not application_undo.is_bare(Observed(bare, PRINCIPAL))
    for properties in (
        {"tags": ["x"]},
        {"keyCredentials": [{}]},
        {"passwordCredentials": [{}]},
        {"requiredResourceAccess": [{}]},
        {"appRoles": [{}]},
        {"web": {"redirectUris": ["x"]}},
        {"spa": {"redirectUris": ["x"]}},
        {"publicClient": {"redirectUris": ["x"]}},
    ):
        assert not application_undo.is_bare(Observed({**bare, **properties})), properties


def test_what_is_no_property_of_the_application_does_not_end_its_undoing() -> None:
    switch = entry("enabled", True, False, target="service_principal")
    undo = undone({"tags": ["theirs", "ours"]}, switch, entry("tags", ["theirs"], ["theirs", "ours"]))
    assert reported(undo) == [("application", "tags", ["theirs", "ours"], ["theirs"])]


def test_what_all_have_who_use_an_application_stays_and_is_told() -> None:
    declares = [{"resourceAppId": ROLE.resource, "resourceAccess": [{"id": ROLE.id, "type": ROLE.kind}]}]
    state = Observed({"id": "object", "appId": "app", "notes": "ours", "requiredResourceAccess": declares})
    changes = [entry("notes", "theirs", "ours"), entry("permissions", [], ["P0.Role"])]
    undo = application_undo.plan(changes, state, NAMED, gen.CATALOGUES, NOW, ["the PBX one", "the PBX two"])
    why = "others use the application: the PBX one, the PBX two"
    assert refused(undo) == [("notes", "ours", "ours", why), ("permissions", ["P0.Role"], None, why)]
    assert (sent(undo), reported(undo)) == ([], [])
