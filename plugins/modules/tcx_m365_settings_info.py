# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``tcx_m365_settings_info``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tcx_m365_settings_info
short_description: Read the Microsoft 365 integration of a 3CX PBX
version_added: 1.0.0
description:
  - Reads the Microsoft 365 settings of a 3CX PBX in the shape of the options of M(tcx.m365.tcx_m365_settings), and whether
    the integration works.
  - On request also the license and its dates, users and their photos, deprovisioned users and users without a Microsoft 365 account,
    double mail addresses, the next free extension, and sign-ins with Microsoft that have really happened.
  - It never reads license keys, passwords or tokens.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.info_module
  - tcx.m365.attributes.action_group_pbx
  - tcx.m365.pbx
options:
  gather:
    description:
      - What to read besides the settings. Each but V(certificate) costs at least one request.
      - V(users) lists all users, and compares them with the users of Microsoft 365.
      - V(license) is the state of the license and its dates.
      - V(duplicates) are mail addresses that several extensions have.
      - V(extensions) is the next free extension number.
      - V(sessions) are sign-ins with Microsoft, which 3CX records from 20.0.10 on.
      - V(certificate) is the TLS certificate of the PBX, on which browsers and Microsoft's notifications depend.
      - V(teams) adds the settings of Teams Direct Routing, V(mail) those of the PBX's own mail (from 20.0.7 on).
    type: list
    elements: str
    choices: [users, license, duplicates, extensions, sessions, teams, mail, certificate]
    default: []
  health:
    description: Whether to ask the PBX if the integration works, at the cost of up to three requests.
    type: bool
    default: true
  directory_users:
    description:
      - Users of Microsoft 365 to compare with, as M(tcx.m365.graph_user_info) returns them. Give all users of the tenant, because
        who is not among them counts as gone.
      - Without it the PBX is asked, which cannot tell disabled users, nor who has a photo.
    type: list
    elements: dict
    suboptions:
      user_principal_name:
        description: User principal name.
        type: str
      mail:
        description: Mail address.
        type: str
      aliases:
        description: Further mail addresses, so that a user who was renamed is recognized by the old one.
        type: list
        elements: str
      enabled:
        description: Whether the account is enabled.
        type: bool
      photo:
        description: Whether the account has a photo.
        type: bool
      id:
        description: Object ID. Not compared.
        type: str
      display_name:
        description: Name. Not compared.
        type: str
      guest:
        description: Whether the user is a guest. Not compared.
        type: bool
  users_before:
    description: RV(users.all) of an earlier call, to see what a synchronization has done since.
    type: list
    elements: dict
seealso:
  - module: tcx.m365.tcx_m365_settings
  - module: tcx.m365.graph_user_info
"""

EXAMPLES = r"""
- name: Is everything ready for the rollout?
  tcx.m365.tcx_m365_settings_info:
    url: https://acme.example.com:5001
    client_id: "900"
    client_secret: "{{ vault_acme_tcx }}"
    gather: [license, duplicates, extensions]
  register: pbx

- name: Read all users of the tenant
  tcx.m365.graph_user_info:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
  register: directory

- name: Find deprovisioned users who can still sign in to the PBX
  tcx.m365.tcx_m365_settings_info:
    url: https://acme.example.com:5001
    client_id: "900"
    client_secret: "{{ vault_acme_tcx }}"
    gather: [users]
    directory_users: "{{ directory.users }}"
  register: pbx

- name: Show the leavers
  ansible.builtin.debug:
    var: pbx.users.comparison.leavers
"""

RETURN = r"""
settings:
  description: The settings, in the shape of the options of M(tcx.m365.tcx_m365_settings). Selections hold object IDs.
  returned: success
  type: dict
status:
  description: Whether the integration works; null with O(health=false).
  returned: success
  type: dict
  contains:
    ok: {type: bool, description: Whether the PBX could list users of Microsoft 365.}
    application_id: {type: str, description: The application that the PBX works with.}
    subscription: {type: bool, description: Whether Microsoft's change notifications reach the PBX; null when it was not asked.}
    message: {type: str, description: What the PBX says about it; empty when all is well.}
version:
  description: Build of the PBX.
  returned: success
  type: str
  sample: 20.0.10.731
edition:
  description: Edition of the license. Releases before 20.0.10 do not tell it, so it is then V(unknown) with the product code.
  returned: success
  type: str
  sample: Enterprise
redirect_uri:
  description: The redirect URI that the application needs for signing in.
  returned: success
  type: str
  sample: https://acme.example.com:5001/oauth2office2
presence_redirect_uri:
  description: The redirect URI that the application needs for authorizing the presence account.
  returned: success
  type: str
  sample: https://acme.example.com:5001/oauth2presence
number_length:
  description: Shortest and longest extension number.
  returned: success
  type: list
  elements: int
  sample: [3, 3]
clock_offset:
  description: Seconds by which the clock of the PBX is ahead; null when it did not tell the time.
  returned: success
  type: float
role:
  description: Role of the account that signed in, where its token says so.
  returned: success
  type: str
  sample: system_owners
license:
  description: State of the license and its dates.
  returned: when O(gather) has V(license)
  type: dict
certificate:
  description: The TLS certificate that the PBX shows, verified or not; null for plain HTTP.
  returned: when O(gather) has V(certificate)
  type: dict
  sample:
    subject: CN=acme.example.com
    issuer: CN=R11,O=Let's Encrypt,C=US
    names: [acme.example.com]
    not_after: "2027-01-31T09:00:00Z"
    days_left: 68
    self_signed: false
first_free_extension:
  description: The next free extension number; null when there is none.
  returned: when O(gather) has V(extensions)
  type: str
duplicates:
  description: Mail addresses of several extensions, each with C(email) and C(numbers).
  returned: when O(gather) has V(duplicates)
  type: list
  elements: dict
users:
  description: The users of the PBX.
  returned: when O(gather) has V(users)
  type: dict
  contains:
    all: {type: list, elements: dict, description: "Every user with C(number), C(name), C(email), C(enabled), C(photo), C(synced), C(sign_in)."}
    comparison:
      description:
        - Against Microsoft 365, C(synced), C(without_photo), C(leavers) (deprovisioned users, who came from Microsoft 365 and are
          gone or disabled there), C(renamed) (found by an alias, with the new name in C(renamed_to)), C(strangers) (users without
          a Microsoft 365 account), C(local) (in both and not synchronized), C(missing) (not on the PBX).
        - Null when Microsoft 365 could not be asked.
      type: dict
    changes: {type: dict, description: "Against O(users_before), C(added), C(removed), C(photo_added), C(mapped)."}
sessions:
  description: Sign-ins with Microsoft, C(known) tells whether the release records them, C(sso) lists C(username) and C(created).
  returned: when O(gather) has V(sessions)
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.tcx_m365_settings_info import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    """Run the capability as a module."""
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
