# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of steps: everything this collection does to one PBX, and the operations that are made of it.

Nothing else says which step runs which module, with which variables, after which other step. Playbooks, roles and the
compliance report name steps or operations; ``runner.py`` takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._steps import (
    beforehand,
    capture,
    offboard,
    rollback,
    rollout,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.users import directory_result, people_result
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import (
    CHECK,
    VERIFY,
    WRITE,
    Step,
)

_STEPS = (
    Step(
        "confirmed",
        CHECK,
        lambda work: {"confirm": work.is_set("offboard_confirm")},
        finish=offboard.confirmed,
    ),
    Step(
        "pbx",
        CHECK,
        rollout.asked_of_pbx,
        tcx_preflight.CAPABILITY,
        finish=rollout.known_of,
    ),
    Step(
        "preflight",
        CHECK,
        rollout.asked_of_tenant,
        entra_preflight.CAPABILITY,
        needs=("pbx",),
    ),
    # Which application it is, and whether it may be taken, is found out before anything is written on any side.
    Step(
        "candidate",
        CHECK,
        rollout.asked_application,
        azure_app_registration.CAPABILITY,
        needs=("pbx", "preflight"),
        when=lambda work: rollout.writes(work) and rollout.manages(work),
        forced_check=True,
        finish=rollout.candidate,
    ),
    Step(
        "grantable",
        CHECK,
        rollout.asked_grantable,
        graph_permission_grant.CAPABILITY,
        needs=("candidate",),
        when=rollout.is_held,
        forced_check=True,
        finish=rollout.candidate,
    ),
    Step(
        "linkable",
        CHECK,
        beforehand.linkable_arguments,
        graph_permission_grant_info.CAPABILITY,
        needs=("pbx",),
        when=lambda work: not rollout.manages(work) and beforehand.is_linkable_asked(work),
        finish=beforehand.linkable,
    ),
    Step(
        "license",
        WRITE,
        lambda work: arguments_of.trial_arguments(work.variables, work.result("pbx")),
        tcx_m365_settings.CAPABILITY,
        needs=("pbx", "preflight", "linkable"),
        when=lambda work: bool(work.result("pbx").get("gated")) and not work.check_mode,
        finish=rollout.tried,
    ),
    Step(
        "application",
        WRITE,
        rollout.asked_application,
        azure_app_registration.CAPABILITY,
        needs=("pbx", "preflight", "candidate", "grantable", "license"),
        enabled=rollout.manages,
        finish=rollout.planned_application,
        keeps=("app_id", "admin_consent_url", "changed", "removed_certificates", "unknown_credentials"),
    ),
    Step(
        "grant",
        WRITE,
        rollout.asked_grant,
        graph_permission_grant.CAPABILITY,
        needs=("pbx", "preflight"),
        enabled=lambda work: rollout.manages(work) and work.is_set("entra_app_manage_grants", default=True),
        finish=rollout.planned_grant,
        keeps=("admin_consent_url", "changed"),
    ),
    Step(
        "settings",
        WRITE,
        rollout.asked_settings,
        tcx_m365_settings.CAPABILITY,
        needs=("pbx", "linkable"),
        finish=rollout.configured,
        keeps=("changed", "redirect_uri", "status"),
    ),
    Step(
        "retire",
        WRITE,
        rollout.asked_retirement,
        azure_app_registration.CAPABILITY,
        needs=("pbx", "preflight"),
        enabled=rollout.manages,
        finish=rollout.retired,
    ),
    Step(
        "sign_in",
        VERIFY,
        rollout.asked_sign_in,
        sso_probe.CAPABILITY,
        needs=("pbx",),
        enabled=lambda work: work.is_set("sso_verify_enabled", default=True),
        when=rollout.probed,
        finish=rollout.probe_judged,
    ),
    Step(
        "directory",
        VERIFY,
        lambda work: arguments_of.directory_arguments(work.variables),
        graph_user_info.CAPABILITY,
        enabled=rollout.people_compared,
        finish=lambda work, result: directory_result(result, strict=rollout.strict(work)),
    ),
    Step(
        "people",
        VERIFY,
        rollout.asked_people,
        tcx_m365_settings_info.CAPABILITY,
        needs=("directory",),
        enabled=rollout.people_compared,
        when=lambda work: "users" in work.result("directory"),
        finish=lambda work, result: people_result(result, strict=rollout.strict(work)),
    ),
    Step("linked", CHECK, offboard.linked, tcx_m365_settings_info.CAPABILITY, finish=offboard.asked),
    Step(
        "deletable",
        CHECK,
        offboard.delete,
        azure_app_registration.CAPABILITY,
        needs=("linked",),
        when=rollout.manages,
        forced_check=True,
        finish=offboard.deletable,
    ),
    Step(
        "unlink",
        WRITE,
        offboard.unlink,
        tcx_m365_settings.CAPABILITY,
        needs=("confirmed", "linked", "deletable"),
        when=offboard.is_asked,
        finish=offboard.refused,
    ),
    Step(
        "delete",
        WRITE,
        offboard.delete,
        azure_app_registration.CAPABILITY,
        needs=("confirmed", "linked", "deletable"),
        enabled=rollout.manages,
        finish=offboard.gone,
    ),
    Step(
        "snapshot",
        CHECK,
        lambda work: {"snapshot": work.variables.get("snapshot"), "directory": work.variables.get("snapshot_dir")},
        finish=rollback.snapshot,
    ),
    Step(
        "restore_application",
        WRITE,
        rollback.undo_application("restore_application"),
        azure_app_registration.CAPABILITY,
        needs=("snapshot",),
        # Nothing is granted to an application that was not looked at, nor revoked from it, even where nothing of it is undone.
        when=rollback.has_part("restore_application", "restore_consent", "withdraw_consent"),
        finish=rollback.back,
    ),
    Step(
        "restore_consent",
        WRITE,
        rollback.undo_consent("restore_consent"),
        graph_permission_grant.CAPABILITY,
        needs=("snapshot",),
        when=rollback.has_part("restore_consent"),
    ),
    Step(
        "restore_settings",
        WRITE,
        rollback.undo_settings,
        tcx_m365_settings.CAPABILITY,
        needs=("snapshot",),
        when=lambda work: bool(work.result("snapshot").get("parts")),
    ),
    Step(
        "withdraw_consent",
        WRITE,
        rollback.undo_consent("withdraw_consent"),
        graph_permission_grant.CAPABILITY,
        needs=("snapshot",),
        when=rollback.is_revocable,
    ),
    Step(
        "withdraw_application",
        WRITE,
        rollback.undo_application("withdraw_application"),
        azure_app_registration.CAPABILITY,
        needs=("snapshot",),
        when=rollback.is_free,
        finish=rollback.withdrawn,
    ),
    Step(
        "restored",
        VERIFY,
        rollback.verify,
        tcx_m365_settings.CAPABILITY,
        needs=("snapshot",),
        when=lambda work: bool(work.result("snapshot").get("parts")),
        finish=rollback.restored,
    ),
    Step(
        "registered",
        CHECK,
        capture.asked,
        azure_app_registration_info.CAPABILITY,
        needs=("linked",),
        when=lambda work: bool(offboard.linked_id(work)),
    ),
    Step(
        "granted",
        CHECK,
        capture.asked,
        graph_permission_grant_info.CAPABILITY,
        needs=("linked", "registered"),
        when=capture.is_registered,
    ),
    Step(
        "export",
        VERIFY,
        lambda work: {"directory": work.variables.get("capture_dir")},
        needs=("linked", "registered", "granted"),
        finish=capture.exported,
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
