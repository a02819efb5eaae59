# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as a package of its own: what its project file promises is there."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

LAB = Path(__file__).resolve().parents[1]


def test_the_console_script_and_the_data_files_exist() -> None:
    project = tomllib.loads((LAB / "pyproject.toml").read_text(encoding="utf-8"))
    module, _colon, name = project["project"]["scripts"]["tcx-lab"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    data = [path for path in (LAB / "tcx_lab").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    left_out = [path.name for path in data if not any(path.match(pattern) for pattern in patterns)]
    assert not left_out, "these files would be missing in the package"
    assert (LAB / project["tool"]["setuptools"]["dynamic"]["dependencies"]["file"][0]).is_file()
