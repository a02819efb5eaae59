# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages tell people to type exists: playbooks, variables, files, and the sentences that they are told to look for."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import site_pages
import yaml
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import FAMILIES, known_names

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "docs").rglob("*.rst"))]
PLAYBOOKS = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
TROUBLE = ROOT / "docs" / "docsite" / "rst" / "troubleshooting.rst"
OF_OTHERS = (
    "the playbook: tcx.m365.rollout could not be found",
    "Attempting to decrypt but no vault secrets found",
    "Validating arguments against arg spec",
)
"""Sentences of Ansible itself."""

_MARKDOWN = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_RST = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1   .*\n|\n)+)", re.MULTILINE)


def blocks(path: Path) -> list[tuple[str, str]]:
    """(language, text) of each block of code of a page."""
    text = path.read_text(encoding="utf-8")
    found = (_MARKDOWN if path.suffix == ".md" else _RST).findall(text)
    return [
        (language, "\n".join(line[len(indent) :] for line in code.splitlines())) for indent, language, code in found
    ]


def all_blocks(*languages: str) -> list[Any]:
    found = []
    for path in PAGES:
        name = str(path.relative_to(ROOT))
        for number, (language, text) in enumerate(blocks(path)):
            if language in languages:
                found.append(pytest.param(text, id=f"{name}-{number}"))
    return found


def ours(content: Any) -> Iterator[str]:
    """Names of variables of our families in a structure, as keys."""
    if isinstance(content, dict):
        for key, value in content.items():
            if str(key).startswith(FAMILIES):
                yield str(key)
            yield from ours(value)
    elif isinstance(content, list):
        for each in content:
            yield from ours(each)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `ansible-playbook` in a block for a shell."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True) if "ansible-playbook" in line else []
        while words and words[0] != "ansible-playbook":
            words = words[1:]
        if words:
            yield words


def given(words: list[str]) -> Iterator[str]:
    """The names of the variables of `-e`."""
    for flag, value in itertools.pairwise(words):
        if flag in ("-e", "--extra-vars") and not value.startswith("@"):
            yield from json.loads(value) if value.startswith("{") else [value.split("=", 1)[0]]


def test_there_are_pages_with_commands() -> None:
    assert len(all_blocks("console", "shell", "bash")) > 10
    assert len(all_blocks("yaml")) > 10


@pytest.mark.parametrize("text", all_blocks("yaml"))
def test_yaml_can_be_read_and_its_variables_exist(text: str) -> None:
    unknown = {name for name in ours(yaml.safe_load(text.replace("!vault |", "|"))) if name not in known_names()}
    assert not {name for name in unknown if not name.startswith(("vault_", "tcx_groups"))}


@pytest.mark.parametrize("text", all_blocks("console", "shell", "bash", "text"))
def test_playbooks_and_variables_of_commands_exist(text: str) -> None:
    for words in commands(text):
        playbook = next((word for word in words[1:] if word.startswith("tcx.m365.")), "")
        assert not playbook or playbook.removeprefix("tcx.m365.") in PLAYBOOKS, playbook
        unknown = [name for name in given(words) if name.startswith(FAMILIES) and name not in known_names()]
        assert not unknown


def symptoms() -> list[str]:
    return re.findall(r"^   \* - ``(.+)``$", TROUBLE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_of_symptoms_has_some() -> None:
    assert len(symptoms()) > 25


@pytest.mark.parametrize("said", symptoms())
def test_a_symptom_is_what_we_say(said: str) -> None:
    """Somebody who searches for the words of a message has to find it."""
    if said in OF_OTHERS:
        return
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "plugins").rglob("*.py")))
    joined = re.sub(r'"\s*\n\s*f?"', "", sources)
    # Of a PBX: its options are the variables without their prefix.
    joined = re.sub(r"O\(([\w.]+)\)", r"tcx_\1", joined) + joined
    assert said.removeprefix("AADSTS").lower() in joined.lower()


HERE = re.compile(
    r"https://(?:github\.com/tcx-m365/tcx\.m365/(?:blob|tree)|raw\.githubusercontent\.com/tcx-m365/tcx\.m365)/main/(.*)"
)


def links(path: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s#]+)[^)]*\)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [path for path in PAGES if path.suffix == ".md"], ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in links(path):
        ours = HERE.fullmatch(target)
        if ours:
            assert (ROOT / ours[1]).exists(), target
        elif not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), target


def test_links_of_the_readme_work_outside_of_the_repository() -> None:
    """Galaxy and an installed artifact show it where no other file of the repository is."""
    assert [target for target in links(ROOT / "README.md") if not target.startswith("https://")] == []


def test_the_readme_lists_everything_that_is_in_the_collection() -> None:
    """A playbook that is not in the list is one that nobody finds."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What is in it")[2].partition("\n- [")[0]
    rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", table, re.MULTILINE))
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    for kind, names in (
        ("Playbooks", PLAYBOOKS),
        ("Roles", {path.name for path in (ROOT / "roles").iterdir()}),
        ("Modules", {name for name in modules if name.removesuffix("_info") not in modules - {name}}),
    ):
        assert set(re.findall(r"`([a-z]\w+)`", rows[kind])) == names, kind


def test_every_page_of_the_repository_is_one_of_the_site() -> None:
    """And the site has those that stand elsewhere: how to contribute, and the lab."""
    written = {str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))}
    assert set(site_pages.PAGES) == {*written, "CONTRIBUTING.md", "tests/lab/README.md"}


def test_links_of_a_page_lead_to_the_site_or_to_the_repository() -> None:
    text = "# A\n\n[t](../tower.md#vault) [g](../../plugins/x.py) ![p](../images/p.svg) [o](https://e.example/a.md) [h](#a)\n"
    code = "```yaml\n[a](tower.md)\n```\n"
    assert site_pages.page(text + code, "docs/flows/capture.md") == (
        "(ansible_collections.tcx.m365.docsite.page_run_capture)=\n\n# A\n\n[t](page_tower.md#vault) "
        "[g](https://github.com/tcx-m365/tcx.m365/blob/main/plugins/x.py) ![p](images/p.svg) [o](https://e.example/a.md) [h](#a)\n"
        + code
    )
