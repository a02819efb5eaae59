# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that talk to a PBX, and the connection they describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.option_names import marked
from .._context import Context
from .._errors import BadInput
from .._pbx.connection import Connection, base_url
from .._task import DEFAULT_DEADLINE_S, ArgumentSpec, env
from ._transport import DEFAULT_TIMEOUT_S, transport

ARGUMENT_SPEC: ArgumentSpec = {
    "url": {"type": "str", "required": True, "fallback": env("TCX_URL")},
    "client_id": {"type": "str", "fallback": env("TCX_CLIENT_ID")},
    "client_secret": {"type": "str", "no_log": True, "fallback": env("TCX_CLIENT_SECRET")},
    "username": {"type": "str", "fallback": env("TCX_USERNAME")},
    "password": {"type": "str", "no_log": True, "fallback": env("TCX_PASSWORD")},
    "security_code": {"type": "str", "no_log": True, "fallback": env("TCX_SECURITY_CODE")},
    "ca_path": {"type": "path", "fallback": env("TCX_CA_PATH")},
    "validate_certs": {"type": "bool", "default": True, "fallback": env("TCX_VALIDATE_CERTS")},
    "proxy": {"type": "str", "fallback": env("TCX_PROXY")},
    "timeout": {"type": "float", "default": DEFAULT_TIMEOUT_S, "fallback": env("TCX_TIMEOUT")},
    "deadline": {"type": "int", "default": DEFAULT_DEADLINE_S, "fallback": env("TCX_DEADLINE")},
}


def connection(params: Mapping[str, Any], context: Context) -> Connection:
    """The connection that the options describe. A service principal is taken before an administrator's login.

    :raises BadInput: no credential, half a credential, or an address that is none.
    """
    url = base_url(params["url"])
    for name, partner in (("client_id", "client_secret"), ("username", "password")):
        if bool(params[name]) != bool(params[partner]):
            present, missing = (name, partner) if params[name] else (partner, name)
            raise BadInput(f"{marked(present)} is given and {marked(missing)} is not", remedy=f"Give both for {url}.")
    for name in ("client_secret", "password", "security_code"):
        if params[name]:
            context.hide(params[name])
    if params["client_id"]:
        return Connection(url, params["client_id"], params["client_secret"], transport=transport(params))
    if not params["username"]:
        raise BadInput(
            f"there is no credential for {url}",
            remedy="Give O(client_id) and O(client_secret) of an XAPI service principal (Admin Console > Integrations > API), or "
            "O(username) and O(password) of an administrator.",
        )
    return Connection(
        url,
        params["username"],
        params["password"],
        administrator=True,
        security_code=params["security_code"] or "",
        transport=transport(params),
    )
