# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that a task starts: the same answers in the controller and in a module that Ansible has sent to a host."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Iterator

import pytest
from ansible.module_utils import basic
from ansible_collections.tcx.m365.plugins.module_utils._context import RunProgram, standalone
from ansible_collections.tcx.m365.plugins.module_utils._task import _run_command
from ansible_collections.tcx.m365.plugins.plugin_utils._programs import run_program


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[basic.AnsibleModule]:
    """A module without options, as it starts on a host."""
    if hasattr(basic, "_ANSIBLE_PROFILE"):
        testing = importlib.import_module("ansible.module_utils.testing")
        with testing.patch_module_args({}):
            yield basic.AnsibleModule({})
    else:
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {}}).encode())
        yield basic.AnsibleModule({})


@pytest.fixture(params=["controller", "module"])
def run(request: pytest.FixtureRequest, module: basic.AnsibleModule) -> RunProgram:
    return run_program if request.param == "controller" else functools.partial(_run_command, module)


def test_status_and_both_outputs(run: RunProgram) -> None:
    assert run(["sh", "-c", "echo $HOME ~; echo bad >&2; exit 3"], 30)[::2] == (3, "bad\n")
    assert run(["echo", "$HOME", "~"], 30) == (0, "$HOME ~\n", "")


def test_a_program_that_is_not_there(run: RunProgram) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        run(["no-such-program"], 30)


def test_a_program_that_takes_too_long_is_ended(run: RunProgram) -> None:
    with pytest.raises(TimeoutError, match="sleep did not finish"):
        run(["sleep", "60"], 0.2)


def test_a_program_that_takes_too_long_to_start_is_ended(run: RunProgram) -> None:
    with pytest.raises(TimeoutError, match="sleep did not finish"):
        run(["sleep", "60"], 0.0001)


def test_the_libraries_alone_start_nothing() -> None:
    with pytest.raises(OSError, match="az cannot be started"):
        standalone().run_program(["az"], 1)
