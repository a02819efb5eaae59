# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a variable is told by its name, in playbooks and in roles. No lab: nothing is asked of anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .test_no_hosts import play, said

# Playbook -> its numbers -> whether 0 has a meaning.
NUMBERS = {
    "orphans": {"orphans_concurrency": False},
    "tenants": {"tenants_concurrency": False, "tenants_interval": False, "tenants_wait": True},
    "bootstrap": {
        "bootstrap_certificate_days": False,
        "bootstrap_rotate_overlap_days": True,
        "bootstrap_wait_timeout": True,
    },
    "compliance": {"compliance_concurrency": False, "compliance_keep": True, "compliance_min_hosts": True},
    "rollout": {"rollout_concurrency": False},
    "support_bundle": {"support_bundle_max_hosts": False},
    "partner_consent": {"partner_consent_wait_timeout": True},
}


@pytest.mark.parametrize(
    ("value", "told"), [(0, "greater than 0 and at most"), (1.5, "not a number with a fraction")], ids=["0", "1.5"]
)
@pytest.mark.parametrize("playbook", NUMBERS)
def test_a_number_that_cannot_be_meant_is_not_taken_for_none(
    tmp_path: Path, playbook: str, value: Any, told: str
) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("tcx:\n  hosts:\n    acme:\n")
    given = dict.fromkeys(NUMBERS[playbook], value)
    done = said(play(tmp_path, f"tcx.m365.{playbook}", "-i", str(inventory), "-e", json.dumps(given)))
    for name, takes_zero in NUMBERS[playbook].items():
        is_told = f"{name} must be a whole number, {told}" in done
        assert is_told is not (value == 0 and takes_zero), done


def test_a_role_that_ansible_does_not_validate_names_the_variable_whose_template_fails(tmp_path: Path) -> None:
    inventory, site = tmp_path / "inventory.yml", tmp_path / "site.yml"
    inventory.write_text("tcx:\n  hosts:\n    acme:\n      tcx_url: '{{ missing }}'\n")
    role = {"ansible.builtin.import_role": {"name": "tcx.m365.preflight", "rolespec_validate": False}}
    site.write_text(json.dumps([{"hosts": "tcx", "gather_facts": False, "connection": "local", "tasks": [role]}]))
    done = said(play(tmp_path, str(site), "-i", str(inventory)))
    assert "Validating arguments" not in done
    assert "the variable tcx_url cannot be read: 'missing' is undefined" in done
