# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Client of XAPI, the configuration API of 3CX V20 (OData v4 below ``/xapi/v1``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from .._common import typed
from .._common.jwt import claims
from .._context import Context
from .._errors import BadAnswer, Interrupted, M365Error, UnknownName, Unreachable, Untrusted
from .._http import Attempts, Reply
from . import documented
from .connection import RETRIES, SERVICE, Connection
from .login import Login
from .version import VERSION_HEADER, Release
from .xapi_errors import explain, not_xapi, without_reason

ROOT = "/xapi/v1"

PAGE = 100
"""XAPI refuses a larger ``$top`` (observed)."""

MOST_PAGES = 2_000
"""A PBX has some thousands of users at most; a list that goes on is not one."""

MOST_TOGETHER = 4
"""Pages that are asked for at the same time; a PBX has telephones to serve."""

_READ_WITHIN = 3
_BLACKLIST = (
    "A PBX that has put this controller's address on its blacklist closes every connection too: Admin Console > Security > "
    "IP Blacklist."
)

Entity = dict[str, Any]


class Xapi:
    """One PBX, signed in.

    :ivar release: what ``X-3CX-Version`` said, or ``None`` before the first answer.
    :ivar version: its full text.
    :ivar date: the ``Date`` of the newest answer.
    :ivar clock_offset: seconds by which the PBX's clock is ahead of ours, by its token.
    :ivar role: the role that the token has, where it says so (observed: ``MaxRole``).
    """

    def __init__(self, connection: Connection, context: Context) -> None:
        self.connection = connection
        self.context = context
        self.release: Release | None = None
        self.version = ""
        self.date = ""
        self.role = ""
        self.clock_offset: float | None = None
        self._served = ""
        self._http = context.http(
            SERVICE, connection.url, connection.transport, policy=RETRIES, throttle_key=connection.url
        )
        self._login = Login(connection, self._http, context, lambda: self.release)

    @property
    def certificate(self) -> bytes | None:
        """The TLS certificate that the PBX has shown to this task, as DER; ``None`` where there was no TLS."""
        return self._http.certificate

    def get(
        self, path: str, tried: str, *, select: Sequence[str] = (), params: Mapping[str, Any] | None = None
    ) -> Entity:
        """Read an entity, a singleton or the result of a function.

        ``select`` is needed wherever an answer could hold a secret: license key, SIP passwords, tokens.
        """
        query = dict(params or {})
        if select:
            query["$select"] = ",".join(select)
        return self._content(self.exchange("GET", path, tried, params=query or None), tried)

    def patch(self, path: str, body: Mapping[str, Any], tried: str) -> None:
        """Change a singleton: 204, no body, no precondition (documented)."""
        self.exchange("PATCH", path, tried, body=plain(body))

    def act(self, path: str, tried: str, body: Mapping[str, Any] | None = None) -> Entity:
        """Call an action that only reads, or whose repetition changes nothing: it is repeated when the connection breaks."""
        return self._content(self.exchange("POST", path, tried, body=body, safe=True), tried)

    def entities(
        self, path: str, tried: str, *, select: Sequence[str], where: str = "", order: str = "Id"
    ) -> Iterator[Entity]:
        """All entities of a set, in pages: the first alone, then two together, then four.

        How many there are is not asked, because that is slow on a PBX with many (reported). A short page is the last.
        """

        def page(number: int) -> list[Entity]:
            params: dict[str, Any] = {"$top": PAGE, "$skip": number * PAGE, "$orderby": order}
            if where:
                params["$filter"] = where
            return typed.entities(self.get(path, tried, select=select, params=params), "value", SERVICE)

        done, wave = 0, 1
        while done < MOST_PAGES:
            for entities in _together(page, range(done, done + wave)):
                yield from entities
                if len(entities) < PAGE:
                    return
            done, wave = done + wave, min(2 * wave, MOST_TOGETHER)
        raise BadAnswer("the pages of a list do not end", service=SERVICE, tried=tried, target=self.connection.url)

    def exchange(self, method: str, path: str, tried: str, **request: Any) -> Reply:
        """Send one request, signed in; a token that worked before and is refused now is replaced once.

        :param tried: what is being done, as an infinitive phrase, for the error sentence.
        """
        past = Attempts()
        try:
            token = self._login.token()
            reply = self._sent(method, path, token.access, request)
            if reply.status == 401:
                past = reply.past
                renewed = self._login.renewed(token)
                if renewed is not None:
                    token = renewed
                    reply = self._sent(method, path, token.access, request)
            self._note(reply)
            if reply.status >= 300:
                raise reply.past.told_in(explain(reply, token.access, served=self._served == token.access))
            self._served = token.access
        except M365Error as error:
            raise past.told_in(self._with_advice(error)).while_trying(tried, self.connection.url) from None
        token.proven = True
        self.clock_offset = token.clock_offset
        self.role = str((claims(token.access) or {}).get("MaxRole") or "")
        return reply

    def _sent(self, method: str, path: str, access: str, request: Mapping[str, Any]) -> Reply:
        """A reading request is sent again where the answer names no reason: while services of a PBX restart, its front end
        answers an empty 404 or 500 for a moment (observed). So is one whose answer arrived cut off, or as a page of something
        in between. An answer of XAPI itself is never asked for twice."""
        attempt = 0
        while True:
            attempt += 1
            reply = self._send(method, path, access, request)
            reads = method == "GET" or bool(request.get("safe"))
            senseless = reply.status in (404, 500) and without_reason(reply)
            cut = reply.status == 200 and not isinstance(reply.json(), dict)
            if not (reads and (senseless or cut)) or attempt >= _READ_WITHIN:
                return reply
            pause = self.context.deadline.backoff(attempt, first=1.0)
            if pause >= self.context.deadline.remaining():
                return reply
            self.context.deadline.pause(
                pause, f"{SERVICE} answered {reply.status} without {'sense' if cut else 'a reason'}"
            )

    def _send(self, method: str, path: str, access: str, request: Mapping[str, Any]) -> Reply:
        headers = {"Authorization": f"Bearer {access}"}
        return self._http.send(method, ROOT + path, headers=headers, **request)

    def _note(self, reply: Reply) -> None:
        version = reply.headers.get(VERSION_HEADER)
        if version:
            self.version = version
            self.release = Release.parse(version)
        self.date = reply.headers.get("Date") or self.date

    def _with_advice(self, error: M365Error) -> M365Error:
        if isinstance(error, Unreachable) and not isinstance(error, (UnknownName, Untrusted)):
            error.remedy = (
                "Check the address and port (self-hosted PBXs use 5001, hosted ones 443), the firewall, and whether the PBX "
                f"is running. {_BLACKLIST}"
            )
        elif isinstance(error, Interrupted) and error.status is None:
            error.remedy = f"{error.remedy} {_BLACKLIST}"
        return error

    def _content(self, reply: Reply, tried: str) -> Entity:
        """The JSON of an answer; a login page of something in between is no empty answer."""
        content = reply.json()
        if isinstance(content, dict):
            entity: Entity = plain(content)
            try:
                documented.check(entity)
            except BadAnswer as error:
                raise error.while_trying(tried, self.connection.url) from None
            return entity
        if not reply.body and reply.method != "GET":
            return {}
        raise not_xapi(reply).while_trying(tried, self.connection.url)


def _together(page: Callable[[int], list[Entity]], numbers: Sequence[int]) -> Iterator[list[Entity]]:
    if len(numbers) == 1:
        return map(page, numbers)
    with ThreadPoolExecutor(len(numbers)) as pool:
        return pool.map(page, numbers)


def plain(value: Any) -> Any:
    """A copy without OData's annotations, which XAPI sends and does not accept back (observed)."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items() if "@odata." not in name}
    return [plain(item) for item in value] if isinstance(value, list) else value
