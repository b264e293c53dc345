"""Reading the events and the result of a process, and closing its handle."""

import asyncio
import uuid

import pytest

from pie_client import (
    DeadlineError,
    ErrorEvent,
    Event,
    FileEvent,
    InvalidArgumentError,
    PieClient,
    ProcessEndedError,
    ProcessNotFoundError,
    ProcessTerminatedError,
    ReturnEvent,
    StdoutEvent,
    models,
)
from tests.connection.helpers import (
    all_waits,
    check_text,
    chunks,
    launch,
    outcomes,
    printed,
    returned,
    start_waiting,
)
from tests.support.peers import Refusal, in_time, websocket_peer


async def test_recv_raises_after_the_terminal_event() -> None:
    """D23."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(returned(process, "1"), printed(process, "late"), returned(process, "2"))
        assert await in_time(process.recv()) == (Event.Return, "1")
        for _ in range(2):
            with pytest.raises(ProcessEndedError) as caught:
                await in_time(process.recv())
            assert process.process_id in str(caught.value)
            assert isinstance(caught.value, EOFError)
        assert [event async for event in process] == []


async def test_the_terminal_event_wakes_all_readers() -> None:
    """D23."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await start_waiting(client, *(process.recv() for _ in range(3)), process.wait())
        await peer.send(returned(process, "1"))
        *received, waited = await outcomes(tasks)
        assert waited == "1"
        assert received.count((Event.Return, "1")) == 1
        assert sum(isinstance(r, ProcessEndedError) for r in received) == 2


async def test_the_server_is_asked_again_for_a_process_that_ended_before_its_handle() -> None:
    """D26."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.LaunchProcessRequest] = None
        launching = asyncio.create_task(launch(client))
        request = await peer.request(models.LaunchProcessRequest)
        process_id = str(uuid.uuid4())
        await peer.send(returned(process_id, "1"))
        await peer.reply(request.corr_id, process_id)
        assert [event async for event in await in_time(launching)] == [ReturnEvent("1")]
        peer.answers[models.AttachProcessRequest] = Refusal("Process not found")
        with pytest.raises(ProcessNotFoundError):
            await in_time(client.attach_process(process_id))


async def test_nothing_is_sent_to_a_process_that_has_ended() -> None:
    """D35."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(returned(process))
        await client.ping()
        for sending in (
            process.signal("hello"),
            process.transfer_file(b"file"),
            client.signal_process(process.process_id, "hello"),
        ):
            with pytest.raises(ProcessEndedError, match="has ended") as caught:
                await in_time(sending)
            check_text(caught.value, process.process_id, "not sent")
        await client.ping()
        assert peer.requests_of(models.SignalProcessRequest) == []
        assert peer.requests_of(models.TransferFileRequest) == []


async def test_each_of_several_readers_gets_its_own_event() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await start_waiting(client, *(process.recv() for _ in range(10)))
        await peer.send(*(printed(process, str(n)) for n in range(10)))
        results = await outcomes(tasks)
        assert set(map(str, results)) == {str((Event.Stdout, str(n))) for n in range(10)}


async def test_cancelling_recv_loses_no_event() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        sending = asyncio.create_task(
            peer.send(*(printed(process, str(n)) for n in range(300)), returned(process))
        )
        received: list[object] = []
        steps = 0
        while not received or received[-1] != (Event.Return, "null"):
            receiving = asyncio.create_task(process.recv())
            steps = (steps + 1) % 7
            for _ in range(steps):
                await asyncio.sleep(0)  # as many steps of the event loop
            receiving.cancel()
            (outcome,) = await outcomes([receiving])
            if not isinstance(outcome, asyncio.CancelledError):
                received.append(outcome)
        await sending
        assert received == [*((Event.Stdout, str(n)) for n in range(300)), (Event.Return, "null")]


async def test_a_timeout_of_recv_loses_no_event() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        with pytest.raises(DeadlineError) as caught:
            await process.recv(timeout=0.01)
        check_text(caught.value, process.process_id, "0.01 s")
        sending = asyncio.create_task(
            peer.send(*(printed(process, str(n)) for n in range(300)), returned(process))
        )
        received: list[object] = []
        while not received or received[-1] != (Event.Return, "null"):
            try:
                received.append(await process.recv(timeout=1e-6))
            except DeadlineError:
                continue
        await sending
        assert received == [*((Event.Stdout, str(n)) for n in range(300)), (Event.Return, "null")]


