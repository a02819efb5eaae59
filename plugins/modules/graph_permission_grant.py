# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``graph_permission_grant``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: graph_permission_grant
short_description: Grant permissions of Microsoft Graph and other APIs to an application (admin consent)
version_added: 1.0.0
description:
  - Grants application permissions as app role assignments and delegated permissions as consent for all users, by name.
  - What is listed is ensured. What is granted besides is kept and returned in RV(unneeded), unless O(exclusive=true).
  - Consents that single users have given are left alone.
  - Waits until the grants can be read back. Tokens that the application already has do not change. They keep their roles for
    up to 90 minutes.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes
  - tcx.m365.attributes.action_group_entra
  - tcx.m365.entra
options:
  app_id:
    description:
      - Application (client) ID of the application. Its service principal is made in this tenant if it is missing.
      - In check mode it may be what M(tcx.m365.azure_app_registration) returns for an application that would be created.
    type: str
    required: true
  permissions:
    description:
      - Application permissions, to be granted.
      - Each is the name of a permission of Microsoft Graph, its ID, C(API/NAME) for another API, or a dictionary of C(name) (or
        C(id)), C(resource) and C(type) (V(application) or V(delegated)). An API is given by application ID, or for Microsoft's
        own by name.
    type: list
    elements: raw
  delegated_permissions:
    description: Delegated permissions, to be granted, for all users of the tenant. Written like O(permissions).
    type: list
    elements: raw
  features:
    description:
      - Features of 3CX, whose least permissions are meant besides those that are named. See
        M(tcx.m365.azure_app_registration) for what they are.
    type: list
    elements: str
    choices: [sign_in, user_sync, contact_sync, calendar_sync, presence, groups, mail]
  pbx:
    description:
      - Address of the PBX that the task works for. With it O(exclusive) revokes nothing from an application that other PBXs use too, or
        that was marked for this PBX in the same run.
    type: str
    version_added: 2.0.0
  pbx_names:
    description: Further host names of the PBX.
    type: list
    elements: str
    default: []
    version_added: 2.0.0
  unknown_credentials:
    description:
      - Credentials and owners of the application that the inventory does not know, RV(tcx.m365.azure_app_registration#module:unknown_credentials).
        While there are any, the task fails instead of granting something new.
    type: list
    elements: str
    default: []
    version_added: 2.0.0
  exclusive:
    description: Whether everything that is not listed is revoked.
    type: bool
    default: false
  state:
    description:
      - V(present) grants what is listed.
      - V(absent) revokes what is listed, and everything if nothing is listed.
    type: str
    choices: [present, absent]
    default: present
  on_missing_rights:
    description:
      - What happens if the automation's application may not grant.
      - V(fail) fails, and tells where an administrator can give the consent.
      - V(report) changes nothing, does not fail, and returns RV(admin_consent_url), RV(missing_rights) and RV(changes), which are
        then still to be made.
    type: str
    choices: [fail, report]
    default: fail
  force:
    description: Whether O(exclusive) and revoking everything also act on an application without the tag C(tcx.m365).
    type: bool
    default: false
  wait:
    description: Whether to wait until the grants can be read back.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most. O(deadline) ends the wait as well.
    type: int
    default: 300
notes:
  - The automation's application needs the application permission C(AppRoleAssignment.ReadWrite.All) for application permissions, and
    C(DelegatedPermissionGrant.ReadWrite.All) for delegated ones. The first lets its holder grant anything to anybody, itself
    included. Where that is too much, use O(on_missing_rights=report).
  - In check mode the reading permissions are enough.
seealso:
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.graph_permission_grant_info
"""

EXAMPLES = r"""
- name: Grant what the guide lists, and wait until it can be read back
  tcx.m365.graph_permission_grant:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    app_id: "{{ app.app_id }}"
    permissions:
      - User.Read.All
      - Calendars.Read
      - Contacts.Read
      - Mail.Send

- name: Grant the least for two features, and revoke everything else
  tcx.m365.graph_permission_grant:
    tenant_id: "{{ entra_tenant_id }}"
    federated_token_file: /var/run/secrets/azure/tokens/token
    client_id: "{{ entra_client_id }}"
    app_id: "{{ app.app_id }}"
    features: [user_sync, presence]
    exclusive: true

- name: Grant only while nobody else can sign in as the application, and revoke only what no other PBX uses
  tcx.m365.graph_permission_grant:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    app_id: "{{ app.app_id }}"
    permissions: [User.Read.All]
    exclusive: true
    pbx: "{{ tcx_url }}"
    pbx_names: [pbx.example.com]
    unknown_credentials: "{{ app.unknown_credentials }}"

- name: Let a human consent where the automation may not
  tcx.m365.graph_permission_grant:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    app_id: "{{ app.app_id }}"
    permissions: [User.Read.All]
    on_missing_rights: report
  register: grant

- name: Say where
  ansible.builtin.debug:
    msg: "Please consent: {{ grant.admin_consent_url }}"
  when: grant.admin_consent_url is defined

- name: Revoke one permission of another API
  tcx.m365.graph_permission_grant:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    app_id: "{{ app.app_id }}"
    permissions:
      - name: full_access_as_app
        resource: Office 365 Exchange Online
    state: absent

- name: Consent for all users to signing in, on an application that another tool looks after
  tcx.m365.graph_permission_grant:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    app_id: "{{ app.app_id }}"
    delegated_permissions: [openid, profile, email]
    exclusive: true
    force: true
    wait: true
    wait_timeout: 120
"""

RETURN = r"""
granted:
  description: What this task has granted, application permissions first. Those of other APIs are written C(API/NAME).
  returned: success
  type: list
  elements: str
  sample: [Calendars.Read, Contacts.Read, Mail.Send, User.Read.All]
revoked:
  description: What this task has revoked.
  returned: success
  type: list
  elements: str
  sample: []
unneeded:
  description: What is granted although it is not listed.
  returned: success
  type: list
  elements: str
  sample: [Directory.Read.All]
unmanaged:
  description: The same by option, C(permissions) and C(delegated_permissions).
  returned: success
  type: dict
  sample: {"permissions": ["Directory.Read.All"], "delegated_permissions": []}
application_permissions:
  description: All application permissions that are granted.
  returned: success
  type: list
  elements: str
  sample: [Calendars.Read, Contacts.Read, Mail.Send, User.Read.All]
delegated_permissions:
  description: All delegated permissions that are granted for all users.
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
  description: Object ID of the service principal.
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
admin_consent_url:
  description:
    - Where an administrator of the tenant can consent to everything that the application declares.
    - On failure it is in RV(error) too.
  returned: when the automation's application may not grant
  type: str
  sample: https://login.microsoftonline.com/contoso.example/adminconsent?client_id=0b7d3f0e-5f0c-4d3c-9a5b-3f8f5f3c2d11
missing_rights:
  description: The permissions of which the automation's application needs one.
  returned: when the automation's application may not grant and the task does not fail
  type: list
  elements: str
  sample: [AppRoleAssignment.ReadWrite.All]
waited:
  description: Seconds spent waiting.
  returned: success
  type: float
  sample: 1.5
undo:
  description:
    - The changes that were carried out, with what is needed to undo them, such as the public certificates behind thumbprints.
      It holds no secret.
  returned: always
  type: list
  elements: dict
  version_added: 2.0.0
changes:
  description: What differed. The same in check mode and outside of it.
  returned: success
  type: list
  elements: dict
  contains:
    target: {type: str, description: "V(app_role_assignments), V(oauth2_permission_grants) or V(service_principal)."}
    field: {type: str, description: "V(permissions), V(delegated_permissions) or V(state)."}
    before: {type: raw, description: What was granted.}
    after: {type: raw, description: What is granted now.}
diff:
  description: The same as text.
  returned: success
  type: dict
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.graph_permission_grant import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
