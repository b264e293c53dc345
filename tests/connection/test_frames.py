"""Frames of all sizes, malformed frames, and MCP requests of the server."""

import asyncio
import gc
import json
import uuid
from typing import Any

import pytest

from pie_client import (
    CorruptEventError,
    Event,
    PieClient,
    ProtocolError,
    models,
)
from pie_client.protocol.codec import encode_server_message
from tests.connection.helpers import (
    MIB,
    launch,
    outcomes,
    printed,
    returned,
    start_waiting,
)
from tests.support.peers import in_time, websocket_peer


async def test_a_message_of_tens_of_mebibytes_is_received() -> None:
    """D1."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        text = "x" * (20 * MIB)
        await peer.send(returned(process, text))
        assert await in_time(process.wait()) == text


async def test_a_message_of_exactly_max_message_size_is_received() -> None:
    """D1."""
    async with websocket_peer() as peer, PieClient(peer.uri, max_message_size=100_000) as client:
        process = await launch(client)
        overhead = len(encode_server_message(printed(process, "x" * 70_000), "0.4")) - 70_000
        text = "x" * (100_000 - overhead)
        assert len(encode_server_message(printed(process, text), "0.4")) == 100_000
        await peer.send(printed(process, text))
        assert await in_time(process.recv()) == (Event.Stdout, text)


async def test_a_fragmented_message_is_received_as_one() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        frame = encode_server_message(printed(process, "hello"), "0.4")
        assert isinstance(frame, bytes)
        await peer.socket.send([frame[:1], frame[1:20], frame[20:]])
        assert await in_time(process.recv()) == (Event.Stdout, "hello")


PROCESS = str(uuid.UUID(int=7))
BAD_FRAMES: dict[str, bytes | str] = {
    "an empty frame": b"",
    "a byte that msgpack never uses": b"\xc1",
    "half a map": b"\x84\xa4type",
    "a map and a trailing byte": b"\x81\xa4type\xa4ping\x00",
    "nil": b"\xc0",
    "a number": b"\x05",
    "a string": b"\xa4type",
    "an array": b"\x92\xa4ping\x01",
    "an empty map": b"\x80",
    "a map with an integer key": b"\x81\x01\x02",
    "a type that is not a string": b"\x81\xa4type\x01",
    "an unknown type": b"\x81\xa4type\xa7nonsens",
    "a reply without corr_id": b"\x83\xa4type\xa8response\xa2ok\xc3\xa6result\xa0",
    "a reply with an unknown corr_id": b"\x84\xa4type\xa8response\xa7corr_id\xce\x7f\xff\xff\xff\xa2ok\xc3\xa6result\xa0",
    "a reply with a negative corr_id": b"\x84\xa4type\xa8response\xa7corr_id\xff\xa2ok\xc3\xa6result\xa0",
    "an event without a process": b"\x83\xa4type\xadprocess_event\xa5event\xa6stdout\xa5value\xa0",
    "a string that is not UTF-8": b"\x84\xa4type\xadprocess_event\xaaprocess_id\xa1p\xa5event\xa6stdout\xa5value\xa2\xff\xfe",
    "deep nesting": b"\x91" * 100_000,
    "an empty text frame": "",
    "a text frame without JSON": "nonsense",
    "a text frame with half an object": '{"type": "turn_do',
    "a text frame with an array": "[]",
    "a text frame with a number": "5",
    "a text frame of an unknown type": '{"type": "nonsense"}',
    "a text frame without a type": "{}",
    "a text frame with deep nesting": "[" * 100_000,
}


async def test_a_malformed_frame_affects_nothing_else() -> None:
    """D2."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        (waiter,) = await start_waiting(client, process.recv())
        for frame in BAD_FRAMES.values():
            await peer.send(frame)
            await client.ping()
        assert not waiter.done()
        await peer.send(printed(process, "first"))
        assert await outcomes([waiter]) == [(Event.Stdout, "first")]
        for name, frame in BAD_FRAMES.items():
            await peer.send(frame, printed(process, name), frame)
            assert await in_time(process.recv()) == (Event.Stdout, name)


async def test_recv_raises_for_a_malformed_file_chunk_and_goes_on() -> None:
    """D2, D21."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        id_field = b"\xaaprocess_id\xd9\x24" + process.process_id.encode()
        await peer.send(b"\x82\xa4type\xa4file" + id_field, printed(process, "hello"))
        with pytest.raises(CorruptEventError, match="chunk_data is missing"):
            await in_time(process.recv())
        assert await in_time(process.recv()) == (Event.Stdout, "hello")


async def test_a_malformed_reply_fails_only_its_own_call() -> None:
    """D2."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        first, second = (asyncio.create_task(client.query(subject)) for subject in ("a", "b"))
        a, b = await peer.request(models.QueryRequest, 1), await peer.request(models.QueryRequest, 2)
        await peer.send(b"\x82\xa4type\xa8response\xa7corr_id" + bytes([a.corr_id]))
        with pytest.raises(ProtocolError, match="query"):
            await in_time(first)
        await peer.reply(b.corr_id, "{}")
        assert await in_time(second) == {}


def mcp_request(corr_id: int) -> models.McpRequest:
    return models.McpRequest(
        corr_id=corr_id, process_id=PROCESS, server_name="fs", method="tools/list", params="{}"
    )


async def test_an_mcp_call_of_an_unregistered_server_is_answered_with_an_error() -> None:
    """D64."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        await peer.send(mcp_request(1), mcp_request(4_294_967_295))
        await peer.request(models.McpResponseRequest, 2)
        await client.ping()
        answers = peer.requests_of(models.McpResponseRequest)
        assert [a.corr_id for a in answers] == [1, 4_294_967_295]
        for answer in answers:
            assert answer.ok is False
            assert json.loads(answer.result) == {"code": -1, "message": "MCP server 'fs' not registered"}


async def test_an_mcp_call_may_have_the_corr_id_of_a_pending_request() -> None:
    """D61."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        calling = asyncio.create_task(client.query("model_status"))
        query = await peer.request(models.QueryRequest)
        await peer.send(mcp_request(query.corr_id))
        assert (await peer.request(models.McpResponseRequest)).corr_id == query.corr_id
        assert not calling.done()
        await peer.reply(query.corr_id, "{}")
        assert await in_time(calling) == {}


async def test_an_mcp_call_of_a_server_without_mcp_is_ignored() -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unhandled.append(context))
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        await client.ping()
        await peer.send(mcp_request(1))
        await client.ping()
        await client.ping()
        assert peer.requests_of(models.McpResponseRequest) == []
    gc.collect()
    assert unhandled == []


async def test_process_ids_of_events_may_have_any_form() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(models.ReturnFrame(process_id=process.process_id.upper(), value="1"))
        assert await in_time(process.result(int)) == 1
