from __future__ import annotations
import asyncio
import contextlib
import ssl as ssl_module
import struct
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from urllib.parse import SplitResult, urlunsplit
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidHeader, InvalidMessage, InvalidProxy, InvalidURI, ProxyError, SecurityError
from websockets.http11 import Response
from pie_client._generated.families import CODE_MESSAGE_TOO_BIG, ENDPOINT_PATH, IDENTITY_HEADERS, STATUS_IDENTITY_REFUSED, STATUS_NO_ENDPOINT
from pie_client.connection.handshake import MAX_REDIRECTS, UpgradeRefused, library_logger, redirected
from pie_client.connection.options import Settings, address_of, bad_proxy, is_this_machine
from pie_client.connection.taps import Deliver, Tap, tapped_deliver, tapped_write
from pie_client.connection.websocket import WebSocket, discard, websocket_class
from pie_client.errors import ConnectError, ConnectionLostError, ConnectTimeoutError, HandshakeError, PieError, one_line
from pie_client.lazy import LazyModule
from pie_client.protocol.codec import Frame
fcntl = LazyModule('fcntl')
termios = LazyModule('termios')
INT = struct.Struct('i')
CLOSE_TIMEOUT = 1.0
BODY_CHARACTERS = 200
NO_CERTIFICATE = frozenset({'CERTIFICATE_REQUIRED', 'HANDSHAKE_FAILURE'})
BAD_CERTIFICATE = ...

class Receiver(Protocol):

    def deliver(self, batch: list[Frame]) -> None:
        ...

    def lost(self, error: ConnectionLostError) -> None:
        ...

class Progress(NamedTuple):
    position: tuple[int, ...]
    unsent: int

    def follows(self, earlier: Progress) -> bool:
        ...

class Transport:
    replaced = False

    def __init__(self) -> None:
        self.address = ...

    def start(self, receiver: Receiver) -> None:
        ...

    def tap(self, number: int, taps: tuple[Tap, ...]) -> None:
        ...

    @property
    def congested(self) -> bool:
        ...

    @property
    def ended(self) -> bool:
        ...

    def write(self, *parts: bytes | memoryview, now: bool=False) -> None:
        ...

    async def drain(self) -> None:
        ...

    def check_open(self) -> None:
        ...

    def pause(self) -> None:
        ...

    def resume(self) -> None:
        ...

    async def ping(self) -> None:
        ...

    def progress(self) -> Progress:
        ...

    async def close(self) -> None:
        ...

    def abort(self) -> None:
        ...

    def advice(self, check: str) -> str:
        ...

def unsent_bytes(socket: Any) -> int:
    ...

async def open_transport(settings: Settings) -> Transport:
    ...

class _Creation:

    def __init__(self) -> None:
        self.last = ...

    def __call__(self, *args: Any, **named: Any) -> WebSocket:
        ...
