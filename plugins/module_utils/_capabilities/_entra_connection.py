# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection options of the modules that talk to Entra, and what they become."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._common.ids import check_tenant
from .._context import Context
from .._entra import tenant as tenants
from .._entra import tokens
from .._entra.clouds import CLOUDS, endpoints
from .._entra.connection import Connection
from .._entra.credentials.choose import SOURCES, CredentialInput, choose
from .._entra.credentials.managed_identity import ManagedIdentity
from .._entra.credentials.static_token import StaticToken
from .._entra.graph import GraphClient
from .._errors import BadInput
from .._task import DEFAULT_DEADLINE_S, ArgumentSpec, env
from ._transport import DEFAULT_TIMEOUT_S, transport

# The credentials of the environment are no fallbacks of single options: a secret that happens to be set there must not
# win over a certificate that the task names. They are looked at together, when the task names none.
ARGUMENT_SPEC: ArgumentSpec = {
    "tenant_id": {"type": "str", "fallback": env("AZURE_TENANT_ID")},
    "client_id": {"type": "str", "fallback": env("AZURE_CLIENT_ID")},
    "auth_source": {
        "type": "str",
        "choices": ["auto", *SOURCES],
        "default": "auto",
        "fallback": env("ENTRA_AUTH_SOURCE"),
    },
    "client_secret": {"type": "str", "no_log": True},
    "certificate_path": {"type": "path"},
    "certificate": {"type": "str", "no_log": True},
    "certificate_password": {"type": "str", "no_log": True},
    "federated_token": {"type": "str", "no_log": True},
    "federated_token_file": {"type": "path", "no_log": False},
    "access_token": {"type": "str", "no_log": True},
    "cloud": {"type": "str", "choices": sorted(CLOUDS), "fallback": env("ENTRA_CLOUD")},
    "authority_host": {"type": "str", "fallback": env("AZURE_AUTHORITY_HOST")},
    "graph_endpoint": {"type": "str", "fallback": env("ENTRA_GRAPH_ENDPOINT")},
    "ca_path": {"type": "path", "fallback": env("ENTRA_CA_PATH")},
    "validate_certs": {"type": "bool", "default": True, "fallback": env("ENTRA_VALIDATE_CERTS")},
    "proxy": {"type": "str", "fallback": env("ENTRA_PROXY")},
    "timeout": {"type": "float", "default": DEFAULT_TIMEOUT_S, "fallback": env("ENTRA_TIMEOUT")},
    "deadline": {"type": "int", "default": DEFAULT_DEADLINE_S, "fallback": env("ENTRA_DEADLINE")},
}

CREDENTIAL_OPTIONS = (
    "client_id",
    "access_token",
    "client_secret",
    "certificate_path",
    "certificate",
    "certificate_password",
    "federated_token",
    "federated_token_file",
)


def connection(params: Mapping[str, Any], context: Context) -> Connection:
    """The connection that the options describe; sends nothing but, at most, a question to this machine's own identity.

    :raises BadInput: no tenant, no credential, or one that can never work.
    """
    tenant = check_tenant(params["tenant_id"]) if params["tenant_id"] else ""
    credential_input = CredentialInput(tenant=tenant, **{name: params[name] or "" for name in CREDENTIAL_OPTIONS})
    credential = choose(params["auth_source"], credential_input, os.environ, lambda: tokens.metadata_answers(context))
    for secret in credential.secrets():
        context.hide(secret)
    if not tenant and not isinstance(credential, (ManagedIdentity, StaticToken)):
        raise BadInput(
            f"signing in with {credential.source} needs O(tenant_id)",
            remedy="Give the customer's tenant id or a domain of it.",
        )
    where = endpoints(params["cloud"], params["authority_host"], params["graph_endpoint"])
    return Connection(where, tenant, credential, transport(params))


def tenant_id_of(params: Mapping[str, Any], domain: str, context: Context) -> str:
    """The id of the tenant that has this domain, at the authority that the options name."""
    where = endpoints(params["cloud"], params["authority_host"], params["graph_endpoint"])
    return tenants.tenant_id(context, transport(params), where.login, domain)


def client(params: Mapping[str, Any], context: Context) -> GraphClient:
    """Graph as the options describe it; nothing has been sent yet."""
    return GraphClient(connection(params, context), context)
