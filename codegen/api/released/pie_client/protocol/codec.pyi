from __future__ import annotations
import json
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, cast
import msgpack
from pie_client._generated import decoders
from pie_client._generated.decoders import BINARY_DECODERS, PROCESS_EVENT, EventRecord, Record
from pie_client._generated.families import CORRELATION, EVENT, PROCESS, TAG, Family
from pie_client.errors import ProtocolError
from pie_client.lazy import LazyModule
from pie_client._generated import registry
from pie_client._generated.registry import ClientMessage, ServerMessage
from pie_client.base import WireModel
from pie_client.protocol import validation
Fields: TypeAlias = Mapping[str, object]
Frame: TypeAlias = bytes | memoryview | str
KEPT_BYTES = 1 << 20
FIXMAP = 128
NO_BYTES = msgpack.packb(b'')
BIN32 = 198
LARGE_BYTES = 64 << 10
MOST_FIELDS = 100000
NESTED = frozenset((*range(128, 160), *range(199, 202), *range(212, 217), *range(220, 224)))
MAX_TEXT_CHARACTERS = 8 << 20
UNREADABLE = (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException)
unpack: Callable[..., Any] = msgpack.unpackb

class UnknownMessage(NamedTuple):
    type: str
    fields: Fields

class MalformedFrameError(ProtocolError):

    def __init__(self) -> None:
        self.corr_id = ...
        self.process_id = ...
        self.event = ...

def encode(fields: Fields) -> bytes:
    ...

def with_room(frame: bytes, size: int) -> bytes:
    ...

def decode(frame: Frame) -> Record | EventRecord | UnknownMessage:
    ...

def decode_general(frame: Frame) -> Record | EventRecord | UnknownMessage:
    ...

def encode_client_message(message: WireModel) -> bytes:
    ...

def encode_server_message(message: WireModel, family: Family) -> bytes | str:
    ...

def server_message_fields(message: WireModel, family: Family) -> dict[str, object]:
    ...

def encode_fields(fields: Fields) -> bytes:
    ...

def decode_server_message(frame: Frame) -> ServerMessage | UnknownMessage:
    ...

def decode_client_message(frame: Frame) -> ClientMessage | UnknownMessage:
    ...

def describe_validation_error(error: ValueError) -> str:
    ...

def decode_map(frame: Frame, *, bounded: bool=False) -> Fields:
    ...
