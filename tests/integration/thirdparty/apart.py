# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages that live in environments of their own, since they do not get along with each other."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest


def python_with(package: str, variable: str) -> str:
    """The interpreter that has a package: in the directory that the variable names, else this one."""
    apart = os.environ.get(variable)
    if apart:
        return str(Path(apart) / "python")
    if importlib.util.find_spec(package) is None:
        # The gate makes the environments and sets the variable; a run by hand goes without.
        pytest.skip(f"the package {package} is neither here nor in an environment that {variable} names")
    return sys.executable
