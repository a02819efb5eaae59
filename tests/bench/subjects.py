# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab with a fleet, and everything that the benchmarks run against it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azcollection
import calls
import certifi
import environments
import psutil
from _paths import HERE, REPOSITORY
from meter import Usage, measure
from tcx_lab.testing import Lab

FORKS = 5
"""Ansible's own default: a rollout works on a batch together, so that it needs no more."""
FORKS_OF_MODULES = 50
CONCURRENCY = 50
TROUBLE = {"down": 3, "wrong_secret": 3, "unlicensed": 3, "drifted": 3}
"""Percent of the PBXs with each trouble, in every benchmark."""

_PATIENT = {"block_after": 1_000_000}
"""Wrong secrets are sent in each run, and a PBX that blocks us for it would answer something else in the next one."""


TODAY = time.strftime("%Y-%m-%d")
"""The date of all that one start of the program measures, also past midnight: only that is compared with each other."""


class Unexpected(RuntimeError):
    """A run did not end as it must, so its figures mean nothing."""


@dataclass(frozen=True)
class Figure:
    """One measured run.

    :param calls: HTTP requests per PBX by service.
    :param load: what was waiting for the processors when it began, besides us (one-minute load average).
    :param others: seconds until the last PBX that is not slow was done; 0 where nobody asked.
    """

    usage: Usage
    pbxs: int
    calls: dict[str, float]
    load: float
    others: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        used = self.usage
        return {
            "wall": round(used.wall, 3),
            "cpu_per_pbx": round(used.cpu / self.pbxs, 4),
            "wall_per_pbx": round(used.wall / self.pbxs, 4),
            "pbxs": self.pbxs,
            "memory_mib": round(used.memory / 2**20, 1),
            "lab_share": round(used.lab_cpu / used.wall, 3),
            "calls": self.calls,
            "load": self.load,
            "date": TODAY,
            "others": round(self.others, 3),
        }


def _verdicts(pbx: Mapping[str, Any]) -> tuple[str, ...]:
    """What the report may say of a PBX. A license that has refused once is known from then on, which the lab cannot know."""
    return (pbx["expected"], "unlicensed") if "unlicensed" in pbx["trouble"] else (pbx["expected"],)


