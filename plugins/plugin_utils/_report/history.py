# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Earlier reports: each run is kept below the directory of the reports under its date, and the next one is compared with it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._common.owners import others_can_write

from .files import JSON_FILE, MANIFEST, RENDERERS, SIGNATURES, read_report

LATEST = "latest"
_KEPT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z(-\d{1,3})?")
_OURS = frozenset((*RENDERERS, MANIFEST, *SIGNATURES))
_POINT = frozenset(("generated_at", "total", "compliant", "attention", "certificates_due"))
_DIRECTORY_MODE = 0o750
_COMPARED = ("schema_version", "generated_at", "hosts")
_SAME_SECOND = 999
_SKEW = timedelta(hours=1)
"""By how much the clock of another controller may be ahead of ours."""


@dataclass(frozen=True)
class Baseline:
    """The report to compare with, and what was wrong with those that were passed over.

    `content` is None where there is none. `limit` is the `--limit` of that run.
    """

    content: dict[str, Any] | None = None
    limit: str = ""
    trend: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def kept_reports(directory: str | os.PathLike[str]) -> list[Path]:
    """The directories of the kept runs, the newest first. Links and other names are none of them."""
    try:
        entries = [entry for entry in os.scandir(directory) if _KEPT.fullmatch(entry.name)]
    except OSError:
        return []
    directories = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(directories, key=_age, reverse=True)


def find_baseline(
    directory: str | os.PathLike[str], *, keep: int, limit: str = "", now: datetime | None = None
) -> Baseline:
    """The newest earlier report that covers what this run covers: the whole inventory, or the same `--limit`.

    Without one there is nothing to compare with, as in the first night of a schedule. A file that cannot be read, or that others
    could have written, is passed over; so is one that is dated later than `now`, because every later run would be compared with it,
    and one of a run that was interrupted.
    """
    problems: list[str] = []
    for path in _candidates(Path(directory), keep):
        try:
            _check_owner(path, Path(directory))
            content = read_report(path)
            _check_date(content, path, now)
        except ValueError as error:
            problems.append(str(error))
            continue
        known = content.get("run")
        run = known if isinstance(known, dict) else {}
        covered = str(run.get("limit") or "")
        if covered in ("", limit) and not run.get("not_checked"):
            earlier: dict[str, Any] = {name: content[name] for name in _COMPARED if name in content}
            return Baseline(earlier, covered, _trend(content), problems)
    return Baseline(problems=problems)


def _check_owner(path: Path, directory: Path) -> None:
    """Raise ValueError where another local user may have written a report: it would say what is new and what was resolved."""
    with contextlib.suppress(FileNotFoundError):  # reading it says so
        for place in dict.fromkeys((directory, path.parent, path)):
            if others_can_write(os.stat(place)):
                raise ValueError(
                    f"others can write {place}, so that {path.name} in it is not believed (chmod go-w, chown)."
                )


def _check_date(content: Mapping[str, Any], path: Path, now: datetime | None) -> None:
    moment = dates.parse(str(content.get("generated_at") or ""))
    if now is not None and moment is not None and moment > now + _SKEW:
        raise ValueError(f"{path} is dated {content['generated_at']}, which is in the future.")


def _candidates(directory: Path, keep: int) -> Iterator[Path]:
    if keep:
        yield from (kept / JSON_FILE for kept in kept_reports(directory))
    # Where no run is kept, the last one is the one that this run replaces.
    if (directory / JSON_FILE).is_file():
        yield directory / JSON_FILE


def _trend(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The points of the earlier report that are whole: it is a file, and anybody may have edited it."""
    points = content.get("trend")
    return [dict(point) for point in points if is_point(point)] if isinstance(points, list) else []


def is_point(point: Any) -> bool:
    """Whether this is one run of a trend: when, how many PBXs with which verdict, how many certificates are due."""
    if not isinstance(point, dict) or set(point) != _POINT:
        return False
    numbers = [value for name, value in point.items() if name != "generated_at"]
    return isinstance(point["generated_at"], str) and all(
        isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers
    )


def narrowed(content: Mapping[str, Any], hosts: Sequence[str]) -> dict[str, Any]:
    """The earlier report with these PBXs only: what a run did not ask is not removed from the fleet."""
    asked = set(hosts)
    return {**content, "hosts": [entry for entry in content["hosts"] if entry["host"] in asked]}


def keep_report(directory: str | os.PathLike[str], generated_at: str, keep: int) -> tuple[str, list[str]]:
    """Copy the report that was just written under its date, point `latest` to it, and remove what is beyond `keep` runs.

    Returns the path of the kept report, and sentences about what could not be done. OSError when it cannot be kept.
    """
    folder = Path(directory)
    kept = _copy(folder, generated_at.replace(":", ""))
    problems = [*_point(folder / LATEST, kept.name), *_prune(folder, kept, keep)]
    return str(kept), problems


def _copy(folder: Path, name: str) -> Path:
    """Under a name of its own first: a reader meets a whole report or none."""
    temporary = Path(tempfile.mkdtemp(prefix=".kept.", dir=folder))
    try:
        for file in (*RENDERERS, MANIFEST):
            shutil.copy2(folder / file, temporary / file)
        for file in SIGNATURES:
            if (folder / file).is_file():
                shutil.copy2(folder / file, temporary / file)
        temporary.chmod(_DIRECTORY_MODE)
        names = [name, *(f"{name}-{place}" for place in range(2, _SAME_SECOND))]
        target = next(folder / name for name in names if not os.path.lexists(folder / name))
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return target


def _point(link: Path, name: str) -> list[str]:
    if os.path.lexists(link) and not link.is_symlink():
        return [f"{link} is not a link of this collection and stays as it is."]
    # In a container every run may have the same process ID, and one that was killed may have left its link behind.
    temporary = link.with_name(f".{LATEST}.{secrets.token_hex(8)}")
    try:
        temporary.symlink_to(name)
        temporary.replace(link)
    except OSError as error:
        return [f"Could not point {link} to the new report: {error.strerror or error}."]
    return []


def _prune(folder: Path, newest: Path, keep: int) -> list[str]:
    """Remove what is beyond `keep` runs; never the newest, whatever a clock that was ahead once has called another one."""
    problems = []
    for old in [directory for directory in kept_reports(folder) if directory != newest][keep - 1 :]:
        try:
            foreign = sorted({file.name for file in old.iterdir()} - _OURS)
            if foreign:
                problems.append(
                    f"The report {old} is not removed, because {foreign[0]} in it is not of this collection."
                )
                continue
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        except OSError as error:
            problems.append(f"Could not remove the report {old}: {error.strerror or error}.")
    return problems


def _age(path: Path) -> tuple[str, int]:
    """By the second, and by the order of those of one second."""
    moment, _zone, place = path.name.partition("Z")
    return moment, int(place[1:] or 1)
