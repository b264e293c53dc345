"""Unread events: when receiving pauses and resumes, and when they are discarded."""

import asyncio
import gc
import threading
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from pie_client import (
    ConnectionLostError,
    CorruptEvent,
    DeadlineError,
    Event,
    FileEvent,
    InvalidArgumentError,
    PieClient,
    Process,
    SlowConsumerError,
    models,
)
from pie_client.protocol.files import Spool
from tests.connection.helpers import (
    CLOSE_SECONDS,
    MIB,
    check_text,
    chunks,
    flood,
    launch,
    least_seconds,
    printed,
    returned,
    seconds_to_close,
)
from tests.support.peers import TIMEOUT, Peer, in_time, websocket_peer

Release: TypeAlias = Callable[[Process], Awaitable[None]]


async def by_closing(process: Process) -> None:
    process.close()


async def by_leaving_the_context(process: Process) -> None:
    async with process:
        pass


async def by_an_exception_in_the_context(process: Process) -> None:
    with pytest.raises(LookupError):
        async with process:
            raise LookupError


async def by_garbage_collection(process: Process) -> None:
    """Do nothing: the caller drops its reference."""


@pytest.mark.parametrize(
    "release", [by_closing, by_leaving_the_context, by_an_exception_in_the_context, by_garbage_collection]
)
async def test_events_of_a_released_process_are_ignored(release: Release) -> None:
    """D25, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        other = await launch(client)
        process_id = await launch_and_release(client, release)
        gc.collect()
        # No task reads: if events were buffered, receiving would pause.
        await in_time(flood(peer, process_id))
        await peer.send(printed(other, "hello"))
        assert await in_time(other.recv()) == (Event.Stdout, "hello")


async def launch_and_release(client: PieClient, release: Release) -> str:
    process = await launch(client)
    await release(process)
    return process.process_id


@pytest.mark.parametrize("release", [by_closing, by_garbage_collection])
async def test_unread_events_of_a_released_process_are_discarded(release: Release) -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:

        async def launch_unread(*, finished: bool) -> None:
            process = await launch(client)
            await peer.send(printed(process, "x" * (MIB // 2)), *chunks(process, bytes(1000), 500)[:1])
            if finished:
                await peer.send(returned(process))
            await client.ping()
            await release(process)

        # Together they exceed both limits.
        for number in range(6):
            await launch_unread(finished=number % 2 == 0)
            gc.collect()
        # No task reads: if the events still counted, receiving would pause.
        await in_time(flood(peer, str(uuid.UUID(int=1))))
        await client.ping()


async def test_closing_a_handle_resumes_receiving() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await until_paused(peer, flooding)
        process.close()
        # No task reads or calls: only closing the handle can have resumed it.
        await in_time(flooding)


async def until_paused(peer: Peer, sending: asyncio.Task[None]) -> None:
    """Wait until the client has paused receiving.

    A client that still receives makes progress within a few round trips of another client in the same event loop.
    """
    async with asyncio.timeout(TIMEOUT), websocket_peer() as idle_peer, PieClient(idle_peer.uri) as other:
        while True:
            await peer.stalled.wait()
            before = peer.stalls
            for _ in range(30):
                await other.ping()
            if peer.stalled.is_set() and peer.stalls == before:
                break
            assert not sending.done(), "everything was received"
    assert not sending.done()


async def test_receiving_pauses_while_too_much_is_unread() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await until_paused(peer, flooding)
        size = 0
        for _ in range(100 * MIB // 65536):
            event, text = await in_time(process.recv())
            assert event is Event.Stdout
            size += len(text)
        assert size == 100 * MIB
        await in_time(flooding)


async def test_calls_are_answered_while_too_much_is_unread() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 24 * MIB))
        await until_paused(peer, flooding)
        for _ in range(3):
            await in_time(client.ping())
        await in_time(flooding)
        for _ in range(24 * MIB // 65536):
            assert (await in_time(process.recv()))[0] is Event.Stdout


async def test_an_abandoned_call_does_not_keep_receiving() -> None:
    """D3, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        peer.answers[models.PingRequest] = None
        with pytest.raises(DeadlineError):
            await client.ping(timeout=0.01)
        calling = asyncio.create_task(client.ping())
        await peer.request(models.PingRequest, 2)
        calling.cancel()
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await until_paused(peer, flooding)
        process.close()
        await in_time(flooding)


