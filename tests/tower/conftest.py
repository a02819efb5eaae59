# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controllers to work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import package_parts
import pytest
from environments import CannotMake
from fake_controller import FakeController
from tower_kit import INVENTORY_URL, PLAYBOOKS_URL, REPOSITORY, Setup


@pytest.fixture(scope="session")
def awx_modules() -> Path:
    """Where the collection awx.awx lies; it comes out of a package that is downloaded once."""
    try:
        return package_parts.ensure("awx")
    except CannotMake as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def rulebook_package() -> Path:
    """Where the schema and the parser of ansible-rulebook lie."""
    try:
        return package_parts.ensure("rulebook")
    except CannotMake as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def setup(awx_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """An empty controller."""
    inventory = tmp_path_factory.mktemp("inventory")
    with FakeController.start({PLAYBOOKS_URL: REPOSITORY, INVENTORY_URL: inventory}) as controller:
        yield Setup(controller, tmp_path_factory.mktemp("home"), awx_modules)


@pytest.fixture(scope="session")
def described(awx_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeController]:
    """A controller to which the playbook has been applied once."""
    inventory = tmp_path_factory.mktemp("inventory")
    with FakeController.start({PLAYBOOKS_URL: REPOSITORY, INVENTORY_URL: inventory}) as controller:
        outcome = Setup(controller, tmp_path_factory.mktemp("home"), awx_modules).run()
        assert outcome.code == 0, outcome.output
        yield controller
