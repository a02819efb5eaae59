# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_compliance
short_description: Check all PBXs of a play in one sweep and write the compliance report
version_added: 1.0.0
description:
  - Compares every PBX of the current batch with what its inventory wants, on both sides (Microsoft Entra and 3CX), and writes the
    report of the fleet. It never writes anything else.
  - For each PBX it runs what the roles P(tcx.m365.preflight#role), P(tcx.m365.entra_app#role) and P(tcx.m365.tcx_console#role) run,
    in check mode, with the same variables. Many PBXs are asked at the same time in one task, because a task for each of them
    would take longer than the asking.
  - The playbook C(tcx.m365.compliance) and the role P(tcx.m365.compliance#role) use it.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
  - tcx.m365.attributes.run_once
attributes:
  check_mode:
    support: full
    details: It changes nothing but the files of the report, which it also writes in check mode.
  diff_mode:
    support: none
  bypass_host_loop:
    details: Use C(run_once). With strategies that ignore it, the first host of the batch does the work and the others are skipped.
options:
  report_dir:
    description:
      - Directory on the controller for the report. It is made when it does not exist.
      - The files are C(compliance.json), C(compliance.csv), C(compliance.md), C(compliance.html), C(compliance.junit.xml) and
        C(SHA256SUMS).
      - With C(serial), the report is written after each batch and holds all batches so far.
    type: path
    default: ./reports
  fail_on:
    description: Fail, after the report is written, when a PBX has one of these verdicts.
    type: list
    elements: str
    choices: [compliant, attention, drifted, broken, failed, unreachable, unlicensed]
    default: []
  fail_on_drift:
    description: Short form of O(fail_on) with every verdict but V(compliant).
    type: bool
    default: false
  min_hosts:
    description:
      - Fail, after the report is written, when fewer PBXs than this could be checked. A PBX that failed or could not be
        reached was not checked.
    type: int
    default: 1
  enforce:
    description:
      - Fail the task for O(fail_on), O(fail_on_drift) and O(min_hosts). Otherwise only RV(failure_reason) says so, because
        Ansible drops the statistics of a task that fails; the role P(tcx.m365.compliance#role) fails in a task of its own.
    type: bool
    default: true
  compare:
    description:
      - An earlier C(compliance.json) to compare with, instead of the last one in O(report_dir) that covers what this run
        covers. The report says what is new, what was resolved and what is still open.
      - Where that file cannot be read, a warning says so and the report is written without a comparison.
    type: path
  keep:
    description:
      - How many reports are kept in O(report_dir), each in a directory that has the date and time of its run as its name. The link
        C(latest) there points to the newest one. Older ones are removed.
      - V(0) keeps none, and removes none.
    type: int
    default: 30
    version_added: 2.0.0
  sign_with:
    description:
      - Sign C(SHA256SUMS) with this program, which has to be installed on the controller and to have a key without a passphrase or with an
        agent. The signature is C(SHA256SUMS.asc) or C(SHA256SUMS.minisig).
      - A signature that cannot be made is a warning.
    type: str
    choices: [gpg, minisign]
    version_added: 2.0.0
  sign_key:
    description:
      - Which key. For V(gpg) its fingerprint or address, for V(minisign) the file of the secret key. The default is the key that the program
        takes by itself.
    type: str
    version_added: 2.0.0
  concurrency:
    description: How many PBXs are asked at the same time.
    type: int
    default: 50
  processes:
    description:
      - How many processes share the work.
      - V(0) takes one for each processor of the controller.
    type: int
    default: 0
  events_url:
    description:
      - Where the role P(tcx.m365.compliance#role) posts the totals of the run. This module checks the address before anything is asked, and
        posts nothing.
    type: str
    version_added: 2.0.0
  events_token:
    description: Bearer token for O(events_url).
    type: str
    version_added: 2.0.0
  events_hosts:
    description: Whether one more event is posted for each certificate that expires within 30 days.
    type: bool
    default: false
    version_added: 2.0.0
  events_ca_path:
    description: Certificate authorities for O(events_url), in a PEM file.
    type: path
    version_added: 2.0.0
seealso:
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.graph_permission_grant
  - module: tcx.m365.tcx_m365_settings
"""

EXAMPLES = r"""
- name: Compare every PBX with its desired state
  hosts: tcx
  connection: local
  gather_facts: false
  check_mode: true
  tasks:
    - name: Check the PBXs and write the report
      tcx.m365.fleet_compliance:
        report_dir: ./reports
        compare: ./reports-of-last-week/compliance.json
      run_once: true
"""

RETURN = r"""
summary:
  description: Number of PBXs in all and by verdict, of all batches so far. Also set as statistics C(tcx_m365_compliance).
  returned: when the report was written
  type: dict
  sample:
    total: 3
    compliant: 1
    drifted: 1
    failed: 0
    unreachable: 1
    unlicensed: 0
failure_reason:
  description: Why the run does not count as passed, by O(fail_on), O(fail_on_drift) and O(min_hosts). Empty when it does.
  returned: when the report was written
  type: str
events:
  description: O(events_url), O(events_hosts) and O(events_ca_path) as they were read.
  returned: when the report was written
  type: dict
report:
  description: Paths of the written files.
  returned: when the report was written
  type: list
  elements: str
  sample: [/srv/reports/compliance.json, /srv/reports/compliance.csv]
subject:
  description: The finding of the report in a line.
  returned: when the report was written
  type: str
  sample: "3CX compliance: 2 of 3 PBXs are compliant. 1 needs attention."
message:
  description: The report in a few lines of plain text, for a chat or a mail. At most 2,000 characters.
  returned: when the report was written
  type: str
lines:
  description: The same line by line, for a terminal; the numbers of PBXs by verdict and the file for people come first.
  returned: when the report was written
  type: list
  elements: str
has_findings:
  description: Whether a PBX is not compliant, or something of the automation itself expires.
  returned: when the report was written
  type: bool
has_changes:
  description: Whether something has changed since the earlier report.
  returned: when the report was written
  type: bool
signature:
  description: Path of the signature. Empty when there is none.
  returned: when the report was written
  type: str
kept:
  description: Directory of the kept report. Empty when O(keep=0), or when batches are still to come.
  returned: when the report was written
  type: str
  sample: /srv/reports/2026-11-26T020000Z
msg:
  description: The summary as a sentence.
  returned: always
  type: str
  sample: "3 PBXs: 1 compliant, 1 drifted, 1 unreachable. Report: /srv/reports/compliance.html"
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
