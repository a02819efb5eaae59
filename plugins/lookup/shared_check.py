# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup plugin: whether one host may check all PBXs of its batch, so that the check is no task of each of them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: shared_check
short_description: Tell whether the PBXs of a batch are checked in one task
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - For the keyword C(run_once) of the task that checks every PBX before anything is written. It returns V(true) where every
    PBX of the batch is worked on from the controller itself, with the strategy V(ansible.builtin.linear).
  - It returns V(false) where a PBX is worked on through a jump host, with C(become) or by plain modules
    (C(tcx_m365_connection), C(tcx_m365_become), C(tcx_m365_in_process)), or where another strategy is configured. Then
    each host has to run the task itself.
options:
  _terms:
    description: Names of the hosts. By default those of the batch.
    type: list
    elements: str
  strategy:
    description: The strategy of the play. By default the one that is configured.
    type: str
"""

EXAMPLES = r"""
- name: Check every PBX before anything is written
  tcx.m365.fleet_rollout:
    preflight_only: true
    whole_batch: true
  run_once: "{{ query('tcx.m365.shared_check') | first }}"
"""

RETURN = r"""
_raw:
  description: One element, whether the PBXs of the batch are checked in one task.
  type: list
  elements: bool
"""

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase

_LOCKSTEP = ("linear", "ansible.builtin.linear", "ansible.legacy.linear")
_LOCAL = ("local", "ansible.builtin.local")
_ELSEWHERE = ("tcx_m365_connection", "tcx_m365_become", "tcx_m365_in_process")
"""Variables that may take a PBX out of the process of the controller."""

_known: dict[tuple[str, ...], bool] = {}
"""The answer for the batch that was asked about last. Where it is no, Ansible asks for each host of it."""


class LookupModule(LookupBase):
    """Whether nothing takes a PBX of the batch out of the process of the controller."""

    def run(self, terms: list[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[bool]:
        known = variables or {}
        strategy = str(kwargs.get("strategy") or constants.DEFAULT_STRATEGY)
        batch = tuple(str(host) for host in terms or known.get("ansible_play_batch") or ())
        if batch not in _known:
            _known.clear()
            _known[batch] = (
                bool(batch) and strategy in _LOCKSTEP and self._is_here(known) and self._are_here(batch, known)
            )
        return [_known[batch]]

    def _is_here(self, known: Mapping[str, Any]) -> bool:
        """Whether the play runs in the process of the controller, whatever the command line says."""
        if self._templar is None:
            return False
        connection = self._templar.template(known.get("ansible_connection", "local"))
        become = self._templar.template(known.get("ansible_become", False))
        return str(connection) in _LOCAL and not boolean(become, strict=False)

    def _are_here(self, batch: tuple[str, ...], known: Mapping[str, Any]) -> bool:
        hostvars = known.get("hostvars") or {}
        return all(not any(name in hostvars[host] for name in _ELSEWHERE) for host in batch)
