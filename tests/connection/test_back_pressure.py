"""Results arrive whatever is unread, bystanders change nothing, and losses show: by default, and by choice."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blake3 import blake3
from pydantic import JsonValue

from pie_client import (
    CorruptEvent,
    Event,
    FileEvent,
    InvalidArgumentError,
    PieClient,
    Process,
    ProcessEvent,
    ReturnEvent,
    SlowConsumerError,
    StdoutEvent,
    models,
)
from pie_client.connection import flow
from pie_client.testing import InferletSession, LocalEngine
from tests.connection.helpers import MIB, chunks, flood, launch, printed, returned
from tests.support.peers import Peer, in_time, websocket_peer

PIECE = 65536


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
async def engine() -> AsyncIterator[LocalEngine]:
    async with LocalEngine(family="0.5") as running:

        @running.inferlet("print@1.0.0")
        async def prints(session: InferletSession, pieces: JsonValue) -> JsonValue:
            assert isinstance(pieces, int)
            for number in range(pieces):
                session.print(f"{number:0{PIECE}}", end="")
                await asyncio.sleep(0)
            return pieces

        @running.inferlet("files@1.0.0")
        async def files(session: InferletSession, sizes: JsonValue) -> JsonValue:
            assert isinstance(sizes, list)
            for number, size in enumerate(sizes):
                assert isinstance(size, int)
                session.send_file(number.to_bytes() * size)
                await asyncio.sleep(0)
            return len(sizes)

        yield running


def number_in(event: StdoutEvent) -> int:
    return int(event.value[-9:])


async def turns() -> None:
    """Let the event loop read from its sockets."""
    for _ in range(3):
        await asyncio.sleep(0)


# ------------------------------------------------------------- nobody reads


async def test_results_of_twenty_processes_that_print_ten_megabytes_arrive(engine: LocalEngine) -> None:
    """D27"""
    async with PieClient(engine.uri) as client:
        processes = [await client.launch_process("print@1.0.0", 160) for _ in range(20)]
        assert await in_time(asyncio.gather(*(process.result(int) for process in processes))) == [160] * 20
        assert client.buffered <= 128 * MIB * 17 // 16 + MIB // 4, "a sixteenth and one read more"
        assert client.dropped == sum(process.dropped for process in processes)


async def test_output_that_nobody_reads_is_dropped_and_counted_while_the_result_is_awaited(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """D27"""
    async with PieClient(engine.uri, max_buffered=MIB) as client:
        process = await client.launch_process("print@1.0.0", 320)
        assert await in_time(process.result(int)) == 320
        assert 0 < process.dropped == client.dropped < 320
        assert 0 < process.buffered == client.buffered < 2 * MIB
        [record] = [each for each in caplog.records if "dropping unread events" in each.getMessage()]
        assert process.process_id in record.getMessage()
        # The newest events are left, and reading them raises nothing.
        events = [event async for event in process]
        assert events[-1] == ReturnEvent("320")
        assert len(events) == 321 - process.dropped
        process.close()
        assert (process.buffered, client.buffered) == (0, 0)


async def test_the_result_of_a_process_that_sends_large_files_arrives(
    engine: LocalEngine, folder: Path
) -> None:
    async with PieClient(engine.uri) as client:
        process = await client.launch_process("files@1.0.0", [10_000_000] * 14)
        assert await in_time(process.result(int)) == 14
        assert client.buffered < MIB, "the files are on disk"
        assert len(list(folder.iterdir())) == 14
        process.close()
        assert list(folder.iterdir()) == []


async def test_more_files_than_fit_on_disk_do_not_cost_the_result(engine: LocalEngine) -> None:
    async with PieClient(engine.uri, spool_above=1000, max_spooled=5_000_000) as client:
        process = await client.launch_process("files@1.0.0", [1_000_000] * 20)
        assert await in_time(process.result(int)) == 20
        assert process.dropped > 0


# ------------------------------------------------------------- large files


@pytest.mark.parametrize("size", [160 * MIB, 256 * MIB])
async def test_a_large_file_arrives_at_a_reader(engine: LocalEngine, tmp_path: Path, size: int) -> None:
    async with PieClient(engine.uri) as client:
        process = await client.launch_process("files@1.0.0", [size])
        file, end = await in_time(anext(process)), await in_time(anext(process))
        assert isinstance(file, FileEvent)
        assert (file.size, end) == (size, ReturnEvent("1"))
        assert file.path is not None
        with (await asyncio.to_thread(file.save, tmp_path / "saved")).open("rb") as saved:
            digest = blake3(await asyncio.to_thread(saved.read), max_threads=blake3.AUTO).hexdigest()
        assert digest == file.digest


async def test_more_large_files_than_fit_on_disk_arrive_at_a_slow_reader(engine: LocalEngine) -> None:
    async with PieClient(engine.uri, spool_above=1000, max_spooled=5_000_000) as client:
        process = await client.launch_process("files@1.0.0", [1_000_000] * 20)
        sizes: list[int] = []
        async with asyncio.timeout(60):
            async for event in process:
                await asyncio.sleep(0.01)  # as slow as the disk, at least
                if isinstance(event, FileEvent):
                    sizes.append(event.size)
    assert sizes == [1_000_000] * 20


@pytest.mark.parametrize("spool_above", [None, 1000, 1 << 40], ids=["default", "disk", "memory"])
async def test_files_without_end_are_limited_and_lost(folder: Path, spool_above: int | None) -> None:
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, spool_above=spool_above, max_spooled=3 * MIB) as client,
    ):
        process = await launch(client)
        reading = asyncio.create_task(all_events(process))
        for index in range(20):
            for file in range(3):
                await peer.send(
                    models.FileChunk(
                        process_id=process.process_id,
                        file_hash=f"{file:064}",
                        chunk_index=index,
                        total_chunks=2**64 - 1,
                        chunk_data=bytes(MIB // 4),
                    )
                )
            await client.ping()
            on_disk = sum(path.stat().st_size for path in folder.iterdir())
            assert on_disk <= 4 * MIB, "the limit, and what one read of the socket brings"
        await peer.send(returned(process, "1"))
        *lost, end = await in_time(reading)
        assert len(lost) == 3
        assert all(isinstance(event, CorruptEvent) and "max_spooled" in event.value for event in lost)
        assert end == ReturnEvent("1")
        assert list(folder.iterdir()) == []


async def all_events(process: Process) -> list[object]:
    return [event async for event in process]


# ------------------------------------------------------------- bystanders


async def read_slowly(process: Process, pieces: int) -> None:
    """Receive numbered pieces of text, more slowly than they are sent."""
    number = 0
    async for event in process:
        if isinstance(event, StdoutEvent):
            assert number_in(event) == number
            number += 1
            await turns()
    assert number == pieces
    assert process.dropped == 0


@pytest.mark.parametrize("bystander", ["none", "wait", "another reader", "both"])
async def test_a_slow_reader_gets_everything_whoever_else_waits(bystander: str) -> None:
    pieces = 1000
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        process, other = await launch(client), await launch(client)

        async def send() -> None:
            for number in range(pieces):
                await peer.send(printed(process, f"{number:020000}"), printed(other, "x"))
            await peer.send(returned(process, "1"), returned(other, "2"))

        sending = asyncio.create_task(send())
        waits: list[asyncio.Task[object]] = []
        if bystander in ("wait", "both"):
            waits.append(asyncio.create_task(process.wait()))
        if bystander in ("another reader", "both"):
            waits.append(asyncio.create_task(count(other)))
        await in_time(read_slowly(process, pieces))
        await in_time(sending)
        for wait in waits:
            await in_time(wait)
        assert client.dropped == 0


async def count(process: Process) -> int:
    return len([event async for event in process])


async def test_a_reader_that_starts_late_gets_everything_that_comes_then() -> None:
    """Its first read is noticed although it never had to wait."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        process = await launch(client)
        await peer.send(*(printed(process, f"{number:020000}") for number in range(30)))
        await client.ping()
        waiting = asyncio.create_task(process.wait())
        reading = asyncio.create_task(read_slowly(process, 500))
        await turns()
        await peer.send(
            *(printed(process, f"{number:020000}") for number in range(30, 500)), returned(process)
        )
        await in_time(asyncio.gather(reading, waiting))


