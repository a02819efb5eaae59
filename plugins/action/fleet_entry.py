# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: writes one PBX as a piece of an inventory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables
from ansible_collections.tcx.m365.plugins.plugin_utils._list import entry
from ansible_collections.tcx.m365.plugins.plugin_utils._list.columns import is_secret
from ansible_collections.tcx.m365.plugins.plugin_utils._list.hosts import Host, customer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "directory": {"type": "path", "default": "./inventory"},
    "name": {"type": "str"},
    "variables": {"type": "dict", "required": True},
    "write": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    """Check the values of a customer, and write its entry on the controller."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        known = task_vars or {}
        result: dict[str, Any] = super().run(tmp, known)
        try:
            options = read_arguments(ARGUMENT_SPEC, plain(self._task.args)).parameters
            host = customer(options["variables"], options["name"] or "")
            written = self._answer(host, options["directory"]) if options["write"] else self._checked(host, known)
        except M365Error as error:
            return dict(result, **failure(error))
        clear = {name: value for name, value in host.variables.items() if not is_secret(name)}
        return dict(result, host=host.name, variables=clear, **written)

    def _checked(self, host: Host, known: Mapping[str, Any]) -> dict[str, Any]:
        hostvars = known.get("hostvars") or {}
        same = HostVariables(self._task, self._loader, hostvars).at(host.variables["tcx_url"])
        names = [host.name] if host.name in hostvars else []
        return {"changed": False, "inventory_hosts": list(dict.fromkeys([*names, *same]))}

    def _answer(self, host: Host, directory: str) -> dict[str, Any]:
        written = self._write(host, os.path.abspath(os.path.expanduser(directory)))
        commands = written.commands()
        message = f"The entry is in {written.variables}."
        if commands:
            message += f" No vault password was given, so it holds no secret. Add it by: {'; '.join(commands)}"
        return {
            "changed": written.changed,
            "msg": message,
            "files": [written.inventory, written.variables],
            "missing": written.missing,
            "commands": commands,
        }

    def _write(self, host: Host, place: str) -> entry.Entry:
        if self._task.check_mode:
            return entry.planned(place, host.name)
        secrets = {name: str(value) for name, value in host.variables.items() if is_secret(name)}
        clear = {name: value for name, value in host.variables.items() if name not in secrets}
        vault = _core_compat.vault_of(self._loader)
        encrypt = (lambda text: bytes(vault.encrypt(text)).decode("ascii")) if vault is not None else None
        try:
            return entry.write(place, host.name, clear, secrets, encrypt)
        except OSError as error:
            raise BadInput(
                f"{error.strerror or error}",
                tried="write the entry of the inventory",
                target=place,
                remedy="Give quickstart_dir a directory that you may write to.",
            ) from error
