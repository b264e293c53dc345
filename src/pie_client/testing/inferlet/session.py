"""The session that the embedded engine passes to an inferlet."""

import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from blake3 import blake3
from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from pie_client._generated import models
from pie_client._generated.families import CHUNK_BYTES
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing.inferlet.exceptions import ProcessFailure, report_of
from pie_client.testing.inferlet.mcp import McpRelay, McpSession
from pie_client.testing.inferlet.process import RunningProcess, as_utf8


class RawResult(str):
    """A result that is sent unchanged, instead of as JSON."""

    __slots__ = ()


class InferletSession:
    """The connection of an inferlet to its client.

    Sending never blocks, as in the real engine.

    Attributes:
        process_id: Id of the process.
        username: User that launched the process.
        program: The program as ``name@version``.
        input_text: The launch input as the client sent it.
        mcp: The MCP servers of the attached client.
    """

    __module__ = "pie_client.testing"

    def __init__(self, process: RunningProcess) -> None:
        self.process_id = process.id
        self.username = process.username
        self.program = process.program
        self.input_text = process.input_text
        self.mcp = McpSession(process.id, self._relay)
        self._process = process

    def print(self, *values: object, sep: str = " ", end: str = "\n") -> None:
        """Write to standard output: one event in the 0.5 family, one for each 4096 bytes in the 0.4 family."""
        self._write(models.StdoutFrame, sep.join(map(str, values)) + end)

    def eprint(self, *values: object, sep: str = " ", end: str = "\n") -> None:
        """Write to standard error, as :meth:`print` to standard output."""
        self._write(models.StderrFrame, sep.join(map(str, values)) + end)

    def _write(self, kind: type[models.StdoutFrame | models.StderrFrame], text: str) -> None:
        data = text.encode("utf-8", "replace")
        size = self._process.output_bytes or len(data)
        for start in range(0, len(data), size or 1):
            piece = data[start : start + size].decode("utf-8", "replace")
            self._process.deliver(kind(process_id=self.process_id, value=piece), buffered=True)

    def send(self, message: str) -> None:
        """Send a message. It is dropped if no client is attached."""
        self._process.deliver(
            models.MessageFrame(process_id=self.process_id, value=as_utf8(message)), buffered=False
        )

    def send_file(self, data: bytes, name: str | None = None) -> None:
        """Send a file in chunks. It is dropped if no client is attached, or if it is empty, as in the real engine.

        Args:
            data: Content of the file.
            name: Name of the file, or None.
        """
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
            self._process.deliver(chunk, buffered=False)

    def emit(self, message: WireModel) -> None:
        """Send any protocol message unchanged, for example an event of an unknown kind.

        Args:
            message: An instance of a class in :mod:`pie_client.models`.
        """
        self._process.deliver(message, buffered=False)

    async def receive(self) -> str:
        """Wait for the next signal of the client and return it. Signals are kept until they are received."""
        return await self._process.inbox.signals.get()

    async def receive_file(self) -> bytes:
        """Wait for a file of the attached client and return it.

        As in the real engine, a file that arrives while no call waits is dropped, and of several calls that wait only
        the last one receives a file.

        Raises:
            RuntimeError: No client is attached, the client has disconnected, or a later call has replaced this one.
        """
        return await self._process.inbox.receive_file(attached=self._process.client is not None)

    def _relay(self) -> McpRelay:
        """Return the MCP servers of the attached client. Without one, fail the process, as the real engine does."""
        if self._process.client is None:
            detail = texts.mcp_without_client(process_id=self.process_id)
            raise ProcessFailure(texts.call_error(detail=detail))
        return self._process.client.mcp


def process_of(session: InferletSession) -> RunningProcess:
    """Return the process of a session. Scripts need it; inferlets don't, so it is not public."""
    return session._process  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - a friend of the class


InferletFunction: TypeAlias = Callable[[InferletSession, JsonValue], Awaitable[object]]
"""An inferlet: called with its session and its input, decoded from JSON. Its result is sent as JSON."""


async def run_inferlet(function: InferletFunction, process: RunningProcess) -> str:
    """Run the inferlet of a process and return the text of its result."""
    value: JsonValue = process.input_text  # unless it is JSON; servers do not check it
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(process.input_text)
    try:
        result = await function(InferletSession(process), value)
    except (SystemExit, KeyboardInterrupt) as error:
        raise ProcessFailure(
            report_of(error)
        ) from error  # else it would end the program that runs the engine
    if isinstance(result, RawResult):
        return result
    return json.dumps(result, default=to_jsonable_python, ensure_ascii=False)
