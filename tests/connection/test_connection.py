"""What becomes of calls and events when the connection, the server or the reader of events is not at its best."""

import asyncio
import base64
import functools
import gc
import json
import math
import os
import traceback
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pie_client import (
    AuthenticationError,
    ConnectionLostError,
    DeadlineError,
    ErrorEvent,
    Event,
    FileEvent,
    InvalidArgumentError,
    NotConnectedError,
    ParsedPrivateKey,
    PieClient,
    PieError,
    Process,
    ProcessEndedError,
    ProcessEvent,
    ProcessTerminatedError,
    ProtocolError,
    ReturnEvent,
    SlowConsumerError,
    StdoutEvent,
    StreamAbortedError,
    models,
)
from pie_client.protocol.codec import encode_server_message
from pie_client.testing._generated import texts
from tests.support.peers import PATIENCE, Deaf, Peer, Refusal, in_time, tcp_peer, websocket_peer

CLOSE_BOUND = 9.0
"""Seconds that closing may take here: it is bounded by one, and 0.3/0.4 servers used to make it ten."""
MIB = 1 << 20


async def launch(client: PieClient) -> Process:
    return await client.launch_process("a@1.0.0")


def printed(process: Process | str, text: str) -> models.StdoutFrame:
    return models.StdoutFrame(
        process_id=process if isinstance(process, str) else process.process_id, value=text
    )


def returned(process: Process | str, text: str = "null") -> models.ReturnFrame:
    return models.ReturnFrame(
        process_id=process if isinstance(process, str) else process.process_id, value=text
    )


def chunks(process: Process, data: bytes, size: int) -> list[models.FileChunk]:
    """Cut a file as servers do."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [
        models.FileChunk(
            process_id=process.process_id,
            file_hash=blake3(data).hexdigest(),
            chunk_index=index,
            total_chunks=len(pieces),
            chunk_data=piece,
        )
        for index, piece in enumerate(pieces)
    ]


def waits(process: Process) -> list[Coroutine[Any, Any, object]]:
    """Give every way to wait for a process."""

    async def iterate() -> object:
        return [event async for event in process]

    return [process.recv(), process.recv(timeout=1000), process.wait(), process.result(), iterate()]


async def begun(client: PieClient, *waiters: Coroutine[Any, Any, object]) -> list[asyncio.Task[object]]:
    """Start tasks and come back when all of them are waiting."""
    tasks = [asyncio.create_task(waiter) for waiter in waiters]
    await client.ping()
    assert not any(task.done() for task in tasks)
    return tasks


async def outcomes(tasks: list[asyncio.Task[object]]) -> list[object]:
    """Give what tasks that must not hang came to."""
    return await in_time(asyncio.gather(*tasks, return_exceptions=True))


def check_text(error: BaseException, *parts: str) -> None:
    """Hold an error to what every one of this package is: one line that says what to do."""
    assert isinstance(error, PieError)
    message = str(error)
    assert "\n" not in message
    assert "; " in message, "it says what to do next"
    for part in parts:
        assert part in message


# ------------------------------------------------------------- losing the connection

Loss: TypeAlias = Callable[[Peer, Process], Awaitable[None]]


@dataclass(frozen=True)
class Way:
    """A way to lose the connection."""

    lose: Loss
    said: str
    """What the error says of it."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])


async def ends(peer: Peer, _process: Process) -> None:
    peer.hang_up()


async def breaks(peer: Peer, _process: Process) -> None:
    peer.reset()


async def closes(peer: Peer, _process: Process) -> None:
    await peer.socket.close(1011, "engine\ncrashed")


async def closes_for_size(peer: Peer, _process: Process) -> None:
    await peer.socket.close(1009, "frame too large")


async def sends_too_much(peer: Peer, process: Process) -> None:
    await peer.send(printed(process, "x" * 70_000))


async def breaks_the_rules(peer: Peer, _process: Process) -> None:
    peer.socket.transport.write(b"\xff\xff\xff\xff")


async def answers_no_ping(peer: Peer, _process: Process) -> None:
    peer.stop_reading()


LOSSES = {
    "TCP ends without a close": Way(ends, "lost without a close frame"),
    "TCP breaks": Way(breaks, "lost without a close frame"),
    "the server closes": Way(closes, "closed by the server with code 1011 (engine / crashed)"),
    "the server closes for size": Way(closes_for_size, "closed by the server with code 1009"),
    "a message is too large": Way(sends_too_much, "max_message_size=65536", {"max_message_size": 65536}),
    "the server breaks the rules of WebSocket": Way(breaks_the_rules, "lost without a close frame"),
    "no ping is answered": Way(
        answers_no_ping, "no pong within 0.5 s", {"ping_interval": 0.1, "ping_timeout": 0.5}
    ),
}


@pytest.fixture(params=LOSSES)
def way(request: pytest.FixtureRequest) -> Way:
    """Every way to lose the connection in turn."""
    return LOSSES[request.param]


async def test_everything_that_waits_fails_at_once_with_the_cause_when_the_connection_is_lost(
    way: Way,
) -> None:
    """D2, D24."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf, **way.options) as client:
        process, other = await launch(client), await launch(client)
        waiters = await begun(client, *waits(process), *waits(other))
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
        await peer.asked(models.QueryRequest)
        await way.lose(peer, process)
        for error in await outcomes(waiters):
            assert isinstance(error, ConnectionLostError)
            assert error.sent is None
            assert error.__cause__ is not None
            check_text(error, peer.uri, way.said)
        for error in await outcomes(calls):
            assert isinstance(error, ConnectionLostError)
            assert isinstance(error, ConnectionError), "what the guide tells users to catch"
            assert error.sent is True
            assert error.__cause__ is not None
            check_text(error, peer.uri, way.said)


async def test_every_call_after_the_loss_fails_at_once_and_was_not_sent(way: Way) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf, **way.options) as client:
        process = await launch(client)
        (waiter,) = await begun(client, process.recv())
        await way.lose(peer, process)
        await outcomes([waiter])
        calls: list[Coroutine[Any, Any, object]] = [
            client.ping(),
            launch(client),
            client.attach_process(str(uuid.uuid4())),
            client.list_processes(),
            process.signal("hello"),
            process.transfer_file(b"file"),
            process.terminate(),
        ]
        for call in calls:
            with pytest.raises(ConnectionLostError) as caught:
                await in_time(call)
            assert caught.value.sent is False
            check_text(caught.value, peer.uri, way.said)
        for wait in waits(process):
            with pytest.raises(ConnectionLostError) as caught:
                await in_time(wait)
            check_text(caught.value, peer.uri, way.said)


async def test_a_lost_connection_is_closed_and_opened_again(way: Way) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, **way.options) as client:
        process = await launch(client)
        (waiter,) = await begun(client, process.recv())
        await way.lose(peer, process)
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


@pytest.mark.parametrize("lose", [ends, breaks, closes])
async def test_events_that_had_arrived_are_given_before_the_loss(lose: Loss) -> None:
    """D24."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(printed(process, "one"), *chunks(process, b"two", 2), printed(process, "three"))
        await client.ping()  # a reset may throw away what was not read yet
        await lose(peer, process)
        assert await in_time(process.recv()) == (Event.Stdout, "one")
        assert await in_time(process.recv()) == (Event.File, b"two")
        assert await in_time(anext(process)) == StdoutEvent("three")
        for wait in (*waits(process), *waits(process)):
            with pytest.raises(ConnectionLostError):
                await in_time(wait)


