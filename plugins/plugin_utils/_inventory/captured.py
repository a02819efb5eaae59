# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is configured on a PBX and in its tenant today, as the variables that describe it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.adoption import (
    BY_PBX,
    GRANTABLE,
    INVENTORY,
    Caller,
    Candidate,
    Claim,
    NotConfirmed,
    decide,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import MARK, parse_all
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import Pbx
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import (
    features_of,
    requested_by_features,
)
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._pbx.license import Edition
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import BY_OPTION
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.capture_file import write_host_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.families import CONSOLE

DEFAULT_DIRECTORY = "./captured"

_APPLICATION = ("display_name", "sign_in_audience", "id_tokens", "public_client", "redirect_uris")
_ESCAPED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,80}")
_ADDRESSES = ("tcx_url", "entra_tenant_id")


def write(
    host: str,
    variables: Mapping[str, Any],
    linked: Mapping[str, Any],
    registered: Mapping[str, Any],
    granted: Mapping[str, Any],
) -> dict[str, Any]:
    """Write ``host_vars/<host>.yml`` below ``capture_dir``, on the controller; the result of the step.

    A relative directory is relative to where Ansible was started, as every path of this collection is.

    :raises BadInput: the file cannot be written.
    """
    directory = os.path.abspath(os.path.expanduser(str(variables.get("capture_dir") or DEFAULT_DIRECTORY)))
    exported = host_variables(variables, linked, registered, granted)
    remarks = _remarks(exported, registered)
    try:
        written = write_host_variables(directory, host, exported, remarks)
    except OSError as error:
        raise BadInput(
            f"{error.strerror or error}",
            tried="write the current settings of the PBX",
            target=directory,
            remedy="Give capture_dir a directory that you may write to.",
        ) from error
    return {"changed": written.changed, "captured": {"path": written.path, "variables": exported}}


def host_variables(
    variables: Mapping[str, Any],
    linked: Mapping[str, Any],
    registered: Mapping[str, Any],
    granted: Mapping[str, Any],
) -> dict[str, Any]:
    """The variables with which a compliance run finds no difference. They hold no secret.

    :param linked: what ``tcx_m365_settings_info`` returned.
    :param registered: what ``azure_app_registration_info`` returned; empty when the PBX points to no application.
    :param granted: what ``graph_permission_grant_info`` returned.
    """
    exported: dict[str, Any] = {name: variables[name] for name in _ADDRESSES if variables.get(name)}
    edition = str(linked.get("edition") or "")
    for group, options in (linked.get("settings") or {}).items():
        value = _with_values(_licensed(group, options, edition)) if isinstance(options, Mapping) else None
        if value:
            exported[f"tcx_console_{group}"] = value
    applications: Sequence[Mapping[str, Any]] = registered.get("applications") or ()
    for application in applications:
        if _is_confirmed(application, variables, granted, _needed(exported)):
            exported.update(_application(application, granted))
    if not all(_is_complete(application, exported, variables) for application in applications or [{}]):
        exported["entra_app_manage"] = False
    return exported


def _needed(exported: Mapping[str, Any]) -> set[str]:
    """The permissions that the exported settings of the PBX need."""
    settings = {name.removeprefix(CONSOLE): value for name, value in exported.items() if name.startswith(CONSOLE)}
    return {permission.name for permission in requested_by_features(features_of(settings))}


def _is_confirmed(
    application: Mapping[str, Any], variables: Mapping[str, Any], granted: Mapping[str, Any], needed: set[str]
) -> bool:
    """Whether anything but the word of the PBX says that the application is its own: by the rule of a rollout.

    A variable of the inventory states an application from then on, so that what a PBX names becomes none by itself: another
    one's application, or one that may do more than a PBX needs, would be its own with the next rollout.
    """
    caller = Caller(frozenset({str(variables.get("entra_client_id") or "").strip().lower()}) - {""})
    app_id = str(application.get("app_id") or "").lower()
    stated = app_id == str(variables.get("entra_app_app_id") or "").strip().lower() != ""
    claim = Claim(
        INVENTORY if stated else BY_PBX,
        pbx=Pbx.of(str(variables.get("tcx_url") or ""), variables.get("tcx_fqdn") or ()),
        unique_name=str(variables.get("entra_app_unique_name") or ""),
        thumbprints=_thumbprints(variables),
    )
    delegated = [_name(permission) for permission in granted.get("delegated_permissions") or ()]
    held = frozenset([*_permissions(granted), *delegated])
    candidate = Candidate(_as_graph(application), granted=held)
    try:
        decision = decide(candidate, claim, caller, "")
    except NotConfirmed:
        return False
    if not decision.stated and _is_held(application, claim.thumbprints, granted, needed):
        return False
    # A mark lets a rollout use what has been marked before, however wide; a file that states it needs more than that.
    return decision.stated or (bool(decision.proof) and not held - GRANTABLE)


