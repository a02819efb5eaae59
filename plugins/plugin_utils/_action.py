# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Front end that runs a capability inside the controller process instead of sending a module to a host.

A module execution costs a new Python and all imports, an action a function call. So when the connection is local the
action runs the same code in the fork that Ansible has made for the task anyway; on any other connection (a task
delegated to a jump host beside the PBX) it hands over to the module of the same name.
"""

from __future__ import annotations

import abc
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils import _tls
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._common.places import may_be_shown
from ansible_collections.tcx.m365.plugins.module_utils._common.text import trimmed
from ansible_collections.tcx.m365.plugins.module_utils._deps import MISSING
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import (
    OPTION_NAMES,
    ArgumentSpec,
    Capability,
    failure,
    missing_dependency,
)
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import headed, names_of, plain, run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._host_connection import (
    connected,
    host_variables,
    is_connected,
    with_tenant_id,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import warn_once
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import (
    HostVariables,
    Variables,
    read_variable,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._option_variables import variables_of_options

IN_PROCESS_VARIABLE = "tcx_m365_in_process"
"""Set to false to send the modules to the host even where the action could do the work itself."""
_IN_PROCESS: ArgumentSpec = {IN_PROCESS_VARIABLE: {"type": "bool"}}

display = Display()

# Ansible loads this file before it forks for each task, so the CA bundle is read once in a run.
_tls.prepare()


def is_in_process(setting: Any) -> bool:
    """The variable :data:`IN_PROCESS_VARIABLE`, read as every other one; :class:`BadInput` where it is no boolean."""
    name = IN_PROCESS_VARIABLE
    return read_arguments(_IN_PROCESS, {name: setting}, names={name: name}).parameters[name] is not False


class CollectionAction(ActionBase):
    """What the actions of this collection have in common: where the work of a host runs, and how."""

    TRANSFERS_FILES = False

    def _refuse_async(self, name: str) -> None:
        if self._task.async_val:
            raise AnsibleActionFail(
                f"{name} cannot run with async: it has a deadline of its own. "
                "Remove async and poll from the task; raise forks to work on more hosts at a time."
            )

    def _runs_in_process(self, task_vars: Mapping[str, Any]) -> bool:
        """Raises :class:`BadInput` where the variable for it is no boolean, or cannot be read."""
        become = getattr(self._connection, "become", None)
        return self._is_local() and become is None and self._may_run_here(task_vars)

    def _may_run_here(self, task_vars: Mapping[str, Any]) -> bool:
        """Whether work that needs no connection to the host may be done in this process; raises as above."""
        return is_in_process(read_variable(self._templar, IN_PROCESS_VARIABLE, task_vars)) and not MISSING

    def _run_as_module(
        self,
        capability: Capability,
        arguments: Mapping[str, Any],
        task_vars: dict[str, Any],
        _announce: Callable[[Plan], None] | None = None,
    ) -> dict[str, Any]:
        """Send the module of the same name to the host of this task, from where nobody is told what it is about to write."""
        module_args = _with_files(capability.argument_spec, capability.files, arguments, local=self._is_local())
        if names_of(arguments):
            module_args[OPTION_NAMES] = dict(names_of(arguments))
        result: dict[str, Any] = self._execute_module(
            module_name=f"tcx.m365.{capability.name}",
            module_args=module_args,
            task_vars=self._with_interpreter(task_vars),
        )
        if result.get("warnings"):  # as text, which steps put the name of their host before
            result["warnings"] = [_core_compat.warning_text(warning) for warning in result["warnings"]]
        return result

    def _run_in_process(
        self,
        capability: Capability,
        arguments: Mapping[str, Any],
        task_vars: Mapping[str, Any],
        announce: Callable[[Plan], None] | None = None,
    ) -> dict[str, Any]:
        """Run the capability here, with the environment of this task."""
        host = str(task_vars.get("inventory_hostname", ""))
        with _environment(self._task_environment()):
            return run_capability(
                capability,
                arguments,
                check_mode=bool(self._task.check_mode),
                store=RunStore(constants.DEFAULT_LOCAL_TMP),
                warn=display.warning,
                notice=lambda text: _core_compat.show(f"[{host}] {text}", stderr=True),
                trace=lambda text: display.vvvv(text, host=host),
                announce=announce,
            )

    def _is_local(self) -> bool:
        return getattr(self._connection, "transport", "") == "local"

    def _with_interpreter(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """On this machine the packages live beside Ansible's own Python, not in whatever discovery finds."""
        if not self._is_local() or "ansible_python_interpreter" in task_vars:
            return task_vars
        return dict(task_vars, ansible_python_interpreter=sys.executable)

    def _task_environment(self) -> dict[str, str]:
        """The ``environment`` keyword of task, block, role and play, which a module would find in its process."""
        return _core_compat.task_environment(self, self._task, self._templar)


