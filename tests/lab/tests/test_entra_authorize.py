# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing a person in: the pages, the answers, and where each error goes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from tcx_lab.entra.keys import jwk
from tcx_lab.graph import seed
from tcx_lab.graph.kit import Kit

CALLBACK = "https://pbx.example:5001/oauth2office2"


class _Page(HTMLParser):
    """Forms, fields and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, str] = {}
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.actions.append(values["action"])
        elif tag == "input" and values.get("type") == "hidden":
            self.fields[values["name"]] = values["value"]
        elif tag == "button" and "value" in values:
            self.buttons[values["value"]] = values["name"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class _Browser:
    """Asks to sign in at a PBX's application."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.app: dict[str, Any] = {}

    async def register(self, **properties: Any) -> None:
        web = {"redirectUris": [CALLBACK], "implicitGrantSettings": {"enableIdTokenIssuance": True}}
        self.app = await self.kit.application("3CX Server-side", **{"web": web, **properties})
        await self.kit.principal(self.app)

    async def ask(self, tenant: str = "", **query: str) -> httpx.Response:
        fields = {
            "client_id": self.app["appId"],
            "response_type": "id_token",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "response_mode": "form_post",
            "nonce": "n-1",
            "state": "s-1",
            **query,
        }
        fields = {name: value for name, value in fields.items() if value}
        return await self.kit.login.get(f"/{tenant or self.kit.tenant.id}/oauth2/v2.0/authorize?{urlencode(fields)}")

    async def pick(self, page: httpx.Response, **form: str) -> httpx.Response:
        found = _Page(page.text)
        return await self.kit.login.post(found.actions[0], data={**found.fields, **form})


@pytest.fixture
async def browser() -> _Browser:
    made = _Browser(Kit())
    await made.register()
    return made


def _sent(answer: httpx.Response) -> dict[str, str]:
    """What a form_post page sends to the application."""
    page = _Page(answer.text)
    assert answer.status_code == 200, answer.text
    assert page.actions == [CALLBACK], page.words
    return page.fields


def _page_error(answer: httpx.Response, code: int) -> str:
    assert answer.status_code == 400
    page = _Page(answer.text)
    assert page.actions == [], "an error page must not send anything anywhere"
    text = " ".join(page.words)
    assert f"AADSTS{code}" in text
    assert "Correlation ID" in text
    return text


def _user(kit: Kit) -> dict[str, Any]:
    return next(iter(kit.tenant.users.values()))


async def test_pick_an_account_and_come_back(browser: _Browser) -> None:
    page = await browser.ask()
    assert "3CX Server-side" in page.text
    user = _user(browser.kit)
    assert _Page(page.text).buttons[user["id"]] == "account"
    fields = _sent(await browser.pick(page, account=user["id"]))
    assert fields["state"] == "s-1"
    claims = jwt.decode(
        fields["id_token"], jwt.PyJWK(jwk("entra")).key, algorithms=["RS256"], audience=browser.app["appId"]
    )
    assert claims["nonce"] == "n-1"
    assert claims["preferred_username"] == user["userPrincipalName"]
    assert (claims["oid"], claims["tid"]) == (user["id"], browser.kit.tenant.id)
    assert claims["iss"] == f"https://login.lab/{browser.kit.tenant.id}/v2.0"


async def test_another_account_by_name(browser: _Browser) -> None:
    user = _user(browser.kit)
    page = await browser.ask()
    fields = _sent(await browser.pick(page, loginfmt=user["userPrincipalName"]))
    assert "id_token" in fields
    browser.kit.login.cookies.clear()
    _page_error(await browser.pick(page, loginfmt="nobody@elsewhere.example"), 50020)


async def test_once_signed_in_no_page_is_needed(browser: _Browser) -> None:
    fields = _sent(await browser.ask(prompt="none"))
    assert (fields["error"], fields["state"]) == ("login_required", "s-1")
    assert "AADSTS50058" in fields["error_description"]
    await browser.pick(await browser.ask(), account=_user(browser.kit)["id"])
    assert "id_token" in _sent(await browser.ask(prompt="none"))
    assert "id_token" in _sent(await browser.ask())
    assert "Pick an account" in (await browser.ask(prompt="select_account")).text
    second = list(browser.kit.tenant.users)[1]
    await browser.pick(await browser.ask(prompt="select_account"), account=second)
    assert "AADSTS16000" in _sent(await browser.ask(prompt="none"))["error_description"]
    hint = browser.kit.tenant.users[second]["userPrincipalName"]
    assert "id_token" in _sent(await browser.ask(prompt="none", login_hint=hint))
    await browser.kit.login.get(f"/{browser.kit.tenant.id}/oauth2/v2.0/logout")
    assert _sent(await browser.ask(prompt="none"))["error"] == "login_required"


