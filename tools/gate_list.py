# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quality gates of this repository, as data: what each runs, in which environment, and for which make target."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import partial

from environments import CORES, IN_BETWEEN, catalog

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
    minutes: float = 40
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
        frozenset(groups),
        reports=True,
        pytest=True,
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

# Where the share of plugins/ is counted that quick tests come to, those that need no ansible-playbook. The whole suite comes
# to more (`make coverage`), and counting takes nearly as long as the tests do.
COVERED_CORE = "2.21"
COVERED_LEAST = 84
"""Percent of lines and branches."""
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
        own = pytest_gate(f"units-{core}", f"{title}, core {core}", f"core-{core}", arguments, {"test"})
        matrix.append(covered_gate() if core == COVERED_CORE else own)
    return quick, everyday, *matrix


def covered_gate() -> Gate:
    """What runs in one process, with the share of plugins/ that it comes to; a few examples of each property do."""
    units = "tests/unit tests/lab/tests" if catalog()[f"core-{COVERED_CORE}"] == catalog()["main"] else "tests/unit"
    # What takes longest begins first, because a file is not divided. The switches of the lab wait in real time, file by file.
    words = [*FAULTS_IN_PROCESS, FLOWS, *units.split(), f"--ignore={FLOWS}/test_switches.py"]
    words += ["--no-loadscope-reorder", "--hypothesis-profile=few"]
    return Gate(
        "covered",
        f"unit tests, flows and trouble in them, core {COVERED_CORE}, and the share of plugins/ that they come to",
        "coverage",
        ("python", "tools/measure_coverage.py", f"--least={COVERED_LEAST}", *words),
        frozenset({"test"}),
        reports=True,
        pytest=True,
        paths=(FLOWS, *FAULTS_IN_PROCESS),
        cores=2,
    )


def integration_gates() -> tuple[Gate, ...]:
    """Everything but the flows on the everyday core, the tests marked `smoke` on the others; browsers and foreign clients apart."""
    groups = {"integration", "test"}
    title = "playbooks and modules against the lab"
    apart = "--ignore=tests/integration/browser --ignore=tests/integration/thirdparty"
    gates = [waiting_gate("integration-main", title, "main", f"tests/integration {apart} --ignore={FLOWS}", groups)]
    table = catalog()
    for core in CORES:
        if table[f"core-{core}"] != table["main"]:
            where = " ".join(FLEETS) if core in IN_BETWEEN else f"tests/integration {apart}"
            arguments = f"{where} -m smoke"
            gates.append(waiting_gate(f"smoke-{core}", f"{title}, core {core}", f"core-{core}", arguments, groups))
    return (
        gates[0],
        waiting_gate(
            "tower",
            "content for AWX and Automation Platform, and the jobs that it makes",
            "tower",
            "tests/tower --dist loadfile --ignore=tests/tower/test_rulebook_runs.py --ignore=tests/tower/test_mesh.py",
            groups,
        ),
        *gates[1:],
        pytest_gate(
            "attacks",
            "a hostile PBX and a hostile user of a tenant gain nothing",
            "main",
            "tests/attacks",
            groups,
        ),
        pytest_gate(
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
# Whether each Python can compile and import everything is asked of the oldest and the newest release.
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
        sanity_gate(oldest, "what is shipped, every Python", *SHIPPED),
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

COVERAGE = (
    Gate(
        "coverage",
        "tests come to the lines and branches of plugins/, forks and subprocesses counted",
        "coverage",
        ("python", "tools/measure_coverage.py"),
        frozenset({"coverage"}),
        cores=2,
        minutes=180,
        variables={"PYTHONPATH": "{build}/collections:{root}/tests/lab"},
    ),
)


def all_gates() -> tuple[Gate, ...]:
    """What says quickly that something is wrong comes first, then the longest: what starts early ends the run early.

    A gate that needs the whole machine waits until nothing else runs, and nothing starts meanwhile: those come last. The
    site is built long before the browser looks at it, which would build it itself.
    """
    longest, *others = integration_gates()
    gates = (longest, *sanity_gates(), *BUILD, *DOCUMENTATION, *others, *unit_gates(), *DEMO, *COMMUNITY, *COVERAGE)
    return (*STATIC, *sorted(gates, key=lambda gate: gate.cores))


GROUPS = ("check", "test", "lint", "units", "integration", "sanity", "docs", "build", "coverage")
