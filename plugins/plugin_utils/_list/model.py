# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of list becomes: rows of cells, each of which knows where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

MOST_ROWS = 50_000
MOST_SHOWN = 50
"""So many mistakes stand in one message."""

_LONGEST_SHOWN = 80


class BadList(BadInput):
    """A list that no host is taken from."""


@dataclass(frozen=True)
class Cell:
    """One value.

    :param value: text; lists in YAML and JSON hold booleans, numbers, lists and mappings as well.
    :param place: where it stands, such as ``line 4, column 3`` or ``cell C4``.
    :param problem: why the value cannot be used; said only where somebody asks for this cell.
    """

    value: Any
    place: str
    problem: str = ""


@dataclass(frozen=True)
class Row:
    """One customer.

    :param cells: by the name of the column. In YAML and JSON a name with dots is a value of a nested mapping.
    """

    place: str
    cells: Mapping[str, Cell]


@dataclass
class Table:
    """A list as it was read.

    :param source: the file or the address, fit to be shown.
    :param columns: each column in order, with its place.
    :param nested: dotted names of the values in nested mappings, in the same way.
    """

    source: str
    columns: dict[str, str]
    nested: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def column(self, name: str) -> str:
        """The column of that name, in any case and with any signs between its words; nothing where there is none."""
        for known in (*self.columns, *self.nested):
            if known == name:
                return known
        key = key_of(name)
        return next((known for known in (*self.columns, *self.nested) if key and key_of(known) == key), "")


def shown(value: object) -> str:
    """A foreign text in a message: quoted, on one line, short."""
    text = visible(str(value))
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…").replace("\\\\", "\\")


def refuse(source: str, mistakes: Iterable[str], remedy: str = "") -> BadList:
    """The error for a list with mistakes, all of them in one message."""
    unique = list(dict.fromkeys(mistakes))
    count = "1 mistake" if len(unique) == 1 else f"{len(unique)} mistakes"
    lines = [f"  - {mistake}" for mistake in unique[:MOST_SHOWN]]
    if len(unique) > MOST_SHOWN:
        lines.append(f"  - and {len(unique) - MOST_SHOWN} more")
    message = f"{source} has {count}, so no host was taken from it:\n" + "\n".join(lines)
    return BadList(f"{message}\n{remedy}" if remedy else message)


def key_of(header: str) -> str:
    """The name of a column as it is compared: ``Tenant ID`` and ``tenant_id`` are one."""
    return re.sub(r"[^\w.]+|_+", "_", header.strip().casefold()).strip("_")
