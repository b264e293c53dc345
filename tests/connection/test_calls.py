"""Replies that are late, repeated, out of order or given up, and processes that the server aborts."""

import asyncio
import json
import uuid

import pytest

from pie_client import (
    DeadlineError,
    PieClient,
    ServerBusyError,
    StreamAbortedError,
    models,
)
from tests.connection.helpers import (
    all_waits,
    check_text,
    launch,
    outcomes,
    start_waiting,
)
from tests.support.peers import in_time, websocket_peer


async def test_a_reply_to_a_cancelled_call_is_ignored() -> None:
    """D3."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.PingRequest] = None
        calls = [asyncio.create_task(client.ping()) for _ in range(10)]
        await peer.request(models.PingRequest, 11)
        pings = peer.requests_of(models.PingRequest)[1:]
        for call in calls[:5]:
            call.cancel()
        for ping in pings:
            await peer.reply(ping.corr_id, "Pong")
        results = await in_time(asyncio.gather(*calls, return_exceptions=True))
        assert [type(r) for r in results] == [asyncio.CancelledError] * 5 + [type(None)] * 5
        peer.answers[models.PingRequest] = "Pong"
        await client.ping()


async def test_a_call_may_be_cancelled_while_its_reply_arrives() -> None:
    """D3."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.PingRequest] = None
        for number in range(2, 40):
            call = asyncio.create_task(client.ping())
            request = await peer.request(models.PingRequest, number)
            await peer.reply(request.corr_id, "Pong")
            for _ in range(number % 8):
                await asyncio.sleep(0)  # as many steps of the event loop
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        peer.answers[models.PingRequest] = "Pong"
        await client.ping()


async def test_a_second_reply_to_the_same_request_is_ignored() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        (ping,) = peer.requests_of(models.PingRequest)
        for ok in (True, False):
            await peer.reply(ping.corr_id, "again", ok=ok)
        await client.ping()


async def test_concurrent_calls_get_their_own_replies_in_any_order() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        calls = [asyncio.create_task(client.query(str(n))) for n in range(100)]
        await peer.request(models.QueryRequest, 100)
        for request in reversed(peer.requests_of(models.QueryRequest)):
            await peer.reply(request.corr_id, json.dumps({"subject": request.subject}))
        results = await in_time(asyncio.gather(*calls))
        assert [r["subject"] for r in results] == [str(n) for n in range(100)]


async def test_a_server_error_fails_the_only_call() -> None:
    """D14."""
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        await client.ping()
        asking = asyncio.create_task(client.query("model_status"))
        await peer.request(models.QueryRequest)
        await peer.send(models.ServerNotice(message="no worker available"))
        with pytest.raises(ServerBusyError) as caught:
            await in_time(asking)
        check_text(caught.value, "no worker available")
        await client.ping()


async def test_a_timeout_shows_what_the_server_reported_meanwhile() -> None:
    """D14."""
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        process = await launch(client)  # the error may belong to it
        asking = asyncio.create_task(client.query("model_status", timeout=1))
        await peer.request(models.QueryRequest)
        await peer.send(models.ServerNotice(message="no worker available"))
        with pytest.raises(DeadlineError, match="the server reported: no worker available"):
            await in_time(asking)
        process.close()


async def test_an_aborted_stream_fails_only_the_process_that_is_no_longer_listed() -> None:
    """D14."""
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        gone, running = await launch(client), await launch(client)
        listed = models.ProcessInfo(
            id=running.process_id, username="internal", program="a@1.0.0", input="{}", elapsed_secs=1
        )
        peer.answers[models.ListProcessesRequest] = json.dumps([listed.model_dump()])
        waiters = await start_waiting(client, *all_waits(gone))
        await peer.send(models.ServerNotice(message="stream aborted"))
        for error in await outcomes(waiters):
            assert isinstance(error, StreamAbortedError)
        await peer.send(models.ReturnFrame(process_id=running.process_id, value="1"))
        assert await in_time(running.result(int)) == 1
        assert len(peer.requests_of(models.ListProcessesRequest)) == 2


async def test_a_stream_aborted_right_after_the_launch_fails_the_process() -> None:
    """D14."""
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.LaunchProcessRequest] = None
        peer.answers[models.ListProcessesRequest] = "[]"
        launching = asyncio.create_task(launch(client))
        asked = await peer.request(models.LaunchProcessRequest)
        await peer.reply(asked.corr_id, str(uuid.uuid4()))
        await peer.send(models.ServerNotice(message="stream aborted"))
        process = await in_time(launching)
        with pytest.raises(StreamAbortedError):
            await in_time(process.wait())


async def test_a_call_without_a_reply_times_out_and_the_connection_stays_open() -> None:
    """D3, D4."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.PingRequest] = None
        for _ in range(3):
            with pytest.raises(DeadlineError, match=r"ping did not finish within 0\.05 s; ") as caught:
                await client.ping(timeout=0.05)
            check_text(caught.value)
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.sent is True
        peer.answers[models.PingRequest] = "Pong"
        # Late replies are ignored.
        for late in peer.requests_of(models.PingRequest)[1:]:
            await peer.reply(late.corr_id, "Pong")
        await client.ping()


async def test_the_clients_timeout_is_the_default_of_calls() -> None:
    """D4."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=0.05) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        with pytest.raises(DeadlineError, match=r"0\.05 s") as caught:
            await in_time(client.ping())
        assert caught.value.sent is False  # the session was not identified
        with pytest.raises(DeadlineError, match=r"0\.05 s"):
            await in_time(client.authenticate("alice"))
