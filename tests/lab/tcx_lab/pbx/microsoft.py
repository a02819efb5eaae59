# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a PBX talks to Microsoft: it signs an assertion with its own private key, gets a token, and asks Graph.

Nothing here knows what the lab's Entra and Graph hold: a PBX is healthy when they really answer it.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
from cryptography.hazmat.primitives import hashes

from tcx_lab import ca
from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx.state import PbxState, stamp

#: Where Graph sends change notifications to (the real path is unknown).
NOTIFICATION_PATH = "/webclient/api/Microsoft365/Notifications"

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_USER_FIELDS = (
    "id,displayName,givenName,surname,mail,userPrincipalName,userType,accountEnabled,businessPhones,mobilePhone,"
    "department,assignedLicenses"
)


class MicrosoftError(Exception):
    """What Microsoft, or the way to it, said. The text is fit for ExceptionMessage."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some directory objects and where the next ones are."""

    items: list[dict[str, Any]]
    next_link: str | None


class GraphSession:
    """Graph as the PBX's application sees it. Use with `async with connect(state) as graph`."""

    def __init__(self, client: httpx.AsyncClient, base: str, token: str) -> None:
        self._client = client
        self._base = base
        self.token = token

    async def get(self, path: str, **query: str | int) -> Any:
        """The JSON of a GET below /v1.0. Raises MicrosoftError."""
        return (await self._send(f"{self._base}/v1.0{path}{_query(query)}")).json()

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The object that a POST below /v1.0 makes. Raises MicrosoftError."""
        answer = await self._request("POST", f"{self._base}/v1.0{path}", body)
        if answer.status_code != 201:
            raise MicrosoftError(_graph_words(answer))
        return _json(answer)

    async def delete(self, path: str) -> None:
        """Remove an object below /v1.0; one that is gone already is fine."""
        await self._request("DELETE", f"{self._base}/v1.0{path}")

    async def photo(self, user_id: str) -> bytes | None:
        """A user's picture; None when there is none."""
        answer = await self._request("GET", f"{self._base}/v1.0/users/{user_id}/photo/$value")
        return answer.content if answer.status_code == 200 else None

    async def page(self, path: str, **query: str | int) -> Page:
        """The first page of a collection."""
        return _as_page(await self.get(path, **query))

    async def follow(self, next_link: str) -> Page:
        """The page that `@odata.nextLink` names; it must lead back to Graph."""
        if not next_link.startswith(f"{self._base}/"):
            raise MicrosoftError("The page token is invalid.")
        return _as_page((await self._send(next_link)).json())

    async def all(self, path: str, **query: str | int) -> AsyncIterator[dict[str, Any]]:
        """Every object of a collection."""
        page = await self.page(path, **query)
        while True:
            for item in page.items:
                yield item
            if page.next_link is None:
                return
            page = await self.follow(page.next_link)

    async def _send(self, url: str) -> httpx.Response:
        answer = await self._request("GET", url)
        if answer.status_code != 200:
            raise MicrosoftError(_graph_words(answer))
        return answer

    async def _request(self, method: str, url: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        try:
            return await self._client.request(method, url, headers=headers, json=body)
        except httpx.HTTPError as error:
            raise MicrosoftError(f"Graph could not be reached: {error}") from error


class Microsoft:
    """`async with Microsoft(state) as graph`: a session with a fresh token. Raises MicrosoftError when there is none.

    The PBX asks for a token every time, so what is taken away in Entra shows at once.
    """

    def __init__(self, state: PbxState) -> None:
        self._state = state
        self._client = state.world.internal_client(f"pbx:{state.pbx.name}")

    async def __aenter__(self) -> GraphSession:
        try:
            token = await self._token()
        except BaseException:
            await self._client.aclose()
            raise
        return GraphSession(self._client, self._state.world.endpoints.graph, token)

    async def __aexit__(self, *_exception: object) -> None:
        await self._client.aclose()

    async def _token(self) -> str:
        state = self._state
        application, tenant = state.m365["ApplicationId"], state.m365["TenantId"]
        if not application or not tenant:
            raise MicrosoftError("The Microsoft 365 integration is not configured.")
        endpoint = f"{state.world.endpoints.login}/{tenant}/oauth2/v2.0/token"
        form = {
            "client_id": application,
            "grant_type": "client_credentials",
            "scope": f"{state.world.endpoints.graph}/.default",
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": client_assertion(state, application, endpoint),
        }
        try:
            answer = await self._client.post(endpoint, data=form)
        except httpx.HTTPError as error:
            raise MicrosoftError(f"The sign-in service could not be reached: {error}") from error
        body = _json(answer)
        if answer.status_code != 200 or "access_token" not in body:
            words = body.get("error_description") or body.get("error") or f"HTTP {answer.status_code}"
            raise MicrosoftError(str(words))
        return str(body["access_token"])


@evidence(
    Grade.DOCUMENTED,
    "Microsoft identity platform: certificate credentials; that the PBX uses its key pair so: the guide",
)
def client_assertion(state: PbxState, application: str, audience: str) -> str:
    """The JWT with which an application proves its identity by certificate."""
    pair = ca.key_pair_of(state.world, state.pbx)
    now = int(state.clock.time())
    thumbprint = base64.urlsafe_b64encode(pair.certificate.fingerprint(hashes.SHA1())).rstrip(b"=").decode()
    claims = {
        "aud": audience,
        "iss": application,
        "sub": application,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "iat": now,
        "exp": now + 600,
    }
    return jwt.encode(claims, pair.private_key, algorithm="RS256", headers={"x5t": thumbprint})


def _query(options: dict[str, str | int]) -> str:
    return "?" + urlencode({f"${name}": value for name, value in options.items()}) if options else ""


def _as_page(body: Any) -> Page:
    return Page(body.get("value", []), body.get("@odata.nextLink"))


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _graph_words(answer: httpx.Response) -> str:
    error = _json(answer).get("error") or {}
    if isinstance(error, dict) and error.get("code"):
        return f"{error['code']}: {error.get('message', '')}"
    return f"Graph answered {answer.status_code}"


async def verified_claims(state: PbxState, token: str) -> dict[str, Any]:
    """The claims of a token that the configured tenant has signed (times are not checked). Raises MicrosoftError."""
    tenant = state.m365["TenantId"]
    url = f"{state.world.endpoints.login}/{tenant}/discovery/v2.0/keys"
    try:
        async with state.world.internal_client(f"pbx:{state.pbx.name}") as client:
            keys = jwt.PyJWKSet.from_dict(_json(await client.get(url)))
        key = keys[jwt.get_unverified_header(token)["kid"]]
        options: Any = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        claims: dict[str, Any] = jwt.decode(token, key.key, algorithms=["RS256"], options=options)
    except httpx.HTTPError as error:
        raise MicrosoftError(f"The keys of the sign-in service could not be read: {error}") from error
    except (jwt.PyJWTError, KeyError) as error:
        raise MicrosoftError(f"The token is not valid: {error}") from error
    return claims


# --- what the integration asks Graph ------------------------------------------------------------------------------------


async def check(graph: GraphSession) -> None:
    """The smallest question that shows whether users can be read. Raises MicrosoftError."""
    await graph.page("/users", top=1, select="id")


async def try_subscription(graph: GraphSession, state: PbxState) -> None:
    """Subscribe to changes of users and end that at once: Graph calls back to see that the PBX can be reached.

    Raises MicrosoftError with what Graph said.
    """
    subscription = {
        "changeType": "updated",
        "resource": "users",
        "notificationUrl": state.base_url + NOTIFICATION_PATH,
        "expirationDateTime": stamp(state.clock.now() + timedelta(hours=1)),
    }
    made = await graph.create("/subscriptions", subscription)
    await graph.delete(f"/subscriptions/{made['id']}")


async def users_page(graph: GraphSession, count: int, search: str) -> Page:
    """Some users of the tenant, those whose name or address begins with `search`."""
    query: dict[str, str | int] = {"top": max(1, min(count, 999)), "select": _USER_FIELDS}
    if search:
        text = search.replace("'", "''")
        fields = ("displayName", "mail", "userPrincipalName")
        query["filter"] = " or ".join(f"startswith({name},'{text}')" for name in fields)
    return await graph.page("/users", **query)


async def groups_page(graph: GraphSession, count: int, search: str) -> Page:
    """Some groups of the tenant, those whose name begins with `search`."""
    query: dict[str, str | int] = {"top": max(1, min(count, 999)), "select": "id,displayName,description"}
    if search:
        query["filter"] = "startswith(displayName,'{}')".format(search.replace("'", "''"))
    return await graph.page("/groups", **query)


async def all_users(graph: GraphSession) -> list[dict[str, Any]]:
    """Every user of the tenant."""
    return [user async for user in graph.all("/users", top=999, select=_USER_FIELDS)]


async def members(graph: GraphSession, group_ids: Iterable[str]) -> set[str]:
    """Object ids of the users in some groups."""
    ids: set[str] = set()
    for group_id in group_ids:
        ids.update([member["id"] async for member in graph.all(f"/groups/{group_id}/members", top=999, select="id")])
    return ids


async def user_by_name(graph: GraphSession, principal_name: str) -> dict[str, Any] | None:
    """A user by principal name; None when there is none."""
    text = principal_name.replace("'", "''")
    page = await graph.page("/users", filter=f"userPrincipalName eq '{text}'", select=_USER_FIELDS)
    return page.items[0] if page.items else None


def is_shared_mailbox(user: dict[str, Any]) -> bool:
    """Shared mailboxes are disabled, unlicensed accounts with a mailbox (assumed to be how they are told apart)."""
    return not user.get("accountEnabled", True) and bool(user.get("mail")) and not user.get("assignedLicenses")


def external_account(user: dict[str, Any]) -> dict[str, str]:
    """A user as Pbx.ExternalAccount (that Id is the Entra object id: assumed)."""
    return {
        "Id": user["id"],
        "Name": user.get("displayName") or user.get("userPrincipalName") or "",
        "Email": user.get("mail") or user.get("userPrincipalName") or "",
    }
