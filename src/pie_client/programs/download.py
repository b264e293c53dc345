"""Fetches a small document over HTTP, in a thread of its own so that the event loop runs on."""

import asyncio
import contextlib
import http.client
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from email.message import Message
from typing import IO, TypeVar
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from pie_client.connection.transport import is_loopback

PIECE = 1 << 16
"""Bytes that are read at once."""

T = TypeVar("T")


class TooLargeError(Exception):
    """The document is larger than was allowed."""


class Download:
    """One GET request, with its redirects. It uses the system's proxies, but none for loopback.

    Args:
        url: What to fetch, http or https.
        headers: Further headers of the request.
        limit: Most bytes of the document.
        seconds: How long it may take as a whole; ``math.inf`` for no limit.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], limit: int, seconds: float) -> None:
        self._request = Request(url, headers=dict(headers))  # noqa: S310 - the caller checked the scheme
        self._limit = limit
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self.responses: list[http.client.HTTPResponse] = []
        """What was answered so far; urllib leaves a redirect open that leads nowhere."""
        self._aborted = False

    def run(self) -> bytes:
        """Fetch it; blocks. Raises HTTPError, other OSErrors, HTTPException, ValueError and TooLargeError."""
        opener = OpenerDirector()
        for handler in (
            _Proxies(),
            _Http(self),
            _Https(self),
            _Redirects(),
            UnknownHandler(),
            HTTPDefaultErrorHandler(),
            HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        try:
            response: http.client.HTTPResponse = opener.open(self._request, timeout=self.left())
            return self._read(response)
        finally:
            for response in self.responses:
                response.close()
            with self._lock:
                for line in self._lines:
                    line.close()
                self._lines.clear()

    def abort(self) -> None:
        """End a run, from any thread and whatever it waits for once it has reached somebody."""
        with self._lock:
            self._aborted = True
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def left(self) -> float | None:
        """Give the seconds that are left, None for no limit. Raises TimeoutError."""
        if self._end == math.inf:
            return None
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def dial(self, address: tuple[str, int], *_: object) -> socket.socket:
        """Connect, and keep a second handle of the socket: TLS and proxies go on with the first, abort() takes the other."""
        line = socket.create_connection(address, self.left())
        with self._lock:
            if not self._aborted:
                self._lines.append(line.dup())
                return line
        line.close()
        raise ConnectionAbortedError("given up")

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while piece := response.read1(PIECE):
            body += piece
            if len(body) > self._limit:
                raise TooLargeError
            self.left()
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return bytes(body)


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Give what a function gives in a thread of its own. Cancelling returns at once and leaves the thread alone.

    Not ``asyncio.to_thread``: its threads are few, and the end of the program waits for them.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a T where there is no error

    def run() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done


class _Plain(http.client.HTTPConnection):
    """A connection that a download can abort."""

    def __init__(self, download: Download, host: str, *, timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        # The one place before a proxy's answer and the TLS handshake, either of which may take for ever.
        self._create_connection = download.dial


class _Tls(http.client.HTTPSConnection):
    """The same with TLS."""

    def __init__(self, download: Download, host: str, *, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(host, timeout=timeout, context=context)
        self._create_connection = download.dial


class _Http(HTTPHandler):
    def __init__(self, download: Download) -> None:
        super().__init__()
        self._download = download

    def http_open(self, req: Request) -> http.client.HTTPResponse:
        def connect(host: str, /, *, timeout: float = math.inf, **_: object) -> _Plain:
            return _Plain(self._download, host, timeout=timeout)

        response = self.do_open(connect, req)
        self._download.responses.append(response)
        return response


class _Https(HTTPSHandler):
    def __init__(self, download: Download) -> None:
        super().__init__()
        self._download = download

    def https_open(self, req: Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()

        def connect(host: str, /, *, timeout: float = math.inf, **_: object) -> _Tls:
            return _Tls(self._download, host, timeout=timeout, context=context)

        response = self.do_open(connect, req)
        self._download.responses.append(response)
        return response


class _Proxies(ProxyHandler):
    """The system's proxies, except for loopback."""

    def proxy_open(self, req: Request, proxy: str, type: str) -> http.client.HTTPResponse | None:
        if is_loopback(urlsplit(req.full_url).hostname or ""):
            return None
        response: http.client.HTTPResponse | None = super().proxy_open(req, proxy, type)
        return response


class _Redirects(HTTPRedirectHandler):
    """Redirects, except those that leave TLS."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise URLError("it redirects from https to http")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # its stubs want http.client's subclass of Message, which is what comes
        if request is not None:
            fp.close()  # or all of a body would be read that nobody looks at
        return request
