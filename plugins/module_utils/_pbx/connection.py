# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is needed to reach one PBX and to sign in to it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .._common.text import without_login
from .._errors import BadInput
from .._http import RetryPolicy, Transport

SERVICE = "3CX"

RETRIES = RetryPolicy(statuses=frozenset((408, 502, 503, 504)))
"""500 is not among them: XAPI answers it to values it cannot read (observed), and the same value fails again. Where it only
reads, the client of XAPI repeats an empty one."""

_URL = re.compile(r"^https://[^\s/?#@\\]+$", re.IGNORECASE)


@dataclass(frozen=True)
class Connection:
    """Address and credential of one PBX.

    :param url: ``https://host[:port]``.
    :param principal: client id of the XAPI service principal, or the administrator's user name.
    :param secret: its secret or password.
    :param administrator: sign in as a person, with password and perhaps a second factor.
    :param security_code: six digits, or the base32 secret that makes them.
    """

    url: str
    principal: str
    secret: str = field(repr=False)
    administrator: bool = False
    security_code: str = field(default="", repr=False)
    transport: Transport = field(default_factory=Transport)

    @property
    def fingerprint(self) -> str:
        """Tells credentials apart without giving them away."""
        kind = "administrator" if self.administrator else "client"
        return hashlib.sha256(f"{kind}\0{self.principal}\0{self.secret}".encode()).hexdigest()

    @property
    def key(self) -> str:
        """Under which the run's store keeps the token."""
        return f"{self.url}|{self.principal}|{self.fingerprint}"


def base_url(text: str) -> str:
    """The address of a PBX in the one form that we compare: no path, no trailing slash, lower-case host, no port 443.

    :raises BadInput: it is none, is not encrypted, or carries user information, which the sentence does not show.
    """
    url = text.strip().rstrip("/")
    shown = repr(without_login(text))
    if "@" in url:
        raise BadInput(
            f"O(url) is {shown}, which carries a user name or password",
            remedy="Give https://HOST or https://HOST:PORT, and the login by O(client_id) and O(client_secret) or by O(username) "
            "and O(password).",
        )
    if url.lower().startswith("http://"):
        raise BadInput(
            f"O(url) is {shown}, which is not encrypted: the credential would be sent in clear text",
            remedy="Give https://HOST or https://HOST:PORT.",
        )
    if not _URL.match(url):
        raise BadInput(
            f"O(url) is {shown}, which is not the address of a PBX",
            remedy="Give https://HOST or https://HOST:PORT, without a path.",
        )
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        host = ""
    if not host or port == 0:
        raise BadInput(f"O(url) is {shown}, which is not an address", remedy="Give https://HOST or https://HOST:PORT.")
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}" + (f":{port}" if port not in (None, 443) else "")
