# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Percentages as people write them: in an inventory, behind -e, in a survey."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.tcx.m365.plugins.filter.percentage import percentage


@pytest.mark.parametrize(
    ("given", "number"),
    [(0, 0), (100, 100), (2.5, 2.5), ("10", 10), ("10%", 10), (" 10 % ", 10), ("2.5%", 2.5)],
)
def test_every_spelling_is_read(given: Any, number: float) -> None:
    assert percentage(given, "rollout_max_fail_percentage") == number


@pytest.mark.parametrize("given", ["", "  ", None, [], {}])
def test_what_is_empty_is_not_given(given: Any) -> None:
    assert percentage(given, "rollout_max_fail_percentage") == 100
    assert percentage(given, "rollout_max_fail_percentage", 5) == 5


@pytest.mark.parametrize("given", [-5, "-5", "x", 150, "100.1", "1e1", "nan", True, False, [5], {"a": 1}, "%", "5%%"])
def test_what_is_none_is_told_by_the_name_of_its_variable(given: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^rollout_max_fail_percentage must be a percentage from 0 to 100"):
        percentage(given, "rollout_max_fail_percentage")
