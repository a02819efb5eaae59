# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether another local user may have written a file, so that what it says decides nothing."""

from __future__ import annotations

import os
import stat

REMEDY = "Check its content, then make it your own: chown it, and chmod go-w."


def others_can_write(status: os.stat_result) -> bool:
    """Whether somebody besides root and the user of this process owns a file or directory, or may write to it.

    In a directory with the sticky bit nobody can replace what is another user's.
    """
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid not in (os.geteuid(), 0) or bool(shared and not sticky)
