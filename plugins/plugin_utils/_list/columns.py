# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which column of a list sets which variable, and which variables a list may set at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import nearest
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import FAMILIES, known_names

from .model import Table, key_of, shown

HOST = "inventory_hostname"

TAKEN: Mapping[str, tuple[str, ...]] = {
    HOST: ("host", "hostname", "name", "customer", "customer name", "company", "company name", "instance name"),
    "tcx_url": ("url", "fqdn", "pbx", "pbx url", "pbx fqdn", "3cx url", "3cx fqdn", "web client url"),
    "tcx_client_id": ("api client id", "xapi client id"),
    "tcx_username": (),
    "tcx_canary": ("canary",),
    "entra_tenant_id": (
        *("tenant id", "entra tenant id", "azure tenant id", "microsoft id"),
        *("directory (tenant) id", "directory id", "primary domain name"),
    ),
    "entra_app_public_key": (),
}
"""Variables that a column sets without being asked to: who a customer is and where. All others decide about settings, rights
or trust, and are taken where ``columns`` names them. Behind each, the headers of common exports, the first that is there."""

_TARGET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_WAY = "columns maps variables to columns of the list, such as tcx_url: FQDN"


@dataclass
class Mapped:
    """What is taken from a list.

    :param columns: variable, dotted where it is nested -> column.
    :param unused: columns that nothing is taken from, each with the variable that was probably meant.
    :param mistakes: sentences without an end.
    """

    columns: dict[str, str] = field(default_factory=dict)
    unused: dict[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)


def is_secret(variable: str) -> bool:
    """Whether a variable holds a secret, which never stands in a list."""
    known = families.variables().get(variable.partition(".")[0])
    return bool(known and known.spec.get("no_log")) or variable.endswith((".private_key", ".password", ".secret"))


def mapped(table: Table, columns: Mapping[str, object], ignored: Iterable[str] = ()) -> Mapped:
    """The columns of a table that are taken.

    :param columns: variable -> column. Where only the reverse makes sense it is read in reverse.
    :param ignored: columns that are left out without a word; ``*`` stands for all that nothing is taken from.
    """
    mapping = Mapped()
    for left, right in columns.items():
        _stated(table, str(left).strip(), str(right if right is not None else left).strip(), mapping)
    used = set(mapping.columns.values())
    for variable, aliases in TAKEN.items():
        if any(variable == known.partition(".")[0] for known in mapping.columns):
            continue
        column = next(filter(None, map(table.column, (variable, *aliases))), "")
        if column and column not in used:
            mapping.columns[variable] = column
            used.add(column)
    silent = {key_of(name) for name in ignored if name != "*"}
    for column, place in table.columns.items():
        inside = any(name.startswith(f"{column}.") for name in used)
        if column not in used and not inside and key_of(column) not in silent:
            _not_taken(column, place, mapping, all_silent="*" in ignored)
    return mapping


def _stated(table: Table, left: str, right: str, mapping: Mapped) -> None:
    """One entry of ``columns``."""
    variable, column = left, table.column(right)
    if table.column(left) and _TARGET.match(right) and (not column or not _TARGET.match(left)):
        variable, column, right = right, table.column(left), left
    if not column:
        if left not in families.variables() and right in families.variables():
            variable, right = right, left
        known = {key_of(name): name for name in (*table.columns, *table.nested)}
        near = known.get(nearest(key_of(right), known), "")
        meant = f"; did you mean {shown(near)}?" if near else ""
        listed = ", ".join(shown(name) for name in list(table.columns)[:30])
        mapping.mistakes.append(
            f"columns: there is no column {shown(right)} for {variable}{meant} The list has {listed or 'no columns'}. {_WAY}"
        )
    elif not _TARGET.match(variable):
        mapping.mistakes.append(f"columns: {shown(variable)} is not the name of a variable. {_WAY}")
    elif variable.startswith("ansible_"):
        mapping.mistakes.append(
            f"columns: {variable} says how Ansible works, which a list does not decide; use compose"
        )
    elif is_secret(variable):
        mapping.mistakes.append(_secret(variable, column, table.columns.get(column, "")))
    elif variable in mapping.columns:
        mapping.mistakes.append(f"columns: {variable} is given twice")
    else:
        mapping.columns[variable] = column


def _not_taken(column: str, place: str, mapping: Mapped, *, all_silent: bool) -> None:
    """A column that nobody has asked for: a mistake where it would change what is done, otherwise something to tell."""
    name = key_of(column)
    known = known_names()
    if is_secret(name):
        mapping.mistakes.append(_secret(name, column, place))
    elif name.startswith("ansible_"):
        mapping.mistakes.append(
            f"{place}: the column {shown(column)} says how Ansible works, which a list does not decide"
        )
    elif name in known or name.partition(".")[0] in families.variables():
        mapping.mistakes.append(
            f"{place}: the column {shown(column)} is a variable that is taken only where columns names it; write "
            f"{name}: {column} there, or {column} below ignore_columns"
        )
    elif not all_silent or name.startswith(FAMILIES):
        mapping.unused[column] = nearest(name, known) or _by_alias(name)


def _secret(variable: str, column: str, place: str) -> str:
    where = f"{place}: " if place else ""
    return (
        f"{where}the column {shown(column)} would hold {variable} in clear text; remove it from the list and refer to the "
        "secret by the option secrets"
    )


def _by_alias(name: str) -> str:
    """The variable whose header in common exports is nearly this one."""
    aliases = {key_of(alias): variable for variable, names in TAKEN.items() for alias in names if len(alias) > 4}
    return aliases.get(nearest(name, aliases), "")
