# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes pages of the documentation site from the Markdown pages of the repository, so that no text is written twice.

Of Markdown it knows what those pages use: headings, paragraphs, lists, tables, blocks of code, images, links, emphasis. Sphinx
complains of what it does not understand, and then the site is not built.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

HOME = "https://github.com/tcx-m365/tcx.m365/blob/main"
IMAGES = "docs/images"
LABEL = "ansible_collections.tcx.m365.docsite."

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
_UNDERLINES = "=-~^"
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_BLANK = re.compile(r"\s*$")
_FENCE = re.compile(r"```")
_HEADING = re.compile(r"#+ ")
_ROW = re.compile(r"\|")
_QUOTE = re.compile(r">")
_ITEM = re.compile(r"^([-*]|\d+\.)( +)")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)$")
_SPAN = re.compile(
    r"(?P<code>`[^`]+`)|!\[(?P<alt>[^\]]*)\]\([^)]*\)|\[(?P<text>(?:[^\]`]|`[^`]*`)+)\]\((?P<target>[^)\s]+)\)"
    r"|\*\*(?P<bold>[^*]+)\*\*|\*(?P<italic>[^*\s][^*]*)\*|<(?P<address>https?://[^>]+)>"
)
_CELL = re.compile(r"(?<!\\)\|")
_LINK_HERE = re.compile(r"`([^`<]+) <" + re.escape(HOME) + r"/([^>#]+)(?:#[^>]*)?>`__?")


def name_of(path: str) -> str:
    """The name of the page that is made from a file, such as ``first_hour``."""
    stem = posixpath.splitext(posixpath.basename(path))[0].lower().replace("-", "_")
    name = _NAMES.get(path, f"run_{stem}" if "/flows/" in path else stem)
    return f"page_{name}"


PAGES = {path: name_of(path) for paths in SECTIONS.values() for path in paths}


def write(root: Path, place: Path) -> None:
    """Write every page into the directory of the other guides, and let these lead to them."""
    for guide in sorted(place.glob("*.rst")):
        guide.write_text(_LINK_HERE.sub(_local, guide.read_text(encoding="utf-8")), encoding="utf-8")
    for image in sorted((root / IMAGES).iterdir()):
        shutil.copyfile(image, place / image.name)
    for path, name in PAGES.items():
        text = (root / path).read_text(encoding="utf-8")
        (place / f"{name}.rst").write_text(page(text, path, LABEL + name), encoding="utf-8")


def listed() -> str:
    """What the start page says of them: a table of contents for each section."""
    parts = []
    for title, paths in SECTIONS.items():
        entries = "".join(f"    {_entry(path)}\n" for path in paths)
        parts.append(f"{heading(title, 2)}\n.. toctree::\n    :maxdepth: 1\n\n{entries}\n")
    return "".join(parts)


def _entry(path: str) -> str:
    place = f"docsite/{PAGES[path]}"
    return f"{_TITLES[path]} <{place}>" if path in _TITLES else place


def page(text: str, path: str, label: str) -> str:
    """A page in reStructuredText.

    :param path: of the Markdown page in the repository, from which its relative links are read.
    """
    body = _Blocks(lambda target: _target(target, path)).convert(_COMMENT.sub("", text).splitlines())
    return f".. _{label}:\n\n" + "\n".join(body) + "\n"


def heading(title: str, level: int) -> str:
    return f"{title}\n{_UNDERLINES[level - 1] * len(title)}\n"


def _local(match: re.Match[str]) -> str:
    return f":ref:`{match[1]} <{LABEL}{PAGES[match[2]]}>`" if match[2] in PAGES else match[0]


def _target(target: str, path: str) -> str:
    """``ref LABEL`` for a page of the site, else an address."""
    if target.startswith(HOME):
        target = posixpath.relpath(target.removeprefix(f"{HOME}/"), posixpath.dirname(path) or ".")
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return target
    file, _hash, anchor = target.partition("#")
    full = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    if full in PAGES:
        return f"ref {LABEL}{PAGES[full]}"
    return f"{HOME}/{full}" + (f"#{anchor}" if anchor else "")


