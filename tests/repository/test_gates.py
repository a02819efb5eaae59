# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runner of the gates: what it counts, what it shows, and that it never calls a failure a success."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import docs_lint
import environments
import gates
import interpreters
import pytest
import sanity
import workspace
from gate_list import STATIC, Gate, all_gates

JUNIT = """<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="2" tests="5">
<testcase classname="tests.a" name="good"/>
<testcase classname="tests.a" name="bad"><failure message="no"/></testcase>
<testcase classname="tests.a" name="broken"><error message="fixture"/></testcase>
<testcase classname="tests.a" name="absent"><skipped type="pytest.skip" message="the contracts are not here"/></testcase>
<testcase classname="tests.a" name="later"><skipped type="pytest.xfail" message="known"/></testcase>
</testsuite></testsuites>"""


def gate(name: str = "sample", command: tuple[str, ...] = ("true",), **options: object) -> Gate:
    return Gate(name, f"the gate {name}", "main", command, frozenset({"check"}), **options)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of the runner's own, with environments that need no making."""
    for name in ("LOGS", "RESULTS", "BUILD", "ROOT"):
        monkeypatch.setattr(gates, name, tmp_path)
    monkeypatch.setattr(environments, "ensure", lambda _name: None)
    return tmp_path


def test_junit_is_counted_test_by_test(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(JUNIT)
    passed, failed, skips = gates.read_junit(report)
    assert (passed, failed) == (1, 2)
    assert [(skip.what, skip.reason) for skip in skips] == [
        ("tests.a::absent", "the contracts are not here"),
        ("tests.a::later", "known"),
    ]


@pytest.mark.parametrize(("command", "verdict"), [("exit 0", "passed"), ("exit 3", "failed")])
@pytest.mark.usefixtures("place")
def test_a_command_passes_or_fails_by_its_exit_status(command: str, verdict: str) -> None:
    result = gates.run_gate(gate(command=("sh", "-c", command)), gates.Cores(1), {"interpreters": ""})
    assert result.verdict == verdict


@pytest.mark.usefixtures("place")
def test_a_command_that_cannot_start_fails() -> None:
    result = gates.run_gate(gate(command=("no-such-program-anywhere",)), gates.Cores(1), {"interpreters": ""})
    assert result.verdict == "failed"


def test_a_gate_that_hangs_is_ended_with_all_that_it_started_and_has_failed(place: Path) -> None:
    command = "sleep 300 & echo $! > {results}/child; wait"
    words = {"interpreters": "", "results": str(place)}
    result = gates.run_gate(gate(command=("sh", "-c", command), minutes=0.1), gates.Cores(1), words)
    assert (result.passed, result.failed) == (0, 1)
    assert "within 0.1 minutes" in (place / "sample.log").read_text(encoding="utf-8")
    child = (place / "child").read_text(encoding="utf-8").strip()
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text(encoding="ascii").split()[2] == "Z"


@pytest.mark.parametrize("code", [0, 1, 5])
def test_pytest_without_a_report_fails_whatever_its_exit_status(place: Path, code: int) -> None:
    sample = gate(reports=True)
    assert gates.judge(sample, code, 1.0, place / "log").verdict == "failed"


def test_pytest_that_finds_no_test_fails(place: Path) -> None:
    (place / "sample.xml").write_text("<testsuites><testsuite/></testsuites>")
    assert gates.judge(gate(reports=True), 5, 1.0, place / "log").verdict == "failed"


def test_pytest_that_breaks_after_passing_tests_fails(place: Path) -> None:
    (place / "sample.xml").write_text('<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>')
    result = gates.judge(gate(reports=True), 3, 1.0, place / "log")
    assert (result.verdict, result.passed, result.failed) == ("failed", 1, 1)


@pytest.mark.usefixtures("place")
def test_what_is_missing_makes_a_skip_with_the_reason() -> None:
    sample = gate(paths=("tests/nowhere",))
    result = gates.run_gate(sample, gates.Cores(1), {"interpreters": ""})
    assert result.verdict == "skipped"
    assert result.skips == (gates.Skip("sample", "there is no tests/nowhere"),)


@pytest.mark.usefixtures("place")
def test_an_environment_that_cannot_be_made_makes_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> None:
        raise environments.CannotMake("core-2.20 needs Python 3.12")

    monkeypatch.setattr(environments, "ensure", refuse)
    result = gates.run_gate(gate(), gates.Cores(1), {"interpreters": ""})
    assert [skip.reason for skip in result.skips] == ["core-2.20 needs Python 3.12"]


def test_the_report_shows_tails_skips_and_honest_totals(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = place / "bad.log"
    log.write_text("\n".join(f"line {number}" for number in range(500)))
    results = [
        gates.Result(gate("good"), 1.0, passed=1),
        gates.Result(gate("units", reports=True), 2.0, passed=40, skips=(gates.Skip("t::x", "no browser here"),)),
        gates.Result(gate("bad"), 3.0, failed=1, log=log),
        gates.Result(gate("absent"), 0.0, skips=(gates.Skip("absent", "no such Python"),)),
    ]
    assert gates.report(results, 6.0) == 1
    out = capsys.readouterr().out
    assert "line 499" in out
    assert "line 1\n" not in out
    assert "  no browser here\n    units: t::x\n" in out
    assert "  no such Python\n    absent\n" in out
    assert out.splitlines()[-1] == "41 passed, 1 failed, 2 skipped"


@pytest.mark.usefixtures("place")
def test_a_run_in_which_nothing_ran_is_no_success() -> None:
    assert gates.report([gates.Result(gate(), 0.0, skips=(gates.Skip("sample", "why"),))], 0.0) == 1


def test_a_gate_sees_nothing_of_the_persons_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSIBLE_CONFIG", "AZURE_CLIENT_SECRET", "TCX_URL", "REQUESTS_CA_BUNDLE", "PYTHONPATH"):
        monkeypatch.setenv(name, "/somewhere")
    seen = gates.surroundings(gate(), {"interpreters": "/x"})
    assert not {"ANSIBLE_CONFIG", "AZURE_CLIENT_SECRET", "TCX_URL", "REQUESTS_CA_BUNDLE", "PYTHONPATH"} & set(seen)


def test_cores_bound_what_runs_at_once() -> None:
    cores = gates.Cores(2)
    assert cores.take(8) == 2
    waiting = threading.Thread(target=lambda: cores.give_back(cores.take(1)))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    cores.give_back(2)
    waiting.join(10)
    assert not waiting.is_alive()


def test_targets_and_gates_can_be_named() -> None:
    assert [found.name for found in gates.select(["ruff"])] == ["ruff"]
    assert {"ruff", "units-quick", "types"} <= {found.name for found in gates.select(["check"])}
    with pytest.raises(KeyError):
        gates.select(["nonsense"])


def test_the_whole_test_leaves_no_gate_out() -> None:
    twins = {"units", "units-quick"}
    assert {found.name for found in all_gates()} - {found.name for found in gates.select(["test"])} == twins


def test_every_test_runs_in_some_gate_of_the_whole_test() -> None:
    """As a whole: those that take only what is marked, as `smoke`, leave most of a directory out."""
    whole = [found for found in gates.select(["test"]) if found.pytest and "-m" not in found.command[3:]]
    for path in sorted((environments.ROOT / "tests").rglob("test_*.py")):
        above = {
            place.relative_to(environments.ROOT).as_posix()
            for place in (path, *path.parents[:-1])
            if place.is_relative_to(environments.ROOT)
        }
        ignored = {f"--ignore={place}" for place in above}
        assert any(above & set(found.paths) and not ignored & set(found.command) for found in whole), path


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("true",), None),
        (("false",), "not measured: tests has failed"),
        (None, "not measured: tests does not run now"),
    ],
)
@pytest.mark.usefixtures("place")
def test_a_share_is_judged_only_where_all_that_it_counts_has_run(
    command: tuple[str, ...] | None, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "link_all", lambda path: path)
    monkeypatch.setattr(environments, "link_collection", lambda: None)
    ended: list[gates.Result] = []
    monkeypatch.setattr(gates, "report", lambda results, _seconds: ended.extend(results) or 0)
    gates.run([*([gate("tests", command)] if command else []), gate("share", after=("tests",))])
    assert [skip.reason for skip in ended[-1].skips] == ([reason] if reason else [])
    assert ended[-1].verdict == ("skipped" if reason else "passed")


