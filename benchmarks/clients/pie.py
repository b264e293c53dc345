"""The pieces of work with pie-client, this one or a published one: `python pie.py URI NAME ARGUMENTS`."""

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from measuring import WARM_UP, Clock, Peak, main, mebibytes, report, report_delays

from pie_client import Event, PieClient

PROGRAM = "a@1.0.0"
SPOOL_ABOVE = 1 << 20


@contextlib.asynccontextmanager
async def connected(uri: str, **options) -> AsyncGenerator[PieClient]:
    """Connect and warm up: process 1 prints, and has ended."""
    client = PieClient(uri, **options)
    await client.connect()
    process = await client.launch_process(PROGRAM, input={"events": WARM_UP, "size": 16})
    await process.signal("go")
    await read(process)
    for _ in range(WARM_UP):
        await client.ping()
    yield client
    await client.close()


async def read(process) -> int:
    """Return the number of events of a process, which all are read."""
    count = 0
    while True:
        kind, _ = await process.recv()
        count += 1
        if kind is Event.Return:
            return count


async def stream(uri: str, events: int, size: int) -> None:
    async with connected(uri) as client:
        process = await client.launch_process(PROGRAM, input={"events": events, "size": size})
        clock = Clock()
        await process.signal("go")
        count = await read(process)
        clock.report(count)
        assert count == events + 1


async def iterate(uri: str, events: int, size: int) -> None:
    async with connected(uri) as client:
        process = await client.launch_process(PROGRAM, input={"events": events, "size": size})
        count = 0
        clock = Clock()
        await process.signal("go")
        async for _ in process:
            count += 1
        clock.report(count)
        assert count == events + 1


async def together(uri: str, processes: int, events: int) -> None:
    async with connected(uri) as client:
        handles = [await client.launch_process(PROGRAM, input={}) for _ in range(processes - 1)]
        last = await client.launch_process(PROGRAM, input={"processes": processes, "events": events})
        readers = [asyncio.create_task(read(process)) for process in (*handles, last)]
        await client.ping()  # now every reader waits
        clock = Clock()
        await last.signal("go")
        count = sum(await asyncio.gather(*readers))
        clock.report(count)
        assert count == events + processes


async def pings(uri: str, requests: int, at_once: int) -> None:
    async with connected(uri) as client:

        async def some() -> None:
            for _ in range(requests // at_once):
                await client.ping()

        clock = Clock()
        if at_once == 1:
            await some()
        else:
            await asyncio.gather(*(some() for _ in range(at_once)))
        clock.report(requests)


async def launches(uri: str, requests: int) -> None:
    async with connected(uri) as client:
        clock = Clock()
        handles = [await client.launch_process(PROGRAM, input={}) for _ in range(requests)]
        clock.report(len(handles))


async def launches_at_once(uri: str, requests: int) -> None:
    async with connected(uri) as client:
        clock = Clock()
        handles = await asyncio.gather(*(client.launch_process(PROGRAM, input={}) for _ in range(requests)))
        clock.report(len(handles))


async def latency(uri: str, ticks: int) -> None:
    async with connected(uri) as client:
        process = await client.launch_process(PROGRAM, input={"ticks": ticks})
        await process.signal("go")
        delays: list[int] = []
        while True:
            kind, value = await process.recv()
            now = time.perf_counter_ns()
            if kind is Event.Return:
                break
            delays.append(now - int(value))
        assert len(delays) == ticks
        report_delays(delays)


async def upload(uri: str, small: str, program: str, manifest: str) -> None:
    async with connected(uri) as client:
        await client.install_program(small, manifest)
        size = Path(program).stat().st_size >> 20
        peak, clock = Peak(), Clock()
        await client.install_program(program, manifest)
        clock.report(size, memory=peak.grown())


async def save(process, place: Path | None) -> int:
    """Receive the files of a process and return their size; with a place, they are written there."""
    size = 0
    if place is not None and hasattr(process, "__aiter__"):
        async for event in process:
            if hasattr(event, "save"):
                size += Path(event.save(place)).stat().st_size
        return size
    while True:
        kind, value = await process.recv()
        if kind is Event.Return:
            return size
        size += len(value)
        if place is not None:
            place.write_bytes(value)
        del value


async def _download(client: PieClient, mebibytes: int, place: Path | None) -> None:
    warm = await client.launch_process(PROGRAM, input={"file": 2})
    await warm.signal("go")
    await save(warm, place)
    process = await client.launch_process(PROGRAM, input={"file": mebibytes})
    peak, clock = Peak(), Clock()
    await process.signal("go")
    size = await save(process, place)
    clock.report(mebibytes, memory=peak.grown())
    assert size == mebibytes << 20


async def download(uri: str, mebibytes: int) -> None:
    """Receive a file in memory, as published clients always do."""
    async with connected(uri, **_spool_above(mebibytes + 1 << 20)) as client:
        await _download(client, mebibytes, None)


async def download_to_disk(uri: str, mebibytes: int, folder: str) -> None:
    """Write a file where the user wants it. Published clients have it in memory first."""
    async with connected(uri, **_spool_above(SPOOL_ABOVE)) as client:
        await _download(client, mebibytes, Path(folder, "received"))


def _spool_above(size: int) -> dict[str, int]:
    """Return the option that sends larger files to disk, for clients that have it."""
    return {"spool_above": size} if "spool_above" in inspect.signature(PieClient).parameters else {}


async def handles(uri: str, number: int) -> None:
    async with connected(uri) as client:
        warm = [await client.launch_process(PROGRAM, input={}) for _ in range(WARM_UP)]
        peak = Peak()
        held = [await client.launch_process(PROGRAM, input={}) for _ in range(number)]
        grown = mebibytes("VmRSS") - peak.before
        report(len(held), memory=grown * (1 << 20) / number)
        assert len({process.process_id for process in (*warm, *held)}) == WARM_UP + number


main(
    {
        work.__name__: work
        for work in (
            *(stream, iterate, together, pings, launches, launches_at_once, latency),
            *(upload, download, download_to_disk, handles),
        )
    }
)
