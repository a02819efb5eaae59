# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as JUnit XML: one test case per PBX, for CI systems that show such files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible_lines

from .model import Report
from .values import Limits, all_differences
from .verdicts import AS_DESIRED, ATTENTION, BROKEN, DRIFTED, FAILED, LABELS, UNLICENSED, UNREACHABLE
from .wording import run_facts

# A finding is a failure; where the check could not come to a finding, it is an error.
_KINDS: dict[str, tuple[str, ...]] = {"failure": (DRIFTED, BROKEN, UNLICENSED), "error": (FAILED, UNREACHABLE)}
_NOT_XML = re.compile("[\ufffe\uffff]")
"""What is left that XML 1.0 cannot carry when controls and surrogates have become visible."""
_LIMITS = Limits(characters=2000, items=500, differences=500)


def xml_text(text: str) -> str:
    """The text with what XML 1.0 cannot carry, and what a terminal would obey, written as escapes."""
    return _NOT_XML.sub("\ufffd", visible_lines(text))


def junit_parts(report: Report) -> Iterator[str]:
    """The file, case by case. `drifted`, `broken` and `unlicensed` are failures, `failed` and `unreachable` are errors.

    A PBX that needs attention passes, and says in its output why.
    """
    summary, seconds = report.summary, _seconds(report.run.get("duration_s"))
    totals = {
        "name": "tcx.m365 compliance",
        "tests": str(summary["total"]),
        "failures": str(sum(summary[verdict] for verdict in _KINDS["failure"])),
        "errors": str(sum(summary[verdict] for verdict in _KINDS["error"])),
        "time": seconds,
    }
    root = Element("testsuites", totals)
    # The common schema of the format wants a time without zone; it is UTC.
    suite = SubElement(root, "testsuite", {**totals, "skipped": "0", "timestamp": report.generated_at.rstrip("Z")})
    properties = SubElement(suite, "properties")
    about = [("Attention", sentence) for sentence in report.run.get("attention") or ()]
    for name, value in [*run_facts(report), *about]:
        SubElement(properties, "property", {"name": xml_text(name), "value": xml_text(value)})
    indent(root)
    # The cases have their place behind the properties: all of a large fleet as one tree take as much as the rest of a run.
    head, end, tail = tostring(root, encoding="unicode").rpartition("\n  </testsuite>")
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{head}'
    for entry in report.hosts:
        case = _case(entry)
        indent(case, level=2)
        yield f"\n    {tostring(case, encoding='unicode')}"
    yield f"{end}{tail}\n"


def _seconds(value: Any) -> str:
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:.3f}" if known else "0.000"


def _case(entry: dict[str, Any]) -> Element:
    about = {"classname": "tcx.m365.compliance", "name": xml_text(entry["host"]), "time": "0.000"}
    case = Element("testcase", about)
    verdict = entry["verdict"]
    if verdict == ATTENTION:
        SubElement(case, "system-out").text = xml_text("\n".join(entry["attention"]))
    if verdict in AS_DESIRED:
        return case
    kind = next(name for name, verdicts in _KINDS.items() if verdict in verdicts)
    message = f"{LABELS[verdict]}: {' '.join(entry['reasons'])}"
    SubElement(case, kind, {"type": verdict, "message": xml_text(message)}).text = xml_text("\n".join(_lines(entry)))
    return case


def _lines(entry: dict[str, Any]) -> list[str]:
    lines = [*entry["reasons"], *entry["attention"]]
    for difference in all_differences(entry["changes"], _LIMITS):
        removed, added = (
            (difference.removed, difference.added) if difference.is_set else ([difference.before], [difference.after])
        )
        lines.extend(f"- {difference.path}: {text}" for text in removed)
        lines.extend(f"+ {difference.path}: {text}" for text in added)
    for title, names in (
        ("Consent missing", entry["consent"]["missing"]),
        ("Consent unneeded", entry["consent"]["unneeded"]),
    ):
        if names:
            lines.append(f"{title}: {', '.join(names)}")
    lines.extend(f"How to fix it: {remedy}" for remedy in entry["remedies"])
    return lines
