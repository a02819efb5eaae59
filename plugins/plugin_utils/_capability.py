# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a capability inside this process: validate its arguments, run it, hide its secrets.

Used by the action plugins, one task at a time, and by the sweep over a fleet, many at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Protocol

from ansible_collections.tcx.m365.plugins.module_utils import _unforeseen
from ansible_collections.tcx.m365.plugins.module_utils._arguments import secrets_in
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import Names
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible_data, without_secrets
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, Task, failure
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._programs import run_program

Say = Callable[[str], None]


class RunTask(Protocol):
    """Runs one capability with its arguments."""

    def __call__(
        self, capability: Capability, arguments: Mapping[str, Any], /, *, check: bool = False
    ) -> dict[str, Any]:
        """The result; ``check`` is for check mode, without it the mode of the run decides."""


def silent(_text: str) -> None:
    """What has to be told stands in the result."""


class HostArguments(dict[str, Any]):
    """Arguments of one capability that come from the variables of a host.

    :param names: option -> the variable that it comes from, for messages.
    """

    def __init__(self, arguments: Mapping[str, Any], names: Names) -> None:
        super().__init__(arguments)
        self.names = dict(names)


def names_of(arguments: Mapping[str, Any]) -> Names:
    """By which names the operator knows the options: those of his variables, or the options' own."""
    return arguments.names if isinstance(arguments, HostArguments) else {}


def run_capability(
    capability: Capability,
    arguments: Mapping[str, Any],
    *,
    check_mode: bool,
    store: RunStore,
    warn: Say = silent,
    notice: Say = silent,
    trace: Say = silent,
    connections: Connections | None = None,
    announce: Callable[[Plan], None] | None = None,
    provisional: bool = False,
) -> dict[str, Any]:
    """The result of one task, exactly as the module of the same name would give it.

    :param arguments: as written in the task, or :class:`HostArguments`, which know the names of their variables.
    :param announce: is told what is about to be written.
    :param provisional: a later task of this run looks again before it writes.
    """
    names = names_of(arguments)
    try:
        read = capability.read(plain(arguments), names)
    except BadInput as error:
        secrets = secrets_in(capability.argument_spec, plain(arguments))
        return dict(visible_data(without_secrets(failure(error, names), secrets)))
    secrets = read.secrets
    task = Task(
        read.parameters,
        check_mode=check_mode,
        store=store,
        warn=warn,
        notice=notice,
        trace=trace,
        names=names,
    )
    task.context.deadline.clock = _watch.WaitingClock(task.context.deadline.clock)
    task.context.run_program = run_program
    task.context.provisional = provisional
    if connections is not None:
        task.context.connections = connections
    if announce is not None:
        task.context.announce = announce
    try:
        _watch.begin(task.context.deadline.seconds)
        result = capability.run(task).as_result()
    except M365Error as error:
        result = failure(error, names)
    except _unforeseen.KINDS as error:
        result = failure(_unforeseen.of(error), names)
        task.context.trace(str(without_secrets(_unforeseen.told(error), secrets | task.secrets)))
    return dict(visible_data(without_secrets(result, secrets | task.secrets)))


def headed(host: str, diff: Mapping[str, Any]) -> dict[str, Any]:
    """The diff of a task, headed by the PBX and the object."""
    return {**diff, **{name: f"{host}: {diff[name]}" for name in ("before_header", "after_header") if name in diff}}


def plain(value: Any) -> Any:
    """A copy without Ansible's own string and container types, so that the libraries below see ordinary data."""
    if isinstance(value, str):
        return str.__str__(value)  # copies a subclass (a tagged string) to a plain one
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {plain(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    return str(value)  # decrypts a vaulted value