async def test_a_large_backlog_is_given_before_the_loss() -> None:
    """D24."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(*(printed(process, str(n)) for n in range(1000)))
        peer.hang_up()
        for n in range(1000):
            assert await in_time(anext(process)) == StdoutEvent(str(n))
        with pytest.raises(ConnectionLostError):
            await in_time(anext(process))


async def test_an_unfinished_file_is_no_event_when_the_connection_is_lost() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        first, _second = chunks(process, b"file", 2)
        await peer.send(first)
        peer.hang_up()
        with pytest.raises(ConnectionLostError):
            await in_time(process.recv())


async def test_a_process_that_had_ended_is_not_touched_by_the_loss() -> None:
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


async def test_a_request_that_fails_while_it_is_sent_says_that_it_may_have_arrived() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        process = await launch(client)
        peer.stop_reading()
        sending = [asyncio.create_task(process.signal("x" * (6 * MIB))) for _ in range(10)]
        await asyncio.sleep(0)  # lets each begin
        peer.reset()
        # What the system's buffers took at once did not fail.
        errors = [error for error in await outcomes([*sending]) if error is not None]
        assert errors
        for error in errors:
            assert isinstance(error, ConnectionLostError)
            assert error.sent is True


async def test_a_call_whose_implied_identification_breaks_says_that_it_was_not_sent() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        calls: list[asyncio.Task[object]] = [
            asyncio.create_task(call) for call in (client.ping(), launch(client))
        ]
        await peer.asked(models.AuthIdentifyRequest)
        peer.hang_up()
        for error in await outcomes(calls):
            assert isinstance(error, ConnectionLostError)
            assert error.sent is False
            assert error.__cause__ is not None


async def test_a_launch_whose_reply_was_the_last_that_arrived_gives_its_process() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.LaunchProcessRequest] = None
        launching = asyncio.create_task(launch(client))
        request = await peer.asked(models.LaunchProcessRequest)
        process_id = str(uuid.uuid4())
        reply = models.Response(corr_id=request.corr_id, ok=True, result=process_id)
        await peer.send(reply, printed(process_id, "out"), returned(process_id, "5"))
        peer.hang_up()
        process = await in_time(launching)
        assert await in_time(process.result()) == 5
        assert [event async for event in process] == [StdoutEvent("out"), ReturnEvent("5")]


async def test_a_blocked_event_loop_is_not_taken_for_a_dead_peer() -> None:
    """D12."""
    loop = asyncio.get_running_loop()
    blocked = asyncio.Event()

    def block() -> None:
        """Stop everything when the pong is on its way, until long after it was due."""
        if not blocked.is_set():
            blocked.set()
            while loop.time() < until:
                pass

    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, ping_interval=0.01, ping_timeout=0.3) as client,
    ):
        await client.ping()
        until = loop.time() + 0.6
        peer.on_data = block
        await in_time(blocked.wait())
        await client.ping()
        await client.ping()


async def test_pings_go_on_while_nothing_else_happens_and_end_with_the_connection() -> None:
    async with websocket_peer() as peer:
        pings: asyncio.Queue[None] = asyncio.Queue()
        async with PieClient(peer.uri, ping_interval=0.01, ping_timeout=PATIENCE) as client:
            await client.ping()
            peer.on_data = functools.partial(pings.put_nowait, None)
            for _ in range(5):
                await in_time(pings.get())
            await client.ping()
        await peer.deserted()


# ------------------------------------------------------------- limits of a message


async def test_a_message_of_tens_of_mebibytes_arrives() -> None:
    """D1."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        text = "x" * (20 * MIB)
        await peer.send(returned(process, text))
        assert await in_time(process.wait()) == text


async def test_a_message_as_large_as_the_limit_arrives() -> None:
    """D1."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_message_size=100_000) as client:
        process = await launch(client)
        overhead = len(encode_server_message(printed(process, "x" * 70_000), "0.4")) - 70_000
        text = "x" * (100_000 - overhead)
        assert len(encode_server_message(printed(process, text), "0.4")) == 100_000
        await peer.send(printed(process, text))
        assert await in_time(process.recv()) == (Event.Stdout, text)


async def test_a_message_in_fragments_arrives_as_one() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        frame = encode_server_message(printed(process, "hello"), "0.4")
        assert isinstance(frame, bytes)
        await peer.socket.send([frame[:1], frame[1:20], frame[20:]])
        assert await in_time(process.recv()) == (Event.Stdout, "hello")


# ------------------------------------------------------------- bad frames

PROCESS = str(uuid.UUID(int=7))
BAD_FRAMES: dict[str, bytes | str] = {
    "nothing": b"",
    "a byte that msgpack never uses": b"\xc1",
    "half a map": b"\x84\xa4type",
    "a map and more": b"\x81\xa4type\xa4ping\x00",
    "nil": b"\xc0",
    "a number": b"\x05",
    "a text": b"\xa4type",
    "an array": b"\x92\xa4ping\x01",
    "an empty map": b"\x80",
    "a map with a number for a key": b"\x81\x01\x02",
    "a type that is no text": b"\x81\xa4type\x01",
    "an unknown type": b"\x81\xa4type\xa7nonsens",
    "a reply without its number": b"\x83\xa4type\xa8response\xa2ok\xc3\xa6result\xa0",
    "a reply to nobody": b"\x84\xa4type\xa8response\xa7corr_id\xce\x7f\xff\xff\xff\xa2ok\xc3\xa6result\xa0",
    "a reply with a negative number": b"\x84\xa4type\xa8response\xa7corr_id\xff\xa2ok\xc3\xa6result\xa0",
    "an event without a process": b"\x83\xa4type\xadprocess_event\xa5event\xa6stdout\xa5value\xa0",
    "a text that is not UTF-8": b"\x84\xa4type\xadprocess_event\xaaprocess_id\xa1p\xa5event\xa6stdout\xa5value\xa2\xff\xfe",
    "deep nesting": b"\x91" * 100_000,
    "a text frame with nothing": "",
    "a text frame that is no JSON": "nonsense",
    "a text frame with half of it": '{"type": "turn_do',
    "a text frame with an array": "[]",
    "a text frame with a number": "5",
    "a text frame of an unknown type": '{"type": "nonsense"}',
    "a text frame without a type": "{}",
    "a text frame with deep nesting": "[" * 100_000,
}


@pytest.mark.parametrize("what", BAD_FRAMES)
async def test_a_bad_frame_is_one_bad_frame(what: str) -> None:
    """D2."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        (waiter,) = await begun(client, process.recv())
        await peer.send(BAD_FRAMES[what])
        await client.ping()
        assert not waiter.done()
        await peer.send(BAD_FRAMES[what], printed(process, "hello"), BAD_FRAMES[what])
        assert await outcomes([waiter]) == [(Event.Stdout, "hello")]
        await client.ping()


