# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the work of a host runs is read by the rules of every other variable."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._action import is_in_process


@pytest.mark.parametrize("setting", [False, "n", "No", " off ", "0", 0, "false", "F"])
def test_a_module_is_sent_where_that_is_wanted(setting: Any) -> None:
    assert not is_in_process(setting)


@pytest.mark.parametrize("setting", [None, "", "  ", True, "y", "on", 1])
def test_the_controller_works_itself_unless_told_otherwise(setting: Any) -> None:
    assert is_in_process(setting)


@pytest.mark.parametrize("setting", ["maybe", 2, {"no": "way"}])
def test_what_is_no_boolean_is_refused_by_the_name_of_the_variable(setting: Any) -> None:
    with pytest.raises(BadInput, match="tcx_m365_in_process must be a boolean"):
        is_in_process(setting)
