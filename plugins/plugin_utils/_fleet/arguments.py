# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""From the inventory variables of a PBX to the arguments of the tasks that the roles run.

The rule is one: the variable is the option's name behind the prefix of its family (``entra_``, ``tcx_``,
``entra_app_``, ``tcx_console_``). The roles write the same rule out in YAML; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Arguments = dict[str, Any]

_TRANSPORT = ("ca_path", "validate_certs", "proxy", "timeout", "deadline")
_CONNECTION_ENTRA = (
    "tenant_id",
    "client_id",
    "client_secret",
    "certificate_path",
    "certificate",
    "certificate_password",
    "federated_token",
    "federated_token_file",
    "access_token",
    "auth_source",
    "cloud",
    "authority_host",
    "graph_endpoint",
    *_TRANSPORT,
)
_CONNECTION_PBX = ("url", "client_id", "client_secret", "username", "password", "security_code", *_TRANSPORT)
_SETTINGS = (
    "user_sync",
    "sign_in",
    "contact_sync",
    "shared_mailboxes",
    "calendar_sync",
    "presence",
    "mail",
    "teams",
)
_APPLICATION = (
    "adopt",
    "display_name",
    "sign_in_audience",
    "redirect_uris_exclusive",
    "spa_redirect_uris",
    "public_client_redirect_uris",
    "id_tokens",
    "public_client",
    "certificates_exclusive",
    "certificates_keep",
    "certificates_prune_expired",
    "certificates_prune_duplicates",
    "certificates_rotate_overlap_days",
    "delegated_permissions",
    "permissions_exclusive",
    "features",
    "owners",
    "tags",
    "notes",
    "optional_claims",
    "logout_url",
    "home_page_url",
    "service_principal_lock",
    "service_principal",
    "force",
    "wait",
    "wait_timeout",
)
_GRANT = (
    "delegated_permissions",
    "features",
    "exclusive",
    "on_missing_rights",
    "force",
    "wait",
    "wait_timeout",
)


def _family(variables: Mapping[str, Any], prefix: str, options: Iterable[str]) -> Arguments:
    return {name: variables[prefix + name] for name in options if variables.get(prefix + name) is not None}


def entra_connection(variables: Mapping[str, Any]) -> Arguments:
    return _family(variables, "entra_", _CONNECTION_ENTRA)


def pbx_connection(variables: Mapping[str, Any]) -> Arguments:
    return _family(variables, "tcx_", _CONNECTION_PBX)


def settings(variables: Mapping[str, Any]) -> Arguments:
    return _family(variables, "tcx_console_", _SETTINGS)


def certificates(variables: Mapping[str, Any]) -> list[str] | None:
    """``entra_app_certificates``, else the one public key of the guide's step G4."""
    if variables.get("entra_app_certificates") is not None:
        return list(variables["entra_app_certificates"])
    key = variables.get("entra_app_public_key")
    return None if key is None else [key]


def permissions(variables: Mapping[str, Any]) -> list[Any] | None:
    """``entra_app_permissions``; else the guide's four, unless they are to follow from ``entra_app_features``."""
    if variables.get("entra_app_permissions") is not None:
        return list(variables["entra_app_permissions"])
    return None if variables.get("entra_app_features") is not None else list(variables["entra_app_guide_permissions"])


def pbx_preflight_arguments(variables: Mapping[str, Any]) -> Arguments:
    """The arguments of ``tcx_preflight``."""
    arguments = {**pbx_connection(variables), **settings(variables)}
    arguments["thorough"] = variables.get("preflight_thorough")
    arguments["warning_days"] = variables.get("preflight_certificate_warning_days")
    return arguments


def entra_preflight_arguments(variables: Mapping[str, Any], pbx: Mapping[str, Any]) -> Arguments:
    """The arguments of ``entra_preflight``, given what the PBX said."""
    arguments = entra_connection(variables)
    arguments["mode"] = variables.get("entra_app_mode")
    arguments["unique_name"] = variables.get("entra_app_unique_name")
    arguments["app_id"] = variables.get("entra_app_app_id")
    arguments["pbx_app_id"] = (pbx.get("status") or {}).get("application_id") or ""
    arguments["certificates"] = certificates(variables)
    arguments["pbx_tls_thumbprint"] = (pbx.get("tls_certificate") or {}).get("thumbprint")
    arguments["grants"] = variables.get("entra_app_manage_grants")
    arguments["warning_days"] = variables.get("preflight_certificate_warning_days")
    return arguments


def application_arguments(variables: Mapping[str, Any], key: Mapping[str, Any], redirect_uri: str) -> Arguments:
    """The arguments of ``azure_app_registration``.

    :param key: how the application is found, as ``entra_preflight`` decided.
    """
    arguments = {**entra_connection(variables), **key}
    arguments["redirect_uris"] = variables.get("entra_app_redirect_uris") or [redirect_uri]
    arguments["certificates"] = certificates(variables)
    arguments["permissions"] = permissions(variables)
    arguments.update(_family(variables, "entra_app_", _APPLICATION))
    return arguments


def grant_arguments(variables: Mapping[str, Any], app_id: str) -> Arguments:
    """The arguments of ``graph_permission_grant``."""
    arguments = entra_connection(variables)
    arguments["app_id"] = app_id
    arguments["permissions"] = permissions(variables)
    arguments.update(_family(variables, "entra_app_", _GRANT))
    return arguments


def settings_arguments(variables: Mapping[str, Any], app_id: str) -> Arguments:
    """The arguments of ``tcx_m365_settings``."""
    arguments = pbx_connection(variables)
    arguments["application_id"] = variables.get("tcx_console_application_id") or app_id
    arguments["tenant_id"] = variables.get("tcx_console_tenant_id") or variables.get("entra_tenant_id")
    arguments.update(settings(variables))
    arguments.update(_family(variables, "tcx_console_", ("state", "wait", "wait_timeout")))
    return arguments


def probe_arguments(variables: Mapping[str, Any], app_id: str, redirect_uri: str) -> Arguments:
    """The arguments of ``sso_probe``: the addresses and the trust of both sides, no credential of either."""
    arguments = _family(variables, "tcx_", (*_TRANSPORT, "url"))
    arguments.update(_family(variables, "entra_", ("cloud", "authority_host")))
    arguments["entra_ca_path"] = variables.get("entra_ca_path")
    arguments["entra_validate_certs"] = variables.get("entra_validate_certs")
    arguments["tenant_id"] = variables.get("tcx_console_tenant_id") or variables.get("entra_tenant_id")
    arguments["application_id"] = variables.get("tcx_console_application_id") or app_id
    arguments["redirect_uri"] = (variables.get("entra_app_redirect_uris") or [redirect_uri])[0]
    arguments["require"] = True
    return arguments


def directory_arguments(variables: Mapping[str, Any]) -> Arguments:
    """The arguments of ``graph_user_info``: everybody in the tenant that the PBX works with."""
    arguments = entra_connection(variables)
    arguments["tenant_id"] = variables.get("tcx_console_tenant_id") or variables.get("entra_tenant_id")
    return arguments


def people_arguments(variables: Mapping[str, Any], directory_users: list[Any]) -> Arguments:
    """The arguments of ``tcx_m365_settings_info`` that compare the users of the PBX with those of its tenant."""
    return {**pbx_connection(variables), "gather": ["users"], "health": False, "directory_users": directory_users}
