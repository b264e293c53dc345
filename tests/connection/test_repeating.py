"""A client with ``reconnect=``: which requests it sends again after a loss, when, and how often."""

import asyncio
import base64
import itertools
import logging
import math
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus

import msgpack
import pytest
from websockets.asyncio.server import ServerConnection, serve

from pie_client import (
    ConnectionLostError,
    ConnectionStatus,
    DeadlineError,
    PieClient,
    PieError,
    Process,
    ProcessEndedError,
    ProcessLostError,
    Reconnect,
    ReconnectError,
    models,
)
from pie_client.base import WireModel
from tests.connection.helpers import SOON, SlowKey, check_text, launch, outcomes, returned, until
from tests.support.peers import Peer, Refusal, in_time, websocket_peer

SERVICE_RESTART = b"\x88\x02\x03\xf4"
"""A close frame with code 1012."""


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with websocket_peer() as peer:
        peer.answers |= {models.AddProgramRequest: "ok", models.QueryRequest: "{}"}
        yield peer


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[PieClient]:
    async with PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        yield client


async def suspend(peer: Peer, client: PieClient) -> None:
    """End the connection, and refuse others until ``peer.refuse_upgrade`` is reset."""
    peer.refuse_upgrade = HTTPStatus.SERVICE_UNAVAILABLE, ""
    peer.hang_up()
    await until(client, ConnectionStatus.WAITING)


async def begin_to_end(peer: Peer, close_frame: bytes = SERVICE_RESTART) -> None:
    """Send a close frame, and wait until the client has answered it. TCP stays open until ``peer.reset()``."""
    transport = peer.socket.transport
    transport.pause_reading()  # the answer would end TCP
    transport.write(close_frame)
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as raw:
        async with asyncio.timeout(60):
            while True:
                with suppress(BlockingIOError):
                    if raw.recv(1, socket.MSG_PEEK):
                        return
                await asyncio.sleep(0)


def upload(client: PieClient, timeout: float | None = None) -> Coroutine[None, None, str]:
    return client.rpc.add_program(content=b"x", manifest="", force_overwrite=True, timeout=timeout)


REQUESTS: dict[type[WireModel], Callable[[PieClient, Process], Awaitable[object]]] = {
    models.QueryRequest: lambda client, _process: client.query("model_status"),
    models.LaunchProcessRequest: lambda client, _process: launch(client),
    models.SignalProcessRequest: lambda _client, process: process.signal("x"),
    models.AddProgramRequest: lambda client, _process: upload(client),
    models.TransferFileRequest: lambda _client, process: process.transfer_file(b"x"),
    models.DetachWorkflowRequest: lambda client, process: client.send_raw(
        msgpack.packb(
            {"type": "detach_workflow", "corr_id": 4_000_000_000, "workflow_id": process.process_id}
        )
    ),
}
"""A request of each kind, and how it is sent."""


# ------------------------------------------------------------- what waits


@pytest.mark.parametrize("kind", [models.SignalProcessRequest, models.TransferFileRequest])
async def test_what_waits_for_a_process_that_ends_before_the_next_connection_is_ready_is_not_sent(
    kind: type[WireModel], peer: Peer, client: PieClient
) -> None:
    process = await launch(client)
    await suspend(peer, client)
    waiting = asyncio.ensure_future(REQUESTS[kind](client, process))
    peer.answers[models.AttachProcessRequest] = None
    peer.refuse_upgrade = None
    attach = await peer.request(models.AttachProcessRequest)
    await peer.send(returned(process))
    await peer.reply(attach.corr_id, "Process attached")
    name = "signal_process" if kind is models.SignalProcessRequest else "transfer_file"
    with pytest.raises(ProcessEndedError) as caught:
        await in_time(waiting)
    check_text(caught.value, f"{name} not sent: process {process.process_id} has ended; call wait() for its")
    assert peer.requests_of(kind) == []


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_request_after_the_close_frame_waits_for_the_next_connection(
    kind: type[WireModel], peer: Peer, client: PieClient
) -> None:
    process = await launch(client)
    await client.ping()
    before = len(peer.requests_of(kind))
    await begin_to_end(peer)
    assert client.state.status is ConnectionStatus.READY
    sending = asyncio.ensure_future(REQUESTS[kind](client, process))
    await asyncio.sleep(0)
    peer.reset()
    await in_time(sending)
    await peer.request(kind, before + 1)
    await client.ping()
    assert len(peer.requests_of(kind)) == before + 1


@pytest.mark.parametrize("kind", [models.SignalProcessRequest, models.TransferFileRequest])
async def test_nothing_is_sent_to_a_process_that_was_lost_meanwhile(
    kind: type[WireModel], peer: Peer, client: PieClient
) -> None:
    process = await launch(client)
    await client.ping()
    peer.answers |= {models.AttachProcessRequest: Refusal("no"), models.ListProcessesRequest: "[]"}
    await begin_to_end(peer)
    sending = asyncio.ensure_future(REQUESTS[kind](client, process))
    await asyncio.sleep(0)
    peer.reset()
    with pytest.raises(ProcessLostError):
        await in_time(sending)
    await client.ping()
    assert peer.requests_of(kind) == []


