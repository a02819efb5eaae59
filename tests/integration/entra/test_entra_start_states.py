# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From every state that a tenant can be in: check mode predicts exactly what is then done, or fails with the same sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.apply import Application
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import (
    CLAIM_LISTS,
    LOCK,
    PROPERTIES,
    SERVICE_PRINCIPAL,
    URI_LISTS,
    Property,
)
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING, as_flag
from ansible_collections.tcx.m365.tests.integration.entra.customers import (
    APP,
    GRANT,
    GUIDE,
    URI,
    Bench,
    Customer,
    Front,
    guide,
    key_credential,
)
from tcx_lab import graph
from tcx_lab.graph.store import APPLICATIONS, DELETED, SERVICE_PRINCIPALS

Json = dict[str, Any]

pytestmark = pytest.mark.rights("DelegatedPermissionGrant.ReadWrite.All")


def _rollout(customer: Customer, *, check: bool = False, **options: Any) -> tuple[Json, Json]:
    """Application and consent, as the roles and the rollout run them."""
    run = customer.run()
    application = run.task(APP, check=check, **guide(**options))
    if application.get("failed"):
        return application, {}
    grant = run.task(
        GRANT, check=check, app_id=application["app_id"], permissions=GUIDE, delegated_permissions=["openid"]
    )
    application["warnings"] = run.warnings
    return application, grant


def _known(value: Any) -> Any:
    """A change without what only the service can choose."""
    return json.loads(json.dumps(value).replace(json.dumps(PENDING), "null"))


def _principal(customer: Customer) -> Json:
    """The live service principal of the application."""
    (found,) = [
        each
        for each in customer.tenant.service_principals.values()
        if each["appId"] in {app["appId"] for app in customer.applications()}
    ]
    return found


def _delete(customer: Customer, kind: str, entity: Json) -> None:
    graph.delete_object(customer.bench.world, customer.tenant, kind, entity["id"])


def _purge_principal(customer: Customer) -> None:
    for each in list(graph.seed.directory_of(customer.bench.world, customer.tenant).real(DELETED).values()):
        if each.get("@odata.type") == "#microsoft.graph.servicePrincipal":
            graph.delete_object(customer.bench.world, customer.tenant, DELETED, each["id"])


def _nothing(_customer: Customer) -> None:
    """A fresh tenant."""


def _complete(customer: Customer) -> None:
    _rollout(customer)


def _drifted(customer: Customer) -> None:
    _rollout(customer)
    customer.change(
        customer.application(),
        displayName="renamed",
        web={"redirectUris": [], "implicitGrantSettings": {"enableIdTokenIssuance": False}},
        keyCredentials=[key_credential(customer.bench.pair("theirs"))],
    )
    principal = _principal(customer)["id"]
    granted = [key for key, each in customer.tenant.app_role_assignments.items() if each["principalId"] == principal]
    for key in granted[:2]:
        graph.delete_object(customer.bench.world, customer.tenant, "appRoleAssignments", key)


def _deleted(customer: Customer) -> None:
    _rollout(customer)
    _delete(customer, APPLICATIONS, customer.application())


def _deleted_and_changed(customer: Customer) -> None:
    _rollout(customer, service_principal={"assignment_required": True}, notes="ask the help desk")
    customer.change(customer.application(), displayName="renamed")
    _delete(customer, APPLICATIONS, customer.application())


def _deleted_without_principal(customer: Customer) -> None:
    _deleted(customer)
    _purge_principal(customer)


def _gone(customer: Customer) -> None:
    _rollout(customer)
    application = customer.application()
    _delete(customer, APPLICATIONS, application)
    graph.delete_object(customer.bench.world, customer.tenant, DELETED, application["id"])


def _principal_deleted(customer: Customer) -> None:
    _rollout(customer, service_principal={"assignment_required": True})
    _delete(customer, SERVICE_PRINCIPALS, _principal(customer))


def _principal_gone(customer: Customer) -> None:
    _rollout(customer)
    _delete(customer, SERVICE_PRINCIPALS, _principal(customer))
    _purge_principal(customer)


def _somebody_elses(customer: Customer) -> None:
    customer.register(name="theirs", uniqueName="3cx-acme")


STATES: dict[str, Callable[[Customer], None]] = {
    each.__name__.strip("_"): each
    for each in (
        _nothing,
        _complete,
        _drifted,
        _deleted,
        _deleted_and_changed,
        _deleted_without_principal,
        _gone,
        _principal_deleted,
        _principal_gone,
        _somebody_elses,
    )
}


