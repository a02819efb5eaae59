# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment: what ansible-builder makes of its definition, and what the page about it promises."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from environments import COLLECTIONS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tower_kit import REPOSITORY

BUILDER = Path(sys.executable).with_name("ansible-builder")
DEFINITION = REPOSITORY / "execution-environment.yml"
PAGE = REPOSITORY / "docs" / "execution-environment.md"
LOCK = REPOSITORY / "meta" / "ee-constraints.txt"
NEEDED = REPOSITORY / "meta" / "ee-requirements.txt"


def run(*arguments: str | Path, where: Path) -> str:
    done = subprocess.run([BUILDER, *arguments], capture_output=True, text=True, check=False, cwd=where)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def requirements() -> list[Requirement]:
    lines = NEEDED.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build context, made in a directory that holds the definition and its lock alone."""
    where = tmp_path_factory.mktemp("builder")
    (where / DEFINITION.name).write_bytes(DEFINITION.read_bytes())
    (where / "meta").mkdir()
    (where / "meta" / LOCK.name).write_bytes(LOCK.read_bytes())
    run("create", "--context", "context", "--output-filename", "Containerfile", where=where)
    return where / "context"


def test_the_collection_tells_what_it_needs(tmp_path: Path) -> None:
    found = yaml.safe_load(run("introspect", COLLECTIONS, where=tmp_path))
    told = {Requirement(line.partition("#")[0]).name for line in found["python"]}
    assert told == {"cryptography", "msal", "requests"}
    assert found["system"] == []


def test_only_lower_bounds() -> None:
    """An upper bound would keep security fixes out of the images of others."""
    definition = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["dependencies"]
    named = [definition[name]["package_pip"] for name in ("ansible_core", "ansible_runner")]
    bounds = [
        specifier.operator for each in [*requirements(), *map(Requirement, named)] for specifier in each.specifier
    ]
    assert bounds
    assert set(bounds) == {">="}
    assert {entry["version"] for entry in definition["galaxy"]["collections"]} == {">=2.0.0"}


def test_the_image_is_slim_and_runs_as_a_common_user(context: Path) -> None:
    text = (context / "Containerfile").read_text(encoding="utf-8")
    assert 'ARG EE_BASE_IMAGE="registry.access.redhat.com/ubi9/ubi-minimal:latest"' in text
    assert 'ARG PYPKG="python3.12"' in text
    assert 'ARG ANSIBLE_INSTALL_REFS="ansible-core>=2.16 ansible-runner>=2.4"' in text
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert users[-1] == "1000"
    assert text.rstrip().splitlines()[-2].startswith("ENTRYPOINT")


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("registry.access.redhat.com/ubi9/ubi-minimal:latest", 1),
        ("", 1),
        ("registry.access.redhat.com/ubi9/ubi-minimal@sha256:" + "a" * 64, 0),
    ],
)
def test_the_base_image_has_to_be_named_by_its_digest(context: Path, image: str, code: int) -> None:
    lines = (context / "Containerfile").read_text(encoding="utf-8").splitlines()
    guard = next(number for number, line in enumerate(lines) if line.startswith('RUN case "$EE_BASE_IMAGE"'))
    assert lines[guard - 1] == "ARG EE_BASE_IMAGE"
    assert [line for line in lines[:guard] if line.startswith("FROM ")] == ["FROM $EE_BASE_IMAGE AS base"]
    command = lines[guard].removeprefix("RUN ")
    done = subprocess.run(["sh", "-c", command], env={"EE_BASE_IMAGE": image}, capture_output=True, check=False)
    assert done.returncode == code


def test_the_image_gets_the_collection_and_no_other(context: Path) -> None:
    wanted = yaml.safe_load((context / "_build" / "requirements.yml").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in wanted["collections"]] == ["tcx.m365"]


def test_python_packages_come_by_version_and_hash(context: Path) -> None:
    lines = (context / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = next(
        number for number, line in enumerate(lines) if line.startswith("COPY _build/configs/ee-constraints.txt")
    )
    assert "--require-hashes" in lines[copied + 1]
    assert "--no-deps" in lines[copied + 1]
    assert (context / "_build" / "configs" / LOCK.name).read_bytes() == LOCK.read_bytes()
    # In the first stage, from which the others are made.
    assert len([line for line in lines[:copied] if line.startswith("FROM ")]) == 1


def test_the_lock_has_everything_that_the_image_installs() -> None:
    pins = LOCK.read_text(encoding="utf-8")
    locked = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==\S+", pins, re.MULTILINE)}
    assert closure() <= locked
    for pin in re.split(r"^(?=[A-Za-z0-9])", pins, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in pin, pin


def test_the_page_names_every_package_of_the_image() -> None:
    page = PAGE.read_text(encoding="utf-8").lower()
    assert not {name for name in closure() if f"`{name}`" not in page}


def closure() -> set[str]:
    """All packages that are installed because of the requirements, as this environment has them."""
    waiting = [requirement.name for requirement in requirements()] + ["ansible-core", "ansible-runner"]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if canonicalize_name(name) in found:
            continue
        found.add(canonicalize_name(name))
        for line in importlib.metadata.requires(name) or []:
            each = Requirement(line)
            if each.marker is None or each.marker.evaluate({"extra": ""}):
                waiting.append(each.name)
    return found - {"setuptools", "importlib-metadata", "typing-extensions"}
