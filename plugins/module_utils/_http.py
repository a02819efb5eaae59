# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only place that opens a socket: one HTTP session with TLS, proxy, time-outs, retries and a redacted trace.

What is retried is decided by class of trouble, never by guessing:

==================================  ============================================================================
trouble                             what happens
==================================  ============================================================================
could not connect                   a few attempts (nothing was sent), then :class:`Unreachable`
not complete in time                one more attempt; the time is that of the whole exchange, headers and body
too large, packed otherwise         :class:`BadAnswer`; nothing of it is kept
429                                 wait as told by ``Retry-After``, else back off; until the deadline
broken after sending, 5xx           repeated when the request is safe to repeat, else :class:`Interrupted`:
                                    the caller reads the state again before it decides
any other status                    returned; the client of the service knows what it means
==================================  ============================================================================
"""

from __future__ import annotations

import json
import math
import os
import re
import time
import urllib.parse
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils import _http_errors, _lifeline, _limits, _peer, _proxy, _tls
from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._common.places import option_and_path
from ansible_collections.tcx.m365.plugins.module_utils._deps import requests, urllib3
from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    BadAnswer,
    BadInput,
    DeadlineExceeded,
    Interrupted,
    M365Error,
    NoAnswerInTime,
    ServiceFault,
    Throttled,
    UnknownName,
    Unreachable,
    Untrusted,
)
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

USER_AGENT = "tcx.m365 (Ansible collection)"

_PLACE = re.compile(r"^[^:]+://[^/?#]*")

Trace = Callable[[str], None]


@dataclass(frozen=True)
class Transport:
    """How to reach a service.

    :param verify: check the service's TLS certificate.
    :param ca_path: a CA bundle; wins over the environment (``REQUESTS_CA_BUNDLE``).
    :param proxy: proxy URL; ``None`` takes the environment's (``HTTPS_PROXY``, ``NO_PROXY``).
    :param timeout: seconds to connect, and seconds to wait for the beginning and for each part of an answer; a whole
        exchange takes at most twice as long.
    :param direct: never through a proxy, not even the environment's (addresses of this very machine).
    """

    verify: bool = True
    ca_path: str | None = None
    proxy: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    direct: bool = False

    def check(self) -> None:
        """Raise :class:`BadInput` where the settings cannot work."""
        if self.ca_path and not os.path.exists(self.ca_path):
            raise BadInput(
                f"{option_and_path('O(ca_path)', self.ca_path)} does not exist",
                remedy="Give the path of a PEM bundle on the machine that asks: the controller, or the jump host of this PBX.",
            )
        if self.timeout <= 0:
            raise BadInput("O(timeout) must be greater than 0 seconds")
        if self.proxy:
            _proxy.parse(self.proxy)

    def proxy_to(self, url: str) -> _proxy.Proxy | None:
        """The proxy on the way to an address: the option's, else the environment's unless ``NO_PROXY`` names the host."""
        if self.direct:
            return None
        address = self.proxy or requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
        return _proxy.parse(address) if address else None


@dataclass(frozen=True)
class RetryPolicy:
    """Which failures of a service pass by themselves.

    :param statuses: answered 5xx statuses worth another attempt.
    :param attempts: how often such a request is sent in all.
    :param connects: how often connecting is tried in all.
    """

    statuses: frozenset[int] = frozenset((408, 500, 502, 503, 504))
    attempts: int = 6
    connects: int = 3


class Attempts:
    """What became of the attempts of one request, whatever the last of them says."""

    def __init__(self) -> None:
        self._perhaps_done = self._may_come = False

    def add(self, may_come: bool) -> None:
        """One that may have been carried out; :param may_come: or may be afterwards."""
        self._perhaps_done = True
        self._may_come |= may_come

    def told_in(self, error: M365Error) -> M365Error:
        """The error that ends the request."""
        error.perhaps_done |= self._perhaps_done
        error.may_come |= self._may_come
        return error


@dataclass
class Reply:
    """What came back: status, headers (case-insensitive), body bytes, and what became of earlier attempts."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float = 0.0
    past: Attempts = field(default_factory=Attempts, repr=False)
    _json: Any = field(default=None, repr=False)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; ``None`` when it is empty or not JSON (HTML of a proxy in between)."""
        if self._json is None and self.body:
            try:
                self._json = _limits.parse_json(self.body)
            except ValueError:
                return None
        return self._json

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people: of a proxy, a firewall, a web server whose service is down."""
        kind = (self.headers.get("Content-Type") or "").lower()
        return "html" in kind or self.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doc", b"<html"))


