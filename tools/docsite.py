# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the documentation site of the collection in the working directory, with search, and without the network.

The guides and the reference come from antsibull-docs, the pages of the repository from their Markdown (`site_pages.py`).
Run in a directory `ansible_collections/tcx/m365` with the Python of .venv-lint: `python tools/docsite.py DIRECTORY`.
Exit status 1 when a page or a link of ours does not exist. Links to the documentation of Ansible itself are not looked up.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import site_pages

# What only the index of another site could tell.
_OF_OTHERS = re.compile(r"undefined label: '(?!ansible_collections\.tcx\.m365)|reference target not found: ANSIBLE_")
_PLUGINS = ".. _plugin_index_for_tcx.m365:"
_THEME = "alabaster"
"""The theme that comes with Sphinx; the site of Ansible puts its own around the same pages."""


def run(*command: str, where: Path, collections: Path) -> str:
    """The output of a program of this environment; SystemExit with it when the program fails."""
    programs = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def build(site: Path, collections: Path) -> list[str]:
    """Build the site in an empty directory; returns the warnings that are ours to mend."""
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    options = ("--use-current", "--fail-on-error", "--sphinx-theme", _THEME, "--dest-dir", str(site))
    run("antsibull-docs", "sphinx-init", *options, "tcx.m365", where=site, collections=collections)
    configuration = (site / "conf.py").read_text(encoding="utf-8")
    # Without the network there is no index of other sites.
    configuration = (
        configuration.replace("'sphinx.ext.autodoc', 'sphinx.ext.intersphinx', ", "")
        + "\nintersphinx_mapping = {}\n"
        + site_pages.CONFIGURATION
    )
    (site / "conf.py").write_text(configuration, encoding="utf-8")
    pages = site / "rst"
    pages.chmod(0o755)
    generate = ("antsibull-docs", "--config-file", "antsibull-docs.cfg", "collection", "--cleanup", "everything")
    where_to = ("--use-current", "--fail-on-error", "--dest-dir", "rst")
    run(*generate, *where_to, "tcx.m365", where=site, collections=collections)
    _add_markdown(pages / "collections" / "tcx" / "m365")
    output = run("sphinx-build", "-M", "html", "rst", "build", "-q", "-c", ".", where=site, collections=collections)
    return [line for line in output.splitlines() if "WARNING" in line and not _OF_OTHERS.search(line)]


def _add_markdown(place: Path) -> None:
    """Give the site the Markdown pages of the working directory as well, and list them on its start page."""
    site_pages.write(Path.cwd(), place / "docsite")
    index = place / "index.rst"
    text = index.read_text(encoding="utf-8")
    before, mark, rest = text.partition(_PLUGINS)
    if not mark:
        raise SystemExit(f"{index}: the list of plugins does not begin with {_PLUGINS}")
    index.write_text(before + site_pages.listed() + mark + rest, encoding="utf-8")


def main() -> int:
    site = Path(sys.argv[1]).resolve()
    warnings = build(site, Path.cwd().resolve().parents[2])
    print("\n".join(warnings))
    pages = list((site / "build" / "html" / "collections" / "tcx" / "m365").rglob("*.html"))
    print(f"{len(pages)} pages: {site / 'build' / 'html' / 'index.html'}")
    return 1 if warnings or not pages else 0


if __name__ == "__main__":
    raise SystemExit(main())
