"""Messages, waiting tasks and checks that the tests of a connection share."""

import asyncio
import math
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from blake3 import blake3

from pie_client import (
    ConnectError,
    ConnectionState,
    ConnectionStatus,
    NotConnectedError,
    PieClient,
    PieError,
    Process,
    Reconnect,
    models,
)
from tests.support.peers import TIMEOUT, Peer, in_time

CLOSE_SECONDS = 1.5
"""Bound for the quickest of some closes. The client waits one second; other clients wait ten for 0.3 and 0.4 servers."""
CLOSE_BOUND = 9.0
"""Bound for what includes a close, in seconds, on a machine that is busy with other tests."""
MIB = 1 << 20
SOON = Reconnect(attempts=1000, first_delay=0.001, max_delay=0.01)
SECRET = "hunter2"  # noqa: S105 - must not appear in errors


async def launch(client: PieClient) -> Process:
    return await client.launch_process("a@1.0.0")


async def until(client: PieClient, status: ConnectionStatus, number: int = 1) -> ConnectionState:
    """Wait for the ``number``-th state of a kind from now on, the present one included."""
    async with asyncio.timeout(TIMEOUT):
        async for state in client.states():
            number -= state.status is status
            if not number:
                return state
    raise AssertionError("the client was closed")


def printed(process: Process | str, text: str) -> models.StdoutFrame:
    return models.StdoutFrame(
        process_id=process if isinstance(process, str) else process.process_id, value=text
    )


def returned(process: Process | str, text: str = "null") -> models.ReturnFrame:
    return models.ReturnFrame(
        process_id=process if isinstance(process, str) else process.process_id, value=text
    )


def chunks(process: Process, data: bytes, size: int) -> list[models.FileChunk]:
    """Return a file in chunks, as servers send it."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [
        models.FileChunk(
            process_id=process.process_id,
            file_hash=blake3(data).hexdigest(),
            chunk_index=index,
            total_chunks=len(pieces),
            chunk_data=piece,
        )
        for index, piece in enumerate(pieces)
    ]


def all_waits(process: Process) -> list[Coroutine[Any, Any, object]]:
    """Return a coroutine for every way to wait for a process."""

    async def iterate() -> object:
        return [event async for event in process]

    return [process.recv(), process.recv(timeout=1000), process.wait(), process.result(), iterate()]


async def start_waiting(
    client: PieClient, *waiters: Coroutine[Any, Any, object]
) -> list[asyncio.Task[object]]:
    """Start tasks and return them when all are waiting."""
    tasks = [asyncio.create_task(waiter) for waiter in waiters]
    await client.ping()
    assert not any(task.done() for task in tasks)
    return tasks


async def outcomes(tasks: list[asyncio.Task[object]]) -> list[object]:
    """Return the results or exceptions of tasks, which must not hang."""
    return await in_time(asyncio.gather(*tasks, return_exceptions=True))


async def seconds_to_close(client: PieClient) -> float:
    """Close a client, and return the seconds that it took."""
    begin = time.monotonic()
    await in_time(client.close())
    return time.monotonic() - begin


async def least_seconds(attempt: Callable[[], Awaitable[float]]) -> float:
    """Return the least result of up to three attempts: a busy machine delays some of them, a defect each."""
    least = math.inf
    for _ in range(3):
        least = min(least, await in_time(attempt()))
        if least < CLOSE_SECONDS:
            break
    return least


def check_text(error: BaseException, *parts: str) -> None:
    """Check that an error is one printable line with advice and the given parts, and does not show SECRET."""
    assert isinstance(error, PieError)
    message = str(error)
    assert message.isprintable()
    assert "; " in message or " must be " in message, "no advice"
    for part in parts:
        assert part in message
    assert SECRET not in "".join(traceback.format_exception(error))


async def failed_connect(uri: str, *, open_timeout: float = 20, **options: Any) -> ConnectError:  # noqa: ANN401 - options of PieClient
    """Return the error of a connection that can't be opened."""
    client = PieClient(uri, open_timeout=open_timeout, **options)
    with pytest.raises(ConnectError) as caught:
        await in_time(client.connect())
    scheme, _, rest = uri.partition("://")
    check_text(caught.value, f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}")
    assert isinstance(caught.value, ConnectionError), "the guide says so"
    with pytest.raises(NotConnectedError):
        await client.ping()
    await client.close()
    return caught.value


async def flood(peer: Peer, process_id: str, size: int = 20 * MIB) -> None:
    """Send much more than a client may buffer in the tests."""
    for _ in range(size // 65536):
        await peer.send(printed(process_id, "x" * 65536))


class SlowKey:
    """A key that signs when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def sign_challenge(self, challenge: bytes) -> bytes:
        self.asked.set()
        await self.go.wait()
        return b"signature of " + challenge
