# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play that would work on nobody says so, in the words of the inventory and the limit that were given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.lookup.play_hosts import LookupModule

FLEET = {"all": ["acme", "bolt", "printer"], "tcx": ["acme", "bolt"], "ungrouped": ["printer"]}
SOURCES = ["/srv/inventory.yml"]


@pytest.fixture(autouse=True)
def options() -> Iterator[None]:
    """The options of the command, as they were for the test before."""
    before = context.CLIARGS
    context.CLIARGS = ImmutableDict()
    yield
    context.CLIARGS = before


def hosts(*patterns: Any, **variables: Any) -> list[str]:
    known: Mapping[str, Any] = {"groups": FLEET, "ansible_inventory_sources": SOURCES, **variables}
    return LookupModule(loader=DataLoader(), templar=None).run(list(patterns), known)


def test_patterns_that_leave_a_host_are_given_back_as_they_are() -> None:
    assert hosts("tcx") == ["tcx"]
    assert hosts(["tcx", "!acme"]) == ["tcx", "!acme"]
    assert hosts("tcx", ansible_limit="bolt") == ["tcx"]


def test_tags_of_a_program_that_is_no_command_line_choose_nothing_away() -> None:
    """It has loaded its playbooks itself, and nobody can tell what the tags leave of them."""
    context.CLIARGS = ImmutableDict(tags=("phones",), skip_tags=("slow",))
    assert hosts("tcx") == ["tcx"]


@pytest.mark.parametrize(
    ("patterns", "variables", "told"),
    [
        (
            ["tcx"],
            {"groups": {}},
            "the inventory /srv/inventory.yml has no hosts or could not be read, so the group tcx is empty",
        ),
        (["tcx"], {"groups": {}, "ansible_inventory_sources": None}, "the inventory (none) has no hosts"),
        (["tcx"], {"groups": {"all": ["printer"]}}, "no host of the inventory /srv/inventory.yml is in the group tcx."),
        (["tcx"], {"ansible_limit": "printer"}, "is in the group tcx with --limit printer. Check -i and --limit"),
        (["tcx", "!acme", "!bolt"], {}, "is in the pattern tcx,!acme,!bolt."),
    ],
)
def test_a_play_on_nobody_is_refused(patterns: list[str], variables: dict[str, Any], told: str) -> None:
    with pytest.raises(AnsibleLookupError) as error:
        hosts(*patterns, **variables)
    assert str(error.value).startswith("No PBX to work on: ")
    assert told in str(error.value)


@pytest.mark.parametrize("allowed", [True, "yes", "true"])
def test_nobody_is_allowed_by_the_variable(allowed: Any) -> None:
    assert hosts("tcx", groups={}, allow_no_hosts=allowed) == ["tcx"]


@pytest.mark.parametrize("refused", [False, "no", "", None, "perhaps"])
def test_nobody_is_not_allowed_by_another_value(refused: Any) -> None:
    with pytest.raises(AnsibleLookupError):
        hosts("tcx", groups={}, allow_no_hosts=refused)


@pytest.mark.parametrize("option", ["syntax", "listhosts", "listtasks", "listtags"])
def test_what_only_shows_a_playbook_needs_no_host(option: str) -> None:
    context.CLIARGS = ImmutableDict({option: True})
    assert hosts("tcx", groups={}) == ["tcx"]


def test_a_limit_that_leaves_localhost_out_is_named_as_that() -> None:
    with pytest.raises(AnsibleLookupError) as error:
        hosts("localhost", groups={"all": ["acme"]}, ansible_limit="acme")
    assert str(error.value) == (
        "This playbook runs on localhost, which --limit acme leaves out: run it without --limit."
    )
