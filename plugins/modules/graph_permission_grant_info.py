# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``graph_permission_grant_info``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: graph_permission_grant_info
short_description: Read which permissions an application has been granted, and which it declares
version_added: 1.0.0
description:
  - Reads the permissions that are granted to an application and those that it declares, by name.
  - What is declared is only a request, and what is granted is what counts.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.info_module
  - tcx.m365.attributes.action_group_entra
  - tcx.m365.entra
options:
  app_id:
    description: Application (client) ID of the application.
    type: str
    required: true
  permissions:
    description:
      - Application permissions, that are needed.
      - Each is the name of a permission of Microsoft Graph, its ID, C(API/NAME) for another API, or a dictionary of C(name) (or
        C(id)), C(resource) and C(type) (V(application) or V(delegated)). An API is given by application ID, or for Microsoft's
        own by name.
    type: list
    elements: raw
  delegated_permissions:
    description: Delegated permissions, that are needed, for all users of the tenant. Written like O(permissions).
    type: list
    elements: raw
  features:
    description:
      - Features of 3CX, whose least permissions are meant besides those that are named. See
        M(tcx.m365.azure_app_registration) for what they are.
    type: list
    elements: str
    choices: [sign_in, user_sync, contact_sync, calendar_sync, presence, groups, mail]
notes:
  - If no permissions are given, those that the application declares count as needed.
  - The automation's application needs the application permission C(Application.Read.All), or one that includes it. For delegated
    permissions also C(DelegatedPermissionGrant.Read.All) or C(Directory.Read.All).
seealso:
  - module: tcx.m365.graph_permission_grant
"""

EXAMPLES = r"""
- name: Compare what is granted with what two features need
  tcx.m365.graph_permission_grant_info:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    app_id: "{{ app.app_id }}"
    features: [user_sync, calendar_sync]
  register: consent

- name: Refuse more than that
  ansible.builtin.assert:
    that: consent.unneeded | length == 0

- name: Compare what is granted with a list
  tcx.m365.graph_permission_grant_info:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    app_id: "{{ app.app_id }}"
    permissions: [User.Read.All, Mail.Send]
    delegated_permissions: [openid, profile, email]
"""

RETURN = r"""
application_permissions:
  description: All application permissions that are granted. Those of other APIs are written C(API/NAME).
  returned: success
  type: list
  elements: str
  sample: [Calendars.Read, Contacts.Read, Mail.Send, User.Read.All]
delegated_permissions:
  description: All delegated permissions that are granted for all users.
  returned: success
  type: list
  elements: str
  sample: [openid, profile]
declared:
  description: All application permissions that the application declares.
  returned: success
  type: list
  elements: str
  sample: [Calendars.Read, Contacts.Read, Mail.Send, User.Read.All]
declared_delegated:
  description: All delegated permissions that the application declares.
  returned: success
  type: list
  elements: str
  sample: []
unneeded:
  description: What is granted and not needed.
  returned: success
  type: list
  elements: str
  sample: [Directory.Read.All]
missing:
  description: What is needed and not granted.
  returned: success
  type: list
  elements: str
  sample: []
consents:
  description: Each permission that is granted, and what Microsoft Graph tells of its consent. Who has granted it stands in the audit
    log of the tenant alone.
  returned: success
  type: list
  elements: dict
  contains:
    permission: {type: str, description: Name of the permission.}
    kind: {type: str, description: V(application) or V(delegated).}
    granted_on: {type: str, description: "When it was granted. Null for delegated permissions, of which Graph does not tell it."}
    user: {type: str, description: Object ID of the only user to whom a delegated permission was granted; null where it holds for all users.}
  sample: [{permission: User.Read.All, kind: application, granted_on: "2026-11-22T10:00:00Z", user: null}]
not_readable:
  description: What could not be read with the caller's rights, and which right it needs. It is left out of the other values.
  returned: success
  type: list
  elements: str
  sample: []
service_principal_id:
  description: Object ID of the service principal. Null when there is none.
  returned: success
  type: str
  sample: dceb2013-57d9-4f8d-bfe6-5f90f631681e
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.graph_permission_grant_info import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
