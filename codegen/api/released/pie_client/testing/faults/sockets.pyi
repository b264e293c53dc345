import asyncio
import contextlib
import os
import socket
import struct
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from pie_client.connection.observing import Direction
from pie_client.testing.faults.fault import DIRECTIONS, Ending, Fault, FaultList
RESET = struct.pack('hh' if os.name == 'nt' else 'ii', 1, 0)

class FaultySocket(ServerConnection):
    faults: FaultList
    open: 'dict[FaultySocket, None]'
    closing: asyncio.Task[None] | None = None
    drops_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        ...

    def data_received(self, data: bytes) -> None:
        ...

    def send_data(self) -> None:
        ...

    def apply_due_cuts(self) -> None:
        ...
