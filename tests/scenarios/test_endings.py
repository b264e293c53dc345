"""The end of processes, connections and servers, and the state after it."""

import asyncio
from collections.abc import Callable

import pytest

from pie_client import (
    ErrorEvent,
    InvalidArgumentError,
    MessageEvent,
    PieClient,
    PieConnectionError,
    ProcessTerminatedError,
    ReturnEvent,
    StdoutEvent,
)
from tests.scenarios.programs import ECHO, WAIT, Programs, events_of, wait_until_gone
from tests.scenarios.servers import ServerProcess
from tests.scenarios.shared_engine import FIRST_LAUNCH
from tests.support.peers import TIMEOUT, in_time

MESSAGE_BYTES = 7 << 20
"""The largest message that a 0.5 server reads."""
MANY = 50
"""Processes that run at the same time."""
STREAM = """
async def main(input):
    number = 0
    while True:
        session.send(str(number))
        number += 1
        await asyncio.sleep(0)
"""
"""Sends messages without end."""


async def test_fifty_processes_run_at_the_same_time_on_one_connection(
    client: PieClient, programs: Programs
) -> None:
    program = await programs.install(ECHO)
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
        launches = [group.create_task(programs.start(program, number)) for number in range(MANY)]
    processes = [launch.result() for launch in launches]
    assert len({process.process_id for process in processes}) == MANY
    assert {info.id for info in await client.list_processes()} == {p.process_id for p in processes}
    for number, process in enumerate(processes):
        await process.signal(str(number))
        await process.signal("end")
    for number, process in enumerate(processes):
        events = await events_of(process)
        assert "".join(event.value for event in events if isinstance(event, StdoutEvent)) == "up\n"
        assert events[-2:] == [MessageEvent(f"received {number}"), ReturnEvent("done")]


async def test_terminate_ends_a_process_with_an_error_event(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(WAIT)
    assert await in_time(anext(process)) == MessageEvent("waiting")
    await process.terminate()
    assert isinstance(await in_time(anext(process)), ErrorEvent)
    with pytest.raises(ProcessTerminatedError):
        await process.result()
    await wait_until_gone(client, process)


async def test_terminate_before_the_first_event_fails_the_process(
    client: PieClient, programs: Programs
) -> None:
    process = await programs.launch(WAIT)
    await process.terminate()
    with pytest.raises(ProcessTerminatedError):
        await in_time(process.result())


async def test_another_connection_can_terminate_a_process(
    uri: str, client: PieClient, programs: Programs
) -> None:
    process = await programs.launch(WAIT)
    async with PieClient(uri, identity="another/user", timeout=TIMEOUT) as other:
        await other.terminate_process(process.process_id)
    with pytest.raises(ProcessTerminatedError):
        await in_time(process.result())


async def test_the_captured_processes_of_a_connection_end_with_it_and_no_others(
    uri: str, client: PieClient, programs: Programs
) -> None:
    program = await programs.install(WAIT, waits=False)
    async with PieClient(uri, timeout=TIMEOUT) as other:
        captured = await other.launch_process(program)
        uncaptured = await other.launch_process(program, capture_outputs=False)
        kept = await client.launch_process(program)
        assert len(await client.list_processes()) == 3
    await wait_until_gone(client, captured)
    assert {info.id for info in await client.list_processes()} == {kept.process_id, uncaptured.process_id}
    attached = await client.attach_process(uncaptured.process_id)
    for process in (kept, attached):
        await process.signal("end")
        assert await in_time(process.wait()) == "end"


async def test_the_largest_input_that_the_server_reads_is_sent_and_a_larger_one_is_not(
    client: PieClient, programs: Programs
) -> None:
    program = await programs.install("async def main(input):\n    return len(input)\n")
    fits = MESSAGE_BYTES - 200
    process = await programs.start(program, "x" * fits)
    assert await in_time(process.wait()) == str(fits)
    with pytest.raises(InvalidArgumentError, match=f"exceed the server's limit of {MESSAGE_BYTES}"):
        await client.launch_process(program, "x" * MESSAGE_BYTES)
    await client.ping()


@pytest.mark.parametrize("end", [ServerProcess.kill, ServerProcess.stop])
async def test_all_pending_calls_fail_when_the_server_ends(
    start: Callable[[], ServerProcess], end: Callable[[ServerProcess], object]
) -> None:
    server = start()
    client = PieClient(server.uri, timeout=FIRST_LAUNCH)
    await client.connect()
    programs = Programs(client)
    streaming = await programs.launch(STREAM)
    waiting = await programs.launch(WAIT)
    assert await in_time(anext(streaming)) == MessageEvent("0")
    assert await in_time(anext(waiting)) == MessageEvent("waiting")

    ended = asyncio.create_task(asyncio.to_thread(end, server))
    with pytest.raises(PieConnectionError):
        await in_time(waiting.wait())
    with pytest.raises(PieConnectionError):
        await events_of(streaming)
    with pytest.raises(PieConnectionError):
        await client.ping()
    await in_time(client.close())
    await in_time(ended)


async def test_a_client_connects_to_a_restarted_server(
    start: Callable[[], ServerProcess],
) -> None:
    for _ in range(2):
        server = start()
        async with PieClient(server.uri, timeout=FIRST_LAUNCH) as client:
            await client.ping()
            assert await client.list_processes() == []
        server.kill()
