"""Calls before connecting and after closing, and closing while anything else is going on."""

import asyncio
import math
import uuid
from collections.abc import Coroutine
from typing import Any

import pytest

from pie_client import (
    ConnectionStatus,
    DeadlineError,
    Event,
    NotConnectedError,
    PieClient,
    Process,
    ReturnEvent,
    StdoutEvent,
    models,
)
from tests.connection.helpers import (
    CLOSE_SECONDS,
    MIB,
    all_waits,
    check_text,
    launch,
    least_seconds,
    outcomes,
    printed,
    returned,
    seconds_to_close,
    start_waiting,
)
from tests.support.peers import SilentWebSocket, in_time, tcp_peer, websocket_peer


def every_call(client: PieClient) -> list[Coroutine[Any, Any, object]]:
    process_id = str(uuid.uuid4())
    return [
        client.ping(),
        client.authenticate("alice"),
        client.auth_by_token("token"),
        client.query("model_status"),
        client.check_program("a@1.0.0"),
        client.launch_process("a@1.0.0"),
        client.attach_process(process_id),
        client.list_processes(),
        client.signal_process(process_id, "hello"),
        client.terminate_process(process_id),
    ]


async def test_calls_before_connecting_raise() -> None:
    """D7."""
    client = PieClient("ws://127.0.0.1:8080")
    for call in every_call(client):
        with pytest.raises(NotConnectedError, match="not connected") as caught:
            await in_time(call)
        check_text(caught.value)
        assert isinstance(caught.value, ConnectionError)
        assert caught.value.sent is False
    with pytest.raises(NotConnectedError):
        _ = client.rpc
    assert client.server is None
    await client.close()


async def test_calls_after_closing_raise() -> None:
    """D7."""
    async with websocket_peer() as peer:
        async with PieClient(peer.uri) as client:
            process = await launch(client)
            rpc = client.rpc
        late: list[Coroutine[Any, Any, object]] = [
            *every_call(client),
            *all_waits(process),
            process.signal("hello"),
            process.terminate(),
            process.transfer_file(b"file"),
            rpc.ping(),
        ]
        for call in late:
            with pytest.raises(NotConnectedError) as caught:
                await in_time(call)
            check_text(caught.value)
        assert client.server is None


async def test_closing_twice_is_harmless() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await client.connect()
        await in_time(asyncio.gather(client.close(), client.close()))
        await in_time(client.close())
        await peer.all_gone()


async def test_connecting_from_several_tasks_leaves_one_connection() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await in_time(asyncio.gather(client.connect(), client.connect(), client.connect()))
        await client.ping()
        await client.close()
        assert len(peer.upgrades) == 1
        await peer.all_gone()


async def test_closing_fails_pending_calls_and_readers() -> None:
    """D23."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        process = await launch(client)
        tasks = await start_waiting(client, *all_waits(process))
        peer.answers[models.PingRequest] = None
        tasks += [asyncio.create_task(client.ping()), asyncio.create_task(client.list_processes())]
        await peer.request(models.ListProcessesRequest)
        await in_time(client.close())
        errors = await outcomes(tasks)
        for error in errors:
            assert isinstance(error, NotConnectedError)
            check_text(error, "closed")
        sent = [error.sent for error in errors if isinstance(error, NotConnectedError)]
        assert sent == [None] * (len(tasks) - 2) + [True, True]  # readers wait without a request


async def test_closing_fails_calls_that_wait_for_identification() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        tasks: list[asyncio.Task[object]] = [asyncio.create_task(client.ping()) for _ in range(3)]
        await peer.request(models.AuthIdentifyRequest)
        await in_time(client.close())
        for error in await outcomes(tasks):
            assert isinstance(error, NotConnectedError)
            assert error.sent is False


async def test_events_received_before_closing_can_be_read() -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri) as client:
            process, ended = await launch(client), await launch(client)
            await peer.send(printed(process, "one"), printed(ended, "two"), returned(ended, "3"))
            await client.ping()
        assert await process.recv() == (Event.Stdout, "one")
        with pytest.raises(NotConnectedError):
            await process.recv()
        assert [event async for event in ended] == [StdoutEvent("two"), ReturnEvent("3")]
        assert await ended.result() == 3


async def test_closing_does_not_wait_for_a_server_that_never_answers() -> None:
    """D6."""

    async def close() -> float:
        server = SilentWebSocket()
        async with tcp_peer(server.talk) as address, PieClient(f"ws://{address}") as client:
            seconds = await seconds_to_close(client)
            await in_time(server.client_gone.wait())
        return seconds

    assert await least_seconds(close) < CLOSE_SECONDS


async def test_closing_does_not_wait_for_a_server_that_does_not_read() -> None:
    """D6."""

    async def fill(process: Process) -> None:
        while True:
            await process.signal("x" * (4 * MIB), timeout=0.2)

    async def close() -> float:
        async with websocket_peer() as peer, PieClient(peer.uri) as client:
            process = await launch(client)
            peer.stop_reading()
            with pytest.raises(DeadlineError):
                await in_time(fill(process))
            return await seconds_to_close(client)

    assert await least_seconds(close) < CLOSE_SECONDS


async def test_a_cancelled_close_still_drops_the_connection() -> None:
    server = SilentWebSocket()
    async with tcp_peer(server.talk) as address:
        client = PieClient(f"ws://{address}")
        await client.connect()
        closing = asyncio.create_task(client.close())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(closing, 0.05)
        await in_time(server.client_gone.wait())


async def test_an_exception_closes_the_client_and_propagates() -> None:
    async def use(uri: str) -> None:
        async with PieClient(uri) as client:
            await client.ping()
            raise LookupError("the user's own")

    async with websocket_peer() as peer:
        with pytest.raises(LookupError, match="the user's own"):
            await use(peer.uri)
        await peer.all_gone()


async def test_closing_while_connecting_leaves_no_connection() -> None:
    server = SilentWebSocket()
    async with tcp_peer(server.talk) as address:
        client = PieClient(f"ws://{address}")
        connecting = asyncio.create_task(client.connect())
        await in_time(server.client_came.wait())
        await client.close()
        outcome = (await in_time(asyncio.gather(connecting, return_exceptions=True)))[0]
        assert isinstance(outcome, NotConnectedError)
        with pytest.raises(NotConnectedError):
            await client.ping()
        await in_time(server.client_gone.wait())


async def test_closing_while_reconnecting_leaves_no_connection() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await client.connect()
        await client.ping()
        peer.hang_up()
        async for state in client.states():
            if state.status is ConnectionStatus.LOST:
                break
        again = asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        await client.close()
        outcome = (await in_time(asyncio.gather(again, return_exceptions=True)))[0]
        assert isinstance(outcome, NotConnectedError)
        with pytest.raises(NotConnectedError):
            await client.ping()


@pytest.mark.parametrize("what", ["signal", "transfer"])
async def test_what_close_interrupts_says_that_the_client_was_closed(what: str) -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri) as client:
            process = await launch(client)
            peer.stop_reading()

            async def signal() -> None:
                while True:
                    await process.signal("x" * (4 * MIB))

            work = signal() if what == "signal" else process.transfer_file(bytes(64 * MIB))
            waiting = asyncio.create_task(work)
            # Until the buffers of both sides are full; more than that never happens.
            await asyncio.wait({waiting}, timeout=0.5)
        [error] = await outcomes([waiting])
        assert isinstance(error, NotConnectedError)
