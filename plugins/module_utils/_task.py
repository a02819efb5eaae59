# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task is: parameters, check mode, warnings, secrets, results. Of our module utilities, few know Ansible; this is one.

A :class:`Capability` is one documented module: its argument spec and a function from :class:`Task` to :class:`Outcome`.
It runs behind two front ends that behave alike: :func:`run_as_module` here, and the action plugin base class in
``plugin_utils/_action.py``, which runs the same function inside the controller process.
"""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Callable, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import env_fallback
from ansible_collections.tcx.m365.plugins.module_utils import _lifeline, _proxy, _unforeseen
from ansible_collections.tcx.m365.plugins.module_utils._arguments import Read, read_arguments, secrets_in
from ansible_collections.tcx.m365.plugins.module_utils._common import installing
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import Names, rendered
from ansible_collections.tcx.m365.plugins.module_utils._common.text import (
    visible,
    visible_data,
    visible_lines,
    without_secrets,
)
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._core_compat import ModuleWithReader
from ansible_collections.tcx.m365.plugins.module_utils._deps import MISSING
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

ArgumentSpec = dict[str, dict[str, Any]]

DEFAULT_DEADLINE_S = 600


@dataclass(frozen=True)
class Capability:
    """One documented module, independent of how it is run.

    :param files: options whose value, or the items of it, may be paths of files on the machine where the module runs.
    """

    name: str
    argument_spec: ArgumentSpec
    run: Callable[[Task], Outcome]
    mutually_exclusive: Sequence[Sequence[str]] = ()
    required_together: Sequence[Sequence[str]] = ()
    required_one_of: Sequence[Sequence[str]] = ()
    required_if: Sequence[Sequence[Any]] = ()
    required_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Sequence[str] = ()

    def constraints(self) -> dict[str, Any]:
        """The keyword arguments that both ``AnsibleModule`` and ``ArgumentSpecValidator`` take."""
        return {
            "mutually_exclusive": [list(names) for names in self.mutually_exclusive],
            "required_together": [list(names) for names in self.required_together],
            "required_one_of": [list(names) for names in self.required_one_of],
            "required_if": [list(rule) for rule in self.required_if],
            "required_by": {name: list(needs) for name, needs in self.required_by.items()},
        }

    def read(self, arguments: Mapping[str, Any], names: Names) -> Read:
        """The arguments, normalized and validated; raises :class:`BadInput`."""
        constraints = self.constraints()
        return read_arguments(self.argument_spec, arguments, constraints=constraints, files=self.files, names=names)


@dataclass
class Outcome:
    """What a task has to say.

    :param values: the documented return values.
    :param plan: what differed; ``None`` for a task that only reads.
    :param can_be_undone: whether ``undo`` is returned.
    """

    values: dict[str, Any] = field(default_factory=dict)
    plan: Plan | None = None
    can_be_undone: bool = True

    def as_result(self) -> dict[str, Any]:
        result = dict(self.values)
        result["changed"] = bool(self.plan)
        if self.plan is not None:
            result["changes"] = self.plan.as_list()
            result.update({"undo": self.plan.as_undo()} if self.can_be_undone else {})
            result["diff"] = self.plan.diff()
        return result


class Task:
    """One execution of a capability.

    :param params: validated parameters.
    :param store: what the tasks of the run share.
    :param warn: shows a warning to the operator.
    :param notice: shows a sentence while the task is running, before a wait.
    :param trace: shows a line at the highest verbosity.
    :param names: by which names the operator knows the options; warnings are shown with them.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        check_mode: bool,
        store: RunStore,
        warn: Callable[[str], None],
        notice: Callable[[str], None],
        trace: Callable[[str], None],
        names: Names = MappingProxyType({}),
    ) -> None:
        self.params = dict(params)
        self.names = names
        self.check_mode = check_mode
        # Shown at -vvv with the other options of the task, but for the password in it.
        self.secrets: set[str] = _proxy.secrets(self.params.get("proxy") or "")
        _lifeline.begin()

        def shown(text: str) -> None:
            notice(visible(text))

        # The border: whatever is said from here on has no character that a terminal obeys.
        self.context = Context(
            deadline=Deadline(float(self.params.get("deadline") or DEFAULT_DEADLINE_S), notice=shown),
            store=store,
            warn=lambda text: warn(visible(rendered(text, names))),
            notice=shown,
            trace=lambda text: trace(visible_lines(text)),
            hide=self.secrets.add,
        )