class CapabilityAction(CollectionAction):
    """Base of the action plugins of one capability each; a subclass names its capability and nothing else."""

    CAPABILITY: Capability

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        self._refuse_async(self.CAPABILITY.name)
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            run = self._run_in_process if self._runs_in_process(task_vars) else self._run_as_module
            arguments = self._arguments(task_vars)
        except M365Error as error:
            return dict(result, **failure(error))
        result.update(run(self.CAPABILITY, arguments, task_vars))
        host = str(task_vars.get("inventory_hostname", ""))
        if isinstance(result.get("diff"), dict) and host not in constants.LOCALHOST:  # the controller is no PBX
            result["diff"] = headed(host, result["diff"])
        return result

    def _arguments(self, task_vars: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those of the task; what it does not say of the connection comes from the variables of its host."""
        arguments: Mapping[str, Any] = self._task.args
        if not is_connected(self.CAPABILITY):
            return arguments
        variables = host_variables(self.CAPABILITY, arguments, task_vars, self._templar)
        return with_tenant_id(self.CAPABILITY, connected(self.CAPABILITY, arguments, variables), variables)


class ControllerAction(CollectionAction):
    """Base of the actions that work on the controller for the hosts of a play; a subclass says how in :meth:`work`.

    :cvar PREFIX: of the variables that a playbook gives all options from.
    """

    _requires_connection = False
    SPEC: ArgumentSpec
    PREFIX = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        self._refuse_async(str(self._task.action).rpartition(".")[2])
        result: dict[str, Any] = super().run(tmp, task_vars)
        problem = missing_dependency()
        if problem:
            return dict(result, **problem)
        prefixed = {name: self.PREFIX + name for name in self.SPEC} if self.PREFIX else {}
        names = prefixed or variables_of_options(self._task)
        try:
            options = read_arguments(self.SPEC, self._stated(), names=names).parameters
            return dict(result, **self.work(options, task_vars))
        except M365Error as error:
            return dict(result, **failure(error, names))

    def _stated(self) -> dict[str, Any]:
        """The options of the task; an empty list or dictionary states nothing but an empty list or dictionary."""
        holds_many = {name for name, option in self.SPEC.items() if option.get("type") in ("list", "dict")}
        arguments = plain(self._task.args)
        return {name: value for name, value in arguments.items() if name in holds_many or value not in ([], {})}

    def variables_of_play(self, task_vars: Mapping[str, Any]) -> dict[str, Variables]:
        """The variables of each host of the play, by its name. Of those that nothing reads is warned, once in a run."""
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"], task_vars)
        hosts = {str(host): variables.of(str(host)) for host in task_vars.get("ansible_play_hosts_all", [])}
        unknown = {host: {"unknown_variables": own.unknown_entries()} for host, own in hosts.items()}
        warn_once(unknown, RunStore(constants.DEFAULT_LOCAL_TMP), display.warning)
        return hosts

    @abc.abstractmethod
    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result of the task; raises :class:`M365Error`."""


def _with_files(
    spec: Mapping[str, Mapping[str, Any]],
    files: Sequence[str],
    stated: Mapping[str, Any],
    place: str = "",
    *,
    local: bool,
) -> dict[str, Any]:
    """A relative path of a file means the directory in which Ansible was started, as it does in process.

    Ansible starts a local module in the directory of the playbook, which here lies inside the collection, and another one on
    a host that does not have the file.
    """
    arguments = dict(stated)
    name_of_file = _absolute if local else _content
    for name, option in spec.items():
        value = arguments.get(name)
        if option.get("type") == "path" and isinstance(value, str):
            arguments[name] = _whole(trimmed(value)) if local else value
        elif f"{place}{name}" in files:
            arguments[name] = [name_of_file(item) for item in value] if isinstance(value, list) else name_of_file(value)
        elif isinstance(value, Mapping) and option.get("options"):
            arguments[name] = _with_files(option["options"], files, value, f"{place}{name}.", local=local)
    return arguments


def _whole(path: str) -> str:
    """What is no path stays as it is: behind a directory the module would not recognize a token that it must not show."""
    return os.path.abspath(os.path.expanduser(path)) if path and may_be_shown(path) else path


def _absolute(value: Any) -> Any:
    """The path of a file that is there, whole; anything else (the text of a certificate) as it is."""
    return os.path.abspath(value) if _is_file(value) else value


def _content(value: Any) -> Any:
    """The text of a file that is there; anything else as it is."""
    try:
        return Path(value).read_text(encoding="utf-8") if _is_file(value) else value
    except (OSError, UnicodeDecodeError):
        return value


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 1024 and os.path.isfile(value)


@contextlib.contextmanager
def _environment(extra: Mapping[str, str]) -> Iterator[None]:
    """Each task has its own fork, so its environment may be changed; put back for strategies that run in the parent."""
    before = {name: os.environ.get(name) for name in extra}
    os.environ.update(extra)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
