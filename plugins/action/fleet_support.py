# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: checks some PBXs and writes what a maintainer has to know, without names."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils import _files
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance import support
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.check import host_result, steps_taken
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import Crossings
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import warn_once
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables, Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "dest": {"type": "path", "default": "./support"},
    "max_hosts": {"type": "int", "default": 20},
}

display = Display()


class ActionModule(ControllerAction):
    """Check the hosts of the batch with a log of the requests, and write both without names."""

    SPEC = ARGUMENT_SPEC

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        hosts = [str(host) for host in task_vars.get("ansible_play_batch", [])]
        if len(hosts) > options["max_hosts"]:
            message = f"{len(hosts)} PBXs are more than a bundle should have (max_hosts: {options['max_hosts']}). Name some with --limit."
            return {"failed": True, "msg": message}
        content = self._content(hosts, task_vars)
        paths = _files.written("dest", options["dest"], functools.partial(_write, content))
        message = f"Read {paths[1]}, then paste it into the issue. Names, addresses and IDs are replaced by numbers."
        return {"changed": True, "msg": message, "files": paths}

    def _content(self, hosts: list[str], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"])
        store = RunStore(constants.DEFAULT_LOCAL_TMP)
        known = {host: variables.of(host) for host in hosts}
        unknown = {host: {"unknown_variables": own.unknown_entries()} for host, own in known.items()}
        warn_once(unknown, store, display.warning)
        crossings = Crossings.of(variables, [str(host) for host in task_vars.get("ansible_play_hosts_all", [])], store)
        check = functools.partial(_check, known=known, store=store, crossings=crossings)
        checked = dict(sweep(hosts, check, threads=10, processes=1))
        mask = support.mask_of({host: _readable(known[host]) for host in hosts})
        entries = []
        for host in hosts:
            entry = checked[host]
            outcome = (
                entry.get("result")
                or HostResult(host, "failed", [f"Unexpected error: {entry.get('crashed')}."]).to_dict()
            )
            entries.append(support.entry(outcome, entry.get("trace") or (), _readable(known[host]), mask))
        run = {
            "hosts": len(hosts),
            "forks": int(task_vars.get("ansible_forks") or 0),
            "verbosity": int(display.verbosity),
        }
        return support.bundle(entries, run)


_CROSSED = "The inventory crosses this PBX with another one; the playbook compliance says with which."
"""Without the names of others, which nothing here would mask where they are not in the bundle."""


def _check(
    host: str, _say: Say, *, known: Mapping[str, Variables], store: RunStore, crossings: Crossings
) -> dict[str, Any]:
    """What the compliance run finds of a PBX, and what was asked for it."""
    trace: list[str] = []
    try:
        crossings.check(host)
    except M365Error:
        return {"result": HostResult(host=host, verdict="failed", reasons=[_CROSSED]).to_dict(), "trace": trace}

    def run_task(capability: Capability, arguments: Mapping[str, Any], /, *, check: bool = True) -> dict[str, Any]:
        return run_capability(capability, arguments, check_mode=check, store=store, trace=trace.append)

    try:
        taken = steps_taken(host, known[host], run_task, crossings.neighbors(host))
        result = host_result(host, known[host], taken).to_dict()
    except M365Error as error:
        result = HostResult(host=host, verdict="failed", reasons=[str(error)]).to_dict()
    return {"result": result, "trace": trace}


def _readable(variables: Any) -> dict[str, Any]:
    """The variables that could be templated; the others have nothing to hide."""
    return {name: value for name, value in dict(variables.items()).items() if not isinstance(value, Exception)}


def _write(content: Mapping[str, Any], directory: str) -> list[str]:
    _files.make_directory(directory, 0o700)
    paths = []
    for name, text in (
        ("support.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n"),
        ("support.md", support.as_markdown(content)),
    ):
        path = os.path.join(directory, name)
        _files.replace(path, text.encode("utf-8"))
        paths.append(path)
    return paths
