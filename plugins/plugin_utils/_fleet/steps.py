# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The table of steps: everything this collection does to one PBX, and the operations that are made of it.

Nothing else says which step runs which module, with which variables, after which other step. Playbooks, roles and the
compliance report name steps or operations; ``runner.py`` takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    azure_app_registration_info,
    entra_preflight,
    graph_permission_grant,
    graph_permission_grant_info,
    graph_user_info,
    sso_probe,
    tcx_m365_settings,
    tcx_m365_settings_info,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import did_you_mean
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import (
    advice,
    beforehand,
    captured,
    license_step,
    moves,
    offboard_step,
    rollback_step,
    rotation,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.certificates_step import put_back, usable
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.healing import healed
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.resume_step import (
    KEY_UNKNOWN,
    interrupted_removal,
    removed_application,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.users_step import directory_result, people_result
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.work import (
    CHECK,
    VERIFY,
    WRITE,
    Result,
    Step,
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


def _pbx(work: Work) -> dict[str, Any]:
    """Where a write follows, it reads the settings again, because minutes can lie between the two; the request that this
    costs is saved here."""
    arguments = arguments_of.pbx_preflight_arguments(work.variables)
    arguments["change_notifications"] = work.check_mode
    return arguments


def _known_of(work: Work, result: Result) -> Result:
    """In check mode nothing is tried, so what this PBX has refused in an earlier rollout is told."""
    result = moves.stays(work, result)
    if work.check_mode and not result.get("failed"):
        return license_step.recalled(result, _address(work))
    return result


def _tried(work: Work, result: Result) -> Result:
    return license_step.judged(result, work.result("pbx"), _address(work))


def _address(work: Work) -> str:
    return str(work.variables.get("tcx_url") or "")


def _application(work: Work) -> dict[str, Any]:
    beforehand.check_id_tokens(work)
    arguments = arguments_of.application_arguments(
        work.variables, work.result("preflight")["application"], redirect_uri(work)
    )
    if not arguments.get("app_id"):
        arguments["deleted_app_id"] = removed_application(work)
    if work.neighbors:
        arguments["shared_certificates"] = list(work.neighbors)
    return arguments


def _one_application(work: Work, result: Result) -> Result:
    """A failure where the PBX would be linked to another application than the one that is set up for it, or cannot use it."""
    result = beforehand.in_reach(work, result)
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


def _planned_application(work: Work, result: Result) -> Result:
    """In check mode no step before has found it, nor asked whether it may be granted anything."""
    if not work.check_mode:
        return result
    result = _one_application(work, result)
    granted = work.is_set("entra_app_manage_grants", default=True)
    if result.get("failed") or work.reports or not (granted and result.get("unknown_credentials")):
        return result
    judged = replace(work, results={**work.results, "application": result})
    refused = work.run_task(graph_permission_grant.CAPABILITY, _grant(judged), check=True)
    return refused if refused.get("failed") else result


def _candidate(work: Work, result: Result) -> Result:
    """What a check of the application has found. The step that writes says everything else again."""
    result = _one_application(work, result)
    told = ("failed", "msg", "error", "exception", "changed", "app_id", "adopted", "adoption", "unknown_credentials")
    return {name: result[name] for name in told if name in result}


def _writes(work: Work) -> bool:
    """In check mode the steps that write only look themselves."""
    return not work.check_mode


def _is_held(work: Work) -> bool:
    """Whether strangers hold the application, so that new permissions would be refused."""
    managed = work.is_set("entra_app_manage_grants", default=True)
    return managed and _writes(work) and bool(work.result("candidate").get("unknown_credentials"))


def _grantable(work: Work) -> dict[str, Any]:
    return _grant(work, "candidate")


def _grant(work: Work, judged: str = "application") -> dict[str, Any]:
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


def _settings(work: Work) -> dict[str, Any]:
    arguments = arguments_of.settings_arguments(work.variables, application_id(work))
    if not arguments.get("application_id"):
        arguments.pop("application_id", None)  # there is nothing to link to; an empty one would unlink the PBX
        if not manages(work):
            arguments.pop("tenant_id", None)
    # Where a person has to consent, the verification names the address and does not wait for that person.
    source = "grant" if work.is_set("entra_app_manage_grants", default=True) else "application"
    arguments["consent_url"] = work.result(source).get("admin_consent_url")
    if work.reports or (work.check_mode and _changes_entra(work)):
        arguments["wait"] = False
    return arguments


def _changes_entra(work: Work) -> bool:
    """Whether a PBX that does not work today may work with what is planned for its application."""
    return any(work.result(step).get("changed") for step in ("application", "grant"))


def _sign_in(work: Work) -> dict[str, Any]:
    arguments = arguments_of.probe_arguments(work.variables, application_id(work), redirect_uri(work))
    if not arguments["application_id"]:
        raise BadInput(
            "the PBX points to no application",
            tried="find out whether users can sign in with Microsoft",
            remedy="Roll the PBX out first, or give tcx_console_application_id.",
        )
    return arguments


def _probed(work: Work) -> bool:
    """In check mode an application that does not exist yet, or is deleted, cannot be asked for."""
    changes = work.result("application").get("changes") or ()
    if work.check_mode and any(change["field"] == "state" for change in changes):
        return False
    known = work.variables.get("tcx_console_application_id") or application_id(work)
    if not known and not manages(work):
        return False
    return bool(known != PENDING)


def _people_compared(work: Work) -> bool:
    return work.is_set("sso_verify_people")


def _strict(work: Work) -> bool:
    return work.is_set("sso_verify_fail_on_leavers")


def _people(work: Work) -> dict[str, Any]:
    return arguments_of.people_arguments(work.variables, list(work.result("directory")["users"]))


def _retire(work: Work) -> dict[str, Any]:
    arguments = _application(work)
    arguments["certificates_rotate_overlap_days"] = rotation.overlap_days(work.variables)
    return arguments


def _retired(work: Work, result: Result) -> Result:
    """A PBX that cannot sign in any more without what was retired gets it back, and the step fails."""
    if work.check_mode:
        result = rotation.left_to_do(result, work.result("application"))
    if work.check_mode or not usable(result):
        return rotation.with_standing(work.variables, result, check_mode=work.check_mode)
    arguments = arguments_of.pbx_connection(work.variables)
    arguments["wait_timeout"] = work.variables.get("tcx_console_wait_timeout")

    def verify() -> Result:
        return work.run_task(tcx_m365_settings.CAPABILITY, arguments)

    health = healed(work, verify(), _application(work), verify)
    if health.get("failed"):
        return put_back(work.run_task, result, health, _application(work))
    told = {name: [*(result.get(name) or ()), *health[name]] for name in ("changes", "notes") if health.get(name)}
    result = {**result, **told}
    return rotation.with_standing(work.variables, result, check_mode=work.check_mode)


def _application_of(work: Work) -> dict[str, Any]:
    """The arguments for the application again; empty where no step of this run has found it."""
    return _application(work) if work.result("application") and work.result("preflight") else {}


def _probe_judged(work: Work, result: Result) -> Result:
    if manages(work) and result.get("failed"):
        result = healed(
            work, result, _application_of(work), lambda: work.run_task(sso_probe.CAPABILITY, _sign_in(work))
        )
    return advice.careful(work, beforehand.verified(work, result))


def _configured(work: Work, result: Result) -> Result:
    """The same for what an exclusive list of certificates has taken away from a PBX."""
    if manages(work) and result.get("failed"):
        result = healed(
            work, result, _application_of(work), lambda: work.run_task(tcx_m365_settings.CAPABILITY, _settings(work))
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
        return put_back(work.run_task, back, result, _application(work)) if usable(back) else result
    return put_back(work.run_task, {**application, "changes": [], "diff": None}, result, _application(work))


def _registered(work: Work) -> dict[str, Any]:
    arguments = arguments_of.entra_connection(work.variables)
    arguments["app_id"] = offboard_step.linked_id(work)
    return arguments


def _is_registered(work: Work) -> bool:
    return bool(work.result("registered").get("applications"))


def _exported(work: Work, _result: Result) -> Result:
    return captured.write(
        work.host, work.variables, work.result("linked"), work.result("registered"), work.result("granted")
    )


_STEPS = (
    Step(
        "confirmed",
        CHECK,
        lambda work: {"confirm": work.is_set("offboard_confirm")},
        finish=offboard_step.confirmed,
    ),
    Step(
        "pbx",
        CHECK,
        _pbx,
        tcx_preflight.CAPABILITY,
        finish=_known_of,
    ),
    Step(
        "preflight",
        CHECK,
        lambda work: arguments_of.entra_preflight_arguments(work.variables, work.result("pbx")),
        entra_preflight.CAPABILITY,
        needs=("pbx",),
    ),
    # Which application it is, and whether it may be taken, is found out before anything is written on any side.
    Step(
        "candidate",
        CHECK,
        _application,
        azure_app_registration.CAPABILITY,
        needs=("pbx", "preflight"),
        when=lambda work: _writes(work) and manages(work),
        forced_check=True,
        finish=_candidate,
    ),
    Step(
        "grantable",
        CHECK,
        _grantable,
        graph_permission_grant.CAPABILITY,
        needs=("candidate",),
        when=_is_held,
        forced_check=True,
        finish=_candidate,
    ),
    Step(
        "linkable",
        CHECK,
        beforehand.linkable_arguments,
        graph_permission_grant_info.CAPABILITY,
        needs=("pbx",),
        when=lambda work: not manages(work) and beforehand.is_linkable_asked(work),
        finish=beforehand.linkable,
    ),
    Step(
        "license",
        WRITE,
        lambda work: arguments_of.trial_arguments(work.variables, work.result("pbx")),
        tcx_m365_settings.CAPABILITY,
        needs=("pbx", "preflight", "linkable"),
        when=lambda work: bool(work.result("pbx").get("gated")) and not work.check_mode,
        finish=_tried,
    ),
    Step(
        "application",
        WRITE,
        _application,
        azure_app_registration.CAPABILITY,
        needs=("pbx", "preflight", "candidate", "grantable", "license"),
        enabled=manages,
        finish=_planned_application,
        keeps=("app_id", "admin_consent_url", "changed", "removed_certificates", "unknown_credentials"),
    ),
    Step(
        "grant",
        WRITE,
        _grant,
        graph_permission_grant.CAPABILITY,
        needs=("pbx", "preflight"),
        enabled=lambda work: manages(work) and work.is_set("entra_app_manage_grants", default=True),
        keeps=("admin_consent_url", "changed"),
    ),
    Step(
        "settings",
        WRITE,
        _settings,
        tcx_m365_settings.CAPABILITY,
        needs=("pbx", "linkable"),
        finish=_configured,
        keeps=("changed", "redirect_uri", "status"),
    ),
    Step(
        "retire",
        WRITE,
        _retire,
        azure_app_registration.CAPABILITY,
        needs=("pbx", "preflight"),
        enabled=manages,
        finish=_retired,
    ),
    Step(
        "sign_in",
        VERIFY,
        _sign_in,
        sso_probe.CAPABILITY,
        needs=("pbx",),
        enabled=lambda work: work.is_set("sso_verify_enabled", default=True),
        when=_probed,
        finish=_probe_judged,
    ),
    Step(
        "directory",
        VERIFY,
        lambda work: arguments_of.directory_arguments(work.variables),
        graph_user_info.CAPABILITY,
        enabled=_people_compared,
        finish=lambda work, result: directory_result(result, strict=_strict(work)),
    ),
    Step(
        "people",
        VERIFY,
        _people,
        tcx_m365_settings_info.CAPABILITY,
        needs=("directory",),
        enabled=_people_compared,
        when=lambda work: "users" in work.result("directory"),
        finish=lambda work, result: people_result(result, strict=_strict(work)),
    ),
    Step("linked", CHECK, offboard_step.linked, tcx_m365_settings_info.CAPABILITY, finish=offboard_step.asked),
    Step(
        "deletable",
        CHECK,
        offboard_step.delete,
        azure_app_registration.CAPABILITY,
        needs=("linked",),
        when=manages,
        forced_check=True,
        finish=offboard_step.deletable,
    ),
    Step(
        "unlink",
        WRITE,
        offboard_step.unlink,
        tcx_m365_settings.CAPABILITY,
        needs=("confirmed", "linked", "deletable"),
        when=offboard_step.is_asked,
        finish=offboard_step.refused,
    ),
    Step(
        "delete",
        WRITE,
        offboard_step.delete,
        azure_app_registration.CAPABILITY,
        needs=("confirmed", "linked", "deletable"),
        enabled=manages,
        finish=offboard_step.gone,
    ),
    Step(
        "snapshot",
        CHECK,
        lambda work: {"snapshot": work.variables.get("snapshot"), "directory": work.variables.get("snapshot_dir")},
        finish=rollback_step.snapshot,
    ),
    Step(
        "restore_application",
        WRITE,
        rollback_step.undo_application("restore_application"),
        azure_app_registration.CAPABILITY,
        needs=("snapshot",),
        # Nothing is granted to an application that was not looked at, even where nothing of it is undone.
        when=rollback_step.has_part("restore_application", "restore_consent"),
        finish=rollback_step.back,
    ),
    Step(
        "restore_consent",
        WRITE,
        rollback_step.undo_consent("restore_consent"),
        graph_permission_grant.CAPABILITY,
        needs=("snapshot",),
        when=rollback_step.has_part("restore_consent"),
    ),
    Step(
        "restore_settings",
        WRITE,
        rollback_step.undo_settings,
        tcx_m365_settings.CAPABILITY,
        needs=("snapshot",),
        when=lambda work: bool(work.result("snapshot").get("parts")),
    ),
    Step(
        "withdraw_consent",
        WRITE,
        rollback_step.undo_consent("withdraw_consent"),
        graph_permission_grant.CAPABILITY,
        needs=("snapshot",),
        when=rollback_step.has_part("withdraw_consent"),
    ),
    Step(
        "withdraw_application",
        WRITE,
        rollback_step.undo_application("withdraw_application"),
        azure_app_registration.CAPABILITY,
        needs=("snapshot",),
        when=rollback_step.is_free,
        finish=rollback_step.withdrawn,
    ),
    Step(
        "restored",
        VERIFY,
        rollback_step.verify,
        tcx_m365_settings.CAPABILITY,
        needs=("snapshot",),
        when=lambda work: bool(work.result("snapshot").get("parts")),
        finish=rollback_step.restored,
    ),
    Step(
        "registered",
        CHECK,
        _registered,
        azure_app_registration_info.CAPABILITY,
        needs=("linked",),
        when=lambda work: bool(offboard_step.linked_id(work)),
    ),
    Step(
        "granted",
        CHECK,
        _registered,
        graph_permission_grant_info.CAPABILITY,
        needs=("linked", "registered"),
        when=_is_registered,
    ),
    Step(
        "export",
        VERIFY,
        lambda work: {"directory": work.variables.get("capture_dir")},
        needs=("linked", "registered", "granted"),
        finish=_exported,
    ),
)

STEPS: Mapping[str, Step] = {step.name: step for step in _STEPS}

_PREFLIGHT = ("pbx", "preflight", "candidate", "grantable", "linkable")
_CONFIGURE = ("license", "application", "grant", "settings")
USERS = ("directory", "people")

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "preflight": _PREFLIGHT,
    "rollout": (*_PREFLIGHT, *_CONFIGURE, "sign_in", *USERS),
    "compliance": (*_PREFLIGHT, *_CONFIGURE, "sign_in", *USERS),
    # The older certificates go only after the PBX has proven to work with what the application has now.
    "rotate_certificate": (*_PREFLIGHT, *_CONFIGURE, "retire"),
    # Both sides are read before the PBX is unlinked: what cannot be deleted must not be left without its PBX.
    "offboard": ("confirmed", "linked", "deletable", "unlink", "delete"),
    "rollback": (
        "snapshot",
        "restore_application",
        "restore_consent",
        "restore_settings",
        "withdraw_consent",
        "withdraw_application",
        "restored",
    ),
    "capture": ("linked", "registered", "granted", "export"),
}


def in_order(names: Sequence[str]) -> list[Step]:
    """The steps in the order of the table, with those that they need.

    :raises BadInput: a name that no step has.
    """
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        near = did_you_mean(unknown[0], STEPS)
        raise BadInput(
            f"there is no step {unknown[0]!r}{near}",
            tried="take the steps of the task",
            remedy=f"The steps are {', '.join(STEPS)}.",
        )
    taken = set(names)
    for name in names:
        taken.update(STEPS[name].needs)
    return [step for step in _STEPS if step.name in taken]
