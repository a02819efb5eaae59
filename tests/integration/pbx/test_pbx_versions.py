# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every cell of docs/settings-by-version.md on a simulated PBX of that release: set, read back, or refused before a write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common.tree import dig
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import (
    ACCOUNTS,
    BINDINGS,
    CHOICE,
    FLAG,
    GUID,
    INTEGRATION,
    MAIL,
    NUMBER,
    PROPERTIES,
    TEAMS,
    Property,
    read,
    shape,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx.version import Release
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import RELEASES, Bench
from tcx_lab.published import NEEDS_XAPI_DESCRIPTION

SINGLETONS = {TEAMS: "teams", MAIL: "mail"}


def name_of(release: str) -> str:
    return f"v{release.replace('.', '-')}"


def entity(bench: Bench, name: str, resource: str) -> Any:
    """What the PBX holds."""
    return bench.state(name).m365 if resource == INTEGRATION else bench.state(name).singleton(SINGLETONS[resource])


def other_value(bench: Bench, name: str, each: Property) -> Any:
    """A value that the PBX does not have at the start."""
    origin, goal = each.sides
    texts = {"teams.sbc_fqdn": "localhost", "user_sync.starting_extension": "300"}
    return {
        FLAG: not read(each, entity(bench, name, each.resource)),
        NUMBER: 5099,
        CHOICE: "groups" if "groups" in each.values else "selected",
        BINDINGS: [{"from": left, "to": next(iter(goal))} for left in origin],
        ACCOUNTS: ["6b1f2f0e-0000-4000-8000-00000000000a"],
        GUID: bench.pbx(name).tenant_id,
    }.get(each.kind, texts.get(each.option, "49"))


def exists(each: Property, value: Any, release: str) -> bool:
    first = each.values_since.get(value, each.since) if isinstance(value, str) else each.since
    found = Release.parse(release)
    assert found is not None
    return found >= max(first, each.since)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("each", PROPERTIES, ids=lambda each: each.option)
def test_cell(bench: Bench, each: Property, release: str) -> None:
    name = name_of(release)
    if each.resource == MAIL:
        # A PBX sends mail through Microsoft only once it is linked.
        bench.state(name).m365["ApplicationId"] = "6b1f2f0e-0000-4000-8000-00000000000b"
    if each.option == "user_sync.scope" and "SelectedGroups" in bench.state(name).m365["AdUsers"]:
        bench.state(name).m365["AdUsers"]["SelectedGroups"] = ["6b1f2f0e-0000-4000-8000-00000000000a"]
    value = other_value(bench, name, each)
    before = read(each, entity(bench, name, each.resource))
    options = shape({each.option: value})
    done = bench.run().settings(name, wait=False, **options)
    if not exists(each, value, release):
        assert done["failed"]
        assert done["error"]["kind"] == "unsupported"
        assert each.option in done["msg"]
        assert bench.writes(name) == []
        return
    assert not done.get("failed"), done["msg"]
    assert [(change["field"], change["before"], change["after"]) for change in done["changes"]] == [
        (each.option, before, value)
    ]
    assert read(each, entity(bench, name, each.resource)) == value
    assert bench.run().settings(name, wait=False, **options)["changed"] is False
    gathered = [SINGLETONS[each.resource]] if each.resource in SINGLETONS else []
    assert dig(bench.run().info(name, gather=gathered, health=False)["settings"], each.option) == value


@pytest.mark.parametrize("release", RELEASES)
def test_the_settings_of_a_pbx_are_options_that_change_nothing(bench: Bench, release: str) -> None:
    name = name_of(release)
    link = bench.link(name)
    bench.run().settings(name, **link, user_sync={"enabled": True, "scope": "selected", "starting_extension": "200"})
    gathered = ["teams"] if release in RELEASES[:2] else ["teams", "mail"]
    shown = bench.run().info(name, gather=gathered)["settings"]
    bench.world.log.clear()
    again = bench.run().settings(name, **shown)
    assert not again.get("failed"), again
    assert again["changed"] is False
    assert bench.writes(name) == []


# --- editions ------------------------------------------------------------------------------------------------------------

PAID = {"contact_sync": {"enabled": True}, "calendar_sync": {"enabled": True}, "shared_mailboxes": {"enabled": True}}


def test_a_standard_license_is_told_before_anything_is_written(bench: Bench) -> None:
    link = bench.link("standard")
    failed = bench.run().settings("standard", **link, **PAID)
    assert failed["error"]["kind"] == "unlicensed"
    for option in ("contact_sync.enabled", "calendar_sync.enabled", "shared_mailboxes.enabled"):
        assert option in failed["msg"]
    assert bench.writes("standard") == []
    assert bench.run().settings("standard", check=True, **link, **PAID)["error"]["kind"] == "unlicensed"


def test_where_the_edition_is_unknown_the_pbx_decides(bench: Bench) -> None:
    link = bench.link("old-standard")
    assert bench.run().settings("old-standard", check=True, **link)["edition"].startswith("unknown (")
    failed = bench.run().settings("old-standard", **link, contact_sync={"enabled": True})
    assert failed["error"]["kind"] == "unlicensed"
    assert "SyncPersonalContacts" in failed["msg"]
    assert bench.state("old-standard").m365["ApplicationId"] == "", "the refused write changed nothing"


def test_a_professional_license_has_them_and_no_direct_routing(bench: Bench) -> None:
    link = bench.link("professional")
    assert not bench.run().settings("professional", **link, **PAID).get("failed")
    failed = bench.run().settings("professional", teams={"enabled": True})
    assert failed["error"]["kind"] == "unlicensed"
    assert "teams.enabled needs Enterprise" in failed["msg"]


def test_a_starting_extension_of_the_wrong_length_is_never_sent(bench: Bench) -> None:
    failed = bench.run().settings(user_sync={"starting_extension": "2000"})
    assert failed["error"]["kind"] == "bad_input"
    assert bench.writes() == []


def test_a_release_that_is_too_old_is_named(bench: Bench) -> None:
    bench.pbx("other").version = "20.0.4.100"
    try:
        failed = bench.run().settings("other", user_sync={"photo": True})
    finally:
        bench.pbx("other").version = "20.0.10.731"
    assert failed["error"]["kind"] == "unsupported"
    assert "20.0.4.100" in failed["msg"]
    assert "from 20.0.5 on" in failed["msg"]


@NEEDS_XAPI_DESCRIPTION
def test_every_request_is_in_3cxs_own_description(bench: Bench) -> None:
    for release in RELEASES:
        name = name_of(release)
        link = bench.link(name)
        bench.run().settings(
            name, **link, user_sync={"enabled": True}, sign_in={"enabled": True}, teams={"sbc_fqdn": "localhost"}
        )
        gathered = ["users", "license", "duplicates", "extensions", "sessions", "teams"]
        bench.run().info(name, gather=gathered)
        bench.run().settings(name, sign_in={"opt_out": ["100"]})
        bench.run().settings(name, state="absent")
        assert len(bench.xapi_calls(name)) > 20
        assert bench.hold_against_the_contract() > 20
