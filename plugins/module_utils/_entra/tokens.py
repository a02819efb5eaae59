# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens of Entra: msal decides what is sent, our own HTTP session sends it, the tasks of a run share the result.

A credential that Entra refuses is tried once in a run, whatever the number of hosts: the refusal is shared like a token.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .._common import dates, jwt
from .._context import Context
from .._deps import msal
from .._errors import BadCredential, M365Error
from .._http import Http, Reply, RetryPolicy, Transport, origin
from . import sign_in_errors
from .connection import Connection
from .credentials._base import ConfidentialCredential
from .credentials.azure_cli import AzureCli
from .credentials.federated import AUDIENCE, GitHubOidc
from .credentials.managed_identity import ManagedIdentity
from .credentials.static_token import StaticToken

SIGN_IN_BYTES = 64 * 1024
"""Most that a sign-in service may answer; a token with every claim that Entra can put into it stays far below."""

_LOCAL_SERVICE = "the identity endpoint of this machine"
_READABLE_WITHIN = 3
METADATA_URL = "http://169.254.169.254"
_MARGIN_S = 300.0
"""A token is not used in the last minutes of its life: a task may last that long."""

_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/_=-]{4,8192})"')


@dataclass(frozen=True)
class Token:
    """An access token.

    :param expires: Unix time from which it is no longer used.
    """

    value: str = field(repr=False)
    expires: float
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tenant_id(self) -> str:
        return str(self.claims.get("tid", "")).lower()

    @property
    def app_only(self) -> bool:
        """Whether it is certain that an application acts for itself; then ``roles`` lists all it may do."""
        return bool(self.claims) and not self.claims.get("scp") and self.claims.get("idtyp", "app") == "app"

    @property
    def roles(self) -> frozenset[str]:
        roles = self.claims.get("roles") or ()
        return frozenset(roles if isinstance(roles, list) else (str(roles),))


