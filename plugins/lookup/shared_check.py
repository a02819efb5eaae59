# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup plugin: whether one host may check all PBXs of a batch, so that each of them needs no task for that."""

from __future__ import annotations

DOCUMENTATION = r"""
name: shared_check
short_description: Tell whether the PBXs of a play are checked in the task that writes
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - For a task that checks each PBX by itself before anything is written. It is needed only where the check is not made by the
    task that writes, with the option C(check_first) of M(tcx.m365.fleet_rollout).
  - It returns V(true) where every PBX of the play is worked on from the controller itself, with the strategy
    V(ansible.builtin.linear).
  - It returns V(false) where a PBX is worked on through a jump host, with C(become) or by plain modules
    (C(tcx_m365_connection), C(tcx_m365_become), C(tcx_m365_in_process)), or where another strategy is configured. Then
    each host has to run the task itself.
  - The answer is the same for all batches of a play, because releases of ansible-core from 2.21 on evaluate C(run_once) for the first
    of them alone.
options:
  _terms:
    description: Names of the hosts. By default those of the play, in all its batches.
    type: list
    elements: str
  strategy:
    description: The strategy of the play. By default the one that is configured.
    type: str
"""

EXAMPLES = r"""
- name: Check every PBX by itself, where they are not checked together
  tcx.m365.fleet_rollout:
    preflight_only: true
  run_once: "{{ query('tcx.m365.shared_check') | first }}"
  when: not (query('tcx.m365.shared_check') | first)

- name: Check every PBX that has not been checked, and roll out
  tcx.m365.fleet_rollout:
    check_first: true
"""

RETURN = r"""
_raw:
  description: One element, whether the PBXs of the play are checked in the task that writes.
  type: list
  elements: bool
"""

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase
from ansible_collections.tcx.m365.plugins.module_utils._deps import MISSING

_LOCKSTEP = ("linear", "ansible.builtin.linear", "ansible.legacy.linear")
_LOCAL = ("local", "ansible.builtin.local")
_ELSEWHERE = ("tcx_m365_connection", "tcx_m365_become", "tcx_m365_in_process")
"""Variables that may take a PBX out of the process of the controller."""

_known: dict[tuple[tuple[str, ...], bool], bool] = {}
"""The answer for the play that was asked about last. Where it is no, Ansible asks for each host of it."""


class LookupModule(LookupBase):
    """Whether nothing takes a PBX of the play out of the process of the controller."""

    def run(self, terms: list[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[bool]:
        known = variables or {}
        strategy = str(kwargs.get("strategy") or constants.DEFAULT_STRATEGY)
        hosts = tuple(str(host) for host in terms or known.get("ansible_play_hosts_all") or ())
        asked = hosts, any(name in known for name in _ELSEWHERE)  # variables of the play are in no host's
        if asked not in _known:
            _known.clear()
            here = bool(hosts) and strategy in _LOCKSTEP and not MISSING and not asked[1]
            _known[asked] = here and self._are_here(hosts, known) and self._is_here(known)
        return [_known[asked]]

    def _is_here(self, known: Mapping[str, Any]) -> bool:
        """Whether the play runs in the process of the controller, whatever the command line says."""
        if self._templar is None:
            return False
        try:
            connection = self._templar.template(known.get("ansible_connection", "local"))
            become = self._templar.template(known.get("ansible_become", False))
        except AnsibleError:
            return False  # the task of each host says what is wrong with its own
        return str(connection) in _LOCAL and not boolean(become, strict=False)

    def _are_here(self, hosts: tuple[str, ...], known: Mapping[str, Any]) -> bool:
        """From the names of their variables: what a template comes to may differ from task to task."""
        hostvars = known.get("hostvars")
        if hostvars is None:
            return False
        # Ansible puts all variables of a host together each time that it is asked for them.
        return all(set(_ELSEWHERE).isdisjoint(hostvars[host]) for host in hosts)