class _Blocks:
    """Turns lines of Markdown into lines of reStructuredText."""

    def __init__(self, target: Callable[[str], str]) -> None:
        self._address = target

    def convert(self, lines: list[str]) -> list[str]:
        out: list[str] = []
        while lines:
            taken, made = self._block(lines)
            out += [*made, ""]
            lines = lines[taken:]
        return out

    def _block(self, lines: list[str]) -> tuple[int, list[str]]:
        """How many lines the next block has, and what it becomes."""
        kinds: tuple[tuple[re.Pattern[str], Callable[[list[str]], tuple[int, list[str]]]], ...] = (
            (_BLANK, lambda _lines: (1, [])),
            (_HEADING, self._heading),
            (_FENCE, self._code),
            (_IMAGE, self._image),
            (_ROW, self._table),
            (_ITEM, self._items),
            (_QUOTE, self._quote),
        )
        convert = next((convert for pattern, convert in kinds if pattern.match(lines[0])), self._paragraph)
        return convert(lines)

    def _heading(self, lines: list[str]) -> tuple[int, list[str]]:
        marks, _blank, title = lines[0].partition(" ")
        return 1, heading(self.text(title), len(marks)).splitlines()

    def _code(self, lines: list[str]) -> tuple[int, list[str]]:
        end = next(number for number, line in enumerate(lines[1:], 1) if line.startswith("```"))
        code = [f"   {line}".rstrip() for line in lines[1:end]]
        return end + 1, [f".. code-block:: {lines[0].strip('` ') or 'text'}", "   :force:", "", *code]

    def _image(self, lines: list[str]) -> tuple[int, list[str]]:
        alt, _end, target = lines[0].removeprefix("![").removesuffix(")").partition("](")
        return 1, [f".. image:: {posixpath.basename(target)}", f"   :alt: {alt}"]

    def _quote(self, lines: list[str]) -> tuple[int, list[str]]:
        quoted = _while(lines, lambda line: line.startswith(">"))
        return len(quoted), _indented(self.convert([line.lstrip("> ") for line in quoted]), 3)

    def _paragraph(self, lines: list[str]) -> tuple[int, list[str]]:
        def goes_on(line: str) -> bool:
            return bool(line.strip()) and not line.startswith(("|", "```", "#", ">")) and not _ITEM.match(line)

        taken = _while(lines, goes_on)
        return len(taken), self.text("\n".join(line.strip() for line in taken)).splitlines()

    def _items(self, lines: list[str]) -> tuple[int, list[str]]:
        """A list: each item with what is indented below it."""
        out: list[str] = []
        taken = 0
        while taken < len(lines) and (match := _ITEM.match(lines[taken])):
            width = len(match[0])
            body = [lines[taken][width:]]
            taken += 1
            while taken < len(lines) and (
                lines[taken].startswith(" " * width)
                or (not lines[taken].strip() and taken + 1 < len(lines) and lines[taken + 1].startswith(" " * width))
                or (lines[taken].startswith("  ") and lines[taken].strip())
            ):
                body.append(lines[taken][width:] if lines[taken].startswith(" " * width) else lines[taken].strip())
                taken += 1
            marker = "- " if match[1] in "-*" else "#. "
            made = _indented(self.convert(body), len(marker))
            out += [marker + made[0].lstrip(), *made[1:]]
        return taken, out

    def _table(self, lines: list[str]) -> tuple[int, list[str]]:
        lines = _while(lines, lambda line: line.startswith("|"))
        rows = [[cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip())[1:-1]] for line in lines]
        out = [".. list-table::", "   :header-rows: 1", ""] if any(rows[0]) else [".. list-table::", ""]
        for row in [row for number, row in enumerate(rows) if number != 1 and (number or any(row))]:
            for number, cell in enumerate(row):
                out.append(f"   {'* - ' if number == 0 else '  - '}{self.text(cell)}".rstrip())
        return len(lines), out

    def text(self, text: str) -> str:
        """Text within a line. reStructuredText nests nothing, and wants a border around what is marked up."""
        out, place = "", 0
        for match in _SPAN.finditer(text):
            out += _escaped(text[place : match.start()])
            made = self._span(match)
            before = text[match.start() - 1] if match.start() else " "
            after = text[match.end()] if match.end() < len(text) else " "
            border = "" if before.isspace() or before in "([{-/:\"'" else "\\ "
            out += border + made + ("\\ " if after.isalnum() or after in "_`*(" else "")
            place = match.end()
        return out + _escaped(text[place:])

    def _span(self, match: re.Match[str]) -> str:
        if match["code"]:
            return f"``{match['code'][1:-1].strip()}``"
        if match["bold"] or match["italic"]:
            mark, content = ("**", match["bold"]) if match["bold"] else ("*", match["italic"])
            return self.text(content) if "`" in content or "](" in content else f"{mark}{_escaped(content)}{mark}"
        if match["address"]:
            return match["address"]
        title = (match["text"] or match["alt"] or "").replace("`", "").replace("\n", " ")
        address = self._address(match["target"]) if match["target"] else ""
        if address.startswith("ref "):
            return f":ref:`{address[4:]}`" if title.endswith(".md") else f":ref:`{title} <{address[4:]}>`"
        return f"`{title} <{address}>`__" if address else _escaped(title)


def _escaped(text: str) -> str:
    return re.sub(r"(?<=\w)_(?!\w)|(?<!\w)_(?=\w)|[*`|\\]", lambda match: "\\" + match[0], text)


def _indented(lines: Iterable[str], width: int) -> list[str]:
    return [f"{' ' * width}{line}".rstrip() for line in lines]


def _while(lines: list[str], holds: Callable[[str], bool]) -> list[str]:
    taken: list[str] = []
    for line in lines:
        if taken and not holds(line):
            break
        taken.append(line)
    return taken
