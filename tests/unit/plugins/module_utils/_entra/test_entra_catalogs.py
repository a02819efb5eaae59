# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The permissions of Graph are read once for all tenants of a cloud; each tenant keeps its own object ids."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import catalogs
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.catalogs import Catalogs
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import (
    APPLICATION,
    RequestedPermission,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.clouds import GRAPH_APP_ID
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, GraphClient
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

CUSTOM = "11111111-2222-4333-8444-555555555555"
GRAPH = "https://graph.microsoft.com"


class Tenant:
    """Stands for the client of Graph in one tenant that offers some application permissions."""

    def __init__(self, name: str, store: RunStore, offers: dict[str, str], graph: str = GRAPH) -> None:
        self.name = name
        self.offers = offers
        self.asked: list[str] = []
        self.context = SimpleNamespace(store=store, deadline=Deadline(60))
        self.begun = threading.Event()
        self.answers = threading.Event()
        self.answers.set()
        self.connection = SimpleNamespace(endpoints=SimpleNamespace(graph=graph))

    def shared_key(self, *parts: str) -> str:
        return "|".join((self.connection.endpoints.graph, self.name, *parts))

    def send(self, call: Call) -> Answer:
        self.asked.append(call.path)
        self.begun.set()
        assert self.answers.wait(10)
        resource = call.path.split("'")[1]
        body: dict[str, Any] = {"id": f"{self.name}-{resource[:8]}", "appId": resource, "displayName": "An API"}
        if "appRoles" in call.path:
            body["appRoles"] = [
                {"id": identifier, "value": name, "isEnabled": True, "allowedMemberTypes": ["Application"]}
                for name, identifier in self.offers.items()
            ]
        return Answer(200, body, {})

    def batch(self, calls: list[Call]) -> list[Answer]:
        return [self.send(call) for call in calls]

    def catalogs(self) -> Catalogs:
        client: GraphClient | Any = self
        return Catalogs(client)

    def read_in_full(self) -> int:
        return len([path for path in self.asked if "appRoles" in path])


MAIL = {"Mail.Send": "0000-mail"}


def ids(found: Catalogs, resource: str = GRAPH_APP_ID, name: str = "Mail.Send") -> list[str]:
    return [each.id for each in found.resolve([RequestedPermission(resource, name, APPLICATION)])]


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> RunStore:
    return RunStore(None if request.param == "memory" else str(tmp_path))


def test_the_second_tenant_borrows_the_permissions_and_keeps_its_own_object_id(store: RunStore) -> None:
    first, second = (Tenant(name, store, MAIL) for name in ("first", "second"))
    for tenant in (first, second):
        found = tenant.catalogs()
        found.read([GRAPH_APP_ID])
        assert ids(found) == ["0000-mail"]
        assert found.known[GRAPH_APP_ID].object_id == f"{tenant.name}-00000003"
    assert (first.read_in_full(), second.read_in_full()) == (1, 0)


def test_later_tasks_of_a_run_ask_nothing(store: RunStore) -> None:
    tenants = [Tenant(name, store, MAIL) for name in ("first", "second")]
    for tenant in tenants:
        tenant.catalogs().read([GRAPH_APP_ID])
    for tenant in tenants:
        tenant.asked.clear()
        found = tenant.catalogs()
        assert found.missing([GRAPH_APP_ID]) == []
        assert ids(found) == ["0000-mail"]
        assert found.known[GRAPH_APP_ID].object_id == f"{tenant.name}-00000003"
        assert tenant.asked == []


def test_a_name_that_the_first_tenant_lacks_is_looked_up_in_the_tenant_itself(store: RunStore) -> None:
    Tenant("first", store, MAIL).catalogs().read([GRAPH_APP_ID])
    newer = Tenant("newer", store, {**MAIL, "Brand.New": "0000-new"})
    found = newer.catalogs()
    found.read([GRAPH_APP_ID])
    assert ids(found, name="Brand.New") == ["0000-new"]
    assert newer.read_in_full() == 1
    later = newer.catalogs()
    assert later.missing([GRAPH_APP_ID]) == []
    assert ids(later, name="Brand.New") == ["0000-new"]
    assert newer.read_in_full() == 1


def test_a_name_that_nobody_has_is_an_error_after_one_look(store: RunStore) -> None:
    Tenant("first", store, MAIL).catalogs().read([GRAPH_APP_ID])
    second = Tenant("second", store, MAIL)
    found = second.catalogs()
    found.read([GRAPH_APP_ID])
    for _attempt in range(2):
        with pytest.raises(BadInput, match=r"Mail\.Sent"):
            ids(found, name="Mail.Sent")
    assert second.read_in_full() == 1


def test_of_many_tenants_that_are_asked_at_once_one_is_read_in_full(store: RunStore) -> None:
    tenants = [Tenant(f"tenant-{number}", store, MAIL) for number in range(5)]
    known: dict[str, str] = {}

    def read(tenant: Tenant) -> None:
        found = tenant.catalogs()
        found.read([GRAPH_APP_ID])
        known[found.known[GRAPH_APP_ID].object_id] = ids(found)[0]

    threads = [threading.Thread(target=read, args=[tenant]) for tenant in tenants]
    tenants[0].answers.clear()
    threads[0].start()
    assert tenants[0].begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    assert all(tenant.begun.wait(10) for tenant in tenants), "the others ask for what is their own meanwhile"
    tenants[0].answers.set()
    for thread in threads:
        thread.join(10)
    assert known == {f"tenant-{number}-00000003": "0000-mail" for number in range(5)}
    assert [tenant.read_in_full() for tenant in tenants] == [1, 0, 0, 0, 0]


def test_a_tenant_does_not_wait_for_long_for_one_that_does_not_answer(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogs, "_SHARED_WITHIN_S", 0.2)
    stuck, other = (Tenant(name, store, MAIL) for name in ("stuck", "other"))
    stuck.answers.clear()
    thread = threading.Thread(target=lambda: stuck.catalogs().read([GRAPH_APP_ID]))
    thread.start()
    assert stuck.begun.wait(10)
    found = other.catalogs()
    found.read([GRAPH_APP_ID])
    assert ids(found) == ["0000-mail"]
    assert other.read_in_full() == 1
    stuck.answers.set()
    thread.join(10)


def test_other_apis_are_read_in_each_tenant(store: RunStore) -> None:
    for name in ("first", "second"):
        tenant = Tenant(name, store, {"Orders.Read": f"{name}-orders"})
        found = tenant.catalogs()
        found.read([CUSTOM])
        assert ids(found, CUSTOM, "Orders.Read") == [f"{name}-orders"]


def test_clouds_do_not_lend_to_each_other(store: RunStore) -> None:
    Tenant("first", store, MAIL).catalogs().read([GRAPH_APP_ID])
    other = Tenant("second", store, {"Mail.Send": "1111-mail"}, graph="https://graph.microsoft.us")
    found = other.catalogs()
    found.read([GRAPH_APP_ID])
    assert ids(found) == ["1111-mail"]
