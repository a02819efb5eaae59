# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages name options by a mark, ``O(client_secret)``: who has set ``tcx_client_secret`` reads that name, and not another one."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path for part in ("module_utils", "plugin_utils", "action") for path in (ROOT / "plugins" / part).rglob("*.py")
)
MARK = re.compile(r"O\([^)]*\)")


def _options(described: dict[str, Any], above: str = "") -> Iterator[str]:
    """Names that are no words of English: ``client_id``, ``user_sync.photo``."""
    for name, option in described.items():
        path = above + name
        yield from (text for text in dict.fromkeys((name, path)) if re.search(r"[_.]", text))
        yield from _options(option.get("suboptions") or {}, f"{path}.")


def _documented() -> Iterator[str]:
    for folder in ("modules", "doc_fragments"):
        for path in (ROOT / "plugins" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\noptions:" in node.value:
                    yield from _options(yaml.safe_load(node.value)["options"])


OPTIONS = sorted(set(_documented()), key=len, reverse=True)
UNMARKED = re.compile(rf"(?<![\w.(/])({'|'.join(map(re.escape, OPTIONS))})(?![\w(/=])")
RETURNED = {"O(adopt) names display_name, and ", "O(adopt) names redirect_uri, and "}
"""Values of an option that are called like another one."""


def unmarked(source: str) -> Iterator[str]:
    """The texts with a blank in them, docstrings apart, that name an option as it is."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            text = MARK.sub("", node.value)
            if " " in text and UNMARKED.search(text) and not node.value.startswith(tuple(RETURNED)):
                yield f"line {node.lineno}: {node.value}"


def test_no_message_names_an_option_as_it_is() -> None:
    found = [
        f"{path.relative_to(ROOT)}, {text}" for path in SOURCES for text in unmarked(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('raise BadInput("client_id is no GUID")', 1),
        ('raise BadInput("O(client_id) is no GUID")', 0),
        ('raise BadInput(f"set user_sync.photo for {host}")', 1),
        ('raise BadInput("set tcx_client_id")', 0),
        ('params["client_id"]', 0),
        ('"""What client_id is."""', 0),
    ],
)
def test_the_rule_finds_what_it_is_for(source: str, count: int) -> None:
    assert len(list(unmarked(source))) == count
