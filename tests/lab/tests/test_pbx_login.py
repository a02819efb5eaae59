# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in to a PBX of the lab, and how it defends itself: tokens, second factor, refresh, block list, restrictions."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import jwt
import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.pbx import patch_pbx
from tcx_lab.pbx.kit import PbxClient, small_world
from tcx_lab.pbx.totp import totp, verify_totp
from tcx_lab.testing import Lab
from tcx_lab.trouble import ConnectionCut

DEFS = "/Defs?$select=Id"


@pytest.fixture
def client() -> PbxClient:
    return PbxClient(small_world())


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


# --- client credentials -------------------------------------------------------------------------------------------------


async def test_both_content_types_give_a_token(client: PbxClient) -> None:
    form = {"grant_type": "client_credentials", "client_id": "900", "client_secret": client.pbx.client_secret}
    url = f"{client.pbx.url}/connect/token"
    urlencoded = await client.http.post(url, data=form)
    multipart = await client.http.post(url, files={name: (None, value) for name, value in form.items()})
    for answer in (urlencoded, multipart):
        assert answer.status_code == 200
        body = answer.json()
        assert (body["token_type"], body["refresh_token"]) == ("Bearer", None)
        assert jwt.get_unverified_header(body["access_token"])["alg"] == "ES256"


@pytest.mark.parametrize(("version", "told"), [("20.0.5", 60), ("20.0.8", 60), ("20.0.9", 3600), ("20.0.10", 3600)])
async def test_expires_in_is_minutes_and_later_seconds(version: str, told: int) -> None:
    client = PbxClient(small_world(version))
    body = (await client.sign_in()).json()
    assert body["expires_in"] == told
    lifetime = claims(body["access_token"])["exp"] - client.world.clock.time()
    assert 3590 < lifetime <= 3600


async def test_a_token_ends_after_an_hour(client: PbxClient) -> None:
    await client.get(DEFS)
    client.world.clock.advance(3590)
    await client.get(DEFS)
    client.world.clock.advance(20)
    answer = await client.call("GET", DEFS)
    assert (answer.status_code, answer.content) == (401, b"")


async def test_the_newest_token_wins(client: PbxClient) -> None:
    other = PbxClient(client.world)
    await client.get(DEFS)
    await other.sign_in()
    assert (await client.refusal("GET", DEFS)) == (401, "")
    await other.get(DEFS)


async def test_tokens_of_two_clients_live_together_unless_the_pbx_has_one_for_all(client: PbxClient) -> None:
    owners = [{"GroupId": client.state.default_group(), "Rights": {"RoleName": "system_owners"}}]
    made = await client.post("/ServicePrincipals", {"Number": "901", "XAPIEnabled": True, "Groups": owners})
    secret = (await client.post(f"/ServicePrincipals({made['Id']})/Pbx.GenerateAppToken"))["value"]
    other = PbxClient(client.world)
    await other.sign_in("901", secret)
    await client.get(DEFS)
    client.world.switches.token_scope = "pbx"
    await other.sign_in("901", secret)
    assert (await client.refusal("GET", DEFS))[0] == 401


async def test_a_second_token_can_be_refused_instead(client: PbxClient) -> None:
    client.world.switches.token_rule = "refuse_second"
    await client.get(DEFS)
    assert (await PbxClient(client.world).sign_in()).status_code == 400
    await client.get(DEFS)


async def test_a_superseded_token_on_demand(client: PbxClient) -> None:
    await client.get(DEFS)
    client.world.trouble.add({"match": {"service": "pbx", "path": "/xapi/"}, "action": "drop_token"})
    assert await client.refusal("GET", DEFS) == (401, "")
    assert await client.refusal("GET", DEFS) == (401, "")
    await client.sign_in()
    await client.get(DEFS)


@pytest.mark.parametrize("status", [400, 401])
async def test_a_wrong_secret(client: PbxClient, status: int) -> None:
    client.world.switches.token_error_status = status
    answer = await client.sign_in(client_secret="wrong")
    assert answer.status_code == status
    assert answer.json() == {"error": "invalid_client", "error_description": "The client credentials are invalid."}
    assert (await client.http.post(f"{client.pbx.url}/connect/token", data={"grant_type": "x"})).status_code == 400


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x.y.z", "Basic abc"])
async def test_no_token_no_answer(client: PbxClient, header: str) -> None:
    answer = await client.http.get(f"{client.pbx.url}/xapi/v1/Users", headers={"Authorization": header})
    assert (answer.status_code, answer.content) == (401, b"")


# --- people -------------------------------------------------------------------------------------------------------------


async def test_an_administrator_signs_in(client: PbxClient) -> None:
    admin = client.pbx.admin
    answer = await client.log_in(admin.username, admin.password)
    body = answer.json()
    assert (body["Status"], body["TwoFactorAuth"]) == ("AuthSuccess", None)
    assert claims(body["Token"]["access_token"])["MaxRole"] == "system_owners"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("RefreshTokenCookie=")
    assert "HttpOnly" in cookie
    await client.get("/Microsoft365Integration")
    assert (await client.get("/MyUser?$select=Number"))["Number"] == "100"


