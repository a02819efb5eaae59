# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many PBXs in one process: idle ones cost nothing, none knows another, and the same seed gives the same PBX."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Scope
from tcx_lab.evidence import Grade, statements
from tcx_lab.fleet import bench_plan, build
from tcx_lab.pbx import create_pbx_app, prepare_pbx, state_of
from tcx_lab.pbx.kit import PbxClient, small_world
from tcx_lab.switchboard import connect_inside

M365 = "/Microsoft365Integration"


async def test_two_thousand_pbxs_of_which_forty_are_used() -> None:
    world = build(bench_plan(2000, 40, seed=7))
    connect_inside(world)
    assert all(pbx.state is None for pbx in world.pbxs.values())
    used = [PbxClient(world, name) for name in list(world.pbxs)[::50]]

    async def use(client: PbxClient) -> str:
        await client.patch(M365, {"TenantId": client.pbx.name, "AdUsers": {"SelectedUsers": [client.pbx.name]}})
        shown = await client.get(M365)
        assert shown["AdUsers"]["SelectedUsers"] == [client.pbx.name]
        return str(shown["TenantId"])

    assert await asyncio.gather(*map(use, used)) == [client.pbx.name for client in used]
    assert sum(pbx.state is not None for pbx in world.pbxs.values()) == 40


async def test_a_pbx_does_not_share_what_changes() -> None:
    world = build(bench_plan(2, seed=1))
    connect_inside(world)
    one, other = (PbxClient(world, name) for name in world.pbxs)
    before = await other.get(M365)
    await one.patch(M365, {"AdUsers": {"EnableSSO": True}, "SharedMailboxesSync": {"IsEnabled": False}})
    await one.patch("/AntiHackingSettings", {"HackAuthRequests": 1})
    assert await other.get(M365) == before
    assert (await other.get("/AntiHackingSettings"))["HackAuthRequests"] == 25
    assert (await other.call("GET", "/Defs", Authorization=f"Bearer {one.token}")).status_code == 401


async def test_the_same_seed_gives_the_same_pbx_and_another_name_other_secrets() -> None:
    first, again = (build(bench_plan(2, seed=3)) for _each in range(2))
    secrets = [
        [user["AuthPassword"] for pbx in world.pbxs.values() for user in state_of(world, pbx).users.values()]
        for world in (first, again)
    ]
    assert secrets[0] == secrets[1]
    assert len(set(secrets[0])) == 2


async def test_a_pbx_can_be_set_back() -> None:
    client = PbxClient(small_world())
    await client.patch(M365, {"TenantId": "t"})
    prepare_pbx(client.world, client.pbx)
    client.token = ""
    assert (await client.get(M365))["TenantId"] == ""


async def test_one_app_can_serve_one_pbx_and_nobody_answers_on_a_foreign_port() -> None:
    client = PbxClient(small_world())
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "server": ("x", 1),
    }
    await create_pbx_app(client.world, client.pbx)(scope, receive, send)
    await create_pbx_app(client.world)(scope, receive, send)
    assert [message["status"] for message in sent if "status" in message] == [200, 502]


@pytest.mark.parametrize(
    ("behavior", "grade"),
    [
        ("POST /connect/token", Grade.DOCUMENTED),
        ("Minutes up to 20.0.8, seconds from 20.0.9", Grade.DOCUMENTED),
        ("Numbers are unique and final", Grade.OBSERVED),
        ("The operation that this build has for a request", Grade.OBSERVED),
        ("A nested complex property after a PATCH", Grade.ASSUMED),
        ("Whether Microsoft's change notifications would reach the PBX", Grade.ASSUMED),
        ("switch ad_users_patch", Grade.ASSUMED),
    ],
)
def test_what_the_pbxs_do_says_how_sure_we_are(behavior: str, grade: Grade) -> None:
    assert [each.grade for each in statements() if each.behavior.startswith(behavior)] == [grade]
