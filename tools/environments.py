# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the virtual environments of this repository from their hash-locked requirement files.

An environment is one lock in tests/requirements, one directory at the root of the repository and the Python versions it
may run on, best first. `ensure` is cheap when nothing has changed: a stamp in the environment holds the digest of the
lock and of the interpreter. Several processes may call it at once.

Usage: environments.py [NAME ...]     make these (default: main); says on standard error what it does
       environments.py --list         say which can be made on this machine, and why others cannot
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import interpreters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interpreters import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "tests" / "requirements"
BUILD = ROOT / ".build"

# The collection's name in Ansible's search path; tests and playbooks reach the repository through this link.
COLLECTIONS = BUILD / "collections"
COLLECTION_LINK = COLLECTIONS / "ansible_collections" / "tcx" / "m365"


class CannotMake(Exception):
    """An environment cannot be made on this machine; the text says why and what would help."""


def dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


@dataclass(frozen=True)
class Environment:
    """One virtual environment: its lock file's stem, its directory, and the Python versions it supports, best first."""

    lock: str
    directory: str
    pythons: tuple[Version, ...]

    @property
    def path(self) -> Path:
        return ROOT / self.directory

    @property
    def bin(self) -> Path:
        return self.path / "bin"

    def possible(self) -> bool:
        """Whether this machine has a Python for it."""
        return any(version in interpreters.interpreters() for version in self.pythons)

    def interpreter(self) -> tuple[Version, Path]:
        """The best supported interpreter of this machine; raises CannotMake when there is none."""
        here = interpreters.interpreters()
        for version in self.pythons:
            if version in here:
                return version, here[version]
        supported = ", ".join(map(dotted, sorted(self.pythons)))
        present = ", ".join(map(dotted, here))
        raise CannotMake(f"{self.lock} needs Python {supported}; this machine has {present}")


def say(progress: str) -> None:
    """Standard output belongs to the command that needs the environment."""
    print(progress, file=sys.stderr, flush=True)


def versions(*minors: int) -> tuple[Version, ...]:
    return tuple((3, minor) for minor in minors)


# Controller Pythons of each ansible-core release, as `ansible-test` of that release lists them; the order spreads the
# cores over the interpreters so that the matrix meets as many of them as possible.
CORES = {
    "2.16": versions(11, 12),
    "2.17": versions(12, 11),
    "2.18": versions(13, 12, 11),
    "2.19": versions(11, 12, 13),
    "2.20": versions(13, 12, 14),
    "2.21": versions(12, 13, 14),
    "2.22": versions(13, 14, 15),
}
# Releases that differ where it hurts (locks of the output, data tagging, multiprocessing) and not in what sanity checks.
IN_BETWEEN = frozenset({"2.17", "2.18", "2.20", "2.22"})
ANY = versions(12, 11, 13, 14)

# Tens of thousands of modules of which the tests use a few; to compile all of them takes longer than to use those.
MOSTLY_UNUSED = ("azure-cli", "msgraph-sdk", "azcollection")


def main_core(version: Version) -> str:
    """The release that the everyday environment holds: the newest that this Python can run."""
    return "2.21" if version >= (3, 12) else "2.19"


def _everyday() -> Environment:
    version = sys.version_info[:2]
    here = interpreters.interpreters()
    if version not in ANY:
        version = next((candidate for candidate in ANY if candidate in here), (3, 11))
    return Environment(f"core-{main_core(version)}", ".venv", (version,))


