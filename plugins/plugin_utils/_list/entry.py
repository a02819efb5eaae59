# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes one PBX as a piece of an inventory: its connection in clear text, its secrets encrypted with Ansible Vault."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import capture_file

Encrypt = Callable[[str], str]
"""From a secret to the text that ``ansible-vault`` makes of it."""

HEADER = (
    "---\n# Written by the playbook tcx.m365.quickstart, which writes it again. Move it to keep changes of yours.\n"
)


@dataclass
class Entry:
    """What was written.

    :param inventory: the file that has the host in the group ``tcx``.
    :param variables: the file with its variables.
    :param missing: secrets that are not in it, because there was nothing to encrypt them with.
    """

    inventory: str
    variables: str
    changed: bool = False
    missing: list[str] = field(default_factory=list)

    def commands(self) -> list[str]:
        """How a person adds the secrets that are missing. The secret is typed or pasted, so that no history keeps it."""
        return [
            f"ansible-vault encrypt_string --prompt --name {name} >> {shlex.quote(self.variables)}"
            for name in self.missing
        ]


def write(
    directory: str, host: str, variables: Mapping[str, Any], secrets: Mapping[str, str], encrypt: Encrypt | None
) -> Entry:
    """Write ``<directory>/<host>.yml`` and ``<directory>/host_vars/<host>.yml``.

    :param encrypt: nothing where no vault password was given; then no secret is written.
    :raises BadInput: a file of somebody else is in the way.
    :raises OSError: it cannot be written.
    """
    entry = planned(directory, host)
    content = HEADER + capture_file.body(variables)
    for secret, value in secrets.items():
        if encrypt is None:
            entry.missing.append(secret)
        else:
            lines = "".join(f"  {line}\n" for line in encrypt(value).splitlines())
            content += f"{secret}: !vault |\n{lines}"
    quoted = host.replace("'", "''")
    listed = HEADER + f"tcx:\n  hosts:\n    '{quoted}':\n"
    entry.changed = capture_file.replace(entry.inventory, listed)
    entry.changed = capture_file.replace(entry.variables, content) or entry.changed
    return entry


def _ours(path: str) -> None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            beginning = stream.read(len(HEADER))
    except FileNotFoundError:
        return
    if beginning != HEADER:
        raise BadInput(
            f"{path} is there and was not written by this playbook",
            tried="write the entry of the inventory",
            remedy="Nothing of it was changed. Add the variables yourself, or give quickstart_dir another directory.",
        )


def planned(directory: str, host: str) -> Entry:
    """What :func:`write` would write, in check mode."""
    name = capture_file.file_name(host)
    entry = Entry(os.path.join(directory, name), os.path.join(directory, "host_vars", name), changed=True)
    _ours(entry.inventory)
    _ours(entry.variables)
    return entry
