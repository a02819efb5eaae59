# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the quality gates of gate_list.py side by side, and says honestly how they ended.

Usage: gates.py TARGET|GATE ...     a target of make (check, test, lint, ...) or the names of single gates
       gates.py --list              all gates and the targets that they belong to

Each gate writes a log of its own. The end is a table, the tail of each failed log, every skip with its reason, and one
line `N passed, N failed, N skipped`: tests that a gate reports count one by one, any other gate counts as one check.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import environments
import interpreters
import workspace
from environments import BUILD, COLLECTIONS, ROOT, CannotMake
from gate_list import GROUPS, Gate, all_gates, counting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

LOGS = BUILD / "logs"
RESULTS = BUILD / "results"
TAIL_LINES = 60
GRACE_S = 1.0

# Process groups of the gates under way: they have left that of the terminal, so Ctrl-C reaches them through us alone.
RUNNING: set[int] = set()

# Neither a person's settings nor the make above may decide how a gate ends; certificate bundles would override the lab's.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYENV_VERSION", "MFLAGS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
FOREIGN_PREFIXES = ("MAKE", "ANSIBLE_", "AZURE_", "ENTRA_", "TCX_")
WELCOME = ("TCX_CONTRACTS",)  # where the published API descriptions are, for the tests that compare with them


@dataclass(frozen=True)
class Skip:
    """A test or a gate that did not run, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Result:
    """How one gate ended. `passed` and `failed` count the tests of a gate that reports, the gate itself otherwise."""

    gate: Gate
    seconds: float
    passed: int = 0
    failed: int = 0
    skips: tuple[Skip, ...] = ()
    log: Path | None = None

    @property
    def verdict(self) -> str:
        if self.failed:
            return "failed"
        return "passed" if self.passed else "skipped"


class Cores:
    """Lets gates start while the machine has cores for them; one that asks for more than there are runs alone."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._changed = threading.Condition()

    def take(self, cores: int) -> int:
        taken = min(cores, self._count)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= taken)
            self._free -= taken
        return taken

    def give_back(self, taken: int) -> None:
        with self._changed:
            self._free += taken
            self._changed.notify_all()


def read_junit(report: Path) -> tuple[int, int, tuple[Skip, ...]]:
    """Return (passed, failed, skips) of a pytest report; an expected failure counts as skipped, with its reason."""
    passed = failed = 0
    skips = []
    for case in ET.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skipped is not None:
            name = f"{case.get('classname', '')}::{case.get('name', '')}"
            skips.append(Skip(name, skipped.get("message") or "no reason given"))
        else:
            passed += 1
    return passed, failed, tuple(skips)


def judge(gate: Gate, code: int, seconds: float, log: Path) -> Result:
    """Turn an exit code, and the report if the gate writes one, into a result; a report that is missing is a failure."""
    report = RESULTS / f"{gate.name}.xml"
    if not gate.reports:
        return Result(gate, seconds, int(code == 0), int(code != 0), log=log)
    if not report.is_file():
        return Result(gate, seconds, failed=1, log=log)
    passed, failed, skips = read_junit(report)
    no_tests = not (passed or failed or skips)
    if (code != 0 or no_tests) and not failed:
        failed = 1
    if no_tests:
        with log.open("a", encoding="utf-8") as text:
            text.write("\nThis gate found no test at all, which is a fault of the gate or of the tests.\n")
    return Result(gate, seconds, passed, failed, skips, log)


def why_not(gate: Gate) -> str | None:
    """The reason why a gate cannot run on this machine, or None. Makes the environments on the way."""
    for path in gate.paths:
        if not (ROOT / path).exists():
            return f"there is no {path}"
    for program in gate.programs:
        if not shutil.which(program):
            return f"the program {program} is not installed"
    for name in (gate.environment, *gate.also):
        try:
            environments.ensure(name)
        except CannotMake as reason:
            return str(reason)
    return None


