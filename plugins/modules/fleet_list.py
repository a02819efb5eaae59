# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_list
short_description: Write the PBXs of a play as a list that the inventory plugin reads
version_added: 2.0.0
description:
  - Makes C(customers.csv) or C(customers.yml) of what the playbook C(tcx.m365.capture) has written for each host of the play, now or
    in an earlier run, also for those that C(--limit) leaves out. Beside it goes the file C(fleet.tcx_fleet.yml) for the inventory plugin
    P(tcx.m365.fleet#inventory), unless that is there already.
  - Neither file holds a secret, and no cell of the CSV begins a formula in a spreadsheet.
  - C(tcx.m365.capture) uses this module where C(capture_list) is set to V(csv) or V(yaml).
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
  - tcx.m365.attributes.run_once
attributes:
  check_mode:
    support: full
    details: It changes nothing but its own files, which it also writes in check mode, as C(tcx.m365.capture) does.
  diff_mode:
    support: none
options:
  directory:
    description: The directory that C(capture_dir) names, on the controller.
    type: path
    default: ./captured
  format:
    description: What the list is written in.
    type: str
    choices: [csv, yaml]
    default: csv
seealso:
  - plugin: tcx.m365.fleet
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Export the fleet as a spreadsheet
  hosts: tcx
  gather_facts: false
  tasks:
    - name: Read both sides
      tcx.m365.fleet_rollout:
        operation: capture

    - name: Write one list of all PBXs
      tcx.m365.fleet_list:
        directory: ./captured
        format: csv
      run_once: true
"""

RETURN = r"""
files:
  description: The list, and the file of the inventory plugin.
  returned: success
  type: list
  elements: str
  sample: [/srv/telephony/captured/customers.csv, /srv/telephony/captured/fleet.tcx_fleet.yml]
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
