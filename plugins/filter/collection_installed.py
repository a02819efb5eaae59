# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter plugin: whether a collection is there before anything of it is used."""

from __future__ import annotations

DOCUMENTATION = r"""
name: collection_installed
short_description: Tell whether a collection is installed
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - Tells whether this controller finds a collection, wherever it is installed. Using a module or a lookup of one that is missing ends
    in an error for each use.
options:
  _input:
    description: Name of the collection.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Stop in time
  ansible.builtin.assert:
    that: "'awx.awx' is string and 'awx.awx' | tcx.m365.collection_installed"
    fail_msg: "Run: ansible-galaxy collection install awx.awx"
"""

RETURN = r"""
_value:
  description: Whether the collection is installed.
  type: bool
"""

import importlib.util
from typing import Any


def collection_installed(name: Any) -> bool:
    """Whether Ansible's own importer finds the collection."""
    namespace, _dot, rest = str(name).partition(".")
    if not (namespace.isidentifier() and rest.isidentifier()):  # an importer would take ".." for a way upwards
        return False
    try:
        return importlib.util.find_spec(f"ansible_collections.{name}") is not None
    except (ImportError, ValueError, AttributeError):
        return False


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"collection_installed": collection_installed}
