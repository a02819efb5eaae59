# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of simulated PBXs for the tests of the 3CX side, and the ways in which a task can be run against it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    sso_probe,
    tcx_m365_settings,
    tcx_m365_settings_info,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Task, failure
from tcx_lab.evidence import Switches
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.pbx import PbxState, contract, prepare_pbx, state_of
from tcx_lab.pbx.kit import GUIDE_PERMISSIONS, Directory
from tcx_lab.testing import Lab
from tcx_lab.world import Pbx, Tenant, World

COLLECTIONS = Path(__file__).parents[3] / ".build" / "collections"
RELEASES = ("20.0.5", "20.0.6", "20.0.7", "20.0.8", "20.0.9", "20.0.10")
FLEET = FleetPlan(
    [TenantPlan("contoso", users=6), TenantPlan("fabrikam", users=3)],
    [
        *(PbxPlan(f"v{release.replace('.', '-')}", "contoso", release) for release in RELEASES),
        PbxPlan("standard", "contoso", edition="Standard"),
        PbxPlan("old-standard", "contoso", "20.0.6", edition="Standard"),
        PbxPlan("professional", "contoso", edition="Professional"),
        PbxPlan("other", "fabrikam"),
    ],
)
NEWEST = "v20-0-10"

MODULES = {
    "tcx_m365_settings": tcx_m365_settings.CAPABILITY,
    "tcx_m365_settings_info": tcx_m365_settings_info.CAPABILITY,
    "tcx_preflight": tcx_preflight.CAPABILITY,
    "sso_probe": sso_probe.CAPABILITY,
}


def defaults(spec: dict[str, Any]) -> dict[str, Any]:
    """What Ansible makes of options nobody gave."""
    return {name: option.get("default") for name, option in spec.items()}


