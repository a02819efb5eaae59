# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Traffic that azure-cli had with the real Graph, played against the lab: same statuses, same bodies but for ids and dates."""

from __future__ import annotations

import json
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tcx_lab.clock import Clock
from tcx_lab.graph import contract
from tcx_lab.graph.kit import Kit
from tcx_lab.published import NEEDS_GRAPH_DESCRIPTION

pytestmark = NEEDS_GRAPH_DESCRIPTION

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
#: Made by the server at its own time, or redacted in the recording.
_FREE = frozenset(
    {"createdDateTime", "secretText", "hint", "publisherDomain", "date", "request-id", "client-request-id"}
)
#: Texts of Microsoft's permission catalog, which the lab words by itself.
_CATALOGUE_TEXTS = re.compile(r"(description|displayName|ConsentD)")
#: Differ between the recordings of 2020 and those of 2023.
_AGED = frozenset({"x-ms-resource-unit", "cache-control", "strict-transport-security"})
_HEADERS = ("content-type", "odata-version", "x-ms-resource-unit", "cache-control", "strict-transport-security")


def _sequences() -> list[Path]:
    return sorted((contract.RECORDINGS / "sequences").glob("*.json"))


class _Replay:
    """Plays one sequence; learns which of the lab's ids stands for which recorded one."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.ids: dict[str, str] = {}

    def translate(self, text: str) -> str:
        return _GUID.sub(lambda match: self.ids.get(match[0], match[0]), text)

    async def play(self, entry: dict[str, Any]) -> None:
        request, recorded = entry["request"], entry["response"]
        clock = self.kit.world.clock
        then = parsedate_to_datetime(recorded["headers"]["date"]).astimezone(UTC)
        clock.advance(then.timestamp() - clock.time())
        body = json.loads(self.translate(json.dumps(request["body"])))
        path = self.translate(request["url"]).removeprefix("/v1.0")
        answer = await self.kit.graph(request["method"], path, body)
        where = f"#{entry['index']} {request['method']} {request['url']}"
        assert answer.status_code == recorded["status"], f"{where}: {answer.status_code} {answer.text}"
        self.compare_headers(where, recorded["headers"], answer)
        if recorded["body"] is None:
            assert not answer.content, where
        else:
            self.compare(where, recorded["body"], answer.json())

    def compare_headers(self, where: str, recorded: dict[str, str], answer: httpx.Response) -> None:
        for name in _HEADERS:
            assert answer.headers.get(name) == recorded.get(name), f"{where}: header {name}"
        for name in ("request-id", "x-ms-ags-diagnostic"):
            assert answer.headers[name], f"{where}: header {name}"
        if "location" in recorded:
            ours = answer.headers["location"].removeprefix(self.kit.world.endpoints.graph)
            assert _GUID.sub("", ours) == _GUID.sub(
                "", recorded["location"].removeprefix("https://graph.microsoft.com")
            )

    def compare(self, where: str, recorded: Any, ours: Any) -> None:
        if isinstance(recorded, dict):
            self.compare_objects(where, recorded, ours)
        elif isinstance(recorded, list):
            assert isinstance(ours, list), where
            assert len(ours) == len(recorded), f"{where}: {len(ours)} entries, recorded {len(recorded)}"
            for index, (each, mine) in enumerate(zip(recorded, ours, strict=True)):
                self.compare(f"{where}[{index}]", each, mine)
        elif isinstance(recorded, str):
            self.compare_texts(where, recorded, ours)
        else:
            assert ours == recorded, f"{where}: {ours!r}, recorded {recorded!r}"

    def compare_objects(self, where: str, recorded: dict[str, Any], ours: dict[str, Any]) -> None:
        for name, value in recorded.items():
            if name.startswith("x-trimmed-"):
                continue
            assert name in ours, f"{where}: {name} is missing"
            place = f"{where}/{name}"
            if f"x-trimmed-{name}" in recorded:
                self.compare_catalog(place, value, ours[name])
            elif name in _FREE or (_CATALOGUE_TEXTS.search(name) and "oauth2PermissionScopes" in where):
                assert type(ours[name]) is type(value), place
            else:
                self.compare(place, value, ours[name])

    def compare_catalog(self, where: str, recorded: list[Any], ours: list[Any]) -> None:
        """The recording keeps a few entries of a long list; the lab has at least these."""
        mine = {each["id"]: each for each in ours}
        for each in recorded:
            found = mine[each["id"]]
            assert set(found) == set(each), where
            for name, value in each.items():
                if not _CATALOGUE_TEXTS.search(name):
                    assert found[name] == value, f"{where}/{each['id']}/{name}"

    def compare_texts(self, where: str, recorded: str, ours: Any) -> None:
        assert isinstance(ours, str), f"{where}: {ours!r}, recorded {recorded!r}"
        if recorded.startswith("https://graph.microsoft.com/v1.0/$metadata"):
            ours = ours.replace(self.kit.world.endpoints.graph, "https://graph.microsoft.com")
        if _MOMENT.fullmatch(recorded):
            assert _MOMENT.fullmatch(ours), where
            return
        for theirs, mine in zip(_GUID.findall(recorded), _GUID.findall(ours), strict=True):
            assert self.ids.setdefault(theirs, mine) == mine, f"{where}: {mine} stands for two recorded ids"
        assert ours == self.translate(recorded), where


@pytest.fixture
def kit() -> Kit:
    return Kit(clock=Clock(frozen=True))


@pytest.mark.parametrize("path", _sequences(), ids=lambda path: path.stem)
async def test_sequence(path: Path, kit: Kit) -> None:
    entries = json.loads(path.read_text(encoding="utf-8"))
    replay = _Replay(kit)
    kit.world.clock.advance(
        parsedate_to_datetime(entries[0]["response"]["headers"]["date"]).timestamp() - kit.world.clock.time()
    )
    await kit.sign_in()
    for entry in entries:
        await replay.play(entry)
    assert not [each for each in kit.unjudged if "$metadata" not in each], "the contract does not know these calls"


def _pair(cassette: str, index: int) -> dict[str, Any]:
    pairs = json.loads((contract.RECORDINGS / "pairs-curated.json").read_text(encoding="utf-8"))
    return next(each for each in pairs if each["cassette"] == f"{cassette}.yaml" and each["index"] == index)


@pytest.mark.parametrize(
    ("cassette", "index"),
    [("test_app_scenario", 11), ("test_create_for_rbac_create_cert", 6), ("test_app_permission", 11)],
)
async def test_recorded_patch_of_an_application(cassette: str, index: int, kit: Kit) -> None:
    entry = _pair(cassette, index)
    then = parsedate_to_datetime(entry["response"]["headers"]["date"])
    kit.world.clock.advance(then.timestamp() - kit.world.clock.time())
    app = await kit.application(signInAudience="AzureADMultipleOrgs")  # azure-cli made it for several tenants
    answer = await kit.graph("PATCH", f"/applications/{app['id']}", entry["request"]["body"])
    assert answer.status_code == entry["response"]["status"], answer.text
    shown = await kit.ok("GET", f"/applications/{app['id']}")
    for sent, key in zip(entry["request"]["body"].get("keyCredentials", []), shown["keyCredentials"], strict=True):
        assert key["keyId"] == sent["keyId"]
        assert re.fullmatch(r"[0-9A-F]{40}", key["customKeyIdentifier"])
        assert key["displayName"]
        assert key["key"] is None
        assert key["endDateTime"] == sent["endDateTime"]


@pytest.mark.parametrize(
    ("cassette", "index"),
    [
        ("test_aks_control_plane_user_assigned_identity", 13),
        ("test_aks_control_plane_user_assigned_identity", 15),
        ("test_webapp_ssl_import", 20),
        ("test_app_federated_credential", 0),
        ("test_sqlvm_aad_auth_negative", 73),
        ("test_rest_microsoft_graph", 12),
    ],
)
async def test_recorded_question_without_an_answer(cassette: str, index: int, kit: Kit) -> None:
    """Pairs that need nothing to be there first."""
    entry = _pair(cassette, index)
    if "transitiveMemberOf" in entry["request"]["url"]:
        principal = await kit.principal(await kit.application())
        entry["request"]["url"] = re.sub(_GUID, principal["id"], entry["request"]["url"])
    recorded = {name: value for name, value in entry["response"]["headers"].items() if name not in _AGED}
    replay = _Replay(kit)
    request = entry["request"]
    answer = await kit.graph(request["method"], request["url"].removeprefix("/v1.0"), request["body"])
    assert answer.status_code == entry["response"]["status"], answer.text
    aged = {name: answer.headers[name] for name in _AGED}
    replay.compare_headers(cassette, {**recorded, **aged}, answer)
    replay.compare(cassette, entry["response"]["body"], answer.json())


async def test_recorded_delegated_grant(kit: Kit) -> None:
    """The id of a grant follows from its ends: the recorded one, and its like after delete and create."""
    principal = await kit.principal(await kit.application())
    body = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "principalId": None,
        "resourceId": kit.resource()["id"],
        "scope": "Directory.Read.All",
    }
    entry = _pair("test_app_permission_grant", 15)
    first = await kit.ok("POST", "/oauth2PermissionGrants", body)
    assert set(first) == set(entry["response"]["body"])
    assert (await kit.graph("DELETE", f"/oauth2PermissionGrants/{first['id']}")).status_code == 204
    assert (await kit.ok("POST", "/oauth2PermissionGrants", body))["id"] == first["id"]


def test_recorded_grant_id() -> None:
    from tcx_lab.graph.shapes import guid_bytes

    recorded = _pair("test_app_permission_grant", 15)["response"]["body"]
    assert guid_bytes(recorded["clientId"], recorded["resourceId"]) == recorded["id"]
