"""A server on a socket pair that acts only while the client's event loop has nothing to do.

Everything runs in one thread, and what the server sends is complete before the client reads. So the client cuts the same
bytes into the same reads at each run, and its work can be counted exactly.
"""

import asyncio
import selectors
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgpack
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from pie_client import PieClient

T = TypeVar("T")

READ_BYTES = 1 << 20
BUFFER_BYTES = 1 << 20
"""Asked of the system, which may grant less."""
IDENTIFIED = "Authenticated (Engine disabled authentication)"
"""What 0.4 servers without authentication reply."""


class ScriptedPeer:
    """The server's end of the connection."""

    def __init__(self) -> None:
        self.client_end, self._own_end = socket.socketpair()
        self._own_end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._own_end.setblocking(False)
        self._protocol = ServerProtocol(max_size=None)
        self._launched = 0

    def send(self, *messages: Mapping[str, object]) -> None:
        """Send messages in one write."""
        for message in messages:
            self._protocol.send_binary(msgpack.packb(message))
        self._flush()

    def serve(self) -> None:
        """Answer everything that has arrived."""
        try:
            while data := self._own_end.recv(READ_BYTES):
                self._protocol.receive_data(data)
        except BlockingIOError:
            pass
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                self._protocol.send_binary(msgpack.packb(self._reply(msgpack.unpackb(event.data))))
            elif isinstance(event, Frame):
                assert event.opcode is Opcode.CLOSE, event
        self._flush()

    def process_id(self, *, ahead: int = 0) -> str:
        """Return the id of the process launched last, or of the one launched ``ahead`` launches later."""
        return f"{self._launched + ahead:08x}-0000-4000-8000-000000000000"

    def close(self) -> None:
        self._own_end.close()
        self.client_end.close()

    def _reply(self, request: dict[str, object]) -> dict[str, object]:
        match request["type"]:
            case "launch_process":
                self._launched += 1
                result = self.process_id()
            case "auth_identify":
                result = IDENTIFIED
            case "check_program":
                result = "false"
            case _:
                result = "Pong"
        return {"type": "response", "corr_id": request["corr_id"], "ok": True, "result": result}

    def _flush(self) -> None:
        pieces = self._protocol.data_to_send()
        if data := b"".join(pieces):
            sent = self._own_end.send(data)
            assert sent == len(data), (
                f"the socket's buffer took {sent} of {len(data)} bytes; send less at once"
            )
        if b"" in pieces:  # the library's sign that the connection ends
            self._own_end.shutdown(socket.SHUT_WR)


class _IdleSelector(selectors.DefaultSelector):
    """A selector that calls a function before it would wait."""

    def __init__(self, on_idle: Callable[[], None]) -> None:
        super().__init__()
        self._on_idle = on_idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._on_idle()
        return super().select(timeout)


class _PairLoop(asyncio.SelectorEventLoop):
    """An event loop that connects to one end of a socket pair, whatever the address."""

    def __init__(self, end: socket.socket, on_idle: Callable[[], None]) -> None:
        super().__init__(_IdleSelector(on_idle))
        self._end = end

    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        *_args: object,
        **_options: object,
    ) -> tuple[asyncio.Transport, Any]:
        return await super().create_connection(protocol_factory, sock=self._end)


def run_with_peer(
    script: Callable[[PieClient, ScriptedPeer], Awaitable[T]],
    *,
    aside: Callable[[Callable[[], None]], None] = lambda work: work(),
) -> T:
    """Run a script with a connected client; ``aside`` runs the server's work."""
    peer = ScriptedPeer()

    async def session() -> T:
        async with PieClient("ws://127.0.0.1:1") as client:
            await client.ping()
            return await script(client, peer)

    try:
        with asyncio.Runner(
            loop_factory=lambda: _PairLoop(peer.client_end, lambda: aside(peer.serve))
        ) as runner:
            return runner.run(session())
    finally:
        peer.close()
