"""Connecting, losing the connection and connecting again, without a policy for reconnecting."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from pie_client import (
    ConnectError,
    ConnectionLostError,
    ConnectionState,
    ConnectionStatus,
    Family,
    NotConnectedError,
    ParsedPrivateKey,
    PieClient,
    PieConnectionError,
    UnsupportedError,
    agent_keys,
)
from pie_client.testing import LocalEngine
from tests.support.keys import ed25519_key
from tests.support.peers import free_port, in_time, websocket_peer


async def lost(client: PieClient) -> ConnectionState:
    """Wait until the client knows that its connection is lost."""
    async for state in client.states():
        if state.status is ConnectionStatus.LOST:
            return state
    raise AssertionError("the client was closed")


def _is_connected(client: PieClient) -> bool:
    # A function, because checkers take a property that was compared for a constant.
    return client.connected


async def test_twenty_tasks_that_connect_again_after_a_loss_share_one_attempt() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()

        async def work() -> None:
            while True:
                try:
                    await client.ping()
                except PieConnectionError:
                    await client.connect()
                else:
                    return

        peer.hang_up()
        await in_time(lost(client))
        await in_time(asyncio.gather(*(work() for _ in range(20))))
        assert len(peer.upgrades) == 2
        assert client.connected


async def test_connecting_a_connected_client_changes_nothing() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await client.launch_process("a@1.0.0")
        reading = asyncio.create_task(process.recv())
        await client.connect()
        await client.ping()
        assert len(peer.upgrades) == 1
        assert not reading.done()
        reading.cancel()


async def test_tasks_that_share_a_failed_attempt_share_its_error() -> None:
    client = PieClient(f"ws://127.0.0.1:{free_port()}")
    outcomes = await in_time(asyncio.gather(*(client.connect() for _ in range(3)), return_exceptions=True))
    assert all(isinstance(outcome, ConnectError) for outcome in outcomes)
    assert client.state.status is ConnectionStatus.GAVE_UP
    assert client.state.cause is outcomes[0]


async def test_a_connect_that_is_cancelled_as_it_succeeds_leaves_no_connection() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        connecting = asyncio.create_task(client.__aenter__())
        await asyncio.sleep(0)
        [opening] = [task for task in asyncio.all_tasks() if task.get_name() == "pie-client connect"]
        opening.add_done_callback(lambda _: connecting.cancel())
        with pytest.raises(asyncio.CancelledError):
            await in_time(connecting)
        assert opening.exception() is None
        assert client.state.status is ConnectionStatus.GAVE_UP
        await peer.all_gone()
        async with client:
            await client.ping()


async def test_cancelling_one_of_two_callers_leaves_the_attempt_running() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        first, second = asyncio.create_task(client.connect()), asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        first.cancel()
        await in_time(second)
        assert first.cancelled()
        await client.ping()
        await client.close()


async def test_the_state_tells_what_the_connection_is_doing_and_why() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        assert (client.connected, client.state) == (False, ConnectionState(ConnectionStatus.CLOSED))

        async def follow() -> list[ConnectionState]:
            return [state async for state in client.states()]

        following = asyncio.create_task(follow())
        await asyncio.sleep(0)
        await client.connect()
        assert _is_connected(client)
        await client.ping()
        peer.hang_up()
        cause = (await in_time(lost(client))).cause
        assert not _is_connected(client)
        assert "lost without a close frame" in str(cause)
        await client.close()
        states = await in_time(following)
        assert [state.status.value for state in states] == ["closed", "connecting", "ready", "lost", "closed"]
        assert str(states[3]) == f"lost: {cause}"


async def test_the_states_of_a_closed_client_end_until_it_connects_again() -> None:
    async def follow(client: PieClient) -> list[str]:
        return [state.status.value async for state in client.states()]

    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        never_connected = asyncio.create_task(follow(client))
        await asyncio.sleep(0)
        await client.close()
        assert await in_time(never_connected) == ["closed", "closed"]
        assert await in_time(follow(client)) == ["closed"]
        for _ in range(2):
            await client.connect()
            following = asyncio.create_task(follow(client))
            await asyncio.sleep(0)
            await client.close()
            assert await in_time(following) == ["ready", "closed"]
            await client.close()
            assert await in_time(follow(client)) == ["closed"]


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_session_after_a_loss_has_the_user_of_the_one_before(
    family: Family, engine: LocalEngine
) -> None:
    @engine.inferlet("wait@1.0.0")
    async def wait(*_: object) -> None:
        await asyncio.Event().wait()

    async with PieClient(engine.uri) as client:
        await client.authenticate("alice")
        engine.faults.drop_connection()
        await in_time(lost(client))
        await client.connect()
        await client.launch_process("wait@1.0.0")
        assert [process.username for process in engine.processes.values()] == ["alice"]
        # Closing is deliberate, so it ends the session of the user.
        await client.close()
        await client.connect()
        await client.launch_process("wait@1.0.0")
        assert sorted(process.username for process in engine.processes.values()) == ["alice", "pie-client"]


async def test_a_key_and_a_token_identify_the_session_after_a_loss(tmp_path: Path) -> None:
    key, public = ed25519_key(tmp_path)
    async with LocalEngine(family="0.4", auth={"alice": [public]}) as engine:
        for user in ("alice", "internal"):
            async with PieClient(engine.uri) as client:
                if user == "alice":
                    await client.authenticate("alice", ParsedPrivateKey.from_file(key))
                else:
                    await client.auth_by_token(engine.token)
                engine.faults.drop_connection()
                await in_time(lost(client))
                await client.connect()
                await client.ping()
                assert client.server is not None
                assert client.server.username == user


async def test_a_client_that_nobody_closed_warns_and_drops_its_connection() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await client.connect()
        await client.ping()
        with pytest.warns(ResourceWarning, match=f"unclosed <PieClient {peer.uri} connected>; close it"):
            del client
        await in_time(peer.all_gone())


async def test_a_client_that_nobody_closed_warns_also_at_the_exit_of_the_interpreter() -> None:
    program = """
