# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Profile photos without a picture library: a small JPEG per name, a symmetric pattern of 8x8 blocks in one color.

Baseline JPEG (ITU-T T.81) in gray tones and one color needs almost nothing when every block is flat: each block is one DC
difference and "end of block".
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache

_BLOCKS = 8  # the picture is 64 x 64 pixels
_QUANT = 8
#: One Huffman table for all: DC categories 0..11 as 4-bit codes, AC end-of-block as a 1-bit code.
_DC_TABLE = bytes([0, 0, 0, 12, *[0] * 12]) + bytes(range(12))
_AC_TABLE = bytes([1, *[0] * 15]) + b"\x00"


def portrait(name: str) -> bytes:
    """A JPEG of 64 x 64 pixels, always the same for a name."""
    return _portrait(hashlib.sha256(name.encode()).digest())


@lru_cache(maxsize=4096)
def _portrait(digest: bytes) -> bytes:
    foreground, background = _color(digest[0], digest[1], digest[2]), (235, 128, 128)
    bits = _Bits()
    last = [0, 0, 0]
    for row in range(_BLOCKS):
        for column in range(_BLOCKS):
            mirrored = min(column, _BLOCKS - 1 - column)
            edge = row in (0, _BLOCKS - 1) or column in (0, _BLOCKS - 1)
            lit = not edge and digest[3 + row] >> mirrored & 1
            for part, level in enumerate(foreground if lit else background):
                value = round((level - 128) * 8 / _QUANT)
                bits.dc(value - last[part])
                last[part] = value
    return _head() + bits.done() + b"\xff\xd9"


def _color(luma: int, blue: int, red: int) -> tuple[int, int, int]:
    """Y, Cb, Cr: dark enough to stand out, never gray."""
    return 70 + luma % 60, 60 + blue % 140, 60 + red % 140


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


@lru_cache(maxsize=1)
def _head() -> bytes:
    size = _BLOCKS * 8
    frame = struct.pack(">BHHB", 8, size, size, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    scan = bytes([3, 1, 0x00, 2, 0x00, 3, 0x00, 0, 63, 0])
    return (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + _segment(0xDB, b"\x00" + bytes([_QUANT]) * 64)
        + _segment(0xC0, frame)
        + _segment(0xC4, b"\x00" + _DC_TABLE)
        + _segment(0xC4, b"\x10" + _AC_TABLE)
        + _segment(0xDA, scan)
    )


class _Bits:
    """The entropy-coded part: bits to bytes, with a zero stuffed after every 0xFF."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def dc(self, difference: int) -> None:
        """A flat block: its DC difference, then end of block."""
        size = abs(difference).bit_length()
        self._text.append(f"{size:04b}")
        if size:
            value = difference if difference > 0 else difference + (1 << size) - 1
            self._text.append(f"{value:0{size}b}")
        self._text.append("0")

    def done(self) -> bytes:
        """All bytes, the last one filled with ones."""
        bits = "".join(self._text)
        bits += "1" * (-len(bits) % 8)
        raw = int(bits, 2).to_bytes(len(bits) // 8, "big")
        return raw.replace(b"\xff", b"\xff\x00")
