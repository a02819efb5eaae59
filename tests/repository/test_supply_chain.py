# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shipped: everything by version and hash, listed, and nothing from an address that somebody else could register."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sbom
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "meta" / "ee-constraints.txt").read_text(encoding="utf-8")


def test_the_bill_lists_the_collection_and_every_locked_package_with_its_hashes() -> None:
    found = sbom.bill()
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert found["bomFormat"] == "CycloneDX"
    assert found["metadata"]["component"]["version"] == galaxy["version"]
    pins = dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", LOCK, re.MULTILINE))
    assert {each["name"]: each["version"] for each in found["components"]} == pins
    hashes = [digest["content"] for each in found["components"] for digest in each["externalReferences"][0]["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"sha256:([0-9a-f]{64})", LOCK))
    assert len({each["bom-ref"] for each in found["components"]}) == len(pins)
    (root, *_rest) = found["dependencies"]
    assert {ref.split("/")[1].split("@")[0] for ref in root["dependsOn"]} == {"cryptography", "msal", "requests"}


def test_the_same_sources_give_the_same_bill(tmp_path: Path) -> None:
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    for path in paths:
        subprocess.run([sys.executable, str(ROOT / "tools" / "sbom.py"), str(path)], check=True, capture_output=True)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert json.loads(paths[0].read_text(encoding="utf-8"))["serialNumber"].startswith("urn:uuid:")


def test_no_controller_gets_its_playbooks_from_an_address_of_ours() -> None:
    """Whoever registers that name would run code with the credentials of every controller."""
    defaults = yaml.safe_load(
        (ROOT / "roles" / "controller_setup" / "defaults" / "main.yml").read_text(encoding="utf-8")
    )
    assert not [name for name, value in defaults.items() if re.search(r"://|git@", json.dumps(value))]


def test_workflows_install_what_a_lock_names() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            locks = re.findall(r"(?<=tests/requirements/)[\w.-]+\.txt", line) if "pip install" in line else []
            assert "pip install" not in line or (locks and "--require-hashes" in line), f"{path.name}: {line.strip()}"
            assert all((ROOT / "tests" / "requirements" / name).is_file() for name in locks), line


def test_actions_of_others_are_named_by_commit() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for used in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8")):
            assert used.startswith("./") or re.search(r"@[0-9a-f]{40}$", used), f"{path.name}: {used}"


_FLAWED = {"name": "requests", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
_SOUND = {"name": "msal", "version": "1", "vulns": []}
_SKIPPED = {"name": "ours", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("answer", "code", "strict", "words"),
    [
        ({"dependencies": [_SOUND]}, 0, 0, "No known vulnerability in ee-constraints.txt (asked: osv)"),
        ({"dependencies": [_SOUND, _FLAWED]}, 1, 1, "requests 1: CVE-1, fixed in 2"),
        ({"dependencies": [_SOUND, _SKIPPED]}, 0, 2, "NOT AUDITED: osv does not know ours"),
        ({"dependencies": [_FLAWED, _SKIPPED]}, 1, 1, "NOT AUDITED: osv does not know ours"),
        ({"dependencies": [_SKIPPED]}, 0, 2, "NOT AUDITED: nobody could be asked"),
        ("no network", 0, 2, "NOT AUDITED: nobody could be asked"),
    ],
)
def test_an_audit_says_what_it_could_not_ask(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    answer: Any,
    code: int,
    strict: int,
    words: str,
) -> None:
    import audit
    import environments

    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer) if isinstance(answer, dict) else answer}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setattr(environments, "ensure", lambda _name: SimpleNamespace(bin=program.parent))
    asked = ["--osv-url", "http://127.0.0.1:1/v1/query"]
    assert audit.main(asked) == code
    assert audit.main([*asked, "--strict"]) == strict
    out = capsys.readouterr().out
    assert words in out
    assert ("No known" in out) == (answer == {"dependencies": [_SOUND]})
