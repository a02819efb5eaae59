# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A detached signature of the manifest, by a program of this machine that has the key: GnuPG or minisign."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ansible_collections.tcx.m365.plugins.plugin_utils._programs import run_program

from .files import MANIFEST

GPG, MINISIGN = "gpg", "minisign"
PROGRAMS = (GPG, MINISIGN)
_SECONDS = 60.0

_COMMANDS: dict[str, Callable[[str, str], list[str]]] = {
    GPG: lambda manifest, key: [
        *("gpg", "--batch", "--yes", "--armor"),
        *(("--local-user", key) if key else ()),
        *("--output", f"{manifest}.asc", "--detach-sign", "--", manifest),
    ],
    MINISIGN: lambda manifest, key: [
        *("minisign", "-S", "-x", f"{manifest}.minisig", "-m", manifest),
        *(("-s", key) if key else ()),
    ],
}


def sign(directory: str | os.PathLike[str], program: str, key: str = "") -> str:
    """Sign the manifest of a report; the path of the signature.

    :param key: for GnuPG the fingerprint or address of the key, for minisign the file of the secret key; empty for the program's own.
    OSError with a sentence when there is no signature.
    """
    manifest = Path(directory) / MANIFEST
    signature = manifest.with_name(manifest.name + (".asc" if program == GPG else ".minisig"))
    command = _COMMANDS[program](str(manifest), key)
    try:
        status, output, errors = run_program(command, _SECONDS)
    except FileNotFoundError:
        raise OSError(f"{program} is not installed on the controller") from None
    except TimeoutError as error:
        raise OSError(f"{error}; a key with a passphrase cannot be used here") from None
    if status or not signature.is_file():
        output_lines = (errors or output).strip().splitlines()
        raise OSError(f"{program} ended with {status}: {output_lines[-1] if output_lines else 'it gave no message'}")
    signature.chmod(0o640)
    return str(signature)
