# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot work in the end, said before anything is written, and in check mode as in a rollout.

Each of these would otherwise fail where the sign-in is verified: after the application, the consent and the PBX were changed.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import aadsts, jwt
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.tree import dig
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, NotFound, Unhealthy
from ansible_collections.tcx.m365.plugins.module_utils._pbx import presence, probe
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import read_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import NOT_ASKED, Result, Work

_OF_ONE_TENANT = "AzureADMyOrg"
_STATED = "tcx_console_application_id"


def check_id_tokens(work: Work) -> None:
    """Raise :class:`BadInput` where the application is to issue no ID tokens, and a sign-in with it is to be verified."""
    known = read_variables(work.variables)
    if known.get("entra_app_id_tokens") is not False or not work.is_set("sso_verify_enabled", default=True):
        return
    switched_on = bool(dig(known.get("tcx_console_sign_in") or {}, "enabled"))
    asked_by = "tcx_console_sign_in.enabled switches on" if switched_on else "sso_verify_enabled verifies"
    raise BadInput(
        f"entra_app_id_tokens is false, and the sign-in with Microsoft, which {asked_by}, needs ID tokens",
        tried="compare the application with what the PBX needs",
        remedy="Leave entra_app_id_tokens out. For a PBX without this sign-in set sso_verify_enabled: false.",
    )


def check_presence_token(work: Work) -> None:
    """Raise :class:`BadInput` where the token of the presence account is of another customer than the PBX.

    Where it is not handed over, because the PBX has one that works or this run sets nothing, it does not matter.
    """
    if not hands_over(work) or work.result("pbx").get("presence_authorized"):
        return
    known = read_variables(work.variables)
    claims = jwt.claims(str(dig(known.get("tcx_console_presence") or {}, "account_token") or "")) or {}
    home, tenant = str(claims.get("tid") or ""), known.console_tenant
    if home and tenant and home.lower() != tenant.lower():
        raise BadInput(
            f"tcx_console_presence.account_token is of the tenant {home}, and the PBX works with {tenant}",
            tried="compare the settings with what the PBX needs; nothing was written",
            remedy="Get a token of the account that sets presence in the tenant of this PBX.",
        )


def hands_over(work: Work) -> bool:
    """Whether the token of the presence account may reach the PBX: not in a report, nor in a role without the settings."""
    return work.configures and not work.reports


def hand_nothing_over(work: Work, arguments: dict[str, Any]) -> None:
    """Take the token out of the question where it is not handed over: how old it is, and whose, does not matter there."""
    if not hands_over(work) and dig(arguments, "presence.account_token"):
        arguments["presence"] = {**arguments["presence"], "account_token": presence.KEPT_BACK}


def in_reach(work: Work, result: Result) -> Result:
    """The result of a step that found or made the application; a failure where the PBX could not sign in with it, because it
    works with another tenant."""
    home, audience = str(result.get("tenant_id") or ""), result.get("audience")
    tenant = read_variables(work.variables).console_tenant
    if result.get("failed") or audience != _OF_ONE_TENANT or not (home and tenant) or home.lower() == tenant.lower():
        return result
    return failure(
        BadInput(
            f"tcx_console_tenant_id is {tenant}, and the application belongs to the tenant {home} and is for that tenant alone "
            f"(sign-in audience {audience})",
            tried="compare the application with what the PBX needs",
            remedy="Correct tcx_console_tenant_id or leave it out, or set entra_app_sign_in_audience: AzureADMultipleOrgs.",
        )
    )


def usable(work: Work, result: Result) -> Result:
    """The result of a step that found or made the application; a failure where nobody can sign in with it, and the PBX has to.

    A report tells it with everything else.
    """
    if work.reports or not work.is_set("tcx_console_wait", default=True):
        return result
    if result.get("disabled"):
        reason, remedy = result["disabled"][0]
        return failure(_unusable(reason, remedy))
    blocked = refused_today(work, str(result.get("app_id") or ""), aadsts.BLOCKED)
    return failure(blocked) if blocked else result


def _unusable(reason: str, remedy: str) -> Unhealthy:
    return Unhealthy(
        f"{reason[0].lower()}{reason[1:]}",
        tried="compare the application with what the PBX needs; nothing was written",
        remedy=f"{remedy[0].upper()}{remedy[1:]}. To set it up all the same, set tcx_console_wait: false.",
    )


