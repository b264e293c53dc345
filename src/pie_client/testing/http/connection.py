"""Connections of HTTP clients to a daemon: each has one request, for which a function is called.

h11 parses requests and frames responses. It comes with the extra ``pie-client[testing]``.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterable, Coroutine, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPMessage, responses

import h11

from pie_client.common.logs import LimitedLog
from pie_client.testing.http.messages import DaemonFunction, DaemonRequest, DaemonResponse
from pie_client.testing.http.origins import AllowedOrigins

READ_BYTES = 1 << 16
FRAMING = frozenset({"connection", "content-length", "date", "transfer-encoding"})
WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


@dataclass(eq=False, slots=True)
class HttpConnection:
    """A connection of an HTTP client.

    Attributes:
        reader: Stream of bytes from the client.
        writer: Stream of bytes to the client.
        function: Called for each request. If it raises, the exception is logged and the status is 500.
        allowed: Which web pages may send requests.
        log: What clients can cause to be logged.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    function: DaemonFunction
    allowed: AllowedOrigins
    log: LimitedLog
    _http: h11.Connection = field(init=False, default_factory=lambda: h11.Connection(h11.SERVER))

    async def serve(self) -> None:
        """Serve one request and close the connection."""
        try:
            if (request := await self._read_request()) is not None:
                await self._run_while_connected(self._respond(request))
        except h11.RemoteProtocolError as error:
            self.log.log(logging.INFO, "refusing an HTTP request: %s", error)
            self._send(_framed(DaemonResponse(error.error_status_hint))[0])
        except OSError as error:
            self.log.log(logging.INFO, "an HTTP connection failed: %s", error)
        finally:
            self.writer.close()
            with contextlib.suppress(OSError):
                await self.writer.wait_closed()

    async def _read_request(self) -> DaemonRequest | None:
        """Read a request; None if the client closed the connection before it."""
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
        headers = HTTPMessage()
        for name, value in head.headers:
            headers[name.decode("ascii")] = value.decode("latin-1")
        return DaemonRequest(head.method.decode("ascii"), head.target.decode("ascii"), headers, bytes(body))

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[]))
            self._http.receive_data(await self.reader.read(READ_BYTES))
        return event

    async def _run_while_connected(self, work: Coroutine[None, None, None]) -> None:
        """Run a coroutine, and cancel it if the client leaves. Raises ConnectionAbortedError then."""
        task = asyncio.create_task(work, name="daemon call")
        leaving = asyncio.create_task(self.reader.read(), name="daemon client leaves")
        try:
            await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ConnectionAbortedError("the client left before the response was complete")
            await task
        finally:
            task.cancel()
            leaving.cancel()
            await asyncio.gather(task, leaving, return_exceptions=True)

    async def _respond(self, request: DaemonRequest) -> None:
        try:
            refusal = self._refusal(request)
            head, body = _framed(refusal or await self.function(request))
        # SystemExit and KeyboardInterrupt, too: a daemon must not end the engine.
        except (Exception, SystemExit, KeyboardInterrupt):
            text = "a daemon failed to respond to %s %s"
            self.log.log(logging.ERROR, text, request.method, request.path, exc_info=True)
            head, body = _framed(DaemonResponse(500, body=responses[500]))
        self._send(head)
        if request.method != "HEAD" and head.status_code not in WITHOUT_BODY:
            if isinstance(body, bytes):
                self._send(h11.Data(body))
            else:
                await self._stream(body)
        self._send(h11.EndOfMessage())
        await self.writer.drain()

    def _refusal(self, request: DaemonRequest) -> DaemonResponse | None:
        """Return the response to a request of a web page that may not send it, or None."""
        origins, hosts = request.headers.get_all("Origin", []), request.headers.get_all("Host", [])
        port: int = self.writer.get_extra_info("sockname")[1]
        text = self.allowed.refusal(origins, port) or self.allowed.host_refusal(hosts)
        return None if text is None else DaemonResponse(HTTPStatus.FORBIDDEN, body=f"{text}\n")

    async def _stream(self, body: AsyncIterable[bytes]) -> None:
        """Send the parts of a body. Raises ConnectionAbortedError if that fails."""
        try:
            async for part in body:
                self._send(h11.Data(part))
                await self.writer.drain()
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            if not self.writer.transport.is_closing():  # otherwise the client has left
                text = "a daemon failed in the middle of a response"
                self.log.log(logging.ERROR, text, exc_info=True)
            # The end of the body is never sent, so that a client does not take it for complete.
            raise ConnectionAbortedError("the response was not completed") from error
        finally:
            if (close := getattr(body, "aclose", None)) is not None:
                await close()

    def _send(self, event: h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self.writer.write(self._http.send(event) or b"")


def _framed(response: object) -> tuple[h11.Response, bytes | AsyncIterable[bytes]]:
    """Return the head and body of a response. Raises TypeError."""
    if not isinstance(response, DaemonResponse):
        raise TypeError(f"a daemon must return a DaemonResponse, not {type(response).__name__}")
    body = response.body.encode() if isinstance(response.body, str) else response.body
    if not isinstance(body, bytes) and not hasattr(body, "__aiter__"):
        raise TypeError(f"a body must be bytes, str or an async iterable, not {type(body).__name__}")
    given = response.headers.items() if isinstance(response.headers, Mapping) else response.headers
    headers = [(name, value) for name, value in given if name.lower() not in FRAMING]
    headers += [("Date", formatdate(usegmt=True)), ("Connection", "close")]
    if isinstance(body, bytes) and response.status not in WITHOUT_BODY:
        headers.append(("Content-Length", str(len(body))))
    encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
    reason = responses.get(response.status, "").encode()
    return h11.Response(status_code=response.status, headers=encoded, reason=reason), body
