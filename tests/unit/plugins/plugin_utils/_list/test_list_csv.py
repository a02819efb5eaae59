# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSV as spreadsheets and customer databases write it."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._list import delimited
from ansible_collections.tcx.m365.plugins.plugin_utils._list.model import BadList, Table


def read(text: str | bytes, encoding: str = "", **options: str) -> Table:
    content = text.encode() if isinstance(text, str) else text
    return delimited.read(delimited.decoded(content, encoding, "list.csv"), "list.csv", **options)


def values(table: Table) -> list[list[str]]:
    return [[cell.value for cell in row.cells.values()] for row in table.rows]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_separator_is_found(sign: str) -> None:
    table = read(sign.join(["Name", "URL, or address; of|it".replace(sign, " "), "Tenant"]) + "\n" + sign.join("abc"))
    assert len(table.columns) == 3
    assert values(table) == [["a", "b", "c"]]


@pytest.mark.parametrize(
    ("encoding", "stated"),
    [("utf-8-sig", ""), ("utf-16", ""), ("utf-32", ""), ("cp1252", "cp1252"), ("utf-16-le", "utf-16-le")],
)
def test_byte_order_marks_decide_and_everything_else_is_stated(encoding: str, stated: str) -> None:
    table = read("Name;Ort\r\nMüller;Köln\r\n".encode(encoding), stated)
    assert list(table.columns) == ["Name", "Ort"]
    assert values(table) == [["Müller", "Köln"]]


def test_no_encoding_is_guessed() -> None:
    with pytest.raises(BadList, match=r"list\.csv, line 2: the file is not UTF-8; state its encoding, such as cp1252"):
        read("Name\nMüller\n".encode("cp1252"))
    with pytest.raises(BadList, match="utf-16"):
        read("Name\n".encode("utf-16-le"))
    for workbook in (b"PK\x03\x04\x14\0", b"\xd0\xcf\x11\xe0\0"):
        with pytest.raises(BadList, match=r"is an Excel workbook; let its name end in \.xlsx"):
            read(workbook)
    with pytest.raises(BadList, match="is not one of text"):
        read("Name\n", "klingon")
    with pytest.raises(BadList, match="is not one of text"):
        read("Name\n", "zip")


def test_lines_are_counted_through_quoted_line_breaks() -> None:
    table = read('Name,Note,URL\r\nacme,"two\r\nlines",x\r\n\r\nbolt,,y\r\n')
    assert [row.place for row in table.rows] == ["line 2", "line 5"]
    assert table.rows[0].cells["URL"].place == "line 3, column 3"
    assert table.rows[0].cells["Note"].value == "two\r\nlines"


def test_the_separator_line_of_excel_is_no_header() -> None:
    table = read("sep=;\r\nName;URL\r\na;b,c\r\n")
    assert values(table) == [["a", "b,c"]]
    assert table.rows[0].place == "line 3"


def test_an_apostrophe_before_a_formula_sign_is_no_part_of_the_text() -> None:
    assert values(read("Name,Phone\na,'+49 30\nb,it's\n")) == [["a", "+49 30"], ["b", "it's"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('Name,URL\na,"b\nc,d\n', "line 2: a quotation mark that opens a value is never closed"),
        ('Name,URL\n"a" b,c\n', "line 2: between a closing quotation mark and ',' stands text"),
        ("Name,URL,Name\na,b,c\n", "line 1, column 3: there are two columns 'Name'"),
        ("Name,URL\na,b,c\n", "line 2: 3 values for 2 columns"),
        ("", "has no row 1 that could name the columns"),
    ],
)
def test_what_is_no_csv(text: str, said: str) -> None:
    with pytest.raises(BadList) as caught:
        read(text)
    assert said in caught.value.message


def test_short_rows_and_empty_last_columns_are_as_spreadsheets_write_them() -> None:
    table = read("Name,URL,\na\nb,c,\n,,\n")
    assert list(table.columns) == ["Name", "URL"]
    assert values(table) == [["a"], ["b", "c"]]
