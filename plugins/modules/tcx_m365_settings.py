# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``tcx_m365_settings``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tcx_m365_settings
short_description: Manage and verify the Microsoft 365 integration of a 3CX PBX
version_added: 1.0.0
description:
  - Links a 3CX PBX to its application in Microsoft Entra, and manages what the console shows under
    C(Integrations > Microsoft 365). That is user synchronization, signing in with Microsoft, contacts, shared mailboxes,
    calendar, presence, mail and Teams Direct Routing.
  - What is not mentioned is not touched.
  - Afterwards it verifies that the integration works. The PBX knows its application, has no error to report, and can list
    users of Microsoft 365.
  - Works with 3CX V20 from 20.0.5 on. An option that the release or the license of a PBX lacks is refused before anything
    is written, together with all others.
  - For lists (users, groups, mailboxes, bindings), what is listed is ensured, and what is there besides is kept and
    returned as RV(unmanaged), unless the C(_exclusive) option of the list is set.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes
  - tcx.m365.attributes.action_group_pbx
  - tcx.m365.pbx
  - tcx.m365.settings
options:
  application_id:
    description: Application (client) ID of the app registration that the PBX uses.
    type: str
  tenant_id:
    description:
      - Tenant whose users the PBX works with, by ID or domain. The PBX is sent the ID; a domain is resolved where C(entra_cloud) or
        C(entra_authority_host) of the host say, else in the public cloud.
    type: str
  consent_url:
    description:
      - Where an administrator of the tenant consents to the permissions of the application, as M(tcx.m365.azure_app_registration)
        returns it in RV(tcx.m365.azure_app_registration#module:admin_consent_url).
      - Give it where consent is a person's work. A missing consent is then not waited for, and the error names this address.
    type: str
  linked_application_id:
    description:
      - The application (client) ID that the PBX was linked to when an earlier task checked it, as
        RV(tcx.m365.tcx_m365_settings_info#module:settings) has it; empty for none.
      - Where the PBX is linked to another one by now, other than O(application_id), somebody has linked it meanwhile, and the task fails
        before it writes anything.
    type: str
    version_added: 2.0.0
  undo:
    description:
      - What an earlier task returned as RV(undo). Settings that are still as that task left them are set back. What somebody else
        has changed since is left alone and returned as RV(refused).
      - Of lists, what the task added is removed and what it removed comes back; entries of others stay.
      - It stands alone, beside the options of the connection. The playbook C(tcx.m365.rollback) uses it.
    type: raw
    version_added: 2.0.0
  wait:
    description:
      - Whether to wait until the integration works, and to fail if it does not.
      - In check mode the module checks once and does not wait. Where nothing is planned and waiting would not help, as with a disabled
        application, it fails as it would without check mode; otherwise it warns.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait until the integration works.
    type: int
    default: 300
  state:
    description:
      - V(present) ensures what is mentioned.
      - V(absent) switches everything off (synchronization, signing in, contacts, calendar, presence) and unlinks the PBX from
        its application. Other settings and the users stay.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: tcx.m365.tcx_m365_settings_info
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.graph_permission_grant
"""

EXAMPLES = r"""
- name: Link the PBX and let everybody sign in with Microsoft
  tcx.m365.tcx_m365_settings:
    url: https://acme.example.com:5001
    client_id: "900"
    client_secret: "{{ vault_acme_tcx }}"
    application_id: "{{ app.app_id }}"
    tenant_id: "{{ entra_tenant_id }}"
    user_sync:
      enabled: true
      scope: all
      starting_extension: "200"
      photo: true
    sign_in:
      enabled: true

- name: Synchronize one group, and keep the lobby phone from signing in
  tcx.m365.tcx_m365_settings:
    url: https://acme.example.com:5001
    client_id: "900"
    client_secret: "{{ vault_acme_tcx }}"
    user_sync:
      scope: groups
      groups: [Telephony]
      groups_exclusive: true
    sign_in:
      opt_out: ["lobby@acme.example.com"]

- name: Switch the integration off and unlink the PBX
  tcx.m365.tcx_m365_settings:
    url: https://acme.example.com:5001
    client_id: "900"
    client_secret: "{{ vault_acme_tcx }}"
    state: absent

- name: Undo what the task registered as settings has changed
  tcx.m365.tcx_m365_settings:
    url: https://acme.my3cx.example:5001
    undo: "{{ settings.undo }}"
"""

RETURN = r"""
status:
  description: Whether the integration works.
  returned: success
  type: dict
  contains:
    ok: {type: bool, description: Whether the PBX could list users of Microsoft 365.}
    application_id: {type: str, description: The application that the PBX works with.}
    subscription: {type: bool, description: Whether Microsoft's change notifications reach the PBX; null when it was not asked.}
    message: {type: str, description: What the PBX says about it; empty when all is well.}
version:
  description: Build of the PBX.
  returned: success
  type: str
  sample: 20.0.10.731
edition:
  description: Edition of the license. Releases before 20.0.10 do not tell it, so it is then V(unknown) with the product code.
  returned: success
  type: str
  sample: Enterprise
redirect_uri:
  description: The redirect URI that the application needs for signing in.
  returned: success
  type: str
  sample: https://acme.example.com:5001/oauth2office2
unmanaged:
  description: Entries of mentioned lists that are on the PBX besides the desired ones, by option.
  returned: success
  type: dict
  sample: {"user_sync.users": ["4f5c2b8e-1111-2222-3333-444455556666"]}
scripts:
  description: Paths of the scripts that were saved to O(teams.scripts_dir).
  returned: when O(teams.scripts_dir) is set, outside of check mode
  type: list
  elements: str
refused:
  description: What O(undo) did not undo, with the expected and the found value, and the reason.
  returned: with O(undo)
  type: list
  elements: dict
  version_added: 2.0.0
undo:
  description:
    - The changes that were carried out, with what is needed to undo them, such as the public certificates behind thumbprints.
      It holds no secret.
    - The option O(undo) takes it.
  returned: always
  type: list
  elements: dict
  version_added: 2.0.0
changes:
  description: What differed; the same in check mode and outside of it.
  returned: success
  type: list
  elements: dict
  contains:
    target: {type: str, description: Always V(settings).}
    field: {type: str, description: The option.}
    before: {type: raw, description: What was there.}
    after: {type: raw, description: The desired value.}
diff:
  description: The same as text.
  returned: success
  type: dict
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.tcx_m365_settings import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    """Run the capability as a module."""
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
