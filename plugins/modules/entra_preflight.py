# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``entra_preflight``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: entra_preflight
short_description: Check the caller's rights in a tenant and the certificates, before anything is written
version_added: 1.0.0
description:
  - Signs in to the tenant, reads the caller's rights from its own token, and names the one that a rollout would lack.
  - Checks the certificates that a rollout would upload.
  - Decides how the application of a PBX is found, so that M(tcx.m365.azure_app_registration) can be told.
  - It makes no call to Microsoft Graph.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.info_module
  - tcx.m365.attributes.action_group_entra
  - tcx.m365.entra
options:
  mode:
    description:
      - V(auto) takes the application that the PBX points to when the tenant confirms that it is this PBX's, else the one with O(unique_name), which is
        made where it does not exist.
      - V(create) takes the one with O(unique_name) only.
      - V(adopt) takes O(app_id), else O(pbx_app_id), and never makes one.
    type: str
    choices: [auto, create, adopt]
    default: auto
  unique_name:
    description: The key under which the application is made and found again.
    type: str
  app_id:
    description: Application (client) ID of an application that exists.
    type: str
  pbx_app_id:
    description: Application (client) ID that the PBX points to today; RV(tcx.m365.tcx_m365_settings#module:status) has it.
    type: str
  pbx:
    description: Address of the PBX, as in C(tcx_url).
    type: str
    version_added: 2.0.0
  pbx_names:
    description: Further host names of the PBX.
    type: list
    elements: str
    default: []
    version_added: 2.0.0
  pbx_tenant_id:
    description: Tenant that the PBX works with today.
    type: str
    version_added: 2.0.0
  pbx_healthy:
    description:
      - Whether the Microsoft 365 integration of the PBX works today. Then the PBX is not moved to another tenant or application unless
        the inventory says so.
    type: bool
    default: false
    version_added: 2.0.0
  move_tenant:
    description: Whether a PBX that works in another tenant is to move to O(tenant_id). What stays behind is in RV(notes).
    type: bool
    default: false
    version_added: 2.0.0
  certificates:
    description: Certificates that will be uploaded, as PEM text or as paths. One that cannot be read, is a private key, or has expired is an error.
    type: list
    elements: str
  permissions:
    description: Application permissions that the rollout would give, as in M(tcx.m365.azure_app_registration). A name that does not
      exist is refused, with the nearest ones.
    type: list
    elements: raw
  delegated_permissions:
    description: Likewise for delegated permissions.
    type: list
    elements: raw
  features:
    description: Features of 3CX whose permissions the rollout would give, as in M(tcx.m365.azure_app_registration).
    type: list
    elements: str
    choices: [sign_in, user_sync, contact_sync, calendar_sync, presence, groups, mail]
  exclusive:
    description: Whether permissions that are not listed would be revoked, as in M(tcx.m365.graph_permission_grant); then the
      right to revoke delegated ones is needed as well.
    type: bool
    default: false
  pbx_tls_thumbprint:
    description:
      - SHA-1 thumbprint of the TLS certificate that the PBX showed, RV(tcx.m365.tcx_preflight#module:tls_certificate.thumbprint).
      - That certificate given as one of O(certificates) is refused, because the PBX does not sign in to Microsoft with it.
    type: str
  grants:
    description: Whether application permissions will be granted, too.
    type: bool
    default: true
  owners:
    description: Owners that the rollout would add to the application, as in M(tcx.m365.azure_app_registration); that needs a right of
      its own.
    type: list
    elements: str
  users:
    description:
      - Whether the users of the tenant will be compared with those of the PBX. A missing right is a note, since only the report
        needs it.
    type: bool
    default: false
  writes:
    description:
      - Whether the rights to write are needed. Without them a check of a rollout predicts what the rollout could not do; a report
        needs those to read alone, and then what a rollout would lack stands in RV(notes).
      - By default they are needed outside of check mode.
    type: bool
    version_added: 2.0.0
  warning_days:
    description: Note certificates that end in fewer days than this.
    type: int
    default: 30
notes:
  - In check mode, where nothing will be written, the rights to read are enough unless O(writes) says otherwise.
seealso:
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.graph_permission_grant
"""

EXAMPLES = r"""
- name: Can we work in this tenant?
  tcx.m365.entra_preflight:
    tenant_id: 6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10
    client_id: 0b7d3c1e-7b0e-4b7e-8a0e-2f1d3c4b5a69
    client_secret: "{{ vault_entra }}"
    unique_name: 3cx-acme
    certificates: [keys/acme/public_key.pem]
  register: preflight

- name: Register the application
  tcx.m365.azure_app_registration:
    tenant_id: 6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10
    client_id: 0b7d3c1e-7b0e-4b7e-8a0e-2f1d3c4b5a69
    client_secret: "{{ vault_entra }}"
    unique_name: "{{ preflight.application.unique_name }}"
    certificates: [keys/acme/public_key.pem]
"""

RETURN = r"""
application:
  description: Options by which M(tcx.m365.azure_app_registration) finds the application.
  returned: success
  type: dict
  contains:
    unique_name: {type: str, description: The key under which it is made.}
    app_id: {type: str, description: Application (client) ID of the application to adopt; only there when one is to be adopted.}
    prefer: {type: str, description: Which of the two keys wins; only there with RV(application.app_id).}
tenant_id:
  description: The tenant of the token.
  returned: success
  type: str
  sample: 6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10
roles:
  description: Application permissions of the caller, from its own token.
  returned: success
  type: list
  elements: str
  sample: [Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All]
app_only:
  description: Whether an application acts for itself, so that RV(roles) lists all it may do. False where a person is signed in.
  returned: success
  type: bool
  sample: true
certificates:
  description: The given certificates.
  returned: success
  type: list
  elements: dict
  contains:
    thumbprint: {type: str, description: "SHA-1 of the certificate, in upper-case hexadecimal digits."}
    not_before: {type: str, description: "Begin of its validity, in UTC."}
    not_after: {type: str, description: "End of its validity, in UTC."}
    days_left: {type: int, description: Whole days until then.}
notes:
  description: What is not wrong yet and deserves to be known.
  returned: success
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.entra_preflight import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
