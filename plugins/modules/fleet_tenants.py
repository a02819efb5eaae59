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
    description:
      - Ask again until every tenant is ready, for at most this many seconds, and fail when some are not.
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
    tenant_id:
      description: ID of the tenant.
      type: str
    name:
      description: Its name, as far as the automation may know it.
      type: str
    hosts:
      description: The PBXs whose users live there.
      type: list
      elements: str
    state:
      description: V(ready), V(too_wide), V(missing_rights), V(not_consented), V(disabled) or V(not_checked).
      type: str
    consented:
      description: Whether an administrator has consented; null where it could not be checked.
      type: bool
    rights:
      description: The application permissions in the token.
      type: list
      elements: str
    missing:
      description: Those of the profile that are missing.
      type: list
      elements: str
    too_wide:
      description: Those that nothing asks for.
      type: list
      elements: str
    optional:
      description: Those that are not part of the profile, and that some features need.
      type: list
      elements: str
    credential:
      description: What the automation signs in with, and when it expires.
      type: dict
    consent_url:
      description: Where an administrator of the tenant consents.
      type: str
    message:
      description: A text to send to that administrator, where something is missing.
      type: str
    reason:
      description: Why the tenant is not ready.
      type: str
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
    kind:
      description: Class of the error, such as V(bad_input), V(forbidden) or V(unreachable).
      type: str
      sample: bad_credential
    service:
      description: Who answered, V(Entra), V(Graph) or V(3CX). Empty where nothing was sent.
      type: str
    status:
      description: HTTP status of the answer; null where there was none.
      type: int
    code:
      description: The service's own error code.
      type: str
      sample: AADSTS7000215
    request_id:
      description: What the support of the service asks for.
      type: str
    tried:
      description: What was tried.
      type: str
    target:
      description: On what it was tried.
      type: str
    said:
      description: What the service said.
      type: str
    remedy:
      description: What to do.
      type: str
    missing:
      description: The permissions or roles of which one is missing.
      returned: when a right is missing
      type: list
      elements: str
"""
