# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How missing Python packages are installed where this Python lives: the line to copy. Pure.

Sources: https://pipx.pypa.io (inject), https://docs.astral.sh/uv (tools), PEP 668 (externally managed environments).
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

REQUIREMENTS: Mapping[str, str] = {"cryptography": ">=42.0.0", "msal": ">=1.35.0", "requests": ">=2.25"}
"""Package -> the releases that work; the same as in meta/ee-requirements.txt."""

_PIPX = re.compile(r"/pipx/venvs/([^/]+)$")
_UV = re.compile(r"/uv/tools/([^/]+)$")


@dataclass(frozen=True)
class Python:
    """A Python and where its packages go.

    :param executable: its absolute path.
    :param prefix: ``sys.prefix``.
    :param managed: it belongs to the operating system, which refuses pip.
    """

    executable: str
    prefix: str
    managed: bool = False

    @classmethod
    def here(cls) -> Python:
        """The one that runs this."""
        marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
        managed = sys.prefix == sys.base_prefix and os.path.isfile(marker)
        return cls(sys.executable or "python3", sys.prefix, managed)


def how_to_install(missing: Iterable[str], python: Python) -> str:
    """One or two sentences with the command for this Python."""
    requirements = " ".join(f"'{name}{REQUIREMENTS.get(name, '')}'" for name in sorted(set(missing)))
    prefix = python.prefix.replace("\\", "/").rstrip("/")
    pipx, uv = _PIPX.search(prefix), _UV.search(prefix)
    if pipx:
        return f"Ansible was installed with pipx, so run: pipx inject {pipx[1]} {requirements}"
    if uv:
        packages = " ".join(f"--with {requirement}" for requirement in requirements.split())
        return f"Ansible was installed with uv, so run: uv tool install {uv[1]} {packages}"
    if python.managed:
        return (
            "This Python belongs to the operating system. Make a virtual environment for Ansible: "
            f"python3 -m venv ~/ansible && ~/ansible/bin/pip install ansible-core {requirements}, and run ~/ansible/bin/ansible-playbook"
        )
    return f"Run: {python.executable} -m pip install {requirements}"


def sentence(missing: Iterable[str], python: Python) -> str:
    """What the operator reads when packages are missing."""
    names = sorted(set(missing))
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    plural = "s" if len(names) > 1 else ""
    return (
        f"The Python package{plural} {listed} cannot be imported by {python.executable}. {how_to_install(names, python)}. In an "
        "execution environment, add the file meta/ee-requirements.txt of tcx.m365 to its requirements."
    )
