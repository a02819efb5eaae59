# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML and JSON: trees whose values know their line and column.

YAML is composed and never constructed: no tag makes an object of anything, and aliases, which can grow a short text into
gigabytes, are refused.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import Any

import yaml

from .model import MOST_ROWS, BadList, Cell, Row, Table, refuse, shown

NAME_OF_ENTRY = "inventory_hostname"
"""The column that the keys of a mapping of customers are in."""

_DEPTH = 40
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_BOOLEANS = frozenset(("true", "yes", "on"))
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})\Z")
_BLANKS = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Node:
    """A value of a tree: text, number, boolean, ``None``, a list of nodes, or a mapping from text to nodes."""

    value: Any
    place: str

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return "" if self.value is None else self.value


def read_yaml(text: str, source: str, path: str = "") -> Table:
    """A table of the customers that a YAML file lists.

    :param path: where they are, such as ``data.customers``.
    :raises BadList: it is not YAML, or holds no customers there.
    """
    try:
        root = yaml.compose(text, Loader=_LOADER)
        tree = _from_yaml(root, source, set(), 0) if root is not None else Node(None, "line 1, column 1")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadList(f"{source}{place}: {error.problem or error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise BadList(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    return _table(tree, source, path)


def read_json(text: str, source: str, path: str = "") -> Table:
    """The same of JSON.

    :raises BadList: it is not JSON, or holds no customers there.
    """
    reader = _Json(text, source)
    try:
        tree = reader.whole()
    except JSONDecodeError as error:
        raise BadList(f"{source}, line {error.lineno}, column {error.colno}: {error.msg}") from None
    return _table(tree, source, path)


def _from_yaml(node: yaml.Node, source: str, seen: set[int], depth: int) -> Node:
    place = f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
    if id(node) in seen:
        raise BadList(f"{source}, {place}: anchors and aliases (& and *) are not read; write the values out")
    if depth > _DEPTH:
        raise BadList(f"{source}, {place}: nested too deeply")
    if node.tag not in _TAGS:
        raise BadList(
            f"{source}, {place}: the tag {shown(node.tag)} is not read; a list holds plain values, and secrets stay out of it"
        )
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        entries: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in entries:
                where = f"line {key.start_mark.line + 1}, column {key.start_mark.column + 1}"
                raise BadList(f"{source}, {where}: {shown(name)} stands twice in one mapping")
            entries[name] = _from_yaml(value, source, seen, depth + 1)
        return Node(entries, place)
    if isinstance(node, yaml.SequenceNode):
        return Node([_from_yaml(value, source, seen, depth + 1) for value in node.value], place)
    return Node(_scalar(node), place)


def _scalar(node: yaml.Node) -> Any:
    """Booleans, null and plain decimal numbers have their types; a number such as 0200 or 1e3 stays the text that it is."""
    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in _BOOLEANS
    return int(text) if kind == "int" and _NUMBER.match(text) else text.strip()


class _Json:
    """Reads JSON by the parser of Python, and keeps where each value begins."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._decoder = JSONDecoder(parse_constant=self._refused)
        self._lines = [0, *(line_feed.end() for line_feed in re.finditer("\n", text))]
        self._end = 0

    def whole(self) -> Node:
        """The one value that the text is."""
        node, end = self.node(self.after_blanks(0), 0)
        if self.after_blanks(end) != len(self._text):
            raise JSONDecodeError("Extra data", self._text, end)
        return node

    def after_blanks(self, index: int) -> int:
        blanks = _BLANKS.match(self._text, index)
        return blanks.end() if blanks else index

    def node(self, index: int, depth: int) -> tuple[Node, int]:
        """The value that begins here, and where it ends."""
        place = self._place(index)
        if depth > _DEPTH:
            raise BadList(f"{self._source}, {place}: nested too deeply")
        opening = self._text[index : index + 1]
        if opening == "{":
            return self._mapping(index, depth, place)
        if opening == "[":
            return self._sequence(index, depth, place)
        try:
            value, end = self._decoder.raw_decode(self._text, index)
        except RecursionError:
            raise BadList(f"{self._source}, {place}: nested too deeply") from None
        return Node(value.strip() if isinstance(value, str) else value, place), end

    def _mapping(self, index: int, depth: int, place: str) -> tuple[Node, int]:
        entries: dict[str, Node] = {}
        for start in self._items(index, "}"):
            if self._text[start : start + 1] != '"':
                raise JSONDecodeError("Expecting a name in double quotes", self._text, start)
            name, end = self._decoder.raw_decode(self._text, start)
            if name in entries:
                raise BadList(f"{self._source}, {self._place(start)}: {shown(name)} stands twice in one object")
            colon = self.after_blanks(end)
            if self._text[colon : colon + 1] != ":":
                raise JSONDecodeError("Expecting ':'", self._text, colon)
            entries[name], self._end = self.node(self.after_blanks(colon + 1), depth + 1)
        return Node(entries, place), self._end

    def _sequence(self, index: int, depth: int, place: str) -> tuple[Node, int]:
        items = []
        for start in self._items(index, "]"):
            node, self._end = self.node(start, depth + 1)
            items.append(node)
        return Node(items, place), self._end

    def _items(self, index: int, closing: str) -> Iterator[int]:
        """Where each item begins. Whoever reads it says by ``_end`` where it ended; at last that is behind the bracket."""
        index = self.after_blanks(index + 1)
        if self._text[index : index + 1] == closing:
            self._end = index + 1
            return
        while True:
            yield index
            index = self.after_blanks(self._end)
            sign = self._text[index : index + 1]
            if sign == closing:
                self._end = index + 1
                return
            if sign != ",":
                raise JSONDecodeError(f"Expecting ',' or {closing!r}", self._text, index)
            index = self.after_blanks(index + 1)

    def _place(self, index: int) -> str:
        line = bisect.bisect_right(self._lines, index)
        return f"line {line}, column {index - self._lines[line - 1] + 1}"

    def _refused(self, constant: str) -> Any:
        raise BadList(f"{self._source} holds {constant}, which is not JSON")


def _table(tree: Node, source: str, path: str) -> Table:
    place = tree
    for step in path.split(".") if path else ():
        place = _step(place, step, source, path)
    table = Table(source, {})
    mistakes = []
    for name, node in _entries(place, source, path):
        if not isinstance(node.value, dict):
            mistakes.append(f"{node.place}: a customer is a mapping with its columns, and this is {_kind(node.value)}")
            continue
        cells = dict(_cells(node, ""))
        if name is not None:
            cells.setdefault(NAME_OF_ENTRY, Cell(name, node.place))
        for column, cell in cells.items():
            (table.columns if column in node.value or column == NAME_OF_ENTRY else table.nested).setdefault(
                column, cell.place
            )
        table.rows.append(Row(node.place, cells))
    if mistakes:
        raise refuse(source, mistakes)
    if len(table.rows) > MOST_ROWS:
        raise BadList(f"{source} has more than {MOST_ROWS} customers")
    return table


def _step(node: Node, step: str, source: str, path: str) -> Node:
    known = ""
    below: Node | None = None
    if isinstance(node.value, dict):
        below = node.value.get(step)
        known = f"; it has: {', '.join(shown(name) for name in list(node.value)[:20])}"
    elif isinstance(node.value, list) and step.isdigit() and int(step) < len(node.value):
        below = node.value[int(step)]
    if below is not None:
        return below
    raise BadList(f"{source}, {node.place}: path {shown(path)} finds no {shown(step)} here{known}")


def _entries(node: Node, source: str, path: str) -> list[tuple[str | None, Node]]:
    """The customers: a list, a mapping by name, or the one list that an answer holds."""
    value = node.value
    if isinstance(value, list):
        return [(None, entry) for entry in value]
    if isinstance(value, dict):
        lists = [entry for entry in value.values() if isinstance(entry.value, list)]
        if len(lists) == 1 and not path:
            return _entries(lists[0], source, "-")
        if value and all(isinstance(entry.value, dict) for entry in value.values()):
            return list(value.items())
    where = f"at path {shown(path)}" if path else "at its top; say where they are by path, such as data.customers"
    raise BadList(f"{source}, {node.place}: neither a list of customers nor a mapping by their names is {where}")


def _cells(node: Node, above: str) -> Iterator[tuple[str, Cell]]:
    """The values of a customer, those of nested mappings by dotted names as well as each mapping as a whole."""
    for name, entry in node.value.items():
        yield above + name, Cell(entry.plain(), entry.place)
        if isinstance(entry.value, dict):
            yield from _cells(entry, f"{above}{name}.")


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "empty" if value is None else f"the value {shown(value)}"
