# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSV: what spreadsheets and customer databases write, whichever separator and encoding they have chosen."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re

from .model import MOST_ROWS, BadList, Cell, Row, Table, refuse, shown

DELIMITERS = ",;\t|"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*(?:\r\n|\r|\n)', re.IGNORECASE)
_PROTECTED = re.compile(r"'(?=[=+\-@\t\r])")
"""The apostrophe by which spreadsheets keep a text from becoming a formula."""


_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""With which a workbook begins: one of today, and one that is old or protected by a password."""


def decoded(content: bytes, encoding: str, source: str) -> str:
    """The text of a file. A byte order mark decides; without one the text is UTF-8 unless an encoding is stated.

    :raises BadList: it is not text of that encoding. No other is guessed: a wrong guess changes names in silence.
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            encoding = name
            break
    stated = encoding or "utf-8"
    if content.startswith(_WORKBOOKS):
        raise BadList(f"{source} is an Excel workbook; let its name end in .xlsx, or set format: xlsx")
    if not encoding and b"\0" in content[:200]:
        raise BadList(f"{source} is not UTF-8 (it holds NUL bytes); if it is text, state its encoding: utf-16")
    try:
        return content.decode(stated).removeprefix("\ufeff")
    except LookupError:
        raise BadList(
            f"encoding {shown(encoding)} is not one of text; give utf-8, utf-16, cp1252 or another of Python"
        ) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "state its encoding, such as cp1252 (Excel on Windows) or utf-16" if not encoding else "state another"
        raise BadList(f"{source}, line {line}: the file is not {stated.upper()}; {hint}") from None


def read(text: str, source: str, *, delimiter: str = "", header_row: int = 1) -> Table:
    """A table of CSV text.

    :param delimiter: one character, or nothing to find it out.
    :param header_row: the row, counted from 1, that names the columns.
    :raises BadList: it is not CSV, or has no header.
    """
    skipped = 0
    stated = _SEPARATOR_LINE.match(text)
    if stated:
        text, delimiter, skipped = text[stated.end() :], delimiter or stated[1], 1
    delimiter = delimiter or _detected_delimiter(text, header_row)
    if len(delimiter) != 1:
        raise BadList(f"delimiter {shown(delimiter)} is not one character")
    rows = _rows(text, source, delimiter, skipped)
    if len(rows) < header_row:
        raise BadList(f"{source} has no row {header_row} that could name the columns")
    headers, mistakes = _headers(*rows[header_row - 1])
    table = Table(source, {name: place for name, place in headers if name})
    for start, cells in rows[header_row:]:
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(headers) :]):
            mistakes.append(
                f"line {start}: {len(cells)} values for {len(headers)} columns; quote values that hold {shown(delimiter)}"
            )
            continue
        table.rows.append(_row(start, [name for name, _place in headers], cells))
    if mistakes:
        raise refuse(source, mistakes)
    return table


def _headers(line: int, names: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Each column with its place, and what is wrong with them."""
    headers = [(" ".join(name.split()), f"line {line}, column {number}") for number, name in enumerate(names, 1)]
    first = {name: place for name, place in reversed(headers) if name}
    twice = [(name, place) for name, place in headers if name and first[name] != place]
    return headers, [f"{place}: there are two columns {shown(name)}" for name, place in twice]


def _row(start: int, headers: list[str], cells: list[str]) -> Row:
    by_header = {}
    line = start
    for number, (header, value) in enumerate(zip(headers, cells), 1):
        if header:
            by_header[header] = Cell(_plain(value.strip()), f"line {line}, column {number}")
        line += len(value.splitlines()) - 1 if "\n" in value or "\r" in value else 0
    return Row(f"line {start}", by_header)


def _plain(text: str) -> str:
    """The text that is meant, where something keeps spreadsheets from evaluating it: an apostrophe, or JSON as :mod:`export`
    writes it."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(text))
        except (ValueError, RecursionError):
            return text
    return _PROTECTED.sub("", text, count=1)


def _rows(text: str, source: str, delimiter: str, skipped: int) -> list[tuple[int, list[str]]]:
    """Rows with the line that each begins at."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    while True:
        start = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            raise BadList(f"{source}, line {start}: {_in_words(error, delimiter)}") from None
        rows.append((start, cells))
        if len(rows) > MOST_ROWS:
            raise BadList(f"{source} has more than {MOST_ROWS} rows")


def _in_words(error: csv.Error, delimiter: str) -> str:
    message = str(error)
    if "unexpected end" in message:
        return "a quotation mark that opens a value is never closed"
    if "expected after" in message:
        return f'between a closing quotation mark and {shown(delimiter)} stands text; write a quotation mark inside a value twice ("")'
    return message


def _detected_delimiter(text: str, header_row: int) -> str:
    """The separator that makes most columns of the header."""
    lines = text.splitlines()[: header_row + 20]
    best, most = ",", 0
    for candidate in DELIMITERS:
        try:
            rows = list(csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=candidate))
        except csv.Error:
            continue
        count = len(rows[header_row - 1]) if len(rows) >= header_row else 0
        if count > most:
            best, most = candidate, count
    return best
