# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller behind the gateway of Automation Platform: one address, and an organization that the gateway makes.

`ansible.controller` and `ansible.platform` are on no public index. Two take the place of the first: `awx.awx`, which speaks to a
gateway when told its path, and the same source under that name, with what is known to differ. A module that makes the one call
which the role needs takes the place of the second, with the options and states of the original (documented: ansible.platform,
`plugins/module_utils/aap_object.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awx_in_process
import httpx
import pytest
from fake_controller import FakeController
from tower_kit import INVENTORY_URL, PLAYBOOKS_URL, Outcome, Setup, make_project, write_fleet

PLATFORM = """
import json
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url


def main():
    names = ("hostname", "username", "password", "token")
    spec = {"gateway_" + name: {"type": "str", "no_log": name in ("password", "token")} for name in names}
    spec["gateway_validate_certs"] = {"type": "bool"}
    states = ["present", "absent", "exists", "enforced"]
    spec.update(name={"type": "str", "required": True}, state={"type": "str", "choices": states, "default": "present"})
    module = AnsibleModule(spec)
    address = module.params["gateway_hostname"] + "/api/gateway/v1/organizations/"
    headers = {"Authorization": "Bearer " + module.params["gateway_token"], "Content-Type": "application/json"}
    found = json.loads(open_url(address, headers=headers).read())["results"]
    mine = [each for each in found if each["name"] == module.params["name"]]
    if mine and module.params["state"] == "absent":
        open_url(address + str(mine[0]["id"]) + "/", headers=headers, method="DELETE")
    if mine or module.params["state"] == "absent":
        module.exit_json(changed=bool(mine) and module.params["state"] == "absent")
    if module.params["state"] == "exists":  # a question, not a demand
        module.fail_json("Item organization does not exist: " + module.params["name"])
    open_url(address, data=json.dumps({"name": module.params["name"]}), headers=headers, method="POST")
    module.exit_json(changed=True)


main()
"""


@pytest.fixture(scope="module", params=["awx.awx", "ansible.controller"])
def collection(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def controller(collection: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeController]:
    assert collection
    place = tmp_path_factory.mktemp("repositories")
    write_fleet(place / "inventory", {"tcx": {"hosts": {"acme": {}}}})
    repositories = {PLAYBOOKS_URL: make_project(place / "project"), INVENTORY_URL: place / "inventory"}
    with FakeController.start(repositories, behind_gateway=True) as running:
        yield running


@pytest.fixture(scope="module")
def setup(
    collection: str,
    controller: FakeController,
    awx_modules: Path,
    quick_modules: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Setup:
    home = tmp_path_factory.mktemp("home")
    modules = home / ".ansible" / "collections" / "ansible_collections" / "ansible" / "platform" / "plugins" / "modules"
    modules.mkdir(parents=True)
    (modules / "organization.py").write_text(PLATFORM, encoding="utf-8")
    installed = quick_modules
    if collection == "ansible.controller":
        installed = awx_in_process.as_controller(awx_modules, tmp_path_factory.mktemp("renamed"))
    return Setup(controller, home, installed, more=home / ".ansible" / "collections")


def run(setup: Setup, collection: str, *arguments: str, **variables: Any) -> Outcome:
    prefix = {"CONTROLLER_OPTIONAL_API_URLPATTERN_PREFIX": "/api/controller/"} if collection == "awx.awx" else {}
    return setup.run(
        *arguments,
        environment={"CONTROLLER_OAUTH_TOKEN": "", **prefix},
        controller_setup_collection=collection,
        controller_setup_gateway="true",  # as `-e controller_setup_gateway=true` gives it
        controller_setup_host=setup.controller.url,
        controller_setup_oauth_token=setup.controller.api.token_of(None),
        controller_setup_teams=[],
        **variables,
    )


@pytest.fixture(scope="module")
def outcome(setup: Setup, collection: str) -> Outcome:
    return run(setup, collection)


def test_the_gateway_is_the_only_address(controller: FakeController) -> None:
    assert httpx.get(f"{controller.url}/api/v2/organizations/").status_code == 404


def test_the_controller_makes_no_organization(controller: FakeController) -> None:
    headers = {"Authorization": f"Bearer {controller.api.token_of(None)}"}
    url = f"{controller.url}/api/controller/v2/organizations/"
    assert httpx.post(url, json={"name": "Elsewhere"}, headers=headers).status_code == 403


def test_everything_is_made_by_way_of_the_gateway(controller: FakeController, outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.output
    store = controller.store
    assert store.one("organization", "3CX telephony").values["default_environment"]
    assert store.one("workflow_job_template", "3CX rollout with approval")
    assert len(store.of("schedule")) == 2


def test_a_second_run_there_changes_nothing(setup: Setup, collection: str, outcome: Outcome) -> None:
    assert outcome.code == 0
    again = run(setup, collection)
    assert (again.code, again.changed, again.items) == (0, 0, []), again.output


def test_the_organization_is_taken_away_where_it_was_made(
    controller: FakeController, setup: Setup, collection: str, outcome: Outcome
) -> None:
    """The controller refuses it, as it refuses to make one."""
    assert outcome.code == 0
    ours = controller.store.one("organization", "3CX telephony")
    headers = {"Authorization": f"Bearer {controller.api.token_of(None)}"}
    url = f"{controller.url}/api/controller/v2/organizations/{ours.id}/"
    assert httpx.delete(url, headers=headers).status_code == 403
    gone = {"controller_setup_state": "absent", "controller_setup_remove_organization": True}
    removed = run(setup, collection, **gone)
    assert removed.code == 0, removed.output
    assert not any(item.name == "3CX telephony" for item in controller.store.of("organization"))
    again = run(setup, collection, **gone)
    assert (again.code, again.changed) == (0, 0), again.output
