# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stdout callback of the collection: a plan in check mode, what was done, failures once, one line for all PBXs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import Controller

FLEET = {"ANSIBLE_STDOUT_CALLBACK": "tcx.m365.fleet"}


@pytest.mark.smoke
def test_a_plan_then_what_was_done_then_nothing(small: Controller) -> None:
    plan = small.rollout("--check", **FLEET)
    done = small.rollout(**FLEET)
    again = small.rollout(**FLEET)
    assert (plan.code, done.code, again.code) == (0, 0, 0)
    hosts = sorted(small.lab.inventory["tcx"]["hosts"])
    for host in hosts:
        assert f"# {host}: application 3cx-{host} will be created" in plan.output
        assert f"# {host}: application 3cx-{host} created" in done.output
        assert f"# {host}: no changes" in again.output
    assert f"{len(hosts)} PBXs: {len(hosts)} to change" in plan.output
    assert f"{len(hosts)} PBXs: {len(hosts)} changed" in done.output
    assert f"{len(hosts)} PBXs: {len(hosts)} unchanged" in again.output
    assert "Plan: " in plan.output
    assert "Plan: " not in done.output


@pytest.mark.smoke
def test_each_failure_is_shown_once_without_its_json(small: Controller) -> None:
    host = min(small.lab.inventory["tcx"]["hosts"])
    done = small.rollout("-l", host, variables={"tcx_url": "https://127.0.0.1:9"}, **FLEET)
    assert done.code != 0
    assert done.output.count("FAILED") == 1
    assert '"error":' not in done.output
    assert "1 PBX: 1 failed" in done.output


def test_a_failure_of_everybody_is_told_in_full_once(small: Controller) -> None:
    done = small.play("tcx.m365.offboard", **FLEET)
    hosts = small.lab.inventory["tcx"]["hosts"]
    assert done.code != 0
    assert done.output.count("offboard_confirm=true") == 1
    told = next(line for line in done.output.splitlines() if "the same as " in line)
    assert sum(host in told for host in hosts) == len(hosts)  # those that failed so, and the one that was told in full


@pytest.mark.smoke
def test_ansible_says_nothing_that_only_we_could_mend(small: Controller) -> None:
    """A name of ansible-core that is deprecated in its newest release is told to everybody who runs a playbook."""
    done = small.rollout("-l", min(small.lab.inventory["tcx"]["hosts"]))
    assert done.code == 0, done.output
    assert "DEPRECATION" not in done.output