def test_tests_are_counted_only_where_their_share_is_asked_for() -> None:
    alone = {found.name: found for found in gates.select(["modules"])}
    together = {found.name: found for found in gates.select(["coverage"])}
    assert "tools/measure_coverage.py" not in alone["modules"].command
    assert together["modules"].command[1:3] == ("tools/measure_coverage.py", "modules")
    assert together["modules"].command[3:] == alone["modules"].command[3:]
    assert set(together["covered"].after) == set(together) - {"covered"}


def test_no_gate_waits_for_the_whole_machine_while_others_could_run() -> None:
    needed = [found.cores for found in all_gates() if found not in STATIC]
    assert needed == sorted(needed)


def test_the_site_is_built_before_a_browser_looks_at_it() -> None:
    names = [found.name for found in gates.select(["test"])]
    assert names.index("site") < names.index("tower") < names.index("browser")


def test_names_of_gates_are_unique() -> None:
    names = [found.name for found in all_gates()]
    assert len(names) == len(set(names))


def test_a_name_that_does_not_answer_is_no_interpreter(tmp_path: Path) -> None:
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert interpreters.answer(str(shim)) is None
    assert interpreters.answer(str(tmp_path / "nowhere")) is None


def test_an_environment_without_its_python_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "interpreters", lambda: {(3, 11): Path("/usr/bin/python3.11")})
    with pytest.raises(environments.CannotMake, match=r"core-2\.20 needs Python 3\.12, 3\.13, 3\.14.*has 3\.11"):
        environments.Environment("core-2.20", "x", environments.CORES["2.20"]).interpreter()


