# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that says its own credential in every text that it can set, so that it would stand in reports and files that others read."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _stores
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import RENDERERS
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report
from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.attacks.test_hostile_values import TEXTS, _told
from ansible_collections.tcx.m365.tests.in_process import Run
from ansible_collections.tcx.m365.tests.integration.bench import Front
from ansible_collections.tcx.m365.tests.tools.report_texts import render
from tcx_lab import hostile

SHORT = {"tcx_deadline": 10, "entra_deadline": 20, "tcx_console_wait_timeout": 2}
SYNC = {"tcx_console_user_sync": {"starting_extension": "300"}}
"""What differs from what the PBX says, so that the run keeps what it was before."""
KEPT = ("FQDN", "PbxExternalHost", "ApplicationId", "TenantId", "Version")
"""What ends every step where it is not true."""


GUID = "0b7d3c7e-58f4-4c8b-8d9b-1f6a3c8f2a11"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene.start(tmp_path_factory.mktemp("home")) as scene:
        first = _begin(scene, tmp_path_factory.mktemp("first") / "run").operation("rollout")
        assert not first["pbx0"].get("failed")
        yield scene


def _begin(scene: Scene, directory: Path, *, check_mode: bool = False, **more: Any) -> Run:
    content = scene.controller.lab.inventory
    return Run.begin(content, ["pbx0"], directory, check_mode=check_mode, **{**SHORT, **more})


def _secrets(scene: Scene) -> list[str]:
    host = scene.controller.lab.inventory["tcx"]["hosts"]["pbx0"]
    return [str(host[name]) for name in ("tcx_client_secret", "tcx_password") if host.get(name)]


@pytest.mark.parametrize(
    "names", [TEXTS, [name for name in TEXTS if name not in KEPT]], ids=["all", "but its identity"]
)
def test_a_credential_that_a_pbx_says_stands_nowhere(scene: Scene, tmp_path: Path, names: list[str]) -> None:
    secrets = _secrets(scene)
    hostile.lie(scene.pbx("pbx0"), **dict.fromkeys(names, f"it is {secrets[0]}!"))
    try:
        audit = _begin(scene, tmp_path / "audit", check_mode=True, sso_verify_people=True)
        entries = audit.report()
        runs = [audit]
        results: list[Any] = [dataclasses.asdict(entry) for entry in entries]
        for operation, more in (("capture", {}), ("rollout", SYNC), ("offboard", {"offboard_confirm": True})):
            run = _begin(scene, tmp_path / operation, check_mode=operation == "offboard", **more)
            results.append(run.operation(operation))
            runs.append(run)
        run = _begin(scene, tmp_path / "undo", snapshot="latest", snapshot_dir=str(tmp_path / "rollout" / "snapshots"))
        results.append(run.operation("rollback"))
        runs.append(run)
    finally:
        hostile.be_honest(scene.pbx("pbx0"))
    report = Report.build(entries, NOW, {})
    texts = [*_told(results), *(text for each in runs for text in each.warnings), json.dumps(results, default=str)]
    texts += [render(name, report) for name in RENDERERS]
    # What the tasks of a run share is private and goes with the run.
    files = [path for path in tmp_path.rglob("*") if path.is_file() and _stores._NAME not in path.parts]
    assert {"captured", "snapshots"} <= {part for path in files for part in path.parts} or names == TEXTS
    texts += [path.read_bytes().decode("utf-8", "replace") for path in files]
    for text in texts:
        assert not [secret for secret in secrets if secret in text], text[:2000]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entra_certificate_path", "-----BEGIN PRIVATE KEY-----\naB3\n-----END PRIVATE KEY-----"),
        ("entra_certificate_path", "-----BEGIN PRIVATE KEY-----\\naB3\\n-----END PRIVATE KEY-----"),
        ("entra_certificate_path", "aB3/" * 400),
        ("entra_federated_token_file", "eyJhbGciOiJSUzI1NiJ9.aB3.aB3"),
        ("tcx_ca_path", "aB3\naB3"),
    ],
)
def test_a_key_given_instead_of_its_path_stands_nowhere(scene: Scene, tmp_path: Path, name: str, value: str) -> None:
    run = _begin(scene, tmp_path / "run", **{"entra_client_secret": None, name: value})
    result = run.operation("rollout")["pbx0"]
    assert f"{name} must be the path of a file" in result["msg"]
    report = Report.build(_begin(scene, tmp_path / "audit", check_mode=True, **{name: value}).report(), NOW, {})
    for text in [*_told([result, run.warnings]), *(render(name, report) for name in RENDERERS)]:
        assert "aB3" not in text, text


