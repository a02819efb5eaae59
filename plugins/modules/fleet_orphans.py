# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_orphans
short_description: Find the applications of this collection that no PBX of the inventory uses
version_added: 2.0.0
description:
  - Asks every PBX of the inventory which application it uses, and every tenant of the hosts of the play for the applications that this
    collection has made or adopted (tag C(tcx.m365)). What no PBX uses is an orphan, such as what is left of a customer who has gone.
  - It only reads. It needs what a compliance run needs, and no more.
  - C(--limit) chooses the tenants. Every PBX of the inventory is asked all the same, because one outside the limit may use the application.
  - An application is called an orphan only when every PBX that may use it was read. It is not deleted. To delete one, use
    M(tcx.m365.azure_app_registration) with C(state=absent).
  - The playbook C(tcx.m365.orphans) uses this module.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
  - tcx.m365.attributes.run_once
attributes:
  check_mode:
    support: full
    details: It changes nothing but its own files, which it also writes in check mode.
  diff_mode:
    support: none
options:
  dest:
    description:
      - File on the controller for what was found, as JSON. Its directory is made when it does not exist.
    type: path
    default: ./reports/orphans.json
  fail:
    description:
      - Fail when there is an orphan. A tenant that could not be read is always a failure.
    type: bool
    default: false
  enforce:
    description: Fail the task for a tenant that could not be read, and for O(fail). Otherwise only RV(failure_reason) says so.
    type: bool
    default: true
  concurrency:
    description:
      - How many PBXs are asked at the same time.
    type: int
    default: 50
seealso:
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.fleet_compliance
"""

EXAMPLES = r"""
- name: Find applications that no PBX of the inventory uses
  hosts: tcx
  connection: local
  gather_facts: false
  check_mode: true
  tasks:
    - name: Ask the PBXs and their tenants
      tcx.m365.fleet_orphans:
        dest: ./reports/orphans.json
      run_once: true
"""

RETURN = r"""
orphans:
  description: The applications that no PBX of the inventory uses.
  returned: when the tenants were asked
  type: list
  elements: dict
  contains:
    tenant_id:
      description: ID of the tenant.
      type: str
    app_id:
      description: Application (client) ID.
      type: str
    object_id:
      description: Object ID of the application registration.
      type: str
    unique_name:
      description: Its unique name; null where it has none.
      type: str
    display_name:
      description: Its name.
      type: str
    created:
      description: When it was created.
      type: str
    permissions:
      description: The application permissions that it declares.
      type: list
      elements: str
    state:
      description: V(orphan).
      type: str
    used_by:
      description: Always empty.
      type: list
      elements: str
summary:
  description:
    - Numbers of tenants, PBXs and applications, of those that could not be read, and of applications by state.
    - The states are V(in_use), V(named) (the inventory names it, and no PBX points to it), V(automation) (the automation signs in with it),
      V(unknown) (a PBX that may use it could not be read) and V(orphan).
  returned: when the tenants were asked
  type: dict
table:
  description: What was found, as lines for people.
  returned: when the tenants were asked
  type: list
  elements: str
failure_reason:
  description: Why the run does not count as passed. Empty when it does.
  returned: when the tenants were asked
  type: str
msg:
  description: The sums as a sentence, and where the file is.
  returned: always
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
