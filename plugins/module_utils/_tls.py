# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a connection trusts: one TLS context for each CA bundle, made once in a process.

Left to itself urllib3 makes one for every single connection, and reading a bundle of public CAs costs some 20 ms of CPU,
more than all calls to a PBX together (measured).
"""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
import threading

from ansible_collections.tcx.m365.plugins.module_utils._common.places import option_and_path, tried_at
from ansible_collections.tcx.m365.plugins.module_utils._deps import MISSING, requests, urllib3
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error

_one_at_a_time = threading.Lock()


def bundle() -> str:
    """The CA bundle of this machine: the environment's, else the one that comes with requests."""
    environment = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return str(environment or requests.utils.DEFAULT_CA_BUNDLE_PATH)


def context(verify: bool, ca_path: str) -> ssl.SSLContext:
    """The context for connections that trust a bundle (a file, or a directory of hashed names), or anybody.

    :raises BadInput: the bundle cannot be used.
    """
    # The threads of a sweep begin together, and each would read the bundle before the first of them has.
    with _one_at_a_time:
        return _made(verify, ca_path, _changed(ca_path) if verify else 0)


def prepare() -> None:
    """Read the machine's bundle now. For a process that forks for every task: they all find it in memory then."""
    if not MISSING:
        with contextlib.suppress(M365Error):
            context(True, bundle())


@functools.lru_cache(maxsize=16)
def _made(verify: bool, ca_path: str, _version: int) -> ssl.SSLContext:
    if not verify:
        # The operator said so in as many words; a warning per request would only bury the others.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return _new(ssl.CERT_NONE)
    made = _new(ssl.CERT_REQUIRED)
    try:
        if os.path.isdir(ca_path):
            made.load_verify_locations(capath=ca_path)
        else:
            made.load_verify_locations(cafile=ca_path)
    except OSError as error:
        raise BadInput(
            f"{option_and_path('the CA bundle', ca_path)} cannot be used: {error.strerror or error}{tried_at(ca_path)}",
            remedy="Give the path of a PEM bundle as O(ca_path), or correct REQUESTS_CA_BUNDLE.",
        ) from None
    return made


def _new(cert_reqs: ssl.VerifyMode) -> ssl.SSLContext:
    made: ssl.SSLContext = urllib3.util.ssl_.create_urllib3_context(cert_reqs=cert_reqs)
    return made


def _changed(path: str) -> int:
    """When a bundle was last written; 0 where there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
