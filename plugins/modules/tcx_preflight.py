# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``tcx_preflight``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tcx_preflight
short_description: Check a PBX before anything is written, and name everything that blocks a rollout
version_added: 1.0.0
description:
  - Runs the checks that M(tcx.m365.tcx_m365_settings) runs in check mode, without an application, and refuses what the
    release or the license of the PBX lacks.
  - Judges what those checks have read, at no further request. That is the role of the API client, the TLS certificate of the
    PBX, its clock, and, when it is linked already, whether the integration works and Microsoft's notifications reach it.
  - With O(thorough=true) it also reads the license and its dates, mail addresses that several extensions have, and whether there
    are free extension numbers for the users who will come.
  - Everything that blocks a rollout is reported as one error. What will block it before long is a warning.
  - It writes nothing, on no side.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.info_module
  - tcx.m365.attributes.action_group_pbx
  - tcx.m365.pbx
  - tcx.m365.settings
options:
  change_notifications:
    description:
      - Whether the PBX is asked if Microsoft's change notifications reach it. Without, RV(status.subscription) is V(none).
      - A rollout leaves it out of its pre-flight check, and asks after it has changed something.
    type: bool
    default: true
  fqdn:
    description:
      - Names that the PBX may call itself besides the host of O(url). A PBX that reports another FQDN is refused, because Microsoft would
        send the tokens of its users there.
      - V(pbx.example.com:5001) says the port as well, where it differs from that of O(url). A PBX that reports another port than the
        inventory knows for its name is refused.
      - Taken from the variable C(tcx_fqdn) of the host when not given, unless O(url) is that of another PBX.
    type: list
    elements: str
    default: []
    version_added: 2.0.0
  thorough:
    description:
      - Whether to read what costs further requests. Three and one for each hundred users of the PBX, and one for each page of
        users of Microsoft 365 when the PBX is linked.
    type: bool
    default: false
  warning_days:
    description: Warn of certificates, licenses and maintenance that end in fewer days than this.
    type: int
    default: 30
notes:
  - Whether the application in Entra has the redirect URI that this module returns is told by
    M(tcx.m365.azure_app_registration) in check mode. The C(preflight) role and the rollout do both.
  - An expired certificate is an error even where O(validate_certs=false), because browsers do not accept it either.
  - XAPI lists the extension numbers of users. Those of queues and ring groups are known to the PBX alone, so that the number of
    free ones is an upper bound.
seealso:
  - module: tcx.m365.entra_preflight
  - module: tcx.m365.tcx_m365_settings
  - module: tcx.m365.tcx_m365_settings_info
"""

EXAMPLES = r"""
- name: Would a rollout on this PBX go through?
  tcx.m365.tcx_preflight:
    url: https://acme.example.com:5001
    client_id: "900"
    client_secret: "{{ vault_acme_tcx }}"
    user_sync:
      enabled: true
      scope: all
      starting_extension: "200"
    sign_in:
      enabled: true
    thorough: true
  register: pbx

- name: Show what would have to be repaired before long
  ansible.builtin.debug:
    var: pbx.notes
"""

RETURN = r"""
findings:
  description:
    - Everything that was checked, in a stable order by topic. A topic that is missing could not be checked.
    - Also returned when the task fails for them.
  returned: success, and failure for what was found
  type: list
  elements: dict
  contains:
    topic:
      description:
        - One of V(version), V(license), V(role), V(certificate), V(clock), V(integration), V(subscription), V(addresses) and
          V(numbers).
      type: str
    level: {type: str, description: "V(ok), V(warning) or V(error)."}
    said: {type: str, description: What was found.}
    remedy: {type: str, description: What to do about it; empty when all is well.}
  sample:
    - topic: certificate
      level: warning
      said: the TLS certificate of the PBX expires in 12 days, on 2026-12-05
      remedy: Renew it; the console shows it under Settings > Network.
notes:
  description: The warnings among RV(findings), one line each.
  returned: success
  type: list
  elements: str
status:
  description: Whether the integration works today.
  returned: success
  type: dict
  contains:
    ok: {type: bool, description: Whether the PBX could list users of Microsoft 365.}
    application_id: {type: str, description: The application that the PBX works with.}
    subscription: {type: bool, description: Whether Microsoft's change notifications reach the PBX; null when it was not asked.}
    message: {type: str, description: What the PBX says about it; empty when all is well.}
tls_certificate:
  description: The TLS certificate that the PBX showed; null for plain HTTP.
  returned: success
  type: dict
  contains:
    thumbprint: {type: str, description: "SHA-1 of the certificate, in upper-case hexadecimal digits."}
    subject: {type: str, description: Whom it is for.}
    issuer: {type: str, description: Who issued it.}
    names: {type: list, elements: str, description: DNS names and addresses that it covers.}
    not_after: {type: str, description: "When it expires, in UTC."}
    days_left: {type: int, description: Whole days until then.}
    self_signed: {type: bool, description: Whether it is its own issuer.}
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
gated:
  description:
    - Options that are to be switched on and that the PBX may refuse for its license, because its release does not report the
      edition.
  returned: success
  type: list
  elements: str
  sample: [contact_sync.enabled]
presence_authorized:
  description: Whether the PBX has an account that sets presence whose token works. Null where no option speaks of that account.
  returned: success
  type: bool
  sample: true
presence_redirect_uri:
  description: The redirect URI that the application needs for authorizing a presence account.
  returned: success
  type: str
  sample: https://acme.example.com:5001/oauth2presence
unmanaged:
  description: Entries of mentioned lists that are on the PBX besides the desired ones, by option.
  returned: success
  type: dict
  sample: {"user_sync.users": ["4f5c2b8e-1111-2222-3333-444455556666"]}
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.tcx_preflight import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
