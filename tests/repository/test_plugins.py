# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module owes its users: a place in the action groups, attributes, an action twin that exists."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
COLLECTION = "tcx.m365."

# An option that only the connection of that side has tells which side a fragment or a module connects to.
SIGN_OF_SIDE = {"entra": "graph_endpoint", "pbx": "security_code"}
ATTRIBUTES = {"check_mode", "diff_mode", "platform"}
ATTRIBUTES_WITH_CONNECTION = ATTRIBUTES | {"idempotent", "action_group"}


def documents(path: Path) -> dict[str, dict[str, Any]]:
    """Every YAML text that a plugin file assigns to a name in capitals, by that name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            name = getattr(node.targets[0], "id", "")
            if name.isupper():
                found[name] = yaml.safe_load(node.value.value) or {}
    return found


def public(directory: str) -> list[Path]:
    return sorted(path for path in (PLUGINS / directory).glob("*.py") if path.stem != "__init__")


MODULES = public("modules")
FRAGMENTS = {path.stem: documents(path) for path in public("doc_fragments")}
RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
GROUPS = {
    name: {entry for entry in entries if isinstance(entry, str)} for name, entries in RUNTIME["action_groups"].items()
}


def with_fragments(module: Path, key: str) -> dict[str, Any]:
    """The module's `key` (options, attributes), those of its documentation fragments included."""
    own = documents(module)["DOCUMENTATION"]
    merged: dict[str, Any] = {}
    for reference in own.get("extends_documentation_fragment", []):
        if not reference.startswith(COLLECTION):
            continue
        fragment, _dot, part = reference.removeprefix(COLLECTION).partition(".")
        merged.update(FRAGMENTS[fragment][part.upper() or "DOCUMENTATION"].get(key, {}))
    merged.update(own.get(key, {}))
    return merged


def test_there_are_modules() -> None:
    assert MODULES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
class TestModule:
    def test_is_in_the_group_of_each_side_it_connects_to(self, module: Path) -> None:
        options = with_fragments(module, "options")
        sides = {side for side, sign in SIGN_OF_SIDE.items() if sign in options}
        assert sides == {side for side in SIGN_OF_SIDE if module.stem in GROUPS[side]}

    def test_documents_its_attributes(self, module: Path) -> None:
        in_group = any(module.stem in GROUPS[side] for side in SIGN_OF_SIDE)
        documented = set(with_fragments(module, "attributes"))
        assert documented >= (ATTRIBUTES_WITH_CONNECTION if in_group else ATTRIBUTES)

    def test_info_modules_only_read(self, module: Path) -> None:
        options = with_fragments(module, "options")
        assert "state" not in options or not module.stem.endswith("_info")

    def test_has_a_twin_that_runs_in_the_controller(self, module: Path) -> None:
        assert (PLUGINS / "action" / module.name).is_file()


def test_groups_hold_no_module_that_is_not_there() -> None:
    assert set().union(*GROUPS.values()) <= {module.stem for module in MODULES}


def test_the_group_of_all_holds_both_sides() -> None:
    extended = [entry["metadata"]["extend_group"] for entry in RUNTIME["action_groups"]["all"]]
    assert extended == [["entra", "pbx"]]


def test_the_changelog_names_all_content() -> None:
    """`make changelog` writes it again; roles and playbooks enter it by a fragment, and what is not released yet stands there."""
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"]
    named: dict[str, list[str]] = {"module": [], "role": [], "playbook": []}
    for release in releases.values():
        for kind, entries in {"module": release.get("modules", []), **release.get("objects", {})}.items():
            named[kind] += [entry["name"] for entry in entries]
    for fragment in (ROOT / "changelogs" / "fragments").glob("*.yml"):
        content = yaml.safe_load(fragment.read_text(encoding="utf-8"))
        for kind in ("role", "playbook"):
            named[kind] += [entry["name"] for entry in content.get(f"add object.{kind}", [])]
    unreleased = [
        module.stem for module in MODULES if documents(module)["DOCUMENTATION"]["version_added"] not in releases
    ]
    assert {kind: sorted(names) for kind, names in named.items()} == {
        "module": sorted({module.stem for module in MODULES} - set(unreleased)),
        "role": sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir()),
        "playbook": sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")),
    }


@pytest.mark.parametrize("path", public("modules"), ids=lambda path: path.stem)
def test_a_module_that_shows_differences_documents_them(path: Path) -> None:
    texts = documents(path)
    shows = texts["DOCUMENTATION"].get("attributes", {}).get("diff_mode", {}).get("support") == "full"
    assert "diff" in texts["RETURN"] or not shows