class Bench:
    """One running lab and the ways to measure on it."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        assert lab.process is not None
        self.lab = lab
        self.directory = directory
        self.inventory = lab.inventory
        self.pbxs = len(self.inventory["tcx"]["hosts"])
        self._process = psutil.Process(lab.process.pid)
        self.prefix: list[str] = []  # a program that starts ansible-playbook and looks into it
        # As large as what a controller really reads: the public authorities, and ours.
        self.bundle = directory / "bundle.txt"
        self.bundle.write_bytes(Path(certifi.where()).read_bytes() + lab.ca_path.read_bytes())

    @classmethod
    @contextlib.contextmanager
    def start(cls, pbxs: int, latency_ms: float, **options: Any) -> Iterator[Bench]:
        """A lab of that size, each PBX with a tenant of its own, with trouble on some of them."""
        with (
            tempfile.TemporaryDirectory(prefix="tcx-bench-") as directory,
            Lab.start(
                pbxs=pbxs, latency_ms=latency_ms, switches=_PATIENT, keep_bodies=1000, **{**TROUBLE, **options}
            ) as lab,
        ):
            yield cls(lab, Path(directory))

    def prepare(self) -> None:
        """Roll out without measuring, quickly."""
        usage = self._measured([sys.executable, str(HERE / "prepare.py"), str(self._inventory())], self._environment())
        self._expect(usage.code == 0, "the preparation failed")
        self.lab.control.clear_log()

    def rollout(self, *, limit: int = 0, forks: int = FORKS, strategy: str = "linear", **variables: Any) -> Figure:
        """The playbook of the rollout; hosts with trouble fail, so it ends with 2."""
        known = {**self._environment(), "ANSIBLE_FORKS": str(forks), "ANSIBLE_STRATEGY": strategy}
        return self._playbook("tcx.m365.rollout", limit=limit, codes=(0, 2), variables=variables, environment=known)

    def compliance(self, **variables: Any) -> Figure:
        """The playbook of the compliance run; its report must hold every PBX once, with the right verdict."""
        reports = self.directory / "reports"
        known = {"compliance_report_dir": str(reports), **variables}
        figure = self._playbook("tcx.m365.compliance", variables=known)
        entries = json.loads((reports / "compliance.json").read_text(encoding="utf-8"))["hosts"]
        wanted = {pbx["name"]: _verdicts(pbx) for pbx in self.lab.control.state()["pbxs"]}
        if variables.get("sso_verify_people"):  # the administrator of a PBX has no account of Microsoft 365
            wanted = {host: (*verdicts, "attention") for host, verdicts in wanted.items()}
        self._expect(len(entries) == len(wanted), f"{len(entries)} PBXs in the report instead of {len(wanted)}")
        wrong = [entry["host"] for entry in entries if entry["verdict"] not in wanted.pop(entry["host"], ())]
        self._expect(not wrong and not wanted, f"wrong verdict: {wrong[:5]}, missing: {list(wanted)[:5]}")
        return figure

    def recorded(self) -> list[dict[str, Any]]:
        """The log of the last run, to be sent again."""
        return self.lab.control.log()

    def forget(self) -> None:
        """The lab as it was at its start."""
        self.lab.control.reset()

    def bare(self, log: list[dict[str, Any]] | None = None) -> Figure:
        """A bare asynchronous client that sends what the last run has sent, or a recorded one."""
        python = environments.ensure("bench").bin / "python"
        script = self.directory / "script.json"
        log = self.recorded() if log is None else log
        script.write_text(calls.as_text(calls.script_of(log, self.inventory, self.lab.endpoints)), encoding="utf-8")
        command = [str(python), str(HERE / "bare_client.py"), str(script), str(self.bundle), str(CONCURRENCY)]
        figure = self._figure(command, self._environment(), self.pbxs, (0,))
        statuses = json.loads((self.directory / "output.log").read_text(encoding="utf-8"))
        statuses.pop("0", None)  # no connection to a PBX that is down: such a call is in no log
        fit = Counter(str(entry["status"]) for entry in calls.from_clients(log) if entry["batch"] is None)
        others = sum(abs(statuses.get(status, 0) - fit[status]) for status in {*statuses, *fit})
        self._expect(others <= fit.total() / 200, f"the bare client got {statuses}, the run {fit}")
        return figure

    def azcollection(self, limit: int) -> Figure:
        """azure.azcollection for the application, ansible.builtin.uri for the rest; see the playbook for what it can do."""
        known = azcollection.environment(self._environment(), self.bundle)
        variables = {"ansible_python_interpreter": str(azcollection.python()), "ca_path": str(self.bundle)}
        playbook = str(HERE / "playbooks" / "azcollection.yml")
        return self._playbook(playbook, limit=limit, variables=variables, environment=known)

    def one(self, *, empty: bool) -> Figure:
        """A rollout of one PBX, or a playbook with one task that does nothing, for the same PBX."""
        return self.empty(limit=1) if empty else self.rollout(limit=1)

    def empty(self, limit: int = 0) -> Figure:
        """A playbook with one task that does nothing for each PBX: what Ansible takes for itself."""
        return self._playbook(str(HERE / "playbooks" / "empty.yml"), limit=limit, variables={})

    @contextlib.contextmanager
    def slow(self, percent: int, seconds: float, **what: str) -> Iterator[list[str]]:
        """So many PBXs answer once after a while; gives their names.

        :param what: which requests, as the lab's trouble matches them.
        """
        chosen = self.healthy()[:: max(1, 100 // percent)]
        for host in chosen:
            self.lab.control.add_trouble("delay", match={"service": "pbx", "host": host, **what}, seconds=seconds)
        try:
            yield chosen
        finally:
            self.lab.control.clear_trouble()

    def others_wall(self, slow: list[str]) -> float:
        """Seconds from the first request of the last run to the last one of a PBX that is not among the slow ones."""
        log = calls.from_clients(self.recorded())
        moments = [
            calls.seconds(entry["at"]) for entry in log if entry["service"] == "pbx" and entry["host"] not in slow
        ]
        return max(moments) - min(moments)

    def give_extensions(self) -> None:
        """Every user of the tenant has an extension on its PBX."""
        for host, values in self.inventory["tcx"]["hosts"].items():
            users = self.lab.control.objects(values["entra_tenant_id"], "users")
            extensions = [
                {"Number": str(2000 + number), "EmailAddress": user["userPrincipalName"], "Tags": ["MS"]}
                for number, user in enumerate(users)
            ]
            self.lab.control.patch_pbx(host, number_length=4, max_user_extensions=len(users) + 100, users=extensions)

    def drift(self) -> None:
        """Change some PBXs behind the collection's back."""
        self.lab.control.drift()

    def _playbook(
        self,
        name: str,
        *,
        variables: Mapping[str, Any],
        limit: int = 0,
        codes: tuple[int, ...] = (0,),
        environment: Mapping[str, str] | None = None,
    ) -> Figure:
        given = {"entra_ca_path": str(self.bundle), "tcx_ca_path": str(self.bundle), **variables}
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, name, "-i", str(self._inventory()), "-e", json.dumps(given)]
        if limit:
            command += ["--limit", ",".join(self.healthy()[:limit])]
        command = [*self.prefix, *command]
        return self._figure(command, environment or self._environment(), limit or self.pbxs, codes)

    def healthy(self) -> list[str]:
        """PBXs without trouble."""
        return [pbx["name"] for pbx in self.lab.control.state()["pbxs"] if not pbx["trouble"]]

    def _figure(self, command: list[str], environment: Mapping[str, str], pbxs: int, codes: tuple[int, ...]) -> Figure:
        self.lab.control.clear_log()
        load = round(os.getloadavg()[0], 1)
        usage = self._measured(command, environment)
        self._expect(usage.code in codes, f"{command[1]} ended with {usage.code}")
        return Figure(usage, pbxs, calls.per_pbx(self.lab.control.log(source="client"), pbxs), load)

    def _measured(self, command: list[str], environment: Mapping[str, str]) -> Usage:
        time.sleep(0.5)  # what the run before has left behind is over
        return measure(command, environment, self.directory, self._process)

    def _inventory(self) -> Path:
        return self.lab.inventory_path

    def _environment(self) -> dict[str, str]:
        """A controller with nothing configured but the forks."""
        found = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        collections = str(REPOSITORY / ".build" / "collections")
        return {
            **found,
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_REMOTE_TEMP": str(home / ".ansible" / "tmp"),
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "PYTHONPATH": collections,
            "ANSIBLE_FORKS": str(FORKS),
        }

    def _expect(self, met: bool, problem: str) -> None:
        if not met:
            output = (self.directory / "output.log").read_text(encoding="utf-8", errors="replace")
            raise Unexpected(f"{problem}\n{output[-3000:]}")


def report_page(pbxs: int) -> dict[str, Any]:
    """What `page.py` measures in a browser of its own."""
    python = environments.ensure("browser").bin / "python"
    paths = os.pathsep.join([str(REPOSITORY / ".build" / "collections"), str(REPOSITORY / "tests" / "lab")])
    command = [str(python), str(HERE / "page.py"), str(pbxs)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unexpected(done.stderr[-3000:])
    return dict(json.loads(done.stdout))
