# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where each national cloud signs callers in and where its Graph lives.

Source: the environment tables of azure-cli, go-azure-sdk and msal, which agree (documented).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from .._common.option_names import marked
from .._common.text import without_login
from .._errors import BadInput

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
"""Application (client) id of Microsoft Graph; the same in every tenant of every cloud."""


@dataclass(frozen=True)
class Endpoints:
    """Base URLs without trailing slash and without API version.

    :param login: where tokens come from.
    :param graph: Microsoft Graph; tokens are asked for ``<graph>/.default``.
    """

    cloud: str
    login: str
    graph: str

    @property
    def scope(self) -> str:
        return f"{self.graph}/.default"

    def authority(self, tenant: str) -> str:
        return f"{self.login}/{tenant}"

    def admin_consent_url(self, tenant: str, app_id: str, redirect_uri: str = "") -> str:
        """Where an administrator consents to everything that an application declares (documented).

        :param redirect_uri: one that is registered on the application; Entra sends the browser there afterwards.
        """
        url = f"{self.login}/{tenant}/adminconsent?client_id={quote(app_id, safe='')}"
        return f"{url}&redirect_uri={quote(redirect_uri, safe='')}" if redirect_uri else url


CLOUDS: dict[str, Endpoints] = {
    "public": Endpoints("public", "https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "usgov": Endpoints("usgov", "https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "usgov_dod": Endpoints("usgov_dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": Endpoints("china", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
}

_OTHER_NAMES = {
    "https://login.microsoft.com": "public",
    "https://login.windows.net": "public",
    "https://sts.windows.net": "public",
    "https://login.usgovcloudapi.net": "usgov",
    "https://login.chinacloudapi.cn": "china",
}


def endpoints(cloud: str | None, authority_host: str | None, graph_endpoint: str | None) -> Endpoints:
    """The addresses to use: those given, else those of the cloud, else of the cloud the authority belongs to.

    An authority of another cloud with the public Graph would send that cloud's token to the wrong place; so the
    cloud follows the authority where it is not named.
    """
    login = _base_url("authority_host", authority_host) if authority_host else ""
    graph = _base_url("graph_endpoint", graph_endpoint) if graph_endpoint else ""
    name = cloud or _cloud_of(login) or "public"
    if name not in CLOUDS:
        raise BadInput(f"there is no cloud {name!r}", remedy=f"Use one of: {', '.join(sorted(CLOUDS))}.")
    known = CLOUDS[name]
    return Endpoints(name, login or known.login, graph or known.graph)


def _cloud_of(login: str) -> str:
    if login in _OTHER_NAMES:
        return _OTHER_NAMES[login]
    return next((name for name, cloud in CLOUDS.items() if cloud.login == login), "")


def _base_url(option: str, value: str) -> str:
    """``https://host[:port]`` of an address; ``AZURE_AUTHORITY_HOST`` is often given without a scheme."""
    text = value.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme != "https" or not parts.hostname or port == -1 or parts.username is not None:
        raise BadInput(
            f"{marked(option)} {without_login(value)!r} is not a usable address",
            remedy="Give https://host or https://host:port.",
        )
    if parts.query or parts.fragment or parts.path.rstrip("/") not in ("", "/v1.0"):
        raise BadInput(
            f"{marked(option)} {without_login(value)!r} has more than an address",
            remedy="Give https://host or https://host:port.",
        )
    return f"https://{parts.netloc.lower()}"
