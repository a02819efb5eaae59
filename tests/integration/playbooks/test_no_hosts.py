# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A playbook that finds nothing to do says so and does not end green. No lab: nothing is asked of anybody."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
KEPT = ("PATH", "LANG", "TMPDIR")
PLAYBOOKS = ["rollout", "compliance", "rotate_certificate", "offboard", "capture", "orphans"]
PBXS = "tcx:\n  hosts:\n    acme:\nother:\n  hosts:\n    printer:\n"


def play(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("COVERAGE_")}
    known.update(
        HOME=str(home),
        ANSIBLE_HOME=str(home / ".ansible"),
        ANSIBLE_COLLECTIONS_PATH=str(REPOSITORY / ".build" / "collections"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_DEVEL_WARNING="0",
        LC_ALL="C.UTF-8",
    )
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=known, cwd=home, timeout=120)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_group_without_hosts_is_named_with_the_inventory_that_was_read(tmp_path: Path, playbook: str) -> None:
    inventory = tmp_path / "phones.yml"
    inventory.write_text("phones:\n  hosts:\n    acme:\n")
    done = play(tmp_path, f"tcx.m365.{playbook}", "-i", str(inventory))
    assert done.returncode != 0
    assert f"No PBX to work on: no host of the inventory {inventory} is in the group tcx." in said(done)
    assert "Traceback" not in said(done)
    allowed = play(tmp_path, f"tcx.m365.{playbook}", "-i", str(inventory), "-e", "allow_no_hosts=true")
    assert allowed.returncode == 0, said(allowed)


@pytest.mark.parametrize(
    "text", ["", "tcx:\n  hosts:\n    acme:\n      tcx_url: {{ unquoted }}\n"], ids=["empty", "unreadable"]
)
def test_an_inventory_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(text)
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(inventory))
    assert done.returncode != 0
    assert f"the inventory {inventory} has no hosts or could not be read, so the group tcx is empty" in said(done)
    assert not (tmp_path / "reports").exists()


def test_no_inventory_at_all(tmp_path: Path) -> None:
    done = play(tmp_path, "tcx.m365.rollout")
    assert done.returncode != 0
    assert "No PBX to work on" in said(done)


def test_a_limit_that_leaves_nobody_of_the_group(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(PBXS)
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(inventory), "--limit", "printer")
    assert done.returncode != 0
    assert "is in the group tcx with --limit printer" in said(done)


@pytest.mark.parametrize("pattern", ["ac*", "all:!other", "~acme.*"])
def test_patterns_are_read_as_ansible_reads_them(tmp_path: Path, pattern: str) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(PBXS)
    listed = play(tmp_path, "tcx.m365.capture", "-i", str(inventory), "--list-hosts", "-e", f"capture_hosts={pattern}")
    assert "acme" in listed.stdout
    assert "printer" not in listed.stdout
    done = play(
        tmp_path, "tcx.m365.capture", "-i", str(inventory), "--limit", "printer", "-e", f"capture_hosts={pattern}"
    )
    assert f"in the pattern {pattern} with --limit printer" in said(done)
    assert done.returncode != 0


def test_syntax_and_lists_need_no_hosts(tmp_path: Path) -> None:
    options = itertools.cycle(["--syntax-check", "--list-tasks", "--list-hosts", "--list-tags"])
    for playbook, option in zip(PLAYBOOKS, options, strict=False):
        done = play(tmp_path, f"tcx.m365.{playbook}", option)
        assert done.returncode == 0, said(done)


def test_a_size_of_batches_that_is_none(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(PBXS)
    done = play(tmp_path, "tcx.m365.rollout", "-i", str(inventory), "-e", "rollout_serial=some")
    assert done.returncode != 0
    assert "'some' is not the size of a batch. Give a number such as 5" in said(done)