APP_INFO = "azure_app_registration_info"
OPTIONS = {
    "federated_token_file": {"tenant_id": GUID, "client_id": GUID},
    "certificate_path": {"tenant_id": GUID, "client_id": GUID},
    "ca_path": {"tenant_id": GUID, "client_id": GUID, "client_secret": "s3cret/value"},
}
TOKEN = "eyJhbGciOiJSUzI1NiJ9.aB3.aB3"


@pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
def test_a_key_given_instead_of_its_path_stands_in_no_result_of_a_module(tmp_path: Path, *, in_process: bool) -> None:
    values = {
        "federated_token_file": [TOKEN, f" {TOKEN}\n", f"Bearer {TOKEN}", "/etc/aB3\0"],
        "certificate_path": ["aB3 -----END PRIVATE KEY-----", "aB3/" * 16],
        "ca_path": ["aB3/" * 16],
    }
    # Ansible quotes the lines of a task that failed: there stand names.
    (tmp_path / "values.json").write_text(json.dumps({"values": values}), encoding="utf-8")
    tasks = tuple(
        (APP_INFO, {**OPTIONS[name], name: f"{{{{ values.{name}[{number}] }}}}"})
        for name, secrets in values.items()
        for number in range(len(secrets))
    )
    front = Front(in_process, tmp_path)
    results = front.run_tasks(tasks, {}, ("-vvv", "-e", "@values.json"), {}, check=True)
    assert [result["error"]["kind"] for result in results] == ["bad_input"] * len(tasks), results
    assert "aB3" not in json.dumps(results)
    assert "aB3" not in front.output


@pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
def test_a_path_with_something_unseen_around_it_is_a_path(tmp_path: Path, *, in_process: bool) -> None:
    given = {"federated_token_file": "/etc/aB3/nofile\n", "ca_path": " keys/aB3.pem\n"}
    tasks = tuple((APP_INFO, {**OPTIONS[name], name: path}) for name, path in given.items())
    token, bundle = Front(in_process, tmp_path).run_tasks(tasks, {}, (), {}, check=True)
    assert "federated_token_file /etc/aB3/nofile cannot be read: No such file" in token["msg"]
    assert "keys/aB3.pem does not exist" in bundle["msg"]


@pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
def test_an_empty_path_is_none(tmp_path: Path, *, in_process: bool) -> None:
    options = {**OPTIONS["federated_token_file"], "auth_source": "federated_token", "federated_token_file": ""}
    (result,) = Front(in_process, tmp_path).run_tasks(((APP_INFO, options),), {}, (), {}, check=True)
    assert "neither the task nor the environment has one" in result["msg"]


SPECIAL = 'aB3+/x=Z&q%7~ "é<p>'
"""A secret with everything that is written otherwise in a form, in JSON and in a page."""
SENT = {
    "form": urllib.parse.urlencode({"client_id": "900", "client_secret": SPECIAL}),
    "form of .NET": re.sub("%..", lambda match: match[0].lower(), urllib.parse.quote_plus(SPECIAL)),
    "address": urllib.parse.quote(SPECIAL, safe=""),
    "JSON": json.dumps({"Password": SPECIAL}),
    "JSON in UTF-8": json.dumps({"Password": SPECIAL}, ensure_ascii=False),
    "page": html.escape(SPECIAL),
}


@pytest.mark.parametrize("form", SENT)
def test_a_secret_that_comes_back_as_it_was_sent_stands_nowhere(scene: Scene, tmp_path: Path, form: str) -> None:
    """Something in between, or the PBX, quotes the request that it did not understand: not as the secret stands in the inventory."""
    said = f"cannot read {SENT[form]}"
    scene.controller.lab.control.add_trouble(
        "status",
        match={"service": "pbx", "host": "pbx0", "path": "/connect/token"},
        times=0,
        status=400,
        body={"error": "invalid_request", "error_description": said},
    )
    try:
        run = _begin(
            scene,
            tmp_path / "run",
            tcx_client_id="900",
            tcx_client_secret=SPECIAL,
            tcx_username=None,
            tcx_password=None,
        )
        result = run.operation("rollout")["pbx0"]
    finally:
        scene.controller.lab.control.clear_trouble()
    assert result["failed"]
    assert "cannot read" in result["msg"]
    for text in _told([result, run.warnings]):
        assert "aB3" not in text, text
