# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a job template the way AWX does: a private data directory for ansible-runner, made from what the controller holds.

Documented: `awx/main/tasks/jobs.py` (arguments, environment, inventory script), `CredentialType.inject_credential` and
`Inventory.get_sliced_hosts` of AWX 24.6. No container is used: the Python of the tests stands for the execution environment.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import COLLECTIONS
from fake_controller import Store, credential_types, surveys
from fake_controller.store import Item
from tower_kit import REPOSITORY

RUNNER = Path(sys.executable).with_name("ansible-runner")
# The path of a socket has to fit into 108 bytes, and ansible-core makes one among the temporary files.
_SCRATCH = tempfile.TemporaryDirectory(prefix="tcx-")
_numbers = itertools.count(1)
IDENT = "job"
INVENTORY_SCRIPT = "#! /usr/bin/env python3\nprint({text!r})\n"


@dataclass(frozen=True)
class Result:
    """How a job ended: `code` of ansible-playbook, everything it printed, the artifacts that it set."""

    code: int
    output: str
    artifacts: dict[str, Any]

    @property
    def totals(self) -> dict[str, int]:
        """The artifact of a compliance job."""
        assert "tcx_m365_compliance" in self.artifacts, self.output
        found: dict[str, int] = self.artifacts["tcx_m365_compliance"]
        return found

    @classmethod
    def of(cls, directory: Path) -> Result:
        """Read what ansible-runner left below `directory`/artifacts."""
        run = directory / "artifacts" / IDENT
        artifacts: dict[str, Any] = {}
        for path in (run / "job_events").glob("*.json"):
            event = json.loads(path.read_text(encoding="utf-8"))
            artifacts.update(event.get("event_data", {}).get("artifact_data", {}))
        code = int((run / "rc").read_text(encoding="utf-8"))
        return cls(code, (run / "stdout").read_text(encoding="utf-8"), artifacts)


@dataclass(frozen=True)
class Job:
    """A prepared job: its private data directory, and a home that it shares with no other."""

    directory: Path
    playbook: str

    def run(self) -> Result:
        """Run it here."""
        command = [RUNNER, "run", str(self.directory), "-p", self.playbook, "-i", IDENT, "--quiet"]
        subprocess.run(command, env=machine(self.directory.with_suffix(".home")), check=False, capture_output=True)
        return Result.of(self.directory)

    def transmit(self) -> bytes:
        """The stream that a controller sends to an execution node."""
        command = [RUNNER, "transmit", str(self.directory), "-p", self.playbook, "-i", IDENT]
        environment = machine(self.directory.with_suffix(".home"))
        return subprocess.run(command, env=environment, check=True, capture_output=True).stdout


def start_worker(directory: Path, home: Path) -> subprocess.Popen[bytes]:
    """An execution node: reads a stream, runs the job in a directory of its own, answers with a stream."""
    directory.mkdir()
    command = [RUNNER, "worker", "--private-data-dir", str(directory)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=machine(home), stdin=pipe, stdout=pipe, stderr=pipe)


def process(directory: Path, stream: bytes) -> Result:
    """What the controller makes of the answer."""
    directory.mkdir()
    command = [RUNNER, "process", str(directory), "-i", IDENT]
    environment = machine(directory.with_suffix(".home"))
    done = subprocess.run(command, env=environment, input=stream, check=False, capture_output=True)
    assert (directory / "artifacts").is_dir(), done.stderr.decode()
    return Result.of(directory)


