# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``sso_probe``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sso_probe
short_description: Find out whether users could sign in to a 3CX PBX with Microsoft
version_added: 1.0.0
description:
  - Asks the authorize endpoint of Microsoft Entra, with the application's own ID and redirect URI, whether it would let a user
    sign in, and the PBX whether the page that users come back to is there and has a valid certificate.
  - Needs no credential and no browser, and changes nothing.
  - It stops where a user would come in. Whether consent is missing is therefore seen only where Entra says it before.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.info_module
options:
  tenant_id:
    description:
      - Tenant of the users, by ID or domain. V(common) shows what users would see who are not sent to their own tenant.
      - Taken from the environment variable E(AZURE_TENANT_ID) if not set.
    type: str
    required: true
  application_id:
    description: Application (client) ID that the PBX uses.
    type: str
    required: true
  redirect_uri:
    description:
      - The redirect URI that the PBX sends along, RV(tcx.m365.tcx_m365_settings#module:redirect_uri).
      - The default is O(url) followed by C(/oauth2office2).
    type: str
  url:
    description:
      - Base address of the PBX, where it differs from that of O(redirect_uri).
      - Taken from the environment variable E(TCX_URL) if not set.
    type: str
  cloud:
    description: National cloud of the tenant. By default that of O(authority_host), else the public one.
    type: str
    choices: [china, public, usgov, usgov_dod]
  authority_host:
    description:
      - Base address of the sign-in service, if it is not that of the cloud.
      - Taken from the environment variable E(AZURE_AUTHORITY_HOST) if not set.
    type: str
  entra_ca_path:
    description:
      - PEM bundle of the authorities that may have issued the certificate of the sign-in service.
      - Taken from the environment variable E(ENTRA_CA_PATH) if not set.
    type: path
  entra_validate_certs:
    description:
      - Whether to verify the TLS certificate of the sign-in service.
      - Taken from the environment variable E(ENTRA_VALIDATE_CERTS) if not set.
    type: bool
    default: true
  ca_path:
    description:
      - PEM bundle of the authorities that may have issued the certificate of the PBX.
      - Taken from the environment variable E(TCX_CA_PATH) if not set.
    type: path
  validate_certs:
    description:
      - Whether to verify the TLS certificate of the PBX.
      - Taken from the environment variable E(TCX_VALIDATE_CERTS) if not set.
    type: bool
    default: true
  proxy:
    description: Address of a proxy on the way to both.
    type: str
  timeout:
    description: Seconds to wait for a connection, and for each part of an answer.
    type: float
    default: 30
  deadline:
    description: Seconds after which the task fails, whatever it is waiting for.
    type: int
    default: 600
  require:
    description: Whether to fail when a sign-in would not work. It never fails for that in check mode.
    type: bool
    default: false
requirements:
  - requests
seealso:
  - module: tcx.m365.azure_app_registration
  - module: tcx.m365.tcx_m365_settings
"""

EXAMPLES = r"""
- name: Would a sign-in work?
  tcx.m365.sso_probe:
    tenant_id: "{{ entra_tenant_id }}"
    application_id: "{{ app.app_id }}"
    redirect_uri: https://acme.example.com:5001/oauth2office2
  register: probe

- name: Say why not
  ansible.builtin.debug:
    msg: "{{ probe.entra.verdict }}: {{ probe.entra.message }}"
  when: not probe.ok
"""

RETURN = r"""
ok:
  description: Whether a sign-in would work, as far as it can be seen without a user.
  returned: success
  type: bool
entra:
  description: What Entra said.
  returned: success
  type: dict
  contains:
    ok: {type: bool, description: Whether this side is ready.}
    verdict:
      description:
        - One word for it. Of Entra V(would_work), V(redirect_uri_mismatch), V(redirect_uri_missing), V(application_not_found),
          V(application_disabled), V(id_tokens_off), V(single_tenant), V(consent_missing), V(tenant_not_found), V(refused),
          V(unexpected). Of the PBX V(reachable), V(not_found). Of both V(unreachable), V(untrusted), and further kinds of errors.
      type: str
    code: {type: str, description: "Entra's code, for example V(AADSTS50011); V(AADSTS50058) means that all is well but for the user."}
    message: {type: str, description: What was said.}
    remedy: {type: str, description: What to do.}
pbx:
  description: What the PBX said, in the same shape.
  returned: success
  type: dict
redirect_uri:
  description: The redirect URI that was asked for.
  returned: success
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.sso_probe import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    """Run the capability as a module."""
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