async def test_an_upload_that_was_begun_during_a_loss_leaves_later_ones_intact(
    peer: Peer, client: PieClient
) -> None:
    await suspend(peer, client)
    uploads = [asyncio.create_task(upload(client)) for _ in range(3)]
    await asyncio.sleep(0)
    peer.refuse_upgrade = None
    assert await outcomes([*uploads]) == ["ok"] * 3
    for _ in range(2):
        peer.hang_up()
        assert await in_time(upload(client)) == "ok"


LOSSES: dict[str, tuple[bytes, Reconnect | None, type[PieError] | None]] = {
    "restored": (SERVICE_RESTART, SOON, None),
    "given up": (b"\x88\x02\x03\xf3", SOON, ReconnectError),
    "without a policy": (SERVICE_RESTART, None, ConnectionLostError),
}
"""Close frames, policies, and the error of what follows."""


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", [models.AuthIdentifyRequest, models.AuthByTokenRequest])
async def test_authenticating_after_the_close_frame_concerns_the_next_session(
    loss: str, model: type[WireModel], peer: Peer
) -> None:
    peer.answers |= {models.AuthByTokenRequest: "Authenticated", models.AuthProveRequest: Refusal("No")}
    close_frame, policy, expected = LOSSES[loss]
    async with PieClient(peer.uri, reconnect=policy) as client:
        await begin_to_end(peer, close_frame)
        assert client.connected
        by_name = model is models.AuthIdentifyRequest
        authenticating = asyncio.create_task(
            client.authenticate("alice") if by_name else client.auth_by_token("token")
        )
        await asyncio.sleep(0)
        peer.reset()
        if expected is None:
            await in_time(authenticating)
            await client.ping()
            assert client.server is not None
            assert client.server.username == ("alice" if by_name else "internal")
        else:
            with pytest.raises(expected) as caught:
                await in_time(authenticating)
            assert isinstance(caught.value, (ReconnectError, ConnectionLostError))
            assert caught.value.sent is False
        assert len(peer.requests_of(model)) == (expected is None)


async def test_a_challenge_that_is_signed_after_the_close_frame_is_not_answered(peer: Peer) -> None:
    key = SlowKey()
    peer.answers |= {
        models.AuthIdentifyRequest: base64.b64encode(b"x" * 48).decode(),
        models.AuthProveRequest: "Authenticated",
    }
    async with PieClient(peer.uri, reconnect=SOON) as client:
        authenticating = asyncio.create_task(client.authenticate("alice", key))
        await in_time(key.asked.wait())
        await begin_to_end(peer)
        key.go.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert client.connected
        peer.reset()
        await in_time(authenticating)
        await client.ping()
        assert len(peer.requests_of(models.AuthIdentifyRequest)) == 2
        assert len(peer.requests_of(models.AuthProveRequest)) == 1


async def test_a_request_that_was_never_identified_outlives_any_number_of_losses(peer: Peer) -> None:
    losses = itertools.count(1)

    def lose_ten_sessions() -> str:
        if next(losses) <= 10:
            peer.reset()
        return "Already authenticated"

    peer.answers[models.AuthIdentifyRequest] = lose_ten_sessions
    async with PieClient(peer.uri, reconnect=SOON) as client:
        await in_time(client.ping())
    assert len(peer.requests_of(models.AuthIdentifyRequest)) == 11
    assert len(peer.requests_of(models.PingRequest)) == 1


# ------------------------------------------------------------- how long


async def test_the_timeout_includes_the_loss_and_the_error_names_it(peer: Peer, client: PieClient) -> None:
    peer.answers[models.QueryRequest] = None
    query = asyncio.create_task(client.query("model_status", timeout=3))
    await peer.request(models.QueryRequest)
    peer.reset()
    with pytest.raises(DeadlineError) as caught:
        await in_time(query)
    assert len(peer.requests_of(models.QueryRequest)) == 2
    assert caught.value.sent is True
    check_text(caught.value, "query did not finish within 3 s; raise timeout=")


