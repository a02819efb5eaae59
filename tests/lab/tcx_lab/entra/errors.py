# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of sign-in: status, `error`, AADSTS code and text as the real service has them (observed; the rest says assumed)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any


class SignInError(Exception):
    """An AADSTS error. `status` is for the token endpoint; the authorize endpoint sends `error` to the application or shows
    a page."""

    def __init__(self, code: int, error: str, text: str, *, status: int = 400, suberror: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.error = error
        self.text = f"AADSTS{code}: {text}"
        self.status = status
        self.suberror = suberror

    def description(self, now: datetime, correlation_id: str, *, line_breaks: bool) -> str:
        """`error_description` with the tail that every error has."""
        gap = "\r\n" if line_breaks else " "
        stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
        return f"{self.text}{gap}Trace ID: {uuid.uuid4()}{gap}Correlation ID: {correlation_id}{gap}Timestamp: {stamp}"

    def body(self, now: datetime, correlation_id: str, login: str, *, line_breaks: bool) -> dict[str, Any]:
        """The JSON of the token endpoint."""
        description = self.description(now, correlation_id, line_breaks=line_breaks)
        body = {
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": now.strftime("%Y-%m-%d %H:%M:%SZ"),
            "trace_id": description.partition("Trace ID: ")[2][:36],
            "correlation_id": correlation_id,
            "error_uri": f"{login}/error?code={self.code}",
        }
        return {**body, "suberror": self.suberror} if self.suberror else body


def unknown_tenant(name: str, error: str = "invalid_request") -> SignInError:
    """90002; `invalid_tenant` at the OpenID configuration (observed)."""
    return SignInError(
        90002,
        error,
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
        "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
        "tenant.",
    )


def bad_tenant(name: str, error: str = "invalid_request") -> SignInError:
    """900023 for something that can be no tenant."""
    return SignInError(
        900023,
        error,
        f"Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid external domain.",
    )


def no_tenant() -> SignInError:
    """50059 for an application signing in at /common."""
    return SignInError(
        50059,
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    )


def unknown_application(client_id: str, tenant: str) -> SignInError:
    """700016 (observed, whole body)."""
    return SignInError(
        700016,
        "unauthorized_client",
        f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You may have sent your authentication request to the wrong tenant.",
    )


def missing_service_principal(client_id: str, tenant_id: str) -> SignInError:
    """7000229: the application is of this tenant, yet has no service principal in it (observed)."""
    return SignInError(
        7000229,
        "invalid_client",
        f"The client application {client_id} is missing service principal in the tenant {tenant_id}. See instructions "
        "here: https://go.microsoft.com/fwlink/?linkid=2225119",
        status=401,
    )


def disabled_application(client_id: str, name: str) -> SignInError:
    """7000112 (observed)."""
    return SignInError(7000112, "unauthorized_client", f"Application '{client_id}'({name}) is disabled.")


def wrong_secret(client_id: str) -> SignInError:
    """7000215 (observed, whole body)."""
    return SignInError(
        7000215,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the "
        f"client secret ID, for a secret added to app '{client_id}'.",
        status=401,
    )


def expired_secret(client_id: str) -> SignInError:
    """7000222 (observed, whole body)."""
    return SignInError(
        7000222,
        "invalid_client",
        f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new keys for "
        "your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
        "https://aka.ms/certCreds.",
        status=401,
    )


def no_credential() -> SignInError:
    """7000218 (observed)."""
    return SignInError(
        7000218,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        status=401,
    )


def unregistered_certificate(client_id: str, thumbprint: str, reason: str = "The key was not found.") -> SignInError:
    """700027 (observed; the end of the text is cut in the source)."""
    return SignInError(
        700027,
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - "
        f"{reason}, Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or "
        f"directly use MS Graph to see configured keys for app Id '{client_id}'. Review the documentation at "
        "https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and "
        "https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query "
        f"request URL, such as 'https://graph.microsoft.com/beta/applications/{client_id}'].",
        status=401,
    )


def assertion_not_in_time(now: datetime, start: datetime, end: datetime) -> SignInError:
    """700024 (observed)."""
    text = (
        "Client assertion is not within its valid time range. Current time: "
        f"{_precise(now)}, assertion valid from {_precise(start)}, expiry time of assertion {_precise(end)}. Review the "
        "documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials ."
    )
    return SignInError(700024, "invalid_client", text, status=401)


def _precise(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def assertion_audience() -> SignInError:
    """700023 (observed)."""
    return SignInError(
        700023,
        "invalid_client",
        "Client assertion audience claim does not match Realm issuer. Review the documentation at "
        "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
        status=401,
    )


def assertion_issuer() -> SignInError:
    """700021 (observed)."""
    return SignInError(
        700021,
        "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at "
        "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
        status=401,
    )


def malformed_assertion(detail: str) -> SignInError:
    """50027 (observed code)."""
    return SignInError(50027, "invalid_request", f"JWT token is invalid or malformed. {detail}".strip())


def no_federated_match(code: int, what: str, value: str) -> SignInError:
    """700211 (issuer), 700212 (audience), 700213 (subject): observed texts, `error` and status from client logs."""
    return SignInError(
        code,
        "invalid_client",
        f"No matching federated identity record found for presented assertion {what} '{value}'. Please check your "
        "federated identity credential Subject, Audience and Issuer against the presented assertion. "
        "https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
        status=401,
    )


def unknown_resource(name: str, tenant: str) -> SignInError:
    """500011 (observed)."""
    return SignInError(
        500011,
        "invalid_resource",
        f"The resource principal named {name} was not found in the tenant named {tenant}. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You might have sent your authentication request to the wrong tenant.",
    )


def bad_scope(scope: str) -> SignInError:
    """1002012 (observed)."""
    return SignInError(
        1002012,
        "invalid_scope",
        f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default "
        "suffixed to the resource identifier (application ID URI).",
    )


def missing_parameter(name: str) -> SignInError:
    """900144 (observed)."""
    return SignInError(900144, "invalid_request", f"The request body must contain the following parameter: '{name}'.")


def unsupported_grant(name: str) -> SignInError:
    """70003 (documented code)."""
    return SignInError(70003, "unsupported_grant_type", f"The app requested an unsupported grant type '{name}'.")


def dead_grant() -> SignInError:
    """70008 for an authorization code or refresh token that is over or was used (documented code)."""
    return SignInError(
        70008, "invalid_grant", "The provided authorization code or refresh token has expired due to inactivity."
    )


def conditional_access() -> SignInError:
    """53003 (observed for users; the `error` value for applications is assumed)."""
    return SignInError(
        53003,
        "interaction_required",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        suberror="message_only",
    )


def wrong_redirect(sent: str, client_id: str) -> SignInError:
    """50011 (observed)."""
    return SignInError(
        50011,
        "invalid_request",
        f"The redirect URI '{sent}' specified in the request does not match the redirect URIs configured for the "
        f"application '{client_id}'. Make sure the redirect URI sent in the request matches one added to your application "
        "in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to fix this.",
    )


def no_reply_address(client_id: str) -> SignInError:
    """An application without any redirect URI cannot be consented to on the page (documented code, text assumed)."""
    return SignInError(900971, "invalid_request", f"No reply address provided for the application '{client_id}'.")


def single_tenant(client_id: str, name: str) -> SignInError:
    """50194 (observed)."""
    return SignInError(
        50194,
        "invalid_request",
        f"Application '{client_id}'({name}) is not configured as a multi-tenant application. Usage of the /common endpoint "
        "is not supported for such applications created after '10/15/2018'. Use a tenant-specific endpoint or configure "
        "the application to be multi-tenant.",
    )


def response_type_off(name: str) -> SignInError:
    """700054 (observed)."""
    return SignInError(
        700054, "unsupported_response_type", f"response_type '{name}' is not enabled for the application."
    )


def bad_response_type(name: str) -> SignInError:
    """70007-like: a response type or mode that does not exist (documented code)."""
    return SignInError(70007, "unsupported_response_type", f"'{name}' is not a supported value for 'response_type'.")


def bad_response_mode(name: str) -> SignInError:
    """70007 for `response_mode=query` with a token (documented: tokens never travel in a query)."""
    return SignInError(
        70007, "invalid_request", f"'{name}' is not a supported value for 'response_mode' when requesting a token."
    )


def not_signed_in() -> SignInError:
    """50058 (observed)."""
    return SignInError(
        50058,
        "login_required",
        "A silent sign-in request was sent but no user is signed in. The cookies used to represent the user's session were "
        "not sent in the request to Azure AD. This can happen if the user is using Internet Explorer or Edge, and the web "
        "app sending the silent sign-in request is in different IE security zone than the Azure AD endpoint "
        "(login.microsoftonline.com).",
    )


def several_accounts() -> SignInError:
    """16000: silent, and more than one account is signed in (documented code)."""
    return SignInError(
        16000,
        "interaction_required",
        "Either multiple user identities are available for the current request or selected account is not supported for "
        "the scenario.",
    )


def consent_missing(client_id: str, name: str) -> SignInError:
    """65001 (observed)."""
    return SignInError(
        65001,
        "consent_required",
        f"The user or administrator has not consented to use the application with ID '{client_id}' named '{name}'. Send an "
        "interactive authorization request for this user and resource.",
    )


def admin_consent_required(name: str) -> SignInError:
    """90094 (documented code; observed page where users may not consent; the text is ours)."""
    return SignInError(
        90094,
        "consent_required",
        f"Administrator consent is required: '{name}' asks for permissions that users of this organization may not grant.",
    )


def consent_declined() -> SignInError:
    """65004 (documented code)."""
    return SignInError(65004, "access_denied", "User declined to consent to access the app.")


def not_assigned(client_id: str, name: str, user: str) -> SignInError:
    """50105 (observed)."""
    return SignInError(
        50105,
        "interaction_required",
        f"Your administrator has configured the application {name} ('{client_id}') to block users unless they are "
        f"specifically granted ('assigned') access to the application. The signed in user '{user}' is blocked because they "
        "are not a direct member of a group with access, nor had access directly assigned by an administrator. Please "
        "contact your administrator to assign access to this application.",
    )


def disabled_account() -> SignInError:
    """50057 (documented code)."""
    return SignInError(50057, "invalid_grant", "The user account is disabled.")


def several_resources(scopes: list[str]) -> SignInError:
    """28000: one token is for one API (documented code; the text is ours)."""
    return SignInError(
        28000,
        "invalid_request",
        f"The scope '{' '.join(scopes)}' is not valid because it contains more than one resource.",
    )


def pre_consent_missing(client_id: str) -> SignInError:
    """90099: a partner's person, and the application is not authorized in the tenant (documented code; the text is ours)."""
    return SignInError(
        90099,
        "unauthorized_client",
        f"The application '{client_id}' has not been authorized in the tenant. Applications must be authorized to access the "
        "customer tenant before partner delegated administrators can use them.",
    )


def guest_account(user: str) -> SignInError:
    """50177: the person is a guest in that tenant (code: other tools' sources; the text is ours)."""
    return SignInError(
        50177, "interaction_required", f"User account '{user}' is a guest in the tenant and cannot be used there."
    )


def foreign_account(user: str, tenant: str, client_id: str, name: str) -> SignInError:
    """50020: an account of another tenant (observed)."""
    return SignInError(
        50020,
        "interaction_required",
        f"User account '{user}' from identity provider 'live.com' does not exist in tenant '{tenant}' and cannot access the "
        f"application '{client_id}'({name}) in that tenant. The account needs to be added as an external user in the tenant "
        "first.",
    )
