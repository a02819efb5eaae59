# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of clouds, and what may stand for a tenant."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.clouds import endpoints
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput


@pytest.mark.parametrize(
    ("cloud", "login", "graph"),
    [
        (None, "https://login.microsoftonline.com", "https://graph.microsoft.com"),
        ("public", "https://login.microsoftonline.com", "https://graph.microsoft.com"),
        ("usgov", "https://login.microsoftonline.us", "https://graph.microsoft.us"),
        ("usgov_dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
        ("china", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_addresses(cloud: str | None, login: str, graph: str) -> None:
    found = endpoints(cloud, None, None)
    assert (found.login, found.graph, found.scope) == (login, graph, graph + "/.default")


@pytest.mark.parametrize(
    ("authority", "graph"),
    [
        ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
        ("login.microsoftonline.us/", "https://graph.microsoft.us"),
        ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
        ("https://login.windows.net", "https://graph.microsoft.com"),
        ("https://localhost:8443", "https://graph.microsoft.com"),
    ],
)
def test_graph_follows_the_authority_where_no_cloud_is_named(authority: str, graph: str) -> None:
    assert endpoints(None, authority, None).graph == graph


def test_explicit_addresses_win() -> None:
    found = endpoints("china", "https://localhost:1", "https://localhost:2/v1.0/")
    assert (found.login, found.graph) == ("https://localhost:1", "https://localhost:2")


@pytest.mark.parametrize(
    "address", ["http://login.example.com", "https://", "https://u:p@host", "https://host/path", "https://host:99999"]
)
def test_unusable_addresses_are_refused(address: str) -> None:
    with pytest.raises(BadInput, match="authority_host"):
        endpoints(None, address, None)


def test_an_unknown_cloud_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="usgov_dod"):
        endpoints("germany", None, None)
