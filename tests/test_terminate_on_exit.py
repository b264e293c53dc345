"""Processes that end with the block that uses them, and those that do not."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pie_client import PieClient, Process, models, owned
from pie_client.testing import LocalEngine, Refusal
from tests.support.peers import TIMEOUT, in_time, websocket_peer

PROCESS = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

Launch = Callable[[PieClient, bool], Awaitable[Process]]
"""Gets a handle of a new process that waits for a signal, and may be told that the handle owns it."""


async def attach(client: PieClient, owns: bool) -> Process:
    launched = await client.launch_process("wait@1.0.0", capture_outputs=False)
    return await client.attach_process(launched.process_id, terminate_on_exit=owns)


async def attach_again(client: PieClient, owns: bool) -> Process:
    launched = await client.launch_process("wait@1.0.0")
    return await client.attach_process(launched.process_id, terminate_on_exit=owns)


async def launch_many(client: PieClient, owns: bool) -> Process:
    (process,) = await client.launch_processes("wait@1.0.0", [1], terminate_on_exit=owns)
    return process


LAUNCHES: dict[str, Launch] = {
    "launch": lambda client, owns: client.launch_process("wait@1.0.0", terminate_on_exit=owns),
    "launch without output": lambda client, owns: client.launch_process(
        "wait@1.0.0", capture_outputs=False, terminate_on_exit=owns
    ),
    "run": lambda client, owns: client.run_with(terminate_on_exit=owns)("wait@1.0.0"),
    "attach": attach,
    "attach to an own process": attach_again,
}


@pytest.fixture
async def engine(family: str) -> AsyncIterator[LocalEngine]:
    """An engine with the built-in programs."""
    async with LocalEngine(family="0.4" if family == "0.4" else "0.5", builtins=True) as running:
        yield running


async def running(client: PieClient) -> list[str]:
    return [info.id for info in await client.list_processes()]


async def leave_by_error(launching: Awaitable[Process]) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with await launching:
            raise ZeroDivisionError


async def leave_by_cancellation(launching: Awaitable[Process]) -> None:
    entered = asyncio.Event()

    async def read() -> None:
        async with await launching:
            entered.set()
            await asyncio.Event().wait()

    reading = asyncio.create_task(read())
    await in_time(entered.wait())
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await in_time(reading)


async def leave_early(launching: Awaitable[Process]) -> None:
    async with await launching:
        pass


WAYS = [leave_by_error, leave_by_cancellation, leave_early]


@pytest.mark.parametrize("leave", WAYS)
@pytest.mark.parametrize("launch", LAUNCHES)
async def test_leaving_a_block_terminates_the_process_only_if_it_was_asked_for(
    launch: str, leave: Callable[[Awaitable[Process]], Awaitable[None]], client: PieClient
) -> None:
    await leave(LAUNCHES[launch](client, True))
    assert await running(client) == []
    await leave(LAUNCHES[launch](client, False))
    assert len(await running(client)) == 1


@pytest.mark.parametrize("family", ["0.4"])
@pytest.mark.parametrize("leave", WAYS)
async def test_leaving_a_block_terminates_a_process_of_a_batch(
    leave: Callable[[Awaitable[Process]], Awaitable[None]], client: PieClient
) -> None:
    await leave(launch_many(client, True))
    assert await running(client) == []


@pytest.mark.parametrize("give_up", [Process.close, Process.detach])
async def test_a_handle_that_was_closed_or_detached_in_its_block_terminates_nothing(
    give_up: Callable[[Process], object], client: PieClient
) -> None:
    async with await client.launch_process("wait@1.0.0", terminate_on_exit=True) as process:
        give_up(process)
    assert await running(client) == [process.process_id]


async def test_a_process_that_has_ended_is_not_terminated(client: PieClient, engine: LocalEngine) -> None:
    asked: list[models.TerminateProcessRequest] = []

    def refuse(request: models.TerminateProcessRequest) -> str:
        asked.append(request)
        raise Refusal("Process not found")

    engine.answer(models.TerminateProcessRequest, refuse)
    async with await client.launch_process("echo@1.0.0", 5, terminate_on_exit=True) as process:
        assert await process.result(int, timeout=TIMEOUT) == 5
    assert asked == []


async def test_the_end_of_a_process_while_its_block_is_left_is_no_failure(
    client: PieClient, engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_request: models.TerminateProcessRequest) -> str:
        raise Refusal("Process not found")

    engine.answer(models.TerminateProcessRequest, refuse)
    async with await client.launch_process("wait@1.0.0", terminate_on_exit=True):
        pass
    assert "terminated" not in caplog.text


async def test_a_failure_to_terminate_is_logged_and_hides_no_other_error(
    client: PieClient, engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_request: models.TerminateProcessRequest) -> str:
        raise Refusal("not now")

    engine.answer(models.TerminateProcessRequest, refuse)
    process = await client.launch_process("wait@1.0.0", terminate_on_exit=True)
    with pytest.raises(ZeroDivisionError), caplog.at_level(logging.WARNING, "pie_client"):
        async with process:
            raise ZeroDivisionError
    assert f"process {process.process_id} may keep running, it could not be terminated: " in caplog.text
    assert "not now" in caplog.text


async def test_a_second_cancellation_ends_the_wait_and_not_the_termination() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.LaunchProcessRequest] = PROCESS
        peer.answers[models.TerminateProcessRequest] = None

        async def read() -> None:
            async with await client.launch_process("a@1.0.0", terminate_on_exit=True):
                await asyncio.Event().wait()

        reading = asyncio.create_task(read())
        await peer.request(models.LaunchProcessRequest)
        await client.ping()
        reading.cancel()
        await peer.request(models.TerminateProcessRequest)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await in_time(reading)


async def test_a_server_that_does_not_confirm_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owned, "EXIT_SECONDS", 0.05)
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=3600) as client:
        peer.answers[models.LaunchProcessRequest] = PROCESS
        peer.answers[models.TerminateProcessRequest] = None
        async with asyncio.timeout(TIMEOUT):
            async with await client.launch_process("a@1.0.0", terminate_on_exit=True):
                pass
        await peer.request(models.TerminateProcessRequest)


async def test_a_lost_connection_is_no_error_of_the_block(caplog: pytest.LogCaptureFixture) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.LaunchProcessRequest] = PROCESS
        async with await client.launch_process("a@1.0.0", terminate_on_exit=True) as process:
            peer.reset()
            with pytest.raises(ConnectionError):
                await process.recv(timeout=TIMEOUT)
        assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_many_cancelled_readers_leave_no_process(client: PieClient) -> None:
    async def read() -> None:
        async with await client.launch_process("wait@1.0.0", terminate_on_exit=True) as process:
            await process.recv()

    readers = [asyncio.create_task(read()) for _ in range(50)]
    for steps in range(50):  # some are launching, some are reading
        readers[steps].cancel()
        await asyncio.sleep(0)
    await in_time(asyncio.wait(readers))
    async with asyncio.timeout(TIMEOUT):
        while await running(client):  # of launches that were cancelled, whose replies may be on the way
            pass
