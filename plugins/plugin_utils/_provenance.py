# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Where a report comes from: which code, on which controller, for whom, from which inventory."""

from __future__ import annotations

import functools
import getpass
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.yaml import yaml_load
from ansible.release import __version__ as ansible_version

_ROOT = Path(__file__).resolve().parents[2]
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_JOBS = ("awx_job_id", "tower_job_id")
_USERS = ("awx_user_name", "tower_user_name")


def provenance(task_vars: Mapping[str, Any], automation_app_ids: Iterable[str]) -> dict[str, Any]:
    """What is known about the run, as plain JSON.

    :param automation_app_ids: client IDs with which the run signed in to Entra.
    """
    sources = [str(source) for source in task_vars.get("ansible_inventory_sources") or ()]
    facts = {
        "collection_version": collection_version(),
        "ansible_version": str(ansible_version),
        "controller": platform.node(),
        "user": _first(task_vars, _USERS) or _login(),
        "job_id": _first(task_vars, _JOBS),
        "inventory": sources,
        "inventory_commit": next((commit for source in sources if (commit := commit_of(Path(source)))), ""),
        "automation_app_id": sorted(set(filter(None, automation_app_ids))),
    }
    return {name: value for name, value in facts.items() if value not in ("", [])}


@functools.lru_cache(maxsize=1)
def collection_version() -> str:
    """The version of this collection: of the installed artifact, else of the checkout; empty when neither says it."""
    manifest, galaxy = _ROOT / "MANIFEST.json", _ROOT / "galaxy.yml"
    try:
        if manifest.is_file():
            return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
        return str(yaml_load(galaxy.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, yaml.YAMLError):
        return ""


def commit_of(path: Path) -> str:
    """The commit of the git checkout that holds a file, or an empty text. It does not tell whether the file was changed since."""
    try:
        resolved = path.resolve()
        for folder in (resolved, *resolved.parents):
            head = folder / ".git" / "HEAD"
            if head.is_file():
                return _commit(folder / ".git", head.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        pass
    return ""


def _commit(git: Path, head: str) -> str:
    if not head.startswith("ref: "):
        return head if _COMMIT.fullmatch(head) else ""
    name = head.removeprefix("ref: ")
    if ".." in name.split("/"):
        return ""
    loose = git / name
    if loose.is_file():
        commit = loose.read_text(encoding="ascii").strip()
        return commit if _COMMIT.fullmatch(commit) else ""
    packed = git / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.is_file() else []
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")


def _first(task_vars: Mapping[str, Any], names: Iterable[str]) -> str:
    return next((str(task_vars[name]) for name in names if task_vars.get(name)), "")


def _login() -> str:
    """The user of this process; containers run as numbers that no name belongs to."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