import asyncio, sys
from pie_client import PieClient

client = PieClient(sys.argv[1])

async def main():
    await client.connect()
    await client.ping()

asyncio.run(main())
"""
    async with websocket_peer() as peer:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "always::ResourceWarning", "-c", program, peer.uri),
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await in_time(process.communicate())
    assert process.returncode == 0
    assert f"ResourceWarning: unclosed <PieClient {peer.uri} connected>" in err.decode()
    assert "Error:" not in err.decode()


def test_without_an_asyncio_event_loop_the_error_says_so() -> None:
    """Trio and others run coroutines by send(), too."""
    client = PieClient("ws://127.0.0.1:1")
    starts: list[Callable[[], Coroutine[None, None, object]]] = [
        client.connect,
        client.__aenter__,
        lambda: client.resolve_version("a", "http://127.0.0.1:1"),
        lambda: agent_keys("/nowhere"),
        LocalEngine().__aenter__,
    ]
    for start in starts:
        with pytest.raises(UnsupportedError, match="needs asyncio, and no asyncio event loop runs here"):
            start().send(None)


async def test_while_a_task_connects_again_others_learn_that_the_connection_was_lost() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.hang_up()
        await in_time(lost(client))
        connecting = asyncio.create_task(client.connect())
        async for state in client.states():
            if state.status is ConnectionStatus.CONNECTING:
                break
        with pytest.raises(ConnectionLostError):
            await client.ping()
        await in_time(connecting)
        await client.ping()


async def test_calls_before_connecting_say_that_the_client_is_not_connected() -> None:
    with pytest.raises(NotConnectedError):
        await PieClient("ws://127.0.0.1:1").ping()
