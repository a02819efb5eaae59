# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``sso_probe``: would a sign-in with Microsoft work?"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from .._common import ids
from .._entra import clouds
from .._errors import BadInput
from .._pbx import probe
from .._pbx.connection import base_url
from .._pbx.facts import SIGN_IN_PATH
from .._task import DEFAULT_DEADLINE_S, ArgumentSpec, Capability, Outcome, Task, env
from ._transport import transport

ARGUMENT_SPEC: ArgumentSpec = {
    "tenant_id": {"type": "str", "required": True, "fallback": env("AZURE_TENANT_ID")},
    "application_id": {"type": "str", "required": True},
    "redirect_uri": {"type": "str"},
    "url": {"type": "str", "fallback": env("TCX_URL")},
    "cloud": {"type": "str", "choices": sorted(clouds.CLOUDS)},
    "authority_host": {"type": "str", "fallback": env("AZURE_AUTHORITY_HOST")},
    "entra_ca_path": {"type": "path", "fallback": env("ENTRA_CA_PATH")},
    "entra_validate_certs": {"type": "bool", "default": True, "fallback": env("ENTRA_VALIDATE_CERTS")},
    "ca_path": {"type": "path", "fallback": env("TCX_CA_PATH")},
    "validate_certs": {"type": "bool", "default": True, "fallback": env("TCX_VALIDATE_CERTS")},
    "proxy": {"type": "str"},
    "timeout": {"type": "float", "default": 30},
    "deadline": {"type": "int", "default": DEFAULT_DEADLINE_S},
    "require": {"type": "bool", "default": False},
}


def run(task: Task) -> Outcome:
    """Ask both sides; nothing is written, and no credential is needed."""
    params = task.params
    login = clouds.endpoints(params["cloud"], params["authority_host"], None).login
    tenant = _tenant(params["tenant_id"])
    redirect_uri, address = _addresses(params)
    if not ids.is_guid(params["application_id"]):
        raise BadInput(f"O(application_id) {params['application_id']!r} is not a GUID")
    entra = probe.ask_entra(
        task.context,
        transport(params, trust="entra_"),
        login,
        tenant=tenant,
        application_id=params["application_id"],
        redirect_uri=redirect_uri,
    )
    pbx = probe.ask_pbx(task.context, transport(params), address)
    works = entra.ok and pbx.ok
    if not works and params["require"] and not task.check_mode:
        raise probe.error_of(entra, pbx).while_trying("find out whether users can sign in with Microsoft", redirect_uri)
    values = {"ok": works, "entra": entra.as_dict(), "pbx": pbx.as_dict(), "redirect_uri": redirect_uri}
    return Outcome(values)


def _tenant(tenant: str) -> str:
    """``common`` is allowed here: that an application is not multi-tenant is one of the answers."""
    return tenant if tenant in ("common", "organizations") else ids.check_tenant(tenant)


def _addresses(params: dict[str, Any]) -> tuple[str, str]:
    """(the redirect URI, the address at which it is looked for)."""
    url = base_url(params["url"]) if params["url"] else ""
    redirect_uri = params["redirect_uri"] or (url + SIGN_IN_PATH if url else "")
    if not redirect_uri:
        raise BadInput("neither O(redirect_uri) nor O(url) is given")
    parts = urlsplit(redirect_uri)
    if parts.scheme != "https" or not parts.hostname:
        raise BadInput(f"O(redirect_uri) {redirect_uri!r} is not an https address")
    return redirect_uri, url + parts.path if url else redirect_uri


CAPABILITY = Capability(name="sso_probe", argument_spec=ARGUMENT_SPEC, run=run)