def surroundings(gate: Gate, words: dict[str, str]) -> dict[str, str]:
    """The environment variables of a gate: its tools first on the path, the repository as the collection."""
    table = environments.catalog()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in WELCOME or (name not in FOREIGN and not name.startswith(FOREIGN_PREFIXES))
    }
    binaries = table[gate.environment].bin
    search = [str(binaries), words["interpreters"], os.environ.get("PATH", os.defpath)]
    own = {
        "PATH": os.pathsep.join(search),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(BUILD / "ansible" / gate.name),
        "PYTHONPATH": os.pathsep.join([str(COLLECTIONS), str(ROOT / "tests" / "lab")]) if gate.pytest else "",
        "TCX_ANSIBLE_BIN": str(table["main" if "main" in gate.also else gate.environment].bin),
        "NO_COLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
    }
    for name in gate.also:
        own[f"TCX_BIN_{name.upper().replace('-', '_')}"] = str(table[name].bin)
    if gate.environment == "lint":
        own["HOME"] = str(workspace.private_home(gate.name))  # some of them leave a log there
    own.update({name: value.format(**words) for name, value in gate.variables.items()})
    return {name: value for name, value in {**kept, **own}.items() if value}


def run_within(minutes: float, command: list[str], directory: Path, environment: dict[str, str], log: TextIO) -> int:
    """Run a command and return its status; past its time it is ended with all that it started, and the log says so.

    A gate that hangs would take every verdict after it away.
    """
    with subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        RUNNING.add(process.pid)
        try:
            return process.wait(timeout=60 * minutes)
        except subprocess.TimeoutExpired:
            # The traceback of what it hangs in: faulthandler of pytest writes one on SIGABRT, most programs end by it.
            end(process.pid, signal.SIGABRT, signal.SIGKILL)
            process.wait()
            log.write(f"\nThis gate did not end within {minutes:g} minutes, and was ended.\n")
            return 124
        finally:
            RUNNING.discard(process.pid)


def end(group: int, *signals: int) -> None:
    """Send the signals, one after the other, to all processes of a group."""
    for number in signals:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        time.sleep(GRACE_S)


def not_counted(gate: Gate, earlier: Mapping[str, Future[Result]]) -> str | None:
    """The reason why a gate has not what it comes after, or None. Waits for it."""
    for name in gate.after:
        if name not in earlier:
            return f"not measured: {name} does not run now"
        verdict = earlier[name].result().verdict
        if verdict != "passed":
            return f"not measured: {name} has {verdict}" if verdict == "failed" else f"not measured: {name} was skipped"
    return None


def run_gate(
    gate: Gate, cores: Cores, words: dict[str, str], earlier: Mapping[str, Future[Result]] = MappingProxyType({})
) -> Result:
    reason = why_not(gate) or not_counted(gate, earlier)
    if reason:
        print(f"  skipped  {gate.name}: {reason}", flush=True)
        return Result(gate, 0.0, skips=(Skip(gate.name, reason),))
    taken = cores.take(gate.cores)
    start = time.monotonic()
    log = LOGS / f"{gate.name}.log"
    try:
        words, directory = dict(words), ROOT
        if gate.copy:
            directory = workspace.copy_collection(BUILD / "copies" / gate.name)
            words["copy"] = str(directory)
        command = [word.format(**words) for word in gate.command]
        if gate.reports:
            (RESULTS / f"{gate.name}.xml").unlink(missing_ok=True)
        if gate.pytest:
            report = RESULTS / f"{gate.name}.xml"
            command += [f"--junitxml={report}", "-o", f"cache_dir={BUILD / 'pytest' / gate.name}"]
        with log.open("w", encoding="utf-8") as text:
            text.write(f"$ {' '.join(command)}\n")
            text.flush()
            code = run_within(gate.minutes, command, directory, surroundings(gate, words), text)
    except OSError as error:
        log.write_text(f"The gate could not start: {error}\n", encoding="utf-8")
        code = 127
    finally:
        cores.give_back(taken)
    result = judge(gate, code, time.monotonic() - start, log)
    print(f"  {result.verdict:8} {gate.name} ({result.seconds:.0f} s)", flush=True)
    return result


