# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_notify
short_description: Send the short form of a compliance report to a chat or by mail
version_added: 2.0.0
description:
  - Sends a message to Slack, Microsoft Teams, another webhook, or by mail (SMTP).
  - A message that cannot be sent is a warning. The task does not fail, because the report is written already.
  - The role P(tcx.m365.compliance#role) uses it for the variable C(compliance_notify).
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
  - tcx.m365.attributes.run_once
attributes:
  check_mode:
    support: full
    details: It sends in check mode as well, because a compliance run is one.
  diff_mode:
    support: none
options:
  subject:
    description: The first line of the message, and the subject of a mail.
    type: str
    required: true
  message:
    description: Plain text. Nothing in it is read as markup.
    type: str
    required: true
  findings:
    description: Whether there are findings, for targets with C(only=findings).
    type: bool
    default: true
  changes:
    description: Whether something has changed, for targets with C(only=changes).
    type: bool
    default: true
  facts:
    description: What a target of type C(webhook) gets beside the text.
    type: dict
    default: {}
  targets:
    description:
      - Dictionaries with the keys that C(compliance_notify) of the role P(tcx.m365.compliance#role) has.
      - Addresses of webhooks are secrets; use C(no_log) for the task.
    type: list
    elements: raw
    required: true
seealso:
  - module: tcx.m365.fleet_compliance
"""

EXAMPLES = r"""
- name: Send what a compliance run has found
  tcx.m365.fleet_notify:
    subject: "{{ compliance_result.subject }}"
    message: "{{ compliance_result.message }}"
    targets:
      - type: slack
        url: "{{ vault_slack_webhook }}"
      - type: mail
        host: smtp.example.com
        from: 3cx@example.com
        to: [operations@example.com]
  no_log: true
  run_once: true
"""

RETURN = r"""
sent:
  description: Types of the targets that took the message.
  returned: always
  type: list
  elements: str
  sample: [slack, mail]
problems:
  description: What could not be sent, and why. Each is also a warning.
  returned: always
  type: list
  elements: str
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
