# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection of a task that names none, or not all of it: the variables of its host.

A play of one's own on hosts of the inventory then names what is to be done and nothing else. What the task (or
``module_defaults``) gives wins over the variables, and these over the environment. Credentials are never mixed: a secret
of the inventory goes only to the address, and only with the identity, that the inventory has it for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import _entra_connection, _pbx_connection
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import check_tenant, is_guid
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import address_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import (
    Variables,
    read_variables,
    resolve_tenant,
    templated,
)

Arguments = dict[str, Any]

_SIGN_OF_ENTRA = "graph_endpoint"
_SIGN_OF_PBX = "url"
_SIGN_OF_AUTHORITY = "authority_host"
_NAMES_OF_PBX = "tcx_fqdn"

# One kind of credential in each row. A task that names one of a kind may take the rest of the same kind from the host.
_ENTRA_KINDS = (
    frozenset(("client_id", "client_secret")),
    frozenset(("client_id", "certificate_path", "certificate", "certificate_password")),
    frozenset(("client_id", "federated_token", "federated_token_file")),
    frozenset(("access_token",)),
)
_PBX_KINDS = (
    frozenset(("client_id", "client_secret")),
    frozenset(("username", "password", "security_code")),
)
_IDENTITIES = frozenset(("client_id", "username"))
_ENDPOINTS = ("cloud", "authority_host", "graph_endpoint")
_PUBLIC_OF_ENTRA = ("tenant_id", "cloud", "authority_host")


def asks_graph(capability: Capability) -> bool:
    """Whether it signs in to the tenant."""
    return _SIGN_OF_ENTRA in capability.argument_spec


def connected(capability: Capability, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> Arguments:
    """The arguments of a task with what its host has for the connection.

    :param arguments: as written in the task.
    :param variables: the templated variables of the host, those of the connection at least.
    """
    spec = capability.argument_spec
    named = {name: value for name, value in arguments.items() if value is not None}
    connection: Mapping[str, Any] = {}
    if asks_graph(capability):
        connection = _of_entra(named, arguments_of.entra_connection(variables))
    elif _SIGN_OF_PBX in spec:
        connection = _of_pbx(named, {**arguments_of.pbx_connection(variables), **_names_of_pbx(variables)})
    filled = {name: value for name, value in connection.items() if name in spec}
    if _SIGN_OF_AUTHORITY in spec and _SIGN_OF_ENTRA not in spec:
        filled.update(_addresses_of_entra(spec, variables))
    return {**filled, **named}


def with_tenant_id(capability: Capability, arguments: Mapping[str, Any], variables: Variables) -> Mapping[str, Any]:
    """A domain in the place of a tenant as the id of that tenant, for what a PBX keeps and compares as text.

    :raises BadInput: nobody has the domain. What is neither an id nor a domain stays, for the capability to refuse.
    """
    spec = capability.argument_spec
    tenant = arguments.get("tenant_id")
    if not isinstance(tenant, str) or "tenant_id" not in spec or _SIGN_OF_PBX not in spec or _SIGN_OF_AUTHORITY in spec:
        return arguments
    try:
        domain = check_tenant(tenant)
    except BadInput:
        return arguments
    if is_guid(domain):
        return {**arguments, "tenant_id": domain}
    try:
        return {**arguments, "tenant_id": resolve_tenant(variables, domain)}
    except M365Error as error:
        error.names = {**error.names, "tenant_id": "tenant_id"}
        raise


def is_connected(capability: Capability) -> bool:
    return _SIGN_OF_ENTRA in capability.argument_spec or _SIGN_OF_PBX in capability.argument_spec


def _of_entra(named: Mapping[str, Any], host: Mapping[str, Any]) -> Arguments:
    """The tenant may be another: the automation signs in to many. Where tokens are asked for must be the same."""
    elsewhere = any(name in named and not _same(named[name], host.get(name)) for name in _ENDPOINTS)
    connection = _without_mixing(named, host, _ENTRA_KINDS, none=elsewhere)
    if any(name in named for kind in _ENTRA_KINDS for name in kind - _IDENTITIES):
        connection.pop("auth_source", None)
    return connection


def _of_pbx(named: Mapping[str, Any], host: Mapping[str, Any]) -> Arguments:
    """Another address is another PBX, to which nothing of this host belongs."""
    if "url" in named and address_of(str(named["url"])) != address_of(str(host.get("url") or "")):
        return {}
    return _without_mixing(named, host, _PBX_KINDS, none=False)


def _names_of_pbx(variables: Mapping[str, Any]) -> Arguments:
    """What the PBX of the host may call itself; no part of the connection, and as little that of another PBX."""
    names = variables.get(_NAMES_OF_PBX)
    return {"fqdn": names} if names is not None else {}


def _without_mixing(
    named: Mapping[str, Any], host: Mapping[str, Any], kinds: tuple[frozenset[str], ...], *, none: bool
) -> Arguments:
    """What the host has, without credentials that do not go with those that the task names.

    :param none: no credential of the host is to be used.
    """
    credentials = frozenset().union(*kinds)
    other_identity = any(name in named and not _same(named[name], host.get(name)) for name in _IDENTITIES)
    # Of a task that names secrets these alone decide, otherwise the identities that it names.
    stated = credentials & named.keys()
    decisive = stated - _IDENTITIES or stated
    fitting = [] if none or other_identity else [kind for kind in kinds if kind >= decisive]
    allowed = frozenset().union(*fitting)
    return {name: value for name, value in host.items() if name in allowed or name not in credentials}


def _addresses_of_entra(spec: Mapping[str, Any], variables: Mapping[str, Any]) -> Arguments:
    """For a module that asks Entra without a credential."""
    host = arguments_of.entra_connection(variables)
    addresses = {name: host[name] for name in _PUBLIC_OF_ENTRA if name in spec and name in host}
    addresses.update(
        {name: variables[name] for name in spec if name.startswith("entra_") and variables.get(name) is not None}
    )
    return addresses


def _same(one: Any, other: Any) -> bool:
    return str(one).strip().rstrip("/").casefold() == str(other or "").strip().rstrip("/").casefold()


def host_variables(
    capability: Capability, arguments: Mapping[str, Any], task_vars: Mapping[str, Any], templar: Any
) -> Variables:
    """The variables of the connection that the host of a task has, templated.

    One that cannot be templated is an error for the task that needs it, and for no other.
    """
    prefix = "entra_" if _SIGN_OF_ENTRA in capability.argument_spec else "tcx_"
    sides = {"entra_": _entra_connection.ARGUMENT_SPEC, "tcx_": _pbx_connection.ARGUMENT_SPEC}
    names = [*(prefix + option for prefix, spec in sides.items() for option in spec), _NAMES_OF_PBX]
    values: dict[str, Any] = {}
    for name in names:
        if name not in task_vars:
            continue
        value = templated(templar, task_vars[name], task_vars)
        if not (isinstance(value, AnsibleError) and arguments.get(name.removeprefix(prefix)) is not None):
            values[name] = value
    return read_variables(values, defaults={})