class Connections:
    """Kept-alive connections, shared by all threads of a process and by all services they talk to.

    A task has its own; a sweep over many PBXs in one process shares one. Never made before a fork. What the environment says
    of proxies is read once for an address: it does not change while a task runs, and asking it costs as much as a call.

    :param size: how many connections to one address are kept.
    :param addresses: to how many addresses, the first and the newest ones: a second pass finds none of the newest any more.
    """

    def __init__(self, size: int = 4, addresses: int = _peer.PASSING) -> None:
        self._size = size
        self._addresses = addresses
        self._peers = _peer.Peers()
        self._managers: dict[tuple[bool, str, _proxy.Proxy | None], Any] = {}
        self._kept = _peer.Kept(addresses)

    def pool(self, transport: Transport, base_url: str) -> Any:
        """What sends requests to ``base_url``: urllib3's connections to it, or its manager, which takes longer.

        The manager serves proxies, which may want whole addresses, and says why no connection can be made to an address.
        """
        way = (transport.verify, transport.ca_path, transport.proxy, transport.direct, origin(base_url))
        return self._kept.get(way, lambda: self._open(transport, origin(base_url)))

    def _open(self, transport: Transport, address: str) -> Any:
        ca_path = transport.ca_path or _tls.bundle()
        proxy = transport.proxy_to(address)
        key = (transport.verify, ca_path, proxy)
        manager = self._managers.get(key) or self._managers.setdefault(key, self._make(*key))
        try:
            return manager if proxy else _peer.connections_to(urllib3.util.parse_url(address), manager, self._size)
        except urllib3.exceptions.LocationValueError:
            return manager

    def _make(self, verify: bool, ca_path: str, proxy: _proxy.Proxy | None) -> Any:
        options: dict[str, Any] = {"num_pools": self._addresses, "maxsize": self._size, "retries": False}
        options["ssl_context"] = context = _tls.context(verify, ca_path)
        if not proxy:
            return self._peers.noted(urllib3.PoolManager(**options))
        if proxy.address.startswith("https://"):
            options["proxy_ssl_context"] = context
        if proxy.login:
            options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=proxy.login)
        return self._peers.noted(urllib3.ProxyManager(proxy.address, **options))

    def certificate(self, base_url: str) -> bytes | None:
        """The certificate that a service has shown on the newest of these connections, as DER, verified or not."""
        return self._peers.certificate(base_url)


