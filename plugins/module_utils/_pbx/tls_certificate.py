# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TLS certificate that a PBX shows to us, to browsers and to Microsoft."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Any

from .._common import dates, pem
from .._deps import x509


@dataclass(frozen=True)
class TlsCertificate:
    """What is judged of it.

    :param names: DNS names and addresses that it is for.
    :param thumbprint: SHA-1 of its DER, 40 upper-case hexadecimal digits, as Windows and Entra name certificates.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: dt.datetime
    not_after: dt.datetime
    self_signed: bool
    thumbprint: str = ""

    @classmethod
    @functools.lru_cache(maxsize=256)
    def of(cls, der: bytes) -> TlsCertificate:
        """From the bytes of the handshake; of the newest ones once."""
        certificate = x509.load_der_x509_certificate(der)
        begin, end = pem.validity(certificate)
        return cls(
            thumbprint=pem.thumbprint(der),
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            names=pem.names(certificate),
            not_before=begin,
            not_after=end,
            self_signed=certificate.issuer == certificate.subject,
        )

    def covers(self, host: str) -> bool:
        """Whether it is for a name."""
        return pem.covers(self.names, host)

    def as_dict(self, now: dt.datetime) -> dict[str, Any]:
        """As it stands in results."""
        return {
            "thumbprint": self.thumbprint,
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names),
            "not_after": dates.iso(self.not_after),
            "days_left": dates.days_left(self.not_after, now),
            "self_signed": self.self_signed,
        }
