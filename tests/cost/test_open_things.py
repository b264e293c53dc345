"""Closing and cancelling cost the same for each open thing, however many are open."""

import asyncio
import gc
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgpack
import pytest

from pie_client import PieClient, PieError, Process, Reconnect, models
from tests.cost.measuring import FACTOR
from tests.cost.samples import fields_of
from tests.support.mcp_servers import PRELUDE
from tests.support.peers import Peer, in_time, websocket_peer

MUTE = PRELUDE + "initialize()\nwhile read():\n    pass\n"
"""An MCP server that answers no call."""
READ_MCP_CALLS = 9000
"""MCP calls without an answer that a client reads, while nobody waits for anything else; it pauses then."""
FEW, MANY = 2000, 8000
"""Numbers of open things. To search one takes nanoseconds, so only the search of many shows."""
FEW_HANDLES, MANY_HANDLES = 1000, 4000
"""Of processes fewer: to launch one takes long."""
RUNS = 8
"""Noise only adds time, so the least of several runs counts; most need one."""

Open: TypeAlias = Callable[[Peer, PieClient, int], Awaitable[list[asyncio.Task[Any]]]]
"""Opens so many things, and returns the tasks that wait for them."""


async def _started(waits: list[Any]) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(wait) for wait in waits]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    return tasks


async def calls(peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    await client.ping()
    before = len(peer.requests)
    tasks = await _started([client.query("x") for _ in range(number)])
    await peer.read(before + number)  # or its work would be measured, too
    return tasks


async def identifications(peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    peer.answers[models.AuthIdentifyRequest] = None
    return await _started([client.ping() for _ in range(number)])


async def suspended(peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    """Start calls that wait until a lost connection is restored."""
    await client.ping()
    peer.answers_upgrades.clear()
    peer.reset()
    await peer.upgrade(2)
    return await _started([client.ping() for _ in range(number)])


async def readers(_peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    process = await client.launch_process("a@1.0.0")
    return await _started([process.recv() for _ in range(number)])


async def waits(_peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    process = await client.launch_process("a@1.0.0")
    return await _started([process.wait() for _ in range(number)])


async def _launched(client: PieClient, number: int) -> list[Process]:
    return list(await asyncio.gather(*(client.launch_process("a@1.0.0") for _ in range(number))))


async def handles(_peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    processes = await _launched(client, number)
    return await _started([process.recv() for process in processes])


async def _blocked(peer: Peer, process: Process) -> asyncio.Task[Any]:
    """Return a task that sends more than a peer that does not read accepts."""
    sending = asyncio.create_task(process.transfer_file(bytes(24 << 20)))
    await peer.request(models.TransferFileRequest)
    peer.stop_reading()
    # Until the buffers of both sides are full; more than that never happens.
    await asyncio.wait({sending}, timeout=0.3)
    return sending


async def uploads(peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    process = await client.launch_process("a@1.0.0")
    blocked = await _blocked(peer, process)
    return [blocked, *await _started([process.transfer_file(bytes(64)) for _ in range(number)])]


async def signals(peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    process = await client.launch_process("a@1.0.0")
    blocked = await _blocked(peer, process)
    return [blocked, *await _started([process.signal("x") for _ in range(number)])]


async def mcp_calls(peer: Peer, client: PieClient, number: int) -> list[asyncio.Task[Any]]:
    """Open calls of an MCP server that answers none. Some are answered, some wait, and the others are refused."""
    peer.answers[models.RegisterMcpServerRequest] = ""
    await client.register_mcp_server(
        name="mute", transport="stdio", command=sys.executable, args=["-c", MUTE, os.devnull]
    )
    peer.stop_reading()
    fields = fields_of("McpRequest") | {"server_name": "mute", "params": "{}"}
    for each in range(min(number, READ_MCP_CALLS)):
        await peer.send(msgpack.packb(fields | {"corr_id": each}))
    return []


KINDS: Mapping[str, Open] = {
    each.__name__: each
    for each in (calls, identifications, suspended, readers, waits, handles, uploads, signals, mcp_calls)
}


class Spent(NamedTuple):
    """Seconds of CPU time."""

    returned: float
    """Until ``close()``, or the last ``cancel()``, returned."""
    ended: float
    """Until every task had ended."""


async def seconds(kind: str, number: int, *, cancel: bool) -> Spent:
    """Close the client, or cancel all tasks, and return how long that takes."""
    async with websocket_peer() as peer:
        client = PieClient(
            peer.uri,
            timeout=math.inf,
            max_buffered=1 << 30,
            reconnect=Reconnect(first_delay=0.01) if kind == "suspended" else None,
        )
        await client.connect()
        try:
            tasks = await KINDS[kind](peer, client, number)
            gc.disable()  # the collector's time depends on everything else that is alive
            begun = time.process_time()
            if cancel:
                # The last one first is the worst for what is searched in order.
                for task in reversed(tasks):
                    task.cancel()
            else:
                await client.close()
            returned = time.process_time() - begun
            if waiting := [task for task in tasks if not task.done()]:
                await in_time(asyncio.wait(waiting))
            spent = Spent(returned, time.process_time() - begun)
            assert all(task.cancelled() or isinstance(task.exception(), PieError) for task in tasks)
            return spent
        finally:
            gc.enable()
            await client.close()
            peer.answers_upgrades.set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cancel", [False, True], ids=["close", "cancel"])
async def test_the_cost_of_each_does_not_grow(kind: str, *, cancel: bool) -> None:
    few = many = math.inf
    less, more = (FEW_HANDLES, MANY_HANDLES) if kind == "handles" else (FEW, MANY)
    for _ in range(RUNS):
        few = min(few, (await seconds(kind, less, cancel=cancel)).ended)
        many = min(many, (await seconds(kind, more, cancel=cancel)).ended)
        if many <= FACTOR * few:
            break
    assert many <= FACTOR * few
