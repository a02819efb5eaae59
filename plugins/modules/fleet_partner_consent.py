# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_partner_consent
short_description: Consent to the automation for the customers of a Microsoft partner
version_added: 2.0.0
description:
  - For Microsoft partners with granular delegated admin privileges (GDAP). A person of the partner signs in, and consents in the tenant of
    each customer of the play to the application permissions of the profile C(bootstrap_profile), one tenant after the other. A tenant
    that refuses does not stop the others.
  - A tenant whose token of the automation carries the profile already is left alone. When all do, nobody has to sign in.
  - With O(auth_source=browser) Partner Center gives the automation's application three delegated permissions in the customer's tenant
    (C(Application.Read.All), C(AppRoleAssignment.ReadWrite.All), C(DelegatedPermissionGrant.ReadWrite.All)). With them the person grants
    the application permissions, then revokes the three. A new token of the automation verifies the result.
  - The person needs multifactor authentication, the group AdminAgents, and at each customer the role Privileged Role Administrator or
    Global Administrator by an active GDAP relationship and a security group.
  - Nothing of the sign-in is kept. Partner Center was not available to the developers; what it answers to a refusal is not published.
  - The playbook C(tcx.m365.partner_consent) uses it; its variables are the options with the prefix C(partner_consent_).
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
  - tcx.m365.attributes.run_once
attributes:
  check_mode:
    support: full
    details: The person signs in as well, so that the delegated administration of each customer can be read.
  diff_mode:
    support: full
options:
  state:
    description:
      - V(present) consents to what is missing.
      - V(absent) removes the automation's application, with all that it was granted, from the tenants. It needs O(confirm).
    type: str
    choices: [present, absent]
    default: present
  confirm:
    description: Really remove. Not needed in check mode.
    type: bool
    default: false
  auth_source:
    description:
      - How the person signs in. By default V(access_token) where O(access_token) is given, else V(browser).
      - V(browser) prints an address of Microsoft's sign-in page, and asks for the address that the browser is sent to afterwards. It needs a
        terminal, and the automation's certificate or secret in the variables of the PBXs.
      - V(azure_cli) uses the tokens of the Azure CLI for each tenant, without Partner Center. Whether Microsoft gives a partner's person such
        a token depends on the tenant and could not be tried.
    type: str
    choices: [browser, azure_cli, access_token]
  access_token:
    description: A token of a person for Microsoft Graph in the customer's tenant. It fits one tenant; the others refuse it.
    type: str
  tenant_id:
    description: The partner's own tenant. By default that of the record in O(record_dir).
    type: str
  redirect_uri:
    description: A redirect URI of the automation's application, C(bootstrap_redirect_uri).
    type: str
    default: http://localhost
  record_dir:
    description: Directory of the bootstrap, for O(tenant_id).
    type: str
    default: ./bootstrap
  partner_center:
    description: Address of Partner Center, for a lab.
    type: str
    default: https://api.partnercenter.microsoft.com
  wait_timeout:
    description: For how many seconds to wait until a consent is in effect, in each tenant.
    type: int
    default: 300
  app_name:
    description: Name of the automation's application, for the text to send.
    type: str
    default: tcx.m365 automation
  enforce:
    description: Fail the task when a tenant is not as desired. Otherwise only RV(failure_reason) says so.
    type: bool
    default: true
seealso:
  - module: tcx.m365.fleet_tenants
  - module: tcx.m365.automation_bootstrap
  - name: Control panel vendor APIs
    description: The interface of Partner Center.
    link: https://learn.microsoft.com/partner-center/developer/control-panel-vendor-apis
"""

EXAMPLES = r"""
- name: Consent for the customers
  hosts: tcx
  connection: local
  gather_facts: false
  tasks:
    - name: Consent in each tenant
      tcx.m365.fleet_partner_consent:
        tenant_id: 101fbccc-ded7-43e8-b421-eaeb534097ca
        redirect_uri: http://localhost
        wait_timeout: 600
      register: consent
      run_once: true

    - name: Show the table
      ansible.builtin.debug:
        msg: "{{ consent.table }}"
      run_once: true

- name: Take the automation out of the tenants of former customers
  hosts: former_customers
  connection: local
  gather_facts: false
  tasks:
    - name: Remove the enterprise application
      tcx.m365.fleet_partner_consent:
        state: absent
        confirm: true
        auth_source: azure_cli
      run_once: true
"""

RETURN = r"""
tenants:
  description: One entry for each tenant.
  returned: success
  type: list
  elements: dict
  contains:
    tenant_id: {type: str, description: ID of the tenant.}
    name: {type: str, description: "Its name, as far as it is known."}
    hosts: {type: list, elements: str, description: The PBXs whose users live there.}
    state:
      description:
        - V(ready) (consented before), V(consented), V(would_consent), V(absent), V(removed), V(would_remove), V(blocked), V(not_verified),
          V(failed) or V(not_checked).
      type: str
    obstacle:
      description:
        - One word for what blocks, such as V(no_relationship), V(relationship_pending), V(relationship_expired), V(role_missing),
          V(assignment_missing), V(assignment_pending), V(not_in_group), V(mfa_missing), V(not_allowed), V(not_a_customer),
          V(not_a_member), V(guest), V(own_tenant), V(disabled) or V(temporary_left).
      type: str
    steps:
      description:
        - The steps invitation, roles, group, consent and test as far as they were reached, each with C(name), C(status) (V(ok), V(waiting),
          V(missing) or V(not_checked)), C(message) and C(obstacle).
      type: list
      elements: dict
    granted: {type: list, elements: str, description: The application permissions of the automation.}
    left: {type: list, elements: str, description: Temporary delegated permissions that could not be revoked. Empty unless that failed.}
    changes: {type: list, elements: dict, description: What was changed there.}
    consent_url: {type: str, description: Where an administrator of the tenant consents instead.}
    reason: {type: str, description: "Why the tenant is not as desired, and what to do."}
summary:
  description: Number of tenants in all and by state.
  returned: success
  type: dict
table:
  description: The table as lines of text.
  returned: success
  type: list
  elements: str
failure_reason:
  description: Why the run does not count as passed; empty when it does.
  returned: success
  type: str
changes:
  description: What was changed, each with the C(tenant).
  returned: success
  type: list
  elements: dict
diff:
  description: The same as text, one entry for each object.
  returned: success
  type: list
  elements: dict
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
