"""One HTTP GET of a small document, with a size limit and a total deadline.

The caller checks the URL and passes a parser. Redirects are followed, and the system's proxies are used, except for
loopback. There are no credentials, cookies or retries.
"""

import asyncio
import concurrent.futures
import math
import threading
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import IO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPErrorProcessor, HTTPRedirectHandler, ProxyHandler, Request, build_opener

from pie_client.connection.options import is_loopback
from pie_client.errors import one_line

PIECE = 1 << 16
"""Most bytes of one read."""
REDIRECTION = 300
"""HTTP statuses from here on are redirects and errors (RFC 9110, section 15)."""

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
        raise DownloadError(f"can't be reached: {one_line(str(cause))}") from error
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
    with build_opener(_Proxies, _Redirects, _Statuses).open(request, timeout=timeout) as response:
        while piece := response.read1(PIECE):
            body += piece
            if len(body) > limit:
                raise DownloadError(f"answered with more than {limit} bytes")
            if abandoned.is_set():
                raise TimeoutError
        if response.length:  # read1() does not raise for a short body
            raise IncompleteRead(b"", response.length)
    return bytes(body)


class _Proxies(ProxyHandler):
    """The system's proxies, except for loopback."""

    def proxy_open(self, req: Request, proxy: str, type: str) -> HTTPResponse | None:
        if is_loopback(urlsplit(req.full_url).hostname or ""):
            return None
        response: HTTPResponse | None = super().proxy_open(req, proxy, type)
        return response


class _Redirects(HTTPRedirectHandler):
    """Redirects to http and https, except from https to http."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", req.type):
            raise URLError(f"it redirects from {req.type} to {urlsplit(newurl).scheme}")
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
