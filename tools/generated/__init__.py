# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that are made from the argument specs; each part knows how to make some of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from generated import by_version, errors, fragment, other_roles, rights, roles


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """(path, content) of each file, the ones that others are made from first."""
    settings = fragment.options(root)
    yield fragment.path(root), fragment.content(settings)
    yield from errors.files(root)
    yield from roles.files(root, settings)
    yield from other_roles.files(root)
    yield by_version.path(root), by_version.content()
    yield from rights.files(root)
