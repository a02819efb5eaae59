# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controllers to work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import awx_in_process
import package_parts
import pytest
from fake_controller import FakeController
from tower_kit import INVENTORY_URL, PLAYBOOKS_URL, Setup, make_project, write_fleet

FLEET = {
    "tcx": {
        "hosts": {
            "acme": {"entra_tenant_id": "6f1c0000-1111-4222-8333-444455556666", "tcx_canary": True},
            "acme-depot": {"entra_tenant_id": "6f1c0000-1111-4222-8333-444455556666"},
            "contoso": {"entra_tenant_id": "0b7d0000-1111-4222-8333-444455556666"},
            "newcomer": {},
        }
    }
}


@pytest.fixture(scope="session")
def awx_modules() -> Path:
    """Where the collection awx.awx lies; it comes out of a package that is downloaded once."""
    return package_parts.ensure("awx")


@pytest.fixture(scope="session")
def quick_modules(awx_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same modules, run in the process of Ansible."""
    return awx_in_process.overlay(awx_modules, tmp_path_factory.mktemp("collections"))


@pytest.fixture(scope="session")
def rulebook_package() -> Path:
    """Where the schema and the parser of ansible-rulebook lie."""
    return package_parts.ensure("rulebook")


@pytest.fixture(scope="module")
def setup(quick_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """An empty controller."""
    place = tmp_path_factory.mktemp("repositories")
    write_fleet(place / "inventory", FLEET)
    with FakeController.start(
        {PLAYBOOKS_URL: make_project(place / "project"), INVENTORY_URL: place / "inventory"}
    ) as controller:
        yield Setup(controller, tmp_path_factory.mktemp("home"), quick_modules)


@pytest.fixture(scope="session")
def described(quick_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeController]:
    """A controller to which the playbook has been applied once."""
    place = tmp_path_factory.mktemp("repositories")
    write_fleet(place / "inventory", FLEET)
    with FakeController.start(
        {PLAYBOOKS_URL: make_project(place / "project"), INVENTORY_URL: place / "inventory"}
    ) as controller:
        outcome = Setup(controller, tmp_path_factory.mktemp("home"), quick_modules).run()
        assert outcome.code == 0, outcome.output
        yield controller
