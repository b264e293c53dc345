"""What a Python function that plays an inferlet is given."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from blake3 import blake3
from pydantic import JsonValue

from pie_client._generated import models
from pie_client._generated.families import CHUNK_BYTES
from pie_client.base import WireModel
from pie_client.testing.inferlet.mcp import McpSession


def as_utf8(text: str) -> str:
    """Replace what UTF-8 can't express: half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Outlet(Protocol):
    """Where the messages of a process go."""

    @property
    def attached(self) -> bool:
        """Whether anybody is."""
        ...

    def deliver(self, message: WireModel, *, buffered: bool) -> None:
        """Send a message to whoever is attached; ``buffered`` ones are kept for a while where nobody is."""
        ...


class ProcessFailure(Exception):  # noqa: N818 - it is raised by inferlets, about themselves
    """Raise it in an inferlet to end its process with exactly this text as its error."""

    __module__ = "pie_client.testing"


class InferletSession:
    """The line between an inferlet and its client.

    Sending never waits, as in the real engine; receiving does.

    Attributes:
        process_id: Id of the process.
        username: Owner of the process.
        program: The program as ``name@version``.
        input_text: The launch input as it was sent.
        mcp: The MCP servers of the attached client.
    """

    def __init__(
        self, outlet: Outlet, process_id: str, username: str, program: str, input_text: str, mcp: McpSession
    ) -> None:
        self.process_id = process_id
        self.username = username
        self.program = program
        self.input_text = input_text
        self.mcp = mcp
        self._outlet = outlet
        self._signals: deque[str] = deque()
        self._signalled = asyncio.Event()
        self._file: asyncio.Future[bytes] | None = None
        self._holds_files = False
        self._held_file: bytes | None = None

    def print(self, *values: object, sep: str = " ", end: str = "\n") -> None:
        """Write to standard output, as one event."""
        if text := as_utf8(sep.join(map(str, values)) + end):
            self._outlet.deliver(models.StdoutFrame(process_id=self.process_id, value=text), buffered=True)

    def eprint(self, *values: object, sep: str = " ", end: str = "\n") -> None:
        """Write to standard error, as one event."""
        if text := as_utf8(sep.join(map(str, values)) + end):
            self._outlet.deliver(models.StderrFrame(process_id=self.process_id, value=text), buffered=True)

    def send(self, message: str) -> None:
        """Send a message; dropped where no client is attached."""
        self._outlet.deliver(
            models.MessageFrame(process_id=self.process_id, value=as_utf8(message)), buffered=False
        )

    def send_file(self, data: bytes, name: str | None = None) -> None:
        """Send a file in chunks; dropped where no client is attached. An empty file sends nothing, as in the real engine."""
        digest, total = blake3(data).hexdigest(), -(-len(data) // CHUNK_BYTES)
        for index in range(total):
            chunk = models.FileChunk(
                process_id=self.process_id,
                file_hash=digest,
                chunk_index=index,
                total_chunks=total,
                chunk_data=data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES],
                name=name,
            )
            self._outlet.deliver(chunk, buffered=False)

    def emit(self, message: WireModel) -> None:
        """Send any message of the protocol as it is, for instance an event of a kind that clients do not know yet."""
        self._outlet.deliver(message, buffered=False)

    async def receive(self) -> str:
        """Wait for the next signal of the client. Signals are kept until they are received."""
        while not self._signals:
            self._signalled.clear()
            await self._signalled.wait()
        return self._signals.popleft()

    async def receive_file(self) -> bytes:
        """Wait for a file of the client that is attached now. One that comes while nobody waits is dropped.

        Only the last of several that wait at once gets a file. All this is as in the real engine.

        Raises:
            RuntimeError: No client is attached, it is gone, or another wait has replaced this one.
        """
        if self._held_file is not None:
            data, self._held_file = self._held_file, None
            return data
        self.drop_file_waiter("another receive_file has replaced this one")
        if not self._outlet.attached:
            raise RuntimeError("no client is attached to the process, so that no file can come")
        waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._file = waiter
        try:
            return await waiter
        finally:
            if self._file is waiter:
                self._file = None

    def drop_file_waiter(self, reason: str) -> None:
        """Fail the wait for a file, where there is one, with a RuntimeError that gives the reason."""
        if self._file is not None and not self._file.done():
            self._file.set_exception(RuntimeError(reason))

    def put_signal(self, message: str) -> None:
        """Hand a client's signal to the inferlet."""
        self._signals.append(message)
        self._signalled.set()

    def put_file(self, data: bytes) -> bool:
        """Hand a client's file to the inferlet; False when it does not wait for one."""
        if self._file is not None and not self._file.done():
            self._file.set_result(data)
            return True
        self._held_file = data if self._holds_files else None
        return self._holds_files

    @property
    def holds_files(self) -> bool:
        """Whether the last file that comes while nobody waits is kept, rather than dropped. Unset, it is dropped."""
        return self._holds_files

    @holds_files.setter
    def holds_files(self, holds: bool) -> None:
        self._holds_files = holds
        if not holds:
            self._held_file = None


InferletFunction: TypeAlias = Callable[[InferletSession, JsonValue], Awaitable[object]]
"""An inferlet: gets its session and its input as JSON, gives its result, which is sent as JSON."""
