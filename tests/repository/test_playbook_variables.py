# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An empty variable is one that is not given, also where a playbook itself reads it: a survey sends empty answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import template
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, lookup_loader

REPOSITORY = Path(__file__).resolve().parents[2]
PLAYBOOKS = REPOSITORY / "playbooks"
EMPTY: tuple[Any, ...] = (None, "", "  ", "\n", [], {})
HANDED_ON = ("quickstart_values", "quickstart_given")
"""Variables of a play that a module of this collection reads."""
CONDITIONS = ("when", "that", "failed_when")
KNOWN: dict[str, Any] = {
    "omit": "nothing is said of this option",
    "groups": {"tcx": ["acme"], "all": ["acme"]},
    "ansible_playbook_python": "/usr/bin/python3",
    "ansible_check_mode": False,
}
TRUST: Any = getattr(template, "trust_as_template", str)
_READ = re.compile(r"(?<![.\w])([a-z][a-z0-9_]+)\s*\|\s*default\(")


def templates(
    node: Any, path: str = "", *, ours: bool = False, condition: bool = False
) -> Iterator[tuple[str, str, bool]]:
    """Each template in a playbook with its place, and whether it is an option of a module of this collection."""
    if isinstance(node, dict):
        for name, value in node.items():
            mine = ours or name in HANDED_ON or (name.startswith("tcx.m365.") and isinstance(value, dict))
            yield from templates(value, f"{path}.{name}", ours=mine, condition=name in CONDITIONS)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from templates(value, f"{path}[{number}]", ours=ours, condition=condition)
    elif isinstance(node, str) and "{{" in node:
        yield path, node, ours
    elif isinstance(node, str) and condition:
        yield path, f"{{{{ {node} }}}}", False


def cases() -> Iterator[Any]:
    for playbook in (*sorted(PLAYBOOKS.glob("*.yml")), PLAYBOOKS / "vars" / "controller.yml"):
        for place, text, ours in templates(yaml.safe_load(playbook.read_text(encoding="utf-8"))):
            names = sorted(set(_READ.findall(text)))
            if names:
                yield pytest.param(text, names, ours, id=f"{playbook.stem}{place}")


# By their short names: whether Ansible finds collections in this process depends on what was imported before.
for _loader, _folder in ((filter_loader, "filter"), (lookup_loader, "lookup")):
    _loader.add_directory(str(REPOSITORY / "plugins" / _folder))


def rendered(text: str, variables: dict[str, Any]) -> Any:
    templar = template.Templar(loader=DataLoader(), variables={**KNOWN, **variables})
    return templar.template(TRUST(text.replace("tcx.m365.", "").replace("ansible.builtin.", "")))


@pytest.mark.parametrize(("text", "names", "ours"), list(cases()))
def test_an_empty_variable_is_not_given(text: str, names: list[str], ours: bool) -> None:
    absent = rendered(text, {})
    for name in names:
        for value in EMPTY:
            found = rendered(text, {name: value})
            # The modules of this collection read what is empty as nothing themselves.
            assert found == absent or (ours and _is_empty(found) and absent in ("", KNOWN["omit"])), (name, value)


def _is_empty(value: Any) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and value.strip() in ("", "None"))


@pytest.mark.parametrize("path", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda path: path.stem)
def test_what_a_play_does_once_is_done_once_with_any_strategy_of_the_configuration(path: Path) -> None:
    """`run_once` holds with the linear strategy only. A rollout may have any: its tasks find out by themselves."""
    for play in yaml.safe_load(path.read_text(encoding="utf-8")):
        once = any(task.get("run_once") is True for task in play.get("tasks", []))
        assert not once or path.stem == "rollout" or play.get("strategy") == "ansible.builtin.linear"