async def test_keys_may_be_in_lower_case(client: PbxClient) -> None:
    body = {"username": client.pbx.admin.username, "password": client.pbx.admin.password}
    answer = await client.http.post(f"{client.pbx.url}/webclient/api/Login/GetAccessToken", json=body)
    assert answer.json()["Status"] == "AuthSuccess"


async def test_a_user_signs_in_by_number_or_address(client: PbxClient) -> None:
    patch_pbx(client.world, client.pbx, {"users": [{"Number": "201", "EmailAddress": "ada@contoso.example"}]})
    user = client.state.user_by_number("201")
    assert user is not None
    for name in ("201", "ADA@contoso.example"):
        assert (await client.log_in(name, user["AccessPassword"])).status_code == 200
    assert (await client.refusal("GET", "/Users"))[0] == 403
    assert (await client.get("/MyUser?$select=Number"))["Number"] == "201"
    patch_pbx(client.world, client.pbx, {"users": [{"Number": "201", "Enabled": False}]})
    assert (await client.log_in("201", user["AccessPassword"])).status_code == 401


async def test_a_wrong_password(client: PbxClient) -> None:
    assert (await client.log_in("100", "wrong")).status_code == 401
    assert (await client.log_in("nobody", "wrong")).status_code == 401


def test_one_time_passwords_are_those_of_the_rfc() -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()  # RFC 6238, appendix B, shortened to 6 digits
    assert [totp(secret, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]
    assert verify_totp(secret, "287082", 59 + 30)
    assert not verify_totp(secret, "287082", 59 + 90)


@pytest.mark.parametrize("status", ["TFARequested", "OTPRequested"])
async def test_the_second_factor(client: PbxClient, status: str) -> None:
    client.world.switches.second_factor_status = status
    admin = client.pbx.admin
    admin.totp_secret = base64.b32encode(b"12345678901234567890").decode()
    answer = await client.log_in(admin.username, admin.password)
    assert (answer.status_code, answer.json()["Status"], answer.json()["Token"]) == (200, status, None)
    assert "set-cookie" not in answer.headers
    assert client.state.failures == {}
    assert (await client.log_in(admin.username, admin.password, "000000")).json()["Status"] == status
    assert client.state.failures == {"127.0.0.1": 1}
    code = totp(admin.totp_secret, client.state.clock.time())
    assert (await client.log_in(admin.username, admin.password, code)).json()["Status"] == "AuthSuccess"


async def test_recaptcha_ends_scripted_sign_in(client: PbxClient) -> None:
    await client.patch("/GoogleSettings", {"ReCaptchaEnabled": True})
    answer = await client.log_in("100", client.pbx.admin.password)
    assert answer.status_code == 400
    assert "WARNINGS.XAPI.CAPTCHA_ERROR" in answer.text
    assert (await client.sign_in()).status_code == 200


async def test_refresh_tokens_rotate(client: PbxClient) -> None:
    first = (await client.log_in("100", client.pbx.admin.password)).json()["Token"]["refresh_token"]

    async def refresh(token: str, **more: str) -> httpx.Response:
        form = {"client_id": "Webclient", "grant_type": "refresh_token", "refresh_token": token, **more}
        client.http.cookies.clear()
        return await client.http.post(f"{client.pbx.url}/connect/token", data=form)

    answer = await refresh(first)
    second = answer.json()["refresh_token"]
    assert second != first
    assert answer.headers["set-cookie"].startswith(f"RefreshTokenCookie={second}")
    assert (await refresh(first)).status_code == 401
    assert (await refresh(second, client_id="Other")).status_code == 401
    client.token = (await refresh(second)).json()["access_token"]
    await client.get("/MyUser")


async def test_the_cookie_alone_refreshes(client: PbxClient) -> None:
    await client.log_in("100", client.pbx.admin.password)
    form = {"client_id": "Webclient", "grant_type": "refresh_token"}
    answer = await client.http.post(f"{client.pbx.url}/connect/token", data=form)
    assert answer.status_code == 200
    bearer = {"Authorization": f"Bearer {answer.json()['refresh_token']}"}
    refused = await client.http.get(f"{client.pbx.url}/xapi/v1/MyUser", headers=bearer)
    assert (refused.status_code, refused.content) == (401, b"")


async def test_logout_ends_session_and_token(client: PbxClient) -> None:
    await client.log_in("100", client.pbx.admin.password)
    await client.get("/MyUser")
    assert (await client.http.post(f"{client.pbx.url}/webclient/api/Logout")).status_code == 200
    assert (await client.refusal("GET", "/MyUser"))[0] == 401
    await client.sign_in()
    session = (await client.get("/SecurityTokens"))["value"][0]
    assert session["ReasonRevoked"] == "Logout"


@pytest.mark.parametrize(
    ("version", "shown"), [("20.0.5", None), ("20.0.6", "Local"), ("20.0.9", "Local"), ("20.0.10", "Password")]
)
async def test_sessions_say_how_somebody_signed_in(version: str, shown: str | None) -> None:
    client = PbxClient(small_world(version))
    await client.log_in("100", client.pbx.admin.password)
    rows = (await client.get("/SecurityTokens"))["value"]
    assert [row.get("LoginType") for row in rows] == [shown]
    assert rows[0]["Username"] == "100"
    assert rows[0]["Token"]
    narrow = (await client.get("/SecurityTokens?$select=Username,Created"))["value"]
    assert set(narrow[0]) == {"Username", "Created"}


# --- defenses -----------------------------------------------------------------------------------------------------------


async def fail_three_times(client: PbxClient) -> None:
    for _attempt in range(3):
        assert (await client.sign_in(client_secret="wrong")).status_code == 400


async def test_three_failures_block_the_address(client: PbxClient) -> None:
    await fail_three_times(client)
    assert (await client.sign_in()).status_code == 403
    assert (await client.http.get(f"{client.pbx.url}/")).status_code == 403
    entry = next(iter(client.state.blocklist.values()))
    assert (entry["IPAddrMask"], entry["AddedBy"], entry["BlockType"]) == ("127.0.0.1/32", "AutoBlacklist", "Block")
    client.world.clock.advance(86401)
    assert (await client.sign_in()).status_code == 200
    found = await client.get("/Blocklist?$filter=AddedBy eq 'AutoBlacklist'&$count=true")
    assert found["@odata.count"] == 1
    kinds = {each["Type"] for each in (await client.get("/EventLogs"))["value"]}
    assert kinds == {"Warning", "Error"}


async def test_a_blocked_address_may_be_refused_without_a_word(client: PbxClient) -> None:
    client.world.switches.block_symptom = "refused"
    await fail_three_times(client)
    with pytest.raises((httpx.ReadError, ConnectionCut)):
        await client.sign_in()


async def test_passwords_and_secrets_count_together_and_success_clears(client: PbxClient) -> None:
    await client.sign_in(client_secret="wrong")
    await client.log_in("100", "wrong")
    await client.sign_in()
    assert client.state.failures == {}
    await client.sign_in(client_secret="wrong")
    client.world.switches.bad_secret_counts = False
    await client.sign_in(client_secret="wrong")
    assert client.state.failures == {"127.0.0.1": 1}


async def test_an_allowed_address_is_never_blocked(client: PbxClient) -> None:
    await client.post("/Blocklist", {"IPAddrMask": "127.0.0.0/8", "BlockType": "Allow", "Description": "automation"})
    await fail_three_times(client)
    assert (await client.sign_in()).status_code == 200


async def test_unblocking_by_hand(client: PbxClient) -> None:
    await fail_three_times(client)
    patch_pbx(client.world, client.pbx, {"unblock": True})
    assert (await client.sign_in()).status_code == 200


async def test_console_restrictions_keep_other_addresses_out(client: PbxClient) -> None:
    assert (await client.get("/ConsoleRestrictions"))["MyIpAddress"] == "127.0.0.1"
    await client.patch("/ConsoleRestrictions", {"AccessRestricted": True, "IpWhitelist": ["127.0.0.1"]})
    await client.get(DEFS)
    patch_pbx(client.world, client.pbx, {"console": {"IpWhitelist": ["203.0.113.0/24"]}})
    assert (await client.refusal("GET", DEFS))[0] == 403
    assert (await client.sign_in()).status_code == 403
    assert (await client.log_in("100", client.pbx.admin.password)).status_code == 403


async def test_a_row_of_the_block_list_must_be_new_and_whole(client: PbxClient) -> None:
    assert (await client.refusal("POST", "/Blocklist", {}))[1] == "IPAddrMask:\nWARNINGS.XAPI.REQUIRED"
    await client.post("/Blocklist", {"IPAddrMask": "203.0.113.7/32"})
    status, words = await client.refusal("POST", "/Blocklist", {"IPAddrMask": "203.0.113.7/32"})
    assert (status, words) == (400, "IPAddrMask:\nWARNINGS.XAPI.DUPLICATE")


def test_over_tls_a_refused_address_gets_its_connection_cut() -> None:
    plan = FleetPlan([TenantPlan("contoso")], [PbxPlan("acme", "contoso")])
    with Lab.start(build(plan), mode="thread") as lab, lab.client() as http:
        assert lab.world is not None
        lab.world.switches.block_symptom = "refused"
        pbx = lab.world.pbxs["acme"]
        form = {"grant_type": "client_credentials", "client_id": pbx.client_id, "client_secret": "wrong"}
        for _attempt in range(3):
            assert http.post(f"{pbx.url}/connect/token", data=form).status_code == 400
        with pytest.raises(httpx.TransportError):
            http.post(f"{pbx.url}/connect/token", data=form)
        lab.control.patch_pbx("acme", unblock=True)
        assert http.post(f"{pbx.url}/connect/token", data=form).status_code == 400
