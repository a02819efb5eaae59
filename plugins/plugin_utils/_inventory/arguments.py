# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the inventory variables of a PBX to the arguments of the steps.

Which variable sets which option stands in ``families``; how a value is read, in ``variables``. Here stands what the steps
decide: what one step learns from another, and what follows from several variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities._entra_connection import CREDENTIAL_OPTIONS
from ansible_collections.tcx.m365.plugins.module_utils._common import hosts
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import permissions as entra_permissions
from ansible_collections.tcx.m365.plugins.module_utils._pbx.facts import SIGN_IN_PATH
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.families import (
    APPLICATION,
    CONSOLE,
    ENTRA,
    GUIDE_PROFILE,
    PBX,
    SOURCES,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.trial import on_trial
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables, read_variables

Arguments = HostArguments

SETTINGS = tuple(option for option, name in SOURCES["tcx_preflight"].variables.items() if name.startswith(CONSOLE))
"""The options of ``tcx_m365_settings`` that describe the console."""


_CREDENTIALS = frozenset(("auth_source", *CREDENTIAL_OPTIONS))


def _of(capability: str, variables: Mapping[str, Any], only: tuple[str, ...] = ()) -> HostArguments:
    """What the variables set of the options of a capability, under the prefixes of ``only`` where it is given."""
    known = read_variables(variables)
    known.check()
    arguments: dict[str, Any] = {}
    names = {}
    for option, name in SOURCES[capability].variables.items():
        if only and not (name.startswith(only) and not _of_longer(name, only)):
            continue
        names[option] = name
        value = known.get(name)
        if value is not None:
            arguments[option] = value
    if names.get("tenant_id") == "entra_tenant_id" and known.tenant:
        arguments["tenant_id"] = known.tenant
    return HostArguments(arguments, names)


def _of_longer(name: str, prefixes: tuple[str, ...]) -> bool:
    """``entra_app_tags`` belongs to ``entra_app_`` and not to ``entra_``."""
    return any(name.startswith(prefix) for prefix in (APPLICATION, CONSOLE) if prefix not in prefixes)


def entra_connection(variables: Mapping[str, Any]) -> HostArguments:
    """The connection options of the modules that talk to Entra."""
    return _of("graph_user_info", variables, (ENTRA,))


def without_credentials(connection: HostArguments) -> HostArguments:
    """How Entra is reached, without anything to sign in with."""
    kept = {name: value for name, value in connection.items() if name not in _CREDENTIALS}
    return HostArguments(kept, connection.names)


def pbx_connection(variables: Mapping[str, Any]) -> HostArguments:
    """The connection options of the modules that talk to the PBX."""
    return _of("tcx_m365_settings", variables, (PBX,))


def settings(variables: Mapping[str, Any]) -> HostArguments:
    """The settings of the console that ``tcx_m365_settings`` writes and ``tcx_preflight`` judges."""
    arguments = _of("tcx_preflight", variables, (CONSOLE,))
    return HostArguments(arguments, arguments.names)


def certificates(variables: Mapping[str, Any]) -> list[str] | None:
    """``entra_app_certificates``, else the one public key of the guide's step G4."""
    known = read_variables(variables)
    listed = known.get("entra_app_certificates")
    if listed is not None:
        return list(listed)
    key = known.get("entra_app_public_key")
    return None if key is None else [key]


def permissions(variables: Mapping[str, Any]) -> list[Any] | None:
    """``entra_app_permissions``; the guide's list by ``entra_app_permissions_profile: guide``; else ``None``.

    ``None`` means that they follow from :func:`features`.
    """
    known = read_variables(variables)
    explicit = known.get("entra_app_permissions")
    if explicit is not None:
        return list(explicit)
    if known.get("entra_app_features") is None and _guide(known):
        return list(known.get("entra_app_guide_permissions") or entra_permissions.GUIDE)
    return None


def features(variables: Mapping[str, Any]) -> list[str] | None:
    """``entra_app_features``; else those that the settings of the console switch on, unless permissions are stated."""
    known = read_variables(variables)
    explicit = known.get("entra_app_features")
    if explicit is not None:
        return list(explicit)
    if known.get("entra_app_permissions") is not None or _guide(known):
        return None
    return entra_permissions.features_of(settings(known))


def pbx_preflight_arguments(variables: Mapping[str, Any]) -> HostArguments:
    """The arguments of ``tcx_preflight``."""
    return _of("tcx_preflight", variables)


def entra_preflight_arguments(variables: Mapping[str, Any], pbx: Mapping[str, Any]) -> HostArguments:
    """The arguments of ``entra_preflight``, given what the PBX said."""
    arguments = _of("entra_preflight", variables)
    status = pbx.get("status") or {}
    arguments["pbx_app_id"] = status.get("application_id") or ""
    arguments["pbx_healthy"] = bool(status.get("ok"))
    arguments["pbx_tenant_id"] = pbx.get("linked_tenant_id") or ""
    arguments.update(pbx_identity(variables))
    arguments["users"] = bool(read_variables(variables).get("sso_verify_people"))
    thumbprint = (pbx.get("tls_certificate") or {}).get("thumbprint")
    if thumbprint:
        arguments["pbx_tls_thumbprint"] = thumbprint
    return _with_certificates(arguments, variables)


def pbx_identity(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Whose entries of an application a task may change: the address of the PBX in the inventory, and its further names."""
    known = read_variables(variables)
    return {"pbx": known.get("tcx_url"), "pbx_names": known.get("tcx_fqdn") or []}


def redirect_uris_of(variables: Mapping[str, Any]) -> list[str]:
    """Where users come back to after a sign-in, as far as the inventory knows it without asking the PBX."""
    known = read_variables(variables)
    places = hosts.authorities(str(known.get("tcx_url") or ""), known.get("tcx_fqdn") or ())
    derived = [f"https://{place}{SIGN_IN_PATH}" for place in places]
    return list(dict.fromkeys([*(known.get("entra_app_redirect_uris") or ()), *derived]))


def removal_identity(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What ``azure_app_registration`` needs besides its key to remove a PBX from its application, and nobody else."""
    known = read_variables(variables)
    return {
        **pbx_identity(known),
        "require_evidence": not known.get("entra_app_app_id"),
        "certificates": certificates(known),
    }


def application_arguments(variables: Mapping[str, Any], key: Mapping[str, Any], redirect_uri: str) -> HostArguments:
    """The arguments of ``azure_app_registration``.

    :param key: how the application is found, as ``entra_preflight`` decided.
    """
    arguments = _of("azure_app_registration", variables)
    arguments.setdefault("redirect_uris", [redirect_uri])
    arguments.update(key)
    if read_variables(variables).get("entra_app_app_id"):
        arguments.names["app_id"] = "entra_app_app_id"
    arguments.names["unique_name"] = "entra_app_unique_name"
    return _with_permissions(_with_certificates(arguments, variables), variables)


def grant_arguments(variables: Mapping[str, Any], app_id: str) -> HostArguments:
    """The arguments of ``graph_permission_grant``."""
    arguments = _of("graph_permission_grant", variables)
    arguments["app_id"] = app_id
    return _with_permissions(arguments, variables)


def settings_arguments(variables: Mapping[str, Any], app_id: str) -> HostArguments:
    """The arguments of ``tcx_m365_settings``."""
    return _with_identity(_of("tcx_m365_settings", variables), variables, app_id)


def trial_arguments(variables: Mapping[str, Any], pbx: Mapping[str, Any]) -> HostArguments:
    """The arguments of ``tcx_m365_settings`` for what the license of a PBX may lack, given what the PBX said."""
    known = read_variables(variables)
    arguments = pbx_connection(known)
    desired = settings(known)
    status = pbx.get("status") or {}
    linked, healthy = bool(pbx.get("linked_tenant_id")), bool(status.get("ok"))
    arguments.update(on_trial(desired, list(pbx.get("gated") or ()), linked=linked, healthy=healthy))
    arguments.names.update(desired.names)
    arguments["wait"] = False
    return arguments


def probe_arguments(variables: Mapping[str, Any], app_id: str, redirect_uri: str) -> HostArguments:
    """The arguments of ``sso_probe``: the addresses and the trust of both sides, no credential of either."""
    known = read_variables(variables)
    arguments = _with_identity(_of("sso_probe", known), known, app_id)
    arguments["redirect_uri"] = (known.get("entra_app_redirect_uris") or [redirect_uri])[0]
    arguments.names["redirect_uri"] = "entra_app_redirect_uris"
    arguments["require"] = True
    return arguments


def directory_arguments(variables: Mapping[str, Any]) -> HostArguments:
    """The arguments of ``graph_user_info``: everybody in the tenant that the PBX works with."""
    known = read_variables(variables)
    arguments = entra_connection(known)
    if known.console_tenant:
        arguments["tenant_id"] = known.console_tenant
    return arguments


def people_arguments(variables: Mapping[str, Any], directory_users: list[Any]) -> HostArguments:
    """The arguments of ``tcx_m365_settings_info`` that compare the users of the PBX with those of its tenant."""
    arguments = _of("tcx_m365_settings_info", variables)
    arguments.update(gather=["users"], health=False, directory_users=directory_users)
    return arguments


def _guide(known: Variables) -> bool:
    return bool(known.get("entra_app_permissions_profile") == GUIDE_PROFILE)


def _with_certificates(arguments: HostArguments, variables: Mapping[str, Any]) -> HostArguments:
    texts = certificates(variables)
    if texts is not None:
        arguments["certificates"] = texts
        if read_variables(variables).get("entra_app_certificates") is None:
            arguments.names["certificates"] = "entra_app_public_key"
    return arguments


def _with_permissions(arguments: HostArguments, variables: Mapping[str, Any]) -> HostArguments:
    for name, value in (("permissions", permissions(variables)), ("features", features(variables))):
        if value is not None:
            arguments[name] = value
    if arguments.get("permissions") is not None and read_variables(variables).get("entra_app_permissions") is None:
        arguments.names["permissions"] = "entra_app_guide_permissions"
    return arguments


def _with_identity(arguments: HostArguments, variables: Mapping[str, Any], app_id: str) -> HostArguments:
    """The application and the tenant that the PBX works with."""
    known = read_variables(variables)
    stated = known.get("tcx_console_application_id")
    arguments["application_id"] = stated or app_id
    arguments.names["application_id"] = "tcx_console_application_id"
    tenant = known.console_tenant
    if tenant:
        arguments["tenant_id"] = tenant
        own = known.get("tcx_console_tenant_id") is not None
        arguments.names["tenant_id"] = "tcx_console_tenant_id" if own else "entra_tenant_id"
    return arguments
