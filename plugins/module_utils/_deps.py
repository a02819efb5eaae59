# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The one place where third-party packages are imported.

A missing package must become one clear sentence, not a traceback, and ``ansible-test sanity`` imports every file
where none of them is installed. So the imports are guarded here and everybody else imports the names from here.
"""

from __future__ import annotations

import traceback
from typing import List, Tuple

MISSING: List[Tuple[str, str]] = []
"""(package, traceback) of each package that could not be imported."""

try:
    import requests
    import requests.adapters
    import requests.utils
except ImportError:  # pragma: no cover - exercised in a virtual environment without the package
    requests = None  # type: ignore[assignment]
    MISSING.append(("requests", traceback.format_exc()))

try:
    import msal
except ImportError:  # pragma: no cover - as above
    msal = None
    MISSING.append(("msal", traceback.format_exc()))

try:
    import cryptography
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12
except ImportError:  # pragma: no cover - as above
    cryptography = None  # type: ignore[assignment]
    x509 = None  # type: ignore[assignment]
    hashes = None  # type: ignore[assignment]
    serialization = None  # type: ignore[assignment]
    rsa = None  # type: ignore[assignment]
    pkcs12 = None  # type: ignore[assignment]
    MISSING.append(("cryptography", traceback.format_exc()))

__all__ = ["MISSING", "cryptography", "hashes", "msal", "pkcs12", "requests", "rsa", "serialization", "x509"]
