# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab for tests of single modules, and the ways in which a task can be run against it: in the process of the test, or
through Ansible. What is in the lab is added by the tests of each side (`entra/customers.py`, `pbx/fleet.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Task, failure
from tcx_lab.evidence import Switches
from tcx_lab.fleet import FleetPlan
from tcx_lab.testing import Lab
from tcx_lab.world import World

COLLECTIONS = Path(__file__).resolve().parents[2] / ".build" / "collections"
FOREIGN = ("ANSIBLE_", "AZURE_", "ENTRA_", "TCX_")
CALLBACK = "task_results"
CAPABILITIES = "ansible_collections.tcx.m365.plugins.module_utils._capabilities"

Json = dict[str, Any]


@dataclass
class Bench:
    """The lab, in this process."""

    PLAN: ClassVar[FleetPlan]

    lab: Lab
    world: World

    @classmethod
    @contextmanager
    def start(cls) -> Iterator[Self]:
        with Lab.start(cls.PLAN, mode="thread") as lab:
            assert lab.world is not None
            yield cls(lab, lab.world)

    def reset(self) -> None:
        """No trouble, no assumption moved, an empty log."""
        self.lab.control.clear_trouble()
        for name, value in Switches().as_dict().items():
            setattr(self.world.switches, name, value)
        self.world.log.clear()


@dataclass
class Run:
    """One run of Ansible in this process: its tasks share tokens and what they have learned.

    :param connection: options that every task gets.
    """

    connection: Mapping[str, Any] = field(default_factory=dict)
    store: RunStore = field(default_factory=lambda: RunStore(None))
    warnings: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def task(self, module: str, *, check: bool = False, **params: Any) -> Json:
        """The result of one task. An option that is None was not given."""
        capability = import_module(f"{CAPABILITIES}.{module}").CAPABILITY
        given = {name: value for name, value in {**self.connection, **params}.items() if value is not None}
        validation = ArgumentSpecValidator(capability.argument_spec, **capability.constraints()).validate(given)
        assert not validation.error_messages, validation.error_messages
        task = Task(
            validation.validated_parameters,
            check_mode=check,
            store=self.store,
            warn=self.warnings.append,
            notice=self.trace.append,
            trace=self.trace.append,
        )
        try:
            result = capability.run(task).as_result()
        except M365Error as error:
            result = failure(error)
        self.secrets |= task.secrets
        return result


@dataclass
class Front:
    """Runs tasks through Ansible: in the controller's process, or as modules that are sent to the host.

    :ivar output: what the last command has printed.
    """

    in_process: bool
    directory: Path
    output: str = ""

    def run_tasks(
        self,
        tasks: tuple[tuple[str, Json], ...],
        defaults: Json,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        *,
        check: bool,
    ) -> list[Json]:
        """The results of tasks of one run, in order; a failed task does not end it."""
        steps = [
            {"name": f"{number}", f"tcx.m365.{module}": params, "ignore_errors": True}
            for number, (module, params) in enumerate(tasks)
        ]
        play = {"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": steps}
        playbook = self.directory / "play.yml"
        playbook.write_text(yaml.safe_dump([play]), encoding="utf-8")
        return self.play_file(playbook, *arguments, check=check, **environment)

    def play_file(self, playbook: Path, *arguments: str, check: bool = False, **environment: str) -> list[Json]:
        """The results of the tasks of a playbook, in order."""
        results = self.directory / "results.jsonl"
        results.unlink(missing_ok=True)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook), *arguments]
        command += ["-e", json.dumps({"tcx_m365_in_process": self.in_process})]
        done = subprocess.run(
            [*command, "--check"] if check else command,
            env={**ansible_environment(self.directory / "home", results), **environment},
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        self.output = done.stdout + done.stderr
        if not results.exists():
            raise AssertionError(self.output)
        return [json.loads(line)["result"] for line in results.read_text(encoding="utf-8").splitlines()]


def ansible_environment(home: Path, results: Path) -> dict[str, str]:
    """The environment of a command of Ansible that writes each task's result to a file, as a line of JSON."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback")),
        "ANSIBLE_CALLBACKS_ENABLED": CALLBACK,
        "TASK_RESULTS": str(results),
    }
