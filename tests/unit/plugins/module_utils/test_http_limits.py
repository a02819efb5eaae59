# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An exchange has an end in time and in bytes, whatever a service does."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._http import Http, Transport, seconds_to_wait
from ansible_collections.tcx.m365.plugins.module_utils._limits import ANSWER_BYTES, DEPTH, PARTS, parse_json
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock, Deadline
from hypothesis import given
from hypothesis import strategies as st

from .conftest import ScriptedServer, SleepingClock, Step, answer

MIB = 1024 * 1024


def conversation(url: str, *, deadline: float = 600, timeout: float = 30.0, clock: Clock | None = None) -> Http:
    context = Context(deadline=Deadline(deadline, clock=clock), store=RunStore())
    return context.http("3CX", url, Transport(timeout=timeout))


def drip(head: bytes, rest: bytes, pause: float = 0.05) -> Step:
    """Sends the head at once and the rest byte by byte."""

    def step(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            handler.connection.sendall(head)
            for byte in rest:
                handler.connection.sendall(bytes((byte,)))
                time.sleep(pause)
        except OSError:
            return

    return step


DRIPS = {
    "status line": drip(b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" * 100),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X-Pad: aaaaaaaaaaaaaaaa\r\n" * 1000),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" " * 100000),
    "chunk size": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 100000),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10000),
    "without a length": drip(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 100000),
}


@pytest.mark.parametrize("where", DRIPS)
def test_one_byte_at_a_time_does_not_stretch_the_deadline(server: ScriptedServer, where: str) -> None:
    server.then(DRIPS[where])
    talk = conversation(server.url, deadline=1.0, timeout=0.9)
    with pytest.raises(errors.M365Error) as caught:
        talk.send("GET", "/x")
    assert isinstance(caught.value, (errors.Interrupted, errors.DeadlineExceeded))
    assert talk.deadline.remaining() < 0.5


