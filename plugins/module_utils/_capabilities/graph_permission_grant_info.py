# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``graph_permission_grant_info``."""

from __future__ import annotations

from .._common.ids import is_guid
from .._entra import rights
from .._entra.application import declared, grant_plan
from .._entra.application import permissions as names
from .._entra.application.catalogs import Catalogs
from .._entra.application.grants import GrantReader
from .._errors import BadInput
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection
from .graph_permission_grant import not_readable

ARGUMENT_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "app_id": {"type": "str", "required": True},
    "permissions": {"type": "list", "elements": "raw"},
    "delegated_permissions": {"type": "list", "elements": "raw"},
    "features": {"type": "list", "elements": "str", "choices": list(names.FEATURES)},
}


def run(task: Task) -> Outcome:
    """Read, and change nothing."""
    params = task.params
    app_id = params["app_id"].strip().lower()
    if not is_guid(app_id):
        raise BadInput(f"O(app_id) {params['app_id']!r} is not a GUID", remedy="Give the application (client) id.")
    requested = names.requested_by_options(params)
    client = _entra_connection.client(params, task.context)
    token = client.tokens.get()
    rights.require(token, rights.READ_APPLICATIONS, "read what is granted", client.tenant_id)
    if params["delegated_permissions"]:
        rights.require(token, rights.READ_DELEGATED_PERMISSIONS, "read what is granted", app_id)
    catalogs = Catalogs(client)
    reader = GrantReader(
        client,
        app_id,
        catalogs,
        [permission.resource for permission in requested],
        application_too=True,
        delegated=bool(params["delegated_permissions"]),
    )
    granted = reader.read()
    access = list((reader.application or {}).get("requiredResourceAccess") or ())
    catalogs.read(declared.resources(access), optional=True)
    needed = {permission.label(catalogs.known) for permission in catalogs.resolve(requested)}
    declares = {kind: sorted(declared.labels(access, kind, catalogs.known)) for _option, kind in declared.OPTIONS}
    if not requested:
        needed = {name for labels in declares.values() for name in labels}
    application = grant_plan.application_names(granted, reader.names)
    delegated = grant_plan.delegated_names(granted, reader.names)
    values = {
        "application_permissions": application,
        "delegated_permissions": delegated,
        "declared": declares[names.APPLICATION],
        "declared_delegated": declares[names.DELEGATED],
        "unneeded": [permission for permission in [*application, *delegated] if permission not in needed],
        "missing": sorted(needed - {*application, *delegated}),
        "consents": grant_plan.consents(granted, reader.names),
        "service_principal_id": granted.principal_id,
        "not_readable": not_readable(granted),
        "tenant_id": client.tenant_id,
        "auth_source": client.connection.credential.source,
    }
    return Outcome(values)


CAPABILITY = Capability(name="graph_permission_grant_info", argument_spec=ARGUMENT_SPEC, run=run)
