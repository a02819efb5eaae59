# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Variables of our families that nothing reads: most of them are mistyped names, which would go unread in silence.

The names that are read come from the tables and from the text of the playbooks, roles and plugins themselves, so that
none of them is listed here.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import did_you_mean, nearest
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import listed

_KIND = "unread"
_ROOT = Path(__file__).resolve().parents[3]

FAMILIES = (
    "tcx_",
    "entra_",
    "preflight_",
    "sso_verify_",
    "rollout_",
    "compliance_",
    "rotate_certificate_",
    "offboard_",
    "capture_",
    "controller_setup_",
)
"""A name that begins like this is ours."""

_READ_BY_A_PLAYBOOK = re.compile(r"(?<![.\w])([a-z]+_)[a-z0-9_]+\s*\|\s*default\(")
_READ_BY_A_LOOKUP = re.compile(r"""\bknown\.get\("([a-z]+_)[a-z0-9_]+"\)""")

_OPTION = re.compile(r"^  ([a-z]+_[a-z0-9_]+):$", re.MULTILINE)
"""A line of the documentation of a module."""

LIKE = 0.7
"""How alike two names are that somebody mistypes for each other, from 0 to 1."""

SAME_WORD = 0.85
"""The same of a single word, where all others are equal."""

MOST_HOSTS = 5
"""So many hosts are named in one warning."""


@dataclass(frozen=True)
class Unknown:
    """One variable of a host that nothing reads.

    :param nearest: the known name that was probably meant, or nothing.
    """

    host: str
    name: str
    nearest: str

    @property
    def sentence(self) -> str:
        """What the operator reads, without an end."""
        return f"unknown variable {self.name} of {self.host}" + (
            f"; did you mean {self.nearest}?" if self.nearest else ""
        )

    @property
    def is_guess(self) -> bool:
        """Whether it may as well be a name of somebody else: another form of our first word, such as ``tenant_file``."""
        mine, ours = (name.lower().partition("_")[0] for name in (self.name, self.nearest))
        return bool(ours) and mine != ours and (mine.startswith(ours) or ours.startswith(mine))

    def as_dict(self) -> dict[str, str]:
        """As it stands in results and reports."""
        return {"variable": self.name, "nearest": self.nearest}

    @classmethod
    def of(cls, host: str, entry: Mapping[str, Any]) -> Unknown:
        """The reverse of :meth:`as_dict`, for what a sweep has found in another process."""
        return cls(host, str(entry["variable"]), str(entry["nearest"]))


_OF_EVERYBODY = frozenset(("hostvars", "vars", "groups"))


def unknown_variables(host: str, variables: Mapping[str, Any]) -> list[Unknown]:
    """The variables of our families that neither we nor another variable of the host reads.

    :param variables: all variables of the host, not templated, so that it can be seen which of them another one uses.
    """
    known = known_names()
    beginnings = (*FAMILIES, *common_families())
    meant = {name: _other_beginning(name) for name in variables if name not in known}
    suspects = [name for name, other in meant.items() if other or name.lower().startswith(beginnings)]
    if not suspects:
        return []
    # Of this host alone: "hostvars" and "vars" template what they hold when they are read, and hold the whole fleet.
    own = {name: value for name, value in variables.items() if name not in _OF_EVERYBODY}
    templates = "\n".join(_templates(own))
    unread = []
    for name in sorted(suspects):
        if re.search(rf"\b{re.escape(name)}\b", templates):
            continue
        near = meant[name] or _nearest(name, known)
        # In capitals it may be one of the environment, which somebody keeps beside ours.
        if near or (_is_ours(name) and not name.isupper()):
            unread.append(Unknown(host, name, near))
    return unread


def _is_ours(name: str) -> bool:
    """Whether a name begins as ours do, or is one of those beginnings: ``sso_verify`` is a role."""
    return "_" in name and f"{name.lower()}_".startswith(FAMILIES)


def _nearest(name: str, known: frozenset[str]) -> str:
    near = nearest(name, known)
    return near if _is_ours(name) or _differs_by_a_slip(name.lower(), near) else ""


@functools.lru_cache(maxsize=4096)
def _other_beginning(name: str) -> str:
    """The known name from which one differs by a slip in its first word, which makes it one of no family; or nothing."""
    first, separator, rest = name.lower().partition("_")
    candidates = _beginnings_by_rest().get(rest, ()) if separator else ()
    return next((f"{word}_{rest}" for word in candidates if word != first and _is_slip(first, word)), "")


@functools.lru_cache(maxsize=1)
def _beginnings_by_rest() -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for first, _separator, rest in (name.partition("_") for name in sorted(known_names())):
        words.setdefault(rest, []).append(first)
    return words


def _is_slip(word: str, meant: str) -> bool:
    if word.rstrip("0123456789") == meant:
        return False  # tcx1_url and tcx2_url are numbered on purpose
    turned_round = sorted(word) == sorted(meant)
    return turned_round or difflib.SequenceMatcher(None, word, meant).ratio() >= SAME_WORD


