# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings pip into an empty environment from the interpreter's own bundled wheel, with get-pip's command line.

ansible-test makes its environments without pip and downloads get-pip.py for each from a server of its project. A
machine that reaches nothing but a package index can place a script there by hand, as ansible-test's own error says;
this is that script. `workspace.place_get_pip` copies it to where ansible-test looks.
"""

from __future__ import annotations

import ensurepip
import sys
from pathlib import Path

# ensurepip has no public way to its wheel; pip runs from within it.
BUNDLED = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
sys.path.insert(0, str(BUNDLED))

from pip._internal.cli.main import main

NOT_PIP = ("--no-setuptools", "--no-wheel")
sys.exit(main(["install", "--upgrade", "--force-reinstall", *(word for word in sys.argv[1:] if word not in NOT_PIP)]))
