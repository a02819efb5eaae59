# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of a rollout ask, and what they make of the answers: the application, the consent, the settings, the sign-in.

The table says after which other steps each is taken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    graph_permission_grant,
    sso_probe,
    tcx_m365_settings,
)
from ansible_collections.tcx.m365.plugins.module_utils._common import aadsts
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._steps import (
    advice,
    beforehand,
    licensing,
    moves,
    rotation,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.certificates import put_back, usable
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.healing import healed
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.resume import (
    KEY_UNKNOWN,
    interrupted_removal,
    removed_application,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import (
    Result,
    Work,
)


def application_id(work: Work) -> str:
    """The application of this PBX as far as this run knows: the one just written, else the one the PBX points to."""
    app_id = work.result("application").get("app_id")
    for step in ("settings", "pbx"):
        app_id = app_id or (work.result(step).get("status") or {}).get("application_id")
    return str(app_id or "")


def redirect_uri(work: Work) -> str:
    return str(work.result("pbx").get("redirect_uri") or work.result("settings").get("redirect_uri") or "")


def manages(work: Work) -> bool:
    """Whether the application is ours to register, to change and to delete, and not left to somebody else."""
    return work.is_set("entra_app_manage", default=True)


def asked_of_pbx(work: Work) -> dict[str, Any]:
    """Where a write follows, it reads the settings again, because minutes can lie between the two; the request that this
    costs is saved here."""
    arguments = arguments_of.pbx_preflight_arguments(work.variables)
    arguments["change_notifications"] = work.check_mode
    beforehand.hand_nothing_over(work, arguments)
    return arguments


def known_of(work: Work, result: Result) -> Result:
    """In check mode nothing is tried, so what this PBX has refused in an earlier rollout is told."""
    result = moves.stays(work, result)
    if work.check_mode and not result.get("failed"):
        return licensing.recalled(result, _address(work))
    return result


def asked_of_tenant(work: Work) -> dict[str, Any]:
    """A check says what the rollout would say, missing rights included; a report is made with the rights to read."""
    arguments = arguments_of.entra_preflight_arguments(work.variables, work.result("pbx"))
    arguments["writes"] = not work.reports
    return arguments


def tried(work: Work, result: Result) -> Result:
    return licensing.judged(result, work.result("pbx"), _address(work))


def _address(work: Work) -> str:
    return str(work.variables.get("tcx_url") or "")


def asked_application(work: Work) -> dict[str, Any]:
    beforehand.check_id_tokens(work)
    beforehand.check_presence_token(work)
    arguments = arguments_of.application_arguments(
        work.variables, work.result("preflight")["application"], redirect_uri(work)
    )
    if not arguments.get("app_id"):
        arguments["deleted_app_id"] = removed_application(work)
    if work.neighbors:
        arguments["shared_certificates"] = list(work.neighbors)
    return arguments


def one_application(work: Work, result: Result) -> Result:
    """A failure where the PBX would be linked to another application than the one that is set up for it, or cannot use it."""
    result = beforehand.usable(work, beforehand.in_reach(work, result))
    stated, application = work.variables.get("tcx_console_application_id"), str(result.get("app_id") or "")
    if result.get("failed") or not (stated and application) or application.lower() == str(stated).lower():
        return result
    return failure(
        BadInput(
            f"tcx_console_application_id is {stated}, and the application that is set up for this PBX "
            f"{'would be a new one' if application == PENDING else f'is {application}'}",
            tried="find the application of the PBX",
            remedy="Give entra_app_app_id instead. To link the PBX to an application that somebody else sets up, set entra_app_manage: false.",
        )
    )


def _with_other_name(work: Work, result: Result) -> Result:
    """What is told where the inventory names an application that the PBX does not have: a unique name is never changed."""
    stated, name = str(work.variables.get("entra_app_unique_name") or ""), str(result.get("unique_name") or "")
    if result.get("failed") or not name or stated in ("", name, f"3cx-{work.host}"):
        return result
    told = (
        f"entra_app_unique_name is {visible(stated)}, and the application that the PBX has keeps its unique name {visible(name)}, "
        "because Microsoft Entra does not change one. To give the PBX another application, state it with entra_app_app_id."
    )
    return {**result, **{kind: [*(result.get(kind) or ()), told] for kind in ("notes", "attention")}}


def planned_application(work: Work, result: Result) -> Result:
    """In check mode no step before has found it, nor asked whether it may be granted anything."""
    result = _with_other_name(work, result)
    if not work.check_mode:
        return result
    result = one_application(work, result)
    granted = work.is_set("entra_app_manage_grants", default=True)
    if result.get("failed") or work.reports or not (granted and result.get("unknown_credentials")):
        return result
    judged = replace(work, results={**work.results, "application": result})
    refused = work.run_task(graph_permission_grant.CAPABILITY, asked_grant(judged), check=True)
    return refused if refused.get("failed") else result


def candidate(work: Work, result: Result) -> Result:
    """What a check of the application has found. The step that writes says everything else again."""
    result = one_application(work, result)
    told = ("failed", "msg", "error", "exception", "changed", "app_id", "adopted", "adoption", "unknown_credentials")
    return {name: result[name] for name in told if name in result}


def writes(work: Work) -> bool:
    """In check mode the steps that write only look themselves."""
    return not work.check_mode


def is_held(work: Work) -> bool:
    """Whether strangers hold the application, so that new permissions would be refused."""
    managed = work.is_set("entra_app_manage_grants", default=True)
    return managed and writes(work) and bool(work.result("candidate").get("unknown_credentials"))


def asked_grantable(work: Work) -> dict[str, Any]:
    return asked_grant(work, "candidate")


def asked_grant(work: Work, judged: str = "application") -> dict[str, Any]:
    """Only to an application that a step of this run has judged, or that the inventory states: never by the PBX's word."""
    application = work.result(judged)
    app_id = application.get("app_id") or work.variables.get("entra_app_app_id")
    if not app_id:
        raise BadInput(
            "no application was found or made in this run",
            tried="grant permissions",
            remedy="Take the step application before the step grant, or give entra_app_app_id.",
        )
    arguments = arguments_of.grant_arguments(work.variables, str(app_id))
    arguments.update(arguments_of.pbx_identity(work.variables))
    arguments["unknown_credentials"] = list(application.get("unknown_credentials") or ())
    return arguments


def planned_grant(work: Work, result: Result) -> Result:
    """In check mode the service principal is missing still, and a module does not know that another one plans it."""
    return rotation.left_to_do(result, work.result("application")) if work.check_mode else result


def asked_settings(work: Work) -> dict[str, Any]:
    beforehand.check_presence_token(work)
    arguments = arguments_of.settings_arguments(work.variables, application_id(work))
    app_id = str(arguments.get("application_id") or "")
    blocked = None if work.reports else beforehand.refused_today(work, app_id, aadsts.BLOCKED)
    if blocked:
        raise blocked
    if not arguments.get("application_id"):
        arguments.pop("application_id", None)  # there is nothing to link to; an empty one would unlink the PBX
        if not manages(work):
            arguments.pop("tenant_id", None)
    # Where a person has to consent, the verification names the address and does not wait for that person.
    source = "grant" if work.is_set("entra_app_manage_grants", default=True) else "application"
    arguments["consent_url"] = work.result(source).get("admin_consent_url")
    if work.reports or (work.check_mode and _changes_entra(work)):
        arguments["wait"] = False
    beforehand.hand_nothing_over(work, arguments)
    return arguments


def _changes_entra(work: Work) -> bool:
    """Whether a PBX that does not work today may work with what is planned for its application."""
    return any(work.result(step).get("changed") for step in ("application", "grant"))


def asked_sign_in(work: Work) -> dict[str, Any]:
    arguments = arguments_of.probe_arguments(work.variables, application_id(work), redirect_uri(work))
    if not arguments["application_id"]:
        raise BadInput(
            "the PBX points to no application",
            tried="find out whether users can sign in with Microsoft",
            remedy="Roll the PBX out first, or give tcx_console_application_id.",
        )
    return arguments


def probed(work: Work) -> bool:
    """In check mode an application that does not exist yet, or is deleted, cannot be asked for."""
    changes = work.result("application").get("changes") or ()
    if work.check_mode and any(change["field"] == "state" for change in changes):
        return False
    known = work.variables.get("tcx_console_application_id") or application_id(work)
    if not known and not manages(work):
        return False
    return bool(known != PENDING)


def people_compared(work: Work) -> bool:
    return work.is_set("sso_verify_people")


def strict(work: Work) -> bool:
    return work.is_set("sso_verify_fail_on_leavers")


def asked_people(work: Work) -> dict[str, Any]:
    return arguments_of.people_arguments(work.variables, list(work.result("directory")["users"]))


def asked_retirement(work: Work) -> dict[str, Any]:
    arguments = asked_application(work)
    arguments["certificates_rotate_overlap_days"] = rotation.overlap_days(work.variables)
    return arguments


def retired(work: Work, result: Result) -> Result:
    """A PBX that cannot sign in any more without what was retired gets it back, and the step fails."""
    if work.check_mode:
        result = rotation.left_to_do(result, work.result("application"))
    if work.check_mode or not usable(result):
        return rotation.with_standing(work.variables, result, check_mode=work.check_mode)
    arguments = arguments_of.pbx_connection(work.variables)
    arguments["wait_timeout"] = work.variables.get("tcx_console_wait_timeout")

    def verify() -> Result:
        return work.run_task(tcx_m365_settings.CAPABILITY, arguments)

    health = healed(work, verify(), asked_application(work), verify)
    if health.get("failed"):
        return put_back(work.run_task, result, health, asked_application(work))
    told = {name: [*(result.get(name) or ()), *health[name]] for name in ("changes", "notes") if health.get(name)}
    result = {**result, **told}
    return rotation.with_standing(work.variables, result, check_mode=work.check_mode)


def _application_of(work: Work) -> dict[str, Any]:
    """The arguments for the application again; empty where no step of this run has found it."""
    return asked_application(work) if work.result("application") and work.result("preflight") else {}


def probe_judged(work: Work, result: Result) -> Result:
    if manages(work) and result.get("failed"):
        result = healed(
            work, result, _application_of(work), lambda: work.run_task(sso_probe.CAPABILITY, asked_sign_in(work))
        )
    return advice.careful(work, beforehand.verified(work, result))


def configured(work: Work, result: Result) -> Result:
    """The same for what an exclusive list of certificates has taken away from a PBX."""
    if manages(work) and result.get("failed"):
        result = healed(
            work,
            result,
            _application_of(work),
            lambda: work.run_task(tcx_m365_settings.CAPABILITY, asked_settings(work)),
        )
    result = advice.careful(work, result)
    application = work.result("application")
    unhealthy = (result.get("error") or {}).get("kind") == "unhealthy"
    if work.check_mode or not unhealthy:
        return result
    if not usable(application):
        # A run that was killed may have removed them, and had no time to find out that the PBX needs them.
        lost = KEY_UNKNOWN in str(result.get("msg"))
        removed = interrupted_removal(work, str(application.get("app_id") or "")) if lost else []
        back = {"removed_certificates": removed}
        return put_back(work.run_task, back, result, asked_application(work)) if usable(back) else result
    return put_back(work.run_task, {**application, "changes": [], "diff": None}, result, asked_application(work))
