# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trouble on the way to a service is told in words; nothing of Python shows through."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import urllib3
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils import _http_errors, _unforeseen
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._http import Reply, Transport, request_id
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

from .conftest import SleepingClock

OF_PYTHON = re.compile(r"\[Errno|_ssl\.c|Error\(|object at 0x|HTTPSConnection|IncompleteRead|Traceback|\[SSL")


def nested(inner: BaseException) -> BaseException:
    return urllib3.exceptions.ProtocolError("Connection aborted.", inner)


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower().replace('_', ' ')} (_ssl.c:1000)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (nested(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")), "Connection reset by peer"),
        (nested(http.client.RemoteDisconnected("Remote end closed connection without response")), "closed connection"),
        (urllib3.exceptions.SSLError(tls("WRONG_VERSION_NUMBER")), "does not speak TLS"),
        (urllib3.exceptions.SSLError(tls("UNEXPECTED_EOF_WHILE_READING")), "closed the connection"),
        (urllib3.exceptions.SSLError(tls("SOMETHING_NEW")), "something new"),
        (urllib3.exceptions.ProtocolError("x", urllib3.exceptions.IncompleteRead(5, 10)), "cut after 5 bytes"),
        (OSError(errno.EHOSTUNREACH, ""), "No route to host"),
    ],
)
def test_a_cause_is_a_phrase(error: BaseException, words: str) -> None:
    assert words in _http_errors.reason(error)
    assert not OF_PYTHON.search(_http_errors.reason(error))


def test_a_machine_that_has_run_out_of_files_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", no_more)
    context = Context(deadline=Deadline(60, clock=SleepingClock()), store=RunStore())
    with pytest.raises(errors.Exhausted) as caught:
        context.http("3CX", "https://127.0.0.1:1", Transport()).send("GET", "/x")
    assert "Too many open files" in str(caught.value)
    assert "ulimit" in str(caught.value)
    assert not OF_PYTHON.search(str(caught.value))


@pytest.fixture
def without_tls() -> Iterator[str]:
    """A service that answers in plain HTTP on the port of a PBX."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def answer() -> None:
            for _connection in range(5):
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


def test_a_service_without_tls_is_told_in_words(without_tls: str) -> None:
    context = Context(deadline=Deadline(60, clock=SleepingClock()), store=RunStore())
    with pytest.raises(errors.Unreachable) as caught:
        context.http("3CX", without_tls, Transport(verify=False)).send("POST", "/connect/token", form={})
    assert "does not speak TLS" in str(caught.value)
    assert not OF_PYTHON.search(str(caught.value))


@pytest.mark.parametrize(
    "error",
    [
        KeyError("CANARY"),
        TypeError("CANARY"),
        ValueError("CANARY"),
        RecursionError("CANARY"),
        ZeroDivisionError("CANARY"),
    ],
)
def test_what_nobody_foresaw_shows_neither_class_nor_content(error: BaseException) -> None:
    with pytest.raises(_unforeseen.KINDS) as caught:
        raise error
    text = str(_unforeseen.of(caught.value))
    assert "CANARY" in _unforeseen.told(caught.value)
    assert "CANARY" not in text
    assert type(error).__name__ not in text


def test_a_file_that_cannot_be_used_is_named() -> None:
    text = str(_unforeseen.of(PermissionError(errno.EACCES, "Permission denied", "/etc/shadow")))
    assert "Permission denied" in text
    assert "/etc/shadow" in text
    assert not OF_PYTHON.search(text)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"request-id": "h-1"}, b'{"error": {"innerError": {"request-id": "b-1"}}}', "h-1"),
        ({}, b'{"error": {"innerError": {"request-id": "b-1"}}}', "b-1"),
        ({}, b'{"error": {"innererror": {"client-request-id": "c-1"}}}', "c-1"),
        ({}, b'{"error": "invalid_client", "trace_id": "t-1"}', "t-1"),
        ({}, b'{"error": {"innerError": []}}', ""),
        ({}, b"[1]", ""),
        ({}, b"<html>", ""),
    ],
)
def test_the_request_id_is_found_in_the_body_too(headers: dict[str, str], body: bytes, expected: str) -> None:
    assert request_id(Reply("GET", "https://graph.example.com/", 503, headers, body)) == expected
