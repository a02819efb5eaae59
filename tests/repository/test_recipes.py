# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CONTRIBUTING has recipes. This does what each says, block by block on a copy, and runs what it brings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("plugins", "roles", "playbooks", "tools", "docs", "meta")
NAME = Path("ansible_collections", "tcx", "m365")

STEP = re.compile(
    r"^\d+\. (?:In `(?P<path>[^`]+)`, before `(?P<anchor>[^`]+)`|New file `(?P<new>[^`]+)`):\n\n```\w+\n(?P<block>.*?)```",
    re.DOTALL | re.MULTILINE,
)

TAKE = """
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import STEPS, in_order
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import VERIFY, Work
taken = []
def run_task(capability, arguments, /, *, check=False):
    taken.append((capability.name, arguments["gather"], arguments["url"]))
    return {"changed": False, "teams": {}}
variables = {"tcx_url": "https://pbx.example:5001", "tcx_client_id": "c", "tcx_client_secret": "s", "sso_verify_teams": "yes"}
step, work = STEPS["teams"], Work("pbx", variables, run_task)
assert [each.name for each in in_order(["teams"])] == ["pbx", "teams"]
assert step.kind == VERIFY and step.enabled(work) and not step.enabled(Work("pbx", {}, run_task))
assert step.take(work, step.arguments(work)) == {"changed": False, "teams": {}}
assert taken == [("tcx_m365_settings_info", ["teams"], "https://pbx.example:5001")], taken
"""


def recipe(title: str) -> list[re.Match[str]]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(rf"### {title}\n(.*?)(?=\n##)", text, re.DOTALL)
    assert found
    steps = list(STEP.finditer(found[1]))
    assert len(steps) == len(re.findall("^```\\w", found[1], re.MULTILINE))
    return steps


def follow(title: str, copy: Path) -> None:
    """Do what the recipe says, block by block."""
    for step in recipe(title):
        path = copy / (step["path"] or step["new"])
        if step["new"]:
            assert not path.exists()
            path.write_text(step["block"], encoding="utf-8")
            continue
        source = path.read_text(encoding="utf-8")
        assert len(re.findall(f"^{re.escape(step['anchor'])}", source, re.MULTILINE)) == 1, step["anchor"]
        path.write_text(source.replace(f"\n{step['anchor']}", f"\n{step['block']}{step['anchor']}"), encoding="utf-8")


def python(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python without what the environment says of Python and Ansible."""
    known = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE", "COVERAGE"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=directory,
        env={**known, **variables},
    )


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the collection of the copy, and with no other."""
    paths = os.pathsep.join([str(copy.parents[2]), str(copy / "tests" / "lab")])
    return python(copy, *arguments, PYTHONPATH=paths, PYTHONDONTWRITEBYTECODE="1")


def generate(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(copy, str(copy / "tools" / "generate.py"), *arguments)


def run_tests(copy: Path, path: str, name: str) -> str:
    """Run the tests of one file that have that name; return what pytest said."""
    done = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", path, "-k", name)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what is generated, and of what it is generated from."""
    copy = tmp_path / NAME
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.glob("*.md"):
        shutil.copy2(file, copy / file.name)
    return copy


def with_tests(copy: Path, *parts: str) -> Path:
    for part in parts:
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pytest.ini", copy)
    return copy


def test_one_test_file_from_a_fresh_clone(tmp_path: Path) -> None:
    """What `make setup` does there besides the environment, and then the command of CONTRIBUTING."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    command = re.search(r"^\.venv/bin/python -m pytest (tests/\S+\.py)$", text, re.MULTILINE)
    assert command
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split("\0")
    clone = tmp_path / "tcx.m365"
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name, follow_symlinks=False)
    link = "import sys; sys.path.insert(0, 'tools'); import environments; environments.link_collection()"
    for arguments in (["-c", link], ["-m", "pytest", command[1]]):
        done = python(clone, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_a_setting(copy: Path) -> None:
    assert generate(copy, "--check").returncode == 0
    follow("A 3CX setting", copy)
    stale = generate(copy, "--check")
    assert stale.returncode == 1
    assert "run: make generate" in stale.stdout
    done = generate(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert generate(copy, "--check").returncode == 0

    text = "Whether the language of the user is synchronized."
    for role in ("preflight", "entra_app", "tcx_console"):
        spec = yaml.safe_load((copy / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        nested = spec["argument_specs"]["main"]["options"]["tcx_console_user_sync"]["options"]
        assert nested["language"] == {"description": text, "type": "bool"}
    assert text in (copy / "plugins" / "doc_fragments" / "settings.py").read_text(encoding="utf-8")
    table = (copy / "docs" / "settings-by-version.md").read_text(encoding="utf-8")
    assert "| `user_sync.language` | `Microsoft365Integration.AdUsers.IsSyncLanguage` | any | - | - |" in table


def test_a_credential_kind(copy: Path) -> None:
    with_tests(copy, "tests/unit", "tests/lab")
    follow("A credential kind", copy)
    done = generate(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    spec = yaml.safe_load((copy / "roles" / "entra_app" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    option = spec["argument_specs"]["main"]["options"]["entra_client_secret_file"]
    assert option["type"] == "path"
    assert "`entra_client_secret_file`" in (copy / "roles" / "entra_app" / "README.md").read_text(encoding="utf-8")
    file = "tests/unit/plugins/module_utils/_entra/test_entra_credentials.py"
    assert "2 passed" in run_tests(copy, file, "test_a_secret")


def test_a_remote_behavior(tmp_path: Path) -> None:
    copy = with_tests(tmp_path / NAME, "tests/lab")
    follow("A remote behavior", copy)
    assert "2 passed" in run_tests(copy, "tests/lab/tests/test_graph_queries.py", "tell_when or writes_run_out")
    listed = run(copy, "-m", "tcx_lab", "--evidence")
    assert "a 429 of the directory says in Retry-After when to come back" in listed.stdout, listed.stderr


def test_a_step(copy: Path) -> None:
    follow("A step", copy)
    done = run(copy, "-c", TAKE)
    assert done.returncode == 0, done.stderr
