# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller with the layout of the first release, a constructed inventory, is moved to the one that is read anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_controller import FakeController, jobs, syncs
from fake_controller.store import Item
from tower_kit import INVENTORY_URL, PLAYBOOKS_URL, Setup, make_project, write_fleet


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_constructed_inventory_is_replaced(quick_modules: Path, tmp_path: Path, interrupted: bool) -> None:
    write_fleet(tmp_path / "inventory", {"tcx": {"hosts": {"acme": {"entra_tenant_id": "a-b", "tcx_canary": True}}}})
    repositories = {PLAYBOOKS_URL: make_project(tmp_path / "project"), INVENTORY_URL: tmp_path / "inventory"}
    (tmp_path / "home").mkdir()
    with FakeController.start(repositories) as controller:
        store = controller.store
        ours = store.create("organizations", {"name": "3CX telephony"}).id
        git = {"organization": ours, "scm_type": "git"}
        files = store.create("projects", {"name": "3CX inventory files", "scm_url": INVENTORY_URL, **git})
        playbooks = store.create("projects", {"name": "3CX Microsoft 365 playbooks", "scm_url": PLAYBOOKS_URL, **git})
        written = store.create("inventories", {"name": "3CX inventory as written", "organization": ours})
        given = {"name": "3CX inventory files of the project", "inventory": written.id, "source": "scm"}
        store.create("inventory_sources", {**given, "source_project": files.id, "source_path": "inventory.yml"})
        fleet = store.create("inventories", {"name": "3CX fleet", "organization": ours, "kind": "constructed"})
        store.associate(fleet, "input_inventories", {"id": written.id})
        given = {"name": "3CX compliance", "playbook": "playbooks/compliance.yml", "project": playbooks.id}
        template = store.create("job_templates", {**given, "inventory": fleet.id})

        setup = Setup(controller, tmp_path / "home", quick_modules)
        if interrupted:
            lacks_a_playbook(setup, playbooks, tmp_path / "project" / "playbooks" / "rollback.yml")
            # A run that was ended a little later leaves it so.
            store.change(fleet, {"name": "3CX fleet (replaced)"})

        outcome = setup.run()

        assert outcome.code == 0, outcome.output
        assert [(item.name, item.values["kind"]) for item in store.of("inventory")] == [("3CX fleet", "")]
        assert store.items[template.id].values["inventory"] == store.one("inventory", "3CX fleet").id
        assert jobs.launch(store, template, {}).values["status"] == "successful"
        data = syncs.script_data(store, store.one("inventory", "3CX fleet"))
        assert (data["tcx_canary"]["hosts"], data["tenant_a_b"]["hosts"]) == (["acme"], ["acme"])


def lacks_a_playbook(setup: Setup, project: Item, path: Path) -> None:
    """The repository of an earlier release has fewer playbooks: the run ends before it has moved anything, and says which."""
    text = path.read_text("utf-8")
    path.unlink()
    store = setup.controller.store
    syncs.update_project(store, project)
    outcome = setup.run()
    path.write_text(text, "utf-8")
    assert outcome.code != 0
    assert f"The project {project.name} has no playbooks/{path.name}" in outcome.output
    assert store.one("inventory", "3CX fleet").values["kind"] == "constructed"
