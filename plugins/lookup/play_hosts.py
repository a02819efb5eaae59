# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup plugin: the hosts pattern of a play, refused when it leaves no host to work on."""

from __future__ import annotations

DOCUMENTATION = r"""
name: play_hosts
short_description: Refuse a play that would find no host to work on
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - Returns the patterns that it is given, for the keyword C(hosts) of a play.
  - Fails when no host of the inventory matches them, or when C(--limit) leaves none of those that do. Without it Ansible
    skips such a play and exits with 0, so that a nightly job stays green for ever although nothing was checked.
  - It is evaluated before Ansible selects the hosts of the play, so that it works with an empty or unreadable inventory
    and with any C(--limit) too, where a play on V(localhost) would be left out.
  - Fails as well when C(--tags), C(--skip-tags) or C(--start-at-task) leave no task of the whole run, and when a playbook of this
    collection would start at a task that rests on one before it, or at its first task, before which Ansible would gather facts. Tasks
    of other plays of the same run count, so that a playbook of your own may choose by tags between this collection and something else.
  - Fails when a part of the inventory could not be read, of which Ansible only warns, because the PBXs in it would be missing in
    silence.
  - It does not fail when Ansible only lists or checks the syntax of a playbook.
options:
  _terms:
    description: Host patterns.
    required: true
  default:
    description:
      - The pattern of a play whose variable for it is empty. Null, an empty text, blanks and empty lists count as empty.
    type: str
  allow_no_hosts:
    description:
      - Return the patterns although no host matches them, or no task is left.
      - It is usually set with the variable of the same name.
    type: bool
    default: false
  allow_unreadable_inventory:
    description:
      - Return the patterns although a part of the inventory could not be read.
      - It is usually set with the variable of the same name.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Work on every PBX, and fail when there is none
  hosts: "{{ query('tcx.m365.play_hosts', some_hosts | default(''), default='tcx') }}"
  gather_facts: false
  tasks: []
"""

RETURN = r"""
_raw:
  description: The patterns that were given.
  type: list
  elements: str
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ansible import constants, context
from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._selection import why_nothing_is_done

_REMEDY = "Check -i and --limit, or set allow_no_hosts=true if nothing is to be done."
_ONLY_SHOWN = ("syntax", "listhosts", "listtasks", "listtags")


class LookupModule(LookupBase):
    """The patterns, or an error that says what was looked for, and where."""

    def run(self, terms: list[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        known = variables or {}
        patterns = _patterns(terms) or _patterns([kwargs.get("default")])
        if any(context.CLIARGS.get(name) for name in _ONLY_SHOWN):
            return patterns
        if patterns != ["localhost"] and not self._is_allowed("allow_unreadable_inventory", known, kwargs):
            _refuse_unread(known)
        if self._is_allowed("allow_no_hosts", known, kwargs):
            return patterns
        nothing = why_nothing_is_done(context.CLIARGS, self._loader, known)
        if nothing:
            raise AnsibleLookupError(nothing)
        if not self._left(patterns, known):
            raise AnsibleLookupError(_sentence(patterns, known))
        return patterns

    def _is_allowed(self, name: str, known: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
        """What the option says, else the variable of the same name."""
        allowed = options.get(name, known.get(name) or False)
        if self._templar is not None:
            allowed = self._templar.template(allowed)
        return boolean(allowed, strict=False) is True

    def _left(self, patterns: list[str], known: Mapping[str, Any]) -> list[str]:
        """The hosts that Ansible would select: its own rules for patterns and limits, on the same groups."""
        inventory = InventoryManager(loader=self._loader, sources=None, parse=False)
        groups: Mapping[str, Iterable[str]] = known.get("groups") or {}
        for group, hosts in groups.items():
            inventory.add_group(str(group))
            for host in hosts:
                inventory.add_host(str(host), group=str(group))
        if known.get("ansible_limit"):
            inventory.subset(str(known["ansible_limit"]))
        return [str(host) for host in inventory.list_hosts(patterns)]


def _patterns(terms: Iterable[Any]) -> list[str]:
    """The patterns in the terms of a lookup, without those that are empty."""
    flat = [pattern for term in terms for pattern in (term if isinstance(term, (list, tuple)) else [term])]
    return [str(pattern).strip() for pattern in flat if pattern not in (None, {}, []) and str(pattern).strip()]


def _refuse_unread(known: Mapping[str, Any]) -> None:
    """Raise for a part of the inventory that is missing beside others; of a whole one :func:`_sentence` speaks."""
    line = context.CLIARGS
    passwords = [
        *(*(line.get("vault_ids") or ()), *(line.get("vault_password_files") or ())),
        *(*(constants.DEFAULT_VAULT_IDENTITY_LIST or ()), constants.DEFAULT_VAULT_PASSWORD_FILE),
    ]
    unread = _core_compat.unread_sources(known.get("ansible_inventory_sources") or (), passwords)
    if unread and (known.get("groups") or {}).get("all"):
        raise AnsibleLookupError(
            f"The inventory could not be read as a whole: {', '.join(unread)} is missing from it. Correct -i, or set "
            "allow_unreadable_inventory=true to go on without it."
        )


def _sentence(patterns: list[str], known: Mapping[str, Any]) -> str:
    groups: Mapping[str, Any] = known.get("groups") or {}
    sources = [str(source).strip(",") for source in known.get("ansible_inventory_sources") or ()]
    inventory = f"the inventory {', '.join(sources) or '(none)'}"
    pattern = ",".join(patterns)
    if pattern == "localhost" and known.get("ansible_limit"):
        return f"This playbook runs on localhost, which --limit {known['ansible_limit']} leaves out: run it without --limit."
    place = f"the group {pattern}" if pattern.isidentifier() else f"the pattern {pattern}"
    if not groups.get("all"):
        return f"No PBX to work on: {inventory} has no hosts or could not be read, so {place} is empty. {_REMEDY}"
    limit = f" with --limit {known['ansible_limit']}" if known.get("ansible_limit") else ""
    return f"No PBX to work on: no host of {inventory} is in {place}{limit}. {_REMEDY}"
