# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of how the real services answered: one file in `records/` raises the grade of each behavior that it holds.

`tcx.m365.conformance` writes them on a test tenant and a test PBX of somebody's own. A record is a contract: what it says has
to be what the lab does by default, so one that says otherwise is an error until the default is turned.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tcx_lab.evidence import Evidence, Grade, Switches

RECORDS: Final = Path(__file__).parent / "records"
SCHEMA_VERSION: Final = 1
_FIELDS: Final = {"schema_version", "made_on", "source", "cloud", "xapi_release", "graph", "xapi"}
_OF_ANSWER: Final = {"behavior", "about", "answer", "reason"}
_REVEALING: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-|://|@|\b\d{1,3}(\.\d{1,3}){3}\b|\b[\w-]+\.(com|net|org|example|local|onmicrosoft)\b",
    re.IGNORECASE,
)

#: Behaviors that no switch turns, and how the lab behaves.
FIXED: Final[dict[str, Any]] = {
    "skip_on_directory_objects": "refused",
    "graph_type_alias": "accepted",
    "batch_item_without_content_type": "refused",
    "app_role_origin": "present",
    "wrong_inner_type": "refused",
    "too_many_redirect_uris": "refused",
    "foreign_identifier_uri": "refused",
}


class RecordError(ValueError):
    """A record that cannot be one, or that says otherwise than the lab; the text says what to do."""


@dataclass(frozen=True)
class Record:
    """What one file says. `answers`: behavior -> (what it is, the answer)."""

    name: str
    made_on: str
    release: str
    answers: dict[str, tuple[str, Any]]

    @property
    def source(self) -> str:
        return f"record {self.name} of {self.made_on}"


def known() -> dict[str, Any]:
    """Behaviors that a record may speak of, with what the lab does by default."""
    return {**FIXED, **Switches().as_dict()}


def read(path: Path) -> Record:
    """One file. Raises RecordError for anything that is not a record, or that could name somebody."""
    text = path.read_text(encoding="utf-8")
    try:
        content = _checked(json.loads(text))
        rows = [*content["graph"], *content["xapi"]]
        answers = {row["behavior"]: (row["about"], row["answer"]) for row in rows if row["answer"] is not None}
        record = Record(path.name, content["made_on"], content["xapi_release"], answers)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{path.name} is no record of tcx.m365.conformance") from error
    revealing = _REVEALING.search(" ".join(str(value) for value in _texts(content)))
    if revealing is not None:
        raise RecordError(f"{path.name} could name somebody: {revealing[0]!r}")
    unknown = sorted(set(record.answers) - set(known()))
    if unknown:
        raise RecordError(f"{path.name} speaks of {', '.join(unknown)}, which the lab does not know")
    return record


def _checked(content: Any) -> dict[str, Any]:
    """The content of a file, when it has the shape of a record. Raises ValueError, KeyError or TypeError."""
    rows = [*content["graph"], *content["xapi"]]
    if content["schema_version"] != SCHEMA_VERSION or not set(content) <= _FIELDS:
        raise ValueError
    if any(set(row) != _OF_ANSWER for row in rows):
        raise ValueError
    return dict(content)


def _texts(value: Any) -> Iterable[Any]:
    """The values in a record that a service or a user has chosen."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in ("about", "xapi_release"):
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield value


def read_all(directory: Path = RECORDS) -> list[Record]:
    """All records, by name."""
    return [read(path) for path in sorted(directory.glob("*.json"))]


def raised(statements: Sequence[Evidence], records: Iterable[Record]) -> list[Evidence]:
    """The statements with the grades that the records raise. Raises RecordError where the lab behaves otherwise."""
    by_name = {statement.name: statement for statement in statements if statement.name}
    others = [statement for statement in statements if not statement.name]
    for record in records:
        for name, (about, answer) in record.answers.items():
            _agree(record, name, answer)
            before = by_name.get(name) or Evidence(about, Grade.ASSUMED, "", name)
            if before.grade not in (Grade.DOCUMENTED, Grade.RECORDED):
                by_name[name] = dataclasses.replace(before, grade=Grade.RECORDED, source=record.source)
    return [*others, *by_name.values()]


def _agree(record: Record, name: str, answer: Any) -> None:
    ours = known()[name]
    if answer != ours:
        raise RecordError(
            f"{record.name}: {name} is {answer!r} in reality, and the lab's default is {ours!r}; turn the default, and see "
            "what the product makes of it"
        )