@pytest.mark.parametrize("file", [False, True])
async def test_events_that_are_ignored_after_too_much_was_unread_count_as_dropped(file: bool) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=1000, when_full="error") as client:
        process = await launch(client)
        for number in range(30):
            await peer.send(printed(process, f"{number:02000}"))
            await client.ping()
        if file:
            await peer.send(*chunks(process, b"content", 3))
        await peer.send(returned(process, "1"))
        assert await in_time(process.wait()) == "1"
        assert process.dropped == client.dropped == 30 + file
        with pytest.raises(SlowConsumerError, match=r"raise max_buffered$"):
            await process.recv()
        process.close()
        assert client.dropped == 30 + file


# ------------------------------------------------------------- who waits for what it keeps from arriving


async def test_the_result_arrives_after_a_few_events_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "STALL_SECONDS", 0.05)
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        processes = [await launch(client) for _ in range(3)]
        for process in processes:
            await peer.send(printed(process, "ready"))
            assert await in_time(process.recv()) == (Event.Stdout, "ready")
        sending = [asyncio.create_task(flood(peer, process.process_id)) for process in processes]
        sending.append(asyncio.create_task(finish(peer, processes, sending)))
        results = await in_time(asyncio.gather(*(process.result(int) for process in processes)))
        assert results == [0, 1, 2]
        await in_time(asyncio.gather(*sending))