async def test_calls_that_were_not_sent_do_not_keep_receiving() -> None:
    """D10, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        with pytest.raises(InvalidArgumentError, match="launch_process not sent"):
            await client.launch_process(5)  # type: ignore[arg-type]  # what untyped callers do
        with pytest.raises(InvalidArgumentError, match="add_program not sent"):
            await client.rpc.add_program(content=b"x", manifest="\ud800")
        flooding = asyncio.create_task(flood(peer, process.process_id, 40 * MIB))
        await until_paused(peer, flooding)
        process.close()
        await in_time(flooding)


async def test_waiting_for_another_process_drops_events_of_one_that_nobody_reads() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        big, small = await launch(client), await launch(client)
        await flood_first(peer, big, small)
        assert await in_time(small.recv()) == (Event.Stdout, "hello")
        with pytest.raises(SlowConsumerError) as caught:
            await in_time(big.recv())
        check_text(caught.value, big.process_id, "max_buffered")
        assert isinstance(caught.value, BufferError)
        assert (await in_time(big.recv()))[0] is Event.Stdout
        assert await in_time(small.result()) == 1


async def flood_first(peer: Peer, big: Process, small: Process) -> None:
    """Start to flood one process; an event and the result of the other follow."""

    async def run() -> None:
        await flood(peer, big.process_id)
        await peer.send(printed(small, "hello"), returned(small, "1"))

    peer.background.append(asyncio.create_task(run()))


async def test_a_loss_while_paused_is_reported_after_the_buffered_events() -> None:
    """D24, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await until_paused(peer, flooding)
        peer.reset()
        for _ in range(16 * MIB // 65536):
            assert (await in_time(process.recv()))[0] is Event.Stdout
        with pytest.raises(ConnectionLostError):
            await in_time(process.wait())
        await asyncio.gather(flooding, return_exceptions=True)


async def test_the_client_closes_while_receiving_is_paused() -> None:
    """D6, D27."""

    async def close() -> float:
        async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
            process = await launch(client)
            flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
            await until_paused(peer, flooding)
            seconds = await seconds_to_close(client)
            await asyncio.gather(flooding, return_exceptions=True)
        return seconds

    assert await least_seconds(close) < CLOSE_SECONDS


async def test_a_file_larger_than_the_buffer_that_must_stay_in_memory_is_lost() -> None:
    """D27."""
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, max_buffered=MIB, spool_above=1 << 40) as client,
    ):
        process = await launch(client)
        receiving = asyncio.create_task(anext(process))
        peer.background.append(asyncio.create_task(peer.send(*chunks(process, bytes(20 * MIB), MIB // 4))))
        lost = await in_time(receiving)
        assert isinstance(lost, CorruptEvent)
        assert "it does not fit beside what is unread" in lost.value


async def test_receiving_pauses_while_the_disk_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    append, disk_is_ready = Spool.append, threading.Event()

    def append_later(spool: Spool, parts: list[bytes]) -> None:
        assert disk_is_ready.wait(TIMEOUT)
        append(spool, parts)

    monkeypatch.setattr(Spool, "append", append_later)
    async with websocket_peer() as peer, PieClient(peer.uri, spool_above=1000) as client:
        process = await launch(client)
        reading = asyncio.create_task(anext(process))
        data = bytes(40 * MIB)
        sending = asyncio.create_task(peer.send(*chunks(process, data, MIB // 4)))
        try:
            await until_paused(peer, sending)
        finally:
            disk_is_ready.set()
        file = await in_time(reading)
        assert isinstance(file, FileEvent)
        assert file.size == len(data)
        await in_time(sending)


# ------------------------------------------------------------- processes without a handle


async def launched(peer: Peer, client: PieClient, number: int) -> Process:
    """Launch a process that gets a given id."""
    peer.answers[models.LaunchProcessRequest] = str(uuid.UUID(int=number))
    return await launch(client)


async def test_only_some_processes_without_a_handle_are_kept() -> None:
    """D25."""
    most = 10_000
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        for number in range(most + 4000):
            await peer.send(printed(str(uuid.UUID(int=number)), "hello"))
        await client.ping()
        with pytest.raises(SlowConsumerError, match="sent too much before it had a handle"):
            await in_time((await launched(peer, client, 0)).recv())
        assert await in_time((await launched(peer, client, most + 3999)).recv()) == (Event.Stdout, "hello")


async def test_only_some_bytes_of_processes_without_a_handle_are_kept() -> None:
    """D25."""
    piece, sent = MIB // 2, 40
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        for number in range(sent):
            await peer.send(printed(str(uuid.UUID(int=number)), "x" * piece))
        await client.ping()
        kept: list[int] = []
        for number in range(sent):
            process = await launched(peer, client, number)
            try:
                await in_time(process.recv())
                kept.append(number)
            except SlowConsumerError:
                process.close()
    assert 0 < len(kept) * piece < 10 * MIB
    assert kept == [*range(sent - len(kept), sent)], "the oldest are dropped first"


async def test_a_later_handle_does_not_show_the_late_events_of_a_closed_one() -> None:
    """D25."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        process.close()
        await peer.send(printed(process, "late"))
        await client.ping()
        again = await client.attach_process(process.process_id)
        await peer.send(printed(process, "new"))
        assert await in_time(again.recv()) == (Event.Stdout, "new")


# ------------------------------------------------------------- slow readers


@pytest.mark.parametrize("max_buffered", [1000, 20_000, MIB])
async def test_a_reader_slower_than_the_server_gets_every_event(max_buffered: int) -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=max_buffered) as client:
        process = await launch(client)
        sending = asyncio.create_task(peer.send(*[printed(process, "x" * 500)] * 5000, returned(process)))
        events = 0
        async with asyncio.timeout(TIMEOUT):
            async for _event in process:
                events += 1
                if events % 10 == 0:
                    await client_turn()
        await in_time(sending)
    assert events == 5001


async def client_turn() -> None:
    """Let the event loop read from its sockets."""
    for _ in range(3):
        await asyncio.sleep(0)
