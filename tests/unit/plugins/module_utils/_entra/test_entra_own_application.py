# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the secret that a run signs in with: of the right one, or a sentence why it is not known."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._entra import own_application
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.client_secret import ClientSecret
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.managed_identity import ManagedIdentity
from ansible_collections.tcx.m365.plugins.module_utils._errors import Forbidden
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

HOME = "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10"
CLIENT = "0b7d41aa-0000-4000-8000-000000000002"


class Graph:
    """What Graph answers in the home tenant."""

    def __init__(self, secrets: list[dict[str, Any]] | Exception, credential: Any = None) -> None:
        used = credential or ClientSecret(client_id=CLIENT, secret="abc~the-rest")
        self.connection = SimpleNamespace(credential=used, endpoints=SimpleNamespace(login="https://login"))
        self.context = Context(deadline=Deadline(60.0), store=RunStore())
        self.tenant_id = HOME
        self.asked: list[str] = []
        self._secrets = secrets

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=timezone.utc)

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path.startswith("/servicePrincipals"):
            return {"id": "x", "appOwnerOrganizationId": HOME}
        if isinstance(self._secrets, Exception):
            raise self._secrets
        return {"id": "y", "passwordCredentials": self._secrets}


def found(secrets: list[dict[str, Any]] | Exception, credential: Any = None) -> dict[str, Any]:
    result: dict[str, Any] = own_application.credential(Graph(secrets, credential))
    return result


def secret(hint: str | None, ends: str) -> dict[str, Any]:
    return {"hint": hint, "endDateTime": ends, "keyId": "k"}


def test_the_secret_with_the_same_beginning_is_the_one() -> None:
    assert found([secret("xyz", "2026-12-01T00:00:00Z"), secret("abc", "2027-05-01T00:00:00Z")]) == {
        "app_id": CLIENT,
        "kind": "secret",
        "expires": "2027-05-01T00:00:00Z",
        "reason": "",
    }


def test_of_several_the_earliest_that_is_still_valid_counts_and_it_says_so() -> None:
    ends = ["2028-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]
    result = found([secret("abc", end) for end in ends])
    assert result["expires"] == "2027-01-01T00:00:00Z"
    assert result["reason"] == "the earliest of several secrets with this beginning"


@pytest.mark.parametrize(
    "secrets", [[], [secret("xyz", "2027-05-01T00:00:00Z")], [secret(None, "2027-05-01T00:00:00Z")]]
)
def test_without_a_match_nothing_is_guessed(secrets: list[dict[str, Any]]) -> None:
    result = found(secrets)
    assert result["expires"] is None
    assert result["reason"].startswith("not readable: ")


def test_a_refusal_is_a_reason_and_no_error() -> None:
    result = found(Forbidden("Insufficient privileges", tried="read", service="Graph", status=403))
    assert result["expires"] is None
    assert result["reason"] == "not readable: Insufficient privileges"


def test_it_is_asked_once_in_a_run() -> None:
    graph = Graph([secret("abc", "2027-05-01T00:00:00Z")])
    first: dict[str, Any] = own_application.credential(graph)
    assert own_application.credential(graph) == first
    assert len(graph.asked) == 2


def test_what_has_no_key_has_no_expiry() -> None:
    graph_was_asked = found(AssertionError("nothing is asked"), ManagedIdentity())
    assert (graph_was_asked["kind"], graph_was_asked["expires"]) == ("managed_identity", None)
