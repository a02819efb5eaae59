# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter plugin: a percentage as it is written on a command line or in a survey."""

from __future__ import annotations

DOCUMENTATION = r"""
name: percentage
short_description: Read a percentage from text
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - Makes a value for the keyword C(max_fail_percentage) of a play from a number or a text such as V(10%).
  - Fails for what is no percentage from 0 to 100. The keyword alone takes any number, and one below zero ends a play with 0 before
    anything was done.
positional: variable
options:
  _input:
    description: What was given.
    type: raw
    required: true
  variable:
    description: The name of the variable, for the message.
    type: str
    required: true
  default:
    description: What is returned where nothing was given.
    type: float
    default: 100
"""

EXAMPLES = r"""
- name: End the play when more than a tenth of the hosts fail
  hosts: tcx
  gather_facts: false
  max_fail_percentage: "{{ some_limit | default('') | tcx.m365.percentage('some_limit') }}"
  tasks: []
"""

RETURN = r"""
_value:
  description: A number from 0 to 100.
  type: float
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.gate import limit_of


def percentage(value: Any, variable: str, default: float = 100) -> float:
    """The number; the default where nothing was given."""
    try:
        limit = limit_of(value, variable)
    except BadInput as error:
        raise AnsibleFilterError(f"{error.message}.") from None  # Ansible would say the cause again
    return default if limit is None else limit


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"percentage": percentage}
