# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode predicts of each state that a PBX and its tenant can be in is what a rollout then does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run
from tcx_lab.graph import seed

from .conftest import Flow

Json = dict[str, Any]

WANTED: Json = {"tcx_console_user_sync": {"enabled": True, "photo": True}, "tcx_console_wait_timeout": 5}


def _roles(run: Run, host: str) -> Json:
    """What the tasks of the roles have changed, and the failure that ended them."""
    taken = []
    for names in ROLES:
        taken.append(run.steps(*names)[host])
        if taken[-1].get("failed"):
            break
    changes = [change for result in taken for change in result.get("changes") or ()]
    return {**taken[-1], "changes": changes, "changed": any(result["changed"] for result in taken)}


DOORS: dict[str, Callable[[Run, str], Json]] = {
    "rollout": lambda run, host: run.operation("rollout")[host],
    "roles": _roles,
    "rotation": lambda run, host: run.operation("rotate_certificate")[host],
}


def _tenant(flow: Flow) -> Any:
    return flow.world.tenants[flow.world.pbxs[flow.host].tenant_id]


def _own(flow: Flow) -> Json:
    return next(each for each in _tenant(flow).applications.values() if each["uniqueName"] == f"3cx-{flow.host}")


def _principal(flow: Flow) -> Json:
    own = _own(flow)["appId"]
    return next(each for each in _tenant(flow).service_principals.values() if each["appId"] == own)


def _delete(flow: Flow) -> None:
    flow.lab.control.delete_object(_tenant(flow).id, "applications", _own(flow)["id"])


def _purge(flow: Flow) -> None:
    gone = _own(flow)["id"]
    _delete(flow)
    flow.lab.control.delete_object(_tenant(flow).id, "deletedItems", gone)


def _delete_principal(flow: Flow) -> None:
    flow.lab.control.delete_object(_tenant(flow).id, "servicePrincipals", _principal(flow)["id"])


def _secret(flow: Flow) -> None:
    seed.add_secret(flow.world, _tenant(flow), _own(flow)["id"])


def _secret_and_delete(flow: Flow) -> None:
    _secret(flow)
    _delete(flow)


def _new_key(flow: Flow) -> Json:
    """The inventory names the key pair that the PBX is going to get."""
    return {"entra_app_public_key": flow.lab.control.new_key_pair(flow.host)["public_key"]}


def _drift(flow: Flow) -> None:
    own = _own(flow)
    own["displayName"], own["web"]["redirectUris"] = "renamed", []


def _disable(flow: Flow) -> None:
    _principal(flow)["accountEnabled"] = False


def _consent_gone(flow: Flow) -> None:
    granted, principal = _tenant(flow).app_role_assignments, _principal(flow)["id"]
    for name in [name for name, each in granted.items() if each["principalId"] == principal]:
        del granted[name]


def _no_owner(flow: Flow) -> None:
    _tenant(flow).owners.clear()


def _unlink(flow: Flow) -> None:
    flow.lab.control.patch_pbx(flow.host, ApplicationId="", TenantId="")


def _stale_pointer(flow: Flow) -> None:
    flow.lab.control.patch_pbx(flow.host, ApplicationId="11111111-2222-4333-8444-555555555555")


def _unreachable(_flow: Flow) -> Json:
    return {"tcx_url": "https://127.0.0.1:9", "tcx_deadline": 2}


def _other_tenant(_flow: Flow) -> Json:
    return {"entra_tenant_id": "11111111-2222-4333-8444-555555555555"}


STATES: dict[str, Callable[[Flow], Any]] = {
    "as it is": lambda _flow: None,
    "deleted": _delete,
    "purged": _purge,
    "without its service principal": _delete_principal,
    "a foreign secret": _secret,
    "a foreign secret, deleted": _secret_and_delete,
    "a new key": _new_key,
    "drift": _drift,
    "disabled": _disable,
    "without consent": _consent_gone,
    "without an owner": _no_owner,
    "not linked": _unlink,
    "a pointer to nothing": _stale_pointer,
    "unreachable": _unreachable,
    "another tenant": _other_tenant,
}


def _known(result: Json) -> Json:
    """A result without what only the service can choose."""
    text = json.dumps([result.get("changes") or [], result.get("msg") if result.get("failed") else ""])
    text = re.sub(r"(Trace ID|Correlation ID|Timestamp): \S+( \d\S+Z)?", r"\1", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|" + re.escape(PENDING), "ID", text)
    changes, failure = json.loads(text)
    return {"changed": result["changed"], "failure": failure, "changes": changes}


OTHER_DOORS = {
    "roles": ("deleted", "a foreign secret, deleted", "drift", "unreachable"),
    "rotation": ("deleted", "purged", "without its service principal", "a foreign secret, deleted", "a new key"),
}
"""The doors run the same steps, so that a sample of the states is enough for them."""
CASES = [("rollout", state) for state in STATES] + [(door, each) for door, some in OTHER_DOORS.items() for each in some]


@pytest.mark.parametrize(("door", "state"), CASES, ids=str)
def test_check_mode_predicts_it(berlin: Flow, door: str, state: str) -> None:
    assert not berlin.rollout(**WANTED).get("failed")
    variables = {**WANTED, **(STATES[state](berlin) or {})}
    berlin.clear_log()
    predicted = DOORS[door](berlin.begin(check=True, **variables), berlin.host)
    assert berlin.writes() == []
    done = DOORS[door](berlin.begin(**variables), berlin.host)
    assert _known(predicted) == _known(done)