@pytest.mark.parametrize(
    ("state", "comes_along"), [*((state, False) for state in STATES), ("deleted_and_changed", True)]
)
def test_check_mode_predicts_what_is_done(bench: Bench, customer: Customer, state: str, comes_along: bool) -> None:
    STATES[state](customer)
    bench.switch(restore_restores_service_principal=comes_along)
    customer.clear_log()
    predicted = _rollout(customer, check=True)
    assert customer.writes() == []
    done = _rollout(customer)
    for before, after in zip(predicted, done, strict=True):
        assert (before.get("failed"), before.get("msg")) == (after.get("failed"), after.get("msg"))
        assert _known(before.get("changes")) == _known(after.get("changes"))
        assert before.get("changed") == after.get("changed")
    for name in ("granted", "revoked", "unneeded"):
        assert predicted[1].get(name) == done[1].get(name)
    assert not any(each.get("failed") for each in done), done
    again = _rollout(customer)
    assert [each["changes"] for each in again] == [[], []]
    assert customer.roles(done[0]["app_id"]) == set(GUIDE)


@pytest.mark.parametrize("in_use", [False, True], ids=["stale pointer", "in use"])
def test_an_application_of_another_tenant_is_answered_alike(bench: Bench, customer: Customer, in_use: bool) -> None:
    """The PBX points to an application of which this tenant has the service principal alone: no application can be read here."""
    home = bench.customer()
    application = home.register(name="3CX of the provider", signInAudience="AzureADMultipleOrgs")
    graph.seed.ensure_service_principal(bench.world, customer.tenant, application, home.tenant)
    pointed = {"app_id": application["appId"], "prefer": "app_id", "require_evidence": True, "in_use": in_use or None}
    customer.clear_log()
    predicted, done = (customer.run().task(APP, check=check, **guide(**pointed)) for check in (True, False))
    assert done["failed"] is predicted["failed"] is True, done
    assert done["msg"] == predicted["msg"]
    assert application["appId"] in done["msg"]
    assert (done["changed"], predicted["changed"]) == (False, False)
    assert customer.writes() == []


@pytest.mark.parametrize("comes_along", [False, True], ids=["restored alone", "principal comes along"])
@pytest.mark.parametrize("state", ["deleted_and_changed", "principal_deleted"])
def test_nothing_that_protected_the_customer_is_weaker_after_a_restore(
    bench: Bench, customer: Customer, state: str, comes_along: bool
) -> None:
    STATES[state](customer)
    bench.switch(restore_restores_service_principal=comes_along)
    deleted = graph.seed.directory_of(bench.world, customer.tenant).real(DELETED).values()
    before = next(each["id"] for each in deleted if each.get("@odata.type", "").endswith("servicePrincipal"))
    application, _grant = _rollout(customer)
    assert application["service_principal_id"] == before
    assert _principal(customer)["appRoleAssignmentRequired"] is True
    assert not any(entity["id"] == before for entity in deleted)
    assert any("requires assignment" in warning for warning in application["warnings"])


def test_a_service_principal_that_is_gone_for_good_is_told(customer: Customer) -> None:
    _deleted_without_principal(customer)
    for check in (True, False):
        application, _grant = _rollout(customer, check=check)
        assert any("which cannot be restored" in warning for warning in application["warnings"])


def test_grants_alone_say_that_the_application_was_deleted(customer: Customer) -> None:
    made, _grant = _rollout(customer)
    _delete(customer, APPLICATIONS, customer.application())
    refused = customer.run().task(GRANT, app_id=made["app_id"], permissions=GUIDE)
    assert refused["failed"]
    assert "was deleted on" in refused["msg"]


def test_grants_alone_restore_a_service_principal_and_never_replace_it(customer: Customer) -> None:
    made, _grant = _rollout(customer, service_principal={"assignment_required": True})
    _delete(customer, SERVICE_PRINCIPALS, _principal(customer))
    predicted = customer.run().task(GRANT, check=True, app_id=made["app_id"], permissions=GUIDE)
    done = customer.run().task(GRANT, app_id=made["app_id"], permissions=GUIDE)
    assert done["changes"] == predicted["changes"]
    assert done["changes"][0]["before"] == "deleted"
    assert _principal(customer)["appRoleAssignmentRequired"] is True


@pytest.mark.parametrize("state", ["nothing", "deleted", "principal_gone"])
def test_both_front_ends_predict_it(customer: Customer, front: Front, state: str) -> None:
    STATES[state](customer)
    tasks = ((APP, guide()),)
    if state != "nothing":
        app_id = customer.tenant.applications or graph.seed.directory_of(customer.bench.world, customer.tenant).real(
            DELETED
        )
        known = next(each["appId"] for each in app_id.values() if each["displayName"] == "3CX Server-side")
        tasks += ((GRANT, {"app_id": known, "permissions": GUIDE, "delegated_permissions": ["openid"]}),)
    predicted = front.play(customer, *tasks, check=True)
    done = front.play(customer, *tasks)
    assert not any(each.get("failed") for each in [*predicted, *done]), (predicted, done)
    assert _known(predicted[0]["changes"]) == _known(done[0]["changes"])
    if front.in_process or state != "principal_gone":
        assert _known([each["changes"] for each in predicted]) == _known([each["changes"] for each in done])


