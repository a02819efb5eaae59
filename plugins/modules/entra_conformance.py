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
    behavior: {type: str, description: "Name of the behavior; where the lab has a switch for it, the name of that switch."}
    about: {type: str, description: The behavior as a statement.}
    answer: {type: raw, description: The answer; null where there is none.}
    reason: {type: str, description: Why there is no answer.}
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.entra_conformance import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    """Run the capability as a module."""
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
