# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the Markdown pages of the repository pages of the documentation site, so that no text is written twice.

MyST reads them when Sphinx builds the site. Here they get the names by which the guides refer to them, and links that lead to
other pages of the site, or else to the repository.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path

HOME = "https://github.com/tcx-m365/tcx.m365/blob/main"
IMAGES = "docs/images"
LABEL = "ansible_collections.tcx.m365.docsite."
CONFIGURATION = """
extensions += ["myst_parser"]
myst_heading_anchors = 4
# Examples of output look like their language and are not all of it.
suppress_warnings = ["misc.highlighting_failure"]
"""
"""What Sphinx has to know about them."""

SECTIONS: dict[str, tuple[str, ...]] = {
    "Each command, and what it shows": (
        "docs/first-hour.md",
        "docs/flows/rollout.md",
        "docs/flows/compliance.md",
        "docs/flows/capture.md",
        "docs/flows/rotation.md",
        "docs/flows/rollback.md",
        "docs/flows/offboarding.md",
    ),
    "Reference": (
        "docs/report.md",
        "docs/rollback.md",
        "docs/sign-in.md",
        "docs/settings-by-version.md",
        "docs/errors-entra.md",
        "docs/faults.md",
    ),
    "Ansible Automation Platform and AWX": ("docs/tower.md", "docs/execution-environment.md"),
    "The project": (
        "docs/security.md",
        "docs/architecture.md",
        "tests/lab/README.md",
        "CONTRIBUTING.md",
        "docs/support-policy.md",
        "docs/benchmarks.md",
        "docs/comparison.md",
        "docs/mutants.md",
    ),
}
"""The pages, by the heading below which the start page of the site lists them."""

_TITLES = {
    "docs/tower.md": "Tower: from nothing to a nightly compliance run with an approval",
    "docs/security.md": "Security: what is protected, from whom, and what is not",
    "CONTRIBUTING.md": "Contributing",
}
"""What the start page calls those whose own heading says less."""

_NAMES = {"tests/lab/README.md": "lab"}


def name_of(path: str) -> str:
    """The name of the page that is made from a file, such as ``first_hour``."""
    stem = posixpath.splitext(posixpath.basename(path))[0].lower().replace("-", "_")
    name = _NAMES.get(path, f"run_{stem}" if "/flows/" in path else stem)
    return f"page_{name}"


PAGES = {path: name_of(path) for paths in SECTIONS.values() for path in paths}


_LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")
_CODE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^# ", re.MULTILINE)
_LINK_HERE = re.compile(r"`([^`<]+) <" + re.escape(HOME) + r"/([^>#]+)(?:#[^>]*)?>`__?")


def write(root: Path, place: Path) -> None:
    """Write every page into the directory of the guides, and let these lead to them."""
    for guide in sorted(place.glob("*.rst")):
        guide.write_text(_LINK_HERE.sub(_of_guide, guide.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(root / IMAGES, place / "images")
    for path, name in PAGES.items():
        (place / f"{name}.md").write_text(page((root / path).read_text(encoding="utf-8"), path), encoding="utf-8")


def page(text: str, path: str) -> str:
    """:param path: of the page in the repository, from which its relative links are read."""
    named = _TITLE.sub(f"({LABEL}{PAGES[path]})=\n\n# ", text, count=1)
    parts = _CODE.split(named)
    parts[::2] = [_LINK.sub(lambda match: _target(match[0], path), prose) for prose in parts[::2]]
    return "".join(parts)


def listed() -> str:
    """What the start page says of them: a table of contents for each section."""
    parts = []
    for title, paths in SECTIONS.items():
        entries = "".join(f"    {_entry(path)}\n" for path in paths)
        parts.append(f"{title}\n{'-' * len(title)}\n\n.. toctree::\n    :maxdepth: 1\n\n{entries}\n")
    return "".join(parts)


def _entry(path: str) -> str:
    place = f"docsite/{PAGES[path]}"
    return f"{_TITLES[path]} <{place}>" if path in _TITLES else place


def _of_guide(match: re.Match[str]) -> str:
    return f":ref:`{match[1]} <{LABEL}{PAGES[match[2]]}>`" if match[2] in PAGES else match[0]


def _target(target: str, path: str) -> str:
    """A page of the site, or an address."""
    if target.startswith(HOME):
        target = posixpath.relpath(target.removeprefix(f"{HOME}/"), posixpath.dirname(path) or ".")
    file, mark, anchor = target.partition("#")
    if not file or re.match(r"[a-z]+:", target):
        return target
    full = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    if full.startswith(f"{IMAGES}/"):
        return posixpath.relpath(full, "docs")
    return (f"{PAGES[full]}.md" if full in PAGES else f"{HOME}/{full}") + mark + anchor
