# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``azure_app_registration_info``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: azure_app_registration_info
short_description: Read application registrations of Microsoft Entra, with their certificates and service principals
version_added: 1.0.0
description:
  - Reads applications in the shape of the options of M(tcx.m365.azure_app_registration).
  - With O(unique_name) or O(app_id) it is one application or none. With O(display_name) it is every application of that name.
    Without any of them, every application with the tag C(tcx.m365), which are those that this collection looks after.
  - An application that does not exist is no error, but one that cannot be read is.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.info_module
  - tcx.m365.attributes.action_group_entra
  - tcx.m365.entra
options:
  unique_name:
    description: Unique name of the application.
    type: str
  app_id:
    description: Application (client) ID of the application.
    type: str
  display_name:
    description: Name of the applications.
    type: str
  redirect_uris:
    description: Redirect URIs that are expected. Others are returned under C(unmanaged).
    type: list
    elements: str
  certificates:
    description:
      - Certificates that are expected, written as for M(tcx.m365.azure_app_registration). Others are returned under C(unmanaged).
        If not set, those are that this collection has not added.
    type: list
    elements: str
  permissions:
    description: Application permissions whose declaration is expected. Others are returned under C(unmanaged).
    type: list
    elements: raw
notes:
  - The automation's application needs the application permission C(Application.Read.All), or one that includes it.
seealso:
  - module: tcx.m365.azure_app_registration
"""

EXAMPLES = r"""
- name: Read the application of a PBX
  tcx.m365.azure_app_registration_info:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    unique_name: 3cx-acme
  register: found

- name: Show when the first certificate expires
  ansible.builtin.debug:
    msg: "{{ found.applications[0].certificates[0].not_after }}"

- name: List the applications of a tenant that this collection looks after
  tcx.m365.azure_app_registration_info:
    tenant_id: contoso.onmicrosoft.com
    auth_source: azure_cli

- name: Find an application by its ID
  tcx.m365.azure_app_registration_info:
    tenant_id: contoso.onmicrosoft.com
    auth_source: azure_cli
    app_id: 0b7d3f0e-5f0c-4d3c-9a5b-3f8f5f3c2d11

- name: Tell what the applications of one name have besides what is expected
  tcx.m365.azure_app_registration_info:
    tenant_id: contoso.onmicrosoft.com
    auth_source: azure_cli
    display_name: 3CX Server-side
    redirect_uris: ["https://acme.example.com:5001/oauth2office2"]
    certificates: ["keys/acme/public_key.pem"]
    permissions: [User.Read.All, Calendars.Read]
"""

RETURN = r"""
applications:
  description: The applications that were found.
  returned: success
  type: list
  elements: dict
  contains:
    app_id: {type: str, description: Application (client) ID.}
    object_id: {type: str, description: Object ID of the application.}
    service_principal_id: {type: str, description: Object ID of the service principal. Null when there is none.}
    unique_name: {type: str, description: The key. Null when it has none.}
    display_name: {type: str, description: The name.}
    sign_in_audience: {type: str, description: Who can sign in.}
    redirect_uris: {type: list, elements: str, description: Redirect URIs of the platform Web.}
    spa_redirect_uris: {type: list, elements: str, description: Redirect URIs of the platform single-page application.}
    public_client_redirect_uris: {type: list, elements: str, description: Redirect URIs of the platform mobile and desktop applications.}
    home_page_url: {type: str, description: Home page.}
    logout_url: {type: str, description: Address that is called when a user signs out.}
    id_tokens: {type: bool, description: Whether ID tokens may be issued by the authorize endpoint.}
    public_client: {type: bool, description: Whether public client flows are allowed.}
    notes: {type: str, description: Notes for administrators.}
    tags: {type: list, elements: str, description: Tags.}
    marked: {type: bool, description: Whether the application carries the tag C(tcx.m365).}
    optional_claims: {type: dict, description: "Optional claims by kind of token, as Graph keeps them."}
    service_principal_lock: {type: dict, description: What is locked.}
    certificates: {type: list, elements: dict, description: "Certificates, as returned by M(tcx.m365.azure_app_registration)."}
    permissions: {type: list, elements: str, description: Application permissions that are declared.}
    delegated_permissions: {type: list, elements: str, description: Delegated permissions that are declared.}
    owners: {type: list, elements: str, description: Object IDs of the owners.}
    service_principal: {type: dict, description: Properties of the service principal. Null when there is none.}
    created: {type: str, description: When the application was created.}
    unknown_credentials:
      description:
        - Credentials and owners of the application and of its service principal that neither O(certificates) names nor the automation has put
          there, in words.
        - Federated credentials and owners of the service principal are read with O(app_id) or O(unique_name) alone.
      type: list
      elements: str
      version_added: 2.0.0
    unmanaged: {type: dict, description: "What is there besides what is expected, with C(redirect_uris), C(certificates) and C(permissions)."}
  sample:
    - app_id: 0b7d3f0e-5f0c-4d3c-9a5b-3f8f5f3c2d11
      unique_name: 3cx-acme
      display_name: 3CX Server-side
      redirect_uris: ["https://acme.example.com:5001/oauth2office2"]
tenant_id:
  description: ID of the tenant.
  returned: success
  type: str
  sample: 6f1c2d5e-8a86-4c8e-9d0e-8ff4f0a4c1aa
auth_source:
  description: How the module has signed in.
  returned: success
  type: str
  sample: client_secret
error:
  description: Why the task failed, in parts that a program may branch on.
  returned: failure
  type: dict
  contains:
    kind: {type: str, sample: bad_credential, description: "Class of the error, such as V(bad_input), V(forbidden) or V(unreachable)."}
    service: {type: str, description: "Who answered, V(Entra), V(Graph) or V(3CX). Empty where nothing was sent."}
    status: {type: int, description: HTTP status of the answer; null where there was none.}
    code: {type: str, sample: AADSTS7000215, description: The service's own error code.}
    request_id: {type: str, description: What the support of the service asks for.}
    tried: {type: str, description: What was tried.}
    target: {type: str, description: On what it was tried.}
    said: {type: str, description: What the service said.}
    remedy: {type: str, description: What to do.}
    missing: {type: list, elements: str, returned: when a right is missing, description: The permissions or roles of which one is missing.}
"""

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.azure_app_registration_info import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
