# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Excel workbooks (.xlsx), read with what Python brings along.

Only cells are read: no macros, no links, no formulas (the value that was saved with one counts). The archive and its XML
come from others: sizes are limited while they are unpacked, and a document type declaration, by which XML names entities
and files, ends the reading (no program writes one into a workbook).
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from .model import MOST_ROWS, BadList, Cell, Row, Table, shown

PART_BYTES = 32 * 1024 * 1024
"""Most of one part, unpacked: 50,000 customers have a tenth of it."""

MOST_COLUMNS = 500
_DEPTH = 64

_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
"""Built-in number formats of dates and times (ECMA-376 part 1, 18.8.30)."""
_NOT_CODE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})\Z")
_OLD = b"\xd0\xcf\x11\xe0"


def read(content: bytes, source: str, *, sheet: str = "", header_row: int = 1) -> Table:
    """A table of one sheet.

    :param sheet: its name; the first one where it is empty.
    :raises BadList: it is no workbook, or has no such sheet.
    """
    if content.startswith(_OLD):
        raise BadList(f"{source} is protected by a password or is an old .xls; save it as .xlsx without one")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            book = _Book(archive, source)
            name, part = book.sheet(sheet)
            return _table(book, part, f"{source}, sheet {shown(name)}", header_row)
    # zipfile's own: NotImplementedError for a packing that it does not know, RuntimeError for an encrypted part.
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadList(f"{source} is not an Excel workbook (.xlsx): {error}") from None


@dataclass
class _Book:
    """What the cells of a sheet refer to."""

    archive: zipfile.ZipFile
    source: str
    texts: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    from_1904: bool = False

    def __post_init__(self) -> None:
        main = self._part("xl/workbook.xml")
        properties = main.find("workbookPr") if main is not None else None
        self.from_1904 = properties is not None and properties.get("date1904") in ("1", "true")
        shared = self._part("xl/sharedStrings.xml", optional=True)
        self.texts = [_text(item) for item in shared.iter("si")] if shared is not None else []
        self.formats = list(self._formats())

    def sheet(self, title: str) -> tuple[str, Element]:
        """Name and content of the sheet."""
        main = self._part("xl/workbook.xml")
        names = [(str(element.get("name")), str(element.get("r:id") or "")) for element in main.iter("sheet")]
        for name, relation in names:
            if not title or name.strip().casefold() == title.strip().casefold():
                return name, self._part(self._target(relation))
        known = ", ".join(shown(name) for name, _relation_id in names) or "none"
        raise BadList(f"{self.source} has no sheet {shown(title)}; it has: {known}")

    def _target(self, relation: str) -> str:
        for relationship in self._part("xl/_rels/workbook.xml.rels").iter("Relationship"):
            if relationship.get("Id") == relation and relationship.get("TargetMode") != "External":
                target = str(relationship.get("Target"))
                return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        raise BadList(f"{self.source} is not an Excel workbook (.xlsx): a sheet has no content")

    def _formats(self) -> Iterator[str]:
        """The format code of each style; a built-in date has the code ``yyyy``."""
        styles = self._part("xl/styles.xml", optional=True)
        if styles is None:
            return
        own = {custom.get("numFmtId"): str(custom.get("formatCode")) for custom in styles.iter("numFmt")}
        for cells in styles.iter("cellXfs"):
            for style in cells.iter("xf"):
                number = style.get("numFmtId") or "0"
                built_in = "yyyy" if number.isdigit() and int(number) in _DATES else ""
                yield own.get(number, built_in)

    def _part(self, name: str, *, optional: bool = False) -> Any:
        try:
            with self.archive.open(name) as stream:
                content = stream.read(PART_BYTES + 1)
        except KeyError:
            if optional:
                return None
            raise BadList(f"{self.source} is not an Excel workbook (.xlsx): it has no {name}") from None
        if len(content) > PART_BYTES:
            raise BadList(f"{self.source} unpacks to more than {PART_BYTES // 1024 // 1024} MiB, which is not read")
        return _parsed(content, self.source)


