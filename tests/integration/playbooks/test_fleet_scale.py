# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A compliance run over 100 PBXs, some of them with each kind of trouble: every PBX once in the report, with the right verdict,
however the run is cut, limited or scheduled. The tests of this file share one fleet; the last one changes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.testing import Lab

from .conftest import REPOSITORY, Controller

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("fleet-scale")]

PBXS = 100
TROUBLE = {"down": 3, "wrong_secret": 3, "unlicensed": 6, "drifted": 3}
TIMES = {"generated_at", "duration_s"}

FREE_PLAY = """
- name: Everybody at his own pace
  hosts: tcx
  connection: local
  gather_facts: false
  strategy: ansible.builtin.free
  check_mode: true
  roles:
    - role: tcx.m365.compliance
  post_tasks:
    - name: Go on after the role
      ansible.builtin.debug:
        msg: the play went on
      run_once: true
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """100 PBXs, rolled out, then some of them changed behind our back."""
    # Wrong secrets are sent in each run; a PBX that blocks us for it would answer something else in the next one.
    with Lab.start(pbxs=PBXS, switches={"block_after": 1000}, **TROUBLE) as lab:
        collections = str(REPOSITORY / ".build" / "collections")
        prepare = [sys.executable, str(REPOSITORY / "tests" / "bench" / "prepare.py"), str(lab.inventory_path)]
        done = subprocess.run(
            prepare, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": collections}
        )
        assert done.returncode == 0, done.stderr
        assert len(lab.control.drift()) == PBXS * TROUBLE["drifted"] / 100
        lab.control.clear_log()
        yield Controller(lab, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def first(fleet: Controller, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of a plain run, and what was seen of it."""
    directory = tmp_path_factory.mktemp("first")
    done, report = fleet.compliance(directory=directory)
    assert done.code == 0, done.output[-3000:]
    return {"report": report, "path": directory / "compliance.json", "output": done.output}


def expected(fleet: Controller) -> dict[str, str]:
    return {pbx["name"]: pbx["expected"] for pbx in fleet.lab.control.state()["pbxs"]}


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    """Verdict by host; a host that is there twice is an error."""
    hosts = [entry["host"] for entry in report["hosts"]]
    assert len(hosts) == len(set(hosts))
    return {entry["host"]: entry["verdict"] for entry in report["hosts"]}


