import asyncio
import concurrent.futures
import math
import threading
import zlib
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import IO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPErrorProcessor, HTTPHandler, HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener
from pie_client.connection.options import is_this_machine
from pie_client.errors import one_line
PIECE = 1 << 16
INFORMATIONAL = range(102, 200)
MAX_INFORMATIONAL = 20
REDIRECTION = 300
ZIPPED = frozenset({'gzip', 'x-gzip', 'deflate'})
ANY_HEADER = zlib.MAX_WBITS | 32
T = TypeVar('T')

class DownloadError(Exception):

    def __init__(self) -> None:
        self.status = ...

async def download(url: str, parse: Callable[[bytes], T], *, headers: Mapping[str, str], limit: int, seconds: float) -> T:
    ...

class _Response(HTTPResponse):

    def begin(self) -> None:
        ...

class _Connection(HTTPConnection):
    response_class = _Response

class _TlsConnection(HTTPSConnection):
    response_class = _Response

class _Http(HTTPHandler):

    def http_open(self, req: Request) -> HTTPResponse:
        ...

class _Https(HTTPSHandler):

    def https_open(self, req: Request) -> HTTPResponse:
        ...

class _Proxies(ProxyHandler):

    def proxy_open(self, req: Request, proxy: str, type: str) -> HTTPResponse | None:
        ...

class _Redirects(HTTPRedirectHandler):

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> Request | None:
        ...

class _Statuses(HTTPErrorProcessor):

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        ...
    https_response = http_response
