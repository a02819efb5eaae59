# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a message advises to set is named as its reader has set it: entra_ca_path in an inventory, ca_path in a task."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.families import SOURCES

MODULE_UTILS = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"
_OPTIONS = {name for source in SOURCES.values() for name in source.capability.argument_spec if "_" in name}
_BARE = re.compile(rf"\b(?:{'|'.join(sorted(_OPTIONS))}|force: true)\b")
_MARK = re.compile(r"O\([a-z_.]+\)")


def remedies(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "remedy":
            texts = [each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
            yield " ".join(text for text in texts if isinstance(text, str))


def unreadable(path: Path) -> Iterator[ast.Call]:
    """What is raised for a file that cannot be read."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("BadInput", "BadCredential") and node.args:
            message = ast.unparse(node.args[0])
            if "cannot be read" in message or "cannot_be_read" in message:
                yield node


@pytest.mark.parametrize("path", sorted(MODULE_UTILS.parent.rglob("*.py")), ids=lambda path: path.stem)
def test_who_has_a_file_that_cannot_be_read_is_told_what_to_do(path: Path) -> None:
    without = [call for call in unreadable(path) if not any(keyword.arg == "remedy" for keyword in call.keywords)]
    assert [f"{path}:{call.lineno}" for call in without] == []


@pytest.mark.parametrize(
    "path", sorted(MODULE_UTILS.rglob("*.py")), ids=lambda path: str(path.relative_to(MODULE_UTILS))
)
def test_options_in_remedies_are_marked(path: Path) -> None:
    assert [text for text in remedies(path) if _BARE.search(_MARK.sub("", text))] == []
