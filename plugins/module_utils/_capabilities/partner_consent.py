# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook ``partner_consent`` does in one tenant, with the token of a person. No modules of their own.

:data:`ADMINISTRATION` reads the delegated administration in the partner's own tenant, :data:`ASK` and :data:`REMOVE` talk
to Partner Center, :data:`GRANT` gives the automation the application permissions of its profile in a customer's tenant,
:data:`WITHDRAW` revokes the temporary delegated permissions, :data:`LEAVE` deletes the service principal.
"""

from __future__ import annotations

from .._entra import delegated_admin, person
from .._entra.application import grant_plan
from .._entra.application.catalogs import Catalogs
from .._entra.application.grant_plan import DesiredGrant, Granted
from .._entra.application.grants import GrantReader, Grants
from .._entra.application.permissions import APPLICATION, DELEGATED, RequestedPermission
from .._entra.clouds import GRAPH_APP_ID
from .._entra.graph import Call, GraphClient
from .._entra.partner_center import PartnerCenter
from .._entra.rights import MissingRight
from .._errors import BadInput, Conflict, NotFound
from .._plan import Change, Plan
from .._reconcile import reconcile
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection

TEMPORARY = ("Application.Read.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")
"""Delegated permissions with which a person grants the application permissions, and removes these three afterwards."""

_PARTNER_CENTER: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "address": {"type": "str", "required": True},
    "customer": {"type": "str", "required": True},
    "app_id": {"type": "str", "required": True},
}
_TENANT: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "app_id": {"type": "str", "required": True},
    "wait_timeout": {"type": "int", "default": 300},
}


def administration(task: Task) -> Outcome:
    """The steps of each customer, as far as they can be read: `steps`, tenant id to a list."""
    client = _person(task)
    customers = [str(tenant).lower() for tenant in task.params["customers"]]
    administrations = delegated_admin.read(client, customers)
    now = client.now()
    judged = {tenant: delegated_admin.judged(administrations, tenant, now) for tenant in customers}
    return Outcome({"steps": {tenant: [vars(step) for step in steps] for tenant, steps in judged.items()}})


def ask(task: Task) -> Outcome:
    """Let Partner Center consent to :data:`TEMPORARY`: `consented`, or `doubt` where it may have been before."""
    center, params = _center(task), task.params
    try:
        center.consent(params["customer"], params["app_id"], TEMPORARY)
    except Conflict as error:
        return Outcome({"consented": False, "doubt": str(error)})
    return Outcome({"consented": True, "doubt": ""})


def remove(task: Task) -> Outcome:
    """Let Partner Center take the application out of the customer's tenant."""
    try:
        _center(task).remove(task.params["customer"], task.params["app_id"])
    except NotFound:
        return Outcome({"removed": False})
    return Outcome({"removed": True}, Plan([Change("service_principal", "state", "present", "absent")]))


def grant(task: Task) -> Outcome:
    """The missing application permissions, granted; the service principal made where it is missing."""
    client, params = _person(task), task.params
    _require(client, person.CONSENT, "grant application permissions")
    requested = [RequestedPermission(GRAPH_APP_ID, name, APPLICATION) for name in params["permissions"]]
    return _bring_about(task, client, DesiredGrant(params["app_id"]), requested)


def withdraw(task: Task) -> Outcome:
    """The temporary delegated permissions, revoked; any others stay."""
    client = _person(task)
    _require(client, "DelegatedPermissionGrant.ReadWrite.All", "revoke delegated permissions")
    named = [RequestedPermission(GRAPH_APP_ID, name, DELEGATED) for name in TEMPORARY]
    return _bring_about(task, client, DesiredGrant(task.params["app_id"], absent=True), named)


def leave(task: Task) -> Outcome:
    """The service principal, deleted; with it goes all that it was granted."""
    client, app_id = _person(task), task.params["app_id"]
    principal = client.send(Call.by_key("servicePrincipals", "appId", app_id, "$select=id,appId")).entity_or_none()
    if principal is None:
        return Outcome({"removed": False}, Plan())
    plan = Plan([Change("service_principal", "state", "present", "absent")])
    if not task.check_mode:
        _require(client, person.REGISTER, "delete the service principal")
        answer = client.send(Call("DELETE", f"/servicePrincipals/{principal['id']}"))
        if not answer.ok and not isinstance(answer.error, NotFound):
            raise answer.error
    return Outcome({"removed": True}, plan)


def _bring_about(
    task: Task, client: GraphClient, desired: DesiredGrant, requested: list[RequestedPermission]
) -> Outcome:
    catalogs = Catalogs(client)
    reader = GrantReader(client, desired.app_id, catalogs, [GRAPH_APP_ID], delegated=desired.absent)

    def observe() -> Granted:
        try:
            return reader.read()
        except NotFound:
            # The application is registered elsewhere: only its service principal could be here, and is not.
            catalogs.read([GRAPH_APP_ID])
            return Granted()

    grants = Grants(
        reader,
        desired,
        observe=observe,
        resolve=lambda known: known.asking(catalogs.resolve(requested)),
        check=lambda _desired, _plan: None,
        within=float(task.params["wait_timeout"]),
        wait=True,
    )
    done = reconcile(grants, check_mode=task.check_mode)
    values = {
        "application_permissions": grant_plan.application_names(done.after, reader.names),
        "delegated_permissions": grant_plan.delegated_names(done.after, reader.names),
    }
    return Outcome(values, done.plan)


def _person(task: Task) -> GraphClient:
    """Graph as a person has it.

    :raises BadInput: an application would act for itself, and could do the same to every tenant without anybody there.
    """
    client = _entra_connection.client(task.params, task.context)
    if client.tokens.get().app_only:
        raise BadInput(
            "the token is of an application, and consenting for a customer takes a person",
            tried="sign in as a person",
            remedy="Sign in with the Azure CLI (az login), or set partner_consent_auth_source to browser.",
        )
    return client


def _require(client: GraphClient, scope: str, tried: str) -> None:
    """Raise :class:`MissingRight` where the token cannot do it, whatever the roles of the person."""
    held = person.scopes(client.tokens.get())
    if held and scope not in held:
        raise MissingRight(
            f"the token does not carry the delegated permission {scope}",
            missing=[scope],
            tried=tried,
            target=client.tenant_id,
            remedy="A consent may not be in effect yet: run again in some minutes.",
        )


def _center(task: Task) -> PartnerCenter:
    connection = _entra_connection.connection(task.params, task.context)
    return PartnerCenter(task.context, connection.transport, task.params["address"], task.params["access_token"])


ADMINISTRATION = Capability(
    name="partner_administration",
    argument_spec={
        **_entra_connection.ARGUMENT_SPEC,
        "customers": {"type": "list", "elements": "str", "required": True},
    },
    run=administration,
)
ASK = Capability(name="partner_ask", argument_spec=_PARTNER_CENTER, run=ask)
REMOVE = Capability(name="partner_remove", argument_spec=_PARTNER_CENTER, run=remove)
GRANT = Capability(
    name="partner_grant",
    argument_spec={**_TENANT, "permissions": {"type": "list", "elements": "str", "required": True}},
    run=grant,
)
WITHDRAW = Capability(name="partner_withdraw", argument_spec=_TENANT, run=withdraw)
LEAVE = Capability(name="partner_leave", argument_spec=_TENANT, run=leave)