def test_a_copy_holds_what_is_tracked_changed_and_new_but_not_what_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / ".gitignore").write_text("ignored\n")
    for name in ("tracked", "removed", "ignored"):
        (source / name).write_text("old")
    for command in (["git", "init", "-q"], ["git", "add", "--all"]):
        subprocess.run(command, cwd=source, check=True)
    (source / "tracked").write_text("changed")
    (source / "new").write_text("new")
    (source / "removed").unlink()
    monkeypatch.setattr(workspace, "ROOT", source)
    monkeypatch.setattr(workspace.tracked_files, "__defaults__", (source,))
    copy = workspace.copy_collection(tmp_path / "copy")
    assert {path.name for path in copy.iterdir()} == {".git", ".gitignore", "tracked", "new"}
    assert (copy / "tracked").read_text() == "changed"


SANITY = """WARNING: Skipping sanity test "compile" on Python 3.14 because it could not be found.
Running sanity test "compile" on Python 3.9
Running sanity test "pep8"
ERROR: Found 1 pep8 issue(s) which need to be resolved:
ERROR: plugins/x.py:1:1: E303: too many blank lines
Running sanity test "shellcheck"
No tests applicable.
Running sanity test "yamllint"
WARNING: Reviewing previous 1 warning(s):
WARNING: Skipping sanity test "compile" on Python 3.14 because it could not be found.
FATAL: The 1 sanity test(s) listed below (out of 4) failed. See error output above for details.
pep8
"""


def test_sanity_is_reported_test_by_test(tmp_path: Path) -> None:
    report = tmp_path / "sanity.xml"
    sanity.write_report(sanity.read_output(SANITY.splitlines()), 1, report)
    passed, failed, skips = gates.read_junit(report)
    assert (passed, failed) == (2, 1)
    assert [skip.reason for skip in skips] == ["this machine has no Python 3.14"]


def test_sanity_that_dies_without_a_word_fails(tmp_path: Path) -> None:
    report = tmp_path / "sanity.xml"
    sanity.write_report(sanity.read_output(['Running sanity test "pep8"', "FATAL: Killed"]), 1, report)
    assert gates.read_junit(report)[:2] == (1, 1)


def test_get_pip_is_placed_for_each_version_and_leaves_an_existing_one(tmp_path: Path) -> None:
    internals = tmp_path / "site" / "ansible_test" / "_internal"
    internals.mkdir(parents=True)
    (internals / "python_requirements.py").write_text("dict(\n    pip='24.2',\n)\n{'3.8': dict(pip='21.3.1')}")
    cache = tmp_path / "home" / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True)
    (cache / "get_pip_24_2.py").write_text("the real one")
    workspace.place_get_pip(tmp_path / "home", tmp_path / "site")
    assert (cache / "get_pip_24_2.py").read_text() == "the real one"
    assert "ensurepip" in (cache / "get_pip_21_3_1.py").read_text()


@pytest.mark.parametrize(("line", "tries"), [("plugins/x.rst:9:0: (ERROR/3) Unexpected indentation.", 1), ("", 4)])
def test_the_documentation_is_checked_again_only_where_nothing_of_ours_is_faulty(
    tmp_path: Path, line: str, tries: int
) -> None:
    script = (
        f"echo . >> {tmp_path / 'tries'}; echo '{line}';"
        "echo 'plugins/x.rst:4:0: (ERROR/3) Unknown target name: \"antsibull-docs-abc\".'; exit 3"
    )
    assert docs_lint.main(["sh", "-c", script]) == 3
    assert (tmp_path / "tries").read_text().count(".") == tries
