"""What was on its way when a connection was lost that the client opens again."""

import asyncio

import pytest

from pie_client import (
    ConnectionLostError,
    ConnectionStatus,
    CorruptEvent,
    Family,
    FileEvent,
    PieClient,
    Process,
    ProcessEvent,
    Reconnect,
    ReturnEvent,
    StdoutEvent,
    models,
)
from pie_client.protocol.codec import encode_server_message
from pie_client.testing import InferletSession, LocalEngine
from tests.connection.helpers import chunks, printed, returned
from tests.connection.wire import BINARY, CLOSE, frame
from tests.support.peers import in_time, websocket_peer

QUICK = Reconnect(first_delay=0.001, max_delay=0.01)
SERVICE_RESTART = (1012).to_bytes(2, "big")


async def test_a_gap_is_told_before_the_end_that_follows_it(family: Family) -> None:
    detached = asyncio.Event()
    async with LocalEngine(family=family, keep_detached=True) as engine:

        @engine.inferlet("work@1.0.0")
        async def work(session: InferletSession, _input: object) -> None:
            session.print("before")
            await detached.wait()
            session.print("after")

        async with PieClient(engine.uri, timeout=20, reconnect=QUICK) as client:
            process = await client.launch_process("work@1.0.0")
            assert (await process.recv(timeout=20))[1] == "before\n"
            assert process.possible_gaps == 0
            engine.faults.drop_connection()
            detached.set()
            events = await in_time(_all(process))
            assert events == [StdoutEvent("after\n"), ReturnEvent("null")]
            assert process.possible_gaps == 1


async def test_a_file_that_the_loss_interrupts_is_reported_as_lost() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=20, reconnect=QUICK) as client:
        process = await client.launch_process("a@1.0.0")
        first, second = chunks(process, b"0123456789", 5)
        await peer.send(printed(process, "before"), first)
        assert (await process.recv(timeout=20))[1] == "before"
        peer.hang_up()
        await peer.request(models.AttachProcessRequest)
        # A server that goes on with the file does not make the client report it twice.
        await peer.send(second, printed(process, "after"), first, second, returned(process))
        lost, after, whole, _ = await in_time(_all(process))
        assert isinstance(lost, CorruptEvent)
        assert "the connection was lost before its last chunk" in lost.value
        assert after == StdoutEvent("after")
        assert isinstance(whole, FileEvent)
        assert whole.read() == b"0123456789"


async def test_a_reply_that_arrives_with_the_loss_does_not_identify_the_next_session() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=20, reconnect=QUICK) as client:
        identified = peer.answers.pop(models.AuthIdentifyRequest)
        assert isinstance(identified, str)
        ping = asyncio.create_task(client.ping())
        request = await peer.request(models.AuthIdentifyRequest)
        reply = encode_server_message(
            models.Response(corr_id=request.corr_id, ok=True, result=identified), "0.4"
        )
        assert isinstance(reply, bytes)
        peer.answers[models.AuthIdentifyRequest] = identified
        peer.socket.transport.write(frame(BINARY, reply) + frame(CLOSE, SERVICE_RESTART))
        await in_time(ping)
        assert [type(each) for each in peer.requests] == [
            models.AuthIdentifyRequest,
            models.AuthIdentifyRequest,
            models.PingRequest,
        ]


async def test_a_request_that_opens_a_session_does_not_wait_for_another_one() -> None:
    """Its caller may hold what the client needs to open that one."""
    never = Reconnect(first_delay=1e6, max_delay=1e6, total_time=1e9)
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=20, reconnect=never) as client:
        await client.ping()
        peer.hang_up()
        async for state in client.states():
            if state.status is ConnectionStatus.WAITING:
                break
        with pytest.raises(ConnectionLostError) as caught:
            await in_time(client.rpc.auth_identify(username="alice"))
        assert caught.value.sent is False


async def _all(process: Process) -> list[ProcessEvent]:
    return [event async for event in process]
