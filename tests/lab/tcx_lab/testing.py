# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts a lab from a test or a script and talks to its control API.

with Lab.start("demo") as lab:                    # a process of its own
    run_playbook(lab.inventory_path)
    assert lab.control.writes() == []

with Lab.start(world, mode="thread") as lab:      # in this process; `lab.world` can be looked at and changed
    ...
"""

from __future__ import annotations

import contextlib
import dataclasses
import html
import json
import os
import queue
import re
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from tcx_lab.fleet import FleetPlan
from tcx_lab.world import World

_START_SECONDS = 120.0
_PACKAGE_PARENT = Path(__file__).resolve().parents[1]


class LabError(RuntimeError):
    """The lab did not start, or refused a control request."""


@dataclasses.dataclass
class Lab:
    """A running lab. `world` is there in thread mode alone; `process` in subprocess mode alone."""

    directory: Path
    control: Control
    world: World | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def ca_path(self) -> Path:
        """PEM of the lab's certificate authority."""
        return self.directory / "ca.pem"

    @property
    def inventory_path(self) -> Path:
        """The inventory as a file for `ansible-playbook -i`."""
        return self.directory / "inventory.json"

    @property
    def inventory(self) -> dict[str, Any]:
        """The inventory as the lab printed it when it started."""
        content: dict[str, Any] = json.loads(self.inventory_path.read_text(encoding="utf-8"))
        return content

    @property
    def endpoints(self) -> dict[str, Any]:
        """`login`, `graph`, `management`, `control` and `pbxs` (name -> base URL)."""
        content: dict[str, Any] = json.loads((self.directory / "endpoints.json").read_text(encoding="utf-8"))
        return content

    def client(self, **options: Any) -> httpx.Client:
        """An HTTP client that trusts this lab."""
        return httpx.Client(verify=_context(self.ca_path), timeout=30, trust_env=False, **options)

    def automation_token(self, tenant: str) -> str:
        """A token for Graph that the automation gets in a tenant, which is named by its id or a domain."""
        common = self.inventory["tcx"]["vars"]
        form = {
            "grant_type": "client_credentials",
            "client_id": common["entra_client_id"],
            "client_secret": common["entra_client_secret"],
            "scope": f"{self.endpoints['graph']}/.default",
        }
        with self.client() as http:
            answer = http.post(f"{self.endpoints['login']}/{tenant}/oauth2/v2.0/token", data=form)
        return str(answer.raise_for_status().json()["access_token"])

    def browse(self, address: str, user: str) -> str:
        """What a person does in a browser: opens a sign-in address, picks an account, accepts; returns where it is sent.

        Raises LabError with the page when it ends at one.
        """
        with self.client() as http:
            page = http.get(address)
            fields = {"loginfmt": user}
            for _page in range(3):
                if page.status_code == 302:
                    return page.headers["Location"]
                action = re.search(r'action="([^"]+)"', page.text)
                hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
                if action is None or page.is_error:
                    break
                sent = {name: html.unescape(value) for name, value in hidden.items()}
                page = http.post(f"{self.endpoints['login']}{html.unescape(action[1])}", data={**sent, **fields})
                fields = {"decision": "accept"}
        raise LabError(page.text)

    @classmethod
    @contextlib.contextmanager
    def start(
        cls, fleet: str | Path | FleetPlan | World = "demo", *, mode: str = "subprocess", **options: Any
    ) -> Iterator[Lab]:
        """Run a lab until the block ends. `fleet`: "demo", a YAML file, a plan, or (thread mode) a ready world.

        `options` are those of the command line with underscores: pbxs, tenants, seed, latency_ms, down, drifted ...;
        `switches` is a mapping. Thread mode also takes `apps` (switchboard.Apps) in place of the real services.
        """
        with tempfile.TemporaryDirectory(prefix="tcx-lab-") as scratch:
            directory = Path(options.pop("state_dir", scratch))
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if mode == "thread":
                running = _in_thread(cls, fleet, directory, options)
            elif mode == "subprocess":
                running = _in_process(cls, fleet, directory, options)
            else:
                raise ValueError(f"mode is subprocess or thread, not {mode!r}")
            with contextlib.ExitStack() as stack:
                lab = stack.enter_context(running)
                stack.enter_context(lab.control)
                yield lab


def _arguments(fleet: str | Path | FleetPlan, directory: Path, options: Mapping[str, Any]) -> list[str]:
    if isinstance(fleet, FleetPlan):
        path = directory / "fleet.yml"
        path.write_text(yaml.safe_dump(_plain(dataclasses.asdict(fleet)), sort_keys=False), encoding="utf-8")
        fleet = path
    arguments = ["--fleet", str(fleet), "--state-dir", str(directory), "--quiet"]
    for name, value in options.items():
        if name == "switches":
            for switch, position in value.items():
                arguments += ["--switch", f"{switch}={json.dumps(position)}"]
        else:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    return arguments


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


