# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of the controller have in common: empty options are not given, mistakes name what the operator has written."""

from __future__ import annotations

from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction


class Keeping(ControllerAction):
    SPEC: ClassVar[dict[str, dict[str, Any]]] = {
        "keep": {"type": "int", "default": 30},
        "dir": {"type": "path", "default": "./reports"},
        "extra": {"type": "list", "elements": "str"},
    }
    PREFIX = "keeping_"

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        return {"options": options, "host": task_vars.get("inventory_hostname")}


def run(*, seconds: int = 0, **options: Any) -> dict[str, Any]:
    task = MagicMock(args=options, action="tcx.m365.keeping", async_val=seconds, check_mode=False)
    action = Keeping(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return action.run(task_vars={"inventory_hostname": "acme"})


@pytest.mark.parametrize("empty", [None, "", "  ", [], {}], ids=repr)
def test_empty_is_not_given(empty: Any) -> None:
    result = run(keep=empty, dir=empty)
    assert result["options"]["keep"] == 30
    assert result["options"]["dir"] == "./reports"
    assert result["host"] == "acme"


def test_an_empty_list_is_one_where_a_list_is_asked_for() -> None:
    assert run(extra=[])["options"]["extra"] == []
    assert run()["options"]["extra"] is None


def test_a_mistake_is_told_by_the_name_of_the_variable() -> None:
    result = run(keep="many")
    assert result["failed"]
    assert "keeping_keep" in result["msg"]


def test_async_is_refused_by_name() -> None:
    with pytest.raises(AnsibleActionFail, match="keeping cannot run with async"):
        run(seconds=60)