def print_skips(results: Sequence[Result]) -> None:
    """Every skip below its reason."""
    by_reason: dict[str, list[str]] = {}
    for result in results:
        for skip in result.skips:
            where = (
                f"{result.gate.name}: {skip.what}"
                if result.gate.reports and skip.what != result.gate.name
                else skip.what
            )
            by_reason.setdefault(skip.reason, []).append(where)
    if by_reason:
        print("\nSkipped, and why:")
    for reason, names in by_reason.items():
        print(f"  {reason}", *(f"    {name}" for name in names), sep="\n")


def report(results: Sequence[Result], seconds: float) -> int:
    """Print the table, the tails, the skips and the closing line; return the exit status."""
    width = max(len(result.gate.name) for result in results)
    print(f"\n{'gate':{width}}  result   seconds  tests")
    for result in results:
        counts = f"{result.passed} passed, {result.failed} failed, {len(result.skips)} skipped"
        detail = counts if result.gate.reports else result.gate.title
        print(f"{result.gate.name:{width}}  {result.verdict:8} {result.seconds:6.0f}  {detail}")
    for result in results:
        if result.failed and result.log:
            lines = result.log.read_text(encoding="utf-8", errors="replace").splitlines()
            print(f"\n--- {result.gate.name} failed; the end of {result.log.relative_to(ROOT)}:")
            print("\n".join(lines[-TAIL_LINES:]))
    print_skips(results)
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    skipped = sum(len(result.skips) for result in results)
    tests = sum(result.passed + result.failed for result in results if result.gate.reports)
    checks = sum(result.passed + result.failed for result in results if not result.gate.reports)
    print(f"\n{tests} tests and {checks} other checks ran in {seconds:.0f} s; logs: {LOGS.relative_to(ROOT)}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = used.ru_utime + used.ru_stime
    share = spent / max(seconds, 1.0) / (os.cpu_count() or 1)
    print(f"They took {spent:.0f} s of CPU, {share:.0%} of what the machine has.")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return int(failed > 0 or passed == 0)


def select(names: Iterable[str]) -> list[Gate]:
    """The gates that targets or gate names stand for, in the order of the list; raises KeyError for an unknown one."""
    gates = all_gates()
    known = {gate.name for gate in gates} | set(GROUPS)
    chosen = set(names)
    if chosen - known:
        raise KeyError(", ".join(sorted(chosen - known)))
    # A name that is a target and a gate at once (units, docs) means the target.
    targets = chosen & set(GROUPS)
    selected = [gate for gate in gates if gate.groups & targets or (gate.name in chosen - targets)]
    needed = {name for gate in selected for name in gate.after}
    return [counting(gate) if gate.name in needed else gate for gate in selected]


def run(gates: Sequence[Gate]) -> int:
    start = time.monotonic()
    for directory in (LOGS, RESULTS):
        directory.mkdir(parents=True, exist_ok=True)
    environments.link_collection()
    words = {
        "root": str(ROOT),
        "build": str(BUILD),
        "results": str(RESULTS),
        "interpreters": str(interpreters.link_all(BUILD / "interpreters")),
    }
    count = min(os.cpu_count() or 1, 4)
    cores = Cores(count)
    print(f"{len(gates)} gates on {count} cores:", flush=True)
    with ThreadPoolExecutor(max_workers=count) as pool:
        try:
            futures: dict[str, Future[Result]] = {}
            for gate in gates:
                futures[gate.name] = pool.submit(run_gate, gate, cores, words, futures)
            results = [future.result() for future in futures.values()]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for group in tuple(RUNNING):
                end(group, signal.SIGTERM, signal.SIGKILL)
            raise
    return report(results, time.monotonic() - start)


def main(arguments: list[str]) -> int:
    if arguments == ["--list"]:
        for gate in all_gates():
            print(f"{gate.name:16} {gate.title} [{', '.join(sorted(gate.groups))}]")
        return 0
    try:
        return run(select(arguments or ["check"]))
    except KeyError as unknown:
        print(f"no such target or gate: {unknown}; gates.py --list shows them all", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
