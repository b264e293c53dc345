"""MCP servers that are reached over streamable HTTP, through the official package; imported only when one is used."""

import asyncio
import contextlib
import importlib
import inspect
import logging
import math
from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import anyio
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp.types import JSONRPCMessage
from pydantic import TypeAdapter, ValidationError

from pie_client._generated.mcp import VERSION_HEADER
from pie_client.connection.transport import is_loopback
from pie_client.errors import McpServerError
from pie_client.mcp.link import Link

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
"""Time that the server has to end the session."""
NOT_FOUND = 404
"""HTTP status for a session that the server does not know, or no longer."""
REFUSED = 400
"""HTTP statuses from here on are refusals."""

_MESSAGE: TypeAdapter[Any] = TypeAdapter(JSONRPCMessage)


class _Response(Protocol):
    """What is used of an HTTP response."""

    status_code: int


class HttpLink(Link):
    """A session with a server that is not ours to start or stop.

    It runs in a task of its own, for the package's scopes have to be left by the task that entered them.
    """

    def __init__(self, name: str, url: str, headers: Mapping[str, str], patience: float) -> None:
        super().__init__(name)
        self._url = url
        self._headers = headers
        self._patience = patience
        self._metadata: ClientMessageMetadata | None = None
        self._outlet: Any = None  # its class differs between the package's releases
        self._initialized = False
        self._ready = asyncio.Event()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"pie-client MCP server {name}")

    async def open(self) -> None:
        """Wait until messages can be sent. Whether there is a server shows with the first."""
        await self._ready.wait()

    async def send(self, text: str) -> None:
        """Post a message."""
        try:
            message = _MESSAGE.validate_json(text)
        except ValidationError as error:
            raise McpServerError(self.name, "a message is not what the mcp package can send") from error
        if self._outlet is None or self.ended is not None:
            raise self._closed()
        try:
            await self._outlet.send(SessionMessage(message, self._metadata))
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise self._closed() from error

    def use_version(self, version: str) -> None:
        """Name the version in a header of what is sent from here on."""
        self._initialized = True
        if "headers" in inspect.signature(ClientMessageMetadata).parameters:  # mcp 1 does so itself
            self._metadata = ClientMessageMetadata(headers={VERSION_HEADER: version})

    async def close(self) -> None:
        """End the session."""
        self.closing = True
        self.end("it was stopped")
        self._leave.set()
        try:
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        finally:
            self.kill()
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)

    def kill(self) -> None:
        """Drop the session."""
        self.closing = True
        self.end("it was dropped")
        self._task.cancel()

    def _closed(self) -> McpServerError:
        """End what can't be sent to any more, so that the next call begins anew."""
        self.end("its connection is closed")
        self._leave.set()
        return McpServerError(self.name, self.ended or "")

    async def _run(self) -> None:
        reason = "its connection ended"
        try:
            async with (
                contextlib.AsyncExitStack() as left_open,
                self._http_client() as http_client,
                streamable_http_client(
                    self._url, http_client=cast("Any", http_client), **_without_limit()
                ) as streams,
            ):
                # Closed after the package's own tasks have ended; mcp 1 leaves that to whoever uses them.
                left_open.push_async_callback(streams[0].aclose)
                left_open.push_async_callback(streams[1].aclose)
                self._outlet = streams[1]
                self._ready.set()
                receiving = asyncio.create_task(self._receive(streams[0]))
                leaving = asyncio.create_task(self._leave.wait())
                try:
                    await asyncio.wait({receiving, leaving}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    receiving.cancel()
                    leaving.cancel()
                    await asyncio.gather(receiving, leaving, return_exceptions=True)
        except Exception as error:  # noqa: BLE001 - whatever the package or its HTTP library raises ends the session
            reason = _explain(error)
        finally:
            self.end(self.refusal or reason)
            self._ready.set()

    async def _receive(self, stream: AsyncIterable[SessionMessage | Exception]) -> None:
        async for item in stream:
            if isinstance(item, Exception):
                logger.warning("MCP server %r sent what can't be read: %s", self.name, type(item).__name__)
                if not self._initialized:  # mcp 1 gives no other answer to what it can't read
                    self.end("it sent what can't be read; check that it speaks MCP")
                    self._leave.set()
            else:
                written = _MESSAGE.dump_json(item.message, by_alias=True, exclude_unset=True)
                await self.peer.receive(written.decode())

    def _http_client(self) -> AbstractAsyncContextManager[object]:
        """Make a client that waits as long as calls may take: what is posted without an answer holds up the next."""
        used = inspect.getmodule(streamable_http_client)
        library = importlib.import_module("httpx2" if hasattr(used, "httpx2") else "httpx")  # mcp 2, mcp 1

        async def look(response: _Response) -> None:
            self._look(response.status_code)

        client: AbstractAsyncContextManager[object] = library.AsyncClient(
            headers=dict(self._headers),
            timeout=None if self._patience == math.inf else self._patience,
            trust_env=not is_loopback(urlsplit(self._url).hostname or ""),
            event_hooks={"response": [look]},
        )
        return client

    def _look(self, status: int) -> None:
        """Note a refusal. A session that the server has lost is begun anew by the next call."""
        if status >= REFUSED and not self._initialized:
            self.refusal = f"it answered with HTTP status {status}"
        elif status == NOT_FOUND:
            self.end("it does not know the session any more")
            self._leave.set()


def _without_limit() -> dict[str, Any]:
    """Switch off the limit of an answer's size, where this release of the package has one."""
    parameters = inspect.signature(streamable_http_client).parameters
    return {"max_sse_event_size": None} if "max_sse_event_size" in parameters else {}


def _explain(error: BaseException) -> str:
    """Say why in a few words. Texts that name an address are left out, for it may hold a key."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    text = str(error)
    return f"{type(error).__name__}: {text}" if text and "://" not in text else type(error).__name__