def _differs_by_a_slip(name: str, near: str) -> bool:
    """Whether two names are alike beyond the beginning that all names of a family have in common."""
    prefix = name.partition("_")[0] + "_"
    if not near.startswith(prefix) or name.startswith(f"{near}_"):
        return False  # "on_failure_mail" of somebody else is no slip for "on_failure"
    rests = (name.removeprefix(prefix), near.removeprefix(prefix))
    turned_round = sorted(rests[0]) == sorted(rests[1])
    return turned_round or difflib.SequenceMatcher(None, *rests).ratio() >= LIKE


def warn_once(results: Mapping[str, Mapping[str, Any]], store: RunStore, warn: Callable[[str], None]) -> None:
    """Warn of the variables in the results of hosts, unless an earlier task of this run has done it.

    :param results: by host, each with ``unknown_variables``; what one fails for is not said a second time.
    """
    unread = [
        unknown
        for host, result in results.items()
        for unknown in (Unknown.of(host, entry) for entry in result.get("unknown_variables") or ())
        if unknown.sentence not in _failure_of(result)
    ]
    for sentence in warnings(_not_warned_of(unread, store)):
        warn(sentence)


def _failure_of(result: Mapping[str, Any]) -> str:
    """What the result of a host fails with, or the entry of a report, or the answer about an application."""
    return " ".join(
        [str(result.get("msg", "")), *map(str, result.get("reasons") or ()), str(result.get("problem", ""))]
    )


def _not_warned_of(unknown: Iterable[Unknown], store: RunStore) -> list[Unknown]:
    fresh = []
    for variable in unknown:
        key = f"{variable.host}|{variable.name}"
        with store.lock(_KIND, key):
            if store.get(_KIND, key) is None:
                store.put(_KIND, key, True)
                fresh.append(variable)
    return fresh


def warnings(unknown: Iterable[Unknown]) -> list[str]:
    """One sentence for each name, with the hosts that have it."""
    hosts: dict[str, list[str]] = {}
    near: dict[str, str] = {}
    for variable in unknown:
        hosts.setdefault(variable.name, []).append(variable.host)
        near[variable.name] = variable.nearest
    sentences = []
    for name, having in sorted(hosts.items()):
        meant = did_you_mean(name, [near[name]]) if near[name] else "; nothing reads it"
        sentences.append(f"unknown variable {name} of {listed(sorted(having), MOST_HOSTS)}{meant}")
    return sentences


@functools.lru_cache(maxsize=1)
def common_families() -> tuple[str, ...]:
    """Beginnings of the other variables that a playbook or a step reads. Others use them as well, so that a name is spoken of
    only where one of ours is near."""
    prefixes = {name.partition("_")[0] + "_" for name in families.variables() if "_" in name}
    for path in _texts("playbooks"):
        prefixes.update(_READ_BY_A_PLAYBOOK.findall(path.read_text(encoding="utf-8")))
    for path in sorted((_ROOT / "plugins" / "lookup").glob("*.py")):
        prefixes.update(_READ_BY_A_LOOKUP.findall(path.read_text(encoding="utf-8")))
    return tuple(sorted(prefix for prefix in prefixes if not prefix.startswith(("ansible_", *FAMILIES))))


@functools.lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Every name of our families that a table, a playbook, a role or a plugin reads or sets."""
    names = set()
    name = rf"(?:{'|'.join((*FAMILIES, *common_families()))})[a-z0-9_]*"
    in_yaml = re.compile(rf"\b{name}\b")
    in_python = re.compile(rf"""["']({name})["']""")
    for path in (*_texts("playbooks"), *_texts("roles")):
        names.update(in_yaml.findall(path.read_text(encoding="utf-8")))
    for path in sorted((_ROOT / "plugins" / "action").glob("*.py")):
        names.update(in_python.findall(path.read_text(encoding="utf-8")))
    names = {name for name in names if not name.endswith("_")} - _no_variables()
    return frozenset(names.union(families.variables()))


def _no_variables() -> set[str]:
    """Names in the texts that nobody reads as variables: of what the collection has, and of options that only a task states."""
    modules = sorted((_ROOT / "plugins" / "modules").glob("*.py"))
    names = {path.stem for path in (*modules, *(_ROOT / "roles").iterdir(), *(_ROOT / "playbooks").glob("*.yml"))}
    for path in modules:
        names.update(_OPTION.findall(path.read_text(encoding="utf-8")))
    return names


def _texts(folder: str) -> list[Path]:
    return [path for path in sorted((_ROOT / folder).rglob("*")) if path.suffix in (".yml", ".j2") and path.is_file()]


def _templates(value: Any) -> Iterable[str]:
    """The texts with templates in them, at any depth."""
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _templates(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _templates(item)
