"""What pending calls, readers and later calls see when the connection is lost."""

import asyncio
import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest

from pie_client import (
    ConnectionLostError,
    ConnectionStatus,
    Event,
    PieClient,
    Process,
    ProcessEndedError,
    ProcessEvent,
    Reconnect,
    ReconnectError,
    ReturnEvent,
    StdoutEvent,
    models,
)
from tests.connection.helpers import (
    CLOSE_BOUND,
    MIB,
    SOON,
    all_waits,
    check_text,
    chunks,
    launch,
    outcomes,
    printed,
    returned,
    start_waiting,
    until,
)
from tests.support.peers import Peer, SilentWebSocket, in_time, tcp_peer, websocket_peer

Break: TypeAlias = Callable[[Peer, Process], Awaitable[None]]


@dataclass(frozen=True)
class Loss:
    """A way to lose the connection, with options of the client."""

    lose: Break
    text: str
    """Part of the error."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])


async def hangs_up(peer: Peer, _process: Process) -> None:
    peer.hang_up()


async def resets(peer: Peer, _process: Process) -> None:
    peer.reset()


async def closes_with_1011(peer: Peer, _process: Process) -> None:
    await peer.socket.close(1011, "engine\ncrashed")


async def closes_with_1009(peer: Peer, _process: Process) -> None:
    await peer.socket.close(1009, "frame too large")


async def sends_a_large_message(peer: Peer, process: Process) -> None:
    await peer.send(printed(process, "x" * 70_000))


async def violates_the_websocket_protocol(peer: Peer, _process: Process) -> None:
    peer.socket.transport.write(b"\xff\xff\xff\xff")


async def answers_no_pings(peer: Peer, _process: Process) -> None:
    peer.stop_reading()


LOSSES = {
    "TCP closed": Loss(hangs_up, "lost without a close frame"),
    "TCP reset": Loss(resets, "lost without a close frame"),
    "close code 1011": Loss(closes_with_1011, "closed by the server with code 1011 (engine / crashed)"),
    "close code 1009": Loss(closes_with_1009, "closed by the server with code 1009"),
    "message too large": Loss(sends_a_large_message, "max_message_size=65536", {"max_message_size": 65536}),
    "invalid frame": Loss(violates_the_websocket_protocol, "lost without a close frame"),
    "no pong": Loss(
        answers_no_pings,
        "no pong, nor anything else, within ping_timeout=0.5 s",
        {"ping_interval": 0.1, "ping_timeout": 0.5},
    ),
}


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> Loss:
    """Each way to lose the connection."""
    return LOSSES[request.param]


async def test_a_lost_connection_fails_pending_calls_and_readers_with_its_cause(
    loss: Loss,
) -> None:
    """D2, D24."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf, **loss.options) as client:
        process, other = await launch(client), await launch(client)
        waiters = await start_waiting(client, *all_waits(process), *all_waits(other))
        peer.answers[models.PingRequest] = None
        calls: list[asyncio.Task[object]] = [
            asyncio.create_task(call)
            for call in (
                client.ping(),
                client.list_processes(),
                process.terminate(),
                client.query("model_status"),
            )
        ]
        await peer.request(models.QueryRequest)
        await loss.lose(peer, process)
        for error in await outcomes(waiters):
            assert isinstance(error, ConnectionLostError)
            assert error.sent is None
            assert error.__cause__ is not None
            check_text(error, peer.uri, loss.text)
        for error in await outcomes(calls):
            assert isinstance(error, ConnectionLostError)
            assert isinstance(error, ConnectionError), "what the guide tells users to catch"
            assert error.sent is True
            assert error.__cause__ is not None
            check_text(error, peer.uri, loss.text)


async def test_no_text_advises_to_connect_again_where_the_client_does(
    loss: Loss, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pie_client")
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, timeout=math.inf, reconnect=SOON, **loss.options) as client,
    ):
        process = await launch(client)
        losing = asyncio.create_task(until(client, ConnectionStatus.LOST))
        waiting = asyncio.create_task(process.wait())
        await client.ping()
        await loss.lose(peer, process)
        cause = (await in_time(losing)).cause
        assert isinstance(cause, ConnectionLostError)
        check_text(cause, loss.text)
        if not Reconnect.is_transient(cause):
            with pytest.raises(ReconnectError) as caught:
                await in_time(waiting)
            check_text(caught.value, loss.text, "after which none is opened; ", ", then call connect()")
            assert ("raise max_message_size" in str(caught.value)) is ("max_message_size" in loss.text)
            assert "connect again" not in str(caught.value)
    assert loss.text in caplog.text
    assert "connect again" not in caplog.text
    await outcomes([waiting])


@pytest.mark.parametrize(
    ("answer", "text"),
    [(b"\x88\x02\x03\xe9", "closed by the server with code 1001"), (b"\xff\xff", "without a close frame")],
    ids=["close frame", "invalid frame"],
)
async def test_a_server_that_keeps_the_tcp_connection_open_at_the_end_is_not_waited_for(
    answer: bytes, text: str
) -> None:
    server = SilentWebSocket(answer)
    async with (
        tcp_peer(server.talk) as address,
        PieClient(f"ws://{address}", timeout=math.inf, ping_interval=math.inf) as client,
    ):
        with pytest.raises(ConnectionLostError, match=text):
            await in_time(client.ping())
        await in_time(server.client_gone.wait())


