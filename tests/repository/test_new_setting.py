# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CONTRIBUTING says how a setting of 3CX is added. This does what it says, on a copy, and looks for the setting."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("plugins", "roles", "playbooks", "tools", "docs", "meta")
NEIGHBOR = '    _user_sync("photo",'


def declaration() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"## A new 3CX setting\n.*?```python\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def generate(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE"))}
    command = [sys.executable, str(copy / "tools" / "generate.py"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=copy, env=known)


def test_a_setting_is_one_declaration(tmp_path: Path) -> None:
    copy = tmp_path / "ansible_collections" / "tcx" / "m365"
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.glob("*.md"):
        shutil.copy2(file, copy / file.name)
    assert generate(copy, "--check").returncode == 0

    path = copy / "plugins" / "module_utils" / "_pbx" / "properties.py"
    source = path.read_text(encoding="utf-8")
    assert source.count(NEIGHBOR) == 1
    path.write_text(source.replace(NEIGHBOR, declaration() + NEIGHBOR), encoding="utf-8")
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
        assert nested["language"] == {"description": [text], "type": "bool"}
    assert text in (copy / "plugins" / "doc_fragments" / "settings.py").read_text(encoding="utf-8")
    table = (copy / "docs" / "settings-by-version.md").read_text(encoding="utf-8")
    assert "| `user_sync.language` | `Microsoft365Integration.AdUsers.IsSyncLanguage` | any | - | - |" in table
