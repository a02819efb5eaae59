# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: writes the PBXs of a play as a list that the inventory plugin reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables
from ansible_collections.tcx.m365.plugins.plugin_utils._list import export
from ansible_collections.tcx.m365.plugins.plugin_utils._option_variables import variables_of_options
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "directory": {"type": "path", "default": "./captured"},
    "format": {"type": "str", "choices": list(export.FORMATS), "default": "csv"},
}


_LOGIN = ("tcx_client_id", "tcx_username")


class ActionModule(ActionBase):
    """Write the list of all hosts of the play, from what was captured of each."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        known = task_vars or {}
        result: dict[str, Any] = super().run(tmp, known)
        try:
            names = variables_of_options(self._task)
            options = read_arguments(ARGUMENT_SPEC, plain(self._task.args), names=names).parameters
            written = self._write(options, known)
        except M365Error as error:
            return dict(result, **failure(error))
        message = f"{written.source} lists {count(written.hosts, 'PBX', 'PBXs')}. Use it by -i {written.plugin}, after secrets are referred to there."
        return dict(result, changed=written.changed, msg=message, files=[written.source, written.plugin])

    def _write(self, options: Mapping[str, Any], known: Mapping[str, Any]) -> export.Exported:
        directory = os.path.abspath(os.path.expanduser(options["directory"]))
        run = [str(host) for host in known.get("ansible_play_hosts_all", [])]
        variables = HostVariables(self._task, self._loader, known.get("hostvars") or {}, known)
        # The others have been captured before: a run that is limited to one PBX does not take them out of the list.
        hosts = list(dict.fromkeys([*variables.all_of_play(), *run]))
        # Who signs in to a PBX is not captured, and belongs into a list as much as its address.
        own = {host: variables.some(host, _LOGIN, without_extra=host not in run) for host in hosts}
        logins = {host: {name: own[host].text(name) for name in _LOGIN} for host in hosts}
        try:
            return export.write(directory, hosts, logins, options["format"])
        except OSError as error:
            raise BadInput(
                f"{error.strerror or error}",
                tried="write the list of the fleet",
                target=directory,
                remedy="Give capture_dir a directory that you may write to.",
            ) from error