def env(*names: str) -> tuple[Any, list[str]]:
    """The ``fallback`` of an option: the first of the environment variables that is set."""
    return (env_fallback, list(names))


def failure(error: M365Error, names: Names | None = None) -> dict[str, Any]:
    """The result of a task that ended in one of our typed errors: with what it had written by then.

    :param names: by which names the operator knows the options, unless the error knows them.
    """
    error.names = error.names or names or {}
    result = {"failed": True, "changed": False, "msg": str(error), "error": error.as_result(), **error.values()}
    if error.carried_out:
        done = error.carried_out
        result.update(changed=True, changes=done.as_list(), undo=done.as_undo(), diff=done.diff())
    return result


def missing_dependency() -> dict[str, Any] | None:
    """The result of a task that cannot even begin, or ``None`` when every package is there."""
    if not MISSING:
        return None
    return {
        "failed": True,
        "changed": False,
        "msg": installing.sentence([name for name, _traceback in MISSING], installing.Python.here()),
        "exception": MISSING[0][1],
    }


def _run_command(module: AnsibleModule, command: list[str], seconds: float) -> tuple[int, str, str]:
    """A program that is ended after that time, which Ansible's own function does not do (source of ansible-core)."""
    started: list[Any] = []
    over = threading.Event()

    def end() -> None:
        over.set()
        for process in started:
            process.kill()

    def begun(process: Any) -> None:
        started.append(process)
        if over.is_set():  # starting it took that long
            process.kill()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        status, out, err = module.run_command(
            command, before_communicate_callback=begun, handle_exceptions=False, expand_user_and_vars=False
        )
    finally:
        timer.cancel()
    if status == -signal.SIGKILL:
        raise TimeoutError(f"{command[0]} did not finish within {seconds:.0f} s")
    return int(status), str(out), str(err)


OPTION_NAMES = "_tcx_m365_option_names"
"""With which argument an action tells the module by which names the operator knows its options."""


class _Module(ModuleWithReader):
    """A module whose arguments are read as those of a capability that runs in process."""

    capability: Capability
    option_names: Names = MappingProxyType({})
    refusal: dict[str, Any] | None = None

    def read_arguments(self) -> None:
        self.option_names = self.params.pop(OPTION_NAMES, None) or {}
        internal = {name: value for name, value in self.params.items() if name.startswith("_ansible_")}
        arguments = {name: value for name, value in self.params.items() if name not in internal}
        self.no_log_values.update(secrets_in(self.capability.argument_spec, arguments))
        try:
            self.params = {**internal, **self.capability.read(arguments, self.option_names).explicit}
        except BadInput as error:
            self.refusal = failure(error)

    def fail_json(self, msg: str, **details: Any) -> NoReturn:
        """End the task; where our own reading has refused the arguments, with its words instead of Ansible's."""
        result = {**details, "msg": msg} if self.refusal is None else self.refusal
        # Ansible's constructor may refuse the arguments, and shows all of them at -vvv.
        self.no_log_values.update(_proxy.secrets(str((self.params or {}).get("proxy") or "")))
        super().fail_json(**result)


def run_as_module(capability: Capability) -> None:
    """Front end of a module that Ansible has sent to a host."""
    _Module.capability = capability
    module = _Module(argument_spec=capability.argument_spec, supports_check_mode=True, **capability.constraints())
    if module.refusal is not None:
        module.fail_json(**module.refusal)
    module.no_log_values.update(_proxy.secrets(module.params.get("proxy") or ""))
    missing = missing_dependency()
    if missing:
        module.fail_json(**missing)
    task = Task(
        module.params,
        check_mode=module.check_mode,
        store=RunStore(None),
        warn=module.warn,
        notice=module.debug,
        trace=module.debug,
        names=module.option_names,
    )
    task.context.run_program = functools.partial(_run_command, module)
    try:
        result = capability.run(task).as_result()
    except M365Error as error:
        result = failure(error, module.option_names)
    except _unforeseen.KINDS as error:
        result = failure(_unforeseen.of(error), module.option_names)
        module.debug(str(without_secrets(_unforeseen.told(error), task.secrets | module.no_log_values)))
    module.no_log_values.update(task.secrets)
    result = visible_data(without_secrets(result, module.no_log_values))
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
