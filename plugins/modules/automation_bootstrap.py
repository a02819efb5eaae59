# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: automation_bootstrap
short_description: Create the application with which the automation signs in to all tenants
version_added: 2.0.0
description:
  - Creates, in the home tenant, the multi-tenant application of the automation with exactly the permissions of a profile, and with a
    certificate that is made on the controller or a federated credential. Finds it again, rotates the certificate, removes it.
  - Somebody is signed in as a person, with the Azure CLI or a token. Scopes and Microsoft Entra roles of that person decide.
  - What was made is recorded in O(dir). An application that only has the same name is never touched, because by default everybody in
    a tenant may take a name; O(app_id) states one.
  - The playbook C(tcx.m365.bootstrap) uses it; its variables are the options with the prefix C(bootstrap_).
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
  state:
    description:
      - V(present) makes sure that the application is there.
      - V(absent) deletes it (it can be restored for 30 days) and the files of the controller that are of no use without it. What
        customers have consented to stays in their tenants.
    type: str
    choices: [present, absent]
    default: present
  profile:
    description:
      - What the application may do, as the table of permissions in the README has it.
      - V(full) changes every application of a customer's tenant, V(owned_by) those that it owns, V(read_only) none.
      - By default that of the record in O(dir), else V(full).
    type: str
    choices: [full, owned_by, read_only]
  credential:
    description:
      - V(certificate) makes a key pair on the controller. The private key is sent nowhere.
      - V(federated) lets a token of another platform sign in, so that there is no secret to keep.
      - By default that of the record in O(dir), else V(certificate).
    type: str
    choices: [certificate, federated]
  dir:
    description:
      - Directory for the record, the private key, the variables for the inventory and the addresses for consent. Made with mode 0700,
        the files with mode 0600. A relative path is relative to where Ansible was started.
    type: str
    default: ./bootstrap
  tenant_id:
    description:
      - The home tenant, in which the application is registered; that of the company which runs the automation.
      - By default C(entra_tenant_id) of the host on which the task runs, else the tenant of the token or of the Azure CLI. What the
        inventory has for its PBXs is never taken, because those are tenants of customers.
    type: str
  auth_source:
    description:
      - How the person signs in. By default the token in C(entra_access_token) where there is one, else the Azure CLI. V(cli) is
        another name of V(azure_cli).
      - With the others an application that exists makes the new one; its credential is in the variables of this host.
    type: str
    choices: [cli, access_token, client_secret, certificate, federated_token, github, managed_identity, azure_cli]
  app_id:
    description: Application (client) ID of an application that exists and is to be used, after its owners and credentials were checked.
    type: str
  unique_name:
    description: The key under which the application is made.
    type: str
    default: tcx-m365-automation
  display_name:
    description: How the application is called, in the home tenant and at the customers.
    type: str
    default: tcx.m365 automation
  permissions:
    description:
      - Application permissions of Microsoft Graph besides those of O(profile), such as V(User.Read.All) for C(sso_verify_people).
      - By default those of the record in O(dir).
    type: list
    elements: str
  redirect_uri:
    description: Where the browser of an administrator goes after the consent. An application without one cannot be consented to.
    type: str
    default: http://localhost
  home_consent:
    description:
      - Consent to the permissions in the home tenant, where the signed-in person may (Privileged Role Administrator). Otherwise a
        note has the address for somebody who may.
    type: bool
    default: true
  certificate_days:
    description: For how long a new certificate is valid.
    type: int
    default: 365
  vault:
    description:
      - V(auto) encrypts the private key with Ansible Vault where the run has a vault password, in its file and in the variables. Otherwise
        it is a file that only its owner can read.
      - V(never) always writes the file.
    type: str
    choices: [auto, never]
    default: auto
  rotate:
    description:
      - Make another certificate, and use it once a sign-in with it was seen to work. The earlier one stays for
        O(rotate_overlap_days); a later run then removes it.
    type: bool
    default: false
  rotate_overlap_days:
    description: How long an earlier certificate stays after the new one was seen to sign in. V(0) removes it in the same run.
    type: int
    default: 14
  purge:
    description: With O(state=absent), delete the application permanently.
    type: bool
    default: false
  federated_platform:
    description:
      - Whose tokens sign in with O(credential=federated). V(awx) means the pods of AWX and is the same as V(kubernetes). V(aap) is the
        workload identity of Automation Platform 2.7, a technology preview whose tokens only HashiCorp Vault gets today.
      - By default that of the record in O(dir), else V(github).
    type: str
    choices: [github, gitlab, kubernetes, awx, aap, other]
  federated_issuer:
    description: Issuer of the tokens. Only V(kubernetes), V(awx), V(aap) and V(other) need it, and GitLab on a host of one's own.
    type: str
  federated_subject:
    description: Subject of the tokens, instead of the one that follows from the other options. Upper and lower case count.
    type: str
  federated_audience:
    description: Audience of the tokens. By default the one that Microsoft recommends for the cloud.
    type: str
  federated_repository:
    description:
      - OWNER/NAME on GitHub, GROUP/PROJECT on GitLab.
      - Repositories that were made, renamed or moved on GitHub since 2026-07-15 have tokens with OWNER@ID/NAME@ID.
    type: str
  federated_ref:
    description: Branch, or C(refs/tags/NAME). By default V(main).
    type: str
  federated_environment:
    description: Environment on GitHub, instead of O(federated_ref).
    type: str
  federated_organization:
    description: Organization of the job template, for V(aap).
    type: str
  federated_job_template:
    description: Job template, for V(aap).
    type: str
  federated_service_account:
    description: NAMESPACE/NAME of the service account, for V(kubernetes) and V(awx).
    type: str
  wait_timeout:
    description: How long to wait for replication, in seconds.
    type: int
    default: 300
  group:
    description: Group of the inventory whose tenants get an address for consent.
    type: str
    default: tcx