def test_a_write_whose_address_was_found_too_late_is_not_sent(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time-out of ours reaches the resolver; who has given the PBX up by then may have undone the rest already."""
    look_up = socket.getaddrinfo

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.25)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    server.then(answer(200))
    with pytest.raises(errors.M365Error, match="no complete answer"):
        conversation(server.url, timeout=0.1).send("PATCH", "/a", body={}, once=True)
    conversation(server.url, timeout=5).send("GET", "/b")
    assert [(method, path) for method, path, _headers, _body in server.seen] == [("GET", "/b")]


def test_an_answer_in_pieces_that_is_complete_in_time_is_taken(server: ScriptedServer) -> None:
    server.then(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", b'{"ok": true}', pause=0.01))
    assert conversation(server.url, timeout=5).send("GET", "/x").json() == {"ok": True}


def packed(content: bytes, packing: str = "gzip") -> Step:
    return answer(
        200, gzip.compress(content, 9) if packing == "gzip" else zlib.compress(content), Content_Encoding=packing
    )


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(b" " * MIB) for _part in range(size // MIB)), packer.flush()])


TOO_MUCH: dict[str, Callable[[], Step]] = {
    "announced": lambda: _announced(ANSWER_BYTES + 1),
    "not announced": lambda: _endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * MIB),
    "chunked": lambda: _endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + b" " * MIB + b"\r\n"
    ),
    "unpacked": lambda: answer(200, bomb(400 * MIB), Content_Encoding="gzip"),
    "packed otherwise": lambda: packed(b"{}", "deflate"),
}


def _announced(size: int) -> Step:
    return drip(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode(), b"{}")


def _endless(head: bytes, piece: bytes) -> Step:
    def step(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            handler.connection.sendall(head)
            for _piece in range(200):
                handler.connection.sendall(piece)
        except OSError:
            return

    return step


@pytest.mark.parametrize("how", TOO_MUCH)
def test_an_answer_that_is_too_large_is_refused_with_little_memory(server: ScriptedServer, how: str) -> None:
    server.then(TOO_MUCH[how]())
    talk = conversation(server.url)
    tracemalloc.start()
    try:
        with pytest.raises(errors.BadAnswer) as caught:
            talk.send("GET", "/x")
        assert tracemalloc.get_traced_memory()[1] < 5 * ANSWER_BYTES
    finally:
        tracemalloc.stop()
    assert talk.calls == 1
    assert "is not accepted" in str(caught.value)


def test_what_a_sign_in_answers_has_a_smaller_limit(server: ScriptedServer) -> None:
    server.then(answer(200, b" " * 70_000))
    with pytest.raises(errors.BadAnswer):
        conversation(server.url).send("POST", "/token", form={}, most=65_536)


def test_the_connection_after_a_refused_answer_is_a_new_one(server: ScriptedServer) -> None:
    server.then(answer(200, b" " * 70_000), answer(200, b'{"ok": 1}'))
    talk = conversation(server.url)
    with pytest.raises(errors.BadAnswer):
        talk.send("GET", "/x", most=1000)
    assert talk.send("GET", "/x", most=1000).json() == {"ok": 1}


@pytest.mark.parametrize("members", [1, 3])
def test_what_is_packed_is_unpacked(server: ScriptedServer, members: int) -> None:
    content = json.dumps(["x" * 100_000, "y"]).encode()
    pieces = (
        [content[index::members] for index in range(1)]
        if members == 1
        else [content[:10], content[10:500], content[500:]]
    )
    server.then(answer(200, b"".join(gzip.compress(piece) for piece in pieces), Content_Encoding="gzip"))
    assert conversation(server.url).send("GET", "/x").body == content


def test_damaged_packing_is_a_broken_connection(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(200, gzip.compress(b"x" * 5000)[:-9], Content_Encoding="gzip"), answer(200, b'{"ok": 1}'))
    assert conversation(server.url, clock=clock).send("GET", "/x").json() == {"ok": 1}
    assert len(server.seen) == 2


def test_many_headers_are_refused(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(200, b"{}", **{f"X-{number}": "x" * 60_000 for number in range(90)}))
    with pytest.raises(errors.BadAnswer):
        conversation(server.url, clock=clock).send("GET", "/x")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1),
        b"[" + b"{}," * PARTS + b"{}]",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b"[-1E400]",
        b"{",
        b"",
    ],
)
def test_what_is_not_json_as_documented_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(content)


STRANGE: dict[str, bytes] = {
    "superscript digits": b"Content-Length: \xb2\r\n\r\n{}",
    "more digits than any number has": b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "a negative length": b"Content-Length: -1\r\n\r\n{}",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative chunk": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    "a chunk that is no number": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk without an end": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
}


@pytest.mark.parametrize("how", STRANGE)
def test_a_length_that_is_none_ends_in_an_answer_or_a_clear_error(
    server: ScriptedServer, clock: SleepingClock, how: str
) -> None:
    for _attempt in range(9):
        server.then(drip(b"HTTP/1.1 200 OK\r\n" + STRANGE[how], b""))
    read: list[str] = []
    with contextlib.suppress(errors.Interrupted, errors.BadAnswer):
        read.append(conversation(server.url, clock=clock).send("GET", "/x").text)
    assert read in ([], ["{}"])


def test_answers_before_the_answer_come_to_an_end(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(_endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000))
    with pytest.raises(errors.M365Error):
        conversation(server.url, clock=clock).send("POST", "/x")


def test_wide_json_is_fine() -> None:
    wide = [{"a": [[]]} for _row in range(1000)]
    assert parse_json(json.dumps(wide).encode()) == wide
    assert parse_json(b"\xef\xbb\xbf{}") == {}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_comes_back_as_it_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("1e400", None),
    ],
)
def test_retry_after_is_a_number_or_nothing(value: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(value) == seconds


def test_a_503_that_names_a_time_is_left_alone_until_then(server: ScriptedServer, clock: SleepingClock) -> None:
    """The outcome of the write is open, so the caller reads; the read waits as well."""
    server.then(answer(503, Retry_After="12"), answer(200))
    talk = conversation(server.url, clock=clock)
    with pytest.raises(errors.Interrupted):
        talk.send("POST", "/applications", body={})
    talk.send("GET", "/applications")
    assert 11 < sum(clock.sleeps) < 14
