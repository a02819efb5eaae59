# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a job template the way AWX does: a private data directory for ansible-runner, made from what the controller holds.

Documented: `awx/main/tasks/jobs.py` (arguments, environment, passwords), `CredentialType.inject_credential` of AWX 24.6. No
container is used: the Python of the tests stands for the execution environment.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import COLLECTIONS
from fake_controller import Store, credential_types, jobs, syncs
from fake_controller.store import Item

RUNNER = Path(sys.executable).with_name("ansible-runner")
# The path of a socket has to fit into 108 bytes, and ansible-core makes one among the temporary files.
_SCRATCH = tempfile.TemporaryDirectory(prefix="tcx-")
_numbers = itertools.count(1)
IDENT = "job"


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
    def of_job(cls, job: Item) -> Result:
        """What the controller wrote down about a job; a job that never ran shows why."""
        values = job.values
        code = 0 if values["status"] == "successful" else 1
        return cls(code, values["result_stdout"] or values["job_explanation"], values["artifacts"])

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
    """Where jobs are prepared and run: what a store calls to have a launch carried out.

    :param store: the controller.
    """

    store: Store
    place: Path

    def run(self, launch: jobs.Launch) -> jobs.Ended:
        """Run a launch here."""
        done = self.prepare(launch, f"job-{launch.job.id}").run()
        return jobs.Ended(done.code, done.output, done.artifacts)

    def prepare(self, launch: jobs.Launch, name: str) -> Job:
        """Make the private data directory of a launch."""
        directory = self.place / name
        for part in ("env", "inventory"):
            (directory / part).mkdir(parents=True)
        project = self.store.referred(launch.template, "project")
        assert project is not None
        shutil.copytree(self.store.repositories[project.values["scm_url"]], directory / "project")
        syncs.write_script(directory / "inventory" / "hosts", launch.inventory)
        env, extra = self._injected(launch.credentials, directory / "env")
        _private(directory / "env" / "envvars", json.dumps({**env, "JOB_ID": "1", "ANSIBLE_FORCE_COLOR": "False"}))
        _private(directory / "env" / "extravars", json.dumps({**launch.extra_vars, **extra}))
        _private(directory / "env" / "cmdline", " ".join(_arguments(launch)))
        self._give_passwords(launch, directory / "env")
        return Job(directory, launch.job.values["playbook"])

    def _give_passwords(self, launch: jobs.Launch, directory: Path) -> None:
        """A job, unlike an update, gets the password of Ansible Vault: ansible-runner answers the question for it."""
        for credential in launch.credentials:
            kind = self.store.referred(credential, "credential_type")
            if kind is not None and kind.name == "Vault":
                prompt = {r"Vault password:\s*?$": credential.values["inputs"]["vault_password"]}
                _private(directory / "passwords", json.dumps(prompt))
                with (directory / "cmdline").open("a", encoding="utf-8") as handle:
                    handle.write(" --ask-vault-pass")

    def _injected(self, credentials: Iterable[Item], directory: Path) -> tuple[dict[str, str], dict[str, Any]]:
        env: dict[str, str] = {}
        extra: dict[str, Any] = {}
        for credential in credentials:
            kind = self.store.referred(credential, "credential_type")
            assert kind is not None
            inputs, values = kind.values["inputs"], credential.values["inputs"]
            missing = [name for name in inputs.get("required", []) if not values.get(name)]
            assert not missing, f"{credential.name} lacks {missing}"
            more, vars_ = credential_types.inject(inputs, kind.values["injectors"] or {}, values, directory)
            assert not set(more) & set(env), "two credentials set the same variable"
            env.update(more)
            extra.update(vars_)
        return env, extra


def _arguments(launch: jobs.Launch) -> list[str]:
    values = launch.job.values
    found = []
    if values["job_type"] == "check":
        found.append("--check")
    if values["diff_mode"]:
        found.append("--diff")
    if values["limit"]:
        found.append(f"-l '{values['limit']}'")
    found.append(f"--forks={launch.forks}")
    return found


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
