# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trouble on the way to a service, in words for operators: no class, number or source file of Python shows through."""

from __future__ import annotations

import errno
import os
import re
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._errors import Exhausted

_PREFIX = re.compile(r"^\[[^\]]*\]\s*")
_SOURCE = re.compile(r"\s*\(_ssl\.c:\d+\)")
_CUT = re.compile(r"IncompleteRead\((\d+) bytes read(?:, (\d+) more expected)?\)")
_RUN_OUT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))

_TLS = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS on this port",
    "HTTP_REQUEST": "it does not speak TLS on this port",
    "UNEXPECTED_EOF_WHILE_READING": "it closed the connection during the TLS handshake or before the answer was complete",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it and this machine have no TLS version and cipher in common",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it and this machine have no TLS version in common",
    "UNSUPPORTED_PROTOCOL": "it and this machine have no TLS version in common",
    "NO_PROTOCOLS_AVAILABLE": "this machine allows no TLS version",
    "TLSV1_UNRECOGNIZED_NAME": "it does not know this name (TLS server name)",
    "TLSV1_ALERT_INTERNAL_ERROR": "its TLS failed (internal error)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a client certificate",
}
_BEFORE_SENDING = frozenset(_TLS) - {"UNEXPECTED_EOF_WHILE_READING"}


def innermost(error: BaseException) -> BaseException:
    """The cause inside of nested transport errors."""
    cause = error
    seen = 0
    while seen < 20:
        seen += 1
        inner: Any = getattr(cause, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in cause.args if isinstance(arg, BaseException)), None)
        if inner is None:
            inner = cause.__cause__ if isinstance(cause.__cause__, OSError) else None
        if inner is None or inner is cause:
            break
        cause = inner
    return cause


def reason(error: BaseException) -> str:
    """What went wrong, as a phrase."""
    cause = innermost(error)
    tls = getattr(cause, "reason", None)
    if isinstance(tls, str) and tls in _TLS:
        return _TLS[tls]
    text = str(getattr(cause, "strerror", None) or cause)
    if text.startswith(("<", "HTTP")) and ": " in text:
        text = text.split(": ", 1)[1]
    text = _SOURCE.sub("", _PREFIX.sub("", text)).strip()
    cut = _CUT.search(text)
    if cut:
        return f"it was cut after {cut.group(1)} bytes"
    number = getattr(cause, "errno", None)
    if not text and number:
        text = os.strerror(number)
    return _plain(text) if text else "the connection was interrupted"


def _plain(text: str) -> str:
    if text.startswith("EOF occurred"):
        return _TLS["UNEXPECTED_EOF_WHILE_READING"]
    return text


def handshake_failed(error: BaseException) -> bool:
    """Whether TLS was not agreed upon, so that nothing was sent."""
    return getattr(innermost(error), "reason", None) in _BEFORE_SENDING


def exhausted(error: BaseException, tried: str) -> Exhausted | None:
    """The error of a machine that has no more files or memory; ``None`` for any other."""
    cause = innermost(error)
    number = getattr(cause, "errno", None)
    if not isinstance(cause, OSError) or number not in _RUN_OUT:
        return None
    return Exhausted(f"this machine has run out of resources: {os.strerror(number)}", tried=tried)