async def test_a_file_chunk_without_data_is_an_error_event_and_the_process_goes_on() -> None:
    """D2, D21."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        id_field = b"\xaaprocess_id\xd9\x24" + process.process_id.encode()
        await peer.send(b"\x82\xa4type\xa4file" + id_field, printed(process, "hello"))
        event, text = await in_time(process.recv())
        assert event is Event.Error
        assert "chunk_data" in str(text)
        assert await in_time(process.recv()) == (Event.Stdout, "hello")


async def test_a_malformed_reply_fails_its_own_call_and_no_other() -> None:
    """D2."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        first, second = (asyncio.create_task(client.query(subject)) for subject in ("a", "b"))
        a, b = await peer.asked(models.QueryRequest, 1), await peer.asked(models.QueryRequest, 2)
        await peer.send(b"\x82\xa4type\xa8response\xa7corr_id" + bytes([a.corr_id]))
        with pytest.raises(ProtocolError, match="query"):
            await in_time(first)
        await peer.reply(b.corr_id, "{}")
        assert await in_time(second) == {}


# ------------------------------------------------------------- not connected


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


async def test_every_call_before_connecting_says_so() -> None:
    """D7."""
    client = PieClient("ws://127.0.0.1:8080")
    for call in every_call(client):
        with pytest.raises(NotConnectedError, match="not connected") as caught:
            await in_time(call)
        check_text(caught.value)
        assert isinstance(caught.value, ConnectionError)
    with pytest.raises(NotConnectedError):
        _ = client.rpc
    assert client.server is None
    await client.close()


async def test_every_call_after_closing_says_so() -> None:
    """D7."""
    async with websocket_peer() as peer:
        async with PieClient(peer.uri) as client:
            process = await launch(client)
            rpc = client.rpc
        late: list[Coroutine[Any, Any, object]] = [
            *every_call(client),
            *waits(process),
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


async def test_closing_twice_or_at_once_from_two_tasks_is_harmless() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await client.connect()
        await in_time(asyncio.gather(client.close(), client.close()))
        await in_time(client.close())
        await peer.deserted()


async def test_connecting_from_two_tasks_at_once_leaves_one_connection() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await in_time(asyncio.gather(client.connect(), client.connect(), client.connect()))
        await client.ping()
        await client.close()
        assert len(peer.upgrades) == 3
        await peer.deserted()


async def test_closing_wakes_everything_that_waits() -> None:
    """D23."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        process = await launch(client)
        tasks = await begun(client, *waits(process))
        peer.answers[models.PingRequest] = None
        tasks += [asyncio.create_task(client.ping()), asyncio.create_task(client.list_processes())]
        await peer.asked(models.ListProcessesRequest)
        await in_time(client.close())
        for error in await outcomes(tasks):
            assert isinstance(error, NotConnectedError)
            check_text(error, "closed")


async def test_closing_wakes_an_implied_identification() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        tasks: list[asyncio.Task[object]] = [asyncio.create_task(client.ping()) for _ in range(3)]
        await peer.asked(models.AuthIdentifyRequest)
        await in_time(client.close())
        for error in await outcomes(tasks):
            assert isinstance(error, NotConnectedError)


async def test_what_had_arrived_before_closing_can_still_be_read() -> None:
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


async def test_closing_ends_although_the_server_never_answers_the_close() -> None:
    """D6."""
    server = Deaf()
    async with tcp_peer(server.talk) as address, PieClient(f"ws://{address}") as client:
        async with asyncio.timeout(CLOSE_BOUND):
            await client.close()
        await in_time(server.heard_all.wait())


async def test_closing_ends_although_the_server_reads_nothing_and_everything_is_full() -> None:
    """D6."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        peer.stop_reading()

        async def fill() -> None:
            while True:
                await process.signal("x" * (4 * MIB), timeout=0.2)

        with pytest.raises(DeadlineError):
            await in_time(fill())
        async with asyncio.timeout(CLOSE_BOUND):
            await client.close()


async def test_a_close_that_is_cancelled_still_ends_the_connection() -> None:
    server = Deaf()
    async with tcp_peer(server.talk) as address:
        client = PieClient(f"ws://{address}")
        await client.connect()
        closing = asyncio.create_task(client.close())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(closing, 0.05)
        await in_time(server.heard_all.wait())


async def test_leaving_the_client_by_an_error_closes_it_and_keeps_the_error() -> None:
    async def use(uri: str) -> None:
        async with PieClient(uri) as client:
            await client.ping()
            raise LookupError("the user's own")

    async with websocket_peer() as peer:
        with pytest.raises(LookupError, match="the user's own"):
            await use(peer.uri)
        await peer.deserted()


# ------------------------------------------------------------- calls that are given up


async def test_a_reply_to_a_cancelled_call_breaks_nothing() -> None:
    """D3."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.PingRequest] = None
        calls = [asyncio.create_task(client.ping()) for _ in range(10)]
        await peer.asked(models.PingRequest, 11)
        pings = peer.of(models.PingRequest)[1:]
        for call in calls[:5]:
            call.cancel()
        for ping in pings:
            await peer.reply(ping.corr_id, texts.OK_PING)
        results = await in_time(asyncio.gather(*calls, return_exceptions=True))
        assert [type(r) for r in results] == [asyncio.CancelledError] * 5 + [type(None)] * 5
        peer.answers[models.PingRequest] = texts.OK_PING
        await client.ping()


async def test_a_call_cancelled_in_the_very_moment_of_its_reply_breaks_nothing() -> None:
    """D3."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.PingRequest] = None
        for number in range(2, 40):
            call = asyncio.create_task(client.ping())
            request = await peer.asked(models.PingRequest, number)
            await peer.reply(request.corr_id, texts.OK_PING)
            for _ in range(number % 8):
                await asyncio.sleep(0)  # as many steps of the event loop
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        peer.answers[models.PingRequest] = texts.OK_PING
        await client.ping()


async def test_a_second_reply_to_the_same_request_is_ignored() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        (ping,) = peer.of(models.PingRequest)
        for ok in (True, False):
            await peer.reply(ping.corr_id, "again", ok=ok)
        await client.ping()


async def test_a_hundred_calls_at_once_each_get_their_own_reply_in_whatever_order() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        calls = [asyncio.create_task(client.query(str(n))) for n in range(100)]
        await peer.asked(models.QueryRequest, 100)
        for request in reversed(peer.of(models.QueryRequest)):
            await peer.reply(request.corr_id, json.dumps({"subject": request.subject}))
        results = await in_time(asyncio.gather(*calls))
        assert [r["subject"] for r in results] == [str(n) for n in range(100)]


async def test_a_hundred_pings_at_once_get_through_when_answered_backwards() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.PingRequest] = None
        calls = [asyncio.create_task(client.ping()) for _ in range(100)]
        await peer.asked(models.PingRequest, 100)
        pings = peer.of(models.PingRequest)
        assert len({p.corr_id for p in pings}) == 100
        for ping in reversed(pings):
            await peer.reply(ping.corr_id, texts.OK_PING)
        await in_time(asyncio.gather(*calls))


