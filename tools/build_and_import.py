# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the collection in the working directory and gives the artifact to Galaxy's own importer.

Usage: build_and_import.py DIRECTORY     the artifact is left there
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

# What must not reach users: parts of the repository that only its developers need.
FOREIGN_FILES = ("Makefile", "antsibull-nox.toml", "mypy.ini", "noxfile.py", "pytest.ini", "ruff.toml")
FOREIGN = ("tests/", "tools/", ".", *FOREIGN_FILES)

# The importer's defaults, less ansible-test (sanity runs in a gate of its own, on every core) and its container.
CONFIGURATION = """[galaxy-importer]
RUN_ANSIBLE_TEST = False
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = True
CHECK_REQUIRED_TAGS = True
ANSIBLE_LOCAL_TMP = {directory}/tmp
"""


def main(directory: Path) -> int:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    subprocess.run(["ansible-galaxy", "collection", "build", "--output-path", directory], check=True)
    artifact = next(directory.glob("*.tar.gz"))
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    foreign = [name for name in names if name.startswith(FOREIGN)]
    if foreign:
        print(f"The artifact holds files that users do not need: {', '.join(foreign[:10])}")
        return 1
    print(f"{artifact.name}: {len(names)} entries, {artifact.stat().st_size} bytes")
    configuration = directory / "galaxy-importer.cfg"
    configuration.write_text(CONFIGURATION.format(directory=directory), encoding="utf-8")
    (directory / "tmp").mkdir()
    importer = subprocess.run(
        ["env", f"GALAXY_IMPORTER_CONFIG={configuration}", sys.executable, "-m", "galaxy_importer.main", artifact],
        cwd=directory,
        check=False,
        capture_output=True,
        text=True,
    )
    output = importer.stdout + importer.stderr
    print(output)
    complaints = [line for line in output.splitlines() if line.startswith(("ERROR", "WARNING"))]
    if importer.returncode or complaints:
        print(f"The importer ended with {importer.returncode} and {len(complaints)} complaints:", *complaints, sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
