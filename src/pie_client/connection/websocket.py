"""The WebSocket library's client connection, with messages delivered by callback and synchronous writing.

The only module that knows internals of the WebSocket library.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.protocol import State

Frame: TypeAlias = bytes | memoryview | str
"""A message: str for text. A memoryview is valid only during the call that delivers it."""


class WebSocket(ClientConnection):
    """A connection that receives by the library's ``recv()``: correct with every release of the library, but slower.

    Attributes:
        congested: The write buffer is above its high-water mark.
    """

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the library passes them
        super().__init__(*args, **named)
        self.congested = False
        self._drained = asyncio.Event()
        self._drained.set()
        self._may_receive = asyncio.Event()
        self._may_receive.set()
        self._delivers = True
        self._receiver: asyncio.Task[None] | None = None

    def start(self, deliver: Callable[[list[Frame]], None], lost: Callable[[ConnectionClosed], None]) -> None:
        """Begin delivery.

        Args:
            deliver: Called with complete messages, in order.
            lost: Called once, after the last message, when the TCP connection is closed.
        """
        self._receiver = asyncio.create_task(self._receive(deliver, lost), name="pie-client receiver")

    async def _receive(
        self, deliver: Callable[[list[Frame]], None], lost: Callable[[ConnectionClosed], None]
    ) -> None:
        try:
            while True:
                message = await self.recv()
                await self._may_receive.wait()
                if self._delivers:
                    deliver([message])
        except ConnectionClosed as closed:
            await self._may_receive.wait()
            lost(closed)

    def write(self, frame: bytes) -> None:
        """Queue a binary message. Raises ConnectionClosed."""
        # The transport closes at once when a write fails; connection_lost() is called in a later turn of the loop.
        if self.state is not State.OPEN or self.transport.is_closing():
            protocol = self.protocol
            raise ConnectionClosedError(
                protocol.close_rcvd, protocol.close_sent, protocol.close_rcvd_then_sent
            )
        broadcast([self], frame)

    async def drained(self) -> None:
        """Wait until the write buffer is below its high-water mark. Raises ConnectionClosed."""
        await self._drained.wait()
        if self.state is State.CLOSED:
            raise self.protocol.close_exc

    def pause(self) -> None:
        """Stop receiving. A message that already arrived is kept."""
        self._may_receive.clear()

    def resume(self) -> None:
        """Receive again."""
        self._may_receive.set()

    def discard(self) -> None:
        """Discard what arrives from now on, so that the connection can be closed."""
        self._delivers = False
        self.resume()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.congested = True
        self._drained.clear()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.congested = False
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.congested = False
        self._drained.set()
