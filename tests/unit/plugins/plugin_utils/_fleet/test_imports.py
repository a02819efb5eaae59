# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task imports: counted, because each process of Ansible pays for it, and times are no test."""

from __future__ import annotations

import os
import subprocess
import sys

OURS = "ansible_collections.tcx.m365."
_COUNT = """
import sys
import ansible.cli.playbook
before = set(sys.modules)
import {name}
print("\\n".join(sorted(set(sys.modules) - before)))
"""


def imported_by(action: str) -> set[str]:
    """The modules that Ansible has not imported before, in a new process."""
    code = _COUNT.format(name=f"{OURS}plugins.action.{action}")
    known = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=known)
    return set(done.stdout.split())


def test_a_rollout_imports_no_format_of_the_report_and_nothing_that_only_a_command_of_its_own_needs() -> None:
    found = imported_by("fleet_rollout")
    formats = ("as_csv", "as_junit", "as_markdown", "charts", "files", "history", "page", "signing")
    assert not [name for name in found if name.endswith(tuple(f"._report.{each}" for each in formats))]
    assert not [name for name in found if "._automation" in name or "._list" in name]
    assert not {"asyncio", "jinja2.sandbox", "zipfile", "smtplib"} & found


def test_the_number_of_modules_that_a_task_imports_stays_within_its_budget() -> None:
    """At the time of writing 189 of our own; what msal, requests and cryptography bring differs from release to release."""
    own = [name for name in imported_by("fleet_rollout") if name.startswith(OURS)]
    assert len(own) <= 195