@contextlib.contextmanager
def _in_process(
    kind: type[Lab], fleet: str | Path | FleetPlan | World, directory: Path, options: Mapping[str, Any]
) -> Iterator[Lab]:
    if isinstance(fleet, World):
        raise TypeError("a world cannot be handed to another process: use mode='thread'")
    ready, notify = os.pipe()
    # Where lines of those who call the lab are counted, its own need not be: that takes as long as its work.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "tcx_lab", *_arguments(fleet, directory, options), "--ready-fd", str(notify)]
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(command, env=environment, pass_fds=[notify], stdout=words, stderr=words)
        os.close(notify)
        try:
            if not _became_ready(ready):
                process.kill()
                process.wait()
                words.seek(0)
                raise LabError(f"the lab did not start: {words.read().decode(errors='replace').strip()}")
            yield kind(directory, Control.of(directory), process=process)
        finally:
            os.close(ready)
            _stop(process)


def _became_ready(ready: int) -> bool:
    """Wait for the lab's word on the pipe; False when it ended or was silent for too long."""
    with selectors.DefaultSelector() as selector:
        selector.register(ready, selectors.EVENT_READ)
        return bool(selector.select(_START_SECONDS)) and os.read(ready, 16).startswith(b"ready")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _in_thread(
    kind: type[Lab], fleet: str | Path | FleetPlan | World, directory: Path, options: dict[str, Any]
) -> Iterator[Lab]:
    from tcx_lab import __main__ as command_line
    from tcx_lab import server as server_module

    apps = options.pop("apps", None)
    if isinstance(fleet, World):
        world, parsed = fleet, command_line.parse(_arguments("demo", directory, options))
        world.latency = parsed.latency_ms / 1000
    else:
        parsed = command_line.parse(_arguments(fleet, directory, options))
        world = command_line.build_world(parsed)
    server = server_module.LabServer(world, apps=apps, port_base=parsed.port_base)
    outcome: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def announce(ready: server_module.LabServer) -> None:
        command_line.write_state(ready, directory)
        outcome.put(None)

    def work() -> None:
        try:
            server_module.run(server)
        except (Exception, SystemExit) as error:
            outcome.put(error)
            raise

    server.on_ready = announce
    thread = threading.Thread(target=work, name="tcx-lab", daemon=True)
    thread.start()
    failure = outcome.get(timeout=_START_SECONDS)
    if failure is not None:
        raise LabError("the lab did not start") from failure
    try:
        yield kind(directory, Control.of(directory), world=world)
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _context(ca_path: Path) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(ca_path))


