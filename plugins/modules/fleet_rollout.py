# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_rollout
short_description: Roll Microsoft 365 sign-in out to the PBXs of a play together
version_added: 1.0.0
description:
  - Takes on every PBX of the current batch the steps of the roles P(tcx.m365.preflight#role), P(tcx.m365.entra_app#role),
    P(tcx.m365.tcx_console#role) and P(tcx.m365.sso_verify#role), with the same variables.
  - The first host that comes to the task works on all hosts of the batch at the same time, the others take their results.
    Each host keeps a result of its own, so that C(serial), C(max_fail_percentage), C(--limit) and any strategy work as
    with any other task, and one PBX's trouble never stops another.
  - A host whose connection is not local (a jump host beside the PBX), that has C(become), or whose task has an
    C(environment), is worked on by itself when its turn comes.
  - The playbook C(tcx.m365.rollout) uses it.
author:
  - The tcx.m365 contributors (@tcx-m365)
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  platform:
    description: Where the module can run.
    platforms: posix
    support: full
options:
  look_only:
    description:
      - Look at the PBX (address, credential, release, license) and at the tenant (credential, the caller's rights, the
        certificates), and write nothing.
      - A later task of the same run without this option goes on from there; without an earlier look it looks by itself.
    type: bool
    default: false
  concurrency:
    description:
      - How many PBXs are worked on at the same time, whatever C(forks) says.
    type: int
    default: 50
  processes:
    description:
      - How many processes share the work.
      - V(0) takes one for each processor of the controller.
    type: int
    default: 0
seealso:
  - module: tcx.m365.fleet_compliance
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.graph_permission_grant
  - module: tcx.m365.tcx_m365_settings
  - module: tcx.m365.sso_probe
  - module: tcx.m365.tcx_preflight
"""

EXAMPLES = r"""
- name: Give every PBX its Microsoft 365 sign-in
  hosts: tcx
  connection: local
  gather_facts: false
  max_fail_percentage: 10
  tasks:
    - name: Look at every PBX and tenant before anything is written
      tcx.m365.fleet_rollout:
        look_only: true

    - name: Register the applications, configure the PBXs and prove the sign-in
      tcx.m365.fleet_rollout:
        concurrency: 100
      register: rollout

    - name: Show which application belongs to the PBX
      ansible.builtin.debug:
        msg: "{{ rollout.application_id }}"
"""

RETURN = r"""
steps:
  description:
    - What became of each step that was taken, in order, V(ok), V(changed) or V(failed).
    - The steps are C(pbx) and C(preflight) (the look), C(application), C(grant), C(settings), C(sign_in) and C(people).
  returned: always
  type: dict
  sample: {pbx: ok, preflight: ok, application: changed, grant: changed, settings: changed, sign_in: ok}
changes:
  description: What was, or in check mode would be, changed on both sides.
  returned: always
  type: list
  elements: dict
  sample:
    - target: application
      field: redirect_uris
      before: []
      after: [https://acme.my3cx.example:5001/oauth2office2]
application_id:
  description: Application (client) ID of the application of this PBX.
  returned: always
  type: str
  sample: 5f0c3a52-6a0f-4b53-9d0e-1a2b3c4d5e6f
status:
  description: Health of the integration as the PBX tells it.
  returned: always
  type: dict
version:
  description: Version of the PBX.
  returned: always
  type: str
  sample: 20.0.10.123
edition:
  description: Edition of its license.
  returned: always
  type: str
  sample: Professional
notes:
  description: What the operator should know although nothing failed, such as a certificate near its end.
  returned: always
  type: list
  elements: str
findings:
  description: What the look found on the PBX, as M(tcx.m365.tcx_preflight) tells it.
  returned: when the PBX could be asked
  type: list
  elements: dict
people:
  description: Who has left and who is a stranger, each with number, e-mail address and reason.
  returned: when O(ignore:sso_verify_people) is true
  type: dict
  sample:
    leavers: [{number: "204", email: eve@acme.example, reason: disabled in Microsoft 365}]
    strangers: []
missing_rights:
  description: Rights that the caller lacks to give the consent.
  returned: when O(ignore:entra_app_on_missing_rights) is V(ignore:report) and rights are missing
  type: list
  elements: str
admin_consent_url:
  description: Where a human who may do so gives the consent.
  returned: when rights to give the consent are missing
  type: str
error:
  description: The failure in parts - the kind, what was tried, what the service said, and what to do.
  returned: on failure
  type: dict
"""
