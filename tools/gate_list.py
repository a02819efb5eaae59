# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quality gates of this repository, as data: what each runs, in which environment, and for which make target."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from environments import CORES, IN_BETWEEN, catalog
from measure_coverage import LEAST

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECK = frozenset({"lint", "check", "test"})
TEST_ONLY = frozenset({"test"})


@dataclass(frozen=True)
class Gate:
    """One command with a verdict.

    `command` may use the placeholders {root}, {build}, {results} and, with `copy`, {copy}: a clean copy of the
    collection, which is then the working directory too. A gate that `reports` writes {results}/NAME.xml in JUnit form, and
    each test in it counts; any other gate counts as one.
    `paths` and `programs` must exist, or the gate is skipped with that reason. `also` names further environments; the
    command finds the programs of `also` NAME in the directory that TCX_BIN_NAME tells. `cores` is how many of the machine's
    cores the command keeps busy; after `minutes` it is ended, and has failed.
    What tests that are `counted` come to of plugins/ is kept where a gate that comes `after` them is asked for as well. That
    one needs them in the same run, and whole: it is skipped where one of them was not asked for, was skipped or failed.
    """

    name: str
    title: str
    environment: str
    command: tuple[str, ...]
    groups: frozenset[str]
    reports: bool = False
    pytest: bool = False
    copy: bool = False
    paths: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    cores: int = 1
    minutes: float = 60
    counted: bool = False
    after: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


