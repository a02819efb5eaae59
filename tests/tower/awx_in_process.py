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
        name = self._task.action.rpartition(".")[2]
        module = importlib.import_module(f"ansible_collections.awx.awx.plugins.modules.{name}")
        # They are kept for the whole process, which is a module's own elsewhere.
        warnings._global_warnings.clear()
        warnings._global_deprecations.clear()
        printed = io.StringIO()
        with patch_module_args(arguments), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            module.main()
        result.update(json.loads(printed.getvalue()))
        return result


def overlay(collections: Path, target: Path) -> Path:
    """Copy the collection to `target`, with this file as the action plugin of each module that the role uses."""
    shutil.copytree(collections / COLLECTION, target / COLLECTION)
    actions = target / COLLECTION / "plugins" / "action"
    actions.mkdir()
    for name in MODULES:
        (actions / f"{name}.py").symlink_to(Path(__file__).resolve())
    return target
