"""Random sessions in which everything about back-pressure happens at once: no call hangs, and every event arrives or is counted as dropped."""

import asyncio
import contextlib
import random
import tempfile
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import CorruptEventError, DeadlineError, Event, PieClient, Process, SlowConsumerError
from pie_client.connection import flow
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import in_time

EVENTS = 300


class Uses:
    """Ways to use a process; each returns when it has ended. Iterations and reads are slower than the server."""

    def __init__(self, client: PieClient, chance: random.Random) -> None:
        self._client = client
        self._chance = chance

    async def iterate(self, process: Process) -> None:
        received = 0
        while True:
            try:
                async for _event in process:
                    received += 1
                    if self._chance.random() < 0.3:
                        await asyncio.sleep(0)
            except SlowConsumerError:
                if process.buffered == 0:
                    return  # "error": no event follows
            else:
                assert received + process.dropped >= EVENTS + 1
                return

    async def receive(self, process: Process) -> None:
        while True:
            try:
                kind, _value = await process.recv(timeout=self._chance.choice([0.002, None]))
            except (DeadlineError, CorruptEventError):
                continue
            except SlowConsumerError:
                if process.buffered == 0:
                    return
            else:
                if kind in (Event.Return, Event.Error):
                    return

    async def wait(self, process: Process) -> None:
        assert await process.result(int) == EVENTS

    async def iterate_and_wait(self, process: Process) -> None:
        waiting = asyncio.create_task(self.wait(process))
        await self.iterate(process)
        await waiting

    async def receive_once_and_wait(self, process: Process) -> None:
        with contextlib.suppress(SlowConsumerError, CorruptEventError):
            await process.recv()
        await self.wait(process)

    async def detach_and_wait(self, process: Process) -> None:
        again = await self._client.attach_process(process.detach())
        await self.wait(again)
        again.close()

    async def close(self, process: Process) -> None:
        process.close()


@pytest.mark.parametrize("seed", range(8))
async def test_nobody_hangs_and_every_event_is_accounted_for(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(flow, "STALL_SECONDS", 0.1)
    chance = random.Random(seed)  # noqa: S311 - not for cryptography
    async with LocalEngine(family="0.5") as engine:

        @engine.inferlet("mixed@1.0.0")
        async def mixed(session: InferletSession, _input: JsonValue) -> JsonValue:
            for number in range(EVENTS):
                kind = chance.random()
                if kind < 0.02:
                    session.send_file(number.to_bytes(2) * chance.randrange(1, 100_000))
                else:
                    session.print("x" * chance.randrange(3000))
                if kind < 0.5:
                    await asyncio.sleep(0)
            return EVENTS

        async with PieClient(
            engine.uri,
            max_buffered=chance.choice([2000, 20_000, 200_000]),
            spool_above=chance.choice([None, 1000]),
            max_spooled=chance.choice([None, 1_000_000]),
        ) as client:
            uses = Uses(client, chance)
            ways = [
                uses.iterate,
                uses.receive,
                uses.wait,
                uses.iterate_and_wait,
                uses.receive_once_and_wait,
                uses.detach_and_wait,
                uses.close,
            ]
            processes = [
                await client.launch_process(
                    "mixed@1.0.0", when_full=chance.choice(["pause", "pause", "drop-oldest", "error"])
                )
                for _ in ways
            ]
            async with asyncio.TaskGroup() as tasks:
                for way, process in zip(ways, processes, strict=True):
                    tasks.create_task(in_time(way(process)))
                tasks.create_task(ping_often(client, 50))
            for process in processes:
                process.close()
            assert client.buffered == 0
    assert list(tmp_path.iterdir()) == []


async def ping_often(client: PieClient, times: int) -> None:
    for _ in range(times):
        await client.ping()