def linked_application(work: Work) -> str:
    """The application of somebody else that the PBX is to work with."""
    pointer = dig(work.result("pbx"), "status.application_id")
    return str(work.variables.get(_STATED) or pointer or "").strip()


def is_linkable_asked(work: Work) -> bool:
    """Whether that application has to be looked for. A report tells itself what a PBX cannot work with today."""
    app_id = linked_application(work)
    is_new = app_id.lower() != str(dig(work.result("pbx"), "status.application_id") or "").lower()
    return is_guid(app_id) and (is_new or not work.reports)


def linkable_arguments(work: Work) -> dict[str, Any]:
    arguments = arguments_of.directory_arguments(work.variables)
    arguments["app_id"] = linked_application(work)
    return arguments


def linkable(work: Work, result: Result) -> Result:
    """Whether a PBX can sign in with an application that this collection does not manage: the tenant has to know it.

    Where nobody may ask (a role for the PBX alone has no credential of the tenant), that is told, and stops nothing.
    """
    kind = (result.get("error") or {}).get("kind")
    if result.get("failed") and kind != "not_found":
        return {
            "notes": [f"whether the application {linked_application(work)} exists was not checked: {result['msg']}"]
        }
    if not result.get("failed") and result.get("service_principal_id"):
        refused = refused_today(work, linked_application(work), aadsts.DISABLED, aadsts.BLOCKED)
        return failure(refused) if refused else {}
    stated = bool(work.variables.get(_STATED))
    tenant = read_variables(work.variables).console_tenant
    what = "has no service principal" if not result.get("failed") else "does not exist"
    source = f"{_STATED} names it" if stated else "the PBX names it"
    correct = f"Correct {_STATED}" if stated else f"Give {_STATED}"
    return failure(
        NotFound(
            f"the application {what} in the tenant {tenant}; {source}, and entra_app_manage is false",
            tried="find the application of the PBX",
            target=linked_application(work),
            remedy=f"{correct}, or remove entra_app_manage: false to have the application set up.",
        )
    )


_WHY = {
    aadsts.DISABLED: "is disabled, so that nobody can sign in and the PBX gets no token",
    aadsts.BLOCKED: "is blocked by a Conditional Access policy of the tenant, so that the PBX gets no token",
}


def refused_today(work: Work, app_id: str, *verdicts: str) -> Unhealthy | None:
    """The error where the PBX is refused its tokens for a reason that no setting changes.

    The PBX has asked Microsoft 365 in this run; its word counts for the application that it works with already.
    """
    status = work.result("pbx").get("status") or {}
    tenant = str(read_variables(work.variables).console_tenant or "")
    if tenant and str(work.result("pbx").get("linked_tenant_id") or tenant).lower() != tenant.lower():
        return None  # it moves, and a policy of the tenant that it leaves does not follow
    known = app_id.lower() == str(status.get("application_id") or "").lower()
    message = str(status.get("message") or "") if known else ""
    meaning = aadsts.meaning_of(message)
    if meaning is None or meaning.verdict not in verdicts or not work.is_set("tcx_console_wait", default=True):
        return None
    parties = aadsts.Parties(app_id, tenant)
    reason = f"the application {app_id} {_WHY[meaning.verdict]} ({aadsts.first_code(message)})"
    return _unusable(reason, parties.fill(meaning.remedy).rstrip("."))


def verified(work: Work, result: Result) -> Result:
    """The result of the question whether a sign-in would work. In check mode, a rollout that would change nothing fails as well."""
    planned = any(work.result(step).get("changed") for step in ("application", "grant", "settings"))
    if not work.check_mode or work.reports or planned or result.get("failed") or result.get("ok", True):
        return result
    entra, pbx = (probe.Verdict(**result[side]) for side in ("entra", "pbx"))
    if entra.verdict in NOT_ASKED or pbx.verdict in NOT_ASKED:
        return result
    error = probe.error_of(entra, pbx)
    return failure(error.while_trying("find out whether users can sign in with Microsoft", str(result["redirect_uri"])))
