"""Opening handshakes: connections that are not WebSockets, or are lost early, leave nothing behind in the engine."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator

import pytest
from pydantic import JsonValue

from pie_client import Family, PieClient, models
from pie_client.base import WireModel
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import TIMEOUT, in_time
from tests.support.raw import UPGRADE, address, client_frame, upgraded

if sys.platform != "win32":
    import resource

CONNECTIONS = 200
CHUNK_BYTES = 16_384
MANIFEST = '[package]\nname = "big"\nversion = "1.0.0"\n'


def connection_count() -> int:
    """Return how many connections to open: 200, or fewer where few files may be open."""
    if sys.platform == "win32":
        return CONNECTIONS
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(CONNECTIONS, (open_files - 100) // 3)  # each takes two files here


def frame(message: WireModel) -> bytes:
    """Return a binary frame with a message, masked with zeros."""
    payload = client_frame(message)
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xff" + len(payload).to_bytes(8, "big")
    return b"\x82" + size + bytes(4) + payload


INVALID = {
    "nothing": b"",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
    "half a handshake": UPGRADE[:60],
    "plain HTTP": b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nx-pie-identity: a/b\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a key that is not base64": UPGRADE.replace(b"==", b"!!"),
    "an endless header": b"GET /v1/ws HTTP/1.1\r\nx: " + b"y" * 1_000_000,
    "a handshake and an invalid frame": UPGRADE + b"nonsense" * 50,
}


@pytest.fixture
async def engine(family: Family, caplog: pytest.LogCaptureFixture) -> AsyncIterator[LocalEngine]:
    """An engine that must log no error, and have no tasks and sockets left of connections that are lost."""
    caplog.set_level(logging.INFO)
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    async with LocalEngine(family=family, builtins=True) as running:

        @running.inferlet("talk@1.0.0")
        async def talk(session: InferletSession, _input: JsonValue) -> JsonValue:
            for number in range(50):
                session.print(number)
                await asyncio.sleep(0)
            return None

        before = asyncio.all_tasks()
        yield running
        async with PieClient(running.uri, timeout=TIMEOUT) as client:
            assert await (await client.launch_process("echo@1.0.0", 1)).result() == 1
        if left := asyncio.all_tasks() - before - {asyncio.current_task()}:
            _, running_on = await asyncio.wait(left, timeout=TIMEOUT)
            assert running_on == set()
        assert running.connections == 0
    assert errors == []
    assert [
        record.getMessage()
        for record in caplog.records
        if record.exc_info is not None or (record.levelno >= logging.WARNING and record.name != "asyncio")
    ] == []


@pytest.mark.parametrize("leave", ["close", "half-close", "reset"])
@pytest.mark.parametrize("sent", INVALID)
async def test_an_invalid_handshake_leaves_nothing_behind(engine: LocalEngine, sent: str, leave: str) -> None:
    reader, writer = await asyncio.open_connection(*address(engine))
    with contextlib.suppress(ConnectionError):
        writer.write(INVALID[sent])
        await writer.drain()
        if leave == "half-close":
            writer.write_eof()
            await in_time(reader.read())
    if leave == "reset":
        writer.transport.abort()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_connections_lost_during_the_handshake_leave_nothing_behind(engine: LocalEngine) -> None:
    opened = await in_time(
        asyncio.gather(*(asyncio.open_connection(*address(engine)) for _ in range(connection_count())))
    )
    for number, (_, writer) in enumerate(opened):
        writer.write(UPGRADE[: [None, 0, 50][number % 3]])
    for _, writer in opened:
        writer.transport.abort()


@pytest.mark.parametrize("steps", [0, 5])
async def test_connections_lost_during_uploads_and_launches_leave_nothing_behind(
    engine: LocalEngine, steps: int
) -> None:
    identify = frame(models.AuthIdentifyRequest(corr_id=1, username="alice"))
    launch = frame(
        models.LaunchProcessRequest(corr_id=2, inferlet="talk@1.0.0", input="null", capture_outputs=True)
    )
    chunk = frame(
        models.AddProgramRequest(
            corr_id=3,
            program_hash="0" * 64,
            manifest=MANIFEST,
            force_overwrite=False,
            chunk_index=0,
            total_chunks=2,
            chunk_data=bytes(CHUNK_BYTES),
        )
    )
    opened = await in_time(asyncio.gather(*(upgraded(engine) for _ in range(connection_count()))))
    for number, (_, writer) in enumerate(opened):
        writer.write(identify + (launch * 2 if number % 2 else chunk + chunk[: len(chunk) // 2]))
    for _ in range(steps):
        await asyncio.sleep(0)
    for _, writer in opened:
        writer.transport.abort()
    async with PieClient(engine.uri, timeout=TIMEOUT) as client:
        await client.ping()
    outcomes = [process.outcome for process in list(engine.processes.values())]
    await in_time(asyncio.gather(*outcomes))
