"""HTTP/1.1 on asyncio streams: the standard library parses heads, this frames bodies.

The standard library's server would need a thread per connection, which can't be cancelled.
"""

import asyncio
import contextlib
import http
import io
import logging
import re
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from typing import TypeAlias, TypeVar

logger = logging.getLogger(__name__)

HEAD_BYTES = 1 << 16
"""Largest request line with headers."""
IDLE = 60.0
"""Seconds that a client may take to send a head, or a body; and to take a piece of the answer."""
GRACE = 1.0
"""Seconds that functions have to end when the server closes."""

T = TypeVar("T")

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
FRAMING = frozenset({"connection", "content-length", "date", "transfer-encoding"})
WITHOUT_BODY = frozenset({http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED})


@dataclass(frozen=True, slots=True)
class DaemonRequest:
    """An HTTP request to a daemon.

    Attributes:
        method: For instance ``"GET"``.
        path: The request target as it was sent: path and query.
        headers: Headers; names are case-insensitive.
        body: The whole body.
    """

    method: str
    path: str
    headers: HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True)
class DaemonResponse:
    """A daemon's answer to an HTTP request.

    Attributes:
        status: Status code, 200 to 599.
        headers: Headers as a mapping or as pairs. Those that frame the body are written by the server and ignored here.
        body: The body; text is sent as UTF-8. What an async iterable gives is sent as it comes.
    """

    status: int = 200
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    body: bytes | str | AsyncIterable[bytes] = b""

    def pairs(self) -> list[tuple[str, str]]:
        """Give the headers as pairs, without those that frame the body."""
        found = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        return [(name, value) for name, value in found if name.lower() not in FRAMING]


Answering: TypeAlias = Callable[[DaemonRequest], Awaitable[DaemonResponse]]


class Unacceptable(Exception):  # noqa: N818 - it becomes a response
    """A request that is answered with an error status without being looked at any further."""

    def __init__(self, status: http.HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Peer(asyncio.StreamReaderProtocol):
    """A client, of whom can be told that it has left while nothing is read."""

    def __init__(self, connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]) -> None:
        super().__init__(asyncio.StreamReader(limit=HEAD_BYTES), connected)
        self.left = asyncio.Event()

    def eof_received(self) -> bool:
        """Note that it sends nothing more, which is all that shows where it has closed the connection."""
        self.left.set()
        super().eof_received()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self.left.set()
        super().connection_lost(exc)


class HttpServer:
    """Serves HTTP/1.1 on a loopback port, one call of a function per request.

    Args:
        answer: The function. What it raises is logged and answered with status 500.
        max_body_bytes: Largest body that a request may have.
        name: Name of the tasks that serve connections.
    """

    def __init__(self, answer: Answering, max_body_bytes: int, name: str) -> None:
        self._answer = answer
        self._name = name
        self._max_body = max_body_bytes
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def listen(self, port: int) -> int:
        """Listen, and give the port. Raises OSError when it can't be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self._connected), "127.0.0.1", port)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def close(self) -> set[asyncio.Task[None]]:
        """Stop listening, break off every connection and cancel every call; waits a second, gives what does not end."""
        if self._server is not None:
            self._server.close()
        for task, writer in self._connections.items():
            writer.transport.abort()
            task.cancel()
        if not self._connections:
            return set()
        _, unending = await asyncio.wait(self._connections, timeout=GRACE)
        return unending

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name=self._name)
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, TimeoutError) as error:
            logger.info("an HTTP connection broke off: %s", error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; tell whether the connection may serve another."""
        head = await _read_head(reader)
        if head is None:
            return False
        if head.accepted:
            try:
                writer.write(head.taken())  # the 100 that some clients wait for before they send a body
                async with asyncio.timeout(IDLE):
                    body = await _read_body(reader, head.fields(), self._max_body)
            except Unacceptable as error:
                head.send_error(error.status)
            else:
                request = DaemonRequest(head.command, head.path, head.fields(), body)
                return await _while_there(writer, self._respond(head, request, writer))
        writer.write(head.taken())
        await _linger(reader, writer)
        return False

    async def _respond(self, head: "Head", request: DaemonRequest, writer: asyncio.StreamWriter) -> bool:
        try:
            response = await self._answer(request)
            _check(response)
            body = response.body.encode() if isinstance(response.body, str) else response.body
        except (
            Exception,
            SystemExit,
            KeyboardInterrupt,
        ):  # whatever the function raises is a 500, and the server goes on
            logger.exception("a daemon failed to answer %s %s", request.method, request.path)
            response = DaemonResponse(http.HTTPStatus.INTERNAL_SERVER_ERROR)
            body = http.HTTPStatus.INTERNAL_SERVER_ERROR.phrase.encode()
        bodiless = head.command == "HEAD" or response.status in WITHOUT_BODY
        chunked = not isinstance(body, bytes) and head.request_version == "HTTP/1.1"
        keep = not head.close_connection and (isinstance(body, bytes) or chunked)
        head.send_response_only(response.status)
        for name, value in response.pairs():
            head.send_header(name, value)
        head.send_header("Date", head.date_time_string())
        if isinstance(body, bytes) and response.status not in WITHOUT_BODY:
            head.send_header("Content-Length", str(len(body)))
        elif chunked and response.status not in WITHOUT_BODY:
            head.send_header("Transfer-Encoding", "chunked")
        if not keep:
            head.send_header("Connection", "close")
        head.end_headers()
        writer.write(head.taken())
        if not bodiless:
            if isinstance(body, bytes):
                writer.write(body)
            else:
                await _stream(body, writer, chunked=chunked)
        async with asyncio.timeout(IDLE):
            await writer.drain()
        return keep


