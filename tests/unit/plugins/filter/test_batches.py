# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes of batches as people write them: in an inventory, behind -e, in a survey."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.tcx.m365.plugins.filter.batches import batches


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ('[1,"10%","100%"]', [1, "10%", "100%"]),
        ("[1, '10%', 100%]", [1, "10%", "100%"]),
        ("1, 10%, 100%", [1, "10%", "100%"]),
        ([1, "10%", "100%"], [1, "10%", "100%"]),
        (5, [5]),
        ("5", [5]),
        ("10%", ["10%"]),
        (" 10% ", ["10%"]),
        ("", ["100%"]),
        (None, ["100%"]),
        ([], ["100%"]),
        ("[]", ["100%"]),
    ],
)
def test_every_spelling_is_read(given: Any, sizes: list[Any]) -> None:
    assert batches(given) == sizes


@pytest.mark.parametrize("given", ["some", "0", "-1", "101%", "0%", "1.5", [1, "x"], "1;2", "1,,2", True])
def test_what_is_no_size_is_named(given: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^rollout_serial: .* is not the size of a batch"):
        batches(given, "rollout_serial")