def _is_held(
    application: Mapping[str, Any], thumbprints: frozenset[str], granted: Mapping[str, Any], needed: set[str]
) -> bool:
    """Whether others can sign in as an application that no administrator has granted what the PBX needs: a statement of the
    inventory would have that granted to them."""
    known = {f"the certificate {thumbprint}" for thumbprint in thumbprints}
    unknown = set(application.get("unknown_credentials") or ()) - known
    held = set(_permissions(granted))
    return bool(unknown) and (not held or bool(needed - held))


def _as_graph(application: Mapping[str, Any]) -> dict[str, Any]:
    """What an application is judged by, in the shape of Graph."""
    certificates = [
        {"usage": "Verify", "customKeyIdentifier": str(certificate.get("thumbprint") or "")}
        for certificate in application.get("certificates") or ()
    ]
    return {
        "appId": application.get("app_id"),
        "uniqueName": application.get("unique_name"),
        "tags": list(application.get("tags") or ()),
        "web": {"redirectUris": list(application.get("redirect_uris") or ())},
        "keyCredentials": certificates,
    }


def _thumbprints(variables: Mapping[str, Any]) -> frozenset[str]:
    try:
        return frozenset(certificate.thumbprint for certificate in parse_all(arguments_of.certificates(variables)))
    except (M365Error, OSError):
        return frozenset()


def _permissions(granted: Mapping[str, Any]) -> list[str]:
    return [_name(permission) for permission in granted.get("application_permissions") or ()]


def _remarks(exported: Mapping[str, Any], registered: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a reader has to know before he takes a variable over, by its name. No foreign text but plain names and GUIDs."""
    remarks: dict[str, list[str]] = {}
    needed = _needed(exported)
    wider = [name for name in exported.get("entra_app_permissions") or () if name not in needed]
    if wider:
        plain = [name for name in wider if _PLAIN.fullmatch(name)]
        others = [f"{len(wider) - len(plain)} of other APIs"] if len(plain) < len(wider) else []
        remarks["entra_app_permissions"] = [
            f"More than the settings in this file need: {', '.join([*plain, *others])}.",
            "Take out what nobody needs: whoever holds the key of the PBX can use it.",
        ]
    if registered.get("applications") and "entra_app_app_id" not in exported:
        named = str(registered["applications"][0].get("app_id") or "")
        remarks["entra_app_manage"] = [
            f"The PBX names the application {named if is_guid(named) else 'of another kind'}, and nothing in the tenant",
            "confirms that it is this PBX's, or it may do more than a PBX needs, or others can sign in with it. It is not",
            "exported. If it is the right one, set entra_app_app_id and remove this line.",
        ]
    return remarks


def _application(application: Mapping[str, Any], granted: Mapping[str, Any]) -> dict[str, Any]:
    """Of its permissions those that are declared and granted: whatever is only one of the two is kept as it is."""
    exported: dict[str, Any] = {"entra_app_mode": "adopt", "entra_app_app_id": application["app_id"]}
    exported.update({f"entra_app_{name}": _with_values(application[name]) for name in _APPLICATION})
    names = _permissions(granted)
    declared = {_name(permission) for permission in application.get("permissions") or ()}
    exported["entra_app_permissions"] = [name for name in names if name in declared]
    return {name: value for name, value in exported.items() if value is not None}


def _name(permission: Any) -> str:
    return str(permission["name"] if isinstance(permission, Mapping) else permission)


def _is_complete(application: Mapping[str, Any], exported: Mapping[str, Any], variables: Mapping[str, Any]) -> bool:
    """Whether a rollout with these variables would leave the application as it is.

    One that others have made gets our mark, a PBX without a redirect URI gets one, and so on: who wants that takes
    ``entra_app_manage`` out of the file.
    """
    pbx = Pbx.of(str(variables.get("tcx_url") or ""))
    marks = {MARK, *([pbx.tag] if pbx else [])}
    return bool(
        marks <= set(application.get("tags") or ())
        and application.get("service_principal")
        and exported.get("entra_app_redirect_uris")
        and exported.get("entra_app_permissions")
    )


def _licensed(group: str, options: Mapping[str, Any], edition: str) -> dict[str, Any]:
    """Without what the license does not include: it has no effect, and could not be set again."""
    known = next((candidate for candidate in Edition if candidate.label == edition), None)
    return {
        name: value
        for name, value in options.items()
        if not value or known is None or (BY_OPTION[f"{group}.{name}"].edition or known) <= known
    }


def _with_values(value: Any) -> Any:
    """Without what has no value, which in an inventory means "not mentioned", and without texts that were changed.

    What a terminal obeys is written as an escape in every result, so such a text is not what the service has.
    """
    if isinstance(value, Mapping):
        items = {name: _with_values(item) for name, item in value.items()}
        return {name: item for name, item in items.items() if item not in (None, "", {})}
    if isinstance(value, (list, tuple)):
        return [item for item in map(_with_values, value) if item is not None]
    return None if isinstance(value, str) and _ESCAPED.search(value) else value
