# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays of a user's own, in `ansible-playbook`: the four roles, and the modules with what the one before them returned."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.attacks.test_every_door import HARSH, TRAPS

HEAD = {"hosts": "tcx", "connection": "local", "gather_facts": False}
ROLES = [{**HEAD, "roles": [f"tcx.m365.{name}" for name in ("preflight", "entra_app", "tcx_console", "sso_verify")]}]
MODULES = [
    {
        **HEAD,
        "tasks": [
            {"tcx.m365.tcx_preflight": {"fqdn": "{{ tcx_fqdn }}"}, "register": "pbx"},
            {
                "tcx.m365.entra_preflight": {
                    "unique_name": "3cx-{{ inventory_hostname }}",
                    "pbx": "{{ tcx_url }}",
                    "pbx_names": "{{ tcx_fqdn }}",
                    "pbx_app_id": "{{ pbx.status.application_id }}",
                    "pbx_tenant_id": "{{ pbx.linked_tenant_id }}",
                    "pbx_healthy": "{{ pbx.status.ok }}",
                    "certificates": ["{{ entra_app_public_key }}"],
                },
                "register": "checked",
            },
            {
                "tcx.m365.azure_app_registration": "{{ checked.application | combine(wanted) }}",
                "vars": {
                    "wanted": {
                        "redirect_uris": ["{{ pbx.redirect_uri }}"],
                        "certificates": ["{{ entra_app_public_key }}"],
                        "features": ["user_sync", "mail"],
                    }
                },
                "register": "app",
            },
            {
                "tcx.m365.graph_permission_grant": {
                    "app_id": "{{ app.app_id }}",
                    "features": ["user_sync", "mail"],
                    "unknown_credentials": "{{ app.unknown_credentials }}",
                },
            },
            {
                "tcx.m365.tcx_m365_settings": {
                    "application_id": "{{ app.app_id }}",
                    "tenant_id": "{{ entra_tenant_id }}",
                }
            },
        ],
    }
]


@pytest.mark.parametrize(
    ("trap", "play", "in_process"),
    [
        ("vendor", ROLES, False),
        ("vendor with our mark", ROLES, True),
        ("squatted name, federated, live", MODULES, False),
        ("made by the automation for something else", MODULES, True),
    ],
    ids=["roles as modules", "roles in process", "modules as modules", "modules in process"],
)
def test_a_trap_gains_nothing(scene: Scene, tmp_path: Path, trap: str, play: object, *, in_process: bool) -> None:
    scene.grant_every_right()
    TRAPS[trap](scene)
    before = scene.frozen()
    path = tmp_path / "play.yml"
    path.write_text(yaml.safe_dump(play, sort_keys=False), encoding="utf-8")
    done = scene.controller.play(str(path), "--limit", "pbx0", variables={**HARSH, "tcx_m365_in_process": in_process})
    assert done.failed() == ["pbx0"], done.output
    assert "not_confirmed" in done.output, done.output
    assert "WarningSummary" not in done.output, "a warning of a module is its sentence"
    assert scene.frozen() == before


def test_what_is_meant_works_by_the_modules(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "play.yml"
    path.write_text(yaml.safe_dump(MODULES, sort_keys=False), encoding="utf-8")
    done = scene.controller.play(str(path), "--limit", "pbx0")
    assert done.code == 0, done.output
    assert scene.works("pbx0")