def machine(home: Path) -> dict[str, str]:
    """The environment of a machine that knows nothing of any other: its own home and its own temporary files."""
    home.mkdir(exist_ok=True)
    scratch = Path(_SCRATCH.name) / str(next(_numbers))
    scratch.mkdir(mode=0o700)
    return {
        "PATH": os.pathsep.join([str(RUNNER.parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "LC_ALL": "C.UTF-8",
    }


@dataclass(frozen=True)
class Desk:
    """Where jobs are prepared.

    :param store: the controller.
    :param inventory: the hosts as the telephony team writes them, in the form of the YAML inventory.
    :param ca: certificate authority of the lab; it travels with the project, as it would inside an image.
    """

    store: Store
    inventory: Mapping[str, Any]
    ca: Path
    place: Path

    def prepare(
        self,
        template: str,
        name: str,
        *,
        limit: str | None = None,
        answers: Mapping[str, Any] | None = None,
        credentials: Sequence[str] | None = None,
        slice_: tuple[int, int] = (1, 1),
    ) -> Job:
        """Make the private data directory of one launch.

        :param template: name of the job template.
        :param limit: given at launch; None takes that of the template.
        :param answers: to the survey; AWX refuses wrong ones, and so does this.
        :param credentials: names, in place of those of the template.
        :param slice_: number of the slice, from 1, and how many there are.
        """
        item = self.store.one("job_template", template)
        refused = surveys.refused_variables(item, answers or {}, required=True)
        assert not refused, refused
        directory = self.place / name
        for part in ("env", "inventory", "project"):
            (directory / part).mkdir(parents=True)
        shutil.copytree(REPOSITORY / "playbooks", directory / "project" / "playbooks")
        shutil.copyfile(self.ca, directory / "project" / "playbooks" / "ca.pem")
        self._write_inventory(directory, item, slice_)
        attached = self.store.listed(item, "credentials")
        if credentials is not None:
            attached = [self.store.one("credential", each) for each in credentials]
        env, extra = self._injected(attached, directory / "env")
        extra = {**surveys.answers(item, answers or {}), **extra, "awx_job_id": 1, "tower_job_id": 1}
        _private(directory / "env" / "envvars", json.dumps({**env, "JOB_ID": "1", "ANSIBLE_FORCE_COLOR": "False"}))
        _private(directory / "env" / "extravars", json.dumps(extra))
        _private(directory / "env" / "cmdline", " ".join(_arguments(item, limit)))
        return Job(directory, item.values["playbook"])

    def _write_inventory(self, directory: Path, template: Item, slice_: tuple[int, int]) -> None:
        """The constructed inventory of the template, as the script that AWX gives to a job."""
        chosen = self.store.referred(template, "inventory")
        assert chosen is not None
        source = self.store.one("inventory_source", f"Auto-created source for: {chosen.name}")
        scratch = directory / "written"
        scratch.mkdir()
        (scratch / "hosts.yml").write_text(json.dumps(self.inventory), encoding="utf-8")
        (scratch / "constructed.yml").write_text(source.values["source_vars"], encoding="utf-8")
        inputs = ["-i", "hosts.yml", "-i", "constructed.yml"]
        program = RUNNER.with_name("ansible-inventory")
        done = subprocess.run([program, *inputs, "--list"], cwd=scratch, capture_output=True, text=True, check=True)
        shutil.rmtree(scratch)
        text = json.dumps(_sliced(json.loads(done.stdout), *slice_))
        script = directory / "inventory" / "hosts"
        script.write_text(INVENTORY_SCRIPT.format(text=text), encoding="utf-8")
        script.chmod(stat.S_IRWXU)

    def _injected(self, credentials: Iterable[Item], directory: Path) -> tuple[dict[str, str], dict[str, Any]]:
        env: dict[str, str] = {}
        extra: dict[str, Any] = {}
        for credential in credentials:
            kind = self.store.referred(credential, "credential_type")
            assert kind is not None
            inputs, values = kind.values["inputs"], credential.values["inputs"]
            missing = [name for name in inputs.get("required", []) if not values.get(name)]
            assert not missing, f"{credential.name} lacks {missing}"
            more, vars_ = credential_types.inject(inputs, kind.values["injectors"], values, directory)
            assert not set(more) & set(env), "two credentials set the same variable"
            env.update(more)
            extra.update(vars_)
        return env, extra


def _arguments(template: Item, limit: str | None) -> list[str]:
    values = template.values
    found = []
    if values["job_type"] == "check":
        found.append("--check")
    if values["diff_mode"]:
        found.append("--diff")
    chosen = values["limit"] if limit is None else limit
    if chosen:
        found.append(f"-l '{chosen}'")
    found.append(f"--forks={values['forks']}")
    return found


def _sliced(inventory: dict[str, Any], number: int, count: int) -> dict[str, Any]:
    """Every `count`th host in the order of their names, beginning with `number`; AWX leaves the groups as they are."""
    known = inventory["_meta"]["hostvars"]
    kept = sorted(known)[number - 1 :: count]
    found: dict[str, Any] = {"_meta": {"hostvars": {name: known[name] for name in kept}}}
    for group, content in inventory.items():
        if group != "_meta":
            found[group] = {**content, "hosts": [host for host in content.get("hosts", []) if host in kept]}
    return found


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
