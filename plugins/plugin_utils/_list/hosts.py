# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the rows of a list to the hosts of an inventory, with every mistake found before any host is made."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.hosts import host as compared_host
from ansible_collections.tcx.m365.plugins.module_utils._common.hosts import host_name as host_label
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import check_tenant, is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import rendered
from ansible_collections.tcx.m365.plugins.module_utils._common.text import TRICKY, without_login
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._pbx.connection import base_url
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import address_of

from .columns import HOST, Mapped
from .model import Cell, Row, Table, shown

NAME_BYTES = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_RESERVED = frozenset(("all", "ungrouped", "localhost", "tcx"))
_FOLDED = str.maketrans(dict(zip("äöüÄÖÜßøØæłŁ", ("ae", "oe", "ue", "Ae", "Oe", "Ue", "ss", "o", "O", "ae", "l", "L"))))
_GIVE = "Answer the questions, or give them by -e @FILE; without a terminal there are no questions."
_NO_GUID = "00000000-0000-0000-0000-000000000000"


class _Wrong(Exception):
    """What is wrong with one value."""


@dataclass
class Host:
    """One PBX.

    :param place: of its row.
    :param places: variable -> where its value stands, with the name of the column.
    """

    name: str
    place: str
    variables: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def where(self, variable: str) -> str:
        """Where a value stands; the row where it was composed."""
        return self.places.get(variable, self.place)


def hosts_of(table: Table, mapping: Mapped, required: Iterable[str]) -> tuple[list[Host], list[str]]:
    """The hosts, and everything that is wrong with them.

    :param required: variables that each customer must have, besides its name.
    """
    mistakes = []
    for variable in (HOST, *required):
        if not any(variable == known.partition(".")[0] for known in mapping.columns):
            listed = ", ".join(shown(name) for name in list(table.columns)[:30]) or "none"
            mistakes.append(f"no column for {variable}; name it in columns. The list has {listed}")
    missing = len(mistakes)
    hosts = []
    for row in table.rows if not missing else ():
        host = Host("", row.place)
        mistakes += _read(row, mapping, host)
        for variable in (HOST, *required):
            if variable not in host.places:
                column = mapping.columns.get(variable, variable)
                place = row.cells[column].place if column in row.cells else row.place
                mistakes.append(f"{place} ({_column(column)}): {variable} is empty")
        hosts.append(host)
    return hosts, mistakes


def _read(row: Row, mapping: Mapped, host: Host) -> list[str]:
    mistakes = []
    for variable, column in mapping.columns.items():
        cell = row.cells.get(column)
        if cell is None or (cell.value in ("", None, [], {}) and not cell.problem):
            continue
        place = f"{cell.place} ({_column(column)})"
        host.places[variable] = place
        value, mistake = _judged(variable, cell)
        if mistake:
            mistakes.append(f"{place}: {mistake}")
        elif variable == HOST:
            host.name = value
        else:
            _put(host.variables, variable.split("."), value)
    return mistakes


def check(hosts: Iterable[Host]) -> list[str]:
    """What is wrong with the hosts together, and with values that were composed."""
    mistakes = []
    names: dict[str, Host] = {}
    addresses: dict[str, Host] = {}
    for host in hosts:
        if host.name:
            first = names.setdefault(host.name.casefold(), host)
            if first is not host:
                mistakes.append(
                    f"{first.where(HOST)} and {host.where(HOST)}: two customers are named {shown(host.name)}"
                )
        address = address_of(str(host.variables.get("tcx_url") or ""))
        if address:
            first = addresses.setdefault(address, host)
            if first is not host:
                both = f"{first.where('tcx_url')} and {host.where('tcx_url')}"
                mistakes.append(f"{both}: {shown(first.name)} and {shown(host.name)} have one PBX, {address}")
    return mistakes


def customer(values: Mapping[str, Any], name: str = "") -> Host:
    """One PBX from values that a person has given, by their variables.

    :param name: of the host; by default the host name of its address.
    :raises BadInput: with everything that is missing or wrong.
    """
    host = Host("", "the values")
    # Without a terminal Ansible answers the questions of vars_prompt with the text None.
    stated = {key: value for key, value in values.items() if value not in (None, [], {}, "None") and str(value).strip()}
    if name:
        stated[HOST] = name
    mistakes = []
    for variable, value in stated.items():
        read, mistake = _judged(variable, Cell(value, variable))
        host.variables[variable] = read
        mistakes += [mistake] if mistake else []
    mistakes += [f"{variable} is missing" for variable in ("tcx_url", "entra_tenant_id") if variable not in stated]
    logins = (("tcx_client_id", "tcx_client_secret"), ("tcx_username", "tcx_password"))
    if not any(all(part in stated for part in login) for login in logins):
        mistakes.append("a login is missing: tcx_client_id with tcx_client_secret, or tcx_username with tcx_password")
    if mistakes:
        raise BadInput("; ".join(mistakes), tried="read the values of the customer", remedy=_GIVE)
    address = address_of(host.variables["tcx_url"]).rpartition(":")[0]
    # Ansible takes an address such as 127.0.0.1 for the controller itself.
    derived = address if host_label(address) else f"pbx-{re.sub('[^0-9a-f]+', '-', address)}"
    host.name = host.variables.pop(HOST, "") or derived
    return host


