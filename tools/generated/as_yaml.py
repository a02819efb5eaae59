# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML as it stands in this repository: lists indented below their key, texts folded at the margin."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

MARGIN = 120


def lines(value: Any, indent: int = 0) -> list[str]:
    """A dictionary of texts, numbers, lists and dictionaries as lines of YAML, keys in their order."""
    pad = " " * indent
    text = []
    for name, item in value.items():
        if isinstance(item, dict) and item:
            text += [f"{pad}{name}:", *lines(item, indent + 2)]
        elif isinstance(item, list) and item and name in ("choices", "aliases") and _fits(pad, name, item):
            text.append(f"{pad}{name}: [{', '.join(map(_scalar, item))}]")
        elif name == "description" and isinstance(item, list) and _is_short(pad, item):
            text.append(f"{pad}{name}: {_scalar(item[0])}")
        elif isinstance(item, list) and item:
            text.append(f"{pad}{name}:")
            for element in item:
                text += _item(element, indent + 2)
        elif isinstance(item, str) and "\n" in item:
            text += [f"{pad}{name}: |", *(f"{pad}  {line}".rstrip() for line in item.splitlines())]
        else:
            text.append(f"{pad}{name}: {_scalar(item)}")
    return text


def _item(value: Any, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(value, dict):
        inner = lines(value, indent + 2)
        return [f"{pad}- {inner[0].strip()}", *inner[1:]]
    text = _scalar(value)
    if len(pad) + 2 + len(text) <= MARGIN:
        return [f"{pad}- {text}"]
    if text[0] in "\"'":
        return [
            f"{pad}- >-",
            *textwrap.wrap(str(value), MARGIN, initial_indent=pad + "  ", subsequent_indent=pad + "  "),
        ]
    return textwrap.wrap(
        text,
        MARGIN,
        initial_indent=f"{pad}- ",
        subsequent_indent=f"{pad}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _scalar(value: Any) -> str:
    """One value in one line, quoted where YAML would read something else."""
    if value is None:
        return "null"
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True).strip()
    return text.removesuffix("...").strip()


def _is_short(pad: str, texts: list[str]) -> bool:
    """Whether a description is one sentence that needs no list around it."""
    return len(texts) == 1 and len(f"{pad}description: {_scalar(texts[0])}") <= MARGIN


def _fits(pad: str, name: str, items: list[Any]) -> bool:
    return len(pad) + len(name) + 4 + len(", ".join(map(_scalar, items))) <= MARGIN
