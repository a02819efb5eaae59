# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The border for foreign text: characters that a terminal obeys, or that disguise a text, become visible.

What a PBX, a tenant or an inventory says may hold escape sequences (they clear a screen, set its title, forge lines),
C1 controls, and characters that turn the direction of what follows (CVE-2021-42574). Everything that leaves this
collection towards people passes one of these functions: messages, warnings, notices, traces, results, reports.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

_NOT_SHOWN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
TRICKY = re.compile(f"[{_NOT_SHOWN}]")
"""Everything but tab and line feed, which data such as certificates need; joiners (U+200C, U+200D) are part of words."""

_MAPPING = (dict, Mapping)
"""Nearly all are of the first kind, which is told at once; whether something is of the second takes a function of Python."""

_WITHHELD = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

_TRACE = re.compile(r" *Trace ID: \S+ Correlation ID: \S+ Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\.?")
_UNSEEN = (
    "".join(filter(str.isspace, map(chr, range(0x3001))))
    + "\u200b\u200e\u200f\u2060\ufeff"
    + "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
)
"""What a mail, a spreadsheet or an editor leaves at the ends of a text: blanks, marks of direction and of byte order."""

_WORD = re.compile(r"[\w\[][\w.:@/?=&%+~\[\]-]*")
_PERCENT = re.compile("%[0-9A-F]{2}")
_LINE_ENDS = re.compile(r"[\t ]*(?:\r\n|[\n\t])[\t ]*")


def trimmed(text: str) -> str:
    """The text without what nobody sees at its ends."""
    return str.__str__(text).strip(_UNSEEN)


def is_empty(value: Any) -> bool:
    """Whether a variable says nothing: null, an empty list or mapping, text that nobody sees."""
    return value is None or value in ({}, [], ()) or (isinstance(value, str) and not trimmed(value))


def visible(text: str) -> str:
    """The text on one line, with each character that is not shown as itself written as an escape, such as ``\\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return visible_lines(_LINE_ENDS.sub(" ", str.__str__(text)))


def visible_lines(text: str) -> str:
    """Like :func:`visible`, but lines stay lines."""
    if text.isascii() and text.isprintable():
        return text
    return TRICKY.sub(_escaped, str.__str__(text).replace("\r\n", "\n"))


def visible_data(value: Any) -> Any:
    """A copy of plain data (JSON) in which every text, keys included, has passed :func:`visible_lines`."""
    if isinstance(value, str):
        return visible_lines(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [visible_data(item) for item in value]
    if isinstance(value, _MAPPING):
        return {visible_data(name): visible_data(item) for name, item in value.items()}
    return value


def without_trace(text: str) -> str:
    """What Microsoft says, without the ids of the request: they are for its support, and differ whenever the same is said again."""
    return _TRACE.sub("", text)


def gist(text: str) -> str:
    """By what two sentences are told to say the same: what Microsoft says, without the advice that follows it."""
    return _TRACE.split(text, maxsplit=1)[0]


def without_repeats(texts: Iterable[str]) -> list[str]:
    """Without what another one says as well: the last one knows more."""
    return list({gist(text): text for text in texts}.values())


def without_secrets(value: Any, secrets: Iterable[str]) -> Any:
    """A copy of plain data (JSON) in which no text holds one of the secrets, keys aside; in the words of Ansible.

    Ansible's own function for it tells everybody from 2.22 on that it is deprecated.
    """
    forms = {form for secret in secrets if secret for form in _as_sent(secret)}
    return _masked(value, sorted(forms, key=len, reverse=True))


@functools.lru_cache(maxsize=256)
def _as_sent(secret: str) -> frozenset[str]:
    """A secret as it is, and as it stands in a form, in an address, in JSON and in a page: a service that does not understand
    a request may quote it."""
    encoded = {quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    encoded |= {_PERCENT.sub(lambda match: match[0].lower(), form) for form in encoded}
    quoted = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return frozenset({secret, html.escape(secret), *encoded, *quoted})


def _masked(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        if value in secrets:
            return _WITHHELD
        for secret in secrets:
            value = value.replace(secret, "********")
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (list, tuple)):
        return [_masked(item, secrets) for item in value]
    if isinstance(value, _MAPPING):
        return {name: _masked(item, secrets) for name, item in value.items()}
    text = str(value)
    return _WITHHELD if any(secret in text for secret in secrets) else value


def quoted(name: str) -> str:
    """A name that anybody may have chosen, in a sentence: in quotes it cannot go on as a sentence of ours."""
    return name if _WORD.fullmatch(name) else repr(name)


def shortened(text: str, most: int = 60) -> str:
    """Foreign text for a sentence: an ID has 36 characters, and what somebody sends in its place may have any number."""
    return text if len(text) <= most else f"{text[:most]}..."


def without_login(address: str) -> str:
    """An address without its user information, fit to be shown. People forget to encode ``@`` and ``/`` in passwords, so
    everything up to the last ``@`` counts as such."""
    head, at, place = address.rpartition("@")
    scheme = head.partition("://")[0] + "://" if "://" in head else ""
    return f"{scheme}(hidden)@{place}" if at else address


def _escaped(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