@pytest.mark.parametrize("iterates", [True, False])
async def test_a_task_that_has_read_and_waits_for_the_result_does_not_keep_it_from_arriving(
    iterates: bool, monkeypatch: pytest.MonkeyPatch, engine: LocalEngine
) -> None:
    monkeypatch.setattr(flow, "STALL_SECONDS", 1000)
    async with PieClient(engine.uri, max_buffered=MIB) as client:
        process = await client.launch_process("print@1.0.0", 320)
        if iterates:
            async for event in process:
                assert isinstance(event, StdoutEvent)
                break
        else:
            await process.recv()
        assert await in_time(process.result(int)) == 320
        assert process.dropped > 250
        # What it expects to read next is missing.
        with pytest.raises(SlowConsumerError, match=f"{process.dropped} unread events"):
            await process.recv()
        events = [event async for event in process]
        assert len(events) + process.dropped == 320


async def test_a_task_that_waits_for_the_result_costs_another_that_goes_on_reading_nothing(
    monkeypatch: pytest.MonkeyPatch, engine: LocalEngine
) -> None:
    monkeypatch.setattr(flow, "STALL_SECONDS", 1000)
    async with PieClient(engine.uri, max_buffered=MIB) as client:
        process = await client.launch_process("print@1.0.0", 320)
        first = await process.recv()

        async def read() -> list[ProcessEvent]:
            events: list[ProcessEvent] = []
            async for event in process:
                events.append(event)
                await turns()
            return events

        reading = asyncio.create_task(read())
        assert await in_time(process.result(int)) == 320
        assert 1 + len(await in_time(reading)) == 321
        assert (first[0], process.dropped) == (Event.Stdout, 0)


async def finish(peer: Peer, processes: list[Process], after: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*after[: len(processes)])
    await peer.send(*(returned(process, str(number)) for number, process in enumerate(processes)))


async def test_one_task_reads_two_processes_of_which_one_sends_much_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flow, "STALL_SECONDS", 0.05)
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        much, little = await launch(client), await launch(client)

        async def send() -> None:
            for number in range(5):
                await flood(peer, much.process_id, 3 * MIB)
                await peer.send(printed(little, f"{number}"))

        sending = asyncio.create_task(send())
        gaps = 0
        for number in range(5):
            assert await in_time(little.recv()) == (Event.Stdout, f"{number}")
            try:
                assert (await in_time(much.recv()))[0] is Event.Stdout
            except SlowConsumerError:
                gaps += 1
        await in_time(sending)
        assert bool(gaps) == bool(much.dropped)
        stalls = [message for message in caplog.messages if "nothing was read" in message]
        assert len(stalls) == 1, "it is not waited for again"
        assert client.buffered < 10 * MIB


async def test_a_reader_is_told_once_of_lost_events_and_goes_on() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        process = await launch(client)
        peer.answers[models.PingRequest] = None
        waiting = asyncio.create_task(client.ping())
        await peer.request(models.PingRequest)
        receiving = asyncio.create_task(process.recv())
        await turns()
        await peer.send(printed(process, "first"))
        assert await in_time(receiving) == (Event.Stdout, "first")
        # Nothing may keep the reply of a request waiting.
        await in_time(flood(peer, process.process_id))
        await peer.send(returned(process, "7"))
        assert await in_time(process.result(int)) == 7
        assert client.buffered < 10 * MIB
        with pytest.raises(SlowConsumerError, match=f"events of process {process.process_id} were dropped"):
            await in_time(process.recv())
        events = [event async for event in process]
        assert events[-1] == ReturnEvent("7")
        assert len(events) - 1 + process.dropped == 20 * MIB // 65536
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting


# ------------------------------------------------------------- by choice


async def test_the_oldest_events_are_dropped_by_choice(engine: LocalEngine) -> None:
    async with PieClient(engine.uri, max_buffered=MIB, when_full="drop-oldest") as client:
        process = await client.launch_process("print@1.0.0", 200)
        await until_ended(client)
        assert process.dropped > 0
        assert process.buffered < 2 * MIB
        events = [event async for event in process]
        assert events[-1] == ReturnEvent("200")
        texts = [number_in(event) for event in events if isinstance(event, StdoutEvent)]
        assert texts == list(range(process.dropped, 200))


