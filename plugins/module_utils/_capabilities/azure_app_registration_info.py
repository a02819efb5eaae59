# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``azure_app_registration_info``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from .._common.odata import encoded_literal
from .._entra import rights
from .._entra.application import certificates, declared
from .._entra.application import permissions as names
from .._entra.application import view as application_view
from .._entra.application.adoption import BY_PBX, Candidate, Claim, unknown_holders
from .._entra.application.catalogs import Catalogs
from .._entra.application.find import Finder
from .._entra.application.model import MARK, SELECT, Desired, Key, Observed
from .._entra.graph import GraphClient
from .._errors import NotFound
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection
from ._application_trust import caller_of
from .azure_app_registration import KEY_SPEC, check_key

ARGUMENT_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    **KEY_SPEC,
    "redirect_uris": {"type": "list", "elements": "str"},
    "certificates": {"type": "list", "elements": "str"},
    "permissions": {"type": "list", "elements": "raw"},
}


def run(task: Task) -> Outcome:
    """Read, and change nothing."""
    params = task.params
    key = Key(
        unique_name=(params["unique_name"] or "").strip(),
        app_id=(params["app_id"] or "").strip().lower(),
        display_name=(params["display_name"] or "").strip(),
    )
    check_key(key)
    desired = Desired(
        key=key,
        uris={"redirect_uris": params["redirect_uris"]},
        certificates=certificates.parse_all(params["certificates"]),
    )
    requested = names.requested(params["permissions"], names.APPLICATION)
    client = _entra_connection.client(params, task.context)
    rights.require(client.tokens.get(), rights.READ_APPLICATIONS, "read applications", client.tenant_id)
    catalogs = Catalogs(client)
    applications = list(_observed(client, key, catalogs, [permission.resource for permission in requested]))
    resources = {resource for one in applications for resource in declared.resources(_access(one))}
    catalogs.read(sorted(resources | {permission.resource for permission in requested}), optional=True)
    desired = replace(desired, permissions=catalogs.resolve(requested))
    values = {
        "applications": [_shown(params, client, desired, application, catalogs) for application in applications],
        "tenant_id": client.tenant_id,
        "auth_source": client.connection.credential.source,
    }
    return Outcome(values)


def _observed(client: GraphClient, key: Key, catalogs: Catalogs, resources: list[str]) -> Iterator[Observed]:
    if key.app_id or key.unique_name:
        try:
            observed = Finder(client, key, catalogs, resources, owners=True).find()
        except NotFound:
            return
        if observed.application is not None:
            yield observed
        return
    clause = f"$filter=displayName%20eq%20{encoded_literal(key.display_name)}&" if key.display_name else ""
    finder = Finder(client, key, catalogs, resources, owners=True)
    for application in client.pages(f"/applications?{clause}$select={SELECT}&$top=100"):
        # Without a key those are listed that this collection looks after.
        named, marked = application.get("displayName") == key.display_name, MARK in (application.get("tags") or ())
        if named if key.display_name else marked:
            yield finder.again(Observed(application=application))


def _access(observed: Observed) -> list[dict[str, Any]]:
    return list((observed.application or {}).get("requiredResourceAccess") or ())


def _shown(
    params: Mapping[str, Any], client: GraphClient, desired: Desired, observed: Observed, catalogs: Catalogs
) -> dict[str, Any]:
    """The application, and what of it is not among what was asked about.

    What was not asked about counts as asked for, but a certificate without our mark.
    """
    now = client.now()
    shown = application_view.shape(observed, now, catalogs.known)
    besides = application_view.unmanaged(desired, observed, now, catalogs.known)
    asked = {name: besides[name] if params[name] is not None else [] for name in ("redirect_uris", "permissions")}
    foreign = besides["certificates"]
    if params["certificates"] is None:
        foreign = [certificate for certificate in foreign if not certificate["managed"]]
    return {
        **shown,
        "unknown_credentials": _unknown(client, desired, observed),
        "unmanaged": {**asked, "certificates": foreign},
    }


def _unknown(client: GraphClient, desired: Desired, observed: Observed) -> list[str]:
    """Credentials and owners that neither the task names nor the automation put there, in words."""
    thumbprints = frozenset(certificate.thumbprint for certificate in desired.certificates or ())
    claim = Claim(BY_PBX, thumbprints=thumbprints, now=client.now().isoformat())
    return unknown_holders(Candidate.of(observed), claim, caller_of(client))


CAPABILITY = Capability(name="azure_app_registration_info", argument_spec=ARGUMENT_SPEC, run=run)
