# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person of a Microsoft partner signs in with the automation's own application, once, in a browser anywhere.

The authorization code flow of a confidential client: what the browser brings back is worth nothing without the
credential of the application and the verifier that never left this process, so that it may be copied by hand. Nothing is
kept: the refresh token lives in this process and gives one token for Partner Center and one for each customer.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow, and
https://learn.microsoft.com/partner-center/developer/partner-center-authentication (app and user).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .._common import jwt
from .._context import Context
from .._deps import msal
from .._errors import BadCredential, BadInput
from . import sign_in_errors
from .connection import Connection
from .credentials._base import ConfidentialCredential
from .partner_center import RESOURCE
from .tokens import MsalHttp, Token

USER_IMPERSONATION = f"{RESOURCE}/user_impersonation"
HOME_SCOPES = ("DelegatedAdminRelationship.Read.All", "User.Read")
"""Of Microsoft Graph, in the partner's own tenant: to tell which step of the delegated administration is missing."""


class PersonSignIn:
    """One person, signed in for as long as this object lives.

    :param connection: the partner's own tenant, with the automation's own credential.
    :param redirect_uri: one that is registered on the application.
    """

    def __init__(self, connection: Connection, context: Context, redirect_uri: str) -> None:
        credential = connection.credential
        if not isinstance(credential, ConfidentialCredential):
            raise BadInput(
                f"a person cannot sign in with an application that has no credential of its own here ({credential.source})",
                tried="sign in as a person",
                remedy="Give O(client_id) with O(client_secret) or O(certificate_path), or sign in with the Azure CLI.",
            )
        self._connection, self._credential, self._context = connection, credential, context
        self._redirect_uri = redirect_uri
        self._flow: dict[str, Any] = {}
        self._refresh = ""
        self.second_factor: bool | None = None
        for secret in credential.secrets():
            context.hide(secret)

    def address(self) -> str:
        """Where the person signs in."""
        graph = self._connection.endpoints.graph
        client, http = self._client(self._connection.tenant)
        try:
            with warnings.catch_warnings():
                # The form that msal recommends would go to an address where nobody listens, and leave nothing to copy.
                warnings.simplefilter("ignore")
                self._flow = client.initiate_auth_code_flow(
                    [USER_IMPERSONATION, *(f"{graph}/{scope}" for scope in HOME_SCOPES)],
                    redirect_uri=self._redirect_uri,
                    prompt="select_account",
                )
        except ValueError as error:
            raise sign_in_errors.of_discovery(http.last, error) from None
        return str(self._flow["auth_uri"])

    def finish(self, address: str) -> str:
        """Take the address that the browser was sent to.

        :returns: who has signed in.
        :raises BadInput: it is not the answer to the address that was given out.
        """
        answer = dict(parse_qsl(urlsplit(address.strip()).query))
        if not {"code", "error"}.intersection(answer):
            raise BadInput(
                "that is not the address that the browser was sent to: it has no code",
                tried="sign in as a person",
                remedy=f"Copy the whole address from the browser; it begins with {self._redirect_uri} and has ?code= in it.",
            )
        client, http = self._client(self._connection.tenant)
        try:
            result = client.acquire_token_by_auth_code_flow(self._flow, answer, scopes=[USER_IMPERSONATION])
        except ValueError:
            raise BadInput(
                "the address answers another sign-in than the one that was started here",
                tried="sign in as a person",
                remedy="Run again, and copy the address of that run.",
            ) from None
        if "error" in result:
            raise sign_in_errors.of_token(result, http.last).while_trying("sign in as a person")
        self._refresh = str(result.get("refresh_token") or "")
        self._context.hide(self._refresh)
        claims = self._accepted(result, http, self._connection.tenant_guid).claims
        methods = claims.get("amr")
        self.second_factor = "mfa" in methods if isinstance(methods, list) else None
        return str(claims.get("upn") or claims.get("unique_name") or "")

    def partner_center(self) -> str:
        """A token for Partner Center."""
        return self._token(self._connection.tenant, USER_IMPERSONATION).value

    def graph(self, tenant: str) -> Token:
        """A token for Microsoft Graph in a tenant, the partner's own or a customer's.

        :raises BadCredential: among others where the application has no delegated consent there (AADSTS65001).
        """
        return self._token(tenant, self._connection.endpoints.scope)

    def _token(self, tenant: str, scope: str) -> Token:
        client, http = self._client(tenant)
        try:
            result = client.acquire_token_by_refresh_token(self._refresh, scopes=[scope])
        except ValueError as error:
            raise sign_in_errors.of_discovery(http.last, error) from None
        return self._accepted(result, http, tenant)

    def _accepted(self, result: Mapping[str, Any], http: MsalHttp, tenant: str) -> Token:
        if "access_token" not in result:
            raise sign_in_errors.of_token(result, http.last).while_trying(
                "get a token of the person", f"tenant {tenant}"
            )
        value = str(result["access_token"])
        self._context.hide(value)
        self._refresh = str(result.get("refresh_token") or self._refresh)
        self._context.hide(self._refresh)
        token = Token(value, time.time() + float(result.get("expires_in", 3600)), jwt.claims(value) or {})
        if token.tenant_id and token.tenant_id != tenant.lower():
            raise BadCredential(
                f"the token is of tenant {token.tenant_id}, not of {tenant}", tried="get a token of the person"
            )
        return token

    def _client(self, tenant: str) -> tuple[Any, MsalHttp]:
        http = MsalHttp(self._connection.transport, self._context)
        try:
            client = msal.ConfidentialClientApplication(
                self._credential.client_id,
                client_credential=self._credential.for_msal(),
                authority=self._connection.endpoints.authority(tenant),
                instance_discovery=False,
                http_client=http,
            )
        except ValueError as error:
            raise sign_in_errors.of_discovery(http.last, error) from None
        return client, http
