# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a person grants the permissions, that person is not sent to grant them to an attacker's application."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.attacks.test_hostile_values import _told
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run
from tcx_lab.hostile import Intruder
from tcx_lab.pbx import state_of

NO_GRANTS = {"entra_app_manage_grants": False, "tcx_console_wait_timeout": 2}


def test_nobody_is_sent_to_consent_to_an_application_of_a_stranger(scene: Scene, tmp_path: Path) -> None:
    """A guest registers it with the redirect URI of the PBX and a secret of his own, and the PBX names it."""
    eve = Intruder(scene.world, scene.tenant("acme"))
    uri = f"{state_of(scene.world, scene.pbx('pbx0')).base_url}/oauth2office2"
    made = eve.register("3CX", web={"redirectUris": [uri]})
    eve.add_secret(made)
    scene.point("pbx0", made["appId"])
    content = scene.controller.lab.inventory
    for door in ("rollout", "roles"):
        for check_mode in (True, False):
            run = Run.begin(content, ["pbx0"], tmp_path / f"{door}{check_mode}", check_mode=check_mode, **NO_GRANTS)
            done = run.operation("rollout") if door == "rollout" else run.roles(*ROLES)
            told = list(_told([done, run.warnings]))
            assert not [text for text in told if "adminconsent" in text]
            assert [text for text in told if "which nobody here knows" in text and "the client secret" in text]
    audit = Run.begin(content, ["pbx0"], tmp_path / "audit", check_mode=True, **NO_GRANTS)
    (entry,) = audit.report()
    assert entry.verdict != "compliant"
    assert not [text for text in _told(vars(entry)) if "adminconsent" in text]
    assert all("before anybody" in remedy for remedy in entry.remedies), entry.remedies
    stated = Run.begin(content, ["pbx0"], tmp_path / "stated", entra_app_app_id=made["appId"], **NO_GRANTS)
    assert [text for text in _told(stated.operation("rollout")) if "adminconsent" in text], "the operator has looked"
