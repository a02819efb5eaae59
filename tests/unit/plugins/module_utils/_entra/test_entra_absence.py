# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second look after a replica that lags: what a list shows is not all that there is to know of an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import absence
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, GraphClient

APP_ID = "11111111-2222-4333-8444-555555555555"
IN_A_LIST = {"id": "sp", "appId": APP_ID, "keyCredentials": [{"customKeyIdentifier": "AA", "key": None}]}
IN_FULL = {"id": "sp", "appId": APP_ID, "keyCredentials": [{"customKeyIdentifier": "AA", "key": "MII"}]}
MISSING = {"error": {"code": "Request_ResourceNotFound", "message": "does not exist"}}


class Tenant:
    """Stands for the client of Graph in a tenant with one service principal, which one replica may not know yet."""

    def __init__(self, alone: Answer) -> None:
        self.alone = alone

    def batch(self, _calls: list[Call]) -> list[Answer]:
        return [Answer(200, {"value": [IN_A_LIST]}, {}), Answer(200, {"value": []}, {})]

    def pages(self, _path: str, first: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from first["value"]

    def send(self, call: Call) -> Answer:
        assert call.path.startswith("/servicePrincipals/sp?")
        return self.alone


@pytest.mark.parametrize(
    ("alone", "known"),
    [(Answer(200, IN_FULL, {}), IN_FULL), (Answer(404, MISSING, {}), IN_A_LIST)],
    ids=["read by itself", "not there yet"],
)
def test_the_certificates_of_a_service_principal_are_judged_by_their_bytes(
    alone: Answer, known: dict[str, Any]
) -> None:
    """Whoever adds one chooses its `customKeyIdentifier`, which is all that a list shows of it."""
    client: GraphClient | Any = Tenant(alone)
    assert absence.principal(client, APP_ID) == (known, None)