class Tokens:
    """The tokens of one caller for Microsoft Graph.

    :param connection: who asks, where.
    :param context: store of the run, deadline, trace.
    """

    def __init__(self, connection: Connection, context: Context) -> None:
        self.connection = connection
        self.context = context
        self._token: Token | None = None
        self._claims = ""
        for secret in connection.credential.secrets():
            context.hide(secret)

    def get(self) -> Token:
        """A token that lasts for some minutes; raises :class:`BadCredential` and its kin."""
        if self._token is None or self._token.expires <= time.time():
            self._token = self._shared() or self._locked_fetch()
            self.context.hide(self._token.value)
        return self._token

    def renew(self, refused: Token, claims: str = "") -> Token:
        """Another token than the one that Graph has just refused.

        :param claims: what it must contain (JSON), where Graph has said so.
        """
        self._claims = claims
        key = self.connection.key()
        shared = self._shared()
        if shared is not None and shared.value == refused.value:
            self.context.store.drop("entra_token", key)
        self._token = None
        return self.get()

    def _shared(self) -> Token | None:
        stored = self.context.store.get("entra_token", self.connection.key())
        return _token(str(stored["value"]), float(stored["expires"])) if stored else None

    def _locked_fetch(self) -> Token:
        store, key = self.context.store, self.connection.key()
        with store.lock("entra_token", key, self.context.deadline):
            shared = self._shared()
            if shared is not None:
                return shared
            refused = store.get("refused", key)
            if refused:
                raise sign_in_errors.again(refused)
            try:
                token = self._fetch()
                self._check_tenant(token)
            except M365Error as error:
                error.while_trying("sign in to Entra", self._who())
                if sign_in_errors.is_final(error):
                    store.put("refused", key, sign_in_errors.remember(error))
                raise
            store.put("entra_token", key, {"value": token.value, "expires": token.expires}, expires=token.expires)
        self.context.trace(f"signed in to Entra with {self.connection.credential.source} ({self._who()})")
        return token

    def _who(self) -> str:
        parts = [self.connection.endpoints.login]
        if self.connection.tenant:
            parts.append(f"tenant {self.connection.tenant}")
        if self.connection.credential.client_id:
            parts.append(f"client {self.connection.credential.client_id}")
        return ", ".join(parts)

    def _consent(self) -> dict[str, str]:
        """Tenant, and where its administrator consents to the application that signs in."""
        connection = self.connection
        tenant, client_id = connection.tenant, connection.credential.client_id
        url = connection.endpoints.admin_consent_url(tenant, client_id) if tenant and client_id else ""
        return {"tenant": tenant, "consent_url": url}

    def _check_tenant(self, token: Token) -> None:
        """A token of another tenant would change another customer."""
        expected = self.connection.tenant_guid
        if expected and token.tenant_id and token.tenant_id != expected:
            raise BadCredential(
                f"the token is of tenant {token.tenant_id}, not of {expected}",
                remedy="Sign in to the customer's tenant, or correct O(tenant_id).",
            )

    def _fetch(self) -> Token:
        credential = self.connection.credential
        if isinstance(credential, StaticToken):
            return self._ready(credential)
        if isinstance(credential, AzureCli):
            remaining = self.context.deadline.remaining()
            value, expires = credential.fetch(self.connection.endpoints.graph, remaining, self.context.run_program)
            return _token(value, expires - _MARGIN_S / 5)
        if isinstance(credential, ManagedIdentity):
            return self._managed(credential, MsalHttp(self.connection.transport, self.context, local=True))
        http = MsalHttp(self.connection.transport, self.context)
        if isinstance(credential, GitHubOidc):
            assertion = self._ask_github(credential)
            self.context.hide(assertion)
            return self._confidential({"client_assertion": lambda: assertion}, http)
        if isinstance(credential, ConfidentialCredential):
            return self._confidential(credential.for_msal(), http)
        raise TypeError(f"unsupported credential type {credential.source}")

    def _ready(self, credential: StaticToken) -> Token:
        value = credential.token.strip()
        ends = dates.from_unix((jwt.claims(value) or {}).get("exp"))
        if ends is not None and ends <= time.time():
            raise BadCredential(
                f"O(access_token) expired {time.time() - ends:.0f} s ago", remedy="Obtain a new one and run again."
            )
        return _token(value, time.time() + 3600 if ends is None else ends)

    def _confidential(self, client_credential: Any, http: MsalHttp) -> Token:
        endpoints = self.connection.endpoints
        try:
            # Discovery of the instance would ask the public cloud about every private authority (msal source).
            client = msal.ConfidentialClientApplication(
                self.connection.credential.client_id,
                client_credential=client_credential,
                authority=endpoints.authority(self.connection.tenant),
                instance_discovery=False,
                http_client=http,
            )
            result = client.acquire_token_for_client(scopes=[endpoints.scope], **self._challenge())
        except ValueError as error:
            # A tenant that does not exist shows as a refused discovery, which msal turns into a ValueError.
            raise sign_in_errors.of_discovery(http.last, error, **self._consent()) from None
        return self._accept(result, http)

    def _managed(self, credential: ManagedIdentity, http: MsalHttp) -> Token:
        client = msal.ManagedIdentityClient(credential.for_msal(), http_client=http)
        try:
            result = client.acquire_token_for_client(resource=self.connection.endpoints.graph, **self._challenge())
        except ValueError as error:
            raise BadCredential(f"the managed identity gave no token: {error}") from None
        except OSError as error:
            # Azure Arc proves who asks by a file of its agent that only root and one group can read (documented).
            raise BadCredential(
                f"the key of the Azure Arc agent cannot be read: {error.strerror}",
                target=str(error.filename or ""),
                remedy="Add the user who runs Ansible to the group himds on this machine, or run as root.",
            ) from None
        return self._accept(result, http, _LOCAL_SERVICE)

    def _challenge(self) -> dict[str, str]:
        claims, self._claims = self._claims, ""
        return {"claims_challenge": claims} if claims else {}

    def _accept(self, result: Mapping[str, Any], http: MsalHttp, service: str = "Entra") -> Token:
        if "access_token" not in result:
            raise sign_in_errors.of_token(result, http.last, service, **self._consent())
        lifetime = float(result.get("expires_in", 3600))
        return _token(str(result["access_token"]), time.time() + lifetime - min(_MARGIN_S, lifetime / 5))

    def _ask_github(self, credential: GitHubOidc) -> str:
        url = credential.request_url
        url += ("&" if "?" in url else "?") + "audience=" + quote(AUDIENCE, safe="")
        http = self.context.http("GitHub", origin(url), self.connection.transport)
        headers = {"Authorization": f"Bearer {credential.request_token}"}
        reply = http.send("GET", url, headers=headers, secret=True, most=SIGN_IN_BYTES)
        answer = reply.json()
        if reply.status != 200 or not isinstance(answer, dict) or not answer.get("value"):
            raise BadCredential(
                "no ID token was issued",
                service="GitHub",
                status=reply.status,
                remedy="Give the job the permission id-token: write.",
            )
        return str(answer["value"])