@pytest.mark.parametrize("kind", ["ping", "upload"])
async def test_a_timeout_that_ends_with_the_loss_sends_nothing(
    kind: str, peer: Peer, client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    await suspend(peer, client)

    def be_late(_record: logging.LogRecord) -> bool:
        if client.state.status is ConnectionStatus.READY:
            time.sleep(0.5)
        return True

    request = client.ping(timeout=0.4) if kind == "ping" else upload(client, 0.4)
    waiting = asyncio.create_task(request)
    await asyncio.sleep(0)
    log = logging.getLogger("pie_client.connector")
    caplog.set_level(logging.DEBUG, log.name)
    log.addFilter(be_late)
    try:
        peer.refuse_upgrade = None
        with pytest.raises(DeadlineError) as caught:
            await in_time(waiting)
    finally:
        log.removeFilter(be_late)
    check_text(caught.value, "not sent within 0.4 s", peer.uri, "is being restored")
    assert caught.value.sent is False
    await client.ping()
    assert len(peer.requests_of(models.PingRequest)) == 2
    assert peer.requests_of(models.AddProgramRequest) == []


WAITING: dict[str, Callable[[PieClient, Process], Coroutine[None, None, object]]] = {
    "launch": lambda client, _process: client.launch_process("a@1.0.0", timeout=0.05),
    "launch that sends no events": lambda client, _process: client.launch_process(
        "a@1.0.0", capture_outputs=False, timeout=0.05
    ),
    "attach": lambda client, _process: client.attach_process("0" * 32, timeout=0.05),
    "authenticate": lambda client, _process: client.authenticate("alice", timeout=0.05),
    "upload": lambda client, _process: upload(client, 0.05),
    "signal": lambda _client, process: process.signal("x", timeout=0.05),
    "file": lambda _client, process: process.transfer_file(b"x", timeout=0.05),
}
"""Requests with a timeout, by what they do."""


@pytest.mark.parametrize("name", WAITING)
async def test_a_deadline_during_a_loss_says_that_the_request_was_not_sent(
    name: str, peer: Peer, client: PieClient
) -> None:
    process = await launch(client)
    await suspend(peer, client)
    with pytest.raises(DeadlineError) as caught:
        await in_time(WAITING[name](client, process))
    assert caught.value.sent is False
    peer.answers |= {models.AttachProcessRequest: "ok"}
    peer.refuse_upgrade = None
    await client.ping()
    assert len(peer.requests_of(models.LaunchProcessRequest)) == 1


async def test_a_deadline_after_a_loss_says_that_the_request_was_sent_before_it(
    peer: Peer, client: PieClient
) -> None:
    peer.answers[models.QueryRequest] = None
    query = asyncio.create_task(client.query("model_status", timeout=0.5))
    await peer.request(models.QueryRequest)
    await suspend(peer, client)
    with pytest.raises(DeadlineError) as caught:
        await in_time(query)
    check_text(caught.value, "query did not finish within 0.5 s", "is being restored")
    assert caught.value.sent is True


# ------------------------------------------------------------- how often


@pytest.mark.parametrize("kind", [models.QueryRequest, models.AddProgramRequest])
async def test_a_request_that_ends_the_connection_each_time_is_sent_three_times(
    kind: type[WireModel], peer: Peer, client: PieClient
) -> None:
    peer.answers[kind] = None

    async def crash() -> None:
        for number in range(1, 10):
            await peer.request(kind, number)
            peer.reset()

    peer.background.append(asyncio.create_task(crash()))
    request = (
        client.query("model_status", timeout=math.inf)
        if kind is models.QueryRequest
        else upload(client, math.inf)
    )
    with pytest.raises(ConnectionLostError) as caught:
        await in_time(request)
    assert caught.value.sent is True
    await client.ping()
    assert len(peer.requests_of(kind)) == 3


async def test_a_file_that_is_interrupted_each_time_is_begun_three_times(
    peer: Peer, client: PieClient
) -> None:
    async def crash() -> None:
        for number in itertools.count(1):
            chunk = await peer.request(models.TransferFileRequest, number)
            if chunk.chunk_index == 0:
                peer.reset()

    process = await launch(client)
    peer.background.append(asyncio.create_task(crash()))
    with pytest.raises(ConnectionLostError) as caught:
        await in_time(process.transfer_file(bytes(16 << 20)))
    assert caught.value.sent is False  # not all of it
    await client.ping()
    firsts = [r for r in peer.requests_of(models.TransferFileRequest) if r.chunk_index == 0]
    assert len(firsts) == 3


async def test_a_request_that_was_never_sent_outlives_any_number_of_losses(
    peer: Peer, client: PieClient
) -> None:
    peer.answers[models.AuthIdentifyRequest] = None  # so that no session is restored
    await suspend(peer, client)
    launching = asyncio.create_task(launch(client))
    peer.refuse_upgrade = None
    for number in range(2, 8):
        await peer.request(models.AuthIdentifyRequest, number)
        if number == 7:
            peer.answers[models.AuthIdentifyRequest] = "Authenticated (Engine disabled authentication)"
        peer.reset()
    await in_time(launching)
    assert len(peer.requests_of(models.LaunchProcessRequest)) == 1


async def test_a_server_that_drops_every_connection_at_once_is_given_up() -> None:
    connections: list[ServerConnection] = []

    async def drop(connection: ServerConnection) -> None:
        connections.append(connection)
        connection.transport.abort()

    async with serve(drop, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        client = PieClient(f"ws://127.0.0.1:{port}", reconnect=Reconnect(attempts=3, first_delay=0.001))
        await client.connect()
        await until(client, ConnectionStatus.GAVE_UP)
        assert client.state.attempt == 3
        assert isinstance(client.state.cause, ConnectionLostError)
        assert len(connections) == 4
        await client.connect()  # anew
        await until(client, ConnectionStatus.GAVE_UP)
        assert len(connections) == 8
        await client.close()
