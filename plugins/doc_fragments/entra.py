# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that sign in to Entra and call Microsoft Graph."""

from __future__ import annotations


class ModuleDocFragment:
    """Connection to one Entra tenant."""

    DOCUMENTATION = r"""
options:
  tenant_id:
    description:
      - The tenant to work on, as its ID or as one of its domain names.
      - For a service provider with one multi-tenant app this is the tenant of the customer. The token is asked for there.
      - A token that turns out to belong to another tenant is not used.
      - Not needed with a managed identity and with O(access_token), but checked when it is given.
      - Taken from the variable C(entra_tenant_id) of the host, else from the environment variable
        E(AZURE_TENANT_ID), if not set.
    type: str
  client_id:
    description:
      - Application (client) ID of the automation's own app, which is not the app that the module manages.
      - With O(auth_source=managed_identity) the client ID of a user-assigned identity.
      - Taken from the variable C(entra_client_id) of the host, else from the environment variable
        E(AZURE_CLIENT_ID), if not set.
    type: str
  auth_source:
    description:
      - How to sign in.
      - V(auto) takes what the task gives, in the order O(access_token), O(client_secret), O(certificate_path) or
        O(certificate), O(federated_token) or O(federated_token_file). If the task gives none of them, it looks in the
        environment for E(AZURE_CLIENT_SECRET), E(AZURE_CLIENT_CERTIFICATE_PATH) and E(AZURE_FEDERATED_TOKEN_FILE), then for the ID
        token of a GitHub Actions job, then for a managed identity, and last for the Azure CLI. RV(ignore:auth_source) tells
        which one it took.
      - V(github) asks GitHub Actions for an ID token. The job needs the permission C(id-token, write).
      - V(managed_identity) signs in as the identity of a virtual machine, an App Service, a container app or an Arc machine.
      - V(azure_cli) signs in as whoever has signed in to the Azure CLI on the machine where the module runs.
      - Taken from the variable C(entra_auth_source) of the host, else from the environment variable
        E(ENTRA_AUTH_SOURCE), if not set.
    type: str
    choices: [auto, access_token, client_secret, certificate, federated_token, github, managed_identity, azure_cli]
    default: auto
  client_secret:
    description:
      - A client secret of the automation's application. It is the value that is shown once, not its ID.
      - A secret that was refused is not tried again in the same run.
      - Taken from the variable C(entra_client_secret) of the host, else from the environment variable
        E(AZURE_CLIENT_SECRET), if the task gives no credential at all.
    type: str
  certificate_path:
    description:
      - A PEM file with certificate and private key of the automation's application, or a PFX file.
      - Taken from the variable C(entra_certificate_path) of the host, else from the environment variable
        E(AZURE_CLIENT_CERTIFICATE_PATH), if the task gives no credential at all.
    type: path
  certificate:
    description:
      - The same as O(certificate_path), but in memory. Either PEM text, or a PFX in base64.
      - Wins over O(certificate_path).
      - Taken from the variable C(entra_certificate) of the host if not set.
    type: str
  certificate_password:
    description:
      - Password of the private key or of the PFX.
      - Taken from the environment variable E(AZURE_CLIENT_CERTIFICATE_PASSWORD) together with the certificate.
      - Taken from the variable C(entra_certificate_password) of the host if not set.
    type: str
  federated_token:
    description:
      - A token of another identity provider that the automation's application trusts, for example one that a
        pipeline or cluster has issued (workload identity federation).
      - Taken from the variable C(entra_federated_token) of the host if not set.
    type: str
  federated_token_file:
    description:
      - A file with such a token. It is read again whenever a new token of Entra is needed.
      - Taken from the variable C(entra_federated_token_file) of the host, else from the environment variable
        E(AZURE_FEDERATED_TOKEN_FILE), if the task gives no credential at all.
    type: path
  access_token:
    description:
      - An access token for Microsoft Graph that was obtained elsewhere. It is used as it is and cannot be renewed.
      - Taken from the variable C(entra_access_token) of the host if not set.
    type: str
  cloud:
    description:
      - The cloud that the tenant belongs to.
      - If not set, it is the cloud of O(authority_host), or V(public).
      - Taken from the variable C(entra_cloud) of the host, else from the environment variable
        E(ENTRA_CLOUD), if not set.
    type: str
    choices: [china, public, usgov, usgov_dod]
  authority_host:
    description:
      - Address that gives tokens, instead of that of O(cloud).
      - Taken from the variable C(entra_authority_host) of the host, else from the environment variable
        E(AZURE_AUTHORITY_HOST), if not set.
    type: str
  graph_endpoint:
    description:
      - Address of Microsoft Graph, instead of that of O(cloud).
      - Taken from the variable C(entra_graph_endpoint) of the host, else from the environment variable
        E(ENTRA_GRAPH_ENDPOINT), if not set.
    type: str
  ca_path:
    description:
      - PEM bundle of the authorities that may have issued the certificates of these addresses.
      - Wins over the environment variable E(REQUESTS_CA_BUNDLE).
      - Taken from the variable C(entra_ca_path) of the host, else from the environment variable
        E(ENTRA_CA_PATH), if not set.
    type: path
  validate_certs:
    description:
      - Whether the TLS certificates of these addresses are checked.
      - Taken from the variable C(entra_validate_certs) of the host, else from the environment variable
        E(ENTRA_VALIDATE_CERTS), if not set.
    type: bool
    default: true
  proxy:
    description:
      - Proxy for these addresses, as V(http://HOST:PORT). If not set, E(HTTPS_PROXY) and E(NO_PROXY) decide.
      - Taken from the variable C(entra_proxy) of the host, else from the environment variable
        E(ENTRA_PROXY), if not set.
    type: str
  timeout:
    description:
      - Seconds to wait for a connection, and for each part of an answer.
      - Taken from the variable C(entra_timeout) of the host, else from the environment variable
        E(ENTRA_TIMEOUT), if not set.
    type: float
    default: 30
  deadline:
    description:
      - Seconds that the whole task may take, all waiting and repeating included.
      - Taken from the variable C(entra_deadline) of the host, else from the environment variable
        E(ENTRA_DEADLINE), if not set.
    type: int
    default: 600
requirements:
  - msal >= 1.35.0
  - requests >= 2.25
  - cryptography >= 42.0.0
"""
