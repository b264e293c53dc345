"""A TCP proxy on loopback whose faults happen at bytes, not at times: the link between a client and a server."""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Final, Self, TypeAlias

from tests.faults.frames import FIN, PING, Frame, FrameReader, fragmented, reordered

READ_BYTES = 65536
LONGEST_DELAY = 0.005
"""Seconds that a delayed piece of data may wait."""
RESET = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with which closing resets a connection."""


class Direction(Enum):
    """Where bytes go."""

    UP = "to the server"
    DOWN = "to the client"


class Harm(Enum):
    """The most that a fault can do. The order counts: a later one includes the earlier ones."""

    NONE = 0
    """Nothing: everything arrives, differently cut or later."""
    ENDS = 1
    """The connection ends, and both sides notice it."""
    STALLS = 2
    """Bytes stop, and perhaps nobody notices it."""
    CORRUPTS = 3
    """Bytes are wrong."""


class Kind(Enum):
    """What happens at a byte."""

    PIECES = "arrive in small pieces"
    DELAY = "are delayed"
    REORDER = "arrive in another order of the processes"
    FRAGMENT = "arrive in fragments with pings between them"
    CUT = "end: both connections are closed"
    RESET = "end: both connections are reset"
    HALF_CLOSE = "end: only this direction is closed"
    STALL = "are not read any more"
    SWALLOW = "vanish from here on"
    FLIP = "are corrupted"
    SKIP = "are left out"
    REPEAT = "arrive twice"
    REPEAT_FRAMES = "arrive in frames that are repeated"
    SKIP_FRAMES = "arrive in frames of which some are left out"
    KILL = "find the engine killed; it starts again"
    STOP = "find the engine stopped for as many milliseconds"
    FREEZE = "find the engine stopped for longer than calls wait"
    KILL_MCP = "find the client's MCP servers killed"


HARM: Final = {
    **dict.fromkeys((Kind.PIECES, Kind.DELAY, Kind.REORDER, Kind.FRAGMENT), Harm.NONE),
    **dict.fromkeys((Kind.STOP, Kind.KILL_MCP), Harm.NONE),
    **dict.fromkeys((Kind.CUT, Kind.RESET, Kind.HALF_CLOSE, Kind.KILL), Harm.ENDS),
    **dict.fromkeys((Kind.STALL, Kind.SWALLOW, Kind.FREEZE), Harm.STALLS),
    **dict.fromkeys((Kind.FLIP, Kind.SKIP, Kind.REPEAT, Kind.REPEAT_FRAMES, Kind.SKIP_FRAMES), Harm.CORRUPTS),
}
OF_FRAMES: Final = frozenset({Kind.REORDER, Kind.FRAGMENT, Kind.REPEAT_FRAMES, Kind.SKIP_FRAMES})
"""Faults of all frames that the server sends, whatever the position."""

OF_PROCESSES: Final = frozenset({Kind.KILL, Kind.STOP, Kind.FREEZE, Kind.KILL_MCP})
"""Faults of processes, at the moment when a byte passes."""
OF_LINKS: Final = tuple(kind for kind in Kind if kind not in OF_PROCESSES)
"""Faults that the link makes by itself."""


@dataclass(frozen=True)
class Fault:
    """A fault at a byte.

    Attributes:
        kind: What happens to the bytes from there on.
        direction: Where the bytes go.
        connection: Which connection of the link, from 0.
        position: Byte of the connection, from 0.
        amount: Number of bytes that it concerns, of the kinds that do not end the connection; or of milliseconds.
    """

    kind: Kind
    direction: Direction
    connection: int = 0
    position: int = 0
    amount: int = 1

    def __str__(self) -> str:
        extent = ""
        if self.kind in (Kind.STOP, Kind.FREEZE):
            extent = f" ({self.amount} ms)"
        elif self.kind not in OF_PROCESSES and HARM[self.kind] in (Harm.NONE, Harm.CORRUPTS):
            extent = f" ({self.amount} bytes)"
        return f"connection {self.connection}: bytes {self.direction.value} from {self.position}{extent} {self.kind.value}"


Act: TypeAlias = Callable[[Fault], Awaitable[None]]


class _Ending(Exception):  # noqa: N818 - not an error
    """The connection ends here."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind


