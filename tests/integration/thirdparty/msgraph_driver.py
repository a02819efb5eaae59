# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drives the lab's Graph with Microsoft's own SDK, in whatever interpreter has it: what test_msgraph_sdk.py starts.

Arguments: login URL, Graph URL, CA file, tenant id, client id. The client secret comes on standard input. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from datetime import datetime
from typing import Any

import httpx
from azure.identity.aio import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.applications.applications_request_builder import ApplicationsRequestBuilder
from msgraph.generated.applications.item.add_password.add_password_post_request_body import AddPasswordPostRequestBody
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.application import Application
from msgraph.generated.models.implicit_grant_settings import ImplicitGrantSettings
from msgraph.generated.models.key_credential import KeyCredential
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.web_application import WebApplication
from msgraph_core import GraphClientFactory

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"


def client_for(graph: str, ca_path: str, credential: ClientSecretCredential) -> GraphServiceClient:
    """The SDK's client with the lab's address and authority."""
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=[f"{graph}/.default"], allowed_hosts=[graph.removeprefix("https://"), "127.0.0.1"]
    )
    http = httpx.AsyncClient(verify=ssl.create_default_context(cafile=ca_path), timeout=60)
    adapter = GraphRequestAdapter(provider, client=GraphClientFactory.create_with_default_middleware(client=http))
    adapter.base_url = f"{graph}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    adapter.base_url = f"{graph}/v1.0"
    return client


def _certificate(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


async def drive(client: GraphServiceClient, pems: list[str]) -> dict[str, Any]:
    """One rollout in small, and what it left."""
    web = WebApplication(
        redirect_uris=["https://pbx.example/cb"],
        implicit_grant_settings=ImplicitGrantSettings(enable_id_token_issuance=True),
    )
    app = await client.applications.post(Application(display_name="sdk", sign_in_audience="AzureADMyOrg", web=web))
    assert app is not None
    assert isinstance(app.created_date_time, datetime)
    principal = await client.service_principals.post(ServicePrincipal(app_id=app.app_id))
    item = client.applications.by_application_id(app.id)
    for pem in pems:  # read, append, write: what every client does
        shown = await item.get()
        key = KeyCredential(type="AsymmetricX509Cert", usage="Verify", key=_certificate(pem))
        await item.patch(Application(key_credentials=[*shown.key_credentials, key]))
    password = await item.add_password.post(
        AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="pw"))
    )
    resource = await client.service_principals_with_app_id(GRAPH_APP_ID).get()
    role = next(each for each in resource.app_roles if each.value == "User.Read.All")
    assignments = client.service_principals.by_service_principal_id(principal.id).app_role_assignments
    body = AppRoleAssignment(principal_id=principal.id, resource_id=resource.id, app_role_id=role.id)
    await assignments.post(body)
    try:
        await assignments.post(body)
        duplicate = ""
    except ODataError as error:
        duplicate = error.error.message
    query = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters(
        filter=f"appId eq '{app.app_id}'", select=["id", "displayName", "keyCredentials"]
    )
    found = await client.applications.get(RequestConfiguration(query_parameters=query))
    held = await assignments.get()
    missing = 0
    await item.delete()
    try:
        await item.get()
    except ODataError as error:
        missing = error.response_status_code
    return {
        "found": [each.id for each in found.value] == [app.id],
        "keys": len(found.value[0].key_credentials),
        "secret": bool(password.secret_text),
        "held": [str(each.app_role_id) == str(role.id) for each in held.value],
        "duplicate": duplicate,
        "missing": missing,
        "users": len((await client.users.get()).value),
    }


async def main() -> None:
    """Read the arguments, drive, print."""
    login, graph, ca_path, tenant, client_id = sys.argv[1:6]
    given = json.loads(sys.stdin.read())
    options: Any = {"authority": login, "disable_instance_discovery": True, "connection_verify": ca_path}
    async with ClientSecretCredential(tenant, client_id, given["secret"], **options) as credential:
        outcome = await drive(client_for(graph, ca_path, credential), given["certificates"])
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    asyncio.run(main())
