# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_support
short_description: Write what a maintainer has to know about some PBXs, without names
version_added: 2.0.0
description:
  - Checks the PBXs of the batch as P(tcx.m365.compliance#role) does, keeps a log of the requests, and writes versions, findings and
    requests to a directory, as JSON and as Markdown that can be pasted into an issue.
  - Nothing that tells a customer is written. Requests are rebuilt from method, path without IDs, names of parameters, status, duration and
    request ID. In sentences, every value that the inventory has for these PBXs, and everything that has the form of a host name, an
    address, an ID or a key, is replaced by a numbered word.
  - Read the files before you share them. The playbook C(tcx.m365.support_bundle) uses this module.
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
    description: Directory on the controller for C(support.json) and C(support.md). It is made when it does not exist.
    type: path
    default: ./support
  max_hosts:
    description: Refuse to work on more PBXs than this, because a bundle is read by people.
    type: int
    default: 20
seealso:
  - module: tcx.m365.fleet_compliance
"""

EXAMPLES = r"""
- name: Write a support bundle for one PBX
  hosts: tcx
  gather_facts: false
  tasks:
    - name: Write the bundle
      tcx.m365.fleet_support:
        dest: ./support
      run_once: true
"""

RETURN = r"""
files:
  description: The files that were written.
  returned: success
  type: list
  elements: str
  sample: [/home/operator/support/support.json, /home/operator/support/support.md]
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
