"""Frames that a WebSocket client sends: unfragmented, binary and masked. RFC 6455, section 5."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterable, Iterator

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

__all__ = ["BINARY", "FIN", "MASKED", "SHORT_HEADERS", "apply_mask", "header", "masked", "masks", "memory"]

BINARY = 0x82
"""First byte of an unfragmented binary frame."""
FIN = MASKED = 0x80
SHORT_HEADERS = [bytes((BINARY, MASKED | length)) for length in range(126)]
"""The header of a masked frame before its mask, by the length of its payload."""
MASKS = 4096
"""Bytes of random masks drawn at once."""


def header(length: int, mask: bytes) -> bytes:
    """Return the header of a frame with a payload of any length."""
    if length < 126:
        return SHORT_HEADERS[length] + mask
    if length < 1 << 16:
        return struct.pack("!BBH4s", BINARY, MASKED | 126, length, mask)
    return struct.pack("!BBQ4s", BINARY, MASKED | 127, length, mask)


def masked(parts: Iterable[bytes | memoryview], mask: bytes) -> Iterator[bytes]:
    """Yield the parts of a payload, masked."""
    for part in parts:
        yield apply_mask(part, mask)
        rotation = len(part) % 4
        mask = mask[rotation:] + mask[:rotation]


def masks() -> Iterator[bytes]:
    """Yield unpredictable masks, as section 5.3 asks."""
    while True:
        block = os.urandom(MASKS)
        for at in range(0, MASKS, 4):
            yield block[at : at + 4]


def memory(size: int) -> memoryview:
    """Return a buffer of bytes. An anonymous mapping uses memory only for the pages that were written."""
    return memoryview(mmap.mmap(-1, size, access=mmap.ACCESS_COPY))
