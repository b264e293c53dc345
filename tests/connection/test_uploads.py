"""Uploads to an engine in another thread, so that client and server really run at the same time."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Self

import pytest
from blake3 import blake3
from pydantic import JsonValue

from pie_client import (
    DeadlineError,
    Event,
    Family,
    InvalidArgumentError,
    PieClient,
    RefusedError,
    UploadError,
    models,
)
from pie_client.testing import InferletSession, LocalEngine, Refusal
from tests.support.peers import TIMEOUT, in_time, sized_component, websocket_peer

CHUNK = 262_144
MANIFEST = '[package]\nname = "up"\nversion = "1.0.0"\n'


class EngineThread:
    """A LocalEngine in another thread."""

    def __init__(self, family: Family) -> None:
        self.engine = LocalEngine(family=family)
        self.uri = ""
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._run()), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(TIMEOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(TIMEOUT)
        self._loop.close()

    async def _run(self) -> None:
        async with self.engine:
            self.uri = self.engine.uri
            self._ready.set()
            await self._stop.wait()


@pytest.fixture
def thread(family: Family) -> Iterator[EngineThread]:
    with EngineThread(family) as running:

        @running.engine.inferlet("take-file@1.0.0")
        async def take_file(session: InferletSession, _input: JsonValue) -> JsonValue:
            receiving = asyncio.ensure_future(session.receive_file())
            await asyncio.sleep(0)  # starts the wait
            session.send("ready")
            return len(await receiving)

        yield running


async def returns_immediately(_session: InferletSession, _input: JsonValue) -> JsonValue:
    return None


class Pieces:
    """A content that can stop after some chunks, or have another number of chunks than it announces."""

    digest = "e" * 64

    def __init__(self, announced: int, actual: int, stop_after: int | None = None) -> None:
        self.total_chunks = announced
        self.stopped = asyncio.Event()
        self._actual = actual
        self._stop_after = stop_after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for index in range(self._actual):
            if index == self._stop_after:
                self.stopped.set()
                await asyncio.Event().wait()
            yield b"x" * 10

    def sent(self, index: int) -> None:
        self.last_sent = index


async def test_other_tasks_run_between_the_chunks_of_an_upload(thread: EngineThread) -> None:
    """D41"""
    total, turns = 60, 0
    turns_at: list[int] = []

    class Counted(Pieces):
        """Chunks so small that the socket accepts each of them at once."""

        digest = blake3(b"x" * 10 * total).hexdigest()

        def sent(self, index: int) -> None:
            super().sent(index)
            turns_at.append(turns)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    thread.engine.inferlet("up@1.0.0")(returns_immediately)  # the bytes are not a program
    async with PieClient(thread.uri) as client:
        await client.ping()
        counting = asyncio.create_task(count())
        await client.rpc.add_program(content=Counted(total, total), manifest=MANIFEST)
        counting.cancel()
    assert len(turns_at) == total
    assert all(before < after for before, after in itertools.pairwise(turns_at))


async def test_an_error_stops_the_upload(thread: EngineThread) -> None:
    """D40"""
    seen: list[int] = []

    def refuse(request: models.AddProgramRequest) -> str:
        seen.append(request.chunk_index)
        raise Refusal("disk full")

    thread.engine.answer(models.AddProgramRequest, refuse)
    total = 800
    async with PieClient(thread.uri) as client:
        with pytest.raises(RefusedError, match="disk full"):
            await client.rpc.add_program(content=bytes(CHUNK * total), manifest=MANIFEST)
        await client.ping()
    assert len(seen) < total


async def test_equal_concurrent_uploads_all_succeed(thread: EngineThread) -> None:
    """D46"""
    content = sized_component(CHUNK * 30)
    async with PieClient(thread.uri) as client:
        calls = [client.rpc.add_program(content=content, manifest=MANIFEST) for _ in range(3)]
        assert len(await asyncio.gather(*calls)) == 3


async def test_equal_files_can_be_sent_to_two_processes_at_the_same_time(thread: EngineThread) -> None:
    """D36"""
    content = bytes(CHUNK * 30)
    async with PieClient(thread.uri) as client:
        processes = [await client.launch_process("take-file@1.0.0") for _ in range(2)]
        for process in processes:
            assert await process.recv() == (Event.Message, "ready")
        await asyncio.gather(*(process.transfer_file(content) for process in processes))
        sizes = [await process.result(int, timeout=TIMEOUT) for process in processes]
    assert sizes == [len(content)] * 2


class Held(Pieces):
    """A content whose only chunk waits until it is released."""

    def __init__(self, on_sent: Callable[[], object]) -> None:
        super().__init__(announced=1, actual=1)
        self.released = asyncio.Event()
        self._on_sent = on_sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.stopped.set()
        await self.released.wait()
        yield b"x"

    def sent(self, index: int) -> None:
        self._on_sent()


@pytest.mark.parametrize("moment", ["while it waits", "when it is about to be next", "when it is next"])
async def test_a_cancelled_upload_leaves_its_turn_to_the_one_behind_it(moment: str) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()

        def send(content: Pieces) -> Coroutine[None, None, None]:
            return client.rpc.transfer_file(process_id="0" * 32, content=content)

        async def first() -> None:
            await send(held)
            if moment == "when it is next":
                second.cancel()

        def about_to_end() -> None:
            if moment == "when it is about to be next":
                second.cancel()

        held = Held(about_to_end)
        tasks = [asyncio.create_task(first())]
        await held.stopped.wait()
        second, third = others = [asyncio.create_task(send(Pieces(1, 1))) for _ in range(2)]
        for _ in range(10):
            await asyncio.sleep(0)
        if moment == "while it waits":
            second.cancel()
            await asyncio.wait([second])
        held.released.set()
        await in_time(asyncio.wait([*tasks, *others]))
        assert second.cancelled()
        assert third.exception() is None
        await peer.request(models.TransferFileRequest, 2)
        assert len(peer.requests_of(models.TransferFileRequest)) == 2


@pytest.mark.parametrize("family", ["0.4"])
async def test_an_interrupted_upload_does_not_break_the_next_of_the_same_bytes(
    thread: EngineThread,
) -> None:
    async with PieClient(thread.uri) as client:
        interrupted = Pieces(announced=5, actual=5, stop_after=3)
        upload = asyncio.create_task(client.rpc.add_program(content=interrupted, manifest=MANIFEST))
        await interrupted.stopped.wait()
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        thread.engine.inferlet("up@1.0.0")(returns_immediately)  # the bytes are not a program
        retry = Pieces(announced=5, actual=5)
        assert "success" in await client.rpc.add_program(content=retry, manifest=MANIFEST)


async def test_an_interrupted_file_can_be_sent_again(thread: EngineThread) -> None:
    content = b"x" * 10 * 5
    async with PieClient(thread.uri) as client:
        process = await client.launch_process("take-file@1.0.0")
        assert await process.recv() == (Event.Message, "ready")
        interrupted = Pieces(announced=5, actual=5, stop_after=3)
        interrupted.digest = blake3(content).hexdigest()
        with pytest.raises(DeadlineError) as caught:
            await client.rpc.transfer_file(process_id=process.process_id, content=interrupted, timeout=0.5)
        assert caught.value.sent is False  # not all of it
        retry = Pieces(announced=5, actual=5)
        retry.digest = interrupted.digest
        await client.rpc.transfer_file(process_id=process.process_id, content=retry)
        assert await process.result(int, timeout=TIMEOUT) == len(content)


@pytest.mark.parametrize("family", ["0.4"])
async def test_each_chunk_restarts_the_timeout_of_its_upload_and_of_those_that_wait_for_it(
    thread: EngineThread,
) -> None:
    class Slow(Pieces):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in super().__aiter__():
                await asyncio.sleep(0.3)  # it is what the timeout is about
                yield piece

    thread.engine.inferlet("up@1.0.0")(returns_immediately)  # the bytes are not a program
    async with PieClient(thread.uri) as client:
        uploads = [
            client.rpc.add_program(content=Slow(6, 6), manifest=MANIFEST, timeout=1.2) for _ in range(2)
        ]
        assert len(await asyncio.wait_for(asyncio.gather(*uploads), TIMEOUT)) == 2


@pytest.mark.parametrize("actual", [0, 2, 4])
@pytest.mark.parametrize("family", ["0.4"])
async def test_a_content_with_a_wrong_number_of_chunks_is_not_completed(
    thread: EngineThread, actual: int
) -> None:
    async with PieClient(thread.uri) as client:
        with pytest.raises(InvalidArgumentError, match=f"content has {actual} chunks instead of 3"):
            await client.rpc.add_program(content=Pieces(announced=3, actual=actual), manifest=MANIFEST)
        await client.ping()
    assert thread.engine.uploads == {}


async def test_an_error_stops_a_slow_content_and_closes_it(thread: EngineThread) -> None:
    """D40"""

    def refuse(_request: models.AddProgramRequest) -> str:
        raise Refusal("disk full")

    class Slow(Pieces):
        closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                yield b"x"
                yield b"x"
                await asyncio.Event().wait()
            finally:
                self.closed = True

    thread.engine.answer(models.AddProgramRequest, refuse)
    content = Slow(announced=9, actual=9)
    async with PieClient(thread.uri) as client, asyncio.timeout(TIMEOUT):
        with pytest.raises(RefusedError, match="disk full"):
            await client.rpc.add_program(content=content, manifest=MANIFEST)
    assert content.closed


@pytest.mark.parametrize("size", [3 << 20, (3 << 20) + 1])
async def test_the_engine_limits_the_size_of_uploads(family: Family, size: int) -> None:
    async with (
        LocalEngine(family=family, max_upload_bytes=3 << 20) as engine,
        PieClient(engine.uri, timeout=TIMEOUT) as client,
    ):
        if size == 3 << 20:
            await client.rpc.add_program(content=sized_component(size), manifest=MANIFEST)
            assert len(engine.uploads["up@1.0.0"]) == size
        else:
            with pytest.raises(UploadError, match="upload exceeds max_upload_mb cap of 3 MiB"):
                await client.rpc.add_program(content=sized_component(size), manifest=MANIFEST)


@pytest.mark.parametrize("size", [0, -1])
def test_an_upload_limit_below_one_byte_is_rejected(size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="max_upload_bytes"):
        LocalEngine(max_upload_bytes=size)
