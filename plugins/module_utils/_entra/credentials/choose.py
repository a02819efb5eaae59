# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which way to sign in, of those for which there is something to sign in with.

What the task names comes first. Without that the order is the one of azure-identity's default credential: environment
(secret, then certificate), workload identity, managed identity, Azure CLI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable

from ..._errors import BadInput
from . import azure_cli, managed_identity
from ._base import Credential
from .azure_cli import AzureCli
from .certificate import ClientCertificate
from .client_secret import ClientSecret
from .federated import GITHUB_GRANT, GITHUB_URL, FederatedToken, GitHubOidc
from .managed_identity import ManagedIdentity
from .static_token import StaticToken

SOURCES = (
    "access_token",
    "client_secret",
    "certificate",
    "federated_token",
    "github",
    "managed_identity",
    "azure_cli",
)

VARIABLES = {
    "client_secret": "AZURE_CLIENT_SECRET",
    "certificate_path": "AZURE_CLIENT_CERTIFICATE_PATH",
    "certificate_password": "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "federated_token_file": "AZURE_FEDERATED_TOKEN_FILE",
}
"""Options and the environment variables of azure-identity that stand for them."""


@dataclass(frozen=True)
class CredentialInput:
    """What there is to sign in with; empty where there is nothing."""

    tenant: str = ""
    client_id: str = ""
    access_token: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    certificate_path: str = ""
    certificate: str = field(default="", repr=False)
    certificate_password: str = field(default="", repr=False)
    federated_token: str = field(default="", repr=False)
    federated_token_file: str = ""


def choose(
    source: str, options: CredentialInput, environment: Mapping[str, str], metadata_answers: Callable[[], bool]
) -> Credential:
    """The credential to use, validated.

    :param source: ``auto`` or one of :data:`SOURCES`.
    :param options: what the task names; it wins over the environment.
    :param metadata_answers: asks whether the metadata address of an Azure VM is there; only called when nothing else was found.
    :raises BadInput: no credential was configured, or it can never work.
    """
    if source != "auto":
        credential = _named(source, options, environment)
    else:
        surrounding = _surrounding(options, environment)
        credential = _from(options) or _from(surrounding) or _ambient(options, environment, metadata_answers)
    credential.validate()
    return credential


def _named(source: str, options: CredentialInput, environment: Mapping[str, str]) -> Credential:
    if source == "managed_identity":
        return ManagedIdentity(options.client_id)
    if source == "azure_cli":
        return AzureCli(options.tenant)
    if source == "github":
        return GitHubOidc(options.client_id, environment.get(GITHUB_URL, ""), environment.get(GITHUB_GRANT, ""))
    for credential_input in (options, _surrounding(options, environment)):
        credential = _MAKERS[source](credential_input)
        if credential:
            return credential
    raise BadInput(
        f"O(auth_source) is {source}, and neither the task nor the environment has one",
        remedy=f"Give the option for it: {_OPTIONS[source]}.",
    )


def _from(credential_input: CredentialInput) -> Credential | None:
    return next(filter(None, (make(credential_input) for make in _MAKERS.values())), None)


def _certificate(options: CredentialInput) -> Credential | None:
    if not (options.certificate_path or options.certificate):
        return None
    return ClientCertificate(
        options.client_id, options.certificate_path, options.certificate, options.certificate_password
    )


def _federated(options: CredentialInput) -> Credential | None:
    if not (options.federated_token or options.federated_token_file):
        return None
    return FederatedToken(options.client_id, options.federated_token, options.federated_token_file)


_MAKERS: dict[str, Callable[[CredentialInput], Credential | None]] = {
    "access_token": lambda options: StaticToken(options.access_token) if options.access_token else None,
    "client_secret": lambda options: (
        ClientSecret(options.client_id, options.client_secret) if options.client_secret else None
    ),
    "certificate": _certificate,
    "federated_token": _federated,
}

_OPTIONS = {
    "access_token": "O(access_token)",
    "client_secret": "O(client_secret)",
    "certificate": "O(certificate_path) or O(certificate)",
    "federated_token": "O(federated_token) or O(federated_token_file)",
}


def _surrounding(options: CredentialInput, environment: Mapping[str, str]) -> CredentialInput:
    surrounding = {option: environment.get(variable, "") for option, variable in VARIABLES.items()}
    surrounding["certificate_password"] = options.certificate_password or surrounding["certificate_password"]
    return CredentialInput(tenant=options.tenant, client_id=options.client_id, **surrounding)


def _ambient(
    options: CredentialInput, environment: Mapping[str, str], metadata_answers: Callable[[], bool]
) -> Credential:
    """What the machine itself can sign in with."""
    if options.client_id and environment.get(GITHUB_URL) and environment.get(GITHUB_GRANT):
        return GitHubOidc(options.client_id, environment[GITHUB_URL], environment[GITHUB_GRANT])
    if managed_identity.announced(environment) or metadata_answers():
        return ManagedIdentity(options.client_id)
    if azure_cli.installed():
        return AzureCli(options.tenant)
    raise BadInput(
        "no credential was configured for Entra",
        remedy="Give O(client_id) with O(client_secret), O(certificate_path) or O(federated_token_file); set the AZURE_ environment "
        "variables; run on a machine with a managed identity; or sign in with the Azure CLI.",
    )