def completed(spec: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Parameters as Ansible hands them to a module: every option is there, nested ones as well."""
    found = {**defaults(spec), **given}
    for name, option in spec.items():
        if "options" in option and found[name] is not None:
            many = isinstance(found[name], list)
            found[name] = (
                [completed(option["options"], each) for each in found[name]]
                if many
                else completed(option["options"], found[name])
            )
    return found


@dataclass
class Run:
    """One run of Ansible: its tasks share tokens and what they have learned."""

    bench: Bench
    store: RunStore = field(default_factory=lambda: RunStore(None))
    warnings: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def task(self, module: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """The result of one task, run in this process."""
        capability = MODULES[module]
        if module == "tcx_preflight":
            params.setdefault("fqdn", ["localhost"])  # the lab's PBXs are reached by address
        whole = completed(capability.argument_spec, {**params})
        task = Task(
            whole,
            check_mode=check,
            store=self.store,
            warn=self.warnings.append,
            notice=lambda _text: None,
            trace=self.trace.append,
        )
        try:
            result = capability.run(task).as_result()
        except M365Error as error:
            result = failure(error)
        self.secrets |= task.secrets
        return result

    def settings(self, name: str = NEWEST, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """One task tcx_m365_settings on a PBX."""
        return self.task("tcx_m365_settings", check=check, **{**self.bench.login(name), **options})

    def preflight(self, name: str = NEWEST, **options: Any) -> dict[str, Any]:
        """One task tcx_preflight on a PBX."""
        return self.task("tcx_preflight", **{**self.bench.login(name), **options})

    def info(self, name: str = NEWEST, **options: Any) -> dict[str, Any]:
        """One task tcx_m365_settings_info on a PBX."""
        return self.task("tcx_m365_settings_info", **{**self.bench.login(name), **options})


@dataclass
class Bench:
    """The fleet. Every test gets it fresh."""

    lab: Lab
    world: World

    @classmethod
    @contextmanager
    def start(cls) -> Iterator[Bench]:
        """Start the lab in this process."""
        with Lab.start(FLEET, mode="thread") as lab:
            assert lab.world is not None
            yield cls(lab, lab.world)

    def reset(self) -> None:
        """Everything as it was when the lab started; 3CX's own description of a release holds for what was sent to it."""
        self.lab.control.clear_trouble()
        for name, value in Switches().as_dict().items():
            setattr(self.world.switches, name, value)
        for pbx in self.world.pbxs.values():
            pbx.state = None
            prepare_pbx(self.world, pbx)
        self.world.log.clear()

    def run(self) -> Run:
        """A new run."""
        return Run(self)

    # --- what is there ------------------------------------------------------------------------------------------------

    def pbx(self, name: str = NEWEST) -> Pbx:
        return self.world.pbxs[name]

    def state(self, name: str = NEWEST) -> PbxState:
        return state_of(self.world, self.pbx(name))

    def tenant(self, name: str = NEWEST) -> Tenant:
        return self.world.tenants[self.pbx(name).tenant_id]

    def login(self, name: str = NEWEST) -> dict[str, Any]:
        """Connection options of a PBX; where its license has no XAPI, those of its administrator."""
        pbx = self.pbx(name)
        licensed = pbx.edition == "Enterprise" and self.state(name).license_active
        if not licensed and self.world.switches.xapi_licence != "open":
            return self.administrator(name)
        return self.client(name)

    def client(self, name: str = NEWEST) -> dict[str, Any]:
        """Connection options with the XAPI client."""
        pbx = self.pbx(name)
        return {
            "url": pbx.url,
            "client_id": pbx.client_id,
            "client_secret": pbx.client_secret,
            "ca_path": str(self.lab.ca_path),
            "timeout": 10.0,
        }

    def administrator(self, name: str = NEWEST) -> dict[str, Any]:
        """Connection options with the administrator's login."""
        admin = self.pbx(name).admin
        options = {key: value for key, value in self.client(name).items() if not key.startswith("client_")}
        return {**options, "username": admin.username, "password": admin.password}

    def redirect_uri(self, name: str = NEWEST) -> str:
        return f"{self.state(name).base_url}/oauth2office2"

    def register(self, name: str = NEWEST, *permissions: str) -> dict[str, Any]:
        """The guide's application for a PBX; returns it, with `options` for the module."""
        directory = Directory(self.world, self.pbx(name))
        wanted = permissions or GUIDE_PERMISSIONS
        application = asyncio.run(directory.register(*wanted, redirect_uris=(self.redirect_uri(name),)))
        self.world.log.clear()
        return application

    def link(self, name: str = NEWEST, *permissions: str) -> dict[str, Any]:
        """Options that link a PBX to a new application of its own."""
        application = self.register(name, *permissions)
        return {"application_id": application["appId"], "tenant_id": self.pbx(name).tenant_id}

    # --- what was sent ------------------------------------------------------------------------------------------------

    def requests(self, name: str = NEWEST) -> list[Any]:
        """What was asked of a PBX since the test began, in order."""
        return list(self.world.log.query(service="pbx", host=name, source="client"))

    def sign_ins(self, name: str = NEWEST) -> int:
        return sum("/connect/token" in each.path or "/GetAccessToken" in each.path for each in self.requests(name))

    def xapi_calls(self, name: str = NEWEST) -> list[str]:
        """METHOD path of each call of XAPI."""
        return [f"{each.method} {each.path}" for each in self.requests(name) if each.path.startswith("/xapi/")]

    def writes(self, name: str = NEWEST) -> list[Any]:
        return [each for each in self.requests(name) if each.is_write]

    def hold_against_the_contract(self) -> int:
        """Every request to every PBX against 3CX's description of its release; returns how many were held against it."""
        sent = self.world.log.query(service="pbx", source="client")
        versions = {name: pbx.version for name, pbx in self.world.pbxs.items()}
        return contract.hold((each.as_dict() for each in sent), versions)


@dataclass
class Front:
    """Runs tasks through Ansible: in the controller's process, or as modules that are sent to the host."""

    bench: Bench
    in_process: bool
    directory: Path
    output: str = ""

    def play(
        self,
        *tasks: tuple[str, dict[str, Any]],
        check: bool = False,
        arguments: tuple[str, ...] = (),
        **environment: str,
    ) -> list[dict[str, Any]]:
        """The results of tasks of one run, in order; a failed task does not end it."""
        steps = [
            {"name": f"{number}", f"tcx.m365.{module}": params, "ignore_errors": True}
            for number, (module, params) in enumerate(tasks)
        ]
        playbook = self.directory / "play.yml"
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": steps}]
        playbook.write_text(yaml.safe_dump(play), encoding="utf-8")
        return self.play_file(playbook, *arguments, check=check, **environment)

    def play_file(
        self, playbook: Path, *arguments: str, check: bool = False, **environment: str
    ) -> list[dict[str, Any]]:
        """The results of the tasks of a playbook, in order."""
        results = self.directory / "results.jsonl"
        results.unlink(missing_ok=True)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook), *arguments]
        command += ["-e", json.dumps({"tcx_m365_in_process": self.in_process})]
        done = subprocess.run(
            [*command, "--check"] if check else command,
            env={**self._environment(results), **environment},
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        self.output = done.stdout + done.stderr
        if not results.exists():
            raise AssertionError(self.output)
        return [json.loads(line)["result"] for line in results.read_text(encoding="utf-8").splitlines()]

    def one(self, module: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """The result of a run with one task."""
        return self.play((module, params), check=check)[0]

    def _environment(self, results: Path) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "TCX_", "AZURE_"))
        }
        return {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback")),
            "ANSIBLE_CALLBACKS_ENABLED": "pbx_results",
            "PBX_RESULTS": str(results),
        }
