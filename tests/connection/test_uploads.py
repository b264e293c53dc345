"""Contents on their way to a server that runs in a thread of its own, so that both sides really run at once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
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
from tests.support.peers import PATIENCE, sized_component

CHUNK = 262_144
MANIFEST = '[package]\nname = "up"\nversion = "1.0.0"\n'


class EngineThread:
    """A LocalEngine in a thread of its own."""

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
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
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
            await asyncio.sleep(0)  # lets it begin to wait
            session.send("ready")
            return len(await receiving)

        yield running


async def ends_at_once(_session: InferletSession, _input: JsonValue) -> JsonValue:
    return None


class Pieces:
    """A content in pieces that can be held back, or lie about how many they are."""

    digest = "e" * 64

    def __init__(self, announced: int, given: int, hold_after: int | None = None) -> None:
        self.total_chunks = announced
        self.held = asyncio.Event()
        self._given = given
        self._hold_after = hold_after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for index in range(self._given):
            if index == self._hold_after:
                self.held.set()
                await asyncio.Event().wait()
            yield b"x" * 10

    def sent(self, index: int) -> None:
        self.last_sent = index


async def test_other_tasks_run_between_the_chunks_of_an_upload(thread: EngineThread) -> None:
    """D41"""
    total, turns = 200, 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with PieClient(thread.uri) as client:
        await client.ping()
        counting = asyncio.create_task(count())
        await client.rpc.add_program(content=sized_component(CHUNK * total), manifest=MANIFEST)
        counting.cancel()
    assert turns >= total


async def test_a_refusal_stops_the_upload_that_is_still_being_sent(thread: EngineThread) -> None:
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


async def test_equal_uploads_at_once_do_not_destroy_each_other(thread: EngineThread) -> None:
    """D46"""
    content = sized_component(CHUNK * 30)
    async with PieClient(thread.uri) as client:
        calls = [client.rpc.add_program(content=content, manifest=MANIFEST) for _ in range(3)]
        assert len(await asyncio.gather(*calls)) == 3


async def test_equal_files_to_two_processes_at_once_both_arrive_whole(thread: EngineThread) -> None:
    """D36"""
    content = bytes(CHUNK * 30)
    async with PieClient(thread.uri) as client:
        processes = [await client.launch_process("take-file@1.0.0") for _ in range(2)]
        for process in processes:
            assert await process.recv() == (Event.Message, "ready")
        await asyncio.gather(*(process.transfer_file(content) for process in processes))
        sizes = [await process.result(int, timeout=PATIENCE) for process in processes]
    assert sizes == [len(content)] * 2


@pytest.mark.parametrize("family", ["0.4"])
async def test_an_upload_that_was_broken_off_does_not_spoil_the_next_of_the_same_bytes(
    thread: EngineThread,
) -> None:
    async with PieClient(thread.uri) as client:
        broken = Pieces(announced=5, given=5, hold_after=3)
        upload = asyncio.create_task(client.rpc.add_program(content=broken, manifest=MANIFEST))
        await broken.held.wait()
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        thread.engine.inferlet("up@1.0.0")(ends_at_once)  # so that the bytes need not be a program
        again = Pieces(announced=5, given=5)
        assert "success" in await client.rpc.add_program(content=again, manifest=MANIFEST)


async def test_a_file_that_was_broken_off_can_be_sent_again(thread: EngineThread) -> None:
    content = b"x" * 10 * 5
    async with PieClient(thread.uri) as client:
        process = await client.launch_process("take-file@1.0.0")
        assert await process.recv() == (Event.Message, "ready")
        broken = Pieces(announced=5, given=5, hold_after=3)
        broken.digest = blake3(content).hexdigest()
        with pytest.raises(DeadlineError):
            await client.rpc.transfer_file(process_id=process.process_id, content=broken, timeout=0.5)
        again = Pieces(announced=5, given=5)
        again.digest = broken.digest
        await client.rpc.transfer_file(process_id=process.process_id, content=again)
        assert await process.result(int, timeout=PATIENCE) == len(content)


@pytest.mark.parametrize("given", [0, 2, 4])
@pytest.mark.parametrize("family", ["0.4"])
async def test_a_content_that_is_not_as_long_as_announced_is_not_completed(
    thread: EngineThread, given: int
) -> None:
    async with PieClient(thread.uri) as client:
        with pytest.raises(InvalidArgumentError, match=f"content has {given} chunks instead of 3"):
            await client.rpc.add_program(content=Pieces(announced=3, given=given), manifest=MANIFEST)
        await client.ping()
    assert thread.engine.uploads == {}


async def test_a_refusal_ends_an_upload_whose_content_is_slow_and_closes_it(thread: EngineThread) -> None:
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
    content = Slow(announced=9, given=9)
    async with PieClient(thread.uri) as client, asyncio.timeout(PATIENCE):
        with pytest.raises(RefusedError, match="disk full"):
            await client.rpc.add_program(content=content, manifest=MANIFEST)
    assert content.closed


@pytest.mark.parametrize("size", [3 << 20, (3 << 20) + 1])
async def test_the_size_of_uploads_is_limited_as_the_engine_was_told(family: Family, size: int) -> None:
    async with (
        LocalEngine(family=family, max_upload_bytes=3 << 20) as engine,
        PieClient(engine.uri, timeout=PATIENCE) as client,
    ):
        if size == 3 << 20:
            await client.rpc.add_program(content=sized_component(size), manifest=MANIFEST)
            assert len(engine.uploads["up@1.0.0"]) == size
        else:
            with pytest.raises(UploadError, match="upload exceeds max_upload_mb cap of 3 MiB"):
                await client.rpc.add_program(content=sized_component(size), manifest=MANIFEST)


@pytest.mark.parametrize("size", [0, -1])
def test_a_limit_that_allows_no_upload_is_refused(size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="max_upload_bytes"):
        LocalEngine(max_upload_bytes=size)
