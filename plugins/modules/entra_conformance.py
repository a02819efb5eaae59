# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``entra_conformance``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_conformance
short_description: Find out how Microsoft Graph behaves in a test tenant
version_added: 2.0.0
description:
  - Asks Microsoft Graph how it behaves where this collection rests on it and the documentation does not decide.
  - The answers are words, numbers and truth values of our own. They name no object and hold no text of the service, so that they can be
    published.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes
  - tcx.m365.attributes.action_group_entra
  - tcx.m365.entra
options:
  write:
    description:
      - Also ask what can only be found out by writing. One application is made for it and deleted permanently at the end.
      - Use a test tenant.
      - In check mode nothing is written, and those questions are not asked.
    type: bool
    default: false
seealso:
  - module: tcx.m365.tcx_conformance
"""

EXAMPLES = r"""
- name: How does Graph behave here?
  tcx.m365.entra_conformance:
    tenant_id: 6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10
    client_id: 0b7d3c1e-7b0e-4b7e-8a0e-2f1d3c4b5a69
    client_secret: "{{ vault_entra }}"
  register: graph
"""

RETURN = r"""
answers:
  description: Each behavior with its answer.
  returned: success
  type: list
  elements: dict
  contains:
    behavior:
      description: Name of the behavior; where the lab has a switch for it, the name of that switch.
      type: str
    about:
      description: The behavior as a statement.
      type: str
    answer:
      description: The answer; null where there is none.
      type: raw
    reason:
      description: Why there is no answer.
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.entra_conformance import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    """Run the capability as a module."""
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
