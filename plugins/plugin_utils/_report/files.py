# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the report: every format in one directory, each file atomically, with a manifest of SHA-256 sums."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._common.text import TRICKY
from ansible_collections.tcx.m365.plugins.plugin_utils import _files

from .as_csv import csv_parts
from .as_junit import junit_parts
from .as_markdown import markdown_parts
from .comparison import check_report
from .model import Report
from .page import page_parts
from .values import plain

MANIFEST = "SHA256SUMS"
JSON_FILE = "compliance.json"
SIGNATURES = (f"{MANIFEST}.asc", f"{MANIFEST}.minisig")
"""What somebody who signs the manifest puts beside it. A new report makes an old signature worthless."""

# Tenant ids, addresses and names of people stand in a report: it is for its owner and group.
_DIRECTORY_MODE = 0o750
_FILE_MODE = 0o640


@dataclass(frozen=True)
class ReportFile:
    """One written file: where, its SHA-256 in hexadecimal, its size in bytes."""

    path: str
    sha256: str
    size: int


def json_parts(report: Report) -> Iterator[str]:
    """The content of compliance.json in parts: two spaces, the keys in the documented order, UTF-8."""
    yield from _parts_of(report.to_dict(), "")
    yield "\n"


def _parts_of(value: Any, indent: str) -> Iterator[str]:
    """The JSON of mappings name by name, and of their lists item by item."""
    if not value or not isinstance(value, (dict, list)):
        yield _json(value, indent)
        return
    inner = f"{indent}  "
    lead = f"\n{inner}"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{lead}{_json(item, inner)}"
        yield f"\n{indent}]"
        return
    for number, (name, item) in enumerate(value.items()):
        yield f"{',' if number else '{'}{lead}{_json(name, inner)}: "
        yield from _parts_of(item, inner)
    yield f"\n{indent}}}"


def _json(value: Any, indent: str) -> str:
    """JSON whose lines but the first are indented; a line feed inside of a string is an escape there."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False).replace("\n", f"\n{indent}")
    # Such characters stand inside of strings only, where JSON has an escape for each.
    return TRICKY.sub(lambda match: json.dumps(match.group())[1:-1], text)


RENDERERS: dict[str, Callable[[Report], Iterator[str]]] = {
    JSON_FILE: json_parts,
    "compliance.csv": csv_parts,
    "compliance.md": markdown_parts,
    "compliance.html": page_parts,
    "compliance.junit.xml": junit_parts,
}
"""Each in parts: of a large fleet the whole text is as large as everything else of the run."""


def write_report(report: Report, directory: str | os.PathLike[str]) -> list[ReportFile]:
    """Write all formats and the manifest; returns them in that order, the manifest last.

    The same report gives the same bytes. The directory is made when missing.
    The manifest is written last: `sha256sum -c SHA256SUMS` finds files that were damaged or cut off; it proves nothing to
    somebody who distrusts the directory, because whoever changes a file can change the manifest.
    OSError when the directory cannot be written.
    """
    folder = Path(directory)
    _make(folder)
    # Everything is made before anything takes its place: an error on the way leaves the earlier report whole.
    staged: list[_Staged] = []
    try:
        for name, render in RENDERERS.items():
            staged.append(_stage(folder / name, render(report)))
        for signature in SIGNATURES:
            (folder / signature).unlink(missing_ok=True)
        written = [file.place() for file in staged]
    except BaseException:
        for file in staged:
            file.drop()
        raise
    written_by_path = sorted(written, key=lambda file: file.path)
    manifest = "".join(f"{file.sha256}  {Path(file.path).name}\n" for file in written_by_path)
    return [*written, write_file(folder / MANIFEST, manifest.encode("ascii"))]


def read_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """As much of an earlier compliance.json as a comparison and a trend read; the rest of a large one takes more than the run.

    ValueError with a sentence when it is missing or not a report.
    """
    what = f"The earlier report {os.fspath(path)}"
    try:
        content = plain(json.loads(Path(path).read_text(encoding="utf-8"), object_hook=_what_is_read))
    except OSError as error:
        raise ValueError(f"{what} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is not text in UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not JSON: {error}.") from error
    return check_report(content, what)


_OF_A_REPORT = frozenset(("schema_version", "generated_at", "hosts", "run", "trend"))
_OF_A_RUN = frozenset(("limit", "not_checked"))
_OF_A_PBX = frozenset(("host", "verdict", "changes", "target", "field"))
_READ = _OF_A_REPORT | _OF_A_RUN | _OF_A_PBX


def _what_is_read(mapping: dict[str, Any]) -> dict[str, Any]:
    """What of a mapping is kept, once everything within it has been through here. A point of the trend is judged as a whole."""
    if "certificates_due" in mapping:
        return mapping
    return {name: value for name, value in mapping.items() if name in _READ}


def _make(folder: Path) -> None:
    """Make what is missing of the directory with a mode of its own; one that is there keeps its mode."""
    if not folder.parent.is_dir():
        _make(folder.parent)
    folder.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)


def write_file(path: str | os.PathLike[str], content: bytes) -> ReportFile:
    """Write one file in one step; its directory is made when missing."""
    _make(Path(path).parent)
    _files.replace(os.fspath(path), content, _FILE_MODE, durable=True)
    return ReportFile(path=str(path), sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@dataclass(frozen=True)
class _Staged:
    """A file that is complete under another name."""

    temporary: str
    file: ReportFile

    def place(self) -> ReportFile:
        os.chmod(self.temporary, _FILE_MODE)
        os.replace(self.temporary, self.file.path)
        return self.file

    def drop(self) -> None:
        Path(self.temporary).unlink(missing_ok=True)


def _stage(path: Path, parts: Iterable[str]) -> _Staged:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=str(path.parent))
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(handle, "wb") as out:
            for part in parts:
                content = part.encode("utf-8")
                digest.update(content)
                size += len(content)
                out.write(content)
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        os.unlink(temporary)
        raise
    return _Staged(temporary, ReportFile(path=str(path), sha256=digest.hexdigest(), size=size))
