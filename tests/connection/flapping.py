"""A session of many processes over a link that is lost again and again."""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field

from pydantic import JsonValue

from pie_client import (
    ConnectionLostError,
    ConnectionStatus,
    Family,
    PieClient,
    PieError,
    Process,
    ProcessLostError,
    Reconnect,
    ReturnEvent,
    StdoutEvent,
)
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import in_time

POLICY = Reconnect(attempts=1000, first_delay=0.001, max_delay=0.01)
BYTES = 20_000
"""Most bytes that pass before a drop: some drops come in the middle of a login or of an attach."""


@dataclass
class Report:
    """What a session over a flapping link has seen."""

    drops: int = 0
    possible_gaps: list[int] = field(default_factory=list[int])
    """How often each handle may have missed events."""
    events: int = 0
    out_of_order: list[str] = field(default_factory=list[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    started: Counter[str] = field(default_factory=Counter[str])
    """Processes that ran on the server, by their input."""


async def flap(family: Family, *, drops: int, processes: int, keep: bool, seed: int = 0) -> Report:
    """Run processes that print numbered lines, and drop the connection until it was lost often enough."""
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    report = Report()
    done = asyncio.Event()
    async with LocalEngine(family=family, keep_detached=keep) as engine:

        @engine.inferlet("lines@1.0.0")
        async def lines(session: InferletSession, input: JsonValue) -> int:
            report.started[str(input)] += 1
            number = 0
            while not done.is_set():
                session.print(number, end="")
                number += 1
                await asyncio.sleep(0.02)
            return number

        async with PieClient(engine.uri, reconnect=POLICY, timeout=60) as client:
            handles = [await client.launch_process("lines@1.0.0", number) for number in range(processes)]
            work = [asyncio.create_task(_read(handle, report)) for handle in handles]
            if not keep:
                work += [asyncio.create_task(_ask(client, report, done, str(n))) for n in range(4)]
            async for state in client.states():
                if state.status is ConnectionStatus.LOST:
                    report.drops += 1
                elif state.status is ConnectionStatus.READY and report.drops == drops:
                    break
                elif state.status is ConnectionStatus.READY:
                    if chance.random() < 0.5:
                        engine.faults.drop_connection(chance.randrange(BYTES))
                    else:
                        engine.faults.close_connection(1012)
            engine.faults.stop()
            done.set()
            await in_time(asyncio.gather(*work))
            await in_time(client.ping())
            report.possible_gaps = [handle.possible_gaps for handle in handles]
    return report


async def _read(handle: Process, report: Report) -> None:
    """Read a process to its end, and check that each of its lines comes once."""
    expected = 0
    try:
        async for event in handle:
            match event:
                case StdoutEvent(text):
                    if text != str(expected):
                        report.out_of_order.append(f"{text} instead of {expected}")
                    expected += 1
                    report.events += 1
                case ReturnEvent(text):
                    if text != str(expected):
                        report.out_of_order.append(f"returned {text} instead of {expected}")
                    report.outcomes["returned"] += 1
                case _:
                    report.out_of_order.append(repr(event))
    except ProcessLostError:
        report.outcomes["lost"] += 1


async def _ask(client: PieClient, report: Report, done: asyncio.Event, name: str) -> None:
    """Send requests of which some are repeated, and launch processes, of which each runs once at most."""
    number = 0
    while not done.is_set():
        number += 1
        with contextlib.suppress(ConnectionLostError):  # lost three times in a row
            await client.ping()
            await client.list_processes()
        try:
            process = await client.launch_process("lines@1.0.0", f"{name}.{number}")
        except ConnectionLostError as error:
            report.outcomes[f"launch with sent={error.sent}"] += 1
        else:
            report.outcomes["launched"] += 1
            process.close()
        try:
            await client.terminate_process("3fa85f64-5717-4562-b3fc-2c963f66afa6")
        except PieError as error:
            report.outcomes[type(error).__name__] += 1