class Link:
    """A proxy of one server. As an async context manager it stops on exit, and leaves nothing behind.

    Args:
        uri: The server's address.
        faults: What goes wrong.
        seed: Decides what the faults leave open.
        act: Makes the faults of processes happen.
    """

    def __init__(self, uri: str, faults: Sequence[Fault], seed: int, act: Act | None = None) -> None:
        self._port = int(uri.rpartition(":")[2])
        self._faults = faults
        self._seed = seed
        self._act = act
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._count = 0
        self.happened: list[Fault] = []
        """The faults that have happened."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    @property
    def uri(self) -> str:
        """Address of the proxy."""
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert self._server is not None
        if not self._server.is_serving():
            writer.transport.abort()
            return
        number, self._count = self._count, self._count + 1
        self._running.add(task)
        try:
            await self._connect(number, reader, writer)
        except asyncio.CancelledError:
            pass  # the link stops, and asyncio would log it
        finally:
            self._running.discard(task)

    async def _connect(
        self, number: int, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        writers = [client]
        try:
            server_reader, server = await asyncio.open_connection("127.0.0.1", self._port)
            writers.append(server)
            for writer in writers:
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pipes = [
                self._pump(self._pipe(number, Direction.UP), client_reader, server),
                self._pump(self._pipe(number, Direction.DOWN), server_reader, client),
            ]
            async with asyncio.TaskGroup() as group:
                for pipe in pipes:
                    group.create_task(pipe)
        except* _Ending as endings:
            (ending, *_) = endings.exceptions
            if isinstance(ending, _Ending) and ending.kind is Kind.RESET:
                for writer in writers:
                    with contextlib.suppress(OSError):  # the other side has closed it
                        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    writer.transport.abort()
        # Also what shutting down a reset connection raises, and uvloop if a connection ends while it is not read.
        except* (OSError, RuntimeError):
            for writer in writers:
                writer.transport.abort()
        finally:
            for writer in writers:
                writer.close()
            for writer in writers:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    if self._server is not None and not self._server.is_serving():
                        writer.transport.abort()
                    await writer.wait_closed()

    def _pipe(self, number: int, direction: Direction) -> "_Pipe":
        mine = [f for f in self._faults if (f.connection, f.direction) == (number, direction)]
        return _Pipe(mine, random.Random(f"{self._seed}/{number}/{direction}"), self.happened)  # noqa: S311 - repeatable

    async def _pump(self, pipe: "_Pipe", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_BYTES):
            if pipe.collects:
                # More frames at once, to reorder.
                await asyncio.sleep(pipe.rng.uniform(0, LONGEST_DELAY))
            for piece in pipe.pass_on(data):
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                else:
                    await self._happen(piece, pipe, reader, writer)
                    if piece.kind is Kind.HALF_CLOSE:
                        return
        if not writer.is_closing():
            writer.write(pipe.rest())
            writer.write_eof()

    async def _happen(
        self, fault: Fault, pipe: "_Pipe", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        match fault.kind:
            case Kind.PIECES:
                await asyncio.sleep(0)
            case Kind.DELAY:
                await asyncio.sleep(pipe.rng.uniform(0, LONGEST_DELAY))
            case Kind.HALF_CLOSE:
                writer.write_eof()
                while await reader.read(READ_BYTES):
                    pass
            case Kind.STALL:
                await asyncio.get_running_loop().create_future()
            case Kind.SWALLOW:
                while await reader.read(READ_BYTES):
                    pass
                await asyncio.get_running_loop().create_future()
            case Kind.KILL | Kind.STOP | Kind.FREEZE | Kind.KILL_MCP:
                assert self._act is not None, "only schedules with a mortal engine have such faults"
                await self._act(fault)
            case _:
                raise _Ending(fault.kind)


class _Pipe:
    """One direction of one connection: the bytes that go in, and what comes out."""

    def __init__(self, faults: Sequence[Fault], rng: random.Random, happened: list[Fault]) -> None:
        self.rng = rng
        self._of_frames = [fault for fault in faults if fault.kind in OF_FRAMES]
        self._of_bytes = sorted((f for f in faults if f.kind not in OF_FRAMES), key=lambda f: f.position)
        self._happened = happened
        self._frames = FrameReader()
        self._position = 0

    @property
    def collects(self) -> bool:
        """Whether data should be collected for a moment."""
        return any(fault.kind is Kind.REORDER for fault in self._of_frames)

    def pass_on(self, data: bytes) -> Iterator[bytes | Fault]:
        """Yield what becomes of data: bytes to write, and faults that happen between them."""
        if self._of_frames:
            head, frames = self._frames.feed(data)
            data = head + b"".join(map(bytes, self._changed(frames)))
        while data:
            fault = next((f for f in self._of_bytes if f.position + self._extent(f) > self._position), None)
            if fault is None:
                self._position += len(data)
                yield data
                return
            if ahead := min(max(0, fault.position - self._position), len(data)):
                self._position += ahead
                yield data[:ahead]
                data = data[ahead:]
            if data:
                self._note(fault)
                size = min(len(data), fault.position + self._extent(fault) - self._position)
                part, data = data[:size], data[size:]
                self._position += size
                yield from self._harm(fault, part)

    def rest(self) -> bytes:
        """Return the bytes at the end that are no whole frame."""
        return self._frames.rest()

    def _extent(self, fault: Fault) -> int:
        lasts = fault.kind not in OF_PROCESSES and HARM[fault.kind] in (Harm.NONE, Harm.CORRUPTS)
        return fault.amount if lasts else 1

    def _note(self, fault: Fault) -> None:
        if fault not in self._happened:
            self._happened.append(fault)

    def _harm(self, fault: Fault, part: bytes) -> Iterator[bytes | Fault]:
        match fault.kind:
            case Kind.PIECES:
                while part:
                    size = self.rng.randint(1, 1 + self.rng.choice((2, 20, 200)))
                    yield part[:size]
                    yield fault
                    part = part[size:]
            case Kind.DELAY | Kind.KILL | Kind.STOP | Kind.FREEZE | Kind.KILL_MCP:
                yield fault
                yield part
            case Kind.FLIP:
                yield bytes(byte ^ self.rng.randrange(1, 256) for byte in part)
            case Kind.SKIP:
                pass
            case Kind.REPEAT:
                yield part + part
            case _:
                yield fault

    def _changed(self, frames: list[Frame]) -> list[Frame]:
        for fault in self._of_frames:
            if frames:
                self._note(fault)
            match fault.kind:
                case Kind.REORDER:
                    frames = reordered(frames, self.rng)
                case Kind.FRAGMENT:
                    frames = [part for frame in frames for part in fragmented(frame, self.rng)]
                    if self.rng.random() < 0.1:
                        frames.append(Frame(FIN | PING, b""))
                case Kind.REPEAT_FRAMES:
                    frames = [f for frame in frames for f in (frame,) * self.rng.choice((1, 1, 1, 2))]
                case _:
                    frames = [frame for frame in frames if self.rng.random() > 0.1]
        return frames
