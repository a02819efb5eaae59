# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter plugin: sizes of batches as they are written on a command line or in a survey."""

from __future__ import annotations

DOCUMENTATION = r"""
name: batches
short_description: Read the sizes of batches from text
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - Makes a value for the keyword C(serial) of a play from a number, a percentage, a list of them, or a text that holds any of
    these. C(-e) and surveys give text, which the keyword alone does not understand.
positional: variable
options:
  _input:
    description: What was given.
    type: raw
    required: true
  variable:
    description: The name of the variable, for the message.
    type: str
    default: serial
"""

EXAMPLES = r"""
- name: Roll out to one PBX first, then to a tenth, then to all
  hosts: tcx
  serial: "{{ '[1, \"10%\", \"100%\"]' | tcx.m365.batches }}"
  gather_facts: false
  tasks: []
"""

RETURN = r"""
_value:
  description: Sizes, each a number or a percentage.
  type: list
  elements: raw
"""

import re
from typing import Any

from ansible.errors import AnsibleFilterError

_SIZE = re.compile(r"[1-9][0-9]*|(?:100|[1-9][0-9]?)%")
_EVERYTHING = ["100%"]


def batches(value: Any, variable: str = "serial") -> list[int | str]:
    """The sizes, in order; everything at once when nothing was given."""
    items = (
        value
        if isinstance(value, (list, tuple))
        else str("" if value in (None, {}) else value).strip("[]() \n").split(",")
    )
    texts = [str(item).strip(" \t\"'") for item in items]
    wrong = [text for text in texts if not _SIZE.fullmatch(text)]
    if texts == [""] or not texts:
        return list(_EVERYTHING)
    if wrong:
        raise AnsibleFilterError(
            f"{variable}: {wrong[0]!r} is not the size of a batch. Give a number such as 5, a percentage such as 10%, or a list "
            'such as [1, "10%", "100%"].'
        )
    return [text if text.endswith("%") else int(text) for text in texts]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"batches": batches}
