# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules send to Graph is what Microsoft has published. Every test of this directory ends with this check; here it
is seen to look at everything, and through both front ends."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.customers import (
    APP,
    APP_INFO,
    GRANT,
    Bench,
    Customer,
    Front,
    guide,
)
from tcx_lab.graph import contract
from tcx_lab.published import NEEDS_GRAPH_DESCRIPTION
from tcx_lab.world import README_PERMISSIONS

pytestmark = NEEDS_GRAPH_DESCRIPTION


def test_the_life_of_an_application(bench: Bench, customer: Customer, front: Front) -> None:
    customer = customer.allowed(
        *README_PERMISSIONS, "DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All"
    )  # to add owners
    owner = next(iter(customer.tenant.service_principals))
    wanted = guide(bench.pair(), owners=[owner], logout_url="https://acme.example.com/out", notes="by us", tags=["pbx"])
    key = {"unique_name": wanted["unique_name"]}
    results = front.play(
        customer,
        (APP, wanted),
        (GRANT, {**key, "permissions": ["User.Read.All"], "delegated_permissions": ["openid", "profile"]}),
        (APP, {**wanted, "certificates": [bench.pair().public_pem], "notes": ""}),
        (GRANT, {**key, "permissions": ["Mail.Send"], "exclusive": True}),
        (APP_INFO, key),
        (APP, {**key, "state": "absent"}),
        (APP, wanted),
        (APP, {**key, "state": "absent", "purge": True}),
    )
    assert not [each for each in results if each.get("failed")], results
    sent = [each for each in customer.requests() if not contract.OUTSIDE.fullmatch(each.path.removeprefix("/v1.0"))]
    assert {each.method for each in sent} == {"GET", "POST", "PATCH", "DELETE"}
    assert any(each.batch for each in sent), "items of batches count as requests"
    assert bench.hold_against_the_contract() == len(sent)


def test_a_request_that_microsoft_does_not_know_is_found(bench: Bench, customer: Customer) -> None:
    customer.run().task(APP, **guide())
    [first, *_others] = [each for each in customer.requests() if each.is_write]
    first.raw_body = b'{"displayNam": "x"}'
    with pytest.raises(contract.ContractError, match="displayNam"):
        bench.hold_against_the_contract()
    bench.world.log.clear()
