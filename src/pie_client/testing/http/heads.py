"""Heads of HTTP requests, read as leniently and as strictly as servers of the 0.5 family read them."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from websockets.datastructures import Headers

MAX_BYTES = 8192 + 4096 * 100
"""Bytes without the end of a head after which no more are read."""
MAX_HEADERS = 100
MAX_TARGET = 65534
HTTP_1_1, CLOSE, KEEP_ALIVE = "HTTP/1.1", "close", "keep-alive"

TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
METHOD = re.compile(rb"(?:" + TOKEN + rb"(?: .*)?)?", re.DOTALL)
LINE = re.compile(rb"(" + TOKEN + rb") ([^ ]+) HTTP/1\.([01])")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
END = re.compile(rb"\r?\n\r?\n")
AUTHORITY = rb"(?:[!$%&-.0-;=_~A-Za-z]*@)?(?:\[[0-9A-Fa-f:.]+\](?::\d*)?|[!$&-.0-;=_~A-Za-z]+)"
TARGET = re.compile(
    rb"\*.*|" + AUTHORITY + rb"|(?:[0-9A-Za-z+.-]*://" + AUTHORITY + rb")?"
    rb"(?P<path>(?:/[^?#<>`\x00-\x20\x7f]*)?)(?:\?[^#\"<>\x00-\x20\x7f]*)?(?:#[^\x00-\x20\x7f]*)?"
)
"""What is asked for: a path, below an authority or not; an authority alone; or no place in particular."""


class HeadError(Exception):
    """What came is not the head of a request.

    Attributes:
        status: Status with which it is answered.
    """

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request."""

    method: str
    path: str
    """Path of the target, in whichever form that is; empty where it has none."""
    version: str
    headers: Headers
    body: int
    """Bytes that follow the head."""

    @property
    def stays(self) -> bool:
        """Whether another request may follow on the connection."""
        return self.named is None if self.version == HTTP_1_1 else self.named == KEEP_ALIVE

    @property
    def named(self) -> str | None:
        """What is said about that where it is not as usual."""
        asked = ",".join(self.headers.get_all("Connection")).lower()
        unusual = CLOSE if self.version == HTTP_1_1 else KEEP_ALIVE
        return unusual if unusual in asked else None


def take(received: bytearray) -> Head | None:
    """Take a head from the beginning of what was received; None as long as it is not there in full.

    Raises:
        HeadError: It can't become one.
    """
    start = len(received) - len(received.lstrip(b"\r\n"))
    del received[:start]
    if (end := END.search(received)) is None:
        if METHOD.fullmatch(received.partition(b"\n")[0]) is None:
            raise HeadError(HTTPStatus.BAD_REQUEST)
        if len(received) >= MAX_BYTES:
            raise HeadError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return None
    first, *lines = re.split(rb"\r?\n", bytes(received[: end.start()]))
    del received[: end.end()]
    line = LINE.fullmatch(first)
    if line is None:
        raise HeadError(HTTPStatus.BAD_REQUEST)
    headers = _headers(lines)
    return Head(line[1].decode(), _path(line[2]), f"HTTP/1.{line[3].decode()}", headers, _body(headers))


def _headers(lines: list[bytes]) -> Headers:
    headers = Headers()
    for line in lines:
        if (field := FIELD.fullmatch(line)) is None:
            raise HeadError(HTTPStatus.BAD_REQUEST)
        headers[field[1].decode()] = field[2].decode("latin-1")
    if len(lines) > MAX_HEADERS:
        raise HeadError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    return headers


def _path(target: bytes) -> str:
    if len(target) > MAX_TARGET:
        raise HeadError(HTTPStatus.REQUEST_URI_TOO_LONG)
    found = TARGET.fullmatch(target)
    try:
        target.decode()
    except UnicodeDecodeError:
        found = None
    if found is None or target.startswith((b"?", b"#")):
        raise HeadError(HTTPStatus.BAD_REQUEST)
    return (found["path"] or b"").decode()


def _body(headers: Headers) -> int:
    lengths = set(headers.get_all("Content-Length")) or {"0"}
    if (
        "Transfer-Encoding" in headers
        or len(lengths) > 1
        or not all(re.fullmatch(r"\d{1,18}", n, re.ASCII) for n in lengths)
    ):
        raise HeadError(HTTPStatus.BAD_REQUEST)
    return int(lengths.pop())
