# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``graph_permission_grant``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._common.ids import is_guid
from .._entra import rights
from .._entra.application import adoption, grant_plan, ownership
from .._entra.application import permissions as names
from .._entra.application.catalogs import Catalogs
from .._entra.application.grant_plan import DesiredGrant, Granted, Names
from .._entra.application.grants import GrantReader, Grants
from .._entra.graph import GraphClient
from .._entra.rights import MissingRight
from .._errors import BadInput, NotFound
from .._plan import PENDING, Plan
from .._reconcile import Reconciled, reconcile
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection
from ._application_trust import caller_of, pbx_of, was_marked_now

ARGUMENT_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "app_id": {"type": "str", "required": True},
    "permissions": {"type": "list", "elements": "raw"},
    "delegated_permissions": {"type": "list", "elements": "raw"},
    "features": {"type": "list", "elements": "str", "choices": list(names.FEATURES)},
    "exclusive": {"type": "bool", "default": False},
    "pbx": {"type": "str"},
    "pbx_names": {"type": "list", "elements": "str", "default": []},
    "unknown_credentials": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "on_missing_rights": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    "force": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
}


def run(task: Task) -> Outcome:
    """Read, plan, and outside of check mode carry out and verify."""
    params = task.params
    app_id = params["app_id"].strip().lower()
    pending = params["app_id"] == PENDING and task.check_mode
    if not (is_guid(app_id) or pending):
        raise BadInput(f"O(app_id) {params['app_id']!r} is not a GUID", remedy="Give the application (client) id.")
    requested = names.requested_by_options(params)
    client = _entra_connection.client(params, task.context)
    rights.require(client.tokens.get(), rights.READ_APPLICATIONS, "read what is granted", client.tenant_id)
    catalogs = Catalogs(client)
    desired = DesiredGrant(
        app_id,
        exclusive=params["exclusive"],
        absent=params["state"] == "absent",
        force=params["force"],
        held=tuple(params["unknown_credentials"]),
    )
    reader = GrantReader(
        client,
        app_id,
        catalogs,
        [permission.resource for permission in requested],
        application_too=desired.exclusive or desired.absent,
        predicting=task.check_mode,
        delegated=_concerns_delegated(params),
    )
    if reader.delegated and not pending:
        rights.require(client.tokens.get(), rights.READ_DELEGATED_PERMISSIONS, "read what is granted", app_id)

    adoption.never(app_id, None, caller_of(client), client.tenant_id)

    def resolve(desired: DesiredGrant) -> DesiredGrant:
        permissions = catalogs.resolve(requested)
        if desired.exclusive and reader.application is not None and not desired.force:
            desired = _revoking(task, client, desired, reader.application)
        return desired.asking(permissions)

    rights_of = Rights(client, reader, reported_only=task.check_mode, pbx=pbx_of(params))
    grants = Grants(
        reader,
        desired,
        observe=lambda: _observe(reader, catalogs, requested, pending, desired.absent),
        resolve=resolve,
        check=rights_of.check,
        within=float(params["wait_timeout"]),
        wait=params["wait"],
    )
    return _bring_about(task, rights_of, grants)


def _concerns_delegated(params: Mapping[str, Any]) -> bool:
    """Whether delegated permissions are to be granted, or may have to be revoked."""
    everything = params["state"] == "absent" and not (params["permissions"] or params["features"])
    by_features = any(request.kind == names.DELEGATED for request in names.requested_by_features(params["features"]))
    return bool(params["delegated_permissions"] or by_features or params["exclusive"] or everything)


def _revoking(task: Task, client: GraphClient, desired: DesiredGrant, application: dict[str, Any]) -> DesiredGrant:
    """A permission has no owner: none is revoked from an application that others use, or in the run that marked it."""
    pbx = pbx_of(task.params)
    if pbx is None:
        return desired
    stakes = ownership.stakes(application, pbx)
    if stakes.shared:
        why = f"others use it: {', '.join(stakes.others())}"
    elif not stakes.tagged or was_marked_now(client, application, pbx):
        why = "it has been marked as this PBX's in this run only; the next run revokes"
    else:
        return desired
    task.context.warn(f"nothing is revoked from the application {desired.app_id}, because {why}")
    return replace(desired, exclusive=False)


def _observe(
    reader: GrantReader, catalogs: Catalogs, requested: list[names.RequestedPermission], pending: bool, absent: bool
) -> Granted:
    if pending:
        # In check mode the application may only be planned; all that can be known then is what the APIs offer.
        catalogs.read([permission.resource for permission in requested])
        return Granted(PENDING, marked=True)
    try:
        return reader.read()
    except NotFound:
        if not absent:
            raise
        return Granted(marked=True)


