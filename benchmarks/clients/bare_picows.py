"""The pieces of work with picows and msgpack, and nothing else: `python bare_picows.py URI NAME ARGUMENTS`."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import bare
from measuring import WARM_UP, Clock, Peak, main, report_delays
from msgpack import unpackb
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

MAX_FRAME_BYTES = 1 << 28
UNSENT_BYTES = 1 << 20


class Client(WSListener):
    """A listener that passes each message to a function, which returns whether the work is complete."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self.handle(unpackb(frame.get_payload_as_memoryview())):
            self.done.set_result(None)

    def send(self, message: bytes) -> None:
        self.transport.send(WSMsgType.BINARY, message)

    async def until(self, handle: Callable[[dict], bool | None], *messages: bytes) -> None:
        """Send messages, and handle those that come until one completes the work."""
        self.handle = handle
        self.done = asyncio.get_running_loop().create_future()
        for message in messages:
            self.send(message)
        await self.done

    async def launched(self, **wanted: int) -> str:
        found: list[str] = []

        def handle(message: dict) -> bool:
            found.append(message["result"])
            return True

        await self.until(handle, bare.launch(**wanted))
        return found[0]

    async def read(self, process_id: str) -> int:
        count = 0

        def handle(event: dict) -> bool:
            nonlocal count
            count += 1
            return event["event"] == "return"

        await self.until(handle, bare.go(process_id))
        return count

    async def exchange(self, requests: int, at_once: int) -> None:
        count = 0

        def handle(_: dict) -> bool:
            nonlocal count
            count += 1
            return count % at_once == 0

        for _ in range(requests // at_once):
            await self.until(handle, *(bare.ping(number) for number in range(at_once)))


@contextlib.asynccontextmanager
async def connected(uri: str) -> AsyncGenerator[Client]:
    """Connect and warm up, as pie.py does."""
    transport, client = await ws_connect(Client, uri, max_frame_size=MAX_FRAME_BYTES)
    await client.read(await client.launched(**bare.WARMING))
    await client.exchange(WARM_UP, 1)
    yield client
    transport.disconnect()


async def stream(uri: str, events: int, size: int) -> None:
    async with connected(uri) as client:
        process_id = await client.launched(events=events, size=size)
        clock = Clock()
        count = await client.read(process_id)
        clock.report(count)
        assert count == events + 1


async def together(uri: str, processes: int, events: int) -> None:
    async with connected(uri) as client:
        ids = [await client.launched() for _ in range(processes - 1)]
        ids.append(await client.launched(processes=processes, events=events))
        received: dict[str, list[str]] = {process_id: [] for process_id in ids}
        left = processes

        def handle(event: dict) -> bool:
            nonlocal left
            received[event["process_id"]].append(event["value"])
            if event["event"] == "return":
                left -= 1
            return not left

        clock = Clock()
        await client.until(handle, bare.go(ids[-1]))
        clock.report(events + processes)
        assert sum(map(len, received.values())) == events + processes


async def pings(uri: str, requests: int, at_once: int) -> None:
    async with connected(uri) as client:
        clock = Clock()
        await client.exchange(requests, at_once)
        clock.report(requests)


async def latency(uri: str, ticks: int) -> None:
    async with connected(uri) as client:
        delays: list[int] = []

        def handle(event: dict) -> bool:
            now = time.perf_counter_ns()
            if event["event"] == "return":
                return True
            delays.append(now - int(event["value"]))
            return False

        await client.until(handle, bare.go(await client.launched(ticks=ticks)))
        assert len(delays) == ticks
        report_delays(delays)


async def upload(uri: str, _small: str, program: str, _manifest: str) -> None:
    async with connected(uri) as client:
        peak, clock = Peak(), Clock()
        client.handle, client.done = lambda _: True, asyncio.get_running_loop().create_future()
        for message in bare.chunks(program):
            client.send(message)
            await asyncio.sleep(0)
            while client.transport.underlying_transport.get_write_buffer_size() > UNSENT_BYTES:
                await asyncio.sleep(0)
        await client.done
        clock.report(Path(program).stat().st_size >> 20, memory=peak.grown())


async def download(uri: str, mebibytes: int) -> None:
    async with connected(uri) as client:
        received: list[bytes] = []

        def handle(message: dict) -> bool:
            if message["type"] != "file":
                return True
            received.append(message["chunk_data"])
            return False

        process_id = await client.launched(file=mebibytes)
        peak, clock = Peak(), Clock()
        await client.until(handle, bare.go(process_id))
        clock.report(mebibytes, memory=peak.grown())
        assert sum(map(len, received)) == mebibytes << 20


main({work.__name__: work for work in (stream, together, pings, latency, upload, download)})
