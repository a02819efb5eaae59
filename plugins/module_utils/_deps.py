# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place where third-party packages are imported.

A missing package must become one clear sentence, not a traceback, and ``ansible-test sanity`` imports every file
where none of them is installed. So the imports are guarded here and everybody else imports the names from here.
"""

from __future__ import annotations

import importlib
import logging
import traceback
from typing import TYPE_CHECKING, Any

MISSING: list[tuple[str, str]] = []
"""(package, traceback) of each package that could not be imported."""


def _load(package: str, module: str = "") -> Any:
    try:
        return importlib.import_module(module or package)
    except ImportError:
        if package not in [name for name, _traceback in MISSING]:
            MISSING.append((package, traceback.format_exc()))
        return None


if TYPE_CHECKING:
    import cryptography
    import msal
    import requests
    import urllib3
    from cryptography import fernet, x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12
else:
    requests = _load("requests")
    urllib3 = _load("requests", "urllib3")
    msal = _load("msal")
    cryptography = _load("cryptography")
    fernet = _load("cryptography", "cryptography.fernet")
    x509 = _load("cryptography", "cryptography.x509")
    hashes = _load("cryptography", "cryptography.hazmat.primitives.hashes")
    serialization = _load("cryptography", "cryptography.hazmat.primitives.serialization")
    rsa = _load("cryptography", "cryptography.hazmat.primitives.asymmetric.rsa")
    UnsupportedAlgorithm = getattr(_load("cryptography", "cryptography.exceptions"), "UnsupportedAlgorithm", ValueError)
    pkcs12 = _load("cryptography", "cryptography.hazmat.primitives.serialization.pkcs12")


def _silence(*packages: str) -> None:
    """Packages that log what they have received, tokens included, log nowhere from here on.

    Without a handler, Python writes warnings and errors to the standard error of a thread of a forked task: a token is then
    printed, and releases of ansible-core that guard that stream with a lock hang for ever (2.17 and 2.18, observed).
    """
    for package in packages:
        logger = logging.getLogger(package)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


_silence("msal", "urllib3", "requests", "charset_normalizer")

__all__ = [
    "MISSING",
    "UnsupportedAlgorithm",
    "cryptography",
    "fernet",
    "hashes",
    "msal",
    "pkcs12",
    "requests",
    "rsa",
    "serialization",
    "urllib3",
    "x509",
]
