"""How processes, connections and servers end, and what is left then."""

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
from pie_client.testing._generated.servers import SERVERS
from tests.scenarios.programs import ECHO, WAIT, Programs, events_of, wait_until_gone
from tests.scenarios.servers import ServerProcess
from tests.scenarios.shared_engine import FIRST_LAUNCH
from tests.support.peers import PATIENCE, in_time

TRAITS = SERVERS["0.5"]
MANY = 50
"""Processes at once."""
STREAM = """
async def main(input):
    number = 0
    while True:
        session.send(str(number))
        number += 1
        await asyncio.sleep(0)
"""
"""Sends messages and never ends."""


async def test_fifty_processes_run_at_once_on_one_connection(client: PieClient, programs: Programs) -> None:
    program = await programs.install(ECHO)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
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


async def test_a_terminated_process_ends_with_an_error(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(WAIT)
    assert await in_time(anext(process)) == MessageEvent("waiting")
    await process.terminate()
    assert isinstance(await in_time(anext(process)), ErrorEvent)
    with pytest.raises(ProcessTerminatedError):
        await process.result()
    await wait_until_gone(client, process)


async def test_a_process_can_be_terminated_before_it_says_anything(
    client: PieClient, programs: Programs
) -> None:
    process = await programs.launch(WAIT)
    await process.terminate()
    with pytest.raises(ProcessTerminatedError):
        await in_time(process.result())


async def test_a_process_can_be_terminated_from_another_connection(
    uri: str, client: PieClient, programs: Programs
) -> None:
    process = await programs.launch(WAIT)
    async with PieClient(uri, identity="another/user", timeout=PATIENCE) as other:
        await other.terminate_process(process.process_id)
    with pytest.raises(ProcessTerminatedError):
        await in_time(process.result())


async def test_what_a_connection_captured_ends_with_it_and_nothing_else(
    uri: str, client: PieClient, programs: Programs
) -> None:
    program = await programs.install(WAIT, waits=False)
    async with PieClient(uri, timeout=PATIENCE) as other:
        captured = await other.launch_process(program)
        uncaptured = await other.launch_process(program, capture_outputs=False)
        mine = await client.launch_process(program)
        assert len(await client.list_processes()) == 3
    await wait_until_gone(client, captured)
    assert {info.id for info in await client.list_processes()} == {mine.process_id, uncaptured.process_id}
    again = await client.attach_process(uncaptured.process_id)
    for process in (mine, again):
        await process.signal("end")
        assert await in_time(process.wait()) == "end"


async def test_an_input_as_large_as_the_server_reads_is_taken_and_a_larger_one_is_not_sent(
    client: PieClient, programs: Programs
) -> None:
    program = await programs.install("async def main(input):\n    return len(input)\n")
    fits = TRAITS.message_bytes - 200
    process = await programs.start(program, "x" * fits)
    assert await in_time(process.wait()) == str(fits)
    with pytest.raises(
        InvalidArgumentError, match=f"more than the {TRAITS.message_bytes} that the server reads"
    ):
        await client.launch_process(program, "x" * TRAITS.message_bytes)
    await client.ping()


@pytest.mark.parametrize("end", [ServerProcess.kill, ServerProcess.stop])
async def test_a_server_that_ends_midway_fails_all_that_waits(
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


async def test_a_client_connects_again_to_the_server_that_comes_next(
    start: Callable[[], ServerProcess],
) -> None:
    for _ in range(2):
        server = start()
        async with PieClient(server.uri, timeout=FIRST_LAUNCH) as client:
            await client.ping()
            assert await client.list_processes() == []
        server.kill()
