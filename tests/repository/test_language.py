# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of the field: in what a user reads (messages, option texts, plays, pages), in docstrings, and in names."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FILES = workspace.tracked_files(ROOT)

# What is not said -> what is said instead. Names of variables and return values are code, and stay.
WORDS = {
    r"\b(has|have) ended\b": "has expired",
    r"\bended (on|\{)": "expired on",
    r"\bends (soon|in \{|in \d)": "expires soon, expires in 12 days",
    r"\bmended\b": "resolved",
    r"\bNew trouble\b": "New failures",
    r"\b(Appeared|Disappeared)\b": "Added, Removed",
    r"\bas (is )?wanted\b": "differs from the desired value; has the desired value",
    r"\bwhat is wanted\b": "the desired state",
    r"\bwish(es|ed)?\b": "desired",
    r"\b(a|the|one|first|no) look\b": "a pre-flight check, a check",
    r"\b[Ll]ook(s|ed)? at\b": "check",
    r"\bprove[sdn]?\b": "verify",
    r"\bproofs?\b": "verification",
    r"\bstands? in the way\b": "blocks",
    r"\bclear the PBX\b": "the pre-flight checks failed",
    r"\bsends us\b": "redirected to",
    r"\bnothing to sign in\b": "no credential was configured",
    r"\bnobody knows\b": "unsupported",
    r"\bcalls its\b": "unrecognized 3CX version",
    r"\b(has|have) left\b": "deprovisioned users",
    r"(?<![.(])\bstrangers?\b(?![`)]|: )": "users without a Microsoft 365 account",
    r"\baway again\b": "remove",
    r"\b[Ww]rites? down what\b": "export current settings",
    r"\b(rollout|check) broke\b": "Unexpected error",
    r"\bdid not keep\b": "verification failed: X was reverted after the write",
    r"\bwithout a word\b": "without a message",
    r"\bfor good\b": "permanently",
    r"\bcatalogues?\b": "catalog",
    r"\bautomation's app\b": "the automation's application",
}
# What a docstring may say in another sense: processes have ended, a token proves nothing, strangers hold an application.
OF_USERS_ALONE = (
    r"\b(has|have) ended\b",
    r"\bprove[sdn]?\b",
    r"\bproofs?\b",
    r"\bnobody knows\b",
    r"\b(has|have) left\b",
    r"(?<![.(])\bstrangers?\b(?![`)]|: )",
    r"\bwithout a word\b",
)
# Parts of names that are not used, and what is: names are read as sentences are.
NAMES = {
    "wish": "desired", "wished": "desired", "wishes": "desired", "offer": "input", "doomed": "to_remove", "lent": "shared",
    "carry": "apply", "mend": "resolve", "mended": "resolved", "look": "check", "looked": "checked", "prove": "verify",
    "stranger": "unknown", "strangers": "unknown", "catalogue": "catalog",
}  # fmt: skip
NAMES_OF_FILES = {
    "answers": "errors",
    "faults": "errors",
    "refusals": "errors",
    "people": "users",
    "together": "shared",
}
# Parts of names that tell nothing of what they hold: a certificate in a loop is `certificate`.
SAYS_NOTHING = frozenset(("each", "found", "said", "given", "there", "wanted"))
# Where names are held against it.
NAMED = ("plugins", "tools", "tests/lab/tcx_lab")
NAMES_OF_OTHERS = frozenset(("look_up", "_look_up", "to_look_up", "LOOK_UP", "_LOOK_UP"))
# Where a word is quoted from elsewhere, or is about something else.
ALLOWED = {
    "docs/report.md": ("`mended`", "`comparison.", "To prove who"),
    "docs/security.md": ("prove", "proof"),
}


def sentences_of_python(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every literal that is not a docstring; the parts of an f-string together."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            skipped.update(id(child.value) for child in node.body if isinstance(child, ast.Expr))
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the docstring of a module and of each class and function in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), " ".join(text.split())