async def until_ended(client: PieClient) -> None:
    while await client.list_processes():
        await turns()


async def test_receiving_does_not_pause_if_the_oldest_events_are_dropped() -> None:
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, max_buffered=MIB, when_full="drop-oldest") as client,
    ):
        process = await launch(client)
        await in_time(flood(peer, process.process_id))
        await client.ping()
        assert 0 < process.dropped < 20 * MIB // 65536
        assert process.buffered < 2 * MIB


async def test_too_much_is_an_error_by_choice(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        process = await client.launch_process("print@1.0.0", 200, max_buffered=MIB, when_full="error")
        other = await client.launch_process("print@1.0.0", 200)
        await until_ended(client)
        for _ in range(2):
            with pytest.raises(SlowConsumerError, match=rf"process {process.process_id} .*{MIB} bytes.*; "):
                await in_time(process.recv())
        with pytest.raises(SlowConsumerError):
            await in_time(anext(process))
        assert await in_time(process.result(int)) == 200
        assert process.dropped > 0
        assert await in_time(count(other)) == 201


async def test_attaching_again_chooses_again(engine: LocalEngine) -> None:
    async with PieClient(engine.uri, max_buffered=MIB, when_full="error") as client:
        process = await client.launch_process("print@1.0.0", 200)
        process = await client.attach_process(process.detach(), max_buffered=64 * MIB)
        await until_ended(client)
        assert await in_time(count(process)) == 201


async def test_every_handle_gets_the_result_although_one_was_made_after_an_overflow() -> None:
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, max_buffered=4096, when_full="error") as client,
    ):
        process = await launch(client)
        waiting = asyncio.create_task(process.result())
        for _ in range(10):
            await peer.send(printed(process, "x" * 1000))
            await client.ping()
        with pytest.raises(SlowConsumerError):
            await in_time(process.recv())
        again = await client.attach_process(process.process_id, max_buffered=MIB)
        await peer.send(printed(process, "again"), returned(process, '"done"'))
        assert await in_time(again.recv()) == (Event.Stdout, "again")
        for result in (waiting, again.result(), process.result()):
            assert await in_time(result) == "done"


@pytest.mark.parametrize(
    "options",
    [
        {"when_full": "drop"},
        {"when_full": None},
        {"max_buffered": 0},
        {"max_buffered_total": 0},
        {"max_spooled": -1},
        {"spool_above": 0},
    ],
)
async def test_invalid_limits_are_refused(engine: LocalEngine, options: dict[str, object]) -> None:
    [(name, value)] = options.items()
    with pytest.raises(InvalidArgumentError, match=rf"invalid {name}={value!r}; pass "):
        PieClient(engine.uri, **options)  # type: ignore[arg-type]  # wrong on purpose
    if value is not None and name in ("when_full", "max_buffered"):
        async with PieClient(engine.uri) as client:
            with pytest.raises(InvalidArgumentError, match=rf"invalid {name}={value!r}; pass "):
                await client.launch_process("print@1.0.0", 1, **options)  # type: ignore[arg-type]  # as above
            assert await client.list_processes() == []


def test_the_default_share_is_no_more_than_the_total() -> None:
    PieClient("ws://127.0.0.1:1", max_buffered_total=1000)
    with pytest.raises(
        InvalidArgumentError, match=f"max_buffered={16 * MIB} is more than max_buffered_total=1000, "
    ):
        PieClient("ws://127.0.0.1:1", max_buffered=16 * MIB, max_buffered_total=1000)


async def test_a_share_above_the_total_is_refused(engine: LocalEngine) -> None:
    with pytest.raises(
        InvalidArgumentError, match="max_buffered=2000 is more than max_buffered_total=1000, "
    ):
        PieClient(engine.uri, max_buffered=2000, max_buffered_total=1000)
    async with PieClient(engine.uri, max_buffered=1000, max_buffered_total=1000) as client:
        with pytest.raises(
            InvalidArgumentError, match="max_buffered=1001 is more than max_buffered_total=1000, "
        ):
            await client.launch_process("print@1.0.0", 1, max_buffered=1001)
        assert await client.list_processes() == []


# ------------------------------------------------------------- another event loop


async def test_reading_in_another_event_loop_resumes_receiving_in_that_of_the_client() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await in_time(peer.stalled.wait())

        async def read_everything() -> None:
            with contextlib.suppress(InvalidArgumentError):  # when nothing is left
                while True:
                    await process.recv()

        while not flooding.done():
            await in_time(asyncio.to_thread(asyncio.run, read_everything()))
        await in_time(flooding)