class MsalHttp:
    """What msal takes as ``http_client``, on top of our own session: its proxies, CA, deadline and retries apply.

    ``last`` is the latest answer, for errors that msal reports without it.

    :param local: the identity endpoint of this machine, which speaks plain HTTP on a link-local address.
    """

    def __init__(self, transport: Transport, context: Context, *, local: bool = False) -> None:
        self.last: Reply | None = None
        self._local = local
        self._transport = transport
        self._context = context
        self._sessions: dict[str, Http] = {}

    def get(self, url: str, params: Any = None, headers: Any = None, **_other: Any) -> MsalReply:
        return self._send("GET", url, params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_other: Any) -> MsalReply:
        # Repeating a request for a token does no harm, so it is as safe as a reading one.
        return self._send("POST", url, params=params, form=data, headers=headers)

    def close(self) -> None:
        """msal asks for it; the connections belong to the task."""

    def _send(self, method: str, url: str, **content: Any) -> MsalReply:
        """The answer, when it is one that msal can read: it logs and shows whatever else it gets."""
        session = self._sessions.get(origin(url)) or self._open(url)
        attempt = 0
        while True:
            attempt += 1
            self.last = reply = session.send(
                method, url, safe=True, secret=method == "POST", most=SIGN_IN_BYTES, **content
            )
            unreadable = self._unreadable(reply)
            if unreadable is None:
                return MsalReply(reply)
            if attempt >= _READABLE_WITHIN or (reply.status >= 400 and reply.status != 404):
                raise unreadable
            self._context.deadline.pause(
                self._context.deadline.backoff(attempt), f"{session.service} gave no readable answer"
            )

    def _unreadable(self, reply: Reply) -> M365Error | None:
        if self._local and reply.status != 200:
            return None  # the agent of Azure Arc challenges in a header (documented)
        service = _LOCAL_SERVICE if self._local else "Entra"
        content = reply.json()
        if not isinstance(content, dict):
            return sign_in_errors.not_json(reply, service)
        wrong = _wrong_type(content) if reply.status == 200 else ""
        return sign_in_errors.not_json(reply, service, f"the answer has no usable {wrong}") if wrong else None

    def _open(self, url: str) -> Http:
        if not self._local and not url.startswith("https://"):
            raise BadCredential(
                f"the authority names an address that is not https ({origin(url)}); nothing was sent there",
                remedy="Check O(authority_host) and any proxy in between.",
            )
        # Identity endpoints of a machine are link-local; a proxy would ask its own machine.
        local = url.startswith("http://")
        transport = Transport(timeout=self._transport.timeout, direct=True) if local else self._transport
        service = _LOCAL_SERVICE if self._local else "Entra"
        session = self._context.http(service, origin(url), transport, throttle_key=f"login|{origin(url)}")
        self._sessions[origin(url)] = session
        return session


class MsalReply:
    """A reply as msal reads it."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.text = reply.body.decode("utf-8-sig", "replace")
        self.headers = reply.headers

    def raise_for_status(self) -> None:
        """msal asks for an exception on errors that it does not understand itself."""
        if self.status_code >= 400:
            raise ValueError(f"HTTP status {self.status_code}")


def claims_of(headers: Mapping[str, str]) -> str:
    """The claims that Graph wants in a new token as JSON, as msal takes them; empty where the answer has none that can be read.

    Continuous access evaluation (https://learn.microsoft.com/entra/identity-platform/claims-challenge): a token that is asked
    for without them is the cached one again, so that the task would be refused for as long as that one lives.
    """
    stated = next((str(value) for name, value in headers.items() if name.lower() == "www-authenticate"), "")
    match = _CLAIMS.search(stated)
    if not match:
        return ""
    packed = match.group(1).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        text = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-8")
        return text if isinstance(json.loads(text), dict) else ""
    except (binascii.Error, ValueError, RecursionError):
        return ""


def metadata_answers(context: Context) -> bool:
    """Whether this machine is an Azure VM: its metadata address answers at once, or there is none."""
    known = context.store.get("azure_metadata", METADATA_URL)
    if known is None:
        transport = Transport(timeout=1.0, direct=True)
        policy = RetryPolicy(attempts=1, connects=1)
        http = context.http("the metadata address", METADATA_URL, transport, policy=policy)
        try:
            # Without the header "Metadata" it refuses with 400 and a reason in JSON (documented); nothing is handed out.
            reply = http.send("GET", "/metadata/identity/oauth2/token", most=SIGN_IN_BYTES)
            known = reply.status == 400 and isinstance(reply.json(), dict)
        except M365Error:
            known = False
        context.store.put("azure_metadata", METADATA_URL, known)
    return bool(known)


def _wrong_type(content: Mapping[str, Any]) -> str:
    """The name of a value that msal would use and that has not the documented type; empty where there is none."""
    texts = ("access_token", "token_type", "token_endpoint", "issuer", "authorization_endpoint", "refresh_token")
    for name in texts:
        value = content.get(name, "x")
        if not (isinstance(value, str) and value and value.isascii() and value.isprintable()):
            return name
    return next(
        (name for name in ("expires_in", "ext_expires_in", "refresh_in") if not _seconds(content.get(name, 0))), ""
    )


def _seconds(value: Any) -> bool:
    """Whether it is a number of seconds, or the text of one."""
    try:
        return not isinstance(value, bool) and 0 <= float(value) < 1e11
    except (OverflowError, TypeError, ValueError):
        return False


def _token(value: str, expires: float) -> Token:
    return Token(value, expires, jwt.claims(value) or {})
