# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undoing a plan that was carried out gives back what was there, for generated applications; what others did since stays."""

from __future__ import annotations

import uuid
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.tree import dig
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import declared
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import keys as key_plan
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import undo as application_undo
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import thumbprint_of
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import PROPERTIES, URI_LISTS, Observed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.plan import plan_present, simulate
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._undo import Undo, entries
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW
from hypothesis import assume, given

NAMED = {
    (option, name): generated.permission(number, kind, resource)
    for option, kind in declared.OPTIONS
    for resource in (generated.GRAPH, generated.OTHER)
    for number in range(6)
    for name in declared.labels(
        [
            {
                "resourceAppId": resource,
                "resourceAccess": [{"id": generated.permission(number, kind, resource).id, "type": kind}],
            }
        ],
        kind,
        generated.CATALOGUES,
    )
}


def undone(changes: list[dict[str, Any]], observed: Observed) -> Undo:
    return application_undo.plan(entries(changes, application_undo.KINDS), observed, NAMED, generated.CATALOGUES, NOW)


def image(observed: Observed) -> dict[str, Any]:
    """What an operator would compare."""
    application = observed.application or {}
    access = application.get("requiredResourceAccess") or ()
    return {
        **{each.option: each.compare(dig(application, each.path)) for each in PROPERTIES},
        **{each.option: sorted(dig(application, each.path) or ()) for each in URI_LISTS},
        "tags": sorted(application.get("tags") or ()),
        # One entry of a certificate is as good as several of it.
        "certificates": {thumbprint_of(each) for each in application.get("keyCredentials") or ()},
        "permissions": sorted(declared.pairs(access)),
    }


def as_graph_has_it(observed: Observed) -> Observed:
    """With GUIDs for the ids of its keys."""
    application = observed.application or {}
    keys = [
        {**each, "keyId": str(uuid.uuid5(uuid.NAMESPACE_URL, each["keyId"]))}
        for each in application.get("keyCredentials") or ()
    ]
    return observed.but(application={**application, "keyCredentials": keys})


@given(observed=generated.observations(marked=True), desired=generated.requested())
def test_what_was_carried_out_is_undone(observed: Observed, desired: Any) -> None:
    assume(observed.application is not None)
    observed = as_graph_has_it(observed)
    try:
        plan = plan_present(desired, observed, NOW, generated.CATALOGUES)
    except M365Error:
        assume(False)
    after = simulate(observed, plan)
    undo = undone(plan.as_undo(), after)
    back = simulate(after, undo.plan)
    lost = {each.field for each in undo.refused}
    assert lost <= {"certificates", "permissions", "delegated_permissions"}, undo.refused
    before, found = image(observed), image(back)
    if "certificates" in lost:
        before.pop("certificates"), found.pop("certificates")
    if lost - {"certificates"}:
        before.pop("permissions"), found.pop("permissions")
    # An entry that has expired was good for nothing: it may have been replaced, and be gone.
    entries_before = (observed.application or {}).get("keyCredentials") or ()
    usable = {thumbprint_of(each) for each in entries_before if not key_plan.ended(each, NOW)}
    for shown in (before, found):
        shown["certificates"] = shown.get("certificates", set()) - ({*map(thumbprint_of, entries_before)} - usable)
    assert found == before
    again = undone(plan.as_undo(), back)
    assert not again.plan.writes


def test_what_somebody_else_has_changed_since_is_left_alone() -> None:
    changes = [
        {"target": "application", "field": "notes", "before": "mine", "after": "ours"},
        {"target": "application", "field": "redirect_uris", "before": ["https://old"], "after": ["https://new"]},
    ]
    now = Observed(application={"notes": "theirs", "web": {"redirectUris": ["https://new", "https://theirs"]}})
    undo = undone(changes, now)
    assert [(each.field, each.actual) for each in undo.refused] == [("notes", "theirs")]
    after = simulate(now, undo.plan).application or {}
    assert after["notes"] == "theirs"
    assert after["web"]["redirectUris"] == ["https://theirs", "https://old"]


def test_a_certificate_comes_back_only_as_what_it_was() -> None:
    one, two = generated.CERTIFICATES[:2]
    entry = generated.entry(one, 0, ours=True, identifier="hex", ended=False)
    identifier = "d113cf36-1030-517c-988b-b05073bbde70"

    def change(**values: Any) -> dict[str, Any]:
        details = {one.thumbprint: [{**entry, "keyId": identifier, **values}]}
        return {
            "target": "application",
            "field": "certificates",
            "before": [one.thumbprint],
            "after": [],
            "details": details,
        }

    empty = Observed(application={"keyCredentials": []})
    found = simulate(empty, undone([change()], empty).plan).application or {}
    assert [thumbprint_of(each) for each in found["keyCredentials"]] == [one.thumbprint]
    other = generated.entry(two, 0, ours=True, identifier="hex", ended=False)["key"]
    for spoiled in ({"key": other}, {"key": None}, {"key": "AAAA"}, {"keyId": "../me"}):
        undo = undone([change(**spoiled)], empty)
        assert not undo.plan.writes
        assert "cannot be put back" in undo.refused[0].why
