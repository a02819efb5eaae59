# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as empty, and what does not although other rules say so."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.filter.value_or import value_or


@pytest.mark.parametrize("value", [None, "", "  ", "\n", "\ufeff", "\u200e \u200b", [], {}, ()])
def test_what_is_empty_is_not_given(value: Any) -> None:
    assert value_or(value, 100) == 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (False, False),
        ("0", "0"),
        (" 20% ", "20%"),
        ("\ufeff20%", "20%"),
        ([None], [None]),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_everything_else_is(value: Any, expected: Any) -> None:
    assert value_or(value, 100) == expected
