# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A child does the work, and is hit while a chosen request of it is under way."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.tcx.m365.tests.faults.ground import Ground
from tcx_lab.trouble import Facts

_LIMIT_S = 60


def hit(made: Ground, number: int, how: int, work: Callable[[], object]) -> None:
    """Do some work in a child that gets a signal when request ``number`` arrives."""
    strike, seen = made.world.trouble.strike, 0
    child = 0

    def struck(facts: Facts) -> Any:
        nonlocal seen
        if not facts.source.startswith("pbx:"):
            seen += 1
            if seen == number + 1 and child:
                os.kill(child, how)
        return strike(facts)

    with mock.patch.object(made.world.trouble, "strike", struck):
        child = os.fork()
        if not child:
            _child(work)
        signal.alarm(_LIMIT_S)
        os.waitpid(child, 0)
        signal.alarm(0)


def _child(work: Callable[[], object]) -> None:
    """Never returns. What it writes to the terminal would be the output of the test."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.suppress(BaseException):
        sys.stdout = sys.stderr = nowhere
        work()
    os._exit(0)