class Http:
    """One conversation with one service.

    Built on urllib3 itself, which requests brings along: a fleet makes thousands of calls, and all that a requests
    session would add is unwanted here. Redirects are never followed, because an ``Authorization`` header must not
    travel to another host; ``~/.netrc`` is never read, because it would replace that header.

    :param service: the service's name in error sentences.
    :param base_url: prefix of relative paths, without trailing slash.
    :param throttle_key: tasks of one run with the same key wait together when one of them is told to slow down.
    """

    def __init__(
        self,
        service: str,
        base_url: str,
        transport: Transport,
        deadline: Deadline,
        *,
        policy: RetryPolicy | None = None,
        run: RunStore | None = None,
        throttle_key: str = "",
        trace: Trace | None = None,
        connections: Connections | None = None,
    ) -> None:
        self.service = service
        self.base_url = base_url.rstrip("/")
        self.transport = transport
        self.deadline = deadline
        self.policy = policy or RetryPolicy()
        self.calls = 0
        self._run = run
        self._throttle_key = throttle_key
        self._trace = trace
        self._held_until = 0.0
        self._connections = connections or Connections()
        self._pool = self._connections.pool(transport, self.base_url)
        self._takes_addresses = isinstance(self._pool, urllib3.PoolManager)

    @property
    def certificate(self) -> bytes | None:
        """The certificate of the service, as DER; ``None`` before the first exchange, and for plain HTTP."""
        return self._connections.certificate(self.base_url)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool | None = None,
        secret: bool = False,
        once: bool = False,
        most: int = _limits.ANSWER_BYTES,
    ) -> Reply:
        """Send one request, with the retries of the table above.

        :param path: appended to ``base_url``, or an absolute URL of the same origin.
        :param body: sent as JSON.
        :param form: sent URL-encoded.
        :param safe: may be repeated although it may have been carried out; by default every method but POST.
        :param secret: neither the path nor the answer's status text appear in the trace.
        :param once: not repeated after 429 either, but raised as :class:`Throttled` (after the wait): what is sent was
            derived from a read that has grown old in the meantime, so the caller reads again first.
        :param most: bytes that the answer may have, unpacked.
        :returns: the answer, whatever its status, when repeating it would not help.
        """
        request = self._prepare(method, path, params, body, form, headers)
        repeatable = (safe if safe is not None else method != "POST") and not once
        past = Attempts()
        try:
            return self._with_retries(request, past, repeatable=repeatable, secret=secret, once=once, most=most)
        except M365Error as error:
            raise past.told_in(error) from None

    def _with_retries(
        self, request: _Request, past: Attempts, *, repeatable: bool, secret: bool, once: bool, most: int
    ) -> Reply:
        connects = attempts = throttled = 0
        while True:
            self._respect_throttle()
            if request.method != "GET":
                _lifeline.check()
            try:
                reply = self._exchange(request, secret, most)
            except _NotSent as fault:
                connects += 1
                if connects >= self.policy.connects:
                    raise fault.error from None
                self._pause(
                    self.deadline.backoff(connects, most=4.0), f"{self._where()} cannot be reached", fault.error
                )
                continue
            except Interrupted as error:
                past.add(error.may_come)
                attempts += self.policy.attempts // 2 if isinstance(error, _NotInTime) else 1
                if not repeatable or attempts >= self.policy.attempts:
                    raise
                self._pause(
                    self.deadline.backoff(attempts), f"the connection to {self._where()} was interrupted", error
                )
                continue
            if reply.status == 429:
                throttled += 1
                throttling = self._throttled(reply, throttled)
                if once:
                    raise throttling
                continue
            if reply.status in self.policy.statuses:
                # A proxy answers 504 for a service that has not answered in time.
                past.add(reply.status == HTTPStatus.GATEWAY_TIMEOUT)
                attempts += 1
                self._after_fault(reply, repeatable, attempts)
                continue
            reply.past = past
            return reply

    def _prepare(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Any,
        form: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> _Request:
        url = path if path.startswith(("https://", "http://")) else self.base_url + path
        if origin(url) != origin(self.base_url):
            raise BadInput(
                f"{self.service} pointed to another address ({origin(url)}), which is not followed",
                tried=f"follow a link of {self.service}",
            )
        if params:
            query = urllib.parse.urlencode(params, safe="$(),'/:@", quote_via=urllib.parse.quote)
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        sent = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
        sent["client-request-id"] = str(uuid.uuid4())
        data: bytes | None = None
        if form is not None:
            data = urllib.parse.urlencode(form).encode("ascii")
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            data = json.dumps(body).encode("utf-8")
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        return _Request(method, url.replace(" ", "%20"), data, sent)

    def _exchange(self, request: _Request, secret: bool, most: int) -> Reply:
        left = self.deadline.remaining()
        if left <= 0:
            raise DeadlineExceeded(f"the deadline of {self.deadline.seconds:.0f} s is over").provisionally(
                f"call {self._where()}"
            )
        wait = min(self.transport.timeout, left)
        started = self.deadline.clock.monotonic()
        self.calls += 1
        try:
            with _limits.exchange(min(2 * self.transport.timeout, left), wait, most):
                reply = self._received(request, wait, most)
        except _limits.TooMuch as error:
            raise BadAnswer(f"the answer is not accepted: {error}", service=self.service).provisionally(
                f"send a {request.method} request to {self._where()}"
            ) from None
        except _limits.TooLate:
            allowed = 2 * self.transport.timeout
            ended = (
                f"within {allowed:.0f} s" if allowed < left else f"before the deadline of {self.deadline.seconds:.0f} s"
            )
            raise _NotInTime(f"no complete answer from {self._where()} {ended}").provisionally(
                f"send a {request.method} request to {self._where()}"
            ) from None
        except (urllib3.exceptions.HTTPError, OSError, zlib.error) as error:
            raise self._classify(error, request.method) from None
        reply.elapsed = self.deadline.clock.monotonic() - started
        if self._trace:
            shown = "(hidden)" if secret else request.url
            self._trace(
                f"{request.method} {shown} -> {reply.status} in {reply.elapsed:.3f} s {request_id(reply)}".rstrip()
            )
        return reply

    def _received(self, request: _Request, wait: float, most: int) -> Reply:
        """One complete answer. A connection that an answer was not read from to its end is not used again."""
        answer = self._pool.request(
            request.method,
            request.url if self._takes_addresses else _target(request.url),
            body=request.data,
            headers=request.headers,
            timeout=urllib3.Timeout(connect=wait, read=wait),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            chunks = answer.stream(_limits.CHUNK, decode_content=False)
            reply = Reply(
                request.method,
                request.url,
                answer.status,
                answer.headers,
                _limits.body(chunks, answer.headers, most),
            )
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        return reply

    def _classify(self, error: BaseException, method: str) -> Exception:
        where = self._where()
        kinds = urllib3.exceptions
        exhausted = _http_errors.exhausted(error, f"connect to {where}")
        if exhausted is not None:
            return exhausted
        reason = _http_errors.reason(error)
        if isinstance(error, kinds.SSLError) and "certificate" in reason.lower():
            return Untrusted(
                f"the TLS certificate did not verify: {reason}",
                tried=f"connect to {where}",
                remedy="Give the issuing CA as O(ca_path), or use the name the certificate was issued for.",
            )
        if isinstance(error, kinds.ProxyError):
            proxy = self.transport.proxy_to(self.base_url) or _proxy.Proxy("in between")
            fault, may_pass = _proxy.fault(proxy, reason, where)
            return _NotSent(fault) if may_pass else fault
        if isinstance(error, (kinds.NewConnectionError, kinds.ConnectTimeoutError)) or (
            isinstance(error, kinds.SSLError) and _http_errors.handshake_failed(error)
        ):
            # urllib3 has it since 2.0
            is_name = isinstance(error, getattr(kinds, "NameResolutionError", ()))
            return _NotSent((UnknownName if is_name else Unreachable)(reason, tried=f"connect to {where}"))
        if isinstance(error, (kinds.LocationValueError, kinds.URLSchemeUnknown)):
            return BadInput(f"{where} is not a usable address: {reason}")
        in_time = not isinstance(_http_errors.innermost(error), (kinds.TimeoutError, TimeoutError))
        kind = Interrupted if in_time else NoAnswerInTime
        return kind(f"no complete answer from {where}: {reason}").provisionally(f"send a {method} request to {where}")

    def _throttled(self, reply: Reply, times: int) -> Throttled:
        seconds = retry_after(reply)
        if seconds is None:
            seconds = self.deadline.backoff(times, first=1.0, most=30.0)
        else:
            # The forks of a run are told to wait for the same moment: a little jitter keeps them from returning as one.
            seconds += self.deadline.backoff(1, first=0.2, most=0.2)
        self.hold(seconds)
        error = Throttled(
            f"too many requests (asked to wait {seconds:.0f} s)",
            service=self.service,
            status=429,
        )
        error.provisionally(f"call {self._where()}")
        self._pause(seconds, f"{self.service} is throttling", error)
        return error

    def hold(self, seconds: float) -> None:
        """The service has asked to be left alone for a while: nothing is sent to it before, by any task of this run."""
        until = time.time() + seconds
        if self._run and self._throttle_key:
            self._run.put("throttle", self._throttle_key, until, expires=until)
        else:
            self._held_until = self.deadline.clock.monotonic() + seconds

    def _respect_throttle(self) -> None:
        seconds = self._held_until - self.deadline.clock.monotonic()
        if self._run and self._throttle_key:
            seconds = float(self._run.get("throttle", self._throttle_key) or 0.0) - time.time()
        if seconds > 0:
            error = Throttled("the run has been asked to slow down", service=self.service, status=429)
            error.provisionally(f"call {self._where()}")
            self._pause(seconds, f"{self.service} is throttling this run", error)

    def _after_fault(self, reply: Reply, repeatable: bool, attempts: int) -> None:
        error, tried = _error_in(reply), f"send a {reply.method} request to {self._where()}"
        message = str(error.get("message", ""))[:300]
        details: dict[str, Any] = {
            "service": self.service,
            "status": reply.status,
            "code": str(error.get("code") or "")[:100],
            "request_id": request_id(reply),
        }
        pause = retry_after(reply)
        if not repeatable:
            if pause is not None:
                self.hold(pause)  # whoever reads again to see what became of it waits first
            raise Interrupted(message, **details).provisionally(tried)
        fault = ServiceFault(message, **details)
        fault.provisionally(tried)
        if attempts >= self.policy.attempts:
            raise fault
        if pause is None:
            pause = self.deadline.backoff(attempts)
        self._pause(pause, f"{self.service} answered {reply.status}", fault)

    def _pause(self, seconds: float, why: str, error: Exception) -> None:
        """Wait, or end with the trouble that made us wait: it says more than "the deadline is over"."""
        try:
            self.deadline.pause(seconds, why)
        except DeadlineExceeded:
            raise error from None

    def _where(self) -> str:
        return f"{self.service} at {origin(self.base_url)}"


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    data: bytes | None
    headers: Mapping[str, str]


class _NotInTime(NoAnswerInTime):
    """The answer was not complete when the time of the exchange was over."""


class _NotSent(Exception):
    """Carries an error of a request that certainly never reached the service."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def origin(url: str) -> str:
    """``https://host:port`` of a URL; the port is left out where it is the scheme's own."""
    scheme, _separator, rest = url.partition("://")
    place = rest.split("/", 1)[0].split("?", 1)[0].lower()
    return f"{scheme.lower()}://{place.removesuffix(f':{_peer.PORTS.get(scheme.lower())}')}"


def _target(url: str) -> str:
    """What of a URL stands in a request: path and query."""
    target = _PLACE.sub("", url, count=1)
    return target if target.startswith("/") else f"/{target}"


def retry_after(reply: Reply) -> float | None:
    """Seconds the service asks us to wait (``Retry-After`` as seconds or as a date), or ``None``."""
    return seconds_to_wait(reply.headers.get("Retry-After"))


def seconds_to_wait(value: str | None) -> float | None:
    """A value of ``Retry-After`` in seconds from now; ``None`` where it is neither a number nor a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until = dates.from_http(value)
        seconds = math.nan if until is None else until - time.time()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def request_id(reply: Reply) -> str:
    """What the service's support asks for: in the headers, or in the body of a refusal, where proxies leave it alone."""
    told = reply.headers.get("request-id") or reply.headers.get("x-ms-request-id")
    return told or (_request_id_in(reply.json()) if reply.status >= 400 else "")


_INNER_ERRORS = ("innerError", "innererror")
_REQUEST_IDS = ("request-id", "requestId", "client-request-id")


def _request_id_in(content: Any) -> str:
    """From Graph's ``error.innerError`` or Entra's ``trace_id`` (both documented)."""
    if not isinstance(content, dict):
        return ""
    error = content.get("error")
    parts = [error.get(name) for name in _INNER_ERRORS] if isinstance(error, dict) else []
    inner: dict[str, Any] = next((part for part in parts if isinstance(part, dict)), {})
    identifier = next((inner[name] for name in _REQUEST_IDS if inner.get(name)), "") or content.get("trace_id")
    return str(identifier or "")[:100]


def _error_in(reply: Reply) -> Mapping[str, Any]:
    content = reply.json()
    error = content.get("error") if isinstance(content, dict) else None
    return error if isinstance(error, dict) else {}