def names(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of each function, class, argument, variable and attribute that a file defines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


@functools.lru_cache(maxsize=1)
def texts() -> list[tuple[str, str]]:
    """(place, text) of everything that a user reads."""
    return list(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    for path in FILES:
        name = str(path)
        if path.suffix == ".py" and name.startswith("plugins/"):
            source = (ROOT / path).read_text(encoding="utf-8")
            yield from ((f"{name}:{line}", text) for line, text in sentences_of_python(source) if " " in text)
        elif _is_page(path) and not (ROOT / path).is_symlink():
            for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), start=1):
                if not line.lstrip().startswith("#") or path.suffix == ".md":
                    yield f"{name}:{number}", line


def _is_page(path: Path) -> bool:
    if path.suffix == ".md":
        return path.parts[0] in {"docs", "roles", "README.md", "SECURITY.md", "CONTRIBUTING.md"}
    return path.suffix in {".yml", ".j2"} and path.parts[0] in {"roles", "playbooks", "extensions"}


@pytest.mark.parametrize("word", WORDS)
def test_the_field_says_it_otherwise(word: str) -> None:
    expression = re.compile(word)
    found = [
        f"{place}: {match.group()!r} in {text[max(0, match.start() - 50) : match.end() + 40]!r}"
        for place, text in texts()
        for match in [expression.search(text)]
        if match and not any(allowed in text for allowed in ALLOWED.get(place.partition(":")[0], ()))
    ]
    assert not found, f"say: {WORDS[word]}\n" + "\n".join(found)


@pytest.mark.parametrize("word", [word for word in WORDS if word not in OF_USERS_ALONE])
def test_docstrings_say_it_as_the_messages_do(word: str) -> None:
    expression = re.compile(word)
    found = [
        f"{path}:{line}: {match.group()!r} in {text[max(0, match.start() - 50) : match.end() + 40]!r}"
        for path, source in _sources()
        for line, text in docstrings(source)
        for match in [expression.search(text)]
        if match
    ]
    assert not found, f"say: {WORDS[word]}\n" + "\n".join(found)


def test_names_are_words_of_the_field() -> None:
    found = [
        f"{path}:{line}: {name}; call it {NAMES[part]}"
        for path, source in _sources()
        for line, name in names(source)
        if name not in NAMES_OF_OTHERS
        for part in re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_")
        if part in NAMES
    ]
    other = {**NAMES, **NAMES_OF_FILES}
    found += [
        f"{path}; call it {other[part]}"
        for path, _source in _sources()
        for part in path.stem.split("_")
        if part in other
    ]
    assert not found, "\n".join(found)


def vague_names(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of what is called by a word that says nothing of it. `NotFound` and `not_found` name an error."""
    for line, name in names(source):
        if SAYS_NOTHING.intersection(name.lower().replace("not_found", "").split("_")):
            yield line, name


def test_a_name_tells_what_it_holds() -> None:
    sources = [source for directory in NAMED for source in _sources(directory)]
    vague = [f"{path}:{line}: {name}" for path, source in sources for line, name in vague_names(source)]
    assert not vague, "name the thing: host, application, message, option\n" + "\n".join(vague)


@pytest.mark.parametrize(
    "source",
    [
        "for each in hosts: pass",
        "def f(given): pass",
        "def is_there(): pass",
        "f(lambda found: found)",
        "class A:\n    wanted: int = 0",
        "def f(self):\n    self._found = 1",
        "x = [each for each in y]",
    ],
)
def test_a_name_that_tells_nothing_is_noticed(source: str) -> None:
    assert list(vague_names(source))


@functools.lru_cache(maxsize=len(NAMED))
def _sources(directory: str = "plugins") -> list[tuple[Path, str]]:
    files = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(directory)]
    return [(path, (ROOT / path).read_text(encoding="utf-8")) for path in files]


def test_what_is_read_by_users_is_found() -> None:
    source = '"""Mended."""\nclass A:\n    """mended"""\n    x = f"it was {1} mended"\n'
    assert [text for _line, text in sentences_of_python(source)] == ["it was {} mended"]
    assert [text for _line, text in docstrings(source)] == ["Mended.", "mended"]
    assert [name for _line, name in names(source)] == ["A", "x"]
    places = {place.partition(":")[0] for place, _text in texts()}
    assert {"README.md", "playbooks/rollout.yml", "plugins/module_utils/_entra/rights.py"} <= places
