"""Connecting, closing and restoring when tasks are cancelled, predicates fail, or another event loop interferes."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest

from pie_client import (
    ConnectError,
    ConnectionState,
    ConnectionStatus,
    InvalidArgumentError,
    NotConnectedError,
    PieClient,
    PieError,
    Reconnect,
    ReconnectError,
)
from tests.connection.helpers import SOON, launch, until
from tests.support.peers import in_time, silent, tcp_peer, websocket_peer

LATER = Reconnect(first_delay=1000, max_delay=1000, total_time=10_000)


# ------------------------------------------------------------- cancelling


async def test_connecting_after_a_cancelled_attempt_begins_another_one() -> None:
    came: asyncio.Queue[None] = asyncio.Queue()

    async def stay_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.put_nowait(None)
        await reader.read()

    async with tcp_peer(stay_silent) as address:
        client = PieClient(f"ws://{address}")

        async def connect() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await client.connect()
            # At once: the cancelled attempt has not ended, and joining it would cancel this one.
            await client.connect()

        for _ in range(2):
            connecting = asyncio.create_task(connect())
            await in_time(came.get())
            connecting.cancel()
            await in_time(came.get())
            assert not connecting.done()
            connecting.cancel()
            await asyncio.wait([connecting])
        await client.close()


async def test_a_cancelled_attempt_ends_in_a_state_that_says_so() -> None:
    async with tcp_peer(silent) as address:
        client = PieClient(f"ws://{address}", reconnect=SOON)
        connecting = asyncio.create_task(client.connect())
        await until(client, ConnectionStatus.CONNECTING)
        connecting.cancel()
        assert await until(client, ConnectionStatus.GAVE_UP) == ConnectionState(ConnectionStatus.GAVE_UP, 1)
        await client.close()
        assert client.state == ConnectionState(ConnectionStatus.CLOSED)


async def test_a_close_that_is_cancelled_at_once_drops_the_connection() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await client.connect()
        await client.ping()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        await in_time(peer.all_gone())


async def test_a_close_that_is_cancelled_while_the_connection_is_restored_leaves_nothing() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri, reconnect=LATER)
        await client.connect()
        process = await launch(client)
        waiting: list[asyncio.Task[object]] = [asyncio.create_task(process.wait())]
        peer.hang_up()
        await until(client, ConnectionStatus.WAITING)
        waiting.append(asyncio.create_task(client.ping()))
        waiting.append(asyncio.create_task(client.connect()))
        await asyncio.sleep(0)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        for error in await in_time(asyncio.gather(*waiting, return_exceptions=True)):
            assert isinstance(error, NotConnectedError)
            assert "the client was closed" in str(error)
        assert client.state.status is ConnectionStatus.CLOSED
        await in_time(client.connect())
        await client.ping()
        assert peer.present == 1
        await client.close()


async def test_a_restoration_that_is_cancelled_ends_what_waits_for_it() -> None:
    """As when asyncio.run() ends: it cancels every task."""
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=LATER) as client:
        process = await launch(client)
        waiting = asyncio.create_task(process.wait())
        peer.hang_up()
        await until(client, ConnectionStatus.WAITING)
        for task in asyncio.all_tasks():
            if task.get_name() == "pie-client reconnect":
                task.cancel()
        with pytest.raises(ReconnectError, match="restoring the connection was cancelled"):
            await in_time(waiting)
        assert client.state.status is ConnectionStatus.GAVE_UP


# ------------------------------------------------------------- losing again and again


async def test_connecting_waits_for_a_connection_that_is_lost_again_and_again() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:

        async def lose() -> None:
            while True:
                peer.hang_up()
                await asyncio.sleep(0.001)

        async def connect() -> None:
            for _ in range(10):
                await client.connect()
                await asyncio.sleep(0.002)

        losing = asyncio.create_task(lose())
        await in_time(asyncio.gather(*(connect() for _ in range(20))))
        losing.cancel()
        await in_time(client.ping())


@pytest.mark.parametrize("answers", [True, False])
async def test_an_exception_in_the_policy_counts_as_false_and_is_logged(
    answers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def decide(error: PieError) -> bool:
        raise LookupError(f"nothing known about {type(error).__name__}")

    async with websocket_peer() as peer:
        client = PieClient(peer.uri, reconnect=Reconnect(retry=decide))
        if not answers:
            peer.refuse_upgrade = HTTPStatus.SERVICE_UNAVAILABLE, ""
            with pytest.raises(ConnectError):
                await in_time(client.connect())
        else:
            await client.connect()
            process = await launch(client)
            waiting = asyncio.create_task(process.wait())
            peer.hang_up()
            with pytest.raises(ReconnectError):
                await in_time(waiting)
        assert client.state.status is ConnectionStatus.GAVE_UP
        assert "retry=test_an_exception_in_the_policy" in caplog.text
        assert "nothing known about" in caplog.text
        peer.refuse_upgrade = None
        await in_time(client.connect())
        await client.ping()
        await client.close()


async def test_a_host_name_that_is_unknown_after_a_loss_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "nodename nor servname provided, or not known")

    async with websocket_peer() as peer:
        uri = peer.uri.replace("127.0.0.1", "localhost")
        decided: list[bool] = []

        def decide(error: PieError) -> bool:
            decided.append(Reconnect.is_transient(error))
            return decided[-1]

        policy = Reconnect(attempts=1000, first_delay=0.001, max_delay=0.01, retry=decide)
        async with PieClient(uri, reconnect=policy) as client:
            await client.ping()
            # A computer that is offline has no other way to say so.
            with monkeypatch.context() as offline:
                offline.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
                peer.hang_up()
                async with asyncio.timeout(60):
                    async for state in client.states():
                        if state.attempt == 4:
                            break
                fresh = PieClient(uri, reconnect=SOON)
                with pytest.raises(ConnectError):
                    await fresh.connect()
                assert fresh.state.attempt == 1
            await in_time(client.ping())
        assert all(decided)


# ------------------------------------------------------------- other event loops and collected clients


async def test_another_event_loop_is_refused_and_changes_nothing() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=LATER) as client:
        process = await launch(client)
        calls: list[Callable[[], Awaitable[object]]] = [client.connect, client.close, client.ping]
        calls.append(lambda: process.signal("x"))

        def refused() -> list[str]:
            texts: list[str] = []

            async def call_all() -> None:
                for call in calls:
                    with pytest.raises(InvalidArgumentError, match="another event loop") as caught:
                        await call()
                    texts.append(str(caught.value))

            asyncio.run(call_all())
            return texts

        assert len(await in_time(asyncio.to_thread(refused))) == len(calls)
        await client.ping()
        peer.hang_up()
        await until(client, ConnectionStatus.WAITING)
        assert len(await in_time(asyncio.to_thread(refused))) == len(calls)
        assert client.state.status is ConnectionStatus.WAITING


@pytest.mark.filterwarnings("ignore:unclosed <PieClient:ResourceWarning")
@pytest.mark.parametrize("connects", [True, False])
async def test_the_states_of_a_collected_client_end(connects: bool) -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        if connects:
            await client.connect()
        states, later = client.states(), client.states()
        assert await anext(states) == client.state
        del client
        gc.collect()

        async def statuses() -> list[ConnectionStatus]:
            return [state.status async for state in states] + [state.status async for state in later]

        assert await in_time(statuses()) == [ConnectionStatus.CLOSED] * 2
        await in_time(peer.all_gone())
