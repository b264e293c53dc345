"""The pieces of work with websockets and msgpack, and nothing else: `python bare_websockets.py URI NAME ARGUMENTS`."""

import contextlib
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import bare
from measuring import WARM_UP, Clock, Peak, main, report_delays
from msgpack import unpackb
from websockets.asyncio.client import ClientConnection, connect


@contextlib.asynccontextmanager
async def connected(uri: str) -> AsyncGenerator[ClientConnection]:
    """Connect and warm up, as pie.py does."""
    async with connect(uri, compression=None, max_size=None, ping_interval=None) as socket:
        await socket.send(bare.go(await launched(socket, **bare.WARMING)))
        await read(socket)
        await exchange(socket, WARM_UP, 1)
        yield socket


async def launched(socket: ClientConnection, **wanted: int) -> str:
    await socket.send(bare.launch(**wanted))
    return unpackb(await socket.recv())["result"]


async def read(socket: ClientConnection) -> int:
    count = 0
    async for frame in socket:
        count += 1
        if unpackb(frame)["event"] == "return":
            break
    return count


async def exchange(socket: ClientConnection, requests: int, at_once: int) -> None:
    for _ in range(requests // at_once):
        for number in range(at_once):
            await socket.send(bare.ping(number))
        for _ in range(at_once):
            unpackb(await socket.recv())


async def stream(uri: str, events: int, size: int) -> None:
    async with connected(uri) as socket:
        process_id = await launched(socket, events=events, size=size)
        clock = Clock()
        await socket.send(bare.go(process_id))
        count = await read(socket)
        clock.report(count)
        assert count == events + 1


async def together(uri: str, processes: int, events: int) -> None:
    async with connected(uri) as socket:
        ids = [await launched(socket) for _ in range(processes - 1)]
        ids.append(await launched(socket, processes=processes, events=events))
        received: dict[str, list[str]] = {process_id: [] for process_id in ids}
        left = processes
        clock = Clock()
        await socket.send(bare.go(ids[-1]))
        async for frame in socket:
            event = unpackb(frame)
            received[event["process_id"]].append(event["value"])
            if event["event"] == "return":
                left -= 1
                if not left:
                    break
        clock.report(events + processes)
        assert sum(map(len, received.values())) == events + processes


async def pings(uri: str, requests: int, at_once: int) -> None:
    async with connected(uri) as socket:
        clock = Clock()
        await exchange(socket, requests, at_once)
        clock.report(requests)


async def latency(uri: str, ticks: int) -> None:
    async with connected(uri) as socket:
        await socket.send(bare.go(await launched(socket, ticks=ticks)))
        delays: list[int] = []
        async for frame in socket:
            event = unpackb(frame)
            now = time.perf_counter_ns()
            if event["event"] == "return":
                break
            delays.append(now - int(event["value"]))
        assert len(delays) == ticks
        report_delays(delays)


async def upload(uri: str, _small: str, program: str, _manifest: str) -> None:
    async with connected(uri) as socket:
        peak, clock = Peak(), Clock()
        for message in bare.chunks(program):
            await socket.send(message)
        await socket.recv()
        clock.report(Path(program).stat().st_size >> 20, memory=peak.grown())


async def download(uri: str, mebibytes: int) -> None:
    async with connected(uri) as socket:
        process_id = await launched(socket, file=mebibytes)
        received: list[bytes] = []
        peak, clock = Peak(), Clock()
        await socket.send(bare.go(process_id))
        async for frame in socket:
            message = unpackb(frame)
            if message["type"] != "file":
                break
            received.append(message["chunk_data"])
        clock.report(mebibytes, memory=peak.grown())
        assert sum(map(len, received)) == mebibytes << 20


main({work.__name__: work for work in (stream, together, pings, latency, upload, download)})
