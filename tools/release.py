# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a release and tries it as a user gets it: everything but the tag and the upload. Run by `make release`.

The static gates, the tests of units and the documentation are checked; in a clean copy the changelog is written, the
collection built and given to Galaxy's importer; the lab becomes a wheel; the bill of materials, the checksums and, where
RELEASE_KEY names a secret key of gpg, signatures are written; then the artifact is installed into an empty environment
in another directory, verified there, its README's links are followed, and the demo runs from it. The result is in
.build/release. Nothing in the repository changes. `make test` has to be green on this commit before.

RELEASE_CHECKS names other gates than `check docs` (none, when it is empty). Links to other sites are followed with
RELEASE_LINKS=all, because that needs the network.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import environments
import sbom
import workspace
from environments import BUILD, LOCKS, ROOT

PLACE = BUILD / "release"
TOOLS = ROOT / "tools"
OURS = re.compile(
    r"https://(?:github\.com/[^/]+/tcx\.m365/(?:blob|tree)|raw\.githubusercontent\.com/[^/]+/tcx\.m365)/?main/(.*)"
)
LINK = re.compile(r"\]\(([^)\s]+)\)|<(https?://[^>\s]+)>")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def run(*command: str | Path, where: Path = ROOT, **variables: str) -> None:
    """Run a program; SystemExit when it fails. A person's settings of Ansible and Python do not reach it."""
    foreign = ("ANSIBLE_", "PYTHON", "VIRTUAL_ENV", "TCX_", "ENTRA_", "AZURE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    print(f"$ {' '.join(map(str, command))}", flush=True)
    code = subprocess.run(command, cwd=where, env={**kept, **variables}, check=False).returncode
    if code:
        raise SystemExit(f"'{command[0]}' ended with {code}: there is no release")


def in_lint(*command: str | Path, where: Path) -> None:
    binaries = environments.ensure("lint").bin
    run(
        *command,
        where=where,
        PATH=f"{binaries}{os.pathsep}{os.environ['PATH']}",
        HOME=str(workspace.private_home("release")),
    )


def check() -> None:
    gates = os.environ.get("RELEASE_CHECKS", "check docs").split()
    if gates:
        run(sys.executable, TOOLS / "gates.py", *gates)


def build() -> Path:
    """The artifact, as Galaxy's importer has taken it, with the changelog of its version; returns its path."""
    copy = workspace.copy_collection(BUILD / "copies" / "release")
    in_lint("antsibull-changelog", "release", "--update-existing", "--reload-plugins", where=copy)
    in_lint("python", TOOLS / "build_and_import.py", PLACE, where=copy)
    shutil.copy2(copy / "CHANGELOG.md", PLACE)
    return next(PLACE.glob("*.tar.gz"))


def lab() -> Path:
    """The lab as a wheel; returns its path."""
    uv = environments.installer()
    if uv is None:
        raise SystemExit("the lab is built by uv, and it is not available")
    copy = BUILD / "copies" / "release" / workspace.NAME / "tests" / "lab"
    run(uv, "build", "-q", "--wheel", "--out-dir", PLACE, copy)
    return next(PLACE.glob("tcx_lab-*.whl"))


def sign(artifact: Path) -> str:
    """Write what the artifact is known by; returns a sentence.

    The signature is that of MANIFEST.json, as `ansible-galaxy collection verify` wants it: the manifest has the digest
    of every file.
    """
    sbom.main([str(artifact.with_name(artifact.name.replace(".tar.gz", ".cdx.json")))])
    with tarfile.open(artifact) as archive:
        archive.extract("MANIFEST.json", PLACE, filter="data")
    key, manifest = os.environ.get("RELEASE_KEY", ""), PLACE / "MANIFEST.json"
    for temporary in ("tmp", "galaxy-importer.cfg", "importer_result.json", ".gitignore"):
        path = PLACE / temporary
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if key:
        run("gpg", "--batch", "--yes", "--armor", "--local-user", key, "--detach-sign", manifest)
        run("gpg", "--verify", f"{manifest}.asc", manifest)
    files = sorted(path for path in PLACE.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (PLACE / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return f"signed with the key {key}" if key else "not signed, because RELEASE_KEY names no key of gpg"


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


def broken_links(readme: str, artifact: set[str], repository: Path) -> tuple[list[str], list[str]]:
    """(links of the README that lead nowhere, links to other sites).

    :param artifact: names of the files that are beside the README.
    :param repository: where a link to this project's page on GitHub leads to.
    """
    broken, foreign = [], []
    for link in dict.fromkeys(one or other for one, other in LINK.findall(readme)):
        address, _mark, anchor = link.partition("#")
        ours = OURS.fullmatch(address)
        if ours:
            target = repository / ours[1]
            page = target.read_text(encoding="utf-8") if anchor and target.is_file() else ""
            if not target.exists() or (anchor and anchor not in anchors(page)):
                broken.append(link)
        elif "://" in address:
            foreign.append(link)
        elif (address and address not in artifact) or (anchor and not address and anchor not in anchors(readme)):
            broken.append(link)
    return broken, foreign


def unanswered(links: list[str]) -> list[str]:
    """The links to other sites that do not answer with a page."""
    failures = []
    for link in links:
        address = urlsplit(link)
        connection = http.client.HTTPSConnection(address.netloc, timeout=20)
        try:
            connection.request("HEAD", address.path or "/", headers={"User-Agent": "tcx.m365 release"})
            status = connection.getresponse().status
            if status >= 400:
                failures.append(f"{link} (status {status})")
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{link} ({error})")
        finally:
            connection.close()
    return failures


def follow_links(installed: Path) -> str:
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*")}
    broken, foreign = broken_links((installed / "README.md").read_text(encoding="utf-8"), names, ROOT)
    asked = os.environ.get("RELEASE_LINKS") == "all"
    broken += unanswered(foreign) if asked else []
    if broken:
        raise SystemExit(f"The README of the artifact has links that lead nowhere: {', '.join(broken)}")
    return f"the links of the README lead somewhere; {len(foreign)} to other sites were {'' if asked else 'not '}asked"


def try_out(artifact: Path, wheel: Path, place: Path) -> str:
    """Install into an empty environment and run the demo from there; returns a sentence about the links."""
    main = environments.catalog()["main"]
    python, uv = place / "venv" / "bin" / "python", environments.installer() or Path("uv")
    run(main.interpreter()[1], "-m", "venv", place / "venv")
    run(uv, "pip", "sync", "-q", "--require-hashes", "--python", python, LOCKS / f"{main.lock}.txt")
    run(uv, "pip", "install", "-q", "--no-deps", "--python", python, wheel)
    collections, home = place / "collections", {"ANSIBLE_HOME": str(place / "home"), "HOME": str(place / "home")}
    galaxy = python.with_name("ansible-galaxy")
    run(galaxy, "collection", "install", "--offline", "-p", collections, artifact, where=place, **home)
    run(galaxy, "collection", "verify", "--offline", "-p", collections, "tcx.m365", where=place, **home)
    links = follow_links(collections / workspace.NAME)
    shutil.copy2(ROOT / "tests" / "demo" / "run.py", place / "demo.py")
    run(python, "demo.py", collections, where=place, **home)
    report = json.loads((place / "reports" / "compliance.json").read_text(encoding="utf-8"))
    if not report["hosts"]:
        raise SystemExit("the demo has reported no PBX")
    return links


def main() -> int:
    started = time.monotonic()
    environments.link_collection()
    check()
    artifact = build()
    wheel = lab()
    signed = sign(artifact)
    with tempfile.TemporaryDirectory(prefix="tcx-m365-release-") as place:
        links = try_out(artifact, wheel, Path(place))
    print(f"\n{PLACE.relative_to(ROOT)}:")
    for path in sorted(PLACE.iterdir()):
        print(f"  {path.name} ({path.stat().st_size} bytes)")
    print(f"{signed[0].upper()}{signed[1:]}; {links}; {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
