from __future__ import annotations
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask
__all__ = ['BINARY', 'FIN', 'MASKED', 'SHORT_HEADERS', 'apply_mask', 'header', 'masked', 'masks', 'memory']
BINARY = 130
FIN = MASKED = 128
SHORT_HEADERS = [bytes((BINARY, MASKED | length)) for length in range(126)]
MASKS = 4096

def header(length: int, mask: bytes) -> bytes:
    ...

def masked(parts: Iterable[bytes | memoryview], mask: bytes) -> Iterator[bytes]:
    ...

def masks() -> Iterator[bytes]:
    ...

def memory(size: int) -> memoryview:
    ...
