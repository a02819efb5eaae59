# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide of the first hour names what is there: playbooks, variables, states, files."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.tcx.m365.plugins.action import automation_bootstrap, fleet_partner_consent, fleet_tenants
from ansible_collections.tcx.m365.plugins.module_utils._entra import delegated_admin
from ansible_collections.tcx.m365.plugins.module_utils._entra.federation import PLATFORMS
from ansible_collections.tcx.m365.plugins.plugin_utils._automation import partner, place, tenants

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")


def _variables(prefix: str) -> set[str]:
    return set(re.findall(rf"\b{prefix}_[a-z_]+\b", PAGE))


def _passed_on(playbook: str) -> set[str]:
    text = (ROOT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8")
    return set(re.findall(r"\{\{ (\w+) \| default", text))


def test_commands_run_playbooks_that_exist() -> None:
    named = set(re.findall(r"ansible-playbook tcx\.m365\.(\w+)", PAGE))
    assert named == {"bootstrap", "tenants", "partner_consent", "quickstart", "rollout", "compliance"}
    assert all((ROOT / "playbooks" / f"{name}.yml").is_file() for name in named)


def test_variables_of_the_page_are_read_and_those_that_matter_stand_there() -> None:
    options = {f"bootstrap_{name}" for name in automation_bootstrap.ARGUMENT_SPEC}
    assert _variables("bootstrap") <= options
    assert options == _passed_on("bootstrap")
    options = {f"tenants_{name}" for name in fleet_tenants.ARGUMENT_SPEC}
    assert _variables("tenants") <= options
    options = {f"partner_consent_{name}" for name in fleet_partner_consent.ARGUMENT_SPEC}
    assert _variables("partner_consent") <= options
    assert options - {"partner_consent_enforce"} <= _passed_on("partner_consent")
    assert {"tenants_file", "tenants_wait", "tenants_fail_on"} <= _variables("tenants") & _passed_on("tenants")


def test_the_obstacles_of_a_partner_are_those_of_the_code() -> None:
    section = PAGE.partition("### Consent by a partner")[2].partition("## 4.")[0]
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
    steps = dict(rows)
    assert set(steps) == set(delegated_admin.STEPS)
    source = "".join(Path(module.__file__ or "").read_text(encoding="utf-8") for module in (delegated_admin, partner))
    for name in re.findall(r"`(\w+)`", " ".join(steps.values())):
        assert f'"{name}"' in source, name


def test_states_platforms_and_files_are_those_of_the_code() -> None:
    for name in (*tenants.STATES, *PLATFORMS, place.RECORD, place.VARIABLES, place.CONSENT):
        assert f"`{name}`" in PAGE or f"bootstrap/{name}" in PAGE, name
