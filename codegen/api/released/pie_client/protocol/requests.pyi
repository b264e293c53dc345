from __future__ import annotations
import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVarTuple
from pie_client._generated.families import FAMILIES, Family
from pie_client._generated.methods import Method
from pie_client.errors import InvalidArgumentError, UnsupportedError
from pie_client.protocol import codec
from pie_client.protocol.codec import Fields
from pie_client.content import Chunk
Ts = TypeVarTuple('Ts')
SMALL_CHUNK = 65535
SMALLEST_LIMIT = min((traits.frame_bytes for traits in FAMILIES.values()))

def check_family(method: Method[object], family: Family) -> None:
    ...

def encode(method: Method[object], build: Callable[[*Ts], Fields], arguments: tuple[*Ts,], family: Family | None) -> tuple[Fields, bytes]:
    ...

def encode_chunk(method: Method[object], build: Callable[[Chunk], Fields], chunk: Chunk, data: bytes | memoryview, family: Family | None) -> tuple[Fields, *tuple[bytes | memoryview, ...]]:
    ...
