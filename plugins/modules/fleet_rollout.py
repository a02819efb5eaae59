# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_rollout
short_description: Take the steps of this collection on the PBXs of a play together
version_added: 1.0.0
description:
  - Takes steps on every PBX of the current batch, with the variables of its host. By default these are all steps of a rollout.
  - The roles P(tcx.m365.preflight#role), P(tcx.m365.entra_app#role), P(tcx.m365.tcx_console#role) and
    P(tcx.m365.sso_verify#role) name their steps and nothing else, and the playbooks of this collection name an operation.
  - The first host that comes to the task works on all hosts of the batch at the same time, the others take their results.
    Each host keeps a result of its own, so that C(serial), C(max_fail_percentage) and C(--limit) work as
    with any other task, and one PBX's trouble never stops another.
  - A host is worked on by itself when others may not run the same task at the same time (C(when), C(loop), C(run_once),
    C(delegate_to), an include, a block with C(rescue) or C(always), a handler, a strategy other than V(ansible.builtin.linear),
    options that come from a template), when its connection is not local (a jump host beside the PBX), when it has C(become),
    or when the task has an C(environment).
  - Before anything is written, all hosts of the play's pattern are compared, those that C(--limit) leaves out as well. Hosts
    that are one PBX, that have the same certificate for different applications, or that would share an application that
    the inventory does not state for each of them, are refused by name.
  - Checks that a task of the run has made with the same arguments are not made again before the writes that they were
    made for.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  operation:
    description:
      - Which steps are taken, by the name of what they are for.
      - V(rollout) takes C(pbx), C(preflight), C(candidate), C(grantable), C(linkable), C(license), C(application), C(grant),
        C(settings), C(sign_in), C(directory), C(people). Where a release does not report its edition (before 20.0.10), C(license) writes
        first what the license may not include, so that a refusal comes before anything is written in Microsoft Entra.
      - V(preflight) takes C(pbx), C(preflight), C(candidate), C(grantable), C(linkable). V(compliance) takes what a rollout takes.
      - V(rotate_certificate) takes what a rollout takes as far as C(settings), then C(retire).
      - C(candidate) finds out which application it is and whether it may be taken. C(grantable) finds out whether it may be
        granted permissions, where it has credentials or owners that nobody here knows. In check mode C(application) and
        C(grant) do that themselves. C(linkable) finds out whether the tenant knows an application that is not managed here
        (C(entra_app_manage) is false).
      - V(offboard) takes C(confirmed), C(linked), C(deletable), C(unlink), C(delete). For a host in the variable
        C(offboard_without_pbx) whose PBX cannot be reached or refuses, it goes on without C(unlink).
      - V(rollback) takes C(snapshot), C(restore_application), C(restore_consent), C(restore_settings), C(withdraw_consent),
        C(withdraw_application), C(restored), and undoes what the run that C(snapshot) names has changed.
      - V(capture) takes C(linked), C(registered), C(granted), C(export).
    type: str
    choices: [preflight, rollout, compliance, rotate_certificate, offboard, rollback, capture]
    default: rollout
  steps:
    description:
      - Which steps are taken, by name, instead of those of O(operation). They are taken in the order of a rollout, whatever
        their order here.
      - The checks that a step needs are taken by themselves when no earlier task of the run has taken them.
    type: list
    elements: str
  preflight_only:
    description:
      - Take only those steps that check the PBX (address, credential, release, license) and the tenant (credential, the
        caller's rights, the certificates), and write nothing.
      - A later task of the same run without this option goes on from there; without an earlier check it checks by itself.
    type: bool
    default: false
    aliases: [look_only]
  check_first:
    description:
      - Check all PBXs of the batch before anything is written to one of them, where no task before with O(preflight_only) has
        checked them. A PBX that fails its check fails in this task, before anything is sent to it.
      - A PBX that its check has found as the inventory describes it waits for no other one, because it is not written to.
      - When so many fail that Ansible ends the play after this task (C(max_fail_percentage), C(any_errors_fatal), all of them),
        nothing is written to the others either. They are skipped, and C(skip_reason) says why.
      - A PBX that is worked on by itself, and that no task before has checked, is refused. P(tcx.m365.shared_check#lookup)
        tells whether a play needs such a task.
    type: bool
    default: false
    version_added: 2.0.0
  concurrency:
    description:
      - How many PBXs are worked on at the same time, whatever C(forks) says.
      - A rollout takes it from the variable C(rollout_concurrency) where the task does not give it.
    type: int
    default: 50
  processes:
    description:
      - How many processes share the work.
      - V(0) takes one for each processor of the controller.
    type: int
    default: 0
  max_unhealthy_percentage:
    description:
      - When more PBXs of the batch than this many percent failed, or do not work afterwards, the rollout is to stop. By default
        there is no limit. A text such as V(10%) is read too.
      - The task says so and names the PBXs that are not reached; a task with O(stop_only) stops the play.
      - A rollout takes it from the variable C(rollout_max_unhealthy_percentage) where the task does not give it.
    type: float
    version_added: 2.0.0
  on_stop:
    description:
      - What happens to the PBXs of a batch that passed O(max_unhealthy_percentage). V(rollback) undoes what this run has changed on
        each of them, also on those that work.
      - A rollout takes it from the variable C(rollout_on_stop) where the task does not give it.
    type: str
    choices: [keep, rollback]
    default: keep
    version_added: 2.0.0
  stop_only:
    description:
      - Take no step, and fail when the batch before passed O(max_unhealthy_percentage). With C(run_once) and C(any_errors_fatal)
        this ends the play before the next batch.
    type: bool
    default: false
    version_added: 2.0.0
seealso:
  - module: tcx.m365.fleet_compliance
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.graph_permission_grant
  - module: tcx.m365.tcx_m365_settings
  - module: tcx.m365.sso_probe
  - module: tcx.m365.tcx_preflight
"""

EXAMPLES = r"""
- name: Give every PBX its Microsoft 365 sign-in
  hosts: tcx
  connection: local
  gather_facts: false
  max_fail_percentage: 10
  tasks:
    - name: Check every PBX and tenant before anything is written
      tcx.m365.fleet_rollout:
        preflight_only: true

    - name: Register the applications, configure the PBXs and verify the sign-in
      tcx.m365.fleet_rollout:
        concurrency: 100
      register: rollout

    - name: Show which application belongs to the PBX
      ansible.builtin.debug:
        msg: "{{ rollout.application_id }}"
"""

RETURN = r"""
duration_s:
  description: How long the steps on this PBX took, in seconds, with what was waited for.
  returned: when the PBX was worked on
  type: float
  sample: 3.2
steps:
  description: What became of each step that was taken, in order, V(ok), V(changed) or V(failed).
  returned: always
  type: dict
  sample: {pbx: ok, preflight: ok, application: changed, grant: changed, settings: changed, sign_in: ok}
changes:
  description:
    - What was, or in check mode would be, changed on both sides.
    - Of a task that failed, what it had changed before.
  returned: always
  type: list
  elements: dict
  sample:
    - target: application
      field: redirect_uris
      before: []
      after: [https://acme.my3cx.example:5001/oauth2office2]
diff:
  description: The same as text, one entry for each object.
  returned: when something was changed
  type: list
  elements: dict
rotation:
  description: Where the rotation of the certificate stands.
  returned: when the step C(retire) was taken
  type: dict
  version_added: 2.0.0
  contains:
    state:
      description:
        - V(new_key_uploaded) while both certificates are registered, V(overlap_over) when the old one may go, V(retired) in the run
          that removed it and verified the sign-in, V(pbx_switched) afterwards.
        - V(not_switched) when a certificate of this PBX was registered after the one of the inventory. The old one had to be put
          back, because the PBX could not sign in without it, or another one was registered by mistake.
      type: str
    new: {type: list, elements: str, description: Thumbprints of the certificates in the inventory.}
    old: {type: list, elements: str, description: Thumbprints of those that they replace and that are still registered.}
    registered_on: {type: str, description: Since when the new ones have been registered.}
    retires_on: {type: str, description: From when the old ones may be removed.}
    retired: {type: list, elements: str, description: Thumbprints of those that this run removed.}
goes:
  description: What goes with the application, or with the PBX that leaves an application of several.
  returned: when the step C(delete) was taken
  type: dict
  version_added: 2.0.0
not_unlinked:
  description: Why an offboarding went on without the PBX, and what stays on it.
  returned: when the host is in C(offboard_without_pbx), and its PBX could not be asked or refused
  type: dict
  version_added: 2.0.0
  contains:
    reason: {type: str, sample: Connection refused, description: "What the PBX, or the way to it, said."}
    kind: {type: str, sample: unreachable, description: "The class of that error, as in RV(error.kind)."}
    stays: {type: list, elements: str, sample: [link to its application, key pair, synchronized users], description: What the PBX keeps.}
refused:
  description: What a rollback did not undo, because somebody else has changed it since or because it cannot be undone.
  returned: when there is any
  type: list
  elements: dict
  version_added: 2.0.0
snapshot:
  description: ID of this run below C(snapshot_dir), where what it has changed is kept, so that the playbook C(tcx.m365.rollback) can undo it.
  returned: when something was changed
  type: str
  version_added: 2.0.0
  sample: 20261126T174200Z-5f0c3a52
snapshot_path:
  description: The file with what was changed on this PBX, on the controller.
  returned: when something was changed
  type: str
  version_added: 2.0.0
rollback:
  description: What became of what a failed task had changed, with C(on_failure=rollback) or O(on_stop=rollback).
  returned: when it was to be undone
  type: dict
  version_added: 2.0.0
  contains:
    restored: {type: bool, description: Whether the PBX and its tenant are as they were before the run.}
    under_way:
      description:
        - Whether a write of the run was under way when the PBX was given up, and was not there when the rest was undone. It may arrive
          later; C(snapshot) undoes it then.
      type: bool
    changes: {type: list, elements: dict, description: What was changed to get there.}
    refused: {type: list, elements: dict, description: "What was not undone, and why."}
unmanaged:
  description: What is there besides what the inventory lists, such as redirect URIs, certificates and permissions. It is kept.
  returned: always
  type: dict
adopted:
  description: Whether an application that this collection had not made was taken over.
  returned: always
  type: bool
captured:
  description: The file that the step C(export) wrote, and the variables in it.
  returned: when the step C(export) was taken
  type: dict
application_id:
  description: Application (client) ID of the application of this PBX.
  returned: always
  type: str
  sample: 5f0c3a52-6a0f-4b53-9d0e-1a2b3c4d5e6f
status:
  description: Health of the integration as the PBX tells it.
  returned: always
  type: dict
application_name:
  description: The unique name of the application, else its display name.
  returned: when the step C(application) was taken
  type: str
version:
  description: Version of the PBX.
  returned: always
  type: str
  sample: 20.0.10.123
edition:
  description: Edition of its license.
  returned: always
  type: str
  sample: Professional
notes:
  description: What the operator should know although nothing failed, such as a certificate near its end.
  returned: always
  type: list
  elements: str
findings:
  description: What the pre-flight check found on the PBX, as M(tcx.m365.tcx_preflight) reports it.
  returned: when the PBX could be asked
  type: list
  elements: dict
people:
  description: Deprovisioned users, renamed users, and users without a Microsoft 365 account, with number, email address and reason.
  returned: when O(ignore:sso_verify_people) is true
  type: dict
  sample:
    leavers: [{number: "204", email: eve@acme.example, reason: disabled in Microsoft 365}]
    strangers: []
missing_rights:
  description: Rights that the caller lacks to give the consent.
  returned: when O(ignore:entra_app_on_missing_rights) is V(ignore:report) and rights are missing
  type: list
  elements: str
admin_consent_url:
  description: Where a human who may do so gives the consent.
  returned: when rights to give the consent are missing
  type: str
error:
  description: Why the task failed, in parts that a program may branch on.
  returned: failure
  type: dict
  contains:
    kind: {type: str, sample: bad_credential, description: "Class of the error, such as V(bad_input), V(forbidden) or V(unreachable)."}
    service: {type: str, description: "Who answered, V(Entra), V(Graph) or V(3CX). Empty where nothing was sent."}
    status: {type: int, description: HTTP status of the answer; null where there was none.}
    code: {type: str, sample: AADSTS7000215, description: The service's own error code.}
    request_id: {type: str, description: What the support of the service asks for.}
    tried: {type: str, description: What was tried.}
    target: {type: str, description: On what it was tried.}
    said: {type: str, description: What the service said.}
    remedy: {type: str, description: What to do.}
    missing: {type: list, elements: str, returned: when a right is missing, description: The permissions or roles of which one is missing.}
"""
