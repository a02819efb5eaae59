# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The web client of the lab's PBXs and signing in to it with Microsoft, page by page, as a browser without scripts sees it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import jwt
import pytest
from tcx_lab import ca
from tcx_lab.pbx import linked_application, patch_pbx
from tcx_lab.pbx.kit import GUIDE_PERMISSIONS, Directory, PbxClient, small_world
from tcx_lab.pbx.signin import redirect_uri

VOID = {"input", "img", "meta", "link", "br"}


class Page(HTMLParser):
    """A document: text by id, links, forms with their hidden fields and buttons."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.url = str(answer.url)
        self.status = answer.status_code
        self.texts: dict[str, str] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.forms: list[dict[str, Any]] = []
        self.labels: set[str] = set()
        self._open: list[str] = []
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        key = found.get("id", "")
        self.attributes[key] = found
        if key:
            self.texts[key] = ""
        if tag == "label":
            self.labels.add(found.get("for", ""))
        if tag == "form":
            self.forms.append({"action": found.get("action", ""), "fields": {}, "buttons": []})
        elif tag == "input" and found.get("type") == "hidden":
            self.forms[-1]["fields"][found["name"]] = found["value"]
        elif tag == "button" and self.forms:
            self.forms[-1]["buttons"].append((found.get("name", ""), found.get("value", "")))
        if tag not in VOID:
            self._open.append(key)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for key in self._open:
            if key:
                self.texts[key] += data

    def __contains__(self, key: str) -> bool:
        return key in self.attributes


class Visitor:
    """Somebody with a browser: cookies are kept, redirects followed, forms filled in by hand."""

    def __init__(self, client: PbxClient) -> None:
        self.client = client
        self.http = client.world.internal_client("browser")
        self.http.follow_redirects = True
        self.base = f"https://localhost:{client.pbx.port}"

    async def open(self, url: str) -> Page:
        return Page(await self.http.get(urljoin(self.base, url)))

    async def press(self, page: Page, form: int = 0, button: tuple[str, str] | None = None, **fields: str) -> Page:
        chosen = page.forms[form]
        data = {**chosen["fields"], **fields, **({button[0]: button[1]} if button else {})}
        return Page(await self.http.post(urljoin(page.url, chosen["action"]), data=data))

    async def sign_in_with_microsoft(self, principal_name: str) -> Page:
        """From the login page to wherever it ends."""
        page = await self.open("/")
        page = await self.open(page.attributes["sign-in-microsoft"]["href"])
        for _step in range(4):
            if "loginfmt" in page:
                page = await self.press(page, 1, loginfmt=principal_name)
            elif page.forms and ("decision", "accept") in page.forms[0]["buttons"]:
                page = await self.press(page, button=("decision", "accept"))
            elif page.forms and {"id_token", "error"} & set(page.forms[0]["fields"]):
                page = await self.press(page)
            else:
                break
        return page


async def ready(version: str = "20.0.10", **settings: Any) -> tuple[PbxClient, Visitor]:
    world = small_world(version)
    client = PbxClient(world)
    uri = redirect_uri(client.state)
    application = await Directory(world, client.pbx).register(*GUIDE_PERMISSIONS, redirect_uris=(uri,))
    await client.link(application["appId"], **{"IsEnabled": True, "EnableSSO": True, "IsSyncPhoto": True, **settings})
    return client, Visitor(client)


def somebody(client: PbxClient) -> dict[str, Any]:
    tenant = client.tenant
    return next(user for user in tenant.users.values() if user["userType"] == "Member" and user["id"] in tenant.photos)


async def change_application(client: PbxClient, change: dict[str, Any]) -> None:
    found = linked_application(client.world, client.pbx)
    assert found is not None
    await Directory(client.world, client.pbx).call("PATCH", f"/applications/{found[1]}", change)


@pytest.mark.parametrize("path", ["/", "/webclient", "/webclient/", "/admin"])
async def test_the_button_is_there_only_when_sign_in_is_on_and_linked(path: str) -> None:
    client = PbxClient(small_world())
    visitor = Visitor(client)
    page = await visitor.open(path)
    assert {"username", "password"} <= page.labels
    assert page.texts["page-title"] == ("Admin Console" if path == "/admin" else "Web Client")
    assert "sign-in-microsoft" not in page
    await client.patch("/Microsoft365Integration", {"AdUsers": {"EnableSSO": True}})
    assert "sign-in-microsoft" not in await visitor.open(path)
    await client.patch("/Microsoft365Integration", {"ApplicationId": "a", "TenantId": "t"})
    page = await visitor.open(path)
    assert page.texts["sign-in-microsoft"] == "Sign in with Microsoft"
    target = urlsplit(page.attributes["sign-in-microsoft"]["href"])
    asked = {name: values[0] for name, values in parse_qs(target.query).items()}
    assert f"{target.scheme}://{target.netloc}" == client.world.endpoints.login
    assert target.path == "/t/oauth2/v2.0/authorize"
    assert asked.pop("nonce") != asked.pop("state")
    assert asked == {
        "client_id": "a",
        "response_type": "id_token",
        "response_mode": "form_post",
        "redirect_uri": f"https://localhost:{client.pbx.https_port}/oauth2office2",
        "scope": "openid profile email",
    }


def test_the_redirect_uri_has_the_port_unless_it_is_443() -> None:
    client = PbxClient(small_world())
    client.pbx.fqdn, client.pbx.https_port = "pbx.acme.example", 443
    assert redirect_uri(client.state) == "https://pbx.acme.example/oauth2office2"
    client.pbx.https_port = 5001
    assert redirect_uri(client.state) == "https://pbx.acme.example:5001/oauth2office2"


@pytest.mark.parametrize(("version", "login_type"), [("20.0.5", None), ("20.0.9", "Local"), ("20.0.10", "Sso")])
async def test_a_user_signs_in_and_is_back_in_the_web_client(version: str, login_type: str | None) -> None:
    client, visitor = await ready(version)
    user = somebody(client)
    page = await visitor.sign_in_with_microsoft(user["userPrincipalName"])
    assert page.texts["user-name"] == user["displayName"]
    assert page.texts["user-email"] == user["mail"]
    assert page.texts["login-type"] == "Signed in with Microsoft"
    photo = page.attributes["user-photo"]
    assert photo["alt"] == f"Photo of {user['displayName']}"
    picture = await visitor.http.get(urljoin(visitor.base, photo["src"]))
    assert (picture.headers["content-type"], picture.content) == ("image/jpeg", client.tenant.photos[user["id"]])
    rows = (await client.get("/SecurityTokens"))["value"]
    extension = client.state.users_by_email(user["mail"])[0]
    assert [(row["Username"], row.get("LoginType")) for row in rows] == [(extension["Number"], login_type)]


async def test_signing_out_ends_the_session() -> None:
    client, visitor = await ready()
    page = await visitor.sign_in_with_microsoft(somebody(client)["userPrincipalName"])
    page = await visitor.press(page)
    assert "sign-in-microsoft" in page
    assert "sign-in-microsoft" in await visitor.open("/")
    assert (await visitor.http.get(f"{visitor.base}/webclient/photos/x.jpg")).status_code == 404


async def test_before_the_photo_is_synced_there_are_initials() -> None:
    client, visitor = await ready(IsSyncPhoto=False)
    user = somebody(client)
    page = await visitor.sign_in_with_microsoft(user["userPrincipalName"])
    assert "user-photo" not in page
    assert page.texts["user-photo-missing"] == "".join(word[0] for word in user["displayName"].split())


async def test_the_administrator_sees_the_status() -> None:
    client, visitor = await ready()
    await client.log_in("100", client.pbx.admin.password)
    visitor.http.cookies.update({"RefreshTokenCookie": client.state.sessions[-1].token})
    page = await visitor.open("/admin")
    assert "StatusOK" in page.texts["m365"]
    ca.new_key_pair(client.world, client.pbx)
    assert "AADSTS700027" in (await visitor.open("/admin")).texts["m365"]


async def test_an_ordinary_user_is_kept_out_of_the_admin_console() -> None:
    client, visitor = await ready()
    await visitor.sign_in_with_microsoft(somebody(client)["userPrincipalName"])
    page = await visitor.open("/admin")
    assert (page.status, page.texts["error-code"]) == (403, "forbidden")


# --- broken in turn -----------------------------------------------------------------------------------------------------


async def test_a_redirect_uri_that_is_not_registered() -> None:
    client, visitor = await ready()
    await change_application(client, {"web": {"redirectUris": ["https://localhost/other"]}})
    page = await visitor.sign_in_with_microsoft(somebody(client)["userPrincipalName"])
    assert "AADSTS50011" in page.answer.text
    assert client.state.sessions == []


async def test_id_tokens_switched_off() -> None:
    client, visitor = await ready()
    await change_application(client, {"web": {"implicitGrantSettings": {"enableIdTokenIssuance": False}}})
    page = await visitor.sign_in_with_microsoft(somebody(client)["userPrincipalName"])
    assert page.texts["page-title"] == "Sign-in failed"
    assert "AADSTS700054" in page.texts["error-description"]
    assert "back-to-login" in page


async def test_an_application_of_another_tenant() -> None:
    client, visitor = await ready()
    await client.patch("/Microsoft365Integration", {"ApplicationId": "11111111-2222-4333-8444-555555555555"})
    page = await visitor.sign_in_with_microsoft(somebody(client)["userPrincipalName"])
    assert "AADSTS700016" in page.answer.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MS365SignInEnabled": False}, "Sign-in with Microsoft is switched off for extension"),
        ({"Enabled": False}, "is disabled"),
    ],
)
async def test_a_user_who_may_not(change: dict[str, Any], words: str) -> None:
    client, visitor = await ready()
    user = somebody(client)
    await client.get("/Users?$select=Id")
    extension = client.state.users_by_email(user["mail"])[0]
    await client.post("/Users/Pbx.MultiUserUpdate", {"ids": [extension["Id"]], "user": change})
    page = await visitor.sign_in_with_microsoft(user["userPrincipalName"])
    assert (page.status, page.texts["page-title"]) == (403, "Sign-in failed")
    assert words in page.texts["error-description"]
    assert client.state.sessions == []


async def test_a_user_without_an_extension() -> None:
    client, visitor = await ready(SyncType="SyncSelected", SelectedUsers=[])
    user = somebody(client)
    page = await visitor.sign_in_with_microsoft(user["userPrincipalName"])
    assert page.texts["error-code"] == "unknown_user"
    assert page.texts["error-description"] == f"{user['userPrincipalName']} has no extension on this phone system."
    rows = (await client.get("/EventLogs"))["value"]
    assert "has no extension" in rows[-1]["Message"]


async def test_sign_in_switched_off_after_the_page_was_opened() -> None:
    client, visitor = await ready()
    page = await visitor.open("/")
    href = page.attributes["sign-in-microsoft"]["href"]
    patch_pbx(client.world, client.pbx, {"AdUsers": {"EnableSSO": False}})
    page = await visitor.press(await visitor.open(href), 1, loginfmt=somebody(client)["userPrincipalName"])
    while page.forms and "page-title" not in page:
        page = await visitor.press(page, button=("decision", "accept"))
    assert "switched off on this phone system" in page.texts["error-description"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "invalid_request"),
        ({"id_token": "x"}, "invalid_request"),
        ({"state": "made up", "id_token": "x"}, "invalid_request"),
        ({"error": "access_denied", "error_description": "<b>AADSTS50105</b>"}, "access_denied"),
    ],
)
async def test_what_nobody_asked_for_is_refused(given: dict[str, str], code: str) -> None:
    client, visitor = await ready()
    page = Page(await visitor.http.post(f"{visitor.base}/oauth2office2", data=given))
    assert (page.status, page.texts["error-code"]) == (403, code)
    assert "<b>AADSTS" not in page.answer.text
    assert client.state.sessions == []


async def test_the_redirect_address_answers_a_probe_without_a_server_error() -> None:
    client = PbxClient(small_world())
    for path in ("/", "/oauth2office2", "/oauth2presence", "/webclient"):
        for method in ("GET", "HEAD"):
            assert (await client.http.request(method, client.pbx.url + path)).status_code < 500


class _Forged:
    """Answers of the sign-in service that are wrong in one point."""

    def __init__(self, client: PbxClient, visitor: Visitor) -> None:
        self.client = client
        self.visitor = visitor

    async def token(self) -> tuple[str, str]:
        """A good token and its state, taken from the form that Entra sends through the browser."""
        page = await self.visitor.open("/")
        page = await self.visitor.open(page.attributes["sign-in-microsoft"]["href"])
        if "loginfmt" in page:
            page = await self.visitor.press(page, 1, loginfmt=somebody(self.client)["userPrincipalName"])
        if ("decision", "accept") in page.forms[0]["buttons"]:
            page = await self.visitor.press(page, button=("decision", "accept"))
        fields = page.forms[0]["fields"]
        return fields["id_token"], fields["state"]

    async def post(self, token: str, state: str) -> Page:
        data = {"id_token": token, "state": state}
        return Page(await self.visitor.http.post(f"{self.visitor.base}/oauth2office2", data=data))


async def test_a_token_is_good_once_and_only_for_its_sign_in() -> None:
    client, visitor = await ready()
    forged = _Forged(client, visitor)
    token, state = await forged.token()
    other, other_state = await forged.token()
    assert (await forged.post(token, other_state)).texts["error-description"] == "The token belongs to another sign-in."
    assert "user-name" in await forged.post(token, state)
    assert "not started here" in (await forged.post(other, other_state)).texts["error-description"]


async def test_a_token_somebody_else_signed() -> None:
    client, visitor = await ready()
    forged = _Forged(client, visitor)
    token, state = await forged.token()
    claims = jwt.decode(token, options={"verify_signature": False})
    key = ca.key_pair_of(client.world, client.pbx).private_key
    headers = {"kid": jwt.get_unverified_header(token)["kid"]}
    page = await forged.post(jwt.encode(claims, key, algorithm="RS256", headers=headers), state)
    assert page.texts["error-code"] == "invalid_token"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"ApplicationId": "other"}, "another application"), ({"clock": 7200.0}, "expired or not yet valid")],
)
async def test_a_token_that_does_not_fit(change: dict[str, Any], words: str) -> None:
    client, visitor = await ready()
    forged = _Forged(client, visitor)
    token, state = await forged.token()
    client.pbx.clock_offset = change.pop("clock", 0.0)
    patch_pbx(client.world, client.pbx, change)
    assert words in (await forged.post(token, state)).texts["error-description"]


async def test_pending_sign_ins_do_not_pile_up() -> None:
    client, visitor = await ready()
    for _visit in range(520):
        await visitor.http.get(f"{visitor.base}/")
    assert len(client.state.pending) == 500
