# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The TLS certificate that a PBX shows to us, to browsers and to Microsoft."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._deps import x509
from ansible_collections.tcx.m365.plugins.module_utils._x509 import validity


@dataclass(frozen=True)
class TlsCertificate:
    """What is judged of it.

    :param names: DNS names and addresses that it is for.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: dt.datetime
    not_after: dt.datetime
    self_signed: bool

    @classmethod
    def of(cls, der: bytes) -> TlsCertificate:
        """From the bytes of the handshake."""
        found = x509.load_der_x509_certificate(der)
        begin, end = validity(found)
        return cls(
            subject=found.subject.rfc4514_string(),
            issuer=found.issuer.rfc4514_string(),
            names=_names(found),
            not_before=begin,
            not_after=end,
            self_signed=found.issuer == found.subject,
        )

    def covers(self, host: str) -> bool:
        """Whether it is for a name; a star stands for exactly one label at the begin (RFC 6125)."""
        wanted = _canonical(host)
        _label, _dot, parent = wanted.partition(".")
        return any(_canonical(name) in (wanted, f"*.{parent}") for name in self.names)

    def as_dict(self, now: dt.datetime) -> dict[str, Any]:
        """As it stands in results."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names),
            "not_after": dates.iso(self.not_after),
            "days_left": dates.days_left(self.not_after, now),
            "self_signed": self.self_signed,
        }


def _names(certificate: Any) -> tuple[str, ...]:
    """The alternative names; without any, the common name, which browsers have stopped to believe."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
        return tuple(str(each.value) for each in common)
    addresses = [str(each) for each in found.get_values_for_type(x509.IPAddress)]
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _canonical(name: str) -> str:
    text = name.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text
