# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How what a run has changed is undone, in one sentence for the person who started it."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible import constants, context
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible

_JOBS = ("awx_job_id", "tower_job_id")
"""Extra variables of every job of a controller (documented by AWX as "special variables")."""


@dataclass(frozen=True)
class Started:
    """How the run was started, as far as another run needs the same.

    :param inventory: what ``-i`` named; empty where ``ansible.cfg`` names it.
    :param files: further options that name files, as :func:`options_for_files` has them.
    :param snapshot_dir: what ``-e`` gave; empty where the inventory names it, which a rollback reads as well.
    :param is_job: it is a job of a controller, whose command line and paths end with it.
    """

    inventory: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    snapshot_dir: str = ""
    is_job: bool = False

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> Started:
        """As the command line tells; :param extra: the variables of ``-e``."""
        named = context.CLIARGS.get("inventory") or ()
        sources = [named] if isinstance(named, str) else [str(source) for source in named]
        configured = [str(source) for source in constants.DEFAULT_HOST_LIST or ()]
        return cls(
            inventory=() if sources == configured else tuple(_short(source) for source in sources),
            files=options_for_files(),
            snapshot_dir=str(extra.get("snapshot_dir") or ""),
            is_job=is_job(extra),
        )


def is_job(variables: Mapping[str, Any]) -> bool:
    """Whether the run is a job of a controller, as its extra variables tell."""
    return any(variables.get(name) for name in _JOBS)


def options_for_files() -> tuple[str, ...]:
    """The options of the command line that name files of variables and vault passwords, or ask for one.

    What ``-e`` gives itself may be a secret, and is not repeated.
    """
    line = context.CLIARGS
    options: list[str] = []
    for variables in map(str, line.get("extra_vars") or ()):
        options += ["-e", f"@{_short(variables[1:])}"] if variables.startswith("@") else []
    for name in map(str, line.get("vault_ids") or ()):
        options += ["--vault-id", name]
    for path in map(str, line.get("vault_password_files") or ()):
        options += ["--vault-password-file", _short(path)]
    asks = line.get("ask_vault_pass") and not constants.DEFAULT_ASK_VAULT_PASS
    return (*options, *(["--ask-vault-pass"] if asks else []))


def is_left(result: Mapping[str, Any]) -> bool:
    """Whether a run has changed something on a PBX that a rollback could undo."""
    undone = result.get("rollback") or {}
    if any(change.get("after") == "purged" for change in result.get("changes") or ()):
        return False  # it cannot come back, and without it a rollback leaves the PBX as it is
    return bool(result.get("snapshot")) and (not undone.get("restored") or bool(undone.get("under_way")))


def directory(result: Mapping[str, Any]) -> str:
    """The ``snapshot_dir`` of a result; empty where it does not tell."""
    path = str(result.get("snapshot_path") or "")
    return os.path.dirname(os.path.dirname(path)) if path else ""


def sentence(run: str, kept_in: str, started: Started) -> str:
    """:param run: the ID of the run; :param kept_in: its directory, or an empty text."""
    if started.is_job and _ends_with_job(kept_in):
        return (
            f"tcx.m365.rollback cannot undo this job (snapshot {visible(run)}): snapshot_dir is a directory that ends with it. "
            "Give snapshot_dir a directory that is exposed to jobs."
        )
    if started.is_job:
        return (
            f"Undo this job with the job template of tcx.m365.rollback (snapshot: {visible(run)}), launched with a limit to "
            "the PBXs of this job."
        )
    command = ["ansible-playbook", "tcx.m365.rollback"]
    for source in started.inventory:
        command += ["-i", source]
    command += started.files
    command += ["-e", f"snapshot={run}"]
    command += ["-e", f"snapshot_dir={shlex.quote(started.snapshot_dir)}"] if started.snapshot_dir else []
    return f"Undo this run with: {visible(shlex.join(command))}"


def _short(source: str) -> str:
    """A path below where Ansible was started, as a person would type it."""
    here = os.getcwd()
    inside = "," not in source and os.path.isabs(source) and os.path.commonpath([here, source]) == here
    return os.path.relpath(source, here) if inside else source


def _ends_with_job(folder: str) -> bool:
    """Whether nothing of a directory outlives the job: it is one of the job's own, and nothing is mounted there."""
    if not folder:
        return False
    own = {os.path.realpath(path) for path in (os.getcwd(), os.path.expanduser("~"), tempfile.gettempdir())}
    for path in _upwards(os.path.realpath(folder)):
        if path in own:
            return True
        if os.path.ismount(path):
            return False
    return False


def _upwards(folder: str) -> Iterable[str]:
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent
