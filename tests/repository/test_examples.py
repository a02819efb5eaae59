# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Examples in the documentation of every module, role and inventory plugin: complete, of our own names, and for a fleet."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

MODULES = Path(__file__).resolve().parents[2] / "plugins" / "modules"
NAMES = (
    "azure_app_registration",
    "azure_app_registration_info",
    "graph_permission_grant",
    "graph_permission_grant_info",
)


def _text(name: str, constant: str) -> Any:
    """The YAML that a module assigns to a name."""
    for node in ast.parse((MODULES / f"{name}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == constant:
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{name} has no {constant}")


def _options(options: dict[str, Any], above: str = "") -> Iterator[str]:
    """Dotted names of options and suboptions."""
    for name, described in options.items():
        yield above + name
        yield from _options(described.get("suboptions") or {}, f"{above}{name}.")


def _given(arguments: Any, above: str = "") -> Iterator[str]:
    """The same of what an example gives; entries of a list have no names of their own."""
    if isinstance(arguments, dict):
        for name, value in arguments.items():
            yield above + name
            yield from _given(value, f"{above}{name}.")
    elif isinstance(arguments, list):
        for entry in arguments:
            yield from _given(entry, above)


def _tasks(content: Any, module: str) -> Iterator[dict[str, Any]]:
    """Arguments of the tasks of a module, at any depth of plays and blocks."""
    if isinstance(content, dict):
        if isinstance(content.get(module), dict):
            yield content[module]
        for value in content.values():
            yield from _tasks(value, module)
    elif isinstance(content, list):
        for entry in content:
            yield from _tasks(entry, module)


def _shared(claims: set[str]) -> set[str]:
    """Claims are described once for three kinds of token: one example of each of their options is enough."""
    kinds = ("optional_claims.id_token.", "optional_claims.access_token.", "optional_claims.saml2_token.")
    return {kinds[0] + name.removeprefix(kind) for kind in kinds for name in claims if name.startswith(kind)} | {
        name for name in claims if not name.startswith(kinds)
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_option_stands_in_an_example(name: str) -> None:
    wanted = _shared(set(_options(_text(name, "DOCUMENTATION")["options"])))
    shown = {option for task in _tasks(_text(name, "EXAMPLES"), f"tcx.m365.{name}") for option in _given(task)}
    assert wanted - _shared(shown) == set()


ROOT = MODULES.parents[1]
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
ALL_MODULES = sorted(path.stem for path in MODULES.glob("*.py"))


def _plays(content: Any) -> list[dict[str, Any]]:
    """The plays of an example; tasks alone are none."""
    return [play for play in content or [] if isinstance(play, dict) and "hosts" in play]


@pytest.mark.parametrize("name", ALL_MODULES)
def test_every_module_has_an_example_with_options_that_it_has(name: str) -> None:
    tasks = list(_tasks(_text(name, "EXAMPLES"), f"tcx.m365.{name}"))
    text = (MODULES / f"{name}.py").read_text(encoding="utf-8").partition("EXAMPLES")[2]
    assert f"tcx.m365.{name}" in text
    documented = _text(name, "DOCUMENTATION")
    if "extends_documentation_fragment" in documented:
        return  # options of fragments are compared by ansible-test
    known = set(documented.get("options", {}))
    assert {option for task in tasks for option in task} <= known


@pytest.mark.parametrize("name", ROLES)
def test_every_role_has_an_example_for_a_fleet(name: str) -> None:
    spec = yaml.safe_load((ROOT / "roles" / name / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    main = spec["argument_specs"]["main"]
    plays = _plays(yaml.safe_load(main["examples"]))
    assert plays
    for play in plays:
        assert f"tcx.m365.{name}" in play["roles"]
        assert play["hosts"] in ("tcx", "localhost")
        foreign = [variable for variable in play.get("vars", {}) if variable.startswith(f"{name}_")]
        assert set(foreign) <= set(main["options"])


def test_the_pattern_of_a_provider_stands_in_an_example() -> None:
    """A batch of one, then a tenth, then all: where a provider looks for it first."""
    for name in ("preflight", "entra_app", "tcx_console", "sso_verify"):
        spec = yaml.safe_load((ROOT / "roles" / name / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        assert _plays(yaml.safe_load(spec["argument_specs"]["main"]["examples"]))[0]["serial"] == [1, "10%", "100%"]
    fleet = _plays(_text("fleet_rollout", "EXAMPLES"))
    assert any(play.get("hosts") == "tcx" and ("serial" in play or "max_fail_percentage" in play) for play in fleet)


def test_the_examples_of_the_inventory_plugin_are_its_own_options() -> None:
    source = ast.parse((ROOT / "plugins" / "inventory" / "fleet.py").read_text(encoding="utf-8"))
    texts = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("DOCUMENTATION", "EXAMPLES")
    }
    known = {*yaml.safe_load(texts["DOCUMENTATION"])["options"], "compose", "groups", "keyed_groups", "strict"}
    known |= {"cache_plugin", "cache_timeout", "cache_connection", "cache_prefix"}
    # One document, as ansible-test of 2.16 wants it; the files after the first are comments, indented by two.
    examples = [yaml.safe_load(part.replace("\n#   ", "\n")) for part in texts["EXAMPLES"].split("\n\n")]
    assert len(examples) >= 4
    for example in examples:
        assert example["plugin"] == "tcx.m365.fleet"
        assert set(example) <= known