async def test_calls_after_the_loss_fail_and_are_not_sent(loss: Loss) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf, **loss.options) as client:
        process = await launch(client)
        (waiter,) = await start_waiting(client, process.recv())
        await loss.lose(peer, process)
        await outcomes([waiter])
        calls: dict[str, Coroutine[Any, Any, object]] = {
            "ping": client.ping(),
            "launch_process": launch(client),
            "attach_process": client.attach_process(str(uuid.uuid4())),
            "list_processes": client.list_processes(),
            "signal_process": process.signal("hello"),
            "transfer_file": process.transfer_file(b"file"),
            "terminate_process": process.terminate(),
        }
        for request, call in calls.items():
            with pytest.raises(ConnectionLostError, match=f"^{request} not sent: ") as caught:
                await in_time(call)
            assert caught.value.sent is False
            check_text(caught.value, peer.uri, loss.text)
        for wait in all_waits(process):
            with pytest.raises(ConnectionLostError) as caught:
                await in_time(wait)
            check_text(caught.value, peer.uri, loss.text)


async def test_the_client_can_connect_again_after_a_loss(loss: Loss) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, **loss.options) as client:
        process = await launch(client)
        (waiter,) = await start_waiting(client, process.recv())
        await loss.lose(peer, process)
        await outcomes([waiter])
        async with asyncio.timeout(CLOSE_BOUND):
            await client.connect()
        await client.ping()
        again = await launch(client)
        await peer.send(printed(again, "hello"))
        assert await in_time(again.recv()) == (Event.Stdout, "hello")
        # The old handle belongs to the old connection.
        with pytest.raises(ConnectionLostError):
            await in_time(process.recv())


@pytest.mark.parametrize("lose", [hangs_up, resets, closes_with_1011])
async def test_received_events_are_returned_before_the_error(lose: Break) -> None:
    """D24."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(printed(process, "one"), *chunks(process, b"two", 2), printed(process, "three"))
        await client.ping()  # a reset may discard what was not read yet
        await lose(peer, process)
        await until(client, ConnectionStatus.LOST)
        assert await in_time(process.recv()) == (Event.Stdout, "one")
        assert await in_time(process.recv()) == (Event.File, b"two")
        assert await in_time(anext(process)) == StdoutEvent("three")
        for wait in (*all_waits(process), *all_waits(process)):
            with pytest.raises(ConnectionLostError):
                await in_time(wait)


async def test_a_large_backlog_is_returned_before_the_error() -> None:
    """D24."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(*(printed(process, str(n)) for n in range(1000)))
        peer.hang_up()
        await until(client, ConnectionStatus.LOST)
        for n in range(1000):
            assert await in_time(anext(process)) == StdoutEvent(str(n))
        with pytest.raises(ConnectionLostError):
            await in_time(anext(process))


async def test_a_partial_file_is_discarded_with_the_connection() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        first, _second = chunks(process, b"file", 2)
        await peer.send(first)
        peer.hang_up()
        with pytest.raises(ConnectionLostError):
            await in_time(process.recv())


async def test_a_finished_process_is_not_affected_by_the_loss() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(printed(process, "out"), returned(process, '{"a": 1}'))
        peer.hang_up()
        with pytest.raises(ConnectionLostError):
            await in_time(client.list_processes())
        assert await process.result() == {"a": 1}
        assert await process.wait() == '{"a": 1}'
        assert [event async for event in process] == [StdoutEvent("out"), ReturnEvent('{"a": 1}')]
        with pytest.raises(ProcessEndedError):
            await process.recv()


async def test_a_request_that_fails_while_it_is_sent_may_have_arrived() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        process = await launch(client)
        peer.stop_reading()
        sending = [asyncio.create_task(process.signal("x" * (6 * MIB))) for _ in range(10)]
        await asyncio.sleep(0)  # starts each
        peer.reset()
        # Messages that fit into the socket's buffers did not fail.
        errors = [error for error in await outcomes([*sending]) if error is not None]
        assert errors
        for error in errors:
            assert isinstance(error, ConnectionLostError)
            assert error.sent is True


async def test_a_call_was_not_sent_if_its_identification_failed() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        calls: list[asyncio.Task[object]] = [
            asyncio.create_task(call) for call in (client.ping(), launch(client))
        ]
        await peer.request(models.AuthIdentifyRequest)
        peer.hang_up()
        for request, error in zip(["ping", "launch_process"], await outcomes(calls), strict=True):
            assert isinstance(error, ConnectionLostError)
            assert str(error).startswith(f"{request} not sent: ")
            assert error.sent is False
            assert error.__cause__ is not None


async def test_a_launch_reply_received_just_before_the_loss_returns_its_process() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.LaunchProcessRequest] = None
        launching = asyncio.create_task(launch(client))
        request = await peer.request(models.LaunchProcessRequest)
        process_id = str(uuid.uuid4())
        reply = models.Response(corr_id=request.corr_id, ok=True, result=process_id)
        await peer.send(reply, printed(process_id, "out"), returned(process_id, "5"))
        peer.hang_up()
        process = await in_time(launching)
        assert await in_time(process.result()) == 5
        assert [event async for event in process] == [StdoutEvent("out"), ReturnEvent("5")]


async def test_received_events_are_returned_if_a_failed_send_detects_the_loss() -> None:
    """D24."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=1000) as client:
        process = await launch(client)
        for number in range(12):
            await peer.send(models.StdoutFrame(process_id=process.process_id, value=f"{number}" + "x" * 200))
        await peer.send(models.ReturnFrame(process_id=process.process_id, value="42"))
        peer.hang_up()
        await peer.all_gone()

        async def ask() -> None:
            while True:  # not process.signal(): the end of the process may have arrived
                await client.rpc.signal_process(process_id=process.process_id, message="are you there")

        with pytest.raises(ConnectionLostError):
            await in_time(ask())
        events = await in_time(asyncio.create_task(_all_events(process)))
        assert len(events) == 13
        assert events[-1] == ReturnEvent("42")


async def _all_events(process: Process) -> list[ProcessEvent]:
    return [event async for event in process]