def _parsed(content: bytes, source: str) -> Element:
    """A tree whose elements have their local names only: the format has two dialects that differ in namespaces alone."""
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise BadList(f"{source} is not an Excel workbook (.xlsx): its XML nests too deeply")
        builder.start(name.rpartition(" ")[2], {_attribute(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition(" ")[2])

    def doctype(*_declared: Any) -> None:
        raise BadList(f"{source} declares a document type, which no Excel workbook does; it is not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise BadList(f"{source} is not an Excel workbook (.xlsx): {error}") from None
    return builder.close()


def _attribute(name: str) -> str:
    """``id`` of the namespace of relationships is told from a plain ``id``."""
    space, _blank, local = name.rpartition(" ")
    return f"r:{local}" if space.endswith("/relationships") else local


def _text(item: Element) -> str:
    """The text of a shared or inline string; readings of East Asian names are no part of it."""
    parts = []
    for child in item:
        if child.tag == "t":
            parts.append(child.text or "")
        elif child.tag == "r":
            parts += [child_text.text or "" for child_text in child if child_text.tag == "t"]
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), "".join(parts))


def _table(book: _Book, sheet: Element, source: str, header_row: int) -> Table:
    table = Table(source, {})
    headers: dict[int, str] = {}
    for number, row in enumerate(sheet.iter("row"), 1):
        line = int(row.get("r") or number)
        if line < header_row:
            continue
        cells = {column: (place, cell) for column, place, cell in _cells(row, line)}
        if line == header_row:
            for column, (place, cell) in cells.items():
                header = " ".join(str(_cell(book, place, cell).value).split())
                if header in table.columns:
                    raise BadList(f"{source}, cell {place}: there are two columns {shown(header)}")
                if header:
                    headers[column] = header
                    table.columns[header] = f"cell {place}"
            continue
        by_header = {
            headers[column]: _cell(book, place, cell) for column, (place, cell) in cells.items() if column in headers
        }
        if any(cell.value != "" or cell.problem for cell in by_header.values()):
            table.rows.append(Row(f"row {line}", by_header))
        if len(table.rows) > MOST_ROWS:
            raise BadList(f"{source} has more than {MOST_ROWS} rows")
    if not headers:
        raise BadList(f"{source} has no row {header_row} that could name the columns")
    return table


def _cells(row: Element, line: int) -> Iterator[tuple[int, str, Element]]:
    """Cells with the number of their column, from 1, and their reference."""
    column = 0
    for cell in row.iter("c"):
        reference = _REFERENCE.match(cell.get("r") or "")
        column = _number(reference[1]) if reference else column + 1
        if column <= MOST_COLUMNS:
            yield column, f"{_letters(column)}{line}", cell


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _letters(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def _cell(book: _Book, place: str, cell: Element) -> Cell:
    kind = cell.get("t") or "n"
    where = f"cell {place}"
    inline = cell.find("is")
    if kind == "inlineStr":
        return Cell(_text(inline).strip() if inline is not None else "", where)
    value = cell.find("v")
    saved = (value.text or "") if value is not None else ""
    if not saved:
        problem = "holds a formula without a saved value; open and save the file in Excel, or paste values"
        return Cell("", where, problem if cell.find("f") is not None else "")
    if kind == "n":
        style = cell.get("s") or "0"
        code = book.formats[int(style)] if style.isdigit() and int(style) < len(book.formats) else ""
        return _numeric(saved, code, where, book.from_1904)
    return _other(book, kind, saved, where)


def _other(book: _Book, kind: str, saved: str, where: str) -> Cell:
    """A cell that holds no number."""
    if kind == "e":
        return Cell("", where, f"holds the error {shown(saved)}")
    if kind == "s":
        known = saved.isdigit() and int(saved) < len(book.texts)
        return (
            Cell(book.texts[int(saved)].strip(), where)
            if known
            else Cell("", where, "refers to a text that is missing")
        )
    if kind == "b":
        return Cell("true" if saved == "1" else "false", where)
    return Cell(_ESCAPED.sub(lambda match: chr(int(match[1], 16)), saved).strip(), where)


def _numeric(saved: str, code: str, where: str, from_1904: bool) -> Cell:
    """A number as a person sees it: as many leading zeros as its format shows, a date as ISO 8601."""
    try:
        number = Decimal(saved)
    except InvalidOperation:
        return Cell("", where, f"holds {shown(saved)}, which is not a number")
    plain = _NOT_CODE.sub("", code)
    if re.search("[dmyhs]", plain, re.IGNORECASE) and "general" not in plain.lower():
        return _date(number, where, from_1904)
    if not number.is_finite() or len(number.as_tuple().digits) + max(0, int(number.as_tuple().exponent)) > 15:
        return Cell("", where, "holds a number of more than 15 digits, which Excel rounds; format the column as text")
    if number != number.to_integral_value():
        return Cell(format(number.normalize(), "f"), where)
    digits = str(int(number))
    return Cell(digits.zfill(len(plain)) if plain and not plain.strip("0") else digits, where)


def _date(number: Decimal, where: str, from_1904: bool) -> Cell:
    year, month, day = (1904, 1, 1) if from_1904 else (1899, 12, 30)
    epoch = dt.datetime(year, month, day, tzinfo=dt.timezone.utc)
    try:
        moment = epoch + dt.timedelta(days=float(number))
    except OverflowError:
        return Cell("", where, "holds a date that there is not")
    whole = number == number.to_integral_value()
    return Cell(moment.date().isoformat() if whole else moment.strftime("%Y-%m-%dT%H:%M:%S"), where)