seealso:
  - module: tcx.m365.fleet_tenants
"""

EXAMPLES = r"""
- name: Create the automation's application, signed in with the Azure CLI
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Create it
      tcx.m365.automation_bootstrap:
        tenant_id: 6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10
        profile: owned_by
      register: automation

    - name: Show the variables and the addresses for consent
      ansible.builtin.debug:
        msg: "{{ automation.report }}"

    - name: Let the jobs of a repository on GitHub sign in, without any secret
      tcx.m365.automation_bootstrap:
        tenant_id: 6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10
        credential: federated
        federated_platform: github
        federated_repository: example/phones
        federated_environment: production
"""

RETURN = r"""
app_id:
  description: Application (client) ID; C(entra_client_id) of the inventory.
  returned: success
  type: str
object_id:
  description: Object ID of the application in the home tenant.
  returned: success
  type: str
tenant_id:
  description: The home tenant.
  returned: success
  type: str
permissions:
  description: What the application asks for in every tenant.
  returned: when O(state=present)
  type: list
  elements: str
home_consented:
  description: Whether the home tenant has consented; null with O(home_consent=false).
  returned: when O(state=present)
  type: bool
signed_in:
  description: Whether a sign-in with the credential was seen; null where it could not be tried.
  returned: when O(state=present)
  type: bool
variables:
  description: The variables for the inventory. What is encrypted is not shown.
  returned: when O(state=present)
  type: dict
variables_file:
  description: The file that holds them.
  returned: when O(state=present), not in check mode
  type: str
consent:
  description: The tenants of the inventory, each with the address at which its administrator consents.
  returned: success
  type: list
  elements: dict
  contains:
    tenant_id: {type: str, description: ID of the tenant.}
    hosts: {type: list, elements: str, description: The PBXs whose users live there.}
    url: {type: str, description: The address.}
    note: {type: str, description: Why there is none.}
certificates:
  description: The certificates that were made here and are registered.
  returned: when O(state=present)
  type: list
  elements: dict
report:
  description: All of that as lines of text.
  returned: success
  type: list
  elements: str
notes:
  description: What is left to do.
  returned: success
  type: list
  elements: str
changes:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: dict
diff:
  description: The same as text, one entry for each object.
  returned: always
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
