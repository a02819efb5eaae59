# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of an answer, with the type that is documented; any other type is an error of the service that gave it.

Null and a missing name mean "not set" and give the empty value of the type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import BadAnswer

Answer = Mapping[str, Any]


def text(answer: Answer, name: str, service: str) -> str:
    """A text; empty where it is not set."""
    value = answer.get(name)
    return value if isinstance(value, str) else "" if value is None else _wrong(name, value, "a text", service)


def number(answer: Answer, name: str, service: str, *, highest: int = 2**31) -> int:
    """A whole number, also one that is written as a text; 0 where it is not set."""
    value = answer.get(name)
    if value is None or value == "":
        return 0
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 12:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest:
        return value
    wrong: int = _wrong(name, value, "a number from 0 on", service)
    return wrong


def mapping(answer: Answer, name: str, service: str) -> dict[str, Any]:
    """An object; empty where it is not set."""
    value = answer.get(name)
    return value if isinstance(value, dict) else {} if value is None else _wrong(name, value, "an object", service)


def items(answer: Answer, name: str, service: str) -> list[Any]:
    """A list of anything; empty where it is not set."""
    value = answer.get(name)
    return value if isinstance(value, list) else [] if value is None else _wrong(name, value, "a list", service)


def entities(answer: Answer, name: str, service: str) -> list[dict[str, Any]]:
    """A list of objects; empty where it is not set."""
    values = items(answer, name, service)
    strange = [item for item in values if not isinstance(item, dict)]
    return _wrong(name, strange[0], "a list of objects", service) if strange else values


_KINDS = {str: "a text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}


def wrong(name: str, value: Any, expected: str, service: str, subject: str = "the service") -> BadAnswer:
    """The error for a value of another type than documented.

    :param subject: what is at the address.
    """
    kind = _KINDS.get(type(value), "null")
    shown = f" ({str(value)[:40]!r})" if isinstance(value, (str, bool, int, float)) else ""
    return BadAnswer(
        f"{name} is {kind}{shown} where {expected} is documented",
        service=service,
        remedy=f"Check that the address is that of {subject} itself, and that its release is supported.",
    )


def _wrong(name: str, value: Any, expected: str, service: str) -> Any:
    raise wrong(name, value, expected, service)
