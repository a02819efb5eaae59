# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long an exchange may take and how much may come: of headers, of the body, and of what a compressed body becomes.

The time-out of a socket counts from one received byte to the next, so that a service that sends one byte a second keeps
it waiting for ever, in its headers already. So the stream that an answer is read from has the end of the whole exchange,
and gives each wait no more than what is left of it.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ANSWER_BYTES = 16 * 1024 * 1024
"""Most of one answer, compressed or not: the largest one that is asked for (Graph's permissions) has a hundredth of it."""

HEADER_BYTES = 256 * 1024
DEPTH = 64
"""Deepest nesting of JSON that is read; documented answers nest to a dozen."""

PARTS = 500_000
"""Most objects and lists in one answer: each takes some 90 bytes, so that a small answer could become half a gigabyte. The
largest one that is asked for has a tenth of it."""

CHUNK = 64 * 1024
_GZIP = 31
"""The window of zlib for gzip headers and trailers."""
_GZIP_START = b"\x1f\x8b"
_LENGTH = re.compile(r"[0-9]{1,19}")
"""Other digits, such as a superscript two, which a header may hold, are digits to Python and no numbers."""


class TooMuch(Exception):
    """An answer is larger than it may be, or packed in a way that was not asked for."""


class TooLate(Exception):
    """The time of the whole exchange is over."""


class _Exchange(threading.local):
    """What the thread that reads an answer has left: a thread has one exchange at a time."""

    end: float | None = None
    silence: float = 30.0
    left: int = HEADER_BYTES
    most: int = ANSWER_BYTES


_current = _Exchange()


@contextlib.contextmanager
def exchange(seconds: float, silence: float, most: int) -> Iterator[None]:
    """Surrounds one exchange of this thread.

    :param seconds: from here to the last byte.
    :param silence: most between two received pieces.
    :param most: bytes that the body may have on the wire.
    """
    _current.end = time.monotonic() + seconds
    _current.silence = silence
    _current.left = HEADER_BYTES
    _current.most = most
    try:
        yield
    finally:
        _current.end = None


def check_in_time() -> None:
    """Before a request is sent on a new connection: who looks an address up for long may come when nobody waits any more.

    :raises TooLate: the time of the exchange is over.
    """
    if _current.end is not None and _current.end <= time.monotonic():
        raise TooLate


class Timed(io.RawIOBase):
    """The stream of a socket, bound to the exchange of the thread that reads it.

    :param stream: the unbuffered file of the socket.
    :param sock: the socket, whose time-out is set before each wait.
    """

    def __init__(self, stream: Any, sock: Any) -> None:
        super().__init__()
        self._stream = stream
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if _current.end is not None:
            left = _current.end - time.monotonic()
            if left <= 0:
                raise TooLate
            silence = min(left, _current.silence)
            if self._sock.gettimeout() != silence:  # to set it is a call of the system, before each part of an answer
                self._sock.settimeout(silence)
        try:
            count: int | None = self._stream.readinto(buffer)
        except OSError:
            if _current.end is not None and _current.end <= time.monotonic():
                raise TooLate from None
            raise
        _current.left -= count or 0
        if _current.end is not None and _current.left < 0:
            raise TooMuch("it is larger than any answer to this request may be")
        return count

    def fileno(self) -> int:
        number: int = self._stream.fileno()
        return number

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def timed_response(response_class: Any) -> Any:
    """A class of answers like the given one of ``http.client``, that is read within the limits of its exchange."""

    def prepare(self: Any, sock: Any, *arguments: Any, **options: Any) -> None:
        response_class.__init__(self, sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(Timed(sock.makefile("rb", buffering=0), sock))

    def begin(self: Any) -> None:
        response_class.begin(self)
        _current.left += _current.most + HEADER_BYTES  # trailers and the sizes of chunks are no part of the body

    return type(response_class.__name__, (response_class,), {"__init__": prepare, "begin": begin})


def body(chunks: Iterable[bytes], headers: Mapping[str, str], most: int) -> bytes:
    """The body of an answer, unpacked.

    :raises TooMuch: it is larger than ``most``, or compressed in a way that was not asked for.
    :raises zlib.error: it is damaged.
    """
    stated = headers.get("Content-Length") or ""
    if _LENGTH.fullmatch(stated) and int(stated) > most:
        raise TooMuch(f"it has {int(stated)} bytes, {most} are accepted")
    packing = (headers.get("Content-Encoding") or "identity").strip().lower()
    if packing in ("identity", ""):
        return _joined(chunks, most)
    if packing not in ("gzip", "x-gzip"):
        raise TooMuch(f"it is compressed with {packing[:40]!r}, which was not asked for")
    return _joined(_unpacked(chunks, most), most)


def _joined(chunks: Iterable[bytes], most: int) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > most:
            raise TooMuch(f"it is larger than {most} bytes")
    return bytes(content)


def _unpacked(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The content of one or more gzip members, never more than a chunk of it at a time."""
    unpacker = zlib.decompressobj(_GZIP)
    packed = 0
    for chunk in chunks:
        packed += len(chunk)
        if packed > most:
            raise TooMuch(f"it is larger than {most} bytes")
        rest = chunk
        while rest:
            if unpacker.eof:
                if not rest.startswith(_GZIP_START):
                    return  # padding behind the last member
                unpacker = zlib.decompressobj(_GZIP)
            yield unpacker.decompress(rest, CHUNK)
            rest = unpacker.unconsumed_tail or unpacker.unused_data
    yield unpacker.flush()
    if packed and not unpacker.eof:
        raise zlib.error("it ends in the middle of its compressed content")


def parse_json(content: bytes) -> Any:
    """JSON as the services document it.

    :raises ValueError: it is none, is nested too deeply, has too many parts, or holds a number that is none.
    """
    parts = content.count(b"[") + content.count(b"{")
    if parts > PARTS:
        raise ValueError("it has too many parts")
    try:
        value = json.loads(content, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if parts > DEPTH and _deeper(value, DEPTH):
        raise ValueError("it is nested too deeply")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    """Python reads a number that is too large for it as infinity."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("it holds a number that is too large")
    return number


def _deeper(value: Any, depth: int) -> bool:
    level = [value] if isinstance(value, (dict, list)) else []
    for _level in range(depth):
        inner = (item for node in level for item in (node.values() if isinstance(node, dict) else node))
        level = [item for item in inner if isinstance(item, (dict, list))]
        if not level:
            return False
    return True
