# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that talk to a PBX."""

from __future__ import annotations


class ModuleDocFragment:
    """Connection to a 3CX PBX."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Base address of the PBX, V(https://HOST) or V(https://HOST:PORT). Self-hosted PBXs usually listen on port 5001, hosted
        ones on 443.
      - Taken from the variable C(tcx_url) of the host, else from the environment variable
        E(TCX_URL), if not set.
    type: str
    required: true
  client_id:
    description:
      - Client ID of a service principal with access to the configuration API. Make it in
        C(Admin Console > Integrations > API) with the system-wide role System Owner.
      - Give it to nobody else. 3CX honors one access token per client at a time.
      - Taken before O(username) when both are set.
      - Taken from the variable C(tcx_client_id) of the host, else from the environment variable
        E(TCX_CLIENT_ID), if not set.
    type: str
  client_secret:
    description:
      - The secret that goes with O(client_id). The PBX shows it once, when it is made.
      - A secret that was refused is not sent again in the same run, because 3CX blocks addresses after a few failures. When
        three PBXs have refused one and the same secret, it is sent to no other PBX.
      - Taken from the variable C(tcx_client_secret) of the host, else from the environment variable
        E(TCX_CLIENT_SECRET), if not set.
    type: str
  username:
    description:
      - Extension number or mail address of an administrator, for PBXs whose license does not include service principals.
      - Taken from the variable C(tcx_username) of the host, else from the environment variable
        E(TCX_USERNAME), if not set.
    type: str
  password:
    description:
      - The password that goes with O(username).
      - Taken from the variable C(tcx_password) of the host, else from the environment variable
        E(TCX_PASSWORD), if not set.
    type: str
  security_code:
    description:
      - Second factor of the administrator, either the code of the moment (digits), or the base32 secret behind it, from
        which the code is made.
      - A code works once. Tasks of the same run share the session that it opened.
      - Taken from the variable C(tcx_security_code) of the host, else from the environment variable
        E(TCX_SECURITY_CODE), if not set.
    type: str
  ca_path:
    description:
      - PEM bundle of the authorities that may have issued the certificate of the PBX.
      - Wins over the environment variable E(REQUESTS_CA_BUNDLE).
      - Taken from the variable C(tcx_ca_path) of the host, else from the environment variable
        E(TCX_CA_PATH), if not set.
    type: path
  validate_certs:
    description:
      - Whether to verify the TLS certificate of the PBX. Switch it off in laboratories only.
      - Taken from the variable C(tcx_validate_certs) of the host, else from the environment variable
        E(TCX_VALIDATE_CERTS), if not set.
    type: bool
    default: true
  proxy:
    description:
      - Address of a proxy on the way to the PBX.
      - Taken from the variable C(tcx_proxy) of the host, else from the environment variable
        E(TCX_PROXY), else E(HTTPS_PROXY), if not set.
    type: str
  timeout:
    description:
      - Seconds to wait for a connection, and for each part of an answer.
      - Taken from the variable C(tcx_timeout) of the host, else from the environment variable
        E(TCX_TIMEOUT), if not set.
    type: float
    default: 30
  deadline:
    description:
      - Seconds after which the task fails, whatever it is waiting for.
      - Taken from the variable C(tcx_deadline) of the host, else from the environment variable
        E(TCX_DEADLINE), if not set.
    type: int
    default: 600
requirements:
  - requests
  - cryptography >= 42.0.0
"""
