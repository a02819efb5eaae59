# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter plugin: the value of a variable, or a default where the variable is empty."""

from __future__ import annotations

DOCUMENTATION = r"""
name: value_or
short_description: Take a default where a variable is empty
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - Returns the default for null, an empty text, blanks, an empty list and an empty dictionary, and any other value as it is, text
    without blanks around it. The variables of this collection are read by this rule. The filter P(ansible.builtin.default#filter)
    with V(true) would take V(0) and V(false) for empty, and blanks for a value.
positional: default
options:
  _input:
    description: The value of a variable.
    type: raw
    required: true
  default:
    description: What is returned where the value is empty.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Limit the failures as a survey or the command line say, or not at all
  hosts: tcx
  gather_facts: false
  max_fail_percentage: "{{ some_limit | default('') | tcx.m365.value_or(100) }}"
  tasks: []
"""

RETURN = r"""
_value:
  description: The value or the default.
  type: raw
"""

from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import is_empty, trimmed


def value_or(value: Any, default: Any) -> Any:
    """The value, text trimmed; the default where it is empty."""
    if is_empty(value):
        return default
    return trimmed(value) if isinstance(value, str) else value


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"value_or": value_or}