class Head(BaseHTTPRequestHandler):
    """The head of a request, parsed by the standard library; also writes the head of the response."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"

    def __init__(self, head: bytes) -> None:
        self.rfile = io.BytesIO(head)
        self.wfile = self._written = io.BytesIO()
        self.raw_requestline = self.rfile.readline()
        self.command = ""
        self.accepted = self.parse_request()

    def fields(self) -> HTTPMessage:
        """Give the headers, by the class that the parser makes them of."""
        assert isinstance(self.headers, HTTPMessage)  # noqa: S101 - so it is, though its stub does not say so
        return self.headers

    def taken(self) -> bytes:
        """Give what was written since the last call."""
        written = self._written.getvalue()
        self._written.seek(0)
        self._written.truncate()
        return written

    def log_message(self, format: str, *args: object) -> None:
        """Log instead of writing to standard error."""
        logger.info(format, *args)


async def _while_there(writer: asyncio.StreamWriter, work: Coroutine[None, None, T]) -> T:
    """Do something for a client, and break it off when the client leaves. Raises ConnectionAbortedError then."""
    peer = writer.transport.get_protocol()
    assert isinstance(peer, Peer)  # noqa: S101 - each connection is made with one
    task = asyncio.create_task(work, name="daemon call")
    leaving = asyncio.create_task(peer.left.wait(), name="daemon client leaves")
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionAbortedError("the client has left before it was answered")
        return await task
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End a connection so that the client gets what was written, though it may still be sending."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await writer.drain()
            writer.write_eof()
            while await reader.read(HEAD_BYTES):
                pass


async def _read_head(reader: asyncio.StreamReader) -> Head | None:
    try:
        async with asyncio.timeout(IDLE):
            head = (await reader.readuntil(b"\r\n\r\n")).lstrip(b"\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        refusal = Head(b"GET / HTTP/1.1\r\n\r\n")
        refusal.accepted = False
        refusal.send_error(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return refusal
    return Head(head) if head else None


async def _read_body(reader: asyncio.StreamReader, headers: HTTPMessage, limit: int) -> bytes:
    codings, lengths = headers.get_all("Transfer-Encoding", []), headers.get_all("Content-Length", [])
    if codings:
        if lengths:
            raise Unacceptable(http.HTTPStatus.BAD_REQUEST)
        if [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise Unacceptable(http.HTTPStatus.NOT_IMPLEMENTED)
        return await _read_chunks(reader, limit)
    if not lengths:
        return b""
    if len(set(lengths)) != 1 or not re.fullmatch("[0-9]{1,18}", lengths[0].strip()):
        raise Unacceptable(http.HTTPStatus.BAD_REQUEST)
    if (length := int(lengths[0])) > limit:
        raise Unacceptable(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return await reader.readexactly(length)


async def _read_chunks(reader: asyncio.StreamReader, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while size := await _read_chunk_size(reader):
        if size > left:
            raise Unacceptable(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        left -= size
        parts.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise Unacceptable(http.HTTPStatus.BAD_REQUEST)
    while (await _read_line(reader)).strip():
        pass  # trailers, which nobody asked for
    return b"".join(parts)


async def _read_chunk_size(reader: asyncio.StreamReader) -> int:
    size = (await _read_line(reader)).partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size):
        raise Unacceptable(http.HTTPStatus.BAD_REQUEST)
    return int(size, 16)


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError:
        raise Unacceptable(http.HTTPStatus.BAD_REQUEST) from None


async def _stream(body: AsyncIterable[bytes], writer: asyncio.StreamWriter, *, chunked: bool) -> None:
    """Send a body as it comes; when it fails, break the connection off, which is how a client can tell."""
    try:
        async for part in body:
            if part:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                async with asyncio.timeout(IDLE):
                    await writer.drain()
    except OSError:
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        logger.exception("a daemon failed in the middle of its answer")
        writer.transport.abort()
        raise ConnectionAbortedError("the answer was not completed") from error
    finally:
        if (close := getattr(body, "aclose", None)) is not None:
            await close()
    if chunked:
        writer.write(b"0\r\n\r\n")


def _check(response: object) -> None:
    if not isinstance(response, DaemonResponse):
        raise TypeError(f"a daemon returns a DaemonResponse, not {type(response).__name__}")
    if not 200 <= response.status <= 599:
        raise ValueError(f"{response.status} is not the status of a response; use 200 to 599")
    _check_body(response.body)
    for name, value in response.pairs():
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} can't be sent; use a plain name and a value on one line")


def _check_body(body: object) -> None:
    if not isinstance(body, (bytes, str, AsyncIterable)):
        raise TypeError(f"a body is bytes, str or an async iterable of bytes, not {type(body).__name__}")