# ------------------------------------------------------------- receiving


async def test_after_the_terminal_event_receiving_says_so_instead_of_waiting() -> None:
    """D23."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(returned(process, "1"), printed(process, "late"), returned(process, "2"))
        assert await in_time(process.recv()) == (Event.Return, "1")
        for _ in range(2):
            with pytest.raises(ProcessEndedError) as caught:
                await in_time(process.recv())
            assert process.process_id in str(caught.value)
            assert isinstance(caught.value, EOFError)
        assert [event async for event in process] == []


async def test_tasks_that_wait_when_the_terminal_event_comes_are_all_woken() -> None:
    """D23."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await begun(client, *(process.recv() for _ in range(3)), process.wait())
        await peer.send(returned(process, "1"))
        *received, waited = await outcomes(tasks)
        assert waited == "1"
        assert received.count((Event.Return, "1")) == 1
        assert sum(isinstance(r, ProcessEndedError) for r in received) == 2


async def test_each_of_several_tasks_that_receive_gets_an_event_of_its_own() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await begun(client, *(process.recv() for _ in range(10)))
        await peer.send(*(printed(process, str(n)) for n in range(10)))
        results = await outcomes(tasks)
        assert set(map(str, results)) == {str((Event.Stdout, str(n))) for n in range(10)}


async def test_cancelling_a_task_that_receives_loses_no_event() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        sending = asyncio.create_task(
            peer.send(*(printed(process, str(n)) for n in range(300)), returned(process))
        )
        received: list[object] = []
        steps = 0
        while not received or received[-1] != (Event.Return, "null"):
            receiving = asyncio.create_task(process.recv())
            steps = (steps + 1) % 7
            for _ in range(steps):
                await asyncio.sleep(0)  # as many steps of the event loop
            receiving.cancel()
            (outcome,) = await outcomes([receiving])
            if not isinstance(outcome, asyncio.CancelledError):
                received.append(outcome)
        await sending
        assert received == [*((Event.Stdout, str(n)) for n in range(300)), (Event.Return, "null")]


async def test_a_deadline_of_receiving_loses_no_event() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        with pytest.raises(DeadlineError) as caught:
            await process.recv(timeout=0.01)
        check_text(caught.value, process.process_id, "0.01 s")
        sending = asyncio.create_task(
            peer.send(*(printed(process, str(n)) for n in range(300)), returned(process))
        )
        received: list[object] = []
        while not received or received[-1] != (Event.Return, "null"):
            try:
                received.append(await process.recv(timeout=1e-6))
            except DeadlineError:
                continue
        await sending
        assert received == [*((Event.Stdout, str(n)) for n in range(300)), (Event.Return, "null")]


async def test_waiting_with_a_deadline_can_be_taken_up_again() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        for wait in (process.wait(timeout=0.01), process.result(timeout=0.01)):
            with pytest.raises(DeadlineError) as caught:
                await wait
            check_text(caught.value, process.process_id, "0.01 s")
        await peer.send(returned(process, "5"))
        assert await in_time(process.result()) == 5


