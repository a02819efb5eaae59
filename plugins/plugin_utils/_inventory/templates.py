# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates of a fleet evaluated once instead of once for each host, where that is certain to give the same.

Ansible compiles a template whenever it evaluates it, which takes longer than all of our own work on a PBX. A playbook or a
group has the same few templates for every host, and what they come to follows from the variables that they name. So a
result is kept for a text and the values of these variables, if the text does nothing but choose between plain values: it
names variables, compares them and passes them through filters that always answer the same. Everything else is left to
Ansible: calls, lookups, attributes, other filters, values that are templates or encrypted themselves, and text that
Ansible would not evaluate.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Callable

import jinja2
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from jinja2 import nodes

_STARTS = ("{{", "{%", "{#", "#jinja2:")
_FILTERS = frozenset(("bool", "d", "default", "float", "int", "lower", "string", "trim", "upper"))
_TESTS = frozenset(("defined", "undefined"))
_NODES = (
    nodes.And,
    nodes.Compare,
    nodes.CondExpr,
    nodes.Const,
    nodes.Filter,
    nodes.Name,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.Template,
    nodes.TemplateData,
    nodes.Test,
)
_MISSING = object()
_MOST = 10_000
"""Results that are kept; a template that comes to something else on each host has no use of them."""

Key = tuple[Any, ...]


def has_template(text: str) -> bool:
    """Whether Ansible might see a template in a text; it looks for these marks as well."""
    return any(start in text for start in _STARTS)


class Results:
    """What templates have come to, by text and by the values of the variables that they name."""

    def __init__(self) -> None:
        self._known: dict[Key, Any] = {}

    def of(self, text: str, variables: Mapping[str, Any], evaluate: Callable[[], Any]) -> Any:
        """The result of a template; errors and what the text does not decide by itself are never kept.

        :param evaluate: asks Ansible.
        """
        key = _key(text, variables)
        if key is None:
            return evaluate()
        value = self._known.get(key, _MISSING)
        if value is _MISSING:
            value = evaluate()
            if len(self._known) < _MOST and _is_plain(value):
                self._known[key] = value
        return value


def _key(text: str, variables: Mapping[str, Any]) -> Key | None:
    """The text with what it depends on; ``None`` where more than that may decide."""
    if not _core_compat.is_evaluated(text) or "#jinja2:" in text:  # such a line changes the marks of a template
        return None
    names = _names(str.__str__(text))
    if names is None:
        return None
    values: list[Any] = []
    for name in names:
        value = variables.get(name, _MISSING)
        if value is not _MISSING and not _is_plain(value):
            return None
        values.append((type(value), value))
    return (str.__str__(text), *values)


@functools.lru_cache(maxsize=1024)
def _names(text: str) -> tuple[str, ...] | None:
    """The variables that a template names; ``None`` where it does more than choose between them."""
    try:
        tree = jinja2.Environment(autoescape=True).parse(text)  # only looked at, never rendered
    except jinja2.TemplateError:
        return None
    names = set()
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _NODES):
            return None
        if isinstance(node, (nodes.Filter, nodes.Test)) and node.name not in _FILTERS | _TESTS:
            return None
        if isinstance(node, nodes.Name):
            names.add(node.name)
    return tuple(sorted(names))


def _is_plain(value: Any) -> bool:
    """Whether a value is what it seems: no container, nothing encrypted, no template."""
    if value is None or isinstance(value, (bool, int, float)):
        return True
    return isinstance(value, str) and not has_template(value)
