"""One HTTP GET of a small document, with a size limit and a total deadline.

The caller checks the URL and passes a parser. Redirects are followed, and the system's proxies are used, except for
loopback. Informational answers are skipped, and compressed bodies are decompressed although none was asked for. There are
no credentials, cookies or retries.
"""

import asyncio
import concurrent.futures
import math
import threading
import zlib
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from typing import IO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

from pie_client.connection.options import is_this_machine
from pie_client.errors import one_line

PIECE = 1 << 16
"""Most bytes of one read."""
INFORMATIONAL = range(102, 200)
"""HTTP statuses that come before the answer (RFC 9110, section 15.2). http.client skips 100; 101 is an answer."""
MAX_INFORMATIONAL = 20
"""Most of them."""
REDIRECTION = 300
"""HTTP statuses from here on are redirects and errors (RFC 9110, section 15)."""
ZIPPED = frozenset({"gzip", "x-gzip", "deflate"})
"""Content codings that zlib reads (RFC 9110, section 8.4.1)."""
ANY_HEADER = zlib.MAX_WBITS | 32
"""Makes zlib detect the header of gzip and deflate."""

T = TypeVar("T")


class DownloadError(Exception):
    """A document could not be fetched. The text continues a sentence about the peer; ``status`` is its HTTP status or None."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


async def download(
    url: str, parse: Callable[[bytes], T], *, headers: Mapping[str, str], limit: int, seconds: float
) -> T:
    """Fetch a document and parse it, both in a thread.

    Args:
        url: URL of the document, http or https.
        parse: Called in the thread with the body.
        headers: Further headers of the request.
        limit: Most bytes of the body.
        seconds: Total time; ``math.inf`` for no limit.

    Raises:
        DownloadError: The peer can't be reached or did not answer as it should.
        TimeoutError: There was no answer within ``seconds``.
    """
    # A thread can't be interrupted. On a deadline or a cancellation the caller returns immediately, and the thread ends
    # later: at the next piece of the body, or at the socket's own timeout. It must not be one of asyncio.to_thread(),
    # which are few and which the interpreter waits for at exit.
    abandoned = threading.Event()
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()  # from here on cancel() has no effect, so that the thread can always set it

    def run() -> None:
        try:
            request = Request(url, headers=dict(headers))  # noqa: S310 - the caller checked the scheme
            outcome.set_result(parse(_get(request, limit, seconds, abandoned)))
        except Exception as error:  # noqa: BLE001 - raised where the outcome is awaited
            outcome.set_exception(error)

    threading.Thread(target=run, name="pie_client download", daemon=True).start()
    try:
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            return await asyncio.wrap_future(outcome)
    except HTTPError as error:
        raise DownloadError(f"answered with HTTP status {error.code}", error.code) from None
    except OSError as error:
        cause = error.reason if isinstance(error, URLError) else error
        # A timeout of the operating system, which has an errno, comes before the deadline.
        if isinstance(cause, TimeoutError) and cause.errno is None:
            raise TimeoutError from None
        reason = cause.strerror if isinstance(cause, OSError) else None
        raise DownloadError(f"can't be reached: {one_line(reason or str(cause))}") from error
    except (HTTPException, ValueError) as error:  # ValueError: a redirect to an invalid URL
        raise DownloadError(f"did not answer with valid HTTP ({type(error).__name__})") from None
    finally:
        abandoned.set()


def _get(request: Request, limit: int, seconds: float, abandoned: threading.Event) -> bytes:
    """Send a request and return the body of the answer; blocks."""
    body = bytearray()
    # TIMEOUT_MAX also stands for no limit: sockets refuse larger numbers, math.inf included.
    timeout = min(seconds, threading.TIMEOUT_MAX)
    response: HTTPResponse
    handlers = _Proxies, _Redirects, _Statuses, _Http, _Https
    with build_opener(*handlers).open(request, timeout=timeout) as response:
        while piece := response.read1(PIECE):
            body += piece
            if len(body) > limit:
                raise DownloadError(f"answered with more than {limit} bytes")
            if abandoned.is_set():
                raise TimeoutError
        if response.length:  # read1() does not raise for a short body
            raise IncompleteRead(b"", response.length)
        coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding in ZIPPED:
        return _unzipped(bytes(body), limit)
    if coding not in ("", "identity"):
        raise DownloadError(
            f"answered with the content coding {one_line(coding)[:40]!r}, which it was not asked for"
        )
    return bytes(body)


def _unzipped(body: bytes, limit: int) -> bytes:
    """Decompress a body, which may have several parts. Raises DownloadError."""
    found = bytearray()
    while body:
        part = zlib.decompressobj(ANY_HEADER)
        try:
            found += part.decompress(body, limit + 1 - len(found))
        except zlib.error:
            raise DownloadError("answered with a damaged compressed body") from None
        if len(found) > limit:
            raise DownloadError(f"answered with more than {limit} bytes")
        if not part.eof:
            raise DownloadError("answered with a compressed body that is cut off")
        body = part.unused_data
    return bytes(found)


class _Response(HTTPResponse):
    """A response whose informational answers are skipped."""

    def begin(self) -> None:
        super().begin()
        for _ in range(MAX_INFORMATIONAL):
            if self.status not in INFORMATIONAL:
                return
            self.headers = self.msg = None  # type: ignore[assignment]  # as before begin()
            super().begin()
        raise HTTPException


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Http(HTTPHandler):
    """HTTP with :class:`_Response`."""

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(HTTPSHandler):
    """HTTPS with :class:`_Response`."""

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_TlsConnection, req)


class _Proxies(ProxyHandler):
    """The system's proxies, except for loopback."""

    def proxy_open(self, req: Request, proxy: str, type: str) -> HTTPResponse | None:
        if is_this_machine(urlsplit(req.full_url).hostname or ""):
            return None
        response: HTTPResponse | None = super().proxy_open(req, proxy, type)
        return response


class _Redirects(HTTPRedirectHandler):
    """Redirects to http and https, except from https to http. They may lead to another origin: nothing secret is sent."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        scheme = urlsplit(req.full_url).scheme
        if urlsplit(newurl).scheme not in ("https", scheme):
            raise URLError(f"it redirects from {scheme} to {urlsplit(newurl).scheme}")
        # Added by urllib for a proxy: a target that is reached without one must not get its password.
        req.remove_header("Proxy-authorization")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # its stubs want http.client's subclass of Message, which is what comes


class _Statuses(HTTPErrorProcessor):
    """HTTP statuses: closes the connection of a redirect or an error."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        # urllib would read the whole body of a redirect, whatever its size, and leave the connection of one to an
        # invalid URL open.
        if response.status >= REDIRECTION:
            response.close()
        answer: HTTPResponse = super().http_response(request, response)
        return answer

    https_response = http_response
