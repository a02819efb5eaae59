# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""All variables of any host of the play, as a task on that host would see them, read from within one task.

``hostvars`` leaves out the variables of the play, and asking Ansible for a task per host is what the sweep avoids. So
the variable manager that the strategy itself uses is asked, and only the variables of this collection are templated.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible import errors
from ansible.errors import AnsibleError
from ansible.template import Templar
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain

PREFIXES = ("entra_", "tcx_", "preflight_", "sso_verify_", "compliance_")
_PLACE = ("ansible_connection", "ansible_become")
_OMITTED: Any = getattr(errors, "AnsibleValueOmittedError", ())
"""What ansible-core 2.19 and newer raise for ``omit``; before, it is a text that nobody else would write."""
_ROLES = ("preflight", "entra_app", "tcx_console", "sso_verify")


class Variables(dict[str, Any]):
    """Variables by name. One that cannot be templated is an error for whoever asks for it, and for nobody else."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, AnsibleError):
            raise BadInput(
                f"the variable {name} cannot be read: {_first_line(value)}",
                tried="read the variables of this PBX",
                remedy="Give it a value in the inventory.",
            )
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The value; the default where there is none."""
        try:
            return self[name]
        except KeyError:
            return default


class HostVariables:
    """Reads and templates the variables of hosts; safe to use from several threads.

    :param task: the task that is running.
    :param hostvars: the ``hostvars`` of that task.
    """

    def __init__(self, task: Any, loader: Any, hostvars: Any) -> None:
        self._task = task
        self._loader = loader
        self._hostvars = hostvars
        self._manager = hostvars._variable_manager
        self._inventory = hostvars._inventory
        self._play = _play_of(task)
        self._defaults = role_defaults()
        self._lock = threading.Lock()

    def of(self, host: str) -> Variables:
        """The variables of this collection for ``host``, templated, below them the defaults of the roles."""
        with self._lock:
            known = self._manager.get_vars(
                play=self._play,
                host=self._inventory.get_host(host),
                task=self._task,
                include_hostvars=False,
            )
            known["hostvars"] = self._hostvars
            templar = Templar(loader=self._loader, variables=known)
            found = Variables(self._defaults)
            for name, value in known.items():
                if name.startswith(PREFIXES) or name in _PLACE:
                    _take(found, name, templar, value, known.get("omit"))
            found.setdefault("entra_app_unique_name", f"3cx-{host}")
            return found


def _take(found: Variables, name: str, templar: Templar, value: Any, omitted: Any) -> None:
    """Template one variable; one that comes to ``omit`` counts as not given."""
    try:
        templated = plain(templar.template(value))
    except _OMITTED:
        return
    except AnsibleError as error:
        found[name] = error
        return
    if omitted is None or templated != omitted:
        found[name] = templated


def _first_line(error: AnsibleError) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")


def identity_of(task: Any) -> str:
    """What tells a task of a playbook from all others of the run; the same on each host."""
    return str(task._uuid)


def role_defaults() -> Mapping[str, Any]:
    """The defaults of the roles of the rollout; they are plain values, without templates."""
    defaults: dict[str, Any] = {}
    roles = Path(__file__).resolve().parents[3] / "roles"
    for role in _ROLES:
        defaults.update(yaml.safe_load((roles / role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {})
    return defaults


def _play_of(task: Any) -> Any:
    node = task
    while node is not None:
        play = getattr(node, "_play", None)
        if play is not None:
            return play
        node = getattr(node, "_parent", None)
    return None
