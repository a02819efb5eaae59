# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a report says that it comes from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._provenance import (
    collection_version,
    commit_of,
    provenance,
)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_of_an_inventory_in_git(tmp_path: Path, packed: bool) -> None:
    git(tmp_path, "init", "-q")
    inventory = tmp_path / "inventory" / "hosts.yml"
    inventory.parent.mkdir()
    inventory.write_text("all: {}")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "x")
    if packed:
        git(tmp_path, "pack-refs", "--all")
    assert commit_of(inventory) == git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "checkout", "-q", "--detach")
    assert commit_of(inventory) == git(tmp_path, "rev-parse", "HEAD")


@pytest.mark.parametrize("head", ["", "ref: ../../../etc/passwd", "nonsense", "\xff"])
def test_a_repository_that_is_none_has_no_commit(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head, encoding="latin-1")
    (tmp_path / "hosts.yml").touch()
    assert commit_of(tmp_path / "hosts.yml") == ""


def test_a_run_by_a_job_of_a_controller_names_job_and_user() -> None:
    found = provenance({"awx_job_id": 7, "awx_user_name": "ada"}, ["b", "", "a", "b"])
    assert (found["job_id"], found["user"], found["automation_app_id"]) == ("7", "ada", ["a", "b"])
    assert found["collection_version"] == collection_version() != ""
    assert "inventory" not in found
