# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action plugin that runs a module of awx.awx where Ansible is already running, instead of in a Python of its own.

A run of `controller_setup` is about a hundred executions of modules of half a second each, nearly all of it start-up. The
module file itself is executed, unchanged, with the arguments that Ansible would have sent it; `overlay` puts this file
beside it under its name. Runs that show the modules as Ansible starts them take the collection without this.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args
from ansible.plugins.action import ActionBase

COLLECTION = Path("ansible_collections", "awx", "awx")
MODULES = (
    "credential credential_type execution_environment group host inventory inventory_source job_template label "
    "notification_template organization project project_update role schedule team workflow_job_template "
    "workflow_job_template_node"
).split()


class ActionModule(ActionBase):
    """Runs the module of the same name."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        self._update_module_args(self._task.action, arguments, task_vars)
        collection, _dot, name = self._task.action.rpartition(".")
        module = importlib.import_module(f"ansible_collections.{collection}.plugins.modules.{name}")
        # They are kept for the whole process, which is a module's own elsewhere.
        warnings._global_warnings.clear()
        warnings._global_deprecations.clear()
        printed = io.StringIO()
        with patch_module_args(arguments), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            module.main()
        result.update(json.loads(printed.getvalue()))
        return result


def overlay(collections: Path, target: Path, place: Path = COLLECTION) -> Path:
    """Copy the collection to `target`, with this file as the action plugin of each module that the role uses.

    :param place: where it goes there, for a collection of another name.
    """
    shutil.copytree(collections / COLLECTION, target / place)
    actions = target / place / "plugins" / "action"
    actions.mkdir()
    for name in MODULES:
        (actions / f"{name}.py").symlink_to(Path(__file__).resolve())
    return target


def as_controller(collections: Path, target: Path) -> Path:
    """The same as `ansible.controller`, as far as that is known: it is made of the same source, with another name in each file,
    speaks to `/api/controller/`, and 4.6 takes a token by `aap_token` alone."""
    place = Path("ansible_collections", "ansible", "controller")
    overlay(collections, target, place)
    renamed = {"awx.awx": "ansible.controller", "awx/awx": "ansible/controller", "controller_oauthtoken": "aap_token"}
    renamed['_COLLECTION_TYPE = "awx"'] = '_COLLECTION_TYPE = "controller"'
    for path in (target / place).rglob("*"):
        if path.suffix in (".py", ".yml", ".json") and path.is_file() and not path.is_symlink():
            text = path.read_text(encoding="utf-8")
            for before, after in renamed.items():
                text = text.replace(before, after)
            path.write_text(text, encoding="utf-8")
    return target
