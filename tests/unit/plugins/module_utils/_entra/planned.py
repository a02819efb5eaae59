# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX, its application, and what a plan for it sends and reports."""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._entra.application import plan as plans
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import (
    DEFAULT_AUDIENCE,
    MARK,
    Desired,
    Key,
    Observed,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import PBX_TAG, Pbx
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW

Json = dict[str, Any]

ONE, TWO = gen.CERTIFICATES[:2]
PBX = Pbx("one.example:5001", frozenset({"one.example:5001"}))
TAG, OTHER_TAG = PBX.tag, f"{PBX_TAG}two.example:5001"
URI = "https://one.example:5001/oauth2office2"
OTHER_URI = "https://two.example:5001/oauth2office2"


def application(**properties: Any) -> Json:
    return {
        "id": "object",
        "appId": "app",
        "uniqueName": "3cx-one",
        "displayName": "one",
        "signInAudience": DEFAULT_AUDIENCE,
        "tags": [MARK, TAG],
        **properties,
    }


def there(**properties: Any) -> Observed:
    return Observed(application(**properties), {"id": "sp", "appId": "app", "accountEnabled": True, "tags": []})


def desired(**options: Any) -> Desired:
    """What a task of a PBX asks for."""
    return Desired(**{"key": Key(unique_name="3cx-one"), "pbx": PBX, **options})


def alone(**options: Any) -> Desired:
    """What a task without a PBX asks for."""
    return desired(**{"pbx": None, **options})


def key(certificate: Any, owner: str = "", number: int = 0) -> Json:
    entry = gen.entry(certificate, number, ours=True, identifier="hex", ended=False)
    return {**entry, "displayName": f"{MARK} 2026-01-01 {owner}".strip()}


def access(*permissions: Any) -> list[Json]:
    rows = [{"id": permission.id, "type": permission.kind} for permission in permissions]
    return [{"resourceAppId": gen.GRAPH, "resourceAccess": rows}]


def present(request: Desired, observed: Observed) -> Plan:
    return plans.plan_present(request, observed, NOW, gen.CATALOGUES)


def sent(plan: Plan) -> list[tuple[str, Any]]:
    return [(write.action, write.payload) for write in plan.writes]


def reported(plan: Plan, target: str = "") -> list[tuple[str, str, Any, Any]]:
    return [
        (change.target, change.field, change.before, change.after)
        for change in plan.changes
        if target in ("", change.target)
    ]
