# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job on twelve PBXs, in the order in which a user meets it. The tests of this file build on each other."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from .conftest import Controller

pytestmark = [pytest.mark.smoke, pytest.mark.xdist_group("fleet")]

TROUBLED = ["acme-hamburg", "fabrikam-nantes", "northwind-hotline"]


def _calls(controller: Controller) -> dict[str, Counter[str]]:
    """HTTP requests of the collection by service: XAPI by PBX, Graph by tenant."""
    entries = [each for each in controller.lab.control.log(source="client") if each["batch"] is None]
    return {
        "xapi": Counter(each["host"] for each in entries if each["path"].startswith("/xapi/")),
        "graph": Counter(each["tenant"] for each in entries if each["service"] == "graph"),
        "pbx tokens": Counter(each["host"] for each in entries if each["path"] == "/connect/token"),
        "entra tokens": Counter(each["tenant"] for each in entries if each["path"].endswith("/oauth2/v2.0/token")),
    }


def _pbxs_by_tenant(controller: Controller) -> Counter[str]:
    hosts = controller.lab.inventory["tcx"]["hosts"]
    return Counter(values["entra_tenant_id"] for host, values in hosts.items() if host not in TROUBLED)


def test_check_mode_writes_nothing_and_predicts_every_change(demo: Controller) -> None:
    done = demo.rollout("--check", "--diff")
    assert demo.writes() == []
    assert done.failed() == TROUBLED
    assert len(done.changed()) == 9
    assert "oauth2office2" in done.output


def test_the_first_rollout_reaches_every_healthy_pbx_within_its_budget_of_calls(demo: Controller) -> None:
    demo.lab.control.clear_log()
    done = demo.rollout()
    assert done.code == 2
    assert done.failed() == TROUBLED
    assert len(done.changed()) == 9
    calls = _calls(demo)
    tenants = _pbxs_by_tenant(demo)
    assert all(calls["xapi"][host] <= 8 for host in done.changed()), calls["xapi"]
    assert all(calls["graph"][tenant] <= 8 * count for tenant, count in tenants.items()), calls["graph"]
    assert set(calls["pbx tokens"].values()) == {1}
    assert set(calls["entra tokens"].values()) == {1}


def test_each_failure_is_explained_in_a_sentence_and_stops_nobody_else(demo: Controller) -> None:
    done = demo.rollout("--limit", "acme-hamburg,fabrikam-nantes,northwind-hotline,tailwind")
    assert done.failed() == TROUBLED
    assert done.recap["tailwind"]["failed"] == 0
    down = done.sentence("acme-hamburg")
    assert "Could not connect to 3CX at https://127.0.0.1:" in down
    assert "firewall" in down
    assert "Connection(" not in down, "names of classes are for programmers"
    assert "username and password were refused" in done.sentence("fabrikam-nantes")
    assert "login page" in done.sentence("fabrikam-nantes")
    unlicensed = done.sentence("northwind-hotline")
    assert "tcx_console_contact_sync.enabled needs Professional" in unlicensed
    assert "nothing was written" in unlicensed


def test_the_second_rollout_sends_no_write_at_all(demo: Controller) -> None:
    demo.lab.control.clear_log()
    done = demo.rollout()
    assert demo.writes() == []
    assert done.changed() == []
    assert done.failed() == TROUBLED
    calls = _calls(demo)
    healthy = [host for host in done.recap if host not in TROUBLED]
    assert all(calls["xapi"][host] <= 5 for host in healthy), calls["xapi"]
    assert all(calls["graph"][tenant] <= 3 * count for tenant, count in _pbxs_by_tenant(demo).items()), calls["graph"]


def test_compliance_finds_exactly_what_was_changed_and_writes_nothing(demo: Controller, tmp_path: Path) -> None:
    healthy = sorted(host for host in demo.lab.inventory["tcx"]["hosts"] if host not in TROUBLED)
    drifted = sorted(demo.lab.control.drift(healthy[1:5]))
    assert len(drifted) == 4
    demo.lab.control.clear_log()
    done, report = demo.compliance(directory=tmp_path)
    assert done.code == 0, done.output
    assert demo.writes() == []
    verdicts = {entry["host"]: entry["verdict"] for entry in report["hosts"]}
    assert sorted(host for host, verdict in verdicts.items() if verdict == "drifted") == drifted
    assert verdicts["acme-hamburg"] == "unreachable"
    assert verdicts["fabrikam-nantes"] == "failed"
    assert verdicts["northwind-hotline"] == "unlicensed"
    assert {name: count for name, count in report["summary"].items() if count} == {
        "total": 12,
        "compliant": 5,
        "drifted": 4,
        "failed": 1,
        "unreachable": 1,
        "unlicensed": 1,
    }
    for entry in report["hosts"]:
        assert bool(entry["changes"]) == (entry["verdict"] == "drifted"), entry
        assert bool(entry["reasons"]) == (entry["verdict"] != "compliant"), entry
    # The kept report lies in a directory of its own beside the files.
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "compliance.json",
        "compliance.csv",
        "compliance.md",
        "compliance.html",
        "compliance.junit.xml",
        "SHA256SUMS",
    }


def test_the_next_run_is_compared_by_itself_and_both_are_kept(demo: Controller, tmp_path: Path) -> None:
    _first, one = demo.compliance(directory=tmp_path, compliance_serial="40%")
    assert "comparison" not in one
    assert [point["total"] for point in one["trend"]] == [12]
    done, two = demo.compliance(directory=tmp_path, compliance_serial="40%", compliance_keep=2)
    assert two["comparison"]["earlier_generated_at"] == one["generated_at"]
    assert two["comparison"]["counts"]["still_open"] == 7
    assert two["comparison"]["removed"] == []
    assert [point["total"] for point in two["trend"]] == [12, 12]
    assert "passed over" not in done.output
    kept = sorted(path for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink())
    assert [json.loads((path / "compliance.json").read_text())["generated_at"] for path in kept] == [
        one["generated_at"],
        two["generated_at"],
    ]
    assert (tmp_path / "latest").resolve() == kept[1]
    limited, three = demo.compliance("--limit", "tailwind", directory=tmp_path, compliance_keep="")
    assert limited.code == 0, limited.output
    assert three["comparison"]["removed"] == []


def test_check_mode_of_the_rollout_agrees_with_the_compliance_report(demo: Controller, tmp_path: Path) -> None:
    _done, report = demo.compliance(directory=tmp_path)
    drifted = sorted(entry["host"] for entry in report["hosts"] if entry["verdict"] == "drifted")
    assert drifted
    assert demo.rollout("--check").changed() == drifted


def test_the_rollout_repairs_the_drifted_and_only_them(demo: Controller, tmp_path: Path) -> None:
    _done, before = demo.compliance(directory=tmp_path / "before")
    drifted = sorted(entry["host"] for entry in before["hosts"] if entry["verdict"] == "drifted")
    done = demo.rollout()
    assert done.changed() == drifted
    after_run, after = demo.compliance(
        directory=tmp_path / "after",
        compliance_compare=str(tmp_path / "before" / "compliance.json"),
        compliance_fail_on_drift=True,
    )
    assert after["summary"]["drifted"] == 0
    assert after_run.code == 2  # three PBXs are still not compliant
    resolved = after["comparison"]["resolved"]
    assert sorted({entry if isinstance(entry, str) else entry["host"] for entry in resolved}) == drifted