def composed(host: Host, variables: Mapping[str, Any]) -> list[str]:
    """Checks the address and the ids that ``compose`` has made, and takes them over."""
    mistakes = []
    for variable in _READERS:
        value = variables.get(variable)
        if variable == HOST or value in (None, "") or value == host.variables.get(variable):
            continue
        read, mistake = _judged(variable, Cell(str(value), host.place))
        if mistake:
            mistakes.append(f"{host.place}: {variable} as compose makes it: {mistake}")
        else:
            host.variables[variable] = read
    return mistakes


def _judged(variable: str, cell: Cell) -> tuple[Any, str]:
    """The value of a variable, and what is wrong with it."""
    try:
        return _value(variable, cell), ""
    except _Wrong as error:
        return None, str(error)
    except BadInput as error:
        return None, rendered(error.message, {"url": "tcx_url"})


def _value(variable: str, cell: Cell) -> Any:
    if cell.problem:
        raise _Wrong(cell.problem)
    reader = _READERS.get(variable)
    if reader:
        if isinstance(cell.value, (dict, list, bool)):
            raise _Wrong(f"{variable} is one text, and this is {shown(cell.value)}")
        return reader(_plain(str(cell.value)))
    return _checked(_from_json(variable, cell.value) if isinstance(cell.value, str) else cell.value, variable)


def _from_json(variable: str, text: str) -> Any:
    """A list or a mapping that a cell has as JSON, where the variable takes one."""
    known = families.variables().get(variable)
    structured = known is not None and known.spec.get("type") in ("dict", "list")
    if not structured or text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _Wrong(f"{variable} begins like JSON and is none") from None


def _checked(value: Any, variable: str) -> Any:
    """Without characters that disguise a text; certificates and notes may have several lines."""
    if isinstance(value, str):
        tricky = TRICKY.search(value.replace("\r\n", "\n"))
        if tricky:
            raise _Wrong(f"{variable} holds a character that is not shown as itself, in {shown(value)}")
        return value.replace("\r\n", "\n")
    if isinstance(value, dict):
        return {_checked(str(name), variable): _checked(item, variable) for name, item in value.items()}
    if isinstance(value, list):
        return [_checked(item, variable) for item in value]
    return value


def _plain(text: str) -> str:
    if TRICKY.search(text) or "\n" in text or "\t" in text:
        raise _Wrong(f"{shown(text)} holds a line break or a character that is not shown as itself")
    return text.strip()


def host_name(text: str) -> str:
    """The name of a host: as it stands where Ansible can use it so, otherwise its letters and digits with hyphens between.

    :raises _Wrong: nothing is left of it, it leads to another directory, or Ansible uses the name for something else.
    """
    if "/" in text or "\\" in text or text.startswith((".", "-", "~")) or ".." in text:
        raise _Wrong(f"{shown(text)} is a path and not the name of a customer")
    name = text
    if not _NAME.match(text):
        folded = unicodedata.normalize("NFKD", text.translate(_FOLDED)).encode("ascii", "ignore").decode("ascii")
        name = re.sub(r"[^a-z0-9._]+", "-", folded.lower()).strip("-._")
    if not name:
        raise _Wrong(f"{shown(text)} has no letter or digit (A to Z, 0 to 9) that a host could be named by")
    if name.casefold() in _RESERVED:
        raise _Wrong(f"{shown(text)} cannot be the name of a host: Ansible uses {name.casefold()} for something else")
    if len(name) > NAME_BYTES:
        raise _Wrong(f"{shown(text)} is longer than {NAME_BYTES} characters")
    return name


def _url(text: str) -> str:
    """The address of a PBX; a plain host name is one, too."""
    url = text if "://" in text or "@" in text else f"https://{text}"
    url = base_url(url)
    name = url.partition("://")[2]
    plain = name.rpartition(":")[0] if re.search(r":[0-9]+\Z", name) else name
    if not compared_host(plain):
        raise _Wrong(
            f"{shown(without_login(text))} is not the address of a PBX (tcx_url): https://HOST or https://HOST:PORT"
        )
    return url


def _tenant(text: str) -> str:
    plain = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else text
    try:
        tenant = check_tenant(plain)
    except BadInput:
        raise _Wrong(f"{shown(text)} is neither a GUID nor a domain name (entra_tenant_id)") from None
    if tenant == _NO_GUID:
        raise _Wrong(f"{shown(text)} is no tenant (entra_tenant_id)")
    return tenant


def _guid(text: str) -> str:
    plain = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else text
    if not is_guid(plain) or plain == _NO_GUID:
        raise _Wrong(f"{shown(text)} is not a GUID")
    return plain.lower()


_READERS: Mapping[str, Callable[[str], str]] = {
    HOST: host_name,
    "tcx_url": _url,
    "tcx_client_id": str,
    "tcx_username": str,
    "entra_tenant_id": _tenant,
    "entra_app_app_id": _guid,
    "entra_client_id": _guid,
    "tcx_console_application_id": _guid,
    "tcx_console_tenant_id": _tenant,
}


def _put(variables: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        below = variables.setdefault(name, {})
        variables = below if isinstance(below, dict) else variables
    variables[path[-1]] = value


def _column(name: str) -> str:
    return shown(name).strip("'\"") or "column"
