# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same hostile texts through every writer of the report: nothing of them becomes structure, formula or control."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import RENDERERS
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report
from ansible_collections.tcx.m365.tests.tools.report_texts import render, render_csv
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._common.hostile import (
    HOSTILE,
    hostile_texts,
    obeyed_characters,
)
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import change, report
from hypothesis import example, given, settings

SEPARATORS = (",", ";", "\t", "|", ":", "^", "~")
FORMULA_SIGNS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def full_of(text: str) -> HostResult:
    """A PBX that says this text wherever a PBX or a tenant can say something."""
    return HostResult(
        host=text,
        verdict="drifted",
        reasons=[text, f"3CX says: {text}"],
        changes=[
            change(text, text, [text, text + "2"], text),
            change("x", {text: text}, {text: None}),
            change("y", None, text),
        ],
        certificates=[{"thumbprint": text, "not_after": text, "days_left": 3, "display_name": text}],
        unmanaged={text: {text: [text]}},
        version=text,
        edition=text,
        remedies=[text],
        consent={"missing": [text], "unneeded": [text]},
        consents=[{"permission": text, "kind": "delegated", "granted_on": text, "user": text}],
        tenant_id=text,
        application_id=text,
        status={"message": text, "ok": False},
        url=text,
    )


def made_of(text: str) -> Report:
    """A report of such a PBX, in a tenant that is no better."""
    row = dict.fromkeys(("tenant_id", "name", "app_id", "consent_url", "reason"), text)
    lists = {name: [text] for name in ("hosts", "rights", "missing", "too_wide")}
    credential = {"app_id": text, "kind": text, "expires": text, "reason": text}
    return report(full_of(text)).of_tenants([{**row, **lists, "state": "not_consented", "credential": credential}])


def parts(cell: str) -> set[str]:
    found = {cell}
    for separator in SEPARATORS:
        found |= {part for cut in found.copy() for part in cut.split(separator)}
    return found


@given(hostile_texts)
@example("".join(HOSTILE))
@example(";=1+1")
@example("x; \"=cmd|'/C calc'!A0")
@settings(deadline=None, max_examples=60)
def test_whatever_separates_cells_none_begins_with_a_formula(text: str) -> None:
    for row in csv.reader(io.StringIO(render_csv(made_of(text)))):
        for cell in row:
            begun = [part for part in parts(cell) if part.strip(" \"'").startswith(FORMULA_SIGNS)]
            assert not [part for part in begun if not part.startswith("'")]


@pytest.mark.parametrize("name", RENDERERS)
@given(hostile_texts)
@example("".join(HOSTILE))
@settings(deadline=None, max_examples=25)
def test_no_file_holds_a_character_that_a_terminal_obeys(name: str, text: str) -> None:
    assert not obeyed_characters(render(name, made_of(text)))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_structure_of_each_file_is_that_of_a_harmless_one(text: str) -> None:
    harmless, hostile = made_of("harmless"), made_of(text)
    assert shape(json.loads(render("compliance.json", hostile))) >= {"hosts", "summary", "schema_version"}
    one, other = (list(csv.reader(io.StringIO(render_csv(made)))) for made in (harmless, hostile))
    assert [len(row) for row in one] == [len(row) for row in other]
    one_xml, other_xml = (ET.XML(render("compliance.junit.xml", made)) for made in (harmless, hostile))
    assert [node.tag for node in one_xml.iter()] == [node.tag for node in other_xml.iter()]
    assert tags(render("compliance.html", harmless)) == tags(render("compliance.html", hostile))
    assert headings(render("compliance.md", harmless)) == headings(render("compliance.md", hostile))


def shape(content: dict[str, object]) -> set[str]:
    return set(content)


def tags(page: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in re.findall(r"<(script|img|a|iframe|object|style|svg|form|input)\b", page):
        found[name] = found.get(name, 0) + 1
    return found


def headings(text: str) -> list[str]:
    return [line.split(" ")[0] for line in text.splitlines() if line.startswith("#")]
