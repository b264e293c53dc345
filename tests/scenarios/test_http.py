"""HTTP besides the status of an answer: its headers, and what becomes of the connection."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from websockets.utils import accept_key

from tests.support.peers import in_time

FIELDS = {
    "Host": "server",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "x-pie-identity": "tenant/user",
}
PING, PONG = b"\x89\x80\0\0\0\0", b"\x8a\0"


class Answer(NamedTuple):
    """What a server answers."""

    status: int
    headers: dict[str, str]
    body: str


class Peer(NamedTuple):
    """A connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> Answer:
        """Read the next answer."""
        head = (await in_time(self.reader.readuntil(b"\r\n\r\n"))).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await in_time(self.reader.readexactly(int(headers.get("content-length", 0))))
        return Answer(int(first.split()[1]), headers, body.decode())

    async def ask(self, line: str, more: bytes = b"", **fields: str) -> Answer:
        """Make a request."""
        given = FIELDS | {name.replace("_", "-"): value for name, value in fields.items()}
        lines = [line, *(f"{name}: {value}" for name, value in given.items()), "", ""]
        self.writer.write("\r\n".join(lines).encode() + more)
        return await self.answer()


@pytest.fixture
async def peer(uri: str) -> AsyncIterator[Callable[[], Awaitable[Peer]]]:
    """What connects to a server."""
    made: list[Peer] = []

    async def connect() -> Peer:
        where = urlsplit(uri)
        made.append(Peer(*await asyncio.open_connection(where.hostname, where.port)))
        return made[-1]

    yield connect
    for each in made:
        each.writer.close()


Connect = Callable[[], Awaitable[Peer]]
HERE, ELSEWHERE = "GET /v1/ws HTTP/1.1", "GET /elsewhere HTTP/1.1"


async def test_a_refusal_keeps_the_connection_for_the_next_request(peer: Connect) -> None:
    one = await peer()
    assert (await one.ask(ELSEWHERE)).status == 404
    assert (await one.ask("POST /v1/ws HTTP/1.1", b"abc", Content_Length="3")).status == 405
    assert (await one.ask(HERE, x_pie_identity="")).status == 401
    assert (await one.ask(HERE, Upgrade="h2c")).status == 400
    assert (await one.ask(HERE)).status == 101
    one.writer.write(PING)
    assert await in_time(one.reader.readexactly(2)) == PONG


@pytest.mark.parametrize(
    ("line", "connection", "said", "stays"),
    [
        (ELSEWHERE, "close", "close", False),
        (ELSEWHERE, "Upgrade", None, True),
        ("GET /elsewhere HTTP/1.0", "Upgrade", None, False),
        ("GET /elsewhere HTTP/1.0", "keep-alive", "keep-alive", True),
        ("GET /v1/ws HTTP/2.0", "Upgrade", "close", False),
    ],
)
async def test_a_connection_ends_with_the_answer_where_that_was_asked_for(
    peer: Connect, line: str, connection: str, said: str | None, stays: bool
) -> None:
    one = await peer()
    answer = await one.ask(line, Connection=connection)
    assert answer.headers.get("connection") == said
    if stays:
        assert (await one.ask(ELSEWHERE)).status == 404
    else:
        assert await in_time(one.reader.read()) == b""


async def test_another_method_is_told_which_there_are(peer: Connect) -> None:
    assert (await (await peer()).ask("DELETE /v1/ws HTTP/1.1")).headers["allow"] == "GET,HEAD"
    assert "allow" not in (await (await peer()).ask(ELSEWHERE)).headers


async def test_a_request_may_come_in_pieces(peer: Connect) -> None:
    one = await peer()
    request = "\r\n".join([HERE, *(f"{name}: {value}" for name, value in FIELDS.items()), "", ""])
    for byte in request.encode():
        one.writer.write(bytes([byte]))
        await one.writer.drain()
    assert (await one.answer()).status == 101


@pytest.mark.parametrize(("length", "status"), [(9_000, 101), (65_000, 101), (66_000, 414)])
async def test_a_target_may_be_long(peer: Connect, length: int, status: int) -> None:
    assert (await (await peer()).ask(f"GET /v1/ws?{'a' * length} HTTP/1.1")).status == status


async def test_fields_may_be_large(peer: Connect) -> None:
    assert (await (await peer()).ask(HERE, X="a" * 400_000)).status == 101


@pytest.mark.parametrize("key", ["dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==", "abc", "!"])
async def test_any_key_is_answered_by_its_proof(peer: Connect, key: str) -> None:
    answer = await (await peer()).ask(HERE, Sec_WebSocket_Key=key)
    assert answer.headers["sec-websocket-accept"] == accept_key(key)


async def test_frames_that_come_with_the_handshake_are_read_after_it(peer: Connect) -> None:
    one = await peer()
    assert (await one.ask(HERE, PING)).status == 101
    assert await in_time(one.reader.readexactly(2)) == PONG


async def test_extensions_and_subprotocols_are_ignored(peer: Connect) -> None:
    answer = await (await peer()).ask(HERE, Sec_WebSocket_Extensions=";;", Sec_WebSocket_Protocol=",;")
    assert answer.status == 101
    assert not [name for name in answer.headers if re.search("extensions|protocol", name)]
