# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left in a tenant when its PBX has gone, found without calling anybody's application an orphan that is in use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import SMALL, Controller, Outcome
from tcx_lab.testing import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """Three PBXs that were rolled out."""
    home = tmp_path_factory.mktemp("orphans")
    with Lab.start(SMALL) as lab:
        controller = Controller(lab, home)
        done = controller.rollout()
        assert done.code == 0, done.output
        yield controller


def orphans(fleet: Controller, *arguments: str, **variables: Any) -> tuple[Outcome, dict[str, Any]]:
    path = fleet.home / "reports" / "orphans.json"
    path.unlink(missing_ok=True)
    before = len(fleet.writes())
    done = fleet.play("tcx.m365.orphans", *arguments, variables=variables or None)
    assert len(fleet.writes()) == before, "it only reads"
    assert path.exists(), done.output
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return done, content


def states(found: dict[str, Any]) -> dict[str, str]:
    return {one["unique_name"]: one["state"] for tenant in found["tenants"] for one in tenant["applications"]}


def without(fleet: Controller, host: str, path: Path) -> Path:
    """An inventory from which one PBX was removed."""
    inventory = json.loads(json.dumps(fleet.lab.inventory))
    del inventory["tcx"]["hosts"][host]
    path.write_text(json.dumps(inventory), encoding="utf-8")
    return path


def test_nothing_is_an_orphan_while_every_pbx_uses_its_application(fleet: Controller) -> None:
    done, found = orphans(fleet, "--limit", "berlin", orphans_fail=True)
    assert done.code == 0, done.output
    assert states(found) == {"3cx-berlin": "in_use", "3cx-munich": "in_use"}, (
        "munich is outside the limit and uses its own"
    )
    done, found = orphans(fleet)
    assert found["summary"]["applications"] == 3
    assert found["summary"]["orphan"] == 0
    assert "2 of 2 tenants read, 3 applications of this collection: 3 in use." in done.output


def test_what_a_removed_pbx_has_left_is_found(fleet: Controller, tmp_path: Path) -> None:
    rest = without(fleet, "munich", tmp_path / "rest.json")
    done = fleet.play("tcx.m365.orphans", inventory=rest)
    assert done.code == 0, done.output
    found = json.loads((fleet.home / "reports" / "orphans.json").read_text(encoding="utf-8"))
    assert states(found) == {"3cx-berlin": "in_use", "3cx-lyon": "in_use", "3cx-munich": "orphan"}
    assert "1 that no PBX of the inventory uses" in done.output
    strict = fleet.play("tcx.m365.orphans", "-e", "orphans_fail=true", inventory=rest)
    assert strict.code != 0


def test_a_pbx_that_does_not_answer_may_be_the_user(fleet: Controller, tmp_path: Path) -> None:
    rest = without(fleet, "munich", tmp_path / "rest.json")
    wrong = {"tcx_client_secret": "wrong", "tcx_password": "wrong"}
    done = fleet.play("tcx.m365.orphans", inventory=rest, variables=wrong)
    assert done.code == 0, done.output
    found = json.loads((fleet.home / "reports" / "orphans.json").read_text(encoding="utf-8"))
    assert states(found)["3cx-munich"] == "unknown"
    assert found["summary"]["orphan"] == 0
    assert {one["host"] for one in found["not_read"]} == {"berlin", "lyon"}


def test_a_tenant_that_cannot_be_read_is_a_failure(fleet: Controller) -> None:
    done, found = orphans(fleet, entra_client_secret="wrong")
    assert done.code != 0
    assert found["summary"]["tenants_not_read"] == 2
    assert "could not be read" in done.output


@pytest.mark.parametrize(
    ("address", "state"),
    [("{{ hostvars['berlin']['of_munich'] }}", "in_use"), ("{{ nowhere }}", "named")],
    ids=["read from another host", "not readable"],
)
def test_an_address_that_ansible_cannot_tell_beforehand_belongs_to_a_pbx_too(
    fleet: Controller, tmp_path: Path, address: str, state: str
) -> None:
    inventory = json.loads(json.dumps(fleet.lab.inventory))
    hosts = inventory["tcx"]["hosts"]
    hosts["berlin"]["of_munich"] = hosts["munich"]["tcx_url"]
    hosts["munich"]["tcx_url"] = address
    path = tmp_path / "templates.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    done = fleet.play("tcx.m365.orphans", "--limit", "berlin", inventory=path)
    assert done.code == 0, done.output
    found = json.loads((fleet.home / "reports" / "orphans.json").read_text(encoding="utf-8"))
    assert states(found) == {"3cx-berlin": "in_use", "3cx-munich": state}


@pytest.mark.parametrize(
    ("playbook", "variable"),
    [("orphans", "orphans_file"), ("support_bundle", "support_bundle_dir"), ("tenants", "tenants_file")],
)
def test_a_place_that_cannot_be_written_is_told_by_its_variable(
    fleet: Controller, tmp_path: Path, playbook: str, variable: str
) -> None:
    place = tmp_path / "no_directory"
    place.write_text("", encoding="utf-8")
    done = fleet.play(f"tcx.m365.{playbook}", variables={variable: str(place / "x")})
    assert done.code != 0
    assert f"{variable} {place}/x cannot be written: " in " ".join(done.output.split())
    assert "Give a place that you may write to." in " ".join(done.output.split())