# --- what is reported is what was done ------------------------------------------------------------------------------------


WORDS = {
    "display_name": "3CX Server-side",
    "sign_in_audience": "AzureADMyOrg",
    "public_client": False,
    "home_page_url": "https://acme.example.com/home",
    "logout_url": "https://acme.example.com/out",
}
THEIRS = {"sign_in_audience": "AzureADMultipleOrgs"}
CALLBACKS = {"redirect_uris": URI}


def _everything() -> Json:
    """Every property that can be desired of an application, as options, from their declarations."""
    return {
        **{each.option: WORDS.get(each.option, True if each.compare is as_flag else "ours") for each in PROPERTIES},
        **{each.option: [CALLBACKS.get(each.option, f"https://acme.example.com/{each.option}")] for each in URI_LISTS},
        "tags": ["ours"],
        "permissions": GUIDE,
        "optional_claims": {each.option: [{"name": "ipaddr"}] for each in CLAIM_LISTS},
        "service_principal_lock": {each.option: True for each in LOCK},
        "service_principal": {each.option: each.option == "enabled" for each in SERVICE_PRINCIPAL},
    }


def _theirs(each: Property) -> Any:
    """What somebody makes of a property of the application."""
    ours = _everything()[each.option]
    return THEIRS.get(each.option, not ours if isinstance(ours, bool) else "https://theirs.example/")


RACES: dict[str, Callable[[Json, Json], None]] = {
    **{
        each.option: (lambda application, _sp, each=each: _put(application, each.path, _theirs(each)))
        for each in PROPERTIES
    },
    **{
        each.option: (lambda application, _sp, each=each: _put(application, each.path, ["https://theirs.example/cb"]))
        for each in URI_LISTS
    },
    "tags": lambda application, _sp: application.update(tags=["theirs"]),
    "permissions": lambda application, _sp: application.update(requiredResourceAccess=[]),
    **{
        f"optional_claims.{each.option}": (lambda application, _sp, each=each: _put(application, each.path, []))
        for each in CLAIM_LISTS
    },
    **{
        f"service_principal_lock.{each.option}": (
            lambda application, _sp, each=each: _put(application, each.path, False)
        )
        for each in LOCK
    },
    **{
        f"service_principal: {each.option}": (
            lambda _app, principal, each=each: _put(principal, each.path, each.option != "enabled")
        )
        for each in SERVICE_PRINCIPAL
    },
}


def _put(entity: Json, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        entity = entity[name]
    entity[path[-1]] = value


@pytest.mark.parametrize("field", RACES)
def test_whatever_changes_between_look_and_write_is_repaired_and_reported(
    customer: Customer, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes one property after it was found as desired, and before another one is written."""
    first, _grant = _rollout(customer, **_everything())
    assert not first.get("failed"), first
    other = next(each for each in PROPERTIES if each.option == ("logout_url" if field == "notes" else "notes"))
    application = _stored(customer)
    _put(application, other.path, None)
    real = Application.exclusively

    def exclusively(self: Application, state: Any) -> Any:
        RACES[field](application, _principal(customer))
        return real(self, state)

    monkeypatch.setattr(Application, "exclusively", exclusively)
    done, _grant = _rollout(customer, **_everything())
    monkeypatch.undo()
    assert not done.get("failed"), done
    target, _colon, name = field.rpartition(": ")
    changed = {(each["target"], each["field"]): each["before"] for each in done["changes"]}
    assert set(changed) == {("application", other.option), (target or "application", name)}
    if name == "redirect_uris":
        assert changed["application", name] == ["https://theirs.example/cb"]
        assert set(customer.application()["web"]["redirectUris"]) == {URI, "https://theirs.example/cb"}
    again, _grant = _rollout(customer, **_everything())
    assert again["changes"] == []


def _stored(customer: Customer) -> Json:
    """The application itself, as the lab keeps it."""
    return customer.tenant.applications[customer.application()["id"]]


def test_a_failure_after_a_write_reports_what_was_written(bench: Bench, customer: Customer) -> None:
    bench.trouble("status", method="POST", path="/servicePrincipals", status=403, times=50)
    failed = customer.run().task(APP, **guide())
    assert failed["failed"]
    assert failed["changed"] is True
    fields = {(each["target"], each["field"]) for each in failed["changes"]}
    assert ("application", "state") in fields
    assert ("service_principal", "state") not in fields
    assert failed["diff"]["before_header"] == "application 3cx-acme (before)"


def test_a_failure_before_any_write_has_changed_nothing(bench: Bench, customer: Customer) -> None:
    bench.trouble("status", method="PATCH", path="uniqueName", status=403, times=50)
    failed = customer.run().task(APP, **guide())
    assert failed["failed"]
    assert failed["changed"] is False
    assert customer.applications() == []
