# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host names and authorities (``host[:port]``), compared in one form.

A name is compared as it is sent in DNS: lower case, A-labels (RFC 5890), no final dot. Whatever cannot be a host name
(user information, wildcards, paths, blanks, IP addresses) has no such form, so that it equals nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PORT = re.compile(r"[0-9]{1,5}")
_PLAIN = re.compile(r"[^\s\x00-\x20/?#@*:\\%\[\]]+")
_NOT_IN_URL = re.compile(r"[\x00-\x20\\]")


def host_name(text: object) -> str:
    """A plain host name in the form that is compared; empty for everything else, an IP address too."""
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        return ""
    name = text
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    name = name.lower()
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        return ""
    return name


def host(text: object) -> str:
    """A host name or an IP address in the form that is compared; empty for everything else."""
    if isinstance(text, str):
        try:
            return str(ipaddress.ip_address(text.strip("[]")))
        except ValueError:
            pass
    return host_name(text)


def authority(url: object) -> str:
    """``host[:port]`` of an ``https`` address, without port 443; empty where it is no such address."""
    if not isinstance(url, str) or _NOT_IN_URL.search(url):
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() != "https" or "@" in parts.netloc:
        return ""
    return joined(parts.hostname or "", port)


def joined(name: str, port: int | None) -> str:
    """Host and port in the form that is compared; empty where the host is none."""
    plain = host(name)
    if not plain:
        return ""
    shown = f"[{plain}]" if ":" in plain else plain
    return shown if port in (None, 443) else f"{shown}:{port}"


def authorities(url: str, names: Iterable[str] = ()) -> tuple[str, ...]:
    """All authorities of a service: that of its address first, then those of its further names.

    :param names: host names, each with the port of the address unless it has one of its own.
    """
    own = authority(url)
    port = urlsplit(url).port if own else None
    candidates = [own]
    for further_name in names:
        name, colon, digits = str(further_name).strip().rpartition(":")
        if colon and _PORT.fullmatch(digits):
            candidates.append(joined(name, int(digits)))
        else:
            candidates.append(joined(str(further_name).strip(), port))
    return tuple(dict.fromkeys(candidate for candidate in candidates if candidate))