def _bring_about(task: Task, rights_of: Rights, grants: Grants) -> Outcome:
    try:
        done = reconcile(grants, check_mode=task.check_mode)
    except MissingRight:
        if task.params["on_missing_rights"] == "fail":
            raise
        # Nothing was changed; what a human has to do is in the result.
        rights_of.reported_only = True
        done = reconcile(grants, check_mode=True)
    values = _values(task, grants, done)
    if rights_of.missing is None:
        return Outcome(values, done.plan)
    task.context.warn(str(rights_of.missing))
    values.update(granted=[], revoked=[])
    values.update(missing_rights=rights_of.missing.missing, admin_consent_url=rights_of.missing.consent_url)
    if task.check_mode:
        return Outcome(values, done.plan)
    return Outcome({**values, "changes": done.plan.as_list(), "diff": done.plan.diff()})


class Rights:
    """Whether the caller may do what is planned.

    :ivar reported_only: what is missing is no error: check mode, or ``on_missing_rights: report``.
    :ivar missing: what is.
    """

    def __init__(
        self, client: GraphClient, reader: GrantReader, *, reported_only: bool, pbx: ownership.Pbx | None
    ) -> None:
        self._client = client
        self._pbx = pbx
        self._reader = reader
        self.reported_only = reported_only
        self.missing: MissingRight | None = None

    def check(self, desired: DesiredGrant, plan: Plan) -> None:
        try:
            _require_rights(self._client, self._reader, desired, plan, self._pbx)
        except MissingRight as error:
            self.missing = error
            if not self.reported_only:
                raise


def _require_rights(
    client: GraphClient, reader: GrantReader, desired: DesiredGrant, plan: Plan, pbx: ownership.Pbx | None
) -> None:
    token = client.tokens.get()
    kinds = grant_plan.kinds_written(plan)
    needed = {
        names.APPLICATION: rights.GRANT_APPLICATION_PERMISSIONS,
        names.DELEGATED: rights.GRANT_DELEGATED_PERMISSIONS,
    }
    for kind, any_of in needed.items():
        if kind in kinds and rights.lacking(token, any_of):
            url = "" if desired.absent else _consent_url(client, reader, desired, pbx)
            rights.require(token, any_of, "grant permissions", desired.app_id, url)
    if "state" in plan.changed_fields("service_principal"):
        rights.require(token, rights.WRITE_APPLICATIONS, "create the service principal", desired.app_id)


def _consent_url(client: GraphClient, reader: GrantReader, desired: DesiredGrant, pbx: ownership.Pbx | None) -> str:
    uri = ownership.return_uri(reader.application or {}, pbx)
    return client.connection.endpoints.admin_consent_url(client.tenant_id, desired.app_id, uri)


def _values(task: Task, grants: Grants, done: Reconciled[Granted]) -> dict[str, Any]:
    client, known, desired = grants.client, grants.reader.names, grants.desired
    before, after = done.before, done.after
    roles, scopes = _names(before, known), _names(after, known)
    besides = grant_plan.unneeded(desired, after, known) if not desired.absent else ([], [])
    return {
        "granted": _gained(roles, scopes),
        "revoked": _gained(scopes, roles),
        "unneeded": [*besides[0], *besides[1]],
        "unmanaged": {"permissions": besides[0], "delegated_permissions": besides[1]},
        "application_permissions": scopes["application"],
        "delegated_permissions": scopes["delegated"],
        # In check mode of what is there; nobody has consented to what is planned.
        "consents": grant_plan.consents(before if task.check_mode else after, known),
        "service_principal_id": after.principal_id,
        "tenant_id": client.tenant_id,
        "auth_source": client.connection.credential.source,
        "waited": round(task.context.deadline.waited, 1),
        "not_readable": not_readable(after),
    }


def not_readable(granted: Granted) -> list[str]:
    """What could not be read, and the right that it needs."""
    if granted.delegated_known:
        return []
    return [rights.not_readable("delegated permissions", rights.READ_DELEGATED_PERMISSIONS)]


def _names(granted: Granted, known: Names) -> dict[str, list[str]]:
    return {
        "application": grant_plan.application_names(granted, known),
        "delegated": grant_plan.delegated_names(granted, known),
    }


def _gained(one: Mapping[str, list[str]], other: Mapping[str, list[str]]) -> list[str]:
    """What ``other`` has and ``one`` has not, application permissions first."""
    return [name for kind in ("application", "delegated") for name in other[kind] if name not in one[kind]]


CAPABILITY = Capability(name="graph_permission_grant", argument_spec=ARGUMENT_SPEC, run=run)