async def test_wait_and_result_can_be_called_again_after_a_timeout() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        for wait in (process.wait(timeout=0.01), process.result(timeout=0.01)):
            with pytest.raises(DeadlineError) as caught:
                await wait
            check_text(caught.value, process.process_id, "0.01 s")
        await peer.send(returned(process, "5"))
        assert await in_time(process.result()) == 5


async def test_the_result_consumes_no_events() -> None:
    """D31."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await start_waiting(client, process.result(), process.wait(), process.result(dict[str, int]))
        await peer.send(printed(process, "out"))
        assert await in_time(process.recv()) == (Event.Stdout, "out")
        await peer.send(printed(process, "more"), *chunks(process, b"file", 3), returned(process, '{"a": 1}'))
        assert await outcomes(tasks) == [{"a": 1}, '{"a": 1}', {"a": 1}]
        # All events are still there.
        assert await in_time(process.result()) == {"a": 1}
        events = [event async for event in process]
        assert events == [StdoutEvent("more"), b"file", ReturnEvent('{"a": 1}')]
        assert isinstance(events[1], FileEvent)
        assert await in_time(process.result()) == await in_time(process.result()) == {"a": 1}
        assert await in_time(process.wait()) == '{"a": 1}'


async def test_a_process_error_is_raised_by_every_wait_and_is_one_event() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await start_waiting(client, process.result(), process.wait())
        ended = models.ErrorFrame(process_id=process.process_id, value="Signal")
        await peer.send(ended)
        assert [type(e) for e in await outcomes(tasks)] == [ProcessTerminatedError] * 2
        assert [event async for event in process] == [ErrorEvent("Signal")]
        with pytest.raises(ProcessTerminatedError):
            await process.wait()


async def test_closing_a_handle_fails_its_readers() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await start_waiting(client, *all_waits(process))
        process.close()
        for error in await outcomes(tasks):
            assert isinstance(error, ProcessEndedError)
            check_text(error, process.process_id, "closed")
        process.close()
        with pytest.raises(ProcessEndedError, match="closed"):
            await anext(process)


async def test_two_handles_of_one_process_share_its_events() -> None:
    """D30."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        first = await launch(client)
        second = await client.attach_process(first.process_id)
        waiters = await start_waiting(client, first.wait(), second.wait())
        await peer.send(printed(first, "one"), printed(first, "two"))
        assert await in_time(second.recv()) == (Event.Stdout, "one")
        assert await in_time(first.recv()) == (Event.Stdout, "two")
        first.close()
        with pytest.raises(ProcessEndedError):
            await first.recv()
        await peer.send(models.ReturnFrame(process_id=first.process_id, value="2"))
        assert await in_time(second.recv()) == (Event.Return, "2")
        ended, result = await outcomes(waiters)
        assert isinstance(ended, ProcessEndedError)
        assert result == "2"


async def test_events_of_unknown_kinds_do_not_extend_the_timeout_of_recv() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)

        async def babble() -> None:
            while True:
                await peer.send(models.UnknownFrame(process_id=process.process_id, event="noise"))
                await asyncio.sleep(0)  # sending suspends only while the socket is full

        babbling = asyncio.create_task(babble())
        with pytest.raises(DeadlineError):
            await in_time(process.recv(timeout=0.1))
        babbling.cancel()


async def test_result_rejects_types_that_pydantic_cannot_validate() -> None:
    class Opaque:
        pass

    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        with pytest.raises(InvalidArgumentError, match="pydantic can't validate"):
            await in_time(process.result(Opaque))


@pytest.mark.parametrize("name", ["NoSuch", 'list["NoSuch"]'])
async def test_result_rejects_types_with_undefined_names(name: str) -> None:
    as_type: type[object] = eval(name) if "[" in name else name  # type: ignore[assignment]  # noqa: S307 - our own texts
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        with pytest.raises(InvalidArgumentError, match="pydantic can't validate"):
            await in_time(process.result(as_type))
