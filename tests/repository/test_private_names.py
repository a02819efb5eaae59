# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of ansible-core that are not public stand in the files `_core_compat.py`, each with a way on without it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
DOORS = "_core_compat.py"

DOCUMENTED = frozenset(
    (
        # Developing plugins: https://docs.ansible.com/ansible/latest/dev_guide/developing_plugins.html
        "_task", "_connection", "_templar", "_loader", "_display", "_execute_module",
        # Developing dynamic inventory: https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html
        "_read_config_data", "_cache", "_set_composite_vars", "_add_host_to_composed_groups", "_add_host_to_keyed_groups",
    )
)  # fmt: skip
"""What the guides for developers use on `self`, although it begins with an underscore."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_ansible(module: str) -> bool:
    return module == "ansible" or module.startswith("ansible.")


def own_names(tree: ast.AST) -> set[str]:
    """What the file itself defines or sets: functions, classes, variables and attributes of `self`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            found.add(node.attr)
    return found


def of_ansible(tree: ast.AST) -> set[str]:
    """The names in a file that come from ansible-core."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if is_ansible(alias.name if isinstance(node, ast.Import) else node.module or "")
    }


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def private_names(source: str, inherited: frozenset[str] = frozenset()) -> Iterator[str]:
    """`line: what` for each use of a private name that is not this file's or this collection's own.

    :param inherited: what classes of this collection have, wherever they are.
    """
    tree = ast.parse(source)
    own, theirs = own_names(tree), of_ansible(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_ansible(node.module or ""):
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (f"{node.lineno}: import of {part}" for part in parts if is_private(part))
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if is_ansible(alias.name)]
            yield from (f"{node.lineno}: import of {name}" for name in names if any(map(is_private, name.split("."))))
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            mine = node.attr in own and not _root_of(node) & theirs
            ours = _is_self(node.value) and node.attr in inherited | DOCUMENTED
            if not (ours or mine):
                yield f"{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
            name = node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
            if is_private(str(name)) and str(name) not in own:
                yield f"{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & theirs:
            yield from (
                f"{each.lineno}: {node.name}.{each.name} extends a method"
                for each in node.body
                if isinstance(each, ast.FunctionDef) and is_private(each.name) and _calls_super(each)
            )


def _root_of(node: ast.Attribute) -> set[str]:
    value: ast.AST = node.value
    while isinstance(value, (ast.Attribute, ast.Call)):
        value = value.value if isinstance(value, ast.Attribute) else value.func
    return {value.id} if isinstance(value, ast.Name) else set()


def _calls_super(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(node) == f"super().{function.name}" for node in ast.walk(function))


ELSEWHERE = {
    # urllib3 has no public name for the tunnel of a connection, nor has http.client, which defines it.
    "module_utils/_peer.py": ("_tunnel_host", "_tunnel_port"),
    "plugin_utils/_fleet/sweep.py": ("os._exit",),
}
"""Private or oddly named things that are not of ansible-core."""


def test_private_names_of_ansible_core_stand_in_one_place() -> None:
    found = []
    files = sorted(PLUGINS.rglob("*.py"))
    inherited = frozenset(
        name for path in files if path.name != DOORS for name in own_names(ast.parse(path.read_text(encoding="utf-8")))
    )
    for path in files:
        name = path.relative_to(PLUGINS).as_posix()
        if path.name != DOORS:
            uses = private_names(path.read_text(encoding="utf-8"), inherited)
            found += [f"{name}:{each}" for each in uses if not any(known in each for known in ELSEWHERE.get(name, ()))]
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "from ansible._internal import x",
        "from ansible.module_utils._text import to_text",
        "import ansible._internal.datatag",
        "def f(task):\n    return task._uuid",
        "def f(hostvars):\n    return getattr(hostvars, '_variable_manager', None)",
        "from ansible.plugins.action import ActionBase\nclass A(ActionBase):\n    def f(self):\n        self._low_level()",
        "from ansible.module_utils.basic import AnsibleModule\nclass A(AnsibleModule):\n"
        "    def _load_params(self):\n        super()._load_params()",
        "from ansible import constants\nX = constants._x",
    ],
)
def test_a_private_name_is_noticed(source: str) -> None:
    assert list(private_names(source))


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    def __init__(self):\n        self._x = 1\n    def f(self, other):\n        return other._x",
        "from ansible.plugins.action import ActionBase\nclass A(ActionBase):\n    def f(self):\n        return self._task",
        "from ansible.release import __version__",
    ],
)
def test_what_is_ours_or_documented_is_no_private_name(source: str) -> None:
    assert not list(private_names(source))
