# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``graph_user_info``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: graph_user_info
short_description: Read the users of a Microsoft Entra tenant, and who of them is disabled or has no photo
version_added: 1.0.0
description:
  - Lists the users of a tenant as O(tcx.m365.tcx_m365_settings_info#module:directory_users) takes them, so that the users of a
    PBX can be compared with them.
  - Without O(users) and O(groups) it is every user. With both, it is whoever is in either. An empty list names nobody.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.info_module
  - tcx.m365.attributes.action_group_entra
  - tcx.m365.entra
options:
  users:
    description:
      - Users to look up, by user principal name, mail address or object ID.
      - Those that do not exist are returned under RV(missing).
    type: list
    elements: str
  groups:
    description:
      - Groups whose members are listed, those of groups inside of them as well. Each is given by object ID, mail address or
        display name.
      - A group that does not exist, or a name that several groups have, is an error.
      - Members come from an index of Microsoft Graph that lags some seconds behind.
    type: list
    elements: str
  enabled:
    description:
      - If V(true), list users whose account is enabled. If V(false), those whose account is disabled. If not set, both.
      - Leave it out for a comparison with a PBX, where users that are not listed count as gone.
    type: bool
  guests:
    description: Whether guests are listed as well.
    type: bool
    default: true
  photo:
    description: Whether to find out who has a photo, at the cost of one request for every 20 users.
    type: bool
    default: false
notes:
  - The automation's application needs the application permission C(User.Read.All) or C(Directory.Read.All). With O(groups) it also needs
    C(GroupMember.Read.All), and with O(photo) C(User.Read.All) or C(ProfilePhoto.Read.All).
seealso:
  - module: tcx.m365.tcx_m365_settings_info
"""

EXAMPLES = r"""
- name: Read all users of the tenant
  tcx.m365.graph_user_info:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
  register: directory

- name: Compare the users of the PBX with them
  tcx.m365.tcx_m365_settings_info:
    url: https://acme.example.com:5001
    client_id: "900"
    client_secret: "{{ vault_acme_tcx }}"
    gather: [users]
    health: false
    directory_users: "{{ directory.users }}"
  register: pbx

- name: Show deprovisioned users
  ansible.builtin.debug:
    var: pbx.users.comparison.leavers

- name: Look up two users, and whether they have a photo
  tcx.m365.graph_user_info:
    tenant_id: contoso.onmicrosoft.com
    auth_source: azure_cli
    users: [adele.vance@contoso.com, alex.wilber@contoso.com]
    photo: true

- name: Read the members of a group who can sign in
  tcx.m365.graph_user_info:
    tenant_id: contoso.onmicrosoft.com
    auth_source: azure_cli
    groups: [Telephone users]
    enabled: true
    guests: false
"""

RETURN = r"""
users:
  description: The users, in the order of their user principal names.
  returned: success
  type: list
  elements: dict
  contains:
    id: {type: str, description: Object ID.}
    user_principal_name: {type: str, description: User principal name.}
    mail: {type: str, description: Mail address. Null when there is none.}
    aliases: {type: list, elements: str, description: Further mail addresses. A user who was renamed usually keeps the old address here.}
    display_name: {type: str, description: Name.}
    enabled: {type: bool, description: Whether the account is enabled. Null when Microsoft Graph does not tell.}
    guest: {type: bool, description: Whether the user is a guest.}
    photo: {type: bool, description: Whether the user has a photo. Null without O(photo).}
  sample:
    - id: 87d349ed-44d7-43e1-9a83-5f2406dee5bd
      user_principal_name: adele.vance@contoso.com
      mail: adele.vance@contoso.com
      aliases: [adele.smith@contoso.com]
      display_name: Adele Vance
      enabled: true
      guest: false
      photo: null
missing:
  description: Those of O(users) that do not exist, as they were given.
  returned: success
  type: list
  elements: str
  sample: []
groups:
  description: The groups that were found for O(groups), with C(id), C(display_name) and C(mail).
  returned: success
  type: list
  elements: dict
  sample: []
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.graph_user_info import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
