# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last net: what nobody foresaw becomes one of our errors, in words, and ends one task of one host.

The text of such an exception may hold what a service has answered, so it is not shown; where it came from is, and the whole
of it stands in the trace of the highest verbosity.
"""

from __future__ import annotations

import os
import traceback

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadAnswer, M365Error, Unforeseen
from ansible_collections.tcx.m365.plugins.module_utils._http_errors import exhausted

KINDS = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""What Python raises when a program or its input is not as its author thought."""


def of(error: BaseException) -> M365Error:
    """The error that is reported in place of this one, with what had been written by then."""
    reported = _typed(error)
    reported.carried_out = getattr(error, "carried_out", None)
    return reported


def _typed(error: BaseException) -> M365Error:
    used_up = exhausted(error, "finish this task")
    if used_up is not None:
        return used_up
    if isinstance(error, RecursionError):
        return BadAnswer("an answer is nested too deeply")
    if isinstance(error, OSError):
        what = f" ({os.fspath(error.filename)})" if isinstance(error.filename, (str, os.PathLike)) else ""
        return M365Error(
            f"a file of this machine could not be used: {error.strerror or 'no reason was given'}{what}",
            tried="finish this task",
            remedy="Make room on this machine, or give the user who runs Ansible the right to the file, and run again.",
        )
    return Unforeseen(f"unexpected error at {_place(error)}")


def told(error: BaseException) -> str:
    """The whole of it, for the trace."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()


def _place(error: BaseException) -> str:
    """The innermost line of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}m365{os.sep}" in frame.filename] or frames
    return f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno}" if ours else "an unknown place"
