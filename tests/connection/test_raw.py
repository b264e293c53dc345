"""Raw messages reach the server as they are, and a reply to one is awaited on request."""

import asyncio
import logging
from types import MappingProxyType
from typing import cast

import msgpack
import pytest

from pie_client import (
    DeadlineError,
    Family,
    InvalidArgumentError,
    NotConnectedError,
    ObservedFrame,
    PieClient,
    ProgramNotFoundError,
    models,
)
from pie_client.protocol.codec import UnknownMessage
from pie_client.testing import LocalEngine
from tests.connection.helpers import SOON
from tests.support.peers import in_time, websocket_peer

LOGGER = "pie_client.connection.logged"
FRAMES = [
    msgpack.packb({"type": "ping", "corr_id": 4_000_000_000}),
    msgpack.packb({"type": "news", "nested": [{"a": {"b": None}}]}),
    b"\xc1 no message",
    b"",
    bytes(200_000),
]


def received(engine: LocalEngine) -> list[bytes | str]:
    """Return a list to which the frames that the engine receives will be added."""
    frames: list[bytes | str] = []

    def add(frame: ObservedFrame) -> None:
        if frame.direction == "sent" and frame.data is not None:
            frames.append(frame.data)

    engine.observe(add)
    return frames


async def test_the_text_of_a_reply_is_returned_unchanged(client: PieClient) -> None:
    assert await client.send_raw({"type": "ping"}, correlate=True) == "Pong"
    assert await client.send_raw({"type": "list_processes"}, correlate=True) == "[]"
    assert client.server is not None, "the session was not identified first"


async def test_a_refusal_has_the_class_of_its_text(client: PieClient) -> None:
    fields = {"type": "launch_process", "inferlet": "a@1.0.0", "input": "{}", "capture_outputs": True}
    with pytest.raises(ProgramNotFoundError, match=r"^launch_process refused: "):
        await client.send_raw(fields, correlate=True)


async def test_a_type_that_identifies_is_sent_first(engine: LocalEngine, family: Family) -> None:
    frames = received(engine)
    async with PieClient(engine.uri) as client:
        text = await client.send_raw({"type": "auth_identify", "username": "ada"}, correlate=True)
    assert text.startswith("Authenticated" if family == "0.4" else "Already authenticated")
    assert frames == [msgpack.packb({"type": "auth_identify", "username": "ada", "corr_id": 0})]


async def test_bytes_are_sent_as_they_are_and_nothing_before_them(engine: LocalEngine) -> None:
    frames = received(engine)
    for frame in FRAMES:  # each on a connection of its own, because some servers close it
        async with PieClient(engine.uri) as client:
            await client.send_raw(frame)
    assert frames == FRAMES


async def test_fields_are_sent_as_they_are_and_the_reply_to_them_is_ignored() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        fields = {"type": "news", "corr_id": 4_000_000_000, "list": [1, {"a": b"b"}]}
        await client.send_raw(MappingProxyType(fields))
        await peer.reply(4_000_000_000, "read")
        await client.ping()
    assert UnknownMessage("news", fields) in peer.requests


async def test_a_reply_that_does_not_come_is_a_deadline_error_and_harms_nothing() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        with pytest.raises(DeadlineError, match=r"^news did not finish within 0\.01 s") as caught:
            await client.send_raw({"type": "news"}, correlate=True, timeout=0.01)
        assert caught.value.sent
        await client.ping()


async def test_a_raw_request_is_logged_like_any_other(
    client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.close()
    caplog.set_level(logging.DEBUG, LOGGER)
    await client.connect()
    await client.send_raw({"type": "ping"}, correlate=True)
    await client.send_raw({"type": "news", "text": "hunter2"})
    await client.send_raw({"type": "more\nERROR " + "x" * 9000})
    *lines, last = [
        record.getMessage().partition(" in ")[0] for record in caplog.records if record.name == LOGGER
    ]
    assert lines == ["auth_identify 0: done", "ping 1: done", "news: sent"]
    assert last.startswith("more / ERROR xxx")
    assert len(last) < 1100


async def test_what_is_sent_waits_for_the_connection_and_is_sent_once() -> None:
    messages = [{"type": "news", "number": number} for number in range(3)]
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        peer.answers_upgrades.clear()
        peer.hang_up()
        await peer.upgrade(2)
        first = asyncio.create_task(client.send_raw(msgpack.packb(messages[0])))
        second = asyncio.create_task(client.send_raw(messages[1]))
        third = asyncio.create_task(client.send_raw(messages[2], correlate=True))
        peer.answers_upgrades.set()
        await in_time(asyncio.gather(first, second))
        await peer.read(6)
        [request] = [
            each for each in peer.requests if isinstance(each, UnknownMessage) and "corr_id" in each.fields
        ]
        await peer.reply(cast("int", request.fields["corr_id"]), "read")
        assert await in_time(third) == "read"
    sent = [each.fields["number"] for each in peer.requests if isinstance(each, UnknownMessage)]
    assert sorted(sent, key=str) == [0, 1, 2]


async def test_after_close_nothing_is_sent(engine: LocalEngine) -> None:
    client = PieClient(engine.uri)
    for message in (b"", {"type": "ping"}):
        with pytest.raises(NotConnectedError):
            await client.send_raw(message)


@pytest.mark.parametrize(
    ("message", "correlate", "text"),
    [
        (None, False, "raw frame not sent: it is NoneType; pass bytes, or a dict of fields"),
        ("{}", True, "raw frame not sent: it is str; pass bytes, or a dict of fields"),
        ({}, False, "raw frame not sent: it has no type; add a text, or pass bytes"),
        ({"type": 7}, True, "raw frame not sent: it has no type; add a text, or pass bytes"),
        (
            b"",
            True,
            "raw frame not sent: a correlation number can't be added to bytes; pass a dict, or correlate=False",
        ),
        (
            {"type": "ping", "corr_id": 1},
            True,
            "ping not sent: the client chooses corr_id; leave it out, or pass correlate=False",
        ),
        (
            {"type": "news", "at": {1, 2}},
            False,
            "news not sent: a field can't be encoded with msgpack (TypeError); correct it, or pass bytes",
        ),
        (
            {"type": "news", "at": 1 << 64},
            True,
            "news not sent: a field can't be encoded with msgpack (OverflowError); correct it, or pass bytes",
        ),
        (
            {"type": "news", "at": "\ud800"},
            True,
            "news not sent: a field can't be encoded with msgpack (UnicodeEncodeError); correct it, or pass bytes",
        ),
    ],
    ids=[
        "none",
        "text",
        "no type",
        "type of a number",
        "bytes with a number",
        "two numbers",
        "set",
        "large",
        "surrogate",
    ],
)
async def test_what_can_not_be_sent_is_refused(message: object, correlate: bool, text: str) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        with pytest.raises(InvalidArgumentError) as caught:
            await client.send_raw(message, correlate=correlate)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType] - refused
        assert str(caught.value) == text
        await client.ping()
        assert [type(request) for request in peer.requests] == [
            models.AuthIdentifyRequest,
            models.PingRequest,
        ]