async def test_fragment_and_query(browser: _Browser) -> None:
    page = await browser.ask(response_mode="")
    answer = await browser.pick(page, account=_user(browser.kit)["id"])
    target = urlsplit(answer.headers["location"])
    assert answer.status_code == 302
    assert "id_token" in parse_qs(target.fragment)
    assert not target.query
    answer = await browser.ask(response_mode="query")
    error = parse_qs(urlsplit(answer.headers["location"]).fragment)
    assert "AADSTS70007" in error["error_description"][0]
    code = await browser.ask(response_type="code", response_mode="")
    assert "code" in parse_qs(urlsplit(code.headers["location"]).query)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"redirect_uri": CALLBACK + "/"}, 50011),
        ({"redirect_uri": CALLBACK.upper()}, 50011),
        ({"redirect_uri": "https://evil.example/cb"}, 50011),
        ({"client_id": "0b8c4b6e-0000-4000-8000-000000000001"}, 700016),
        ({"client_id": ""}, 900144),
    ],
)
async def test_errors_that_stay_here(browser: _Browser, query: dict[str, str], code: int) -> None:
    text = _page_error(await browser.ask(**query), code)
    if code == 50011:
        assert f"'{query['redirect_uri']}'" in text
        assert browser.app["appId"] in text


async def test_unknown_tenant_stays_here(browser: _Browser) -> None:
    _page_error(await browser.ask(tenant=browser.kit.world.new_guid()), 90002)


@pytest.mark.parametrize(
    ("query", "error", "code"),
    [
        ({"response_type": ""}, "invalid_request", 900144),
        ({"response_type": "banana"}, "unsupported_response_type", 70007),
        ({"scope": ""}, "invalid_request", 900144),
        ({"nonce": ""}, "invalid_request", 900144),
        ({"response_type": "id_token token"}, "unsupported_response_type", 700054),
    ],
)
async def test_errors_that_go_to_the_application(
    browser: _Browser, query: dict[str, str], error: str, code: int
) -> None:
    fields = _sent(await browser.ask(**query))
    assert (fields["error"], fields["state"]) == (error, "s-1")
    assert fields["error_description"].startswith(f"AADSTS{code}: ")


async def test_id_tokens_have_to_be_on(browser: _Browser) -> None:
    await browser.register(web={"redirectUris": [CALLBACK]})
    fields = _sent(await browser.ask(prompt="none"))
    assert fields["error"] == "unsupported_response_type"
    assert re.match(r"AADSTS700054: response_type 'id_token' is not enabled", fields["error_description"])


async def test_common_is_for_multi_tenant_applications(browser: _Browser) -> None:
    assert "AADSTS50194" in _sent(await browser.ask(tenant="common"))["error_description"]
    await browser.kit.ok("PATCH", f"/applications/{browser.app['id']}", {"signInAudience": "AzureADMultipleOrgs"})
    fields = _sent(await browser.pick(await browser.ask(tenant="common"), account=_user(browser.kit)["id"]))
    assert jwt.decode(fields["id_token"], options={"verify_signature": False})["tid"] == browser.kit.tenant.id


async def test_assignment_may_be_required(browser: _Browser) -> None:
    kit = browser.kit
    principal = (await kit.ok("GET", f"/servicePrincipals(appId='{browser.app['appId']}')"))["id"]
    await kit.ok("PATCH", f"/servicePrincipals/{principal}", {"appRoleAssignmentRequired": True})
    user = _user(kit)
    _page_error(await browser.pick(await browser.ask(), account=user["id"]), 50105)
    assert "AADSTS50105" in _sent(await browser.ask(prompt="none"))["error_description"]
    group = next(iter(kit.tenant.groups))
    for assigned in (group, user["id"]):
        made = await kit.ok(
            "POST",
            f"/servicePrincipals/{principal}/appRoleAssignedTo",
            {"principalId": assigned, "resourceId": principal, "appRoleId": "00000000-0000-0000-0000-000000000000"},
        )
        assert "id_token" in _sent(await browser.ask(prompt="none"))
        await kit.ok("DELETE", f"/servicePrincipals/{principal}/appRoleAssignedTo/{made['id']}")


async def test_disabled_user_and_disabled_application(browser: _Browser) -> None:
    kit, user = browser.kit, _user(browser.kit)
    page = await browser.ask()
    kit.tenant.users[user["id"]] = {**user, "accountEnabled": False}
    _page_error(await browser.pick(page, account=user["id"]), 50057)
    assert user["id"] not in _Page((await browser.ask()).text).buttons
    kit.tenant.users[user["id"]] = user
    await kit.ok("PATCH", f"/servicePrincipals(appId='{browser.app['appId']}')", {"accountEnabled": False})
    _page_error(await browser.pick(page, account=user["id"]), 7000112)


async def test_consent(browser: _Browser) -> None:
    kit, user = browser.kit, _user(browser.kit)
    kit.world.switches.consent_required = True
    page = await browser.pick(await browser.ask(), account=user["id"])
    assert "Permissions requested" in page.text
    assert "AADSTS65001" in _sent(await browser.ask(prompt="none"))["error_description"]
    assert "AADSTS65004" in _sent(await browser.pick(page, decision="cancel"))["error_description"]
    assert "id_token" in _sent(await browser.pick(page, decision="accept"))


