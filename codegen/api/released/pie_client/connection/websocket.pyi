import asyncio
import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeAlias
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as WireFrame
from websockets.protocol import Event, Protocol, State
from pie_client.connection import framing
from pie_client.connection.framing import BINARY, FIN, MASKED, SHORT_HEADERS, apply_mask, memory
from pie_client.connection.handshake import UnredirectedConnection
from pie_client.connection.taps import Deliver
from pie_client.connection.waiting import Change
from pie_client.protocol.codec import Frame
Lost: TypeAlias = Callable[[ConnectionClosed], None]
READ_SIZE = 512 << 10
BUFFER_SIZE = 2 << 20
SMALL = 4096
WINDOW = 16 << 10
MOVED = 4096
JOINED = 64 << 10
MAX_FRAGMENTS = 4096
OPCODE = 15
CONTROL = 8
OPCODES = frozenset(Opcode)
LONG = 127
SHORT = 127
LENGTH_BYTES = {126: 2, LONG: 8}
always_library_receive = False

class WebSocket(UnredirectedConnection):

    def __init__(self) -> None:
        self.congested = ...
        self.ended_by = ...
        self.deliver = ...

    def start(self, deliver: Deliver, lost: Lost, max_size: int) -> None:
        ...

    def pause(self) -> None:
        ...

    def resume(self) -> None:
        ...

    def discard(self) -> None:
        ...

    def position(self) -> tuple[int, ...]:
        ...

    def write(self, *parts: bytes | memoryview, now: bool=False) -> None:
        ...

    def check_open(self) -> None:
        ...

    async def drained(self) -> None:
        ...

    def data_received(self, data: bytes) -> None:
        ...

    def pause_writing(self) -> None:
        ...

    def resume_writing(self) -> None:
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        ...

class BatchWebSocket(WebSocket, asyncio.BufferedProtocol):

    def __init__(self) -> None:
        ...

    def start(self, deliver: Deliver, lost: Lost, max_size: int) -> None:
        ...

    def pause(self) -> None:
        ...

    def resume(self) -> None:
        ...

    def get_buffer(self, sizehint: int) -> memoryview:
        ...

    def buffer_updated(self, nbytes: int) -> None:
        ...

    def data_received(self, data: bytes) -> None:
        ...

    def process_event(self, event: Event) -> None:
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        ...

    def write(self, *parts: bytes | memoryview, now: bool=False) -> None:
        ...

    def send_data(self) -> None:
        ...

def discard(batch: list[Frame]) -> None:
    ...

def websocket_class() -> type[WebSocket]:
    ...

@functools.cache
def is_as_expected() -> bool:
    ...
