# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is defined is used: a function, class or constant that plugins name once is dead, even where a test calls it."""

from __future__ import annotations

import ast
import collections
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
BY_OTHERS = {
    "ActionModule": "Ansible",
    "CallbackModule": "Ansible",
    "DOCUMENTATION": "Ansible",
    "EXAMPLES": "Ansible",
    "FilterModule": "Ansible",
    "InventoryModule": "Ansible",
    "LookupModule": "Ansible",
    "ModuleDocFragment": "Ansible",
    "RETURN": "Ansible",
    "from_dict": "tests that read a report again",
    "qsize": "urllib3",
    "raise_for_status": "msal",
}
"""Names that nothing in plugins calls, and who does."""
_BY_TYPE = re.compile(r"_(bool|int|float|dict|list|path|str)")
"""Methods that are found by the type of an option."""


def defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_nothing_is_defined_that_nothing_uses() -> None:
    sources = [path.read_text(encoding="utf-8") for path in sorted(PLUGINS.rglob("*.py"))]
    uses = collections.Counter(name for source in sources for name in re.findall(r"[A-Za-z_]\w*", source))
    names = {name for source in sources for name in defined(ast.parse(source)) if not name.startswith("__")}
    unused = {name for name in names if uses[name] == 1 and not _BY_TYPE.fullmatch(name)}
    assert not sorted(unused - set(BY_OTHERS))