async def test_where_users_may_not_consent_an_administrator_must(browser: _Browser) -> None:
    user, switches = _user(browser.kit), browser.kit.world.switches
    switches.consent_required, switches.user_consent = True, False
    page = await browser.ask()
    _page_error(await browser.pick(page, account=user["id"]), 90094)
    _page_error(await browser.pick(page, account=user["id"], decision="accept"), 90094)


@pytest.mark.parametrize(("user_consent", "code"), [(True, 65001), (False, 90094)])
async def test_a_missing_consent_may_be_told_before_there_is_a_user(
    browser: _Browser, user_consent: bool, code: int
) -> None:
    switches = browser.kit.world.switches
    switches.consent_required, switches.user_consent = True, user_consent
    assert "AADSTS50058" in _sent(await browser.ask(prompt="none"))["error_description"]
    switches.silent_consent_first = True
    assert f"AADSTS{code}" in _sent(await browser.ask(prompt="none"))["error_description"]
    switches.consent_required = False
    assert "AADSTS50058" in _sent(await browser.ask(prompt="none"))["error_description"]


async def test_a_first_sign_in_makes_the_service_principal(browser: _Browser) -> None:
    kit = browser.kit
    await kit.ok("DELETE", f"/servicePrincipals(appId='{browser.app['appId']}')")
    page = await browser.pick(await browser.ask(), account=_user(kit)["id"])
    assert "id_token" in _sent(await browser.pick(page, decision="accept"))
    assert (await kit.graph("GET", f"/servicePrincipals(appId='{browser.app['appId']}')")).status_code == 200


async def test_code_and_refresh(browser: _Browser) -> None:
    kit = browser.kit
    query = {
        "response_type": "code",
        "scope": "openid offline_access https://graph.microsoft.com/User.Read",
        "response_mode": "query",
    }
    answer = await browser.pick(await browser.ask(**query), account=_user(kit)["id"])
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    secret = seed.add_secret(kit.world, kit.tenant, browser.app["id"])
    form = {"client_id": browser.app["appId"], "redirect_uri": CALLBACK, "code": code, "scope": query["scope"]}
    bad = await kit.ask_token(grant_type="authorization_code", client_secret="wrong", **form)
    assert bad.json()["error_codes"] == [7000215]
    code = parse_qs(urlsplit((await browser.ask(**query)).headers["location"]).query)["code"][0]
    form["code"] = code
    tokens = (await kit.ask_token(grant_type="authorization_code", client_secret=secret, **form)).json()
    assert {"access_token", "refresh_token", "id_token"} <= set(tokens)
    again = await kit.ask_token(grant_type="authorization_code", client_secret=secret, **form)
    assert again.json()["error_codes"] == [70008]
    fresh = await kit.ask_token(
        grant_type="refresh_token",
        client_id=browser.app["appId"],
        client_secret=secret,
        refresh_token=tokens["refresh_token"],
    )
    assert fresh.status_code == 200, fresh.text


async def test_admin_consent(browser: _Browser) -> None:
    kit = browser.kit
    access = {
        "resourceAppId": kit.resource()["appId"],
        "resourceAccess": [{"id": kit.role("User.Read.All"), "type": "Role"}],
    }
    await kit.ok("PATCH", f"/applications/{browser.app['id']}", {"requiredResourceAccess": [access]})
    query = urlencode({"client_id": browser.app["appId"], "redirect_uri": CALLBACK, "state": "s"})
    page = await kit.login.get(f"/{kit.tenant.id}/v2.0/adminconsent?{query}")
    assert "Microsoft Graph: User.Read.All" in page.text
    declined = await browser.pick(page, decision="cancel")
    assert parse_qs(urlsplit(declined.headers["location"]).query)["error"] == ["access_denied"]
    accepted = await browser.pick(page, decision="accept")
    assert parse_qs(urlsplit(accepted.headers["location"]).query) == {
        "admin_consent": ["True"], "tenant": [kit.tenant.id], "state": ["s"]
    }  # fmt: skip
    principal = (await kit.ok("GET", f"/servicePrincipals(appId='{browser.app['appId']}')"))["id"]
    held = await kit.ok("GET", f"/servicePrincipals/{principal}/appRoleAssignments")
    assert [each["appRoleId"] for each in held["value"]] == [kit.role("User.Read.All")]
    _page_error(await kit.login.get(f"/{kit.tenant.id}/adminconsent?client_id={kit.world.new_guid()}"), 700016)
    _page_error(await kit.login.get(f"/common/adminconsent?{query}"), 50059)
    wrong = urlencode({"client_id": browser.app["appId"], "redirect_uri": "https://evil.example"})
    _page_error(await kit.login.get(f"/{kit.tenant.id}/adminconsent?{wrong}"), 50011)


async def test_pages_cannot_be_broken_out_of(browser: _Browser) -> None:
    await browser.kit.ok("PATCH", f"/applications/{browser.app['id']}", {"displayName": "<script>x</script>"})
    page = await browser.ask(state='"><script>y</script>')
    assert "<script>x" not in page.text
    assert "<script>y" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
