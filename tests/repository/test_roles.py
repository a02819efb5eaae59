# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Defaults, argument specification and README of each role tell the same story."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").glob("*") if path.is_dir())
PINNED = {"preflight", "entra_app", "tcx_console", "sso_verify"}


def load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.is_file() else {}


def entry_points(role: Path) -> dict[str, dict[str, Any]]:
    return load(role / "meta" / "argument_specs.yml").get("argument_specs", {})


def options(role: Path) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for entry in entry_points(role).values():
        merged.update(entry.get("options", {}))
    return merged


def test_the_promised_roles_are_there() -> None:
    assert {role.name for role in ROLES} >= PINNED


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
class TestRole:
    def test_has_a_specification_with_a_main_entry(self, role: Path) -> None:
        entries = entry_points(role)
        assert "main" in entries
        assert all(entry.get("short_description") and entry.get("description") for entry in entries.values())

    def test_each_task_file_that_is_an_entry_point_exists(self, role: Path) -> None:
        assert all((role / "tasks" / f"{name}.yml").is_file() for name in entry_points(role))

    def test_each_default_is_specified_with_the_same_value(self, role: Path) -> None:
        specified = options(role)
        defaults = load(role / "defaults" / "main.yml")
        assert set(defaults) <= set(specified)
        literal = {name: value for name, value in defaults.items() if "{{" not in str(value)}
        assert {name: specified[name].get("default", value) for name, value in literal.items()} == literal

    def test_each_specified_default_is_set(self, role: Path) -> None:
        promised = {name for name, option in options(role).items() if "default" in option}
        assert promised <= set(load(role / "defaults" / "main.yml"))

    def test_each_option_says_what_it_is(self, role: Path) -> None:
        silent = [
            name for name, option in options(role).items() if not option.get("description") or not option.get("type")
        ]
        assert not silent

    def test_the_readme_names_each_option(self, role: Path) -> None:
        readme = (role / "README.md").read_text(encoding="utf-8")
        assert not [name for name in options(role) if f"`{name}`" not in readme]
