# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PBX is, apart from its settings: release, edition, names, ports, length of extension numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .._common import typed
from .._common.hosts import authorities, authority, host_name
from .._errors import BadAnswer, Rejected, Unsupported
from .connection import SERVICE
from .license import License
from .version import FIRST, Release
from .xapi import Xapi

SIGN_IN_PATH = "/oauth2office2"
"""Where Microsoft sends a user back to (observed on V18 and V20)."""

PRESENCE_PATH = "/oauth2presence"
"""Where Microsoft sends the presence account back to (observed)."""

_PARAMETERS = "/Defs/Pbx.GetSystemParameters()"


@dataclass(frozen=True)
class Facts:
    """
    :param version: full build, ``20.0.9.995``.
    :param fqdn: the PBX's own name; with ``https_port`` the base of the redirect URI.
    :param number_length: (shortest, longest) extension number, or ``None`` where the PBX does not say it.
    """

    version: str
    fqdn: str
    https_port: int
    number_length: tuple[int, int] | None = None
    license: License = field(default_factory=License)

    @property
    def release(self) -> Release:
        release = Release.parse(self.version)
        if release is None:
            raise Rejected(f"unrecognized 3CX version {self.version!r}", service="3CX")
        return release

    @property
    def host(self) -> str:
        """The PBX's own name as a plain host name; empty where what it reports is none (user information, a wildcard, an IP
        address ...), so that no address is ever made of it."""
        return host_name(self.fqdn)

    @property
    def base(self) -> str:
        """The address under which the PBX knows itself; Entra compares redirect URIs exactly, so 443 must be left out.

        Empty where the PBX reports no host name.
        """
        port = "" if self.https_port == 443 else f":{self.https_port}"
        return f"https://{self.host}{port}" if self.host else ""

    @property
    def redirect_uri(self) -> str:
        return self.base + SIGN_IN_PATH if self.base else ""

    @property
    def presence_redirect_uri(self) -> str:
        return self.base + PRESENCE_PATH if self.base else ""

    def is_named(self, url: str, names: Iterable[str] = ()) -> bool:
        """Whether the PBX calls itself by the host of its address in the inventory, or by another name that it may have.

        :param names: of the inventory, with or without a port.
        """
        allowed = {host_name(urlsplit(url).hostname or "")}
        allowed |= {host_name(str(name).strip().rpartition(":")[0] or str(name).strip()) for name in names}
        return bool(self.host) and self.host in allowed

    def is_at(self, url: str, names: Iterable[str] = ()) -> bool:
        """Whether the port that the PBX reports is that of its address in the inventory, or of a name that has one of its own.

        :param names: as for :meth:`is_named`.
        """
        return bool(self.base) and authority(self.base) in authorities(
            f"https://{urlsplit(url).netloc}", [self.host, *names]
        )

    def has_known_port(self, url: str, names: Iterable[str] = ()) -> bool:
        """Whether the inventory says on which port the name that the PBX reports is reached."""
        stated = {host_name(str(name).strip().rpartition(":")[0]) for name in names}
        return self.host in stated | {host_name(urlsplit(url).hostname or "")}

    def as_value(self) -> dict[str, Any]:
        """As JSON, for the run's store."""
        return {**vars(self), "license": self.license.as_value()}

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Facts:
        """The reverse of :meth:`as_value`."""
        length = value["number_length"]
        return cls(
            **{
                **value,
                "number_length": tuple(length) if length else None,
                "license": License.from_value(value["license"]),
            }
        )


def observe(xapi: Xapi) -> Facts:
    """The facts of a PBX; read once in a run.

    :raises Unsupported: the release is older than the API this collection works with.
    """
    store, url = xapi.context.store, xapi.connection.url
    stored = store.get("pbx_facts", url)
    if stored is not None:
        facts = Facts.from_value(stored)
        xapi.release, xapi.version = facts.release, facts.version
        return facts
    tried = "read the system parameters of the PBX"
    parameters = xapi.get(_PARAMETERS, tried)
    try:
        facts = of(parameters, xapi.version, url)
    except BadAnswer as error:
        raise error.while_trying(tried, url) from None
    if facts.release < FIRST:
        raise Unsupported(
            f"the PBX runs {facts.version}",
            tried="find out what the PBX can do",
            target=url,
            remedy=f"Its API for Microsoft 365 is complete from {FIRST} on: update the PBX.",
        )
    store.put("pbx_facts", url, facts.as_value())
    return facts


def of(parameters: Mapping[str, Any], version: str, url: str) -> Facts:
    """Facts from ``SystemParameters`` (documented) and from the version header."""
    address = urlsplit(url)
    lengths = typed.mapping(parameters, "ENLRange", SERVICE)
    single = typed.number(parameters, "ENL", SERVICE)
    shortest = typed.number(lengths, "From", SERVICE) or single
    longest = typed.number(lengths, "To", SERVICE) or single
    return Facts(
        version=version or str(parameters.get("Version") or ""),
        fqdn=str(parameters.get("FQDN") or parameters.get("PbxExternalHost") or address.hostname or ""),
        https_port=typed.number(parameters, "HttpsPort", SERVICE, highest=65535) or address.port or 443,
        number_length=(shortest, longest) if shortest and longest else None,
        license=License.of(parameters.get("License") or {}),
    )
