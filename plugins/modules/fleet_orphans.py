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
    description: File on the controller for what was found, as JSON. Its directory is made when it does not exist.
    type: path
    default: ./reports/orphans.json
  fail:
    description: Fail when there is an orphan. A tenant that could not be read is always a failure.
    type: bool
    default: false
  enforce:
    description: Fail the task for a tenant that could not be read, and for O(fail). Otherwise only RV(failure_reason) says so.
    type: bool
    default: true
  concurrency:
    description: How many PBXs are asked at the same time.
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
    tenant_id: {type: str, description: ID of the tenant.}
    app_id: {type: str, description: Application (client) ID.}
    object_id: {type: str, description: Object ID of the application registration.}
    unique_name: {type: str, description: Its unique name; null where it has none.}
    display_name: {type: str, description: Its name.}
    created: {type: str, description: When it was created.}
    permissions: {type: list, elements: str, description: The application permissions that it declares.}
    state: {type: str, description: V(orphan).}
    used_by: {type: list, elements: str, description: Always empty.}
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
