# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What both sides need to know of an X.509 certificate."""

from __future__ import annotations

import datetime as dt
from typing import Any


def validity(certificate: Any) -> tuple[dt.datetime, dt.datetime]:
    """Begin and end of a certificate of the package cryptography, in UTC; before release 42 it gives no time zone."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    utc = dt.timezone.utc
    return certificate.not_valid_before.replace(tzinfo=utc), certificate.not_valid_after.replace(tzinfo=utc)
