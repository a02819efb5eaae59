# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proxy on the way to a service: which one, its address without the login, what it means when it lets nobody through."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, field

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Unreachable, Untrusted

_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})\b\s*(.*)", re.DOTALL)
_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
"""What a proxy says about the service behind it, or about itself for the moment; all else is its decision."""


@dataclass(frozen=True)
class Proxy:
    """A forwarding proxy.

    :param address: ``http://HOST:PORT`` or ``https://HOST:PORT``, without the login: fit to be shown.
    :param login: ``USER:PASSWORD`` in clear, or empty.
    """

    address: str
    login: str = field(default="", repr=False)


def parse(address: str) -> Proxy:
    """The proxy of an option or an environment variable; one without a scheme is meant as ``http``.

    :raises BadInput: it is none. The sentence shows nothing of a login.
    """
    scheme, separator, rest = address.strip().partition("://")
    if not separator:
        scheme, rest = "http", address.strip()
    # From the right: people forget to encode "@" and "/" in passwords, and no part of one may end up in the address.
    login, _at, place = rest.rpartition("@")
    place = place.split("/", 1)[0]
    try:
        parts = urllib.parse.urlsplit(f"//{place}")
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or scheme.lower() not in ("http", "https"):
        raise BadInput(
            f"the proxy {scheme}://{place} cannot be used",
            remedy="Give http://HOST:PORT or https://HOST:PORT as proxy, or in HTTPS_PROXY. SOCKS is not supported.",
        )
    return Proxy(f"{scheme.lower()}://{place}", urllib.parse.unquote(login))


def secrets(option: str) -> set[str]:
    """What of the option ``proxy`` must not appear in any output: its password, as given and in clear."""
    rest = option.strip().partition("://")[2] or option.strip()
    password = rest.rpartition("@")[0].partition(":")[2]
    return {form for form in (password, urllib.parse.unquote(password)) if form}


def fault(proxy: Proxy, reason: str, where: str) -> tuple[Unreachable, bool]:
    """What it means that the proxy did not connect us, and whether another attempt may help.

    :param reason: the innermost words of the transport error.
    :param where: what we wanted to reach.
    """
    tried = f"connect to {where}"
    refused = _TUNNEL_REFUSED.search(reason)
    if refused and refused.group(1) == "407":
        refusal = "refused the login it was given" if proxy.login else "asks for a login"
        remedy = "Write it into the address of the proxy as http://USER:PASSWORD@HOST:PORT, special characters encoded."
        # Never tried again: such a login is often an account of the domain, which a few failures lock.
        return Unreachable(f"the proxy {proxy.address} {refusal} (407)", tried=tried, remedy=remedy), False
    if refused:
        status, words = int(refused.group(1)), " ".join(refused.groups()).strip()
        remedy = "Allow this address on the proxy, or name its host in NO_PROXY."
        if status in _PASSING:
            remedy = "Check that the proxy itself can reach this address."
        return Unreachable(
            f"the proxy {proxy.address} did not connect us: {words}", tried=tried, remedy=remedy
        ), status in _PASSING
    if "certificate" in reason.lower():
        remedy = "Give the CA that issued it in O(ca_path), together with those of the service."
        message = f"the TLS certificate of the proxy {proxy.address} did not verify: {reason}"
        return Untrusted(message, tried=tried, remedy=remedy), False
    remedy = "Check the option proxy or HTTPS_PROXY, and that the proxy is running."
    return Unreachable(f"the proxy {proxy.address} cannot be reached: {reason}", tried=tried, remedy=remedy), True
