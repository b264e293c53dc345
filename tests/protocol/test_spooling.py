"""Files above ``spool_above``, which are written to disk while they arrive."""

import asyncio
import copy
import errno
import gc
import os
import pickle
import stat
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest
from blake3 import blake3
from pydantic import JsonValue
from typing_extensions import override

from pie_client import (
    CorruptEvent,
    CorruptEventError,
    Event,
    FileEvent,
    MessageEvent,
    NotConnectedError,
    PieClient,
    Process,
    ReturnEvent,
    models,
)
from pie_client.protocol import files
from pie_client.protocol.files import WRITE_BYTES, Spool, SpooledFile
from pie_client.testing import InferletSession, LocalEngine
from tests.connection.helpers import chunks
from tests.support.mcp_servers import until
from tests.support.peers import TIMEOUT, in_time, websocket_peer

pytestmark = pytest.mark.usefixtures("temporary_files")

P = ParamSpec("P")
T = TypeVar("T")

CHUNK = 262_144
LARGE = os.urandom(4 * CHUNK + 3)
SMALL = os.urandom(CHUNK)


@pytest.fixture
async def spooling(engine: LocalEngine) -> AsyncIterator[PieClient]:
    """A client that keeps at most two chunks of a file in memory."""

    @engine.inferlet("files@1.0.0")
    async def files(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send_file(SMALL, "small.bin")
        session.send_file(LARGE, "../large.bin")
        session.send("between")
        session.send_file(LARGE[::-1])
        return None

    async with PieClient(engine.uri, spool_above=2 * CHUNK) as client:
        yield client


async def _events(process: Process) -> list[object]:
    async with asyncio.timeout(TIMEOUT):
        return [event async for event in process]


async def test_a_file_above_spool_above_is_on_disk(spooling: PieClient, temporary_files: Path) -> None:
    process = await spooling.launch_process("files@1.0.0")
    small, large, between, reverse, end = await _events(process)
    assert isinstance(small, FileEvent)
    assert small.path is None
    assert small.read() == SMALL
    assert isinstance(large, SpooledFile)
    assert large.path.parent == temporary_files
    assert large.read() == LARGE
    assert (large.size, large.digest) == (len(LARGE), blake3(LARGE).hexdigest())
    assert between == MessageEvent("between")
    assert isinstance(reverse, SpooledFile)
    assert reverse.read() == LARGE[::-1]
    assert end == ReturnEvent("null")
    assert repr(reverse) == f"FileEvent(name=None, {len(LARGE)} bytes)"


async def test_recv_returns_a_spooled_file_as_bytes(spooling: PieClient, temporary_files: Path) -> None:
    process = await spooling.launch_process("files@1.0.0")
    assert await process.recv(timeout=TIMEOUT) == (Event.File, SMALL)
    kind, value = await process.recv(timeout=TIMEOUT)
    assert isinstance(value, FileEvent)
    assert (kind, value) == (Event.File, LARGE)
    assert await process.recv(timeout=TIMEOUT) == (Event.Message, "between")
    process.close()
    await spooling.close()
    gc.collect()
    assert list(temporary_files.iterdir()) == []


async def test_cancelling_recv_loses_no_spooled_file(
    spooling: PieClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await spooling.launch_process("files@1.0.0")
    await process.recv(timeout=TIMEOUT)
    await process.wait(timeout=TIMEOUT)
    reading, go_on = threading.Event(), threading.Event()
    read = files.in_memory

    def slow(file: SpooledFile) -> FileEvent:
        reading.set()
        go_on.wait(TIMEOUT)
        return read(file)

    monkeypatch.setattr("pie_client.process.in_memory", slow)
    receiving = asyncio.create_task(process.recv())
    await asyncio.to_thread(reading.wait, TIMEOUT)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    go_on.set()
    assert await process.recv(timeout=TIMEOUT) == (Event.File, LARGE)


async def test_a_temporary_file_is_private_whatever_the_umask(
    spooling: PieClient, temporary_files: Path
) -> None:
    before = os.umask(0)
    try:
        process = await spooling.launch_process("files@1.0.0")
        large = next(event for event in await _events(process) if isinstance(event, SpooledFile))
    finally:
        os.umask(before)
    assert stat.S_IMODE(large.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_temporary_file_that_is_gone_is_neither_created_again_nor_followed(
    replaced: bool, temporary_files: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"unchanged")
    async with websocket_peer() as peer, PieClient(peer.uri, spool_above=10) as client:
        process = await in_time(client.launch_process("p@1.0.0"))
        first, second = chunks(process, bytes(2 * WRITE_BYTES), WRITE_BYTES)
        await peer.send(first)
        await until(lambda: any(path.stat().st_size == WRITE_BYTES for path in temporary_files.iterdir()))
        (place,) = temporary_files.iterdir()
        place.unlink()
        if replaced:
            place.symlink_to(victim)
        await peer.send(second)
        lost = await in_time(anext(process))
        assert isinstance(lost, CorruptEvent)
        assert "it can't be written to disk" in lost.value
    assert list(temporary_files.iterdir()) == []
    assert victim.read_bytes() == b"unchanged"


@pytest.mark.parametrize("size", [len(SMALL), len(LARGE)], ids=["in memory", "on disk"])
@pytest.mark.parametrize("one_disk", [True, False])
async def test_who_may_write_to_a_folder_can_not_redirect_a_save(
    size: int, one_disk: bool, spooling: PieClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user replaces the new file by a link as soon as it is there."""
    process = await spooling.launch_process("files@1.0.0")
    file = next(e for e in await _events(process) if isinstance(e, FileEvent) and e.size == size)
    victim = tmp_path / "victim"
    victim.write_bytes(b"unchanged")
    victim.chmod(0o600)
    shared = tmp_path / "shared"
    shared.mkdir()
    opened, touch, replace = Path.open, Path.touch, Path.replace

    def swap(place: Path) -> None:
        place.unlink()
        place.symlink_to(victim)

    def open_(self: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as the original
        found = opened(self, mode, *rest, **named)
        if self.parent == shared and "b" in mode:
            swap(self)
        return found

    def touch_(self: Path, *rest: Any, **named: Any) -> None:  # noqa: ANN401 - as the original
        touch(self, *rest, **named)
        swap(self)

    def replace_(self: Path, target: Path) -> Path:
        if not one_disk:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        found = replace(self, target)
        swap(target)
        return found

    monkeypatch.setattr(Path, "open", open_)
    monkeypatch.setattr(Path, "touch", touch_)
    monkeypatch.setattr(Path, "replace", replace_)
    file.save(shared)
    assert victim.read_bytes() == b"unchanged"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


async def test_a_file_is_saved_to_another_disk(
    spooling: PieClient, temporary_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(_self: Path, _target: Path) -> Path:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "replace", replace)
    process = await spooling.launch_process("files@1.0.0")
    large = next(event for event in await _events(process) if isinstance(event, SpooledFile))
    existing = tmp_path / "existing"
    existing.write_bytes(bytes(2 * len(LARGE)))
    assert large.save(existing) == large.path == existing
    assert existing.read_bytes() == LARGE
    del process
    gc.collect()
    assert list(temporary_files.iterdir()) == []


async def test_a_saved_file_is_moved_and_not_deleted(
    spooling: PieClient, temporary_files: Path, tmp_path: Path
) -> None:
    process = await spooling.launch_process("files@1.0.0")
    events = await _events(process)
    large, reverse = (event for event in events if isinstance(event, SpooledFile))
    place = large.save(f"{tmp_path}/downloads/")
    assert place.parent == tmp_path / "downloads"
    named = reverse.save(tmp_path / "named.bin")
    assert named == tmp_path / "named.bin"
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(named.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    large.close()
    reverse.close()
    del large, reverse, events
    gc.collect()
    assert named.read_bytes() == LARGE[::-1]
    assert place.read_bytes() == LARGE
    assert list(temporary_files.iterdir()) == []


async def test_a_spooled_file_can_be_saved_twice(spooling: PieClient, tmp_path: Path) -> None:
    process = await spooling.launch_process("files@1.0.0")
    large = next(event for event in await _events(process) if isinstance(event, SpooledFile))
    first, second = large.save(tmp_path / "one"), large.save(tmp_path / "two")
    assert large.save(first) == first
    assert first.read_bytes() == second.read_bytes() == LARGE
    assert large.path == first


async def test_a_failed_save_leaves_no_file(
    spooling: PieClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await spooling.launch_process("files@1.0.0")
    large = next(event for event in await _events(process) if isinstance(event, SpooledFile))
    large.path.unlink()
    folder, existing = tmp_path / "downloads", tmp_path / "existing"
    folder.mkdir()
    existing.write_bytes(b"unchanged")
    for place in (folder, folder / "new", existing):
        with pytest.raises(FileNotFoundError):
            large.save(place)
    assert list(folder.iterdir()) == []
    assert existing.read_bytes() == b"unchanged"


def test_threads_save_a_spooled_file_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(200):
            spool = Spool()
            spool.append([SMALL])
            file = SpooledFile(spool, len(SMALL), name=None, digest="")
            together = threading.Barrier(2, timeout=TIMEOUT)

            def save(name: str, file: SpooledFile = file, together: threading.Barrier = together) -> Path:
                together.wait()
                return file.save(tmp_path / name)

            for place in list(pool.map(save, (f"{number}a", f"{number}b"))):
                assert place.read_bytes() == SMALL
                place.unlink()


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_a_spooled_file_is_neither_pickled_nor_copied(
    way: Callable[[object], object], spooling: PieClient
) -> None:
    process = await spooling.launch_process("files@1.0.0")
    large = next(event for event in await _events(process) if isinstance(event, SpooledFile))
    with pytest.raises(TypeError, match=r"or read\(\) its bytes$"):
        way(large)
    gc.collect()
    assert large.read() == LARGE


async def test_recv_raises_for_an_unreadable_file_and_goes_on(
    spooling: PieClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await spooling.launch_process("files@1.0.0")
    await process.recv(timeout=TIMEOUT)
    read = files.in_memory

    def read_after_deletion(file: SpooledFile) -> FileEvent:
        file.path.unlink()
        return read(file)

    monkeypatch.setattr("pie_client.process.in_memory", read_after_deletion)
    with pytest.raises(
        CorruptEventError, match=r"can't read it from disk .No such file or directory"
    ) as lost:
        await process.recv(timeout=TIMEOUT)
    assert (lost.value.process_id, lost.value.digest) == (process.process_id, blake3(LARGE).hexdigest())
    assert await process.recv(timeout=TIMEOUT) == (Event.Message, "between")


async def test_a_spooled_file_is_deleted_when_it_is_closed_or_collected(
    spooling: PieClient, temporary_files: Path
) -> None:
    process = await spooling.launch_process("files@1.0.0")
    events = await _events(process)
    large, reverse = (event for event in events if isinstance(event, SpooledFile))
    with large:
        assert large.path.exists()
    assert not large.path.exists()
    assert reverse.path.exists()
    del events, reverse
    gc.collect()
    assert list(temporary_files.iterdir()) == []


async def test_a_spooled_file_may_exceed_max_buffered(engine: LocalEngine) -> None:
    size = 6 << 20

    @engine.inferlet("huge@1.0.0")
    async def huge(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send_file(bytes(size))
        return None

    async with PieClient(engine.uri, max_buffered=1 << 20, spool_above=1 << 20) as client:
        process = await client.launch_process("huge@1.0.0")
        file, _end = await _events(process)
    assert isinstance(file, SpooledFile)
    assert file.size == size


async def test_a_corrupt_spooled_file_is_an_event_and_deleted(temporary_files: Path) -> None:
    """D21"""
    async with websocket_peer() as peer, PieClient(peer.uri, spool_above=10) as client:
        process = await in_time(client.launch_process("p@1.0.0"))
        digest = blake3(b"what was meant").hexdigest()
        for index, data in enumerate([b"x" * 20, b"y" * 20]):
            await peer.send(
                models.FileChunk(
                    process_id=process.process_id,
                    file_hash=digest,
                    chunk_index=index,
                    total_chunks=2,
                    chunk_data=data,
                )
            )
        broken = await in_time(anext(process))
        assert isinstance(broken, CorruptEvent)
        assert "do not match the BLAKE3 digest" in broken.value
        gc.collect()
        assert list(temporary_files.iterdir()) == []


async def test_a_file_that_cannot_be_written_is_a_corrupt_event(
    spooling: PieClient, temporary_files: Path
) -> None:
    temporary_files.rmdir()
    process = await spooling.launch_process("files@1.0.0")
    small, lost, between, lost_too, end = await _events(process)
    assert isinstance(small, FileEvent)
    assert small.read() == SMALL
    assert isinstance(lost, CorruptEvent)
    assert "it can't be written to disk (No such file or directory)" in lost.value
    assert between == MessageEvent("between")
    assert isinstance(lost_too, CorruptEvent)
    assert end == ReturnEvent("null")


async def test_closing_the_connection_deletes_partial_files(temporary_files: Path) -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri, spool_above=10) as client:
            process = await in_time(client.launch_process("p@1.0.0"))
            chunk = models.FileChunk(
                process_id=process.process_id,
                file_hash="a" * 64,
                chunk_index=0,
                total_chunks=2,
                chunk_data=bytes(WRITE_BYTES),
            )
            await peer.send(chunk, models.StdoutFrame(process_id=process.process_id, value="written"))
            assert await in_time(process.recv()) == (Event.Stdout, "written")
        del process, client
        gc.collect()
        assert list(temporary_files.iterdir()) == []


class ScarceThreads(ThreadPoolExecutor):
    """An executor that can't start a thread for its nth call."""

    def __init__(self, failing: int) -> None:
        super().__init__()
        self._failing = failing
        self._calls = 0

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self._calls += 1
        if self._calls == self._failing:
            raise RuntimeError("can't start new thread")
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize("failing", [1, 2], ids=["the first batch", "the second batch"])
async def test_a_file_is_lost_if_no_thread_can_write_it(failing: int) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, spool_above=10) as client:
        process = await in_time(client.launch_process("p@1.0.0"))
        asyncio.get_running_loop().set_default_executor(ScarceThreads(failing))
        for chunk in chunks(process, bytes(2 * WRITE_BYTES), WRITE_BYTES):
            await peer.send(chunk)
            await in_time(client.ping())
        await peer.send(models.ReturnFrame(process_id=process.process_id, value="null"))
        lost, end = await _events(process)
    assert isinstance(lost, CorruptEvent)
    assert "it can't be written to disk (can't start new thread)" in lost.value
    assert end == ReturnEvent("null")


async def test_closing_the_client_during_a_write_keeps_the_complete_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    append = Spool.append

    def slow(spool: Spool, parts: list[bytes]) -> None:
        writing.set()
        go_on.wait(TIMEOUT)
        append(spool, parts)

    monkeypatch.setattr(Spool, "append", slow)
    async with websocket_peer() as peer:
        async with PieClient(peer.uri, spool_above=10) as client:
            process = await in_time(client.launch_process("p@1.0.0"))
            await peer.send(*chunks(process, LARGE, CHUNK))
            reading = asyncio.create_task(process.recv())
            await asyncio.to_thread(writing.wait, TIMEOUT)
            asyncio.get_running_loop().call_soon(go_on.set)
        assert await in_time(reading) == (Event.File, LARGE)
        with pytest.raises(NotConnectedError):
            await in_time(process.recv())


async def test_a_reader_does_not_wait_for_a_file_of_a_closed_client() -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri, spool_above=10) as client:
            process = await in_time(client.launch_process("p@1.0.0"))
            await peer.send(*chunks(process, LARGE, CHUNK)[:-1])
            reading = asyncio.create_task(process.recv())
            await in_time(client.ping())
        with pytest.raises(NotConnectedError):
            await in_time(reading)


async def test_detaching_while_recv_loads_a_file_keeps_it(
    spooling: PieClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await spooling.launch_process("files@1.0.0")
    await process.recv(timeout=TIMEOUT)
    reading, go_on = threading.Event(), threading.Event()
    read = files.in_memory

    def slow(file: SpooledFile) -> FileEvent:
        reading.set()
        go_on.wait(TIMEOUT)
        return read(file)

    monkeypatch.setattr("pie_client.process.in_memory", slow)
    receiving = asyncio.create_task(process.recv())
    await asyncio.to_thread(reading.wait, TIMEOUT)
    process_id = process.detach()
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    go_on.set()
    again = await spooling.attach_process(process_id)
    assert await again.recv(timeout=TIMEOUT) == (Event.File, LARGE)
