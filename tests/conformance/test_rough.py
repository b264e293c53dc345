"""Clients that speak no proper WebSocket, or leave at the wrong moment, harm neither the engine nor anybody else."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator

import pytest
from pydantic import JsonValue

from pie_client import Family, PieClient, models
from pie_client._generated.families import CHUNK_BYTES
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import PATIENCE, in_time
from tests.support.raw import IDENTITY, address, upgraded

if sys.platform != "win32":
    import resource

HEADERS = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    **IDENTITY,
}
CROWD = 500
BIG = '[package]\nname = "big"\nversion = "1.0.0"\n'


def crowd() -> int:
    """Give how many connections there can be at once."""
    if sys.platform == "win32":
        return CROWD
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(CROWD, (allowed - 100) // 3)  # each takes two files here


def request(line: str = "GET /v1/ws HTTP/1.1", *more: tuple[str, str], without: str = "") -> bytes:
    """Write an opening handshake: the right one, with other or further headers."""
    changed = {name for name, _ in more}
    pairs = [pair for pair in HEADERS.items() if pair[0] not in {without, *changed}]
    return "".join(f"{text}\r\n" for text in (line, *(f"{n}: {v}" for n, v in [*pairs, *more]), "")).encode(
        "latin-1"
    )


def frame(payload: bytes, opcode: int = 0x2) -> bytes:
    """Write a frame as clients do, masked, though with zeros."""
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xff" + len(payload).to_bytes(8, "big")
    return bytes([0x80 | opcode]) + size + bytes(4) + payload


def message(sent: WireModel) -> bytes:
    return frame(codec.encode_client_message(sent))


TWICE = ["Host", "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key", *IDENTITY]
ODD: dict[str, bytes] = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "all bytes": bytes(range(256)) + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
    "HTTP/0.9": b"GET /v1/ws\r\n\r\n",
    "HTTP/1.0": request("GET /v1/ws HTTP/1.0"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "half a line": b"GET /v1",
    "half a handshake": request()[:60],
    "POST": request("POST /v1/ws HTTP/1.1"),
    "POST with a body": request("POST /v1/ws HTTP/1.1", ("Content-Length", "5")) + b"hello",
    "a chunked body": request("GET /v1/ws HTTP/1.1", ("Transfer-Encoding", "chunked")) + b"0\r\n\r\n",
    "OPTIONS": request("OPTIONS * HTTP/1.1"),
    "CONNECT": request("CONNECT localhost:80 HTTP/1.1"),
    **{f"path {path!r}": request(f"GET {path} HTTP/1.1") for path in ("/", "//v1/ws", "/v1/ws/", "*", "")},
    "a query": request("GET /v1/ws?a=b HTTP/1.1"),
    "a path that is not ASCII": request("GET /v1/\xff HTTP/1.1"),
    "a long path": request(f"GET /{'a' * 20000} HTTP/1.1"),
    **{f"no {name}": request(without=name) for name in HEADERS},
    **{f"{name} twice": request("GET /v1/ws HTTP/1.1", (name, HEADERS[name]), (name, "x")) for name in TWICE},
    **{f"{name} of nothing": request("GET /v1/ws HTTP/1.1", (name, "")) for name in HEADERS},
    **{f"{name} of no sense": request("GET /v1/ws HTTP/1.1", (name, ";;=,\xe9")) for name in HEADERS},
    **{f"{name} with a zero": request("GET /v1/ws HTTP/1.1", (name, "a\0b")) for name in HEADERS},
    **{f"a huge {name}": request("GET /v1/ws HTTP/1.1", (name, "a" * 20000)) for name in HEADERS},
    "extensions": request("GET /v1/ws HTTP/1.1", ("Sec-WebSocket-Extensions", "permessage-deflate; x=")),
    "broken extensions": request("GET /v1/ws HTTP/1.1", ("Sec-WebSocket-Extensions", ";;=,")),
    "subprotocols": request("GET /v1/ws HTTP/1.1", ("Sec-WebSocket-Protocol", "a, b")),
    "broken subprotocols": request("GET /v1/ws HTTP/1.1", ("Sec-WebSocket-Protocol", ",,")),
    "many headers": request("GET /v1/ws HTTP/1.1", *((f"h{i}", "1") for i in range(500))),
    "endless headers": b"GET /v1/ws HTTP/1.1\r\nx: " + b"y" * 1_000_000,
    "a line without a colon": b"GET /v1/ws HTTP/1.1\r\nnocolon\r\n\r\n",
    "a folded header": b"GET /v1/ws HTTP/1.1\r\na: b\r\n c\r\n\r\n",
    "bare line feeds": request().replace(b"\r\n", b"\n"),
    "a handshake and nonsense": request() + b"nonsense" * 50,
    "a reserved bit": request() + bytes([0xC2, 0x80, 0, 0, 0, 0]),
    "no mask": request() + bytes([0x82, 0x01, 0x41]),
    "a reserved opcode": request() + frame(b"", 0x3),
    "a close of one byte": request() + frame(b"\0", 0x8),
    "a close of an unknown code": request() + frame(b"\0\1", 0x8),
    "a ping that is too long": request() + frame(b"x" * 200, 0x9),
    "a continuation of nothing": request() + frame(b"", 0x0),
    "text that is no UTF-8": request() + frame(b"\xff", 0x1),
    "a frame of many exbibytes": request() + b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4),
}


@pytest.fixture
async def engine(family: Family, caplog: pytest.LogCaptureFixture) -> AsyncIterator[LocalEngine]:
    """Run an engine, which has to have logged no trouble and to have no tasks or sockets left of those who are gone."""
    caplog.set_level(logging.INFO)
    trouble: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: trouble.append(context))
    async with LocalEngine(family=family, builtins=True) as running:

        @running.inferlet("talk@1.0.0")
        async def talk(session: InferletSession, _input: JsonValue) -> JsonValue:
            for number in range(50):
                session.print(number)
                await asyncio.sleep(0)
            return None

        before = asyncio.all_tasks()
        yield running
        async with PieClient(running.uri, timeout=PATIENCE) as client:
            assert await (await client.launch_process("echo@1.0.0", 1)).result() == 1
        if left := asyncio.all_tasks() - before - {asyncio.current_task()}:
            _, unending = await asyncio.wait(left, timeout=PATIENCE)
            assert unending == set()
        assert running.fault_list.sockets == {}
    assert trouble == []
    assert [
        record.getMessage()
        for record in caplog.records
        if record.exc_info is not None or (record.levelno >= logging.WARNING and record.name != "asyncio")
    ] == []


async def say(engine: LocalEngine, data: bytes, leave: str, step: int) -> None:
    """Connect, send bytes in steps as far as they are taken, and leave in some way."""
    _, writer = await asyncio.open_connection(*address(engine))
    with contextlib.suppress(ConnectionError):
        for start in range(0, len(data), step):
            if writer.is_closing():
                break
            writer.write(data[start : start + step])
            await writer.drain()
            await asyncio.sleep(0)
        if leave == "end":
            writer.write_eof()
    if leave == "reset":
        writer.transport.abort()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_opening_handshake_harms_nobody(engine: LocalEngine, odd: str) -> None:
    for leave in ("close", "end", "reset"):
        await in_time(say(engine, ODD[odd], leave, len(ODD[odd]) + 1))
    await in_time(say(engine, ODD[odd], "close", max(7, len(ODD[odd]) // 50)))


@pytest.mark.parametrize(
    "odd", ["all bytes", "HTTP/2", "a line without a colon", "a long path", "no Upgrade"]
)
async def test_who_speaks_no_websocket_is_not_kept(engine: LocalEngine, odd: str) -> None:
    reader, writer = await asyncio.open_connection(*address(engine))
    writer.write(ODD[odd])
    if engine.traits.path is not None and odd in ("a long path", "no Upgrade"):
        writer.write_eof()  # refused, but it may ask for something else
    with contextlib.suppress(ConnectionError):
        await in_time(reader.read())
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("family", "odd"), [("0.4", "no Upgrade"), ("0.4", "POST"), ("0.4", "no Sec-WebSocket-Key")]
)
async def test_servers_of_the_old_family_answer_no_plain_http(engine: LocalEngine, odd: str) -> None:
    reader, writer = await asyncio.open_connection(*address(engine))
    writer.write(ODD[odd])
    assert await in_time(reader.read()) == b""
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("family", "odd", "status"),
    [
        ("0.5", "no Upgrade", b"400"),
        ("0.5", "Connection twice", b"101"),
        ("0.5", "Sec-WebSocket-Version of nothing", b"400"),
        ("0.5", "path '/v1/ws/'", b"404"),
        ("0.5", "a query", b"101"),
        ("0.5", "no x-pie-identity", b"401"),
        ("0.5", "x-pie-identity of nothing", b"401"),
    ],
)
async def test_servers_of_the_new_family_answer_with_a_status(
    engine: LocalEngine, odd: str, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection(*address(engine))
    writer.write(ODD[odd])
    assert (await in_time(reader.readline())).split(b" ")[1] == status
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_crowd_that_comes_and_leaves_at_once_harms_nobody(engine: LocalEngine) -> None:
    opened = await in_time(
        asyncio.gather(*(asyncio.open_connection(*address(engine)) for _ in range(crowd())))
    )
    for number, (_, writer) in enumerate(opened):
        writer.write(request()[: [None, 0, 50][number % 3]])
    for _, writer in opened:
        writer.transport.abort()


@pytest.mark.parametrize("steps", [0, 1, 5, 20])
async def test_a_crowd_that_leaves_amid_uploads_and_launches_harms_nobody(
    engine: LocalEngine, steps: int
) -> None:
    identify = message(models.AuthIdentifyRequest(corr_id=1, username="alice"))
    launch = message(
        models.LaunchProcessRequest(corr_id=2, inferlet="talk@1.0.0", input="null", capture_outputs=True)
    )
    chunk = message(
        models.AddProgramRequest(
            corr_id=3,
            program_hash="0" * 64,
            manifest=BIG,
            force_overwrite=False,
            chunk_index=0,
            total_chunks=2,
            chunk_data=bytes(CHUNK_BYTES // 16),
        )
    )
    opened = await in_time(asyncio.gather(*(upgraded(engine) for _ in range(crowd()))))
    for number, (_, writer) in enumerate(opened):
        talk = launch * 2 if number % 2 else chunk + chunk[: len(chunk) // 2]
        writer.write(identify + talk)
    for _ in range(steps):
        await asyncio.sleep(0)
    for _, writer in opened:
        writer.transport.abort()
    async with PieClient(engine.uri, timeout=PATIENCE) as client:
        await client.ping()
    ends = [process.outcome for process in list(engine.processes.values())]
    await in_time(asyncio.gather(*ends))
