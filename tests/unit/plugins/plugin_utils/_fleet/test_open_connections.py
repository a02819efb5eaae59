# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout keeps connections to its PBXs open, and never so many that no file is left for anything else."""

from __future__ import annotations

import resource

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections, Transport
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import fleet


@pytest.mark.parametrize(
    ("files", "kept"), [(resource.RLIM_INFINITY, 256), (1_048_576, 256), (1024, 256), (256, 64), (3, 1)]
)
def test_a_quarter_of_the_files_of_a_process_is_kept_for_connections(
    monkeypatch: pytest.MonkeyPatch, files: int, kept: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (files, files))
    assert fleet._kept_open() == kept


@pytest.mark.parametrize("proxy", [None, "http://proxy.example:3128"])
def test_the_second_pass_over_many_pbxs_finds_connections_of_the_first_ones(proxy: str | None) -> None:
    connections, transport = Connections(addresses=100), Transport(proxy=proxy)
    passes = [
        [connections.pool(transport, f"https://pbx{number}.example/xapi") for number in range(200)] for _pass in (1, 2)
    ]
    again = sum(first is second for first, second in zip(*passes, strict=True))
    assert again == (36 if proxy is None else 200), "a proxy has one pool manager for all of them"
    assert len(connections._kept.first) + len(connections._kept.newest) == 100


def test_a_small_process_keeps_the_newest_connections_alone() -> None:
    connections = Connections(addresses=3)
    for number in range(10):
        connections.pool(Transport(), f"https://pbx{number}.example")
    assert [way[-1] for way in connections._kept.newest] == [f"https://pbx{number}.example" for number in (7, 8, 9)]
    assert not connections._kept.first


def test_the_calls_to_one_pbx_share_connections_whatever_their_time_limits_and_paths() -> None:
    connections = Connections()
    pools = [
        connections.pool(Transport(timeout=timeout), address)
        for timeout in (5.0, 30.0)
        for address in ("https://pbx.example", "https://PBX.example:443/xapi/v1", "https://pbx.example/webclient")
    ]
    assert all(pool is pools[0] for pool in pools)
    assert connections.pool(Transport(verify=False), "https://pbx.example") is not pools[0]