class Control:
    """A small client of the control API. Every method raises LabError with the lab's own words when it refuses."""

    def __init__(self, base_url: str, ca_path: Path) -> None:
        self._http = httpx.Client(base_url=base_url, verify=_context(ca_path), timeout=60, trust_env=False)

    @classmethod
    def of(cls, directory: Path) -> Control:
        """The client for the lab whose state directory this is."""
        endpoints = json.loads((directory / "endpoints.json").read_text(encoding="utf-8"))
        return cls(endpoints["control"], directory / "ca.pem")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Any control request; returns the decoded JSON, None when the answer is empty."""
        response = self._http.request(method, path, json=body, params={k: v for k, v in query.items() if v != ""})
        if response.is_error:
            raise LabError(f"{method} {path}: HTTP {response.status_code}: {response.text}")
        return response.json() if response.content else None

    def state(self) -> dict[str, Any]:
        """Everything that `GET /_lab/state` shows."""
        state: dict[str, Any] = self.call("GET", "/state")
        return state

    def log(self, **query: Any) -> list[dict[str, Any]]:
        """Log entries; `query`: since, service, host, tenant, source, writes=1."""
        entries: list[dict[str, Any]] = self.call("GET", "/log", **query)["entries"]
        return entries

    def counts(self, **query: Any) -> dict[str, Any]:
        """Totals of the log by service, host and source, with `last_seq`."""
        totals: dict[str, Any] = self.call("GET", "/log", counts=1, **query)
        return totals

    def clear_log(self) -> None:
        """Forget all log entries."""
        self.call("DELETE", "/log")

    def writes(self, **query: Any) -> list[dict[str, Any]]:
        """What clients (not the PBXs themselves) tried to change."""
        return [entry for entry in self.log(writes=1, **query) if not entry["source"].startswith("pbx:")]

    def wait_for_log(self, count: int, *, seconds: float = 30, **query: Any) -> list[dict[str, Any]]:
        """Wait until at least `count` matching entries are there; LabError when they do not come."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            entries = self.log(**query)
            if len(entries) >= count:
                return entries
            time.sleep(0.02)
        raise LabError(f"{count} log entries with {query} did not come within {seconds} seconds")

    def add_trouble(self, action: str, *, match: Mapping[str, str] | None = None, **details: Any) -> str:
        """Put a trouble rule in force; returns its id."""
        rule: str = self.call("POST", "/trouble", {"action": action, "match": dict(match or {}), **details})["id"]
        return rule

    def clear_trouble(self, rule_id: str = "") -> None:
        """Take back one rule, or all."""
        self.call("DELETE", f"/trouble/{rule_id}" if rule_id else "/trouble")

    def advance_clock(self, seconds: float) -> str:
        """Move the lab's time; returns the new time."""
        now: str = self.call("POST", "/clock", {"advance": seconds})["now"]
        return now

    def set_latency(self, milliseconds: float) -> None:
        """Delay of every answer to a client from now on."""
        self.call("POST", "/latency", {"ms": milliseconds})

    def set_switches(self, **positions: Any) -> None:
        """Set switches of assumed behaviors by name."""
        self.call("PATCH", "/switches", positions)

    def set_permissions(self, *permissions: str) -> None:
        """Give the automation just these application permissions in every tenant, from its next token on."""
        self.call("PATCH", "/automation", {"permissions": list(permissions)})

    def consent(self, tenant: str, client_id: str) -> dict[str, Any]:
        """An administrator of the tenant opens the consent address of an application and accepts."""
        answer: dict[str, Any] = self.call("POST", f"/tenants/{tenant}/consent", {"client_id": client_id})
        return answer

    def withdraw_consent(self, tenant: str, client_id: str) -> None:
        """An administrator of the tenant deletes the enterprise application."""
        self.call("DELETE", f"/tenants/{tenant}/consent", {"client_id": client_id})

    def sign_in(self, tenant: str, *roles: str, **options: Any) -> dict[str, Any]:
        """A person with these Microsoft Entra roles signs in to the Azure CLI; returns what `az account get-access-token`
        prints. `options`: user (mailbox), scopes."""
        answer: dict[str, Any] = self.call("POST", f"/tenants/{tenant}/sign_in", {"roles": list(roles), **options})
        return answer

    def partner(self, home: str, *customers: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """Make a Microsoft partner of a tenant, with customers: `tcx_lab.partner.arrange`."""
        body = {"home": home, "customers": [dict(customer) for customer in customers], **options}
        answer: dict[str, Any] = self.call("PUT", "/partner", body)
        return answer

    def reset(self) -> None:
        """Set the world back to how it started: same ids, secrets and ports; log, trouble and switches as well."""
        self.call("POST", "/reset")

    def pbx(self, name: str) -> dict[str, Any]:
        """One PBX as the control API shows it."""
        pbx: dict[str, Any] = self.call("GET", f"/pbx/{name}")
        return pbx

    def patch_pbx(self, name: str, **changes: Any) -> dict[str, Any]:
        """Change a PBX behind everybody's back: version, edition, down, clock_offset, AdUsers ..."""
        pbx: dict[str, Any] = self.call("PATCH", f"/pbx/{name}", changes)
        return pbx

    def new_key_pair(self, name: str, **options: Any) -> dict[str, Any]:
        """The guide's "Generate new key pair" on a PBX: {thumbprint, public_key}."""
        key_pair: dict[str, Any] = self.call("POST", f"/pbx/{name}/new_key_pair", options)
        return key_pair

    def objects(self, tenant: str, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind (applications, servicePrincipals, users ...) of a tenant, by id or domain."""
        objects: list[dict[str, Any]] = self.call("GET", f"/tenants/{tenant}/{kind}")[kind]
        return objects

    def patch_application(self, tenant: str, object_id: str, **changes: Any) -> dict[str, Any]:
        """Change an application behind everybody's back."""
        application: dict[str, Any] = self.call("PATCH", f"/tenants/{tenant}/applications/{object_id}", changes)
        return application

    def patch_user(self, tenant: str, object_id: str, **changes: Any) -> dict[str, Any]:
        """Change a user, for example `accountEnabled=False`, behind everybody's back."""
        user: dict[str, Any] = self.call("PATCH", f"/tenants/{tenant}/users/{object_id}", changes)
        return user

    def delete_object(self, tenant: str, kind: str, object_id: str) -> None:
        """Delete a directory object behind everybody's back."""
        self.call("DELETE", f"/tenants/{tenant}/{kind}/{object_id}")

    def drift(self, hosts: list[str] | None = None) -> list[str]:
        """Change settings of some PBXs and applications (default: those planned as drifted); returns the PBXs' names."""
        drifted: list[str] = self.call("POST", "/drift", {"hosts": hosts})["drifted"]
        return drifted
