# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may import what: the rooms of docs/architecture.md, held by machine."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
OURS = "ansible_collections.tcx.m365.plugins."


@dataclass(frozen=True)
class Rule:
    """Below `rooms` (paths from plugins/), nothing imports a name that starts with one of `forbidden`, except `doors`."""

    why: str
    rooms: tuple[str, ...]
    forbidden: tuple[str, ...]
    doors: tuple[str, ...] = ()


SOCKETS = ("socket", "ssl", "http.client", "http.server", "urllib.request", "asyncio", "socketserver")
HTTP_LIBRARIES = ("requests", "urllib3", "httpx", "ansible.module_utils.urls")
THIRD_PARTY = (*HTTP_LIBRARIES, "msal", "cryptography")
UTILS = "module_utils."
ALLOWED_IN_COMMON = {"_common", "_deps", "_errors"}
UPPER_ROOMS = tuple(
    path.stem for path in sorted((PLUGINS / "module_utils").glob("_[!_]*")) if path.stem not in ALLOWED_IN_COMMON
)

FLOORS = ("_inventory", "_snapshots", "_steps", "_fleet")
"""From the variables of one PBX, over what is kept of it and what is done to it, to many PBXs in one task."""
BESIDE = (f"{OURS}plugin_utils._compliance", f"{OURS}plugin_utils._report")

RULES = (
    Rule(
        "the Entra library knows neither Ansible nor the PBX",
        ("module_utils/_entra",),
        ("ansible", OURS + UTILS + "_pbx", OURS + UTILS + "_task", OURS + UTILS + "_capabilities"),
    ),
    Rule(
        "the PBX library knows neither Ansible nor Entra",
        ("module_utils/_pbx",),
        ("ansible", OURS + UTILS + "_entra", OURS + UTILS + "_task", OURS + UTILS + "_capabilities"),
    ),
    Rule(
        "the common leaves know nothing of ours but errors and third-party imports",
        ("module_utils/_common",),
        ("ansible", *(f"{OURS}{UTILS}{name}" for name in UPPER_ROOMS)),
    ),
    Rule(
        "only _task, _arguments and _core_compat know Ansible",
        ("module_utils",),
        ("ansible",),
        doors=tuple(f"module_utils/{name}.py" for name in ("_task", "_arguments", "_core_compat")),
    ),
    Rule(
        "the report and the list of customers know nothing of Ansible",
        ("plugin_utils/_report", "plugin_utils/_list"),
        ("ansible",),
    ),
    Rule(
        "only _http opens a socket, and _tls says whom it trusts",
        ("",),
        (*SOCKETS, *(f"{OURS}{UTILS}_deps.{name}" for name in ("requests", "urllib3"))),
        doors=("module_utils/_http.py", "module_utils/_tls.py"),
    ),
    Rule("third-party packages come through _deps alone", ("",), THIRD_PARTY, doors=("module_utils/_deps.py",)),
    Rule(
        "libraries do not know their front ends",
        ("module_utils",),
        (OURS + "plugin_utils", OURS + "modules", OURS + "action", OURS + "callback"),
    ),
    *(
        Rule(
            f"{room} knows nothing of the floors above it",
            (f"plugin_utils/{room}",),
            tuple(f"{OURS}plugin_utils.{above}" for above in FLOORS[floor + 1 :]) + BESIDE,
        )
        for floor, room in enumerate(FLOORS[:-1])
    ),
    Rule(
        "what a check comes to is judged without the sweep that asked",
        ("plugin_utils/_compliance",),
        (f"{OURS}plugin_utils._fleet",),
    ),
    Rule("front ends share code through libraries, not with each other", ("",), (OURS + "modules", OURS + "action")),
)


def imported_names(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import, those under a condition and inside functions included."""
    package = (OURS + path).replace("/", ".").split(".")[:-2]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def is_below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def trespasses(rule: Rule, path: str, source: str) -> list[str]:
    """Return 'line: name' of every import in the file at `path` (from plugins/) that the rule forbids."""
    if path in rule.doors or not any(not room or path.startswith(room + "/") for room in rule.rooms):
        return []
    return [
        f"{path}:{line} imports {name}"
        for line, name in imported_names(path, source)
        if any(is_below(name, prefix) for prefix in rule.forbidden)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.why)
def test_rooms(rule: Rule) -> None:
    found = [
        trespass
        for file in sorted(PLUGINS.rglob("*.py"))
        for trespass in trespasses(rule, file.relative_to(PLUGINS).as_posix(), file.read_text(encoding="utf-8"))
    ]
    assert not found, f"{rule.why}: {found}"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_entra/graph.py", "import ansible.errors"),
        ("module_utils/_entra/graph.py", f"from {OURS}module_utils._pbx import license"),
        ("module_utils/_entra/graph.py", f"def f():\n    from {OURS}module_utils import _pbx"),
        ("module_utils/_pbx/xapi.py", f"from {OURS}module_utils._entra.graph import Graph"),
        ("module_utils/_common/ids.py", f"from {OURS}module_utils._http import Reply"),
        ("module_utils/_common/ids.py", f"from {OURS}module_utils import _pbx"),
        ("module_utils/_plan.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/_pbx/xapi.py", f"from {OURS}module_utils._deps import requests"),
        ("module_utils/_pbx/xapi.py", "from .._entra import graph"),
        ("module_utils/_pbx/__init__.py", "from .._task import Task"),
        ("module_utils/_pbx/xapi.py", "import socket"),
        ("plugins_utils/_x.py", "if True:\n    import requests"),
        ("module_utils/_x.py", f"from {OURS}plugin_utils import _action"),
    ],
)
def test_trespasses_are_seen(path: str, source: str) -> None:
    assert any(trespasses(rule, path, source) for rule in RULES)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_task.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/_http.py", f"import socket\nfrom {OURS}module_utils._deps import requests"),
        ("module_utils/_deps.py", "import msal"),
        ("module_utils/_common/pem.py", f"from {OURS}module_utils._errors import BadInput"),
        ("module_utils/_pbx/xapi.py", "from . import license\nfrom .._http import Http"),
        ("module_utils/_entra/graph.py", f"from {OURS}module_utils._http import Http\nimport urllib.parse"),
        ("action/azure_app_registration.py", "from ansible.plugins.action import ActionBase"),
    ],
)
def test_permitted_imports_are_left_alone(path: str, source: str) -> None:
    assert not any(trespasses(rule, path, source) for rule in RULES)
