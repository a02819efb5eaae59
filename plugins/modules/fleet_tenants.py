# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_tenants
short_description: Show which tenants have consented to the automation, and to what
version_added: 2.0.0
description:
  - Signs in to each tenant of the play as the automation and compares the permissions in its token with the profile C(bootstrap_profile).
    It reads and never writes.
  - Each answer is one of three, verified, missing, or could not check. Nothing is inferred from what was granted once.
  - The playbook C(tcx.m365.tenants) uses it; its variables are the options with the prefix C(tenants_).
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
  - tcx.m365.attributes.run_once
attributes:
  check_mode:
    support: full
    details: It changes nothing but O(file), which it also writes in check mode.
  diff_mode:
    support: none
options:
  file:
    description:
      - Where to write the table as JSON, on the controller. By default nowhere. A relative path is relative to where Ansible was
        started.
    type: str
  wait:
    description: Ask again until every tenant is ready, for at most this many seconds, and fail when some are not.
    type: int
    default: 0
  interval:
    description: Seconds between two questions.
    type: int
    default: 15
  fail_on:
    description: Fail when a tenant is in one of these states.
    type: list
    elements: str
    choices: [ready, too_wide, missing_rights, not_consented, disabled, not_checked]
    default: []
  enforce:
    description: Fail the task for O(wait) and O(fail_on). Otherwise only RV(failure_reason) says so.
    type: bool
    default: true
  app_name:
    description: Name of the automation's application, for the text to send.
    type: str
    default: tcx.m365 automation
  concurrency:
    description: How many tenants are asked at the same time.
    type: int
    default: 16
seealso:
  - module: tcx.m365.automation_bootstrap
"""

EXAMPLES = r"""
- name: Who has consented?
  hosts: tcx
  connection: local
  gather_facts: false
  tasks:
    - name: Ask every tenant
      tcx.m365.fleet_tenants:
        file: ./tenants.json
      register: tenants
      run_once: true

    - name: Show the table
      ansible.builtin.debug:
        msg: "{{ tenants.table }}"
      run_once: true
"""

RETURN = r"""
tenants:
  description: One entry for each tenant, as in O(file).
  returned: success
  type: list
  elements: dict
  contains:
    tenant_id: {type: str, description: ID of the tenant.}
    name: {type: str, description: "Its name, as far as the automation may know it."}
    hosts: {type: list, elements: str, description: The PBXs whose users live there.}
    state: {type: str, description: "V(ready), V(too_wide), V(missing_rights), V(not_consented), V(disabled) or V(not_checked)."}
    consented: {type: bool, description: Whether an administrator has consented; null where it could not be checked.}
    rights: {type: list, elements: str, description: The application permissions in the token.}
    missing: {type: list, elements: str, description: Those of the profile that are missing.}
    too_wide: {type: list, elements: str, description: Those that nothing asks for.}
    optional: {type: list, elements: str, description: "Those that are not part of the profile, and that some features need."}
    credential: {type: dict, description: "What the automation signs in with, and when it expires."}
    consent_url: {type: str, description: Where an administrator of the tenant consents.}
    message: {type: str, description: "A text to send to that administrator, where something is missing."}
    reason: {type: str, description: Why the tenant is not ready.}
summary:
  description: Number of tenants in all and by state.
  returned: success
  type: dict
table:
  description: The table as lines of text.
  returned: success
  type: list
  elements: str
failure_reason:
  description: Why the run does not count as passed; empty when it does.
  returned: success
  type: str
file:
  description: Path of the written file.
  returned: success
  type: str
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
