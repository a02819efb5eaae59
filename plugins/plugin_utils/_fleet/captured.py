# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What is configured on a PBX and in its tenant today, as the variables that describe it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.capture_file import write_host_variables

DEFAULT_DIRECTORY = "./captured"

_APPLICATION = ("display_name", "sign_in_audience", "id_tokens", "public_client", "redirect_uris")
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
    found = host_variables(variables, linked, registered, granted)
    try:
        written = write_host_variables(directory, host, found)
    except OSError as error:
        raise BadInput(
            f"{error.strerror or error}",
            tried="write the current settings of the PBX",
            target=directory,
            remedy="Give capture_dir a directory that you may write to.",
        ) from error
    return {"changed": written.changed, "captured": {"path": written.path, "variables": found}}


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
    found: dict[str, Any] = {name: variables[name] for name in _ADDRESSES if variables.get(name)}
    for name, value in (linked.get("settings") or {}).items():
        if isinstance(value, Mapping) and _given(value):
            found[f"tcx_console_{name}"] = _given(value)
    for application in registered.get("applications") or ():
        found.update(entra_app_mode="adopt", entra_app_app_id=application["app_id"])
        found.update({f"entra_app_{name}": application[name] for name in _APPLICATION})
        permissions = granted.get("application_permissions") or ()
        found["entra_app_permissions"] = [each["name"] if isinstance(each, Mapping) else each for each in permissions]
    return found


def _given(value: Any) -> Any:
    """Without what has no value: in an inventory that means "not mentioned"."""
    if isinstance(value, Mapping):
        items = {name: _given(item) for name, item in value.items()}
        return {name: item for name, item in items.items() if item not in (None, "", {})}
    return value
