# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every command and snippet of the pages, read by what reads it in earnest: the argument parsers of Ansible and of our own
programs, the options of the modules, the targets of make, the files of the tree. Commands are run by the tests of the pages that they are on."""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import known_names
from tcx_lab.__main__ import parse

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "docs").rglob("*.rst"),
        *(ROOT / "examples").rglob("*.md"),
        *(ROOT / "roles").rglob("README.md"),
        ROOT / "tests" / "lab" / "README.md",
    }
    - {ROOT / "CHANGELOG.md"}
)
LANGUAGES = {"console", "yaml", "text", "json", "python", ""}
"""Without a language: output, trees and drawings."""

INSTALLED = "~/.ansible/collections/ansible_collections/tcx/m365/"
"""Where `ansible-galaxy collection install` puts the collection."""

ANSIBLE = {
    "ansible-playbook": ("ansible.cli.playbook", "PlaybookCLI"),
    "ansible-galaxy": ("ansible.cli.galaxy", "GalaxyCLI"),
    "ansible-inventory": ("ansible.cli.inventory", "InventoryCLI"),
    "ansible-vault": ("ansible.cli.vault", "VaultCLI"),
    "ansible-doc": ("ansible.cli.doc", "DocCLI"),
    "ansible": ("ansible.cli.adhoc", "AdHocCLI"),
}
OTHERS = set(
    "make pip python3 git cd cp mv mkdir cat echo printf export for az awx curl podman skopeo ansible-builder "
    "ansible-rulebook . sha256sum gpg minisign ${EDITOR:-vi} umask openssl tcx-lab .venv/bin/python".split()
)
"""Programs of others; a new one is looked at before it is put here."""

OF_THE_READER = {"inventory.yml", "inventory", "bootstrap/inventory_vars.yml"}
"""Files that the pages say the reader has: the inventory, and what the bootstrap writes."""

HOSTS = {
    "github.com",
    "gist.github.com",
    "raw.githubusercontent.com",
    "learn.microsoft.com",
    "docs.microsoft.com",
    "login.microsoftonline.com",
    "www.3cx.com",
    "docs.ansible.com",
    "galaxy.ansible.com",
    "semver.org",
    "www.gnu.org",
    "reuse.software",
    "www.contributor-covenant.org",
    "docs.redhat.com",
}

_MARKDOWN = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_RST = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1   .*\n|\n)+)", re.MULTILINE)


def blocks(path: Path) -> list[tuple[str, str]]:
    """(language, text) of each block of code of a page."""
    found = (_MARKDOWN if path.suffix == ".md" else _RST).findall(path.read_text(encoding="utf-8"))
    return [
        (language, "\n".join(line.removeprefix(indent) for line in code.splitlines()))
        for indent, language, code in found
    ]


def typed(text: str) -> Iterator[str]:
    """The lines of a block that somebody types: those after a prompt where there is one, else all; without here-documents."""
    lines = iter(re.sub(r"\\\n\s*", " ", text).splitlines())
    prompted = any(line.lstrip().startswith("$ ") for line in text.splitlines())
    for line in lines:
        command = line.strip()
        if prompted and not command.startswith("$ "):
            continue
        command = command.removeprefix("$ ")
        end = re.search(r"<<'?(\w+)'?", command)
        if end:
            for _inside in itertools.takewhile(lambda each, end=end: each.strip() != end[1], lines):
                pass
            command = command.replace(end[0], "")
        if command and not command.startswith("#"):
            yield command


def simple(command: str) -> Iterator[list[str]]:
    """The words of each simple command of a line; redirections are left out."""
    lexer = shlex.shlex(command.replace("$(", "( "), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    tokens = iter(lexer)
    for token in tokens:
        if re.fullmatch(r"[;&|()]+", token):
            yield words
            words = []
        elif re.fullmatch(r"\d?[<>]+&?\d?", token):
            next(tokens, None)
        else:
            words.append(token)
    yield words


def without_prefix(words: list[str]) -> list[str]:
    """Without the words of a loop and the variables of the environment before the program."""
    return list(itertools.dropwhile(lambda word: word in ("do", "done", "env") or re.match(r"\w+=", word), words))


def commands() -> list[Any]:
    """(page, words of a simple command) for each command of each page."""
    listed = [
        (path, without_prefix(words))
        for path in PAGES
        for language, text in blocks(path)
        for line in (typed(text) if language == "console" else ())
        for words in simple(line)
    ]
    return [
        pytest.param(path, words, id=f"{path.relative_to(ROOT)}: {' '.join(words)}"[:110])
        for path, words in listed
        if words
    ]


def of(program: str) -> list[Any]:
    return [each for each in commands() if each.values[1][0] == program]


def test_the_pages_have_blocks_of_known_languages_alone() -> None:
    assert {language for path in PAGES for language, _text in blocks(path)} <= LANGUAGES
    assert len(commands()) > 100


@pytest.mark.parametrize(("path", "words"), commands())
def test_programs_are_known(path: Path, words: list[str]) -> None:
    assert path
    assert words[0] in {*ANSIBLE, *OTHERS} or (path.parent / words[0]).is_file()


@pytest.mark.parametrize(("path", "words"), [each for name in ANSIBLE for each in of(name)])
def test_ansible_takes_the_arguments(path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert path
    module, name = ANSIBLE[words[0]]
    command_line = getattr(importlib.import_module(module), name)(words)
    command_line.init_parser()
    try:
        command_line.parser.parse_args(words[1:])
    except SystemExit:
        pytest.fail(capsys.readouterr().err)


@pytest.mark.parametrize(("path", "words"), of("ansible-playbook"))
def test_the_playbook_is_there_and_reads_the_variables(path: Path, words: list[str]) -> None:
    name = next(word for word in words[1:] if word.endswith((".yml", ".yaml")) or word.startswith("tcx.m365."))
    if not name.startswith("tcx.m365."):
        assert name in path.read_text(encoding="utf-8")
        return
    playbook = ROOT / "playbooks" / f"{name.removeprefix('tcx.m365.')}.yml"
    text = playbook.read_text(encoding="utf-8")
    for flag, value in itertools.pairwise(words):
        if flag not in ("-e", "--extra-vars") or value.startswith("@"):
            continue
        for variable in json.loads(value) if value.startswith("{") else [value.partition("=")[0]]:
            read = variable in known_names() or re.search(rf"\b{variable}\b", text)
            assert read, f"{variable} is read by nothing in {name}"


@pytest.mark.parametrize(("path", "words"), commands())
def test_files_that_are_named_are_there(path: Path, words: list[str]) -> None:
    """In the tree, in the installed collection, or made earlier on the page."""
    page = path.read_text(encoding="utf-8")
    for word in words:
        name = word.lstrip("@")
        if name.startswith(INSTALLED):
            assert list(ROOT.glob(name.removeprefix(INSTALLED))), name
        elif re.match(r"(tests|tools|docs|examples|plugins|roles|playbooks|extensions|meta|changelogs)/\S", name):
            here = ROOT / name.partition("::")[0]
            assert here.exists() or list(ROOT.glob(name)) or "playbooks/" in name, name
    for flag, value in itertools.pairwise(words):
        if flag in ("-i", "--inventory") or value.startswith("@"):
            name = value.lstrip("@")
            inside = name in OF_THE_READER or name.endswith(",") or (path.parent / name).exists()
            assert inside or page.count(name) > 1, f"nothing on the page says where {name} comes from"


@pytest.mark.parametrize(("path", "words"), of("make"))
def test_targets_of_make_exist(path: Path, words: list[str]) -> None:
    assert path
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for word in words[1:] if "=" not in word} <= targets


@pytest.mark.parametrize(("path", "words"), of("tcx-lab"))
def test_the_lab_takes_its_arguments(path: Path, words: list[str]) -> None:
    assert path
    parse(words[1:])


@pytest.mark.parametrize(("path", "words"), of(".venv/bin/python"))
def test_programs_of_the_tree_have_the_options(path: Path, words: list[str]) -> None:
    assert path
    if words[1].endswith(".py"):
        source = (ROOT / words[1]).read_text(encoding="utf-8")
        assert all(f'"{word}"' in source for word in words[2:] if word.startswith("--") and word != "--help")


def snippets(language: str) -> list[Any]:
    return [
        pytest.param(text, id=f"{path.relative_to(ROOT)}-{number}")
        for path in PAGES
        for number, (found, text) in enumerate(blocks(path))
        if found == language
    ]


def documented(name: str) -> dict[str, Any]:
    """The options of a module and of the fragments that it extends, aliases included."""
    options: dict[str, Any] = {}
    tree = ast.parse((ROOT / "plugins" / "modules" / f"{name}.py").read_text(encoding="utf-8"))
    text = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION"
    )
    described = yaml.safe_load(text)
    options.update(described.get("options") or {})
    for fragment in described.get("extends_documentation_fragment") or ():
        file, _dot, constant = fragment.removeprefix("tcx.m365.").partition(".")
        module = importlib.import_module(f"ansible_collections.tcx.m365.plugins.doc_fragments.{file}")
        found = yaml.safe_load(getattr(module.ModuleDocFragment, (constant or "documentation").upper()))
        options.update(found.get("options") or {})
    return options


def tasks(content: Any) -> Iterator[tuple[str, Any]]:
    """(module of ours, its arguments) at any depth of plays and blocks."""
    if isinstance(content, dict):
        for key, value in content.items():
            if str(key).startswith("tcx.m365."):
                yield str(key).removeprefix("tcx.m365."), value
            yield from tasks(value)
    elif isinstance(content, list):
        for each in content:
            yield from tasks(each)


@pytest.mark.parametrize("text", snippets("yaml"))
def test_tasks_and_roles_of_snippets_exist_with_their_options(text: str) -> None:
    content = yaml.safe_load(text.replace("!vault |", "|"))
    for module, given in tasks(content):
        assert set(given or {}) <= set(documented(module)), module
    for name in re.findall(r"(?:role|name): tcx\.m365\.(\w+)$", text, re.MULTILINE):
        assert (ROOT / "roles" / name).is_dir(), name
    for name in re.findall(r"import_playbook: tcx\.m365\.(\w+)", text):
        assert (ROOT / "playbooks" / f"{name}.yml").is_file(), name


@pytest.mark.parametrize("text", snippets("json"))
def test_json_can_be_read(text: str) -> None:
    json.loads(re.sub(r"\s#.*$", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("text", snippets("python"))
def test_python_can_be_read(text: str) -> None:
    """As it is, or as a line of a table, of arguments, or of a class."""
    forms = (text, f"_ = {{{text}}}", f"_ = ({text})", f"class _:\n{text}")
    assert any(map(is_python, forms))


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def addresses() -> list[Any]:
    found = []
    for path in PAGES:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        targets = re.findall(r"\]\((https?:[^)\s]+)", text) + re.findall(r"<(https?:[^>\s]+)>`_", text)
        found += [pytest.param(each, id=f"{path.relative_to(ROOT)}: {each}"[:110]) for each in dict.fromkeys(targets)]
    return found


@pytest.mark.parametrize("address", addresses())
def test_links_to_others_are_https_at_hosts_that_we_know(address: str) -> None:
    """Whether they answer cannot be asked in a test; where they may lead can."""
    parts = urlsplit(address)
    assert parts.scheme == "https"
    assert parts.hostname in HOSTS
    assert parts.username is None