def pytest_gate(
    name: str,
    title: str,
    environment: str,
    arguments: str,
    groups: set[str],
    *,
    also: tuple[str, ...] = (),
    programs: tuple[str, ...] = (),
    cores: int = 2,
    counted: bool = False,
) -> Gate:
    """A gate of pytest on the paths and options in `arguments`, spread over two processes.

    Tests that wait for programs and for time more than they compute take `cores=1`: two such gates get along.
    """
    words = shlex.split(arguments)
    return Gate(
        name,
        title,
        environment,
        ("python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *words),
        frozenset({*groups, "coverage"} if counted else groups),
        reports=True,
        pytest=True,
        counted=counted,
        paths=tuple(word for word in words if word.startswith("tests/")),
        also=also,
        programs=programs,
        cores=cores,
    )


waiting_gate = partial(pytest_gate, cores=1)


# What differs between neighboring releases of ansible-core: how a task is forked, how output is locked, how data is tagged.
SHARED_CORE = tuple(
    f"tests/unit/plugins/{name}.py"
    for name in (
        "plugin_utils/_fleet/test_sweep",
        "plugin_utils/_fleet/test_sweep_watch",
        "plugin_utils/_inventory/test_capture_file",
        "module_utils/test_run_store",
        "module_utils/_common/test_visible_text",
        "plugin_utils/test_programs",
    )
)
# Rooms that know nothing of Ansible (tests/repository/test_layers.py holds it): with the same Python they do the same on
# every core.
WITHOUT_ANSIBLE = (
    "module_utils/_common",
    "module_utils/_entra",
    "module_utils/_pbx",
    "plugin_utils/_list",
    "plugin_utils/_report",
)
FLEETS = tuple(
    f"tests/integration/playbooks/test_{name}.py" for name in ("fleet", "together", "unreadable_sign_in", "hostile_pbx")
)

# Most tests run on the newest release, in the environment that can count lines. What plugins/ is for stands in them; on the
# other releases the tests marked `smoke` run.
COUNTED_CORE = "2.21"
MODULES = ("tests/integration/entra", "tests/integration/pbx", "tests/integration/lists")
# Playbooks that come to what no flow and no module does: to count the others costs their time once more, and adds nothing.
FIRST_PLAYS = tuple(
    f"tests/integration/playbooks/test_{name}.py"
    for name in ("first_hour", "fleet", "no_hosts", "orphans", "people", "report_evidence", "support_bundle")
)
PLAYS = ("tests/integration/playbooks", "tests/integration/examples")
OTHER_PLAYS = (*PLAYS, *(f"--ignore={path}" for path in FIRST_PLAYS))
FLOWS = "tests/integration/flows"
FAULTS_IN_PROCESS = tuple(
    f"tests/faults/test_{name}.py" for name in ("batches", "capture", "offboard_without_pbx", "sample", "undo")
)
"""They come to what undoes, repeats and gives up, which no flow without trouble does."""

STATIC = (
    Gate("format", "code is formatted (ruff)", "lint", ("ruff", "format", "--check", "--diff", "."), CHECK),
    Gate("ruff", "code is free of known faults (ruff)", "lint", ("ruff", "check", "."), CHECK),
    Gate(
        "types",
        "types are strict (mypy)",
        "lint",
        ("mypy", "--config-file", "{root}/mypy.ini", "-p", "ansible_collections.tcx.m365.plugins"),
        CHECK,
        variables={"MYPYPATH": "{build}/collections"},
    ),
    Gate(
        "types-tools",
        "types of the tools (mypy)",
        "lint",
        ("mypy", "--config-file", "mypy.ini", "tools"),
        CHECK,
        variables={"MYPYPATH": "{build}/collections"},
    ),
    Gate("yaml", "YAML is tidy (yamllint)", "lint", ("yamllint", "--strict", "."), CHECK, copy=True),
    Gate("licenses", "every file says its license (reuse)", "lint", ("reuse", "lint", "--lines"), CHECK, copy=True),
    Gate(
        "changelog",
        "changelog fragments are valid",
        "lint",
        ("antsibull-changelog", "lint"),
        CHECK,
        paths=("changelogs",),
    ),
    Gate(
        "generated",
        "what is made from the argument specs is fresh",
        "main",
        ("python", "tools/generate.py", "--check"),
        CHECK,
        paths=("tools/generate.py",),
    ),
    pytest_gate(
        "repository",
        "layers, action groups, roles and words keep the rules of the house",
        "main",
        "tests/repository",
        {"lint", "check", "test"},
    ),
    Gate(
        "ansible-lint",
        "roles and playbooks meet the production profile",
        "lint",
        ("ansible-lint", "--offline", "--strict", "--profile", "production"),
        frozenset({"lint", "test"}),
        copy=True,
    ),
)

DOCUMENTATION = (
    Gate(
        "docs",
        "documentation of the collection and its plugins is valid (antsibull-docs)",
        "lint",
        ("python", "{root}/tools/docs_lint.py"),
        frozenset({"docs", "test"}),
        copy=True,
    ),
    Gate(
        "site",
        "the documentation site can be built, and its own links lead somewhere (antsibull-docs, sphinx)",
        "lint",
        ("python", "{root}/tools/docsite.py", "{build}/site"),
        frozenset({"docs", "test"}),
        copy=True,
    ),
    Gate(
        "nox",
        "community rules: action groups, unwanted files, characters, embedded YAML (antsibull-nox)",
        "nox",
        ("nox", "--envdir", "{build}/nox", "-e", "yamllint", "extra-checks", "antsibull-nox-config"),
        frozenset({"docs", "test"}),
        copy=True,
    ),
)

BUILD = (
    Gate(
        "galaxy",
        "the collection builds, and Galaxy's importer takes it",
        "lint",
        ("python", "{root}/tools/build_and_import.py", "{build}/artifact"),
        frozenset({"build", "test"}),
        copy=True,
    ),
)


def unit_gates() -> tuple[Gate, ...]:
    """The quick ones for `make check`, all on the everyday core for `make units`, the matrix for `make test`.

    The lab knows nothing of Ansible: its tests run once, and on each Python it is what the other gates work against.
    """
    title = "unit tests"
    quick = pytest_gate(
        "units-quick", f"{title}, but the slow ones", "main", "tests/unit tests/lab/tests -m 'not slow'", {"check"}
    )
    everyday = pytest_gate("units", title, "main", "tests/unit tests/lab/tests", {"units"})
    matrix = []
    table = catalog()
    for core in CORES:
        here = table[f"core-{core}"]
        arguments = "tests/unit"
        if core in IN_BETWEEN:
            arguments = " ".join(SHARED_CORE)
        elif here == table["main"]:
            arguments = "tests/unit tests/lab/tests"
        elif here.pythons[0] == table["main"].pythons[0]:
            arguments = " ".join(["tests/unit", *(f"--ignore=tests/unit/plugins/{room}" for room in WITHOUT_ANSIBLE)])
        counted = core == COUNTED_CORE
        if counted:
            arguments += " --hypothesis-profile=few"
        environment = "coverage" if counted else f"core-{core}"
        gate = pytest_gate(f"units-{core}", f"{title}, core {core}", environment, arguments, {"test"}, counted=counted)
        matrix.append(gate)
    return quick, everyday, *matrix


def where_counted() -> tuple[str, str]:
    """Name and core of the environment that can count lines, or of the everyday one where no Python can run that."""
    table = catalog()
    if table["coverage"].possible():
        return "coverage", f"core-{COUNTED_CORE}"
    return "main", table["main"].lock


def smoke_gates() -> list[Gate]:
    """What is marked `smoke`, on each release where not everything of its kind runs anyway."""
    table = catalog()
    _environment, counted_core = where_counted()
    gates = []
    for core in CORES:
        name = f"core-{core}"
        where: tuple[str, ...] = (*PLAYS, *MODULES)
        if core in IN_BETWEEN:
            where = FLEETS
        elif name == table["main"].lock:
            where = () if name == counted_core else (*FIRST_PLAYS, *MODULES)
        elif name == counted_core:
            where = OTHER_PLAYS
        if where:
            title = f"playbooks and modules against the lab, core {core}"
            arguments = " ".join((*where, "-m smoke"))
            gates.append(waiting_gate(f"smoke-{core}", title, name, arguments, {"integration", "test"}))
    return gates


def integration_gates() -> tuple[Gate, ...]:
    """Modules, flows and playbooks on one core each, the tests marked `smoke` on the others; browsers and foreign clients apart."""
    groups = {"integration", "test"}
    counted, _core = where_counted()
    return (
        waiting_gate("playbooks", "playbooks against the lab", "main", " ".join(OTHER_PLAYS), groups),
        waiting_gate(
            "modules",
            "modules and first playbooks against the lab",
            counted,
            " ".join((*MODULES, *FIRST_PLAYS)),
            groups,
            counted=True,
        ),
        waiting_gate(
            "tower",
            "content for AWX and Automation Platform, and the jobs that it makes",
            "tower",
            "tests/tower --dist loadfile --ignore=tests/tower/test_rulebook_runs.py --ignore=tests/tower/test_mesh.py",
            groups,
        ),
        *smoke_gates(),
        waiting_gate(
            "flows",
            "whole flows and trouble in them, without a process of their own",
            counted,
            # What takes longest begins first, because a file is not divided.
            " ".join((*FAULTS_IN_PROCESS, FLOWS, "--no-loadscope-reorder")),
            groups,
            counted=True,
        ),
        waiting_gate(
            "attacks",
            "a hostile PBX and a hostile user of a tenant gain nothing",
            "main",
            "tests/attacks",
            groups,
        ),
        waiting_gate(
            "faults",
            "trouble of whole commands, and lives of a tenant",
            "main",
            " ".join(["tests/faults", *(f"--ignore={path}" for path in FAULTS_IN_PROCESS)]),
            groups,
        ),
        waiting_gate(
            "browser",
            "a person's view: pages and sign-in in a real browser",
            "browser",
            "tests/integration/browser --dist loadfile",
            groups,
            also=("main",),
            programs=("chromium",),
        ),
        waiting_gate(
            "thirdparty",
            "clients that nobody here wrote, against the lab",
            "main",
            "tests/integration/thirdparty --ignore=tests/integration/thirdparty/test_threecx_sdk.py",
            groups,
            also=("azure-cli", "msgraph-sdk", "xapi-sdk"),
        ),
        waiting_gate(
            "thirdparty-3cx",
            "a client of XAPI that nobody here wrote, driven call by call",
            "xapi-sdk",
            "tests/integration/thirdparty/test_threecx_sdk.py",
            groups,
        ),
        waiting_gate(
            "rulebooks",
            "rulebooks in the real ansible-rulebook, whose engine is a Java program",
            "tower",
            "tests/tower/test_rulebook_runs.py",
            groups,
            also=("eda",),
            programs=("java",),
        ),
        waiting_gate(
            "mesh",
            "a sliced rollout over a mesh of the real receptor",
            "tower",
            "tests/tower/test_mesh.py",
            groups,
            programs=("receptor",),
        ),
    )


DEMO = (
    Gate(
        "demo",
        "the demo of the README ends well",
        "main",
        ("python", "tests/demo/run.py"),
        frozenset({"integration", "test"}),
        paths=("tests/demo/run.py",),
        cores=2,
        variables={"PYTHONPATH": "tests/lab"},
    ),
)


# What an artifact of the collection holds of code; the newest release looks at tests and tools as well, which no user gets.
SHIPPED = ("extensions/", "meta/", "playbooks/", "plugins/", "roles/")
# Whether each Python can compile and import everything is asked of the newest release; of the oldest, whether its imports
# work on the oldest Python.
OLDEST_PYTHON = ("--python", "3.9")
WHATEVER_PYTHON = ("--skip-test", "compile", "--skip-test", "import")


def sanity_gate(core: str, title: str, *options: str) -> Gate:
    return Gate(
        f"sanity-{core}",
        f"ansible-test sanity, ansible-core {core}, {title}",
        f"core-{core}",
        ("python", "{root}/tools/sanity.py", f"{{results}}/sanity-{core}.xml", *options),
        frozenset({"sanity", "test"}),
        reports=True,
        copy=True,
    )


def sanity_gates() -> tuple[Gate, ...]:
    oldest, *others, newest = (core for core in CORES if core not in IN_BETWEEN)
    return (
        sanity_gate(newest, "everything, every Python"),
        sanity_gate(oldest, "what is shipped, oldest Python", *OLDEST_PYTHON, *SHIPPED),
        *(sanity_gate(core, "what is shipped", *WHATEVER_PYTHON, *SHIPPED) for core in others),
    )


# As the community runs them; what ansible-test writes to the home directory stays in the build directory.
COMMUNITY = tuple(
    Gate(
        f"ansible-test-{command}",
        title,
        "main",
        ("ansible-test", command, "--local", "--python", ".".join(map(str, catalog()["main"].pythons[0])), *words),
        frozenset({"integration", "test"}),
        copy=True,
        variables={"HOME": "{build}/home/ansible-test"},
    )
    for command, title, words in (
        (
            "units",
            "units under ansible-test: a filter, and what tests of modules may import",
            ("--num-workers", "1", "tests/unit/plugins/filter/", "tests/unit/plugins/module_utils/_capabilities/"),
        ),
        ("integration", "targets of ansible-test: modules and roles on a lab of their own", ()),
    )
)


def judge_coverage(gates: Iterable[Gate]) -> Gate:
    names = tuple(gate.name for gate in gates if gate.counted)
    return Gate(
        "covered",
        f"tests come to at least {LEAST} % of the lines and branches of plugins/, forks and subprocesses counted",
        "coverage",
        ("python", "tools/measure_coverage.py", "--judge", *names),
        frozenset({"coverage", "test"}),
        after=names,
        cores=2,
    )


def counting(gate: Gate) -> Gate:
    """The same tests, counted: twice the time of those that start programs, a quarter more for the others."""
    python, _module, _pytest, *words = gate.command
    return replace(gate, command=(python, "tools/measure_coverage.py", gate.name, *words))


def all_gates() -> tuple[Gate, ...]:
    """What says quickly that something is wrong comes first, then the longest: what starts early ends the run early.

    A gate that needs the whole machine waits until nothing else runs, and nothing starts meanwhile: those come last. The
    site is built long before the browser looks at it, which would build it itself.
    """
    plays, modules, *others = integration_gates()
    gates = (modules, plays, *sanity_gates(), *BUILD, *DOCUMENTATION, *others, *unit_gates(), *DEMO, *COMMUNITY)
    return (*STATIC, *sorted(gates, key=lambda gate: gate.cores), judge_coverage(gates))


GROUPS = ("check", "test", "lint", "units", "integration", "sanity", "docs", "build", "coverage")
