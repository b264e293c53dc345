"""A client with ``reconnect=`` whose server is killed and started again."""

import asyncio
from collections.abc import Callable

from pie_client import ConnectionState, ConnectionStatus, MessageEvent, PieClient, ProcessLostError, Reconnect
from tests.scenarios.programs import WAIT, Programs
from tests.scenarios.servers import ServerProcess
from tests.scenarios.shared_engine import FIRST_LAUNCH, start_first_script
from tests.support.peers import in_time

MANY = 50
"""Processes that run when the server is killed."""


async def test_a_client_survives_a_killed_and_restarted_server_and_says_what_was_lost(
    start: Callable[[], ServerProcess],
) -> None:
    server = start()
    await start_first_script(server.uri)
    policy = Reconnect(attempts=10_000, total_time=FIRST_LAUNCH, first_delay=0.1, max_delay=1)
    async with PieClient(server.uri, timeout=FIRST_LAUNCH, reconnect=policy) as client:
        programs = Programs(client)
        program = await programs.install(WAIT)
        processes = [await programs.start(program) for _ in range(MANY)]
        # A real engine lets some of them wait until others have ended.
        assert await in_time(anext(processes[0])) == MessageEvent("waiting")
        assert len(await client.list_processes()) == MANY
        waits = [asyncio.create_task(process.wait()) for process in processes]
        following = asyncio.create_task(_states_of_a_restart(client))

        await asyncio.to_thread(server.restart)
        states = await in_time(following)
        assert {state.status for state in states[:3]} == {
            *(ConnectionStatus.READY, ConnectionStatus.LOST, ConnectionStatus.WAITING)
        }
        assert states[-1].kept == ()
        assert sorted(states[-1].lost) == sorted(process.process_id for process in processes)
        errors = await in_time(asyncio.gather(*waits, return_exceptions=True))
        for error in errors:
            assert isinstance(error, ProcessLostError)
            assert "Pie 0.5 servers terminate processes when their connection ends" in str(error)

        again = await programs.launch(WAIT)
        async with asyncio.timeout(FIRST_LAUNCH):
            assert await anext(again) == MessageEvent("waiting")
        assert [info.id for info in await client.list_processes()] == [again.process_id]
        await again.signal("done")
        assert await in_time(again.wait()) in ("done", '"done"')


async def _states_of_a_restart(client: PieClient) -> list[ConnectionState]:
    """Return the states from now until the client is connected again."""
    states: list[ConnectionState] = []
    async for state in client.states():
        states.append(state)
        if len(states) > 1 and state.status is ConnectionStatus.READY:
            break
    return states