def catalog() -> dict[str, Environment]:
    """Every environment by name; a core whose lock and Python are those of the everyday one shares its directory."""
    everyday = _everyday()
    table = {"main": everyday}
    for core, pythons in CORES.items():
        own = Environment(f"core-{core}", f".venv-core-{core}", pythons)
        table[own.lock] = everyday if own.lock == everyday.lock else own
    table["tower"] = Environment("tower", ".venv-tower", CORES["2.21"])
    table["coverage"] = Environment("coverage", ".venv-coverage", CORES["2.21"])
    table["mutants"] = Environment("mutants", ".venv-mutants", CORES["2.21"])
    table["eda"] = Environment("eda", ".venv-eda", CORES["2.21"])
    for lock in ("lint", "audit", "nox", "browser", "azure-cli", "msgraph-sdk", "xapi-sdk", "bench", "azcollection"):
        table[lock] = Environment(lock, f".venv-{lock}", ANY if lock != "lint" else everyday.pythons + ANY)
    return table


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock of that name in the build directory, among all processes."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(command: list[str | Path], *, quiet: bool = True) -> None:
    done = subprocess.run(command, capture_output=quiet, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        detail = (done.stderr or done.stdout or "").strip() if quiet else ""
        raise CannotMake(f"'{' '.join(map(str, command))}' ended with {done.returncode}\n{detail}".rstrip())


def _empty_environment(python: Path, directory: Path) -> None:
    """Create the environment with pip in it; Debian keeps the part that brings pip in a package of its own."""
    shutil.rmtree(directory, ignore_errors=True)
    probe = subprocess.run([python, "-c", "import ensurepip"], capture_output=True, check=False)
    if probe.returncode != 0:
        version = interpreters.answer(str(python))
        package = f"python3.{version[0][1]}-venv" if version else "python3-venv"
        # Packages of the operating system are the business of whoever owns the machine.
        raise CannotMake(f"{python} has no ensurepip; install it first: sudo apt-get install {package}")
    _run([python, "-m", "venv", directory])


def installer() -> Path | None:
    """The fast installer in its own environment, or None when it cannot be had (pip then does the work)."""
    directory, lock = BUILD / "installer", LOCKS / "installer.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = directory / "stamp"
    if not (stamp.is_file() and stamp.read_text() == digest):
        try:
            with exclusive("installer"):
                _empty_environment(Path(sys.executable), directory)
                _run([directory / "bin" / "pip", "install", "-q", "--require-hashes", "-r", lock])
                stamp.write_text(digest)
        except CannotMake as reason:
            say(f"the fast installer is not available, pip is used instead: {reason}")
            return None
    return directory / "bin" / "uv"


def _install(environment: Environment, lock: Path) -> None:
    python = environment.bin / "python"
    uv = installer()
    if uv is not None:
        flags = ["-q", "--require-hashes", "--link-mode", "copy", "--python"]
        if environment.lock not in MOSTLY_UNUSED:
            # Byte code is compiled here once: thousands of short Python processes start from these environments.
            flags.insert(0, "--compile-bytecode")
        try:
            _run([uv, "pip", "sync", *flags, python, lock])
        except CannotMake as reason:
            say(f"trying again with pip: {reason}")
        else:
            return
    _run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", lock])


def ensure(name: str) -> Environment:
    """Return the environment, made or brought up to date if need be; raises CannotMake with the reason."""
    environment = catalog()[name]
    version, python = environment.interpreter()
    lock = LOCKS / f"{environment.lock}.txt"
    digest = hashlib.sha256(f"{version} {python}\n".encode() + lock.read_bytes()).hexdigest()
    stamp = environment.path / "stamp"
    with exclusive(environment.directory):
        if stamp.is_file() and stamp.read_text() == digest:
            return environment
        start = time.monotonic()
        say(f"making {environment.directory} (Python {dotted(version)}, {lock.name})")
        _empty_environment(python, environment.path)
        _install(environment, lock)
        stamp.write_text(digest)
        say(f"made {environment.directory} in {time.monotonic() - start:.0f} s")
    return environment


def link_collection() -> None:
    """Make Ansible's search path lead to this repository."""
    COLLECTION_LINK.parent.mkdir(parents=True, exist_ok=True)
    fresh = COLLECTION_LINK.with_name(f".m365.{os.getpid()}")
    fresh.symlink_to(os.path.relpath(ROOT, COLLECTION_LINK.parent))
    fresh.replace(COLLECTION_LINK)


def show_all() -> None:
    for name, environment in catalog().items():
        try:
            version, python = environment.interpreter()
            print(f"{name:12} {environment.directory:16} Python {dotted(version)} ({python})")
        except CannotMake as reason:
            print(f"{name:12} {environment.directory:16} not possible here: {reason}")


def main(arguments: list[str]) -> int:
    if arguments == ["--list"]:
        show_all()
        return 0
    unknown = [name for name in arguments if name not in catalog()]
    if unknown:
        print(f"no such environment: {', '.join(unknown)}; there are: {', '.join(catalog())}", file=sys.stderr)
        return 2
    link_collection()
    try:
        for name in arguments or ["main"]:
            ensure(name)
    except CannotMake as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
