# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of Microsoft Graph as the real service words them. Grades: texts marked recorded or observed come from traffic and
public issue reports; the rest is assumed and says so."""

from __future__ import annotations

import base64
import json
from typing import Any

_GRAPH = "00000003-0000-0000-c000-000000000000"


class GraphError(Exception):
    """What a handler raises; the app turns it into status, headers and `{"error": {...}}`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers or {}

    def body(self, date: str, request_id: str, client_request_id: str) -> dict[str, Any]:
        """The JSON body; `date` has no zone, as recorded."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        error["innerError"] = {"date": date, "request-id": request_id, "client-request-id": client_request_id}
        return {"error": error}


def bad_request(message: str, code: str = "Request_BadRequest", **more: Any) -> GraphError:
    """400 with any text."""
    return GraphError(400, code, message, **more)


def not_found(object_id: str) -> GraphError:
    """404 for an object (recorded)."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{object_id}' does not exist or one of its queried reference-property objects are not present.",
    )


def segment_not_found(segment: str) -> GraphError:
    """400 for a path that the service does not know (observed)."""
    return bad_request(f"Resource not found for the segment '{segment}'.", "BadRequest")


def method_not_allowed() -> GraphError:
    """405 (documented)."""
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def forbidden() -> GraphError:
    """403 when the caller's roles do not suffice (recorded)."""
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def unauthorized(message: str) -> GraphError:
    """401 for a missing, expired or foreign token (observed)."""
    return GraphError(
        401,
        "InvalidAuthenticationToken",
        message,
        headers={"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'},
    )


def invalid_value(name: str, resource: str) -> GraphError:
    """400 for a property whose value cannot be (observed)."""
    return bad_request(f"Invalid value specified for property '{name}' of resource '{resource}'.")


def required_value(name: str, resource: str) -> GraphError:
    """400 for a property that has to be sent (observed)."""
    return bad_request(
        f"A value is required for property '{name}' of resource '{resource}'.",
        details=[
            {
                "code": "MissingProperty",
                "message": f"A value is required for property '{name}' of resource '{resource}'.",
                "target": name,
            }
        ],
    )


def unknown_property(name: str, resource: str) -> GraphError:
    """400 for a property that the type does not have (assumed wording)."""
    return bad_request(f"Property '{name}' is invalid or does not exist on resource '{resource}'.")


def no_content_type() -> GraphError:
    """400 for a body without a Content-Type, or that is no JSON (observed)."""
    text = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
    return bad_request(text, "BadRequest")


def not_json() -> GraphError:
    """400 for a body that is said to be something else than JSON (observed)."""
    return bad_request("Entity only allows writes with a JSON Content-Type header.", "BadRequest")


def no_payload() -> GraphError:
    """400 for nothing where properties are expected.

    Source: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/7083 (observed).
    """
    return bad_request("Empty Payload. JSON content expected.", "BadRequest")


def too_many_expanded(count: int) -> GraphError:
    """400 for more than one relation in `$expand`.

    Source: https://learn.microsoft.com/graph/query-parameters#expand (documented: one in a single request);
    https://github.com/microsoftgraph/microsoft-graph-docs/issues/96 (the text, observed).
    """
    text = f"The result of parsing $expand contained at least {count} items, but the maximum allowed is 1."
    return bad_request(text, "BadRequest")


def not_expandable(name: str, entity_type: str, *, known: bool) -> GraphError:
    """400 for `$expand` of what the type does not have, or has and cannot expand.

    Source: https://github.com/microsoftgraph/msgraph-sdk-powershell/issues/2103 (a name that is not there, observed); the
    other text is that of the OData library.
    """
    text = f"Could not find a property named '{name}' on type 'microsoft.graph.{entity_type}'."
    if known:
        text = (
            f"Property '{name}' on type 'microsoft.graph.{entity_type}' is not a navigation property or complex property. "
            "Only navigation properties can be expanded."
        )
    return bad_request(f"Parsing OData Select and Expand failed: {text}", "BadRequest")


def invalid_key(name: str) -> GraphError:
    """400 for an alternate key whose value cannot be one.

    Source: https://github.com/microsoftgraph/msgraph-sdk-python/issues/408 (observed).
    """
    text = f"Invalid value specified for object reference property '{name}'."
    return bad_request(f"{text} Please ensure that this value has an appropriate syntax and length.")


def no_backing_application(app_id: str) -> GraphError:
    """400 while the application of a new service principal is not replicated (observed, whole body)."""
    text = f"The appId '{app_id}' of the service principal does not reference a valid application object."
    detail = {
        "code": "NoBackingApplicationObject",
        "message": text,
        "target": "appId",
        "blockedWord": "",
        "prefix": "",
        "suffix": "",
    }
    return bad_request(text, details=[detail])


def backing_application_not_local() -> GraphError:
    """The same under Application.ReadWrite.OwnedBy (observed)."""
    return GraphError(
        403,
        "Authorization_RequestDenied",
        "When using this permission, the backing application of the service principal being created must in the local "
        "tenant",
    )


def service_principal_exists(app_id: str) -> GraphError:
    """409 for a second service principal (observed)."""
    return GraphError(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "The service principal cannot be created, updated, or restored because the service principal name "
        f"{app_id} is already in use.",
    )


def value_taken(name: str) -> GraphError:
    """400 for a value that another object has (observed)."""
    return bad_request(
        f"Another object with the same value for property {name} already exists.",
        details=[
            {
                "code": "ObjectConflict",
                "message": f"Another object with the same value for property {name} already exists.",
                "target": name,
            }
        ],
    )


def unverified_domain() -> GraphError:
    """400 for an identifier URI of a domain that the tenant has not verified (observed)."""
    text = "Values of identifierUris property must use a verified domain of the organization or its subdomain"
    return bad_request(
        text, details=[{"code": "HostNameNotOnVerifiedDomain", "message": text, "target": "identifierUris"}]
    )


def too_many_uris(most: int) -> GraphError:
    """400 for more redirect URIs than an application may have (limit documented, wording assumed)."""
    text = f"The number of redirect URIs exceeds the maximum of {most}."
    return bad_request(text, details=[{"code": "DirectoryQuotaExceeded", "message": text, "target": "redirectUris"}])


def uris_not_distinct() -> GraphError:
    """400 for one redirect URI on two platforms.

    Source: https://github.com/MicrosoftDocs/azure-docs/issues/89929 (the text, observed; code and target assumed).
    """
    text = "Redirect URIs must have distinct values."
    return bad_request(text, details=[{"code": "InvalidValue", "message": text, "target": "redirectUris"}])


def concurrency_violation(status: int) -> GraphError:
    """409 or 503 while another write of the tenant is under way (observed, whole body)."""
    return GraphError(
        status,
        "Directory_ConcurrencyViolation",
        "Error due to concurrent requests being made to the tenant. Please wait briefly and retry.",
    )


def revoked(now: float, login: str) -> GraphError:
    """401 for a token that was revoked before its end, with the claims challenge of continuous access evaluation.

    Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge (documented); the text is observed.
    """
    claims = {"access_token": {"nbf": {"essential": True, "value": str(int(now))}}}
    challenge = base64.b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode()
    return GraphError(
        401,
        "InvalidAuthenticationToken",
        "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
        "TokenIssuedBeforeRevocationTimestamp",
        headers={
            "WWW-Authenticate": f'Bearer realm="", authorization_uri="{login}/common/oauth2/authorize", '
            f'client_id="{_GRAPH}", error="insufficient_claims", claims="{challenge}"'
        },
    )


def not_simulated(method: str, path: str) -> GraphError:
    """501 of the lab's own for what Graph has and the lab has not: nothing that a client could take for Graph's word."""
    return GraphError(
        501,
        "LabNotSimulated",
        f"This is the lab and not Microsoft Graph: it does not simulate {method} {path}. "
        "GET /_lab/simulated lists what it does.",
    )


def invalid_end_date() -> GraphError:
    """400 for a certificate entry whose end is past, or after the certificate's own (observed)."""
    return bad_request("Key credential end date is invalid.", "KeyCredentialsInvalidEndDate")


def key_not_updatable(key_id: str) -> GraphError:
    """400 for a kept entry that was sent back changed (observed)."""
    text = f"Update to existing credential with KeyId '{key_id}' is not allowed."
    return bad_request(text, details=[{"code": "KeyNotUpdatable", "message": text, "target": "KeyCredentials"}])


def lifetime_policy(policy_id: str, code: str) -> GraphError:
    """400 when an app management policy forbids the lifetime (observed, whole body)."""
    text = f"Credential lifetime exceeds the max value allowed as per assigned policy '{policy_id}'."
    return bad_request(
        text, "CredentialInvalidLifetimeAsPerAppPolicy", details=[{"code": code, "message": text, "target": "EndDate"}]
    )


def locked_property(name: str) -> GraphError:
    """400 when the application locks its service principal (observed)."""
    return bad_request(f"Property {name} is invalid.", "CannotUpdateLockedServicePrincipalProperty")


def too_many_requests(seconds: int) -> GraphError:
    """429 of directory objects; the header is documented, the message assumed."""
    return GraphError(
        429,
        "TooManyRequests",
        "Too many requests.",
        headers={
            "Retry-After": str(seconds),
            "x-ms-throttle-scope": "Tenant_Application/ReadWrite",
            "x-ms-throttle-information": "ResourceUnitLimitExceeded",
        },
    )