async def test_the_result_is_the_same_before_during_and_after_reading_the_events() -> None:
    """D31."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await begun(client, process.result(), process.wait(), process.result(dict[str, int]))
        await peer.send(printed(process, "out"))
        assert await in_time(process.recv()) == (Event.Stdout, "out")
        await peer.send(printed(process, "more"), *chunks(process, b"file", 3), returned(process, '{"a": 1}'))
        assert await outcomes(tasks) == [{"a": 1}, '{"a": 1}', {"a": 1}]
        # None of them took an event away.
        assert await in_time(process.result()) == {"a": 1}
        events = [event async for event in process]
        assert events == [StdoutEvent("more"), b"file", ReturnEvent('{"a": 1}')]
        assert isinstance(events[1], FileEvent)
        assert await in_time(process.result()) == await in_time(process.result()) == {"a": 1}
        assert await in_time(process.wait()) == '{"a": 1}'


async def test_a_process_error_is_raised_by_every_wait_and_is_an_event_once() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await begun(client, process.result(), process.wait())
        ended = models.ErrorFrame(process_id=process.process_id, value=texts.PROCESS_TERMINATED)
        await peer.send(ended)
        assert [type(e) for e in await outcomes(tasks)] == [ProcessTerminatedError] * 2
        assert [event async for event in process] == [ErrorEvent(texts.PROCESS_TERMINATED)]
        with pytest.raises(ProcessTerminatedError):
            await process.wait()


# ------------------------------------------------------------- letting go of a process


async def test_a_closed_handle_says_so_and_wakes_who_waits() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        tasks = await begun(client, *waits(process))
        process.close()
        for error in await outcomes(tasks):
            assert isinstance(error, ProcessEndedError)
            check_text(error, process.process_id, "closed")
        process.close()
        with pytest.raises(ProcessEndedError, match="closed"):
            await anext(process)


async def flood(peer: Peer, process_id: str, size: int = 20 * MIB) -> None:
    """Send much more than the tests let a client buffer."""
    for _ in range(size // 65536):
        await peer.send(printed(process_id, "x" * 65536))


LetGo: TypeAlias = Callable[[Process], Awaitable[None]]


async def by_closing(process: Process) -> None:
    process.close()


async def by_leaving(process: Process) -> None:
    async with process:
        pass


async def by_leaving_with_an_error(process: Process) -> None:
    with pytest.raises(LookupError):
        async with process:
            raise LookupError


async def by_forgetting(process: Process) -> None:
    """Drop it; the caller keeps no reference either."""


@pytest.mark.parametrize("let_go", [by_closing, by_leaving, by_leaving_with_an_error, by_forgetting])
async def test_nothing_more_is_kept_for_a_process_that_was_let_go(let_go: LetGo) -> None:
    """D25, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        other = await launch(client)
        process_id = await let_go_of_one(client, let_go)
        gc.collect()
        # Nobody reads meanwhile: were anything kept, the flow would stop.
        await in_time(flood(peer, process_id))
        await peer.send(printed(other, "hello"))
        assert await in_time(other.recv()) == (Event.Stdout, "hello")


async def let_go_of_one(client: PieClient, let_go: LetGo) -> str:
    process = await launch(client)
    await let_go(process)
    return process.process_id