def differences(one: Any, other: Any, name: str = "") -> set[str]:
    """Names of the fields that differ, at any depth."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = [differences(one.get(key), other.get(key), key) for key in {*one, *other}]
        return set().union(*found)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return set().union(*(differences(*pair, name) for pair in zip(one, other, strict=True)))
    return set() if one == other else {name}


def test_every_pbx_is_in_the_report_once_with_the_right_verdict(fleet: Controller, first: dict[str, Any]) -> None:
    wanted = expected(fleet)
    assert verdicts(first["report"]) == wanted
    assert first["report"]["summary"] == {"total": PBXS, **_summary(wanted)}
    assert set(wanted.values()) == {"compliant", "drifted", "failed", "unreachable", "unlicensed"}
    assert fleet.writes() == []


def _summary(wanted: dict[str, str]) -> dict[str, int]:
    counts = Counter(wanted.values())
    verdicts_known = ("compliant", "attention", "drifted", "broken", "failed", "unreachable", "unlicensed")
    return {name: counts[name] for name in verdicts_known}


def test_it_asks_each_pbx_and_each_tenant_only_what_is_needed(fleet: Controller, tmp_path: Path) -> None:
    fleet.lab.control.clear_log()
    fleet.compliance(directory=tmp_path)
    entries = [each for each in fleet.lab.control.log(source="client") if each["batch"] is None]
    signs_in = Counter(each["host"] for each in entries if each["path"] == "/connect/token")
    asks = Counter(each["host"] for each in entries if each["path"].startswith("/xapi/"))
    graph = Counter(each["tenant"] for each in entries if each["service"] == "graph")
    assert set(signs_in.values()) == {1}, signs_in.most_common(3)
    healthy = [host for host, verdict in expected(fleet).items() if verdict == "compliant"]
    assert max(asks[host] for host in healthy) <= 5, asks.most_common(3)
    assert max(graph.values()) <= 3, graph.most_common(3)
    catalogs = [each for each in fleet.lab.control.log(service="graph") if "appRoles" in each["query"]]
    assert len(catalogs) < PBXS / 2, "the catalog of permissions is the same in all tenants"


def test_a_second_report_differs_in_its_times_alone(fleet: Controller, first: dict[str, Any], tmp_path: Path) -> None:
    _done, again = fleet.compliance(directory=tmp_path)
    assert differences(first["report"], again) <= TIMES


def test_batches_give_the_same_report(fleet: Controller, first: dict[str, Any], tmp_path: Path) -> None:
    done, report = fleet.compliance(directory=tmp_path, compliance_serial=70)
    assert done.code == 0, done.output[-3000:]
    assert verdicts(report) == expected(fleet)
    assert differences(first["report"]["hosts"], report["hosts"]) == set()


def test_a_limit_reports_on_those_hosts_alone(fleet: Controller, tmp_path: Path) -> None:
    wanted = expected(fleet)
    chosen = sorted(wanted)[:30] + [host for host in wanted if wanted[host] in ("unreachable", "failed")]
    _done, report = fleet.compliance("--limit", ",".join(chosen), directory=tmp_path)
    assert verdicts(report) == {host: wanted[host] for host in chosen}


def test_the_strategy_of_the_environment_does_not_matter(fleet: Controller, tmp_path: Path) -> None:
    done = fleet.play(
        "tcx.m365.compliance", variables={"compliance_report_dir": str(tmp_path)}, ANSIBLE_STRATEGY="free"
    )
    assert done.code == 0, done.output[-3000:]
    report = json.loads((tmp_path / "compliance.json").read_text(encoding="utf-8"))
    assert verdicts(report) == expected(fleet)


def test_the_role_in_a_free_play_sweeps_once_and_fails_nobody(fleet: Controller, tmp_path: Path) -> None:
    play = tmp_path / "play.yml"
    play.write_text(FREE_PLAY, encoding="utf-8")
    fleet.lab.control.clear_log()
    done = fleet.play(str(play), variables={"compliance_report_dir": str(tmp_path)})
    assert done.code == 0, done.output[-3000:]
    assert done.failed() == []
    assert "the play went on" in done.output
    report = json.loads((tmp_path / "compliance.json").read_text(encoding="utf-8"))
    assert verdicts(report) == expected(fleet)
    entries = fleet.lab.control.log(source="client", service="pbx")
    assert set(Counter(each["host"] for each in entries if each["path"] == "/connect/token").values()) == {1}


def test_drift_sets_the_exit_code_after_the_report_is_written(fleet: Controller, tmp_path: Path) -> None:
    done, report = fleet.compliance(directory=tmp_path, compliance_fail_on_drift=True)
    assert done.code == 2
    assert len(report["hosts"]) == PBXS
    healthy = [host for host, verdict in expected(fleet).items() if verdict == "compliant"][:10]
    clean, _report = fleet.compliance(
        "--limit", ",".join(healthy), directory=tmp_path / "healthy", compliance_fail_on_drift=True
    )
    assert clean.code == 0, clean.output[-3000:]


def test_the_summary_is_set_as_statistics_for_a_workflow(fleet: Controller, tmp_path: Path) -> None:
    done = fleet.play(
        "tcx.m365.compliance",
        variables={"compliance_report_dir": str(tmp_path)},
        ANSIBLE_SHOW_CUSTOM_STATS="1",
    )
    shown = done.output.partition("CUSTOM STATS:")[2]
    assert "tcx_m365_compliance" in shown, done.output[-2000:]
    assert str(PBXS) in shown


def test_a_comparison_names_what_is_new_and_nothing_else(
    fleet: Controller, first: dict[str, Any], tmp_path: Path
) -> None:
    healthy = sorted(host for host, verdict in expected(fleet).items() if verdict == "compliant")
    changed = sorted(fleet.lab.control.drift(healthy[5:8]))
    _done, report = fleet.compliance(directory=tmp_path, compliance_compare=str(first["path"]))
    found = report["comparison"]
    assert sorted(_host(entry) for entry in found["new_drift"]) == changed
    assert found["new_failures"] == found["resolved"] == found["added"] == found["removed"] == []
    assert len(found["still_open"]) == PBXS - first["report"]["summary"]["compliant"]


def _host(entry: Any) -> str:
    return str(entry["host"]) if isinstance(entry, dict) else str(entry)
