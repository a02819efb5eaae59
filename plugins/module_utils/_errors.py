# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed errors and the one place that turns them into the sentence an operator reads.

The sentence always has the same four parts: what was tried, on what, what the service said, what to do next.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import Names, rendered
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible, visible_lines
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan


class M365Error(Exception):
    """Base of every error this collection raises on purpose.

    :param said: what went wrong, in our words or in the service's words.
    :param tried: what was being done, as an infinitive phrase (``read the application``); :meth:`while_trying`
        may add it later.
    :param target: the object or address it was done on.
    :param remedy: what the operator can do about it, one or more sentences.
    :param service: who answered: ``Entra``, ``Graph``, ``3CX``; empty for our own verdicts.
    :param status: HTTP status, if there was one.
    :param code: the service's own error code (``Authorization_RequestDenied``, ``AADSTS7000215``,
        ``WARNINGS.XAPI.REQUIRED``).
    :param request_id: what support asks for.
    """

    kind = "failed"
    """Machine-readable class of the error: ``error.kind`` of a failed task, decides the verdict in a report."""

    default_remedy = ""
    _provisional = False

    perhaps_done = False
    """Whether what was sent may have been carried out, in this attempt or in an earlier one of the same request."""

    may_come = False
    """Whether the service may still be at work on it: that nothing of it is seen yet proves nothing."""

    names: Names = MappingProxyType({})
    """By which names the operator knows the options that the texts mark (``O(client_secret)``)."""

    def values(self) -> dict[str, Any]:
        """Return values that a failed task has besides ``msg`` and ``error``; none unless a subclass has some."""
        return {}

    def __init__(
        self,
        message: str,
        *,
        tried: str = "",
        target: str = "",
        remedy: str = "",
        service: str = "",
        status: int | None = None,
        code: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.tried = tried
        self.target = target
        self.remedy = remedy or self.default_remedy
        self.service = service
        self.status = status
        self.code = code
        self.request_id = request_id
        self.carried_out: Plan | None = None
        """What the task had written by then; set by ``_reconcile.py``."""

    def after(self, last: M365Error | None) -> M365Error:
        """Carry the last thing that a service said before this error ended a wait or a series of attempts."""
        if last is None or last is self:
            return self
        if not last.message or last.message not in self.message:
            answered = sentence_of_answer(last)
            self.message = f"{self.message.rstrip('.')}; the last answer: {answered}"
        for name in ("status", "code", "target", "request_id"):
            setattr(self, name, getattr(self, name) or getattr(last, name))
        return self

    def as_kind(self, kind: type[M365Error]) -> M365Error:
        """The same answer, judged otherwise: a plain "does not exist" about what was seen a moment ago."""
        judged = kind(
            self.message,
            target=self.target,
            service=self.service,
            status=self.status,
            code=self.code,
            request_id=self.request_id,
        )
        return judged.provisionally(self.tried) if self._provisional else judged.while_trying(self.tried)

    def while_trying(self, tried: str, target: str = "") -> M365Error:
        """Fill in what was tried and on what, unless a place nearer to the fault has said so already."""
        if self._provisional:
            self.tried, self.target, self._provisional = tried, target or self.target, False
        self.tried = self.tried or tried
        self.target = self.target or target
        return self

    def provisionally(self, tried: str, target: str = "") -> M365Error:
        """The same for a place that knows the request alone: each place above it may say it better."""
        if not self.tried or self._provisional:
            self.tried, self._provisional = tried, True
        self.target = self.target or target
        return self

    def __str__(self) -> str:
        return rendered(sentence(self), self.names)

    def as_result(self) -> dict[str, Any]:
        """The ``error`` value of a failed task: everything a program may branch on, nothing secret."""
        return {
            "kind": self.kind,
            "service": self.service,
            "status": self.status,
            "code": self.code,
            "request_id": self.request_id,
            "tried": rendered(self.tried, self.names),
            "target": self.target,
            "said": rendered(self.message, self.names),
            "remedy": rendered(self.remedy, self.names),
        }


class BadInput(M365Error):
    """What the operator gave us cannot be right; found before anything was sent."""

    kind = "bad_input"


class Unreachable(M365Error):
    """No connection: name, route, port, TLS or time-out."""

    kind = "unreachable"
    default_remedy = "Check the address, the firewall and that the service is running."


class UnknownName(Unreachable):
    """The name of the host could not be resolved: nobody was asked, so no firewall or port is to blame."""

    default_remedy = "Check the name of the host, and the DNS of the machine that runs the task."


class Untrusted(Unreachable):
    """The TLS certificate of the service did not verify."""

    kind = "untrusted"


class Interrupted(M365Error):
    """The connection broke, or the service failed, after the request was sent: it may have been carried out."""

    kind = "interrupted"
    perhaps_done = True
    default_remedy = "Run again: the current state is read first and only what is missing is done."


class NoAnswerInTime(Interrupted):
    """The service has not answered before the time was over."""

    may_come = True


class ServiceFault(M365Error):
    """The service answered 5xx, again and again until the deadline or the attempts ran out."""

    kind = "service_fault"
    perhaps_done = True
    default_remedy = "The service is in trouble; run again later."


class Throttled(M365Error):
    """429 until the deadline."""

    kind = "throttled"
    default_remedy = "Run again later, with fewer forks, or with a longer deadline."


class DeadlineExceeded(M365Error):
    """The task's deadline passed while waiting for something."""

    kind = "deadline"
    default_remedy = "Run again, or raise the deadline."


class BadCredential(M365Error):
    """A credential was refused. Never retried: services count failures and lock addresses out."""

    kind = "bad_credential"


class Blocked(M365Error):
    """The service refuses this address or this kind of sign-in, whatever the credential."""

    kind = "blocked"


class Forbidden(M365Error):
    """Signed in, but not allowed.

    :param missing: the names of the permissions or roles of which one is missing, when known.
    """

    kind = "forbidden"

    def __init__(self, message: str, *, missing: list[str] | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.missing = list(missing or [])

    def as_result(self) -> dict[str, Any]:
        result = super().as_result()
        result["missing"] = self.missing
        return result


class NotFound(M365Error):
    """The service says plainly that the object does not exist. Nothing else may be read as absence."""

    kind = "not_found"
    default_remedy = "Run again: what was changed a moment ago is not visible everywhere yet."


class Conflict(M365Error):
    """The object exists already, or someone else changed it at the same time."""

    kind = "conflict"
    default_remedy = "Another program may have changed it at the same moment: run again."


class Ambiguous(Conflict):
    """More than one object answers to the given name."""

    kind = "ambiguous"
    default_remedy = ""


class NotYetReplicated(M365Error):
    """Written, but not visible yet where it is needed."""

    kind = "not_yet_replicated"
    default_remedy = "Wait some minutes and run again."


class Rejected(M365Error):
    """The service understood the request and refuses its content (400)."""

    kind = "rejected"


class Unsupported(M365Error):
    """The version of the service lacks what was asked for."""

    kind = "unsupported"


class Unlicensed(M365Error):
    """The license or edition does not include what was asked for."""

    kind = "unlicensed"
    default_remedy = (
        "Upgrade the license of this PBX, or leave what it lacks out of its inventory; running again does not help."
    )


class Unhealthy(M365Error):
    """Everything is written, and the verification still fails."""

    kind = "unhealthy"


class BadAnswer(M365Error):
    """The service answered, and not with what it is documented to answer: another type, too much, something unreadable."""

    kind = "bad_answer"
    default_remedy = "Something between here and the service may have answered: check the address and any proxy."


class Exhausted(M365Error):
    """This machine has no more of something: open files, memory, processes."""

    kind = "exhausted"
    default_remedy = (
        "Raise the limit of open files (ulimit -n) for the user who runs Ansible, or work on fewer PBXs at a time."
    )


class Unforeseen(M365Error):
    """A fault of this collection, or an answer that it does not know and did not check."""

    kind = "unexpected"
    default_remedy = (
        "What was written so far stays; run again. If it comes back, run with -vvvv and report what is shown as a bug."
    )


class Abandoned(M365Error):
    """Nobody waits for the result any more."""

    kind = "abandoned"
    default_remedy = "Run again: the current state is read first and only what is missing is done."


class NotOurs(M365Error):
    """A destructive step was asked for on an object that does not carry our mark."""

    kind = "not_ours"


def sentence(error: M365Error) -> str:
    """Compose what the operator reads.

    ``Could not <tried> (<target>): <service> answered <status> <code>: <message> (request id <id>). <remedy>``; what
    `tried` adds behind a semicolon ("nothing was written") follows the target.
    """
    head = ""
    if error.tried:
        tried, semicolon, aside = error.tried.partition("; ")
        target = f" ({visible(error.target)})" if error.target and error.target not in error.tried else ""
        head = f"Could not {tried}{target}{semicolon}{aside}: "
    answer = sentence_of_answer(error)
    if error.request_id:
        answer = f"{answer.rstrip('.')} (request id {error.request_id})"
    if not answer.endswith((".", "!", "?")):
        answer += "."
    text = visible_lines(head + answer)
    return f"{text} {error.remedy}" if error.remedy else text


def sentence_of_answer(error: M365Error) -> str:
    """``<service> answered <status> <code>: <message>``, or our own words where no service answered."""
    message = visible(error.message.strip())
    if not error.service:
        return message
    codes = "".join(f" {part}" for part in (error.status, error.code) if part and str(part) not in message)
    return f"{error.service} answered{codes}{f': {message}' if message else ' without a reason'}"
