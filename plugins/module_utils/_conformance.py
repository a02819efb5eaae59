# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a service really behaves where its documentation is silent: questions with a short answer each. Pure.

An answer is a word, a number or a truth value from a small set, never text of the service: a record of them can be
published without naming anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Generic, TypeVar

from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error

G = TypeVar("G")


class Unknown(Exception):
    """The question cannot be answered here; the text says why, in our words."""


class NotPutBack(M365Error):
    """A setting that was changed for a question could not be put back; this ends the questions."""

    kind = "not_put_back"


@dataclass(frozen=True)
class Question(Generic[G]):
    """One behavior of a service.

    :param name: stable name; where the lab has a switch for the behavior, the name of that switch.
    :param about: the behavior, as a statement.
    :param ask: finds the answer on the ground (a client and what was made for the questions). Raises :class:`Unknown`.
    :param writes: asks with objects that are made for the purpose, or by writing back what is there.
    """

    name: str
    about: str
    ask: Callable[[G], Any]
    writes: bool = False


@dataclass(frozen=True)
class Finding:
    """The answer to one question; ``None`` where there is none, with the reason."""

    name: str
    about: str
    answer: Any = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"behavior": self.name, "about": self.about, "answer": self.answer, "reason": self.reason}


def ask_all(questions: Sequence[Question[G]], ground: G, *, writes: bool) -> list[Finding]:
    """The answers in the order of the questions. One that cannot be answered does not stop the others.

    :param writes: also ask what can only be found out by writing.
    """
    return [_asked(question, ground, writes) for question in questions]


def _asked(question: Question[G], ground: G, writes: bool) -> Finding:
    if question.writes and not writes:
        return Finding(question.name, question.about, reason="not asked: it can only be found out by writing")
    try:
        return Finding(question.name, question.about, question.ask(ground))
    except Unknown as unknown:
        return Finding(question.name, question.about, reason=str(unknown))
    except NotPutBack:
        raise
    except M365Error as error:
        # The service's own words may name people and objects, so only kind, status and code are kept.
        status = f" {error.status}" if error.status else ""
        code = f" {error.code}" if error.code.replace("_", "").isalnum() else ""
        return Finding(question.name, question.about, reason=f"the service refused ({error.kind}{status}{code})")
