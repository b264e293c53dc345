"""An MCP server reached over streamable HTTP, through the official ``mcp`` package.

Sends and receives messages as JSON text. Imported only when such a server is registered, since it needs the extra ``mcp``.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterable, Mapping
from contextvars import ContextVar
from typing import Protocol, TypeAlias, cast
from urllib.parse import urljoin, urlsplit

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp.types import JSONRPCMessage
from pydantic import TypeAdapter, ValidationError

from pie_client._generated.mcp import VERSION_HEADER
from pie_client.common.logs import LimitedLog
from pie_client.connection.options import address_of, is_this_machine
from pie_client.errors import McpServerError
from pie_client.mcp.link import STOPPED, Link

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
"""Seconds that the server has to end the session."""
NOT_FOUND = 404
"""HTTP status for a session that the server does not know, or no longer knows."""
ERRORS = 400
"""HTTP statuses from here on are errors (RFC 9110, section 15)."""

LIBRARY_LOGGERS = (
    "mcp.client.streamable_http",
    "httpx2",
    *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)
"""Loggers of the package and its HTTP library. Their records hold URLs, headers and payloads."""
_in_session: ContextVar[bool] = ContextVar("in_session", default=False)
for _name in LIBRARY_LOGGERS:  # not silenced for other users of the libraries
    logging.getLogger(_name).addFilter(lambda _record: not _in_session.get())

_MESSAGE: TypeAdapter[JSONRPCMessage] = TypeAdapter(JSONRPCMessage)


class _WriteStream(Protocol):
    async def send(self, item: SessionMessage, /) -> None: ...


_ReadStream: TypeAlias = AsyncIterable[SessionMessage | Exception]


class HttpLink(Link):
    """A session with an MCP server that runs elsewhere.

    The session runs in a task of its own, because the package's cancel scopes must be left by the task that entered them.

    Args:
        name: Name of the server.
        url: Its URL.
        headers: HTTP headers of every request.
        idle_timeout: Seconds without a byte after which a request fails.
    """

    advice = "check url= and headers=, and that the server runs"

    def __init__(self, name: str, url: str, headers: Mapping[str, str], idle_timeout: float) -> None:
        super().__init__(name)
        self._url = url
        self._headers = headers
        self._idle_timeout = idle_timeout
        self._metadata: ClientMessageMetadata | None = None
        self._streams: tuple[_ReadStream, _WriteStream] | None = None
        self._initialized = False
        self._log = LimitedLog(logger)
        self._ready = asyncio.Event()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"pie-client MCP server {name}")

    async def open(self) -> None:
        """Wait until messages can be sent. Nothing is sent yet, so a missing server shows with the first message."""
        await self._ready.wait()

    async def send(self, text: str) -> None:
        """Send a message with a POST request."""
        try:
            message = _MESSAGE.validate_json(text)
        except ValidationError as error:
            raise self.error("the mcp package can't encode a message") from error
        if self._streams is None or self.ended is not None:
            raise self._end_session()
        silent = _in_session.set(True)  # the package makes the request in this context
        try:
            await self._streams[1].send(SessionMessage(message, self._metadata))
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise self._end_session() from error
        finally:
            _in_session.reset(silent)

    def use_version(self, version: str) -> None:
        """Send the protocol version in a header from now on."""
        self._initialized = True
        self._metadata = ClientMessageMetadata(headers={VERSION_HEADER: version})

    async def close(self) -> None:
        """End the session."""
        self.closing = True
        self.end(STOPPED)
        self._leave.set()
        try:
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        finally:
            self.kill()
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)

    def kill(self) -> None:
        """Drop the session without telling the server."""
        self.closing = True
        self.end(STOPPED)
        self._task.cancel()

    def _end_session(self) -> McpServerError:
        """End a session that can't be used for sending, so that the next call starts a new one."""
        self.end("its connection is closed")
        self._leave.set()
        return self.error(self.ended or "")

    async def _run(self) -> None:
        reason = "its connection ended"
        _in_session.set(True)  # in this task and those that it starts
        try:
            async with (
                self._http_client() as http_client,
                streamable_http_client(
                    self._url, http_client=http_client, max_sse_event_size=None
                ) as self._streams,
            ):
                self._ready.set()
                receiving = asyncio.create_task(self._receive(self._streams[0]))
                leaving = asyncio.create_task(self._leave.wait())
                try:
                    await asyncio.wait({receiving, leaving}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    receiving.cancel()
                    leaving.cancel()
                    await asyncio.gather(receiving, leaving, return_exceptions=True)
        except Exception as error:  # noqa: BLE001 - any error of the package or its HTTP library ends the session
            reason = _explain(error)
        finally:
            self.end(self.refusal or reason)
            self._ready.set()

    async def _receive(self, stream: _ReadStream) -> None:
        async for item in stream:
            if isinstance(item, Exception):
                text = "MCP server %r sent an invalid message: %s"
                self._log.log(logging.WARNING, text, self.name, type(item).__name__)
            else:
                written = _MESSAGE.dump_json(item.message, by_alias=True, exclude_unset=True)
                await self.peer.receive(written.decode())

    def _http_client(self) -> httpx2.AsyncClient:
        async def check_status(response: httpx2.Response) -> None:
            self._check_status(response)

        return httpx2.AsyncClient(
            headers=dict(self._headers),
            # As long as a call may take: a POST is answered only when its call is.
            timeout=None if self._idle_timeout == math.inf else self._idle_timeout,
            trust_env=not is_this_machine(urlsplit(self._url).hostname or ""),
            event_hooks={"response": [check_status]},
        )

    def _check_status(self, response: httpx2.Response) -> None:
        status = response.status_code
        if not self._initialized:
            # The package follows redirects within the origin; the answer to the last one counts.
            self.refusal = ""
            if response.has_redirect_location:
                place = urlsplit(urljoin(str(response.url), response.headers["location"]))
                self.refusal = f"it redirects to {address_of(place)}"
            elif status >= ERRORS:
                self.refusal = f"it answered with HTTP status {status}"
        elif status == NOT_FOUND:
            # The server was restarted. The next call starts a new session.
            self.end("it does not know the session any more")
            self._leave.set()


def _explain(error: BaseException) -> str:
    """Describe an error in a few words. A text with a URL in it is left out, since the URL may contain a key."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    text = str(error)
    return f"{type(error).__name__}: {text}" if text and "://" not in text else type(error).__name__
