# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option that a module of the Entra side has besides those of the connection stands in an example."""

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