@pytest.mark.parametrize("let_go", [by_closing, by_leaving, by_forgetting])
@pytest.mark.parametrize("ended", [False, True])
async def test_what_a_dropped_handle_had_not_read_counts_no_more(let_go: LetGo, ended: bool) -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:

        async def use_one() -> None:
            process = await launch(client)
            await peer.send(printed(process, "x" * (MIB // 2)), *chunks(process, bytes(1000), 500)[:1])
            if ended:
                await peer.send(returned(process))
            await client.ping()
            await let_go(process)

        for _ in range(20):
            await use_one()
            gc.collect()
        last = await launch(client)
        await peer.send(printed(last, "x" * (MIB // 2)))
        assert await in_time(last.recv()) == (Event.Stdout, "x" * (MIB // 2))


async def test_a_handle_that_is_let_go_while_the_flow_stands_still_sets_it_going() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await standing_still(peer, flooding)
        process.close()
        # Nobody reads and nobody calls: only the closing can have done it.
        await in_time(flooding)


# ------------------------------------------------------------- slow consumers


async def standing_still(peer: Peer, sending: asyncio.Task[None]) -> None:
    """Wait until nothing that is sent gets through any more.

    A client that still reads would take something within a few round trips of another one in the same event loop.
    """
    async with asyncio.timeout(PATIENCE), websocket_peer() as witness, PieClient(witness.uri) as bystander:
        while True:
            await peer.stalled.wait()
            before = peer.stalls
            for _ in range(30):
                await bystander.ping()
            if peer.stalled.is_set() and peer.stalls == before:
                break
            assert not sending.done(), "everything got through"
    assert not sending.done()


async def test_reading_stops_while_too_much_is_unread_and_goes_on_when_it_is_read() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await standing_still(peer, flooding)
        size = 0
        for _ in range(100 * MIB // 65536):
            event, text = await in_time(process.recv())
            assert event is Event.Stdout
            size += len(text)
        assert size == 100 * MIB
        await in_time(flooding)


async def test_calls_get_through_while_too_much_is_unread() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 24 * MIB))
        await standing_still(peer, flooding)
        for _ in range(3):
            await in_time(client.ping())
        await in_time(flooding)
        for _ in range(24 * MIB // 65536):
            assert (await in_time(process.recv()))[0] is Event.Stdout


async def test_a_call_that_was_given_up_does_not_keep_the_flow_going() -> None:
    """D3, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        peer.answers[models.PingRequest] = None
        with pytest.raises(DeadlineError):
            await client.ping(timeout=0.01)
        calling = asyncio.create_task(client.ping())
        await peer.asked(models.PingRequest, 2)
        calling.cancel()
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await standing_still(peer, flooding)
        process.close()
        await in_time(flooding)


async def test_waiting_for_another_process_gives_up_the_one_that_nobody_reads() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        big, small = await launch(client), await launch(client)
        await flood_then(peer, big, small)
        assert await in_time(small.recv()) == (Event.Stdout, "hello")
        for wait in waits(big):
            with pytest.raises(SlowConsumerError) as caught:
                await in_time(wait)
            check_text(caught.value, big.process_id, "max_buffered")
            assert isinstance(caught.value, BufferError)
        assert await in_time(small.result()) == 1


async def test_a_task_that_waits_only_for_the_end_of_a_process_gets_it_or_a_named_error() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        process, other = await launch(client), await launch(client)
        waiting = asyncio.create_task(process.wait())
        await in_time(flood(peer, process.process_id))
        with pytest.raises(SlowConsumerError):
            await in_time(waiting)
        await peer.send(printed(other, "hello"))
        assert await in_time(other.recv()) == (Event.Stdout, "hello")


async def flood_then(peer: Peer, big: Process, small: Process) -> None:
    """Begin to flood one process; the event and the end of the other follow behind it."""

    async def run() -> None:
        await flood(peer, big.process_id)
        await peer.send(printed(small, "hello"), returned(small, "1"))

    # Kept from being collected by the peer that it belongs to.
    peer.background.append(asyncio.create_task(run()))


async def test_the_loss_of_a_congested_connection_shows_after_what_was_kept() -> None:
    """D24, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await standing_still(peer, flooding)
        peer.reset()
        for _ in range(16 * MIB // 65536):
            assert (await in_time(process.recv()))[0] is Event.Stdout
        with pytest.raises(ConnectionLostError):
            await in_time(process.wait())
        await asyncio.gather(flooding, return_exceptions=True)


async def test_a_client_with_a_congested_process_closes() -> None:
    """D6, D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=16 * MIB) as client:
        process = await launch(client)
        flooding = asyncio.create_task(flood(peer, process.process_id, 100 * MIB))
        await standing_still(peer, flooding)
        async with asyncio.timeout(CLOSE_BOUND):
            await client.close()
        await asyncio.gather(flooding, return_exceptions=True)


# ------------------------------------------------------------- relayed MCP calls


def relayed(corr_id: int) -> models.McpRequest:
    return models.McpRequest(
        corr_id=corr_id, process_id=PROCESS, server_name="fs", method="tools/list", params="{}"
    )


async def test_a_relayed_mcp_call_without_its_server_is_answered_once_with_an_error_object() -> None:
    """D64."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        await peer.send(relayed(1), relayed(4_294_967_295))
        await peer.asked(models.McpResponseRequest, 2)
        await client.ping()
        answers = peer.of(models.McpResponseRequest)
        assert [a.corr_id for a in answers] == [1, 4_294_967_295]
        for answer in answers:
            assert answer.ok is False
            assert json.loads(answer.result) == {"code": -1, "message": "MCP server 'fs' not registered"}


async def test_a_relayed_mcp_call_may_have_the_number_of_a_request() -> None:
    """D61."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        calling = asyncio.create_task(client.query("model_status"))
        query = await peer.asked(models.QueryRequest)
        await peer.send(relayed(query.corr_id))
        assert (await peer.asked(models.McpResponseRequest)).corr_id == query.corr_id
        assert not calling.done()
        await peer.reply(query.corr_id, "{}")
        assert await in_time(calling) == {}


async def test_a_relayed_mcp_call_of_a_server_that_knows_none_is_passed_over() -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unhandled.append(context))
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        await client.ping()
        await peer.send(relayed(1))
        await client.ping()
        await client.ping()
        assert peer.of(models.McpResponseRequest) == []
    gc.collect()
    assert unhandled == []


# ------------------------------------------------------------- identification


async def test_fifty_first_calls_at_once_identify_once_and_first() -> None:
    """D5."""
    async with websocket_peer() as peer, PieClient(peer.uri, username="alice") as client:
        peer.answers[models.AuthIdentifyRequest] = None
        calls = [asyncio.create_task(client.ping()) for _ in range(50)]
        identify = await peer.asked(models.AuthIdentifyRequest)
        assert len(peer.requests) == 1
        await peer.reply(identify.corr_id, texts.OK_AUTHENTICATION_DISABLED)
        await in_time(asyncio.gather(*calls))
        assert [r.username for r in peer.of(models.AuthIdentifyRequest)] == ["alice"]
        assert len(peer.of(models.PingRequest)) == 50
        assert len(peer.requests) == 51


async def test_authenticating_before_the_first_call_is_the_only_identification() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.authenticate("alice")
        await client.ping()
        await client.authenticate("alice")
        assert [r.username for r in peer.of(models.AuthIdentifyRequest)] == ["alice"]
        assert client.server is not None
        assert client.server.username == "alice"


@pytest.mark.parametrize(
    ("answer", "family", "username"),
    [
        (texts.OK_AUTHENTICATION_DISABLED, "0.4", "alice"),
        (texts.OK_ALREADY_AUTHENTICATED, "0.5", "internal"),
        ("Welcome", "0.5", "internal"),
        ("", "0.5", "internal"),
        ("x" * 64 + "=", "0.5", "internal"),
    ],
)
async def test_the_family_is_told_by_the_answer_to_the_identification(
    answer: str, family: str, username: str
) -> None:
    """D15."""
    async with websocket_peer() as peer, PieClient(peer.uri, username="alice") as client:
        peer.answers[models.AuthIdentifyRequest] = answer
        await client.ping()
        assert client.server is not None
        assert client.server.family == family
        assert client.server.username == username


@pytest.mark.parametrize("family", ["0.4", "0.5"])
@pytest.mark.parametrize("explicit", [False, True])
async def test_an_identification_that_was_given_up_still_tells_the_family(
    family: str, explicit: bool
) -> None:
    """D3: the answer to a second identification is the same on both families."""
    async with websocket_peer() as peer, PieClient(peer.uri, username="alice") as client:
        peer.answers[models.AuthIdentifyRequest] = None
        with pytest.raises(DeadlineError):
            await (client.authenticate("alice", timeout=0.05) if explicit else client.ping(timeout=0.05))
        first = await peer.asked(models.AuthIdentifyRequest)
        calling = asyncio.create_task(client.authenticate("alice") if explicit else client.ping())
        # The server was slow: it had got the first, and answers now.
        peer.answers[models.AuthIdentifyRequest] = texts.OK_ALREADY_AUTHENTICATED
        open_words = texts.OK_AUTHENTICATION_DISABLED if family == "0.4" else texts.OK_ALREADY_AUTHENTICATED
        await peer.reply(first.corr_id, open_words)
        await in_time(calling)
        await client.ping()
        assert client.server is not None
        assert client.server.family == family
        assert client.server.username == ("alice" if family == "0.4" else "internal")


async def test_a_call_that_gives_up_does_not_spoil_the_identification_of_others() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        first = asyncio.create_task(client.ping())
        others = [asyncio.create_task(client.ping()) for _ in range(5)]
        await peer.asked(models.AuthIdentifyRequest)
        peer.answers[models.AuthIdentifyRequest] = texts.OK_ALREADY_AUTHENTICATED
        first.cancel()
        await peer.reply(peer.of(models.AuthIdentifyRequest)[0].corr_id, texts.OK_AUTHENTICATION_DISABLED)
        await in_time(asyncio.gather(*others))
        assert client.server is not None
        assert client.server.family == "0.4"


@pytest.mark.parametrize("explicit", [False, True])
async def test_a_user_that_the_server_refuses_is_an_authentication_error(explicit: bool) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, username="mallory") as client:
        peer.answers[models.AuthIdentifyRequest] = Refusal(texts.user_not_authorized(username="mallory"))
        with pytest.raises(AuthenticationError, match="mallory") as caught:
            await (client.authenticate("mallory") if explicit else client.ping())
        check_text(caught.value, "User 'mallory' is not authorized")
        assert isinstance(caught.value, PermissionError)
        assert client.server is None
        assert peer.of(models.PingRequest) == []
        # The connection stays, and another user may try.
        peer.answers[models.AuthIdentifyRequest] = texts.OK_AUTHENTICATION_DISABLED
        await client.authenticate("alice")
        await client.ping()


async def test_fifty_first_calls_at_once_all_hear_of_a_refusal() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = Refusal(texts.user_not_authorized(username="pie-client"))
        errors = await in_time(asyncio.gather(*(client.ping() for _ in range(50)), return_exceptions=True))
        assert [type(e) for e in errors] == [AuthenticationError] * 50
        assert peer.of(models.PingRequest) == []


# ------------------------------------------------------------- proving who one is

SigningKey: TypeAlias = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

KEYS: dict[str, Callable[[], SigningKey]] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
}


@functools.cache
def made(kind: str) -> SigningKey:
    return KEYS[kind]()


@pytest.fixture(params=KEYS)
def private(request: pytest.FixtureRequest) -> SigningKey:
    """A key of each kind that servers accept."""
    return made(request.param)


def parsed(key: SigningKey) -> ParsedPrivateKey:
    return ParsedPrivateKey.parse(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def accepts(key: SigningKey, challenge: bytes, signature: bytes) -> bool:
    """Check a signature as servers do."""
    try:
        match key:
            case ed25519.Ed25519PrivateKey():
                key.public_key().verify(signature, challenge)
            case rsa.RSAPrivateKey():
                key.public_key().verify(signature, challenge, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePrivateKey():
                digest = SHA384() if isinstance(key.curve, ec.SECP384R1) else SHA256()
                key.public_key().verify(signature, challenge, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


@pytest.fixture
async def guarded() -> AsyncGenerator[tuple[Peer, bytes]]:
    """A server that asks for a key, with its challenge; the test has to answer proofs."""
    challenge = os.urandom(48)
    async with websocket_peer() as peer:
        peer.answers[models.AuthIdentifyRequest] = base64.b64encode(challenge).decode()
        yield peer, challenge


async def test_a_challenge_is_signed_so_that_the_server_can_verify_it(
    guarded: tuple[Peer, bytes], private: SigningKey
) -> None:
    peer, challenge = guarded
    async with PieClient(peer.uri) as client:
        proving = asyncio.create_task(client.authenticate("alice", parsed(private)))
        proof = await peer.asked(models.AuthProveRequest)
        signature = base64.b64decode(proof.signature, validate=True)
        assert accepts(private, challenge, signature)
        assert not accepts(private, os.urandom(48), signature)
        assert not proving.done()
        await peer.reply(proof.corr_id, texts.OK_AUTH_PROVE)
        await in_time(proving)
        await client.ping()
        assert [r.username for r in peer.of(models.AuthIdentifyRequest)] == ["alice"]
        assert client.server is not None
        assert client.server.family == "0.4"
        assert client.server.username == "alice"


async def test_a_signature_that_the_server_refuses_is_an_authentication_error(
    guarded: tuple[Peer, bytes], private: SigningKey
) -> None:
    peer, _challenge = guarded
    peer.answers[models.AuthProveRequest] = Refusal(texts.SIGNATURE_VERIFICATION_FAILED)
    async with PieClient(peer.uri) as client:
        with pytest.raises(AuthenticationError, match="Signature verification failed") as caught:
            await in_time(client.authenticate("alice", parsed(private)))
        check_text(caught.value, "authorized_users.toml")
        proof = peer.of(models.AuthProveRequest)[0].signature
        assert proof not in "".join(traceback.format_exception(caught.value))
        assert client.server is None
        # A second attempt begins with a new challenge, for the first one is used up.
        peer.answers[models.AuthProveRequest] = texts.OK_AUTH_PROVE
        await in_time(client.authenticate("alice", parsed(private)))
        assert len(peer.of(models.AuthIdentifyRequest)) == 2


@pytest.mark.parametrize("explicit", [False, True])
async def test_a_challenge_without_a_key_is_an_authentication_error_that_asks_for_one(
    guarded: tuple[Peer, bytes], explicit: bool
) -> None:
    """D5, D15."""
    peer, _challenge = guarded
    async with PieClient(peer.uri, username="alice") as client:
        with pytest.raises(AuthenticationError, match="asks for a key") as caught:
            await in_time(client.authenticate("alice") if explicit else client.ping())
        check_text(caught.value, "alice", "authenticate(username, private_key)")
        assert client.server is None
        assert peer.of(models.PingRequest) == []
        peer.answers[models.AuthProveRequest] = texts.OK_AUTH_PROVE
        await in_time(client.authenticate("alice", parsed(made("Ed25519"))))
        await client.ping()


async def test_a_process_whose_stream_the_server_aborted_ends_with_an_error_and_the_others_go_on() -> None:
    """D14."""
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        gone, running = await launch(client), await launch(client)
        listed = models.ProcessInfo(
            id=running.process_id, username="internal", program="a@1.0.0", input="{}", elapsed_secs=1
        )
        peer.answers[models.ListProcessesRequest] = json.dumps([listed.model_dump()])
        waiters = await begun(client, *waits(gone))
        await peer.send(models.ServerNotice(message="stream aborted"))
        for error in await outcomes(waiters):
            assert isinstance(error, StreamAbortedError)
        await peer.send(models.ReturnFrame(process_id=running.process_id, value="1"))
        assert await in_time(running.result(int)) == 1
        assert len(peer.of(models.ListProcessesRequest)) == 2


async def test_two_handles_of_one_process_share_its_events_and_end_apart() -> None:
    """D30."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        first = await launch(client)
        second = await client.attach_process(first.process_id)
        waiters = await begun(client, first.wait(), second.wait())
        await peer.send(models.StdoutFrame(process_id=first.process_id, value="one"))
        assert await in_time(second.recv()) == (Event.Stdout, "one")
        first.close()
        with pytest.raises(ProcessEndedError):
            await first.recv()
        await peer.send(models.ReturnFrame(process_id=first.process_id, value="2"))
        assert await in_time(second.recv()) == (Event.Return, "2")
        ended, result = await outcomes(waiters)
        assert isinstance(ended, ProcessEndedError)
        assert result == "2"


async def test_what_arrived_is_given_before_a_loss_that_a_failed_send_found_first() -> None:
    """D24."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=1000) as client:
        process = await launch(client)
        for number in range(12):
            await peer.send(models.StdoutFrame(process_id=process.process_id, value=f"{number}" + "x" * 200))
        await peer.send(models.ReturnFrame(process_id=process.process_id, value="42"))
        peer.hang_up()
        await peer.deserted()

        async def ask() -> None:
            while True:
                await process.signal("are you there")

        with pytest.raises(ConnectionLostError):
            await in_time(ask())
        events = await in_time(asyncio.create_task(_all(process)))
        assert len(events) == 13
        assert events[-1] == ReturnEvent("42")


async def _all(process: Process) -> list[ProcessEvent]:
    return [event async for event in process]


async def test_a_reader_that_somebody_cancels_takes_nobody_into_a_hang() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        process = await launch(client)
        waiters = await begun(client, *waits(process))
        for task in asyncio.all_tasks():
            if task.get_name() == "pie-client reader":
                task.cancel()
        for error in await outcomes(waiters):
            assert isinstance(error, ConnectionLostError)
        with pytest.raises(ConnectionLostError, match="cancelled"):
            await client.ping()


async def test_the_deadline_of_recv_is_not_put_off_by_events_of_unknown_kinds() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)

        async def babble() -> None:
            while True:
                await peer.send(models.UnknownFrame(process_id=process.process_id, event="noise"))
                await asyncio.sleep(0)  # sending suspends only where the socket is full

        babbling = asyncio.create_task(babble())
        with pytest.raises(DeadlineError):
            await in_time(process.recv(timeout=0.1))
        babbling.cancel()


async def test_a_type_that_pydantic_cannot_validate_is_refused_before_waiting() -> None:
    class Opaque:
        pass

    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        with pytest.raises(InvalidArgumentError, match="pydantic can't validate"):
            await in_time(process.result(Opaque))


async def test_one_silent_server_is_asked_once_however_many_calls_give_up() -> None:
    """D4."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        for _ in range(5):
            with pytest.raises(DeadlineError):
                await client.ping(timeout=0.01)
        assert len(peer.of(models.AuthIdentifyRequest)) == 1


async def test_closing_while_connecting_leaves_nothing_connected() -> None:
    server = Deaf()
    async with tcp_peer(server.talk) as address:
        client = PieClient(f"ws://{address}")
        connecting = asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        await client.close()
        outcome = (await in_time(asyncio.gather(connecting, return_exceptions=True)))[0]
        assert isinstance(outcome, NotConnectedError)
        with pytest.raises(NotConnectedError):
            await client.ping()
        await in_time(server.heard_all.wait())


async def test_ids_of_events_may_be_written_in_any_form() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(models.ReturnFrame(process_id=process.process_id.upper(), value="1"))
        assert await in_time(process.result(int)) == 1


async def test_the_family_stays_what_it_was_when_a_proof_is_consented_to_late() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthIdentifyRequest] = base64.b64encode(bytes(48)).decode()
        peer.answers[models.AuthProveRequest] = None
        key = ParsedPrivateKey(ed25519.Ed25519PrivateKey.generate())
        with pytest.raises(DeadlineError):
            await client.authenticate("alice", key, timeout=0.2)
        prove = await peer.asked(models.AuthProveRequest)
        peer.answers[models.AuthIdentifyRequest] = texts.OK_ALREADY_AUTHENTICATED
        await peer.reply(prove.corr_id, texts.OK_AUTH_PROVE)
        await client.authenticate("alice", key)
        assert client.server is not None
        assert (client.server.family, client.server.username) == ("0.4", "alice")


async def test_the_family_stays_what_it_was_when_a_token_is_consented_to_late() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AuthByTokenRequest] = None
        peer.answers[models.AuthProveRequest] = None
        with pytest.raises(DeadlineError):
            await client.auth_by_token("token", timeout=0.2)
        asked = await peer.asked(models.AuthByTokenRequest)
        peer.answers[models.AuthIdentifyRequest] = texts.OK_ALREADY_AUTHENTICATED
        await peer.reply(asked.corr_id, texts.OK_AUTH_BY_TOKEN)
        await client.ping()
        assert client.server is not None
        assert (client.server.family, client.server.username) == ("0.4", "internal")


async def test_authenticating_keeps_its_deadline_while_another_request_identifies() -> None:
    """D4."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=math.inf) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        pinging = asyncio.create_task(client.ping())
        await peer.asked(models.AuthIdentifyRequest)
        with pytest.raises(DeadlineError):
            await in_time(client.authenticate("alice", timeout=0.1))
        with pytest.raises(DeadlineError):
            await in_time(client.auth_by_token("token", timeout=0.1))
        pinging.cancel()


async def test_a_stream_that_is_aborted_right_behind_its_launch_ends_the_process() -> None:
    """D14."""
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.LaunchProcessRequest] = None
        peer.answers[models.ListProcessesRequest] = "[]"
        launching = asyncio.create_task(launch(client))
        asked = await peer.asked(models.LaunchProcessRequest)
        await peer.reply(asked.corr_id, str(uuid.uuid4()))
        await peer.send(models.ServerNotice(message="stream aborted"))
        process = await in_time(launching)
        with pytest.raises(StreamAbortedError):
            await in_time(process.wait())


async def test_a_file_without_end_is_given_up() -> None:
    """D27."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=MIB) as client:
        process = await launch(client)

        async def send() -> None:
            for index in range(64):
                chunk = models.FileChunk(
                    process_id=process.process_id,
                    file_hash="e" * 64,
                    chunk_index=index,
                    total_chunks=1000,
                    chunk_data=bytes(MIB // 4),
                )
                await peer.send(chunk)

        peer.background.append(asyncio.create_task(send()))
        with pytest.raises(SlowConsumerError, match="a file may take at most"):
            await in_time(process.recv())


async def test_closing_wins_over_connecting_again() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri)
        await client.connect()
        again = asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        await client.close()
        outcome = (await in_time(asyncio.gather(again, return_exceptions=True)))[0]
        assert isinstance(outcome, NotConnectedError)
        with pytest.raises(NotConnectedError):
            await client.ping()


@pytest.mark.parametrize("name", ["NoSuch", 'list["NoSuch"]'])
async def test_a_type_that_names_what_does_not_exist_is_refused_before_waiting(name: str) -> None:
    as_type: type[object] = eval(name) if "[" in name else name  # type: ignore[assignment]  # noqa: S307 - our own texts
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        with pytest.raises(InvalidArgumentError, match="pydantic can't validate"):
            await in_time(process.result(as_type))
