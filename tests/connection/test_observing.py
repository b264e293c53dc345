"""Observers see every frame of a client, without payloads unless they ask for them."""

import asyncio
import gc
import json
import logging
import re
import weakref
from pathlib import Path

import msgpack
import pytest
from blake3 import blake3
from pydantic import JsonValue

from pie_client import (
    ConnectionStatus,
    Family,
    InvalidArgumentError,
    ObservedFrame,
    PieClient,
    ProgramNotFoundError,
    Reconnect,
    Redacted,
)
from pie_client.testing import InferletSession, LocalEngine
from tests.connection.helpers import SOON, launch, printed, returned, until
from tests.connection.secret_session import CARRIED, carry_secrets
from tests.support.peers import in_time, websocket_peer

SECRET = "hunter2"  # noqa: S105 - must not be shown


def serve(engine: LocalEngine) -> None:
    @engine.inferlet("keep@1.0.0")
    async def keep(session: InferletSession, input: JsonValue) -> JsonValue:
        await session.receive_file()
        return input

    @engine.inferlet("echo@1.0.0")
    async def echo(_session: InferletSession, input: JsonValue) -> JsonValue:
        return input


async def use(client: PieClient, *, batch: bool) -> None:
    process = await client.launch_process("keep@1.0.0", {"text": SECRET})
    await process.transfer_file(bytes(300_000))
    await process.result()
    with pytest.raises(ProgramNotFoundError):
        await client.launch_process("missing@1.0.0", SECRET)
    await client.query("model_status", SECRET)
    await (
        await client.launch_process("echo@1.0.0", "x" * 10_000)
    ).result()  # too large to be copied on arrival
    if batch:  # on a connection of its own
        await client.run_processes("echo@1.0.0", [SECRET], [100])


def connect(engine: LocalEngine, reconnect: Reconnect | None = None) -> tuple[PieClient, list[ObservedFrame]]:
    """Return a client that is not connected yet, and the frames that an observer will have seen."""
    serve(engine)
    client, frames = PieClient(engine.uri, reconnect=reconnect), list[ObservedFrame]()
    client.observe(frames.append)
    return client, frames


def line_of(frame: ObservedFrame) -> str:
    """Return the line of a frame without its size."""
    line, size = str(frame).rsplit(" (", 1)
    assert size == f"{frame.size} bytes)"
    return line


async def test_an_observer_without_redaction_sees_the_frames_that_the_server_saw(
    family: Family, engine: LocalEngine
) -> None:
    serve(engine)
    there: list[ObservedFrame] = []
    here: list[ObservedFrame] = []
    engine.observe(there.append)
    client = PieClient(engine.uri)
    client.observe(here.append, redact=False)
    async with client:
        await use(client, batch=family == "0.4")
    for direction in ("sent", "received"):
        for connection in (1, 2):
            seen = [f for f in here if (f.direction, f.connection) == (direction, connection)]
            other = [f for f in there if (f.direction, f.connection) == (direction, connection)]
            assert [f.data for f in seen] == [f.data for f in other]
            assert seen or (family, connection) == ("0.5", 2)
            for frame in seen:
                data = frame.data
                assert isinstance(data, bytes | str)
                assert frame.size == len(data.encode() if isinstance(data, str) else data)
                decoded = json.loads(data) if isinstance(data, str) else msgpack.unpackb(data)
                assert frame.fields == decoded
                assert frame.type == decoded["type"]


async def test_an_observer_sees_names_and_numbers_and_the_size_of_everything_else(
    family: Family, engine: LocalEngine
) -> None:
    client, frames = connect(engine)
    async with client:
        await use(client, batch=family == "0.4")
        await client.ping()
    assert SECRET not in repr(frames) + "".join(map(str, frames))
    process_id = next(frame.fields["process_id"] for frame in frames if frame.type == "transfer_file")
    digest = blake3(bytes(300_000)).hexdigest()
    lines = list(map(line_of, frames))
    batches = ['2 -> run_processes corr_id=1 inferlet="echo@1.0.0" inputs=<1 items> token_budgets=[100]']
    for line in (
        *(batches if family == "0.4" else ()),
        '1 -> launch_process corr_id=1 inferlet="keep@1.0.0" input=<19 characters> capture_outputs=True',
        "1 <- response corr_id=1 ok=True result=<36 characters>",
        (
            f'1 -> transfer_file process_id="{process_id}" file_hash="{digest}" chunk_index=0'
            " total_chunks=2 chunk_data=<262144 bytes>"
        ),
        f'1 <- process_event process_id="{process_id}" event="return" value=<19 characters>',
        '1 -> query corr_id=3 subject="model_status" record=<7 characters>',
    ):
        assert line in lines
    redacted = [value for frame in frames for value in frame.fields.values() if isinstance(value, Redacted)]
    assert json.dumps(redacted[:1]).startswith('["<')
    assert all(frame.data is None for frame in frames)


async def test_nothing_that_a_session_carries_is_shown(tmp_path: Path) -> None:
    """Not the signature of the challenge, input, signal, events, files, calls of MCP servers and their results, and errors."""
    frames: list[ObservedFrame] = []

    def create(uri: str) -> PieClient:
        client = PieClient(uri)
        client.observe(frames.append)
        return client

    secrets = await carry_secrets(tmp_path, create)
    seen = {frame.type for frame in frames}
    assert seen >= {
        *("auth_prove", "register_mcp_server", "launch_process", "signal_process", "transfer_file"),
        *("mcp_request", "mcp_response", "file", "process_event", "response"),
    }
    text = repr(frames) + "".join(map(str, frames))
    for secret in (*CARRIED, *secrets):
        assert secret not in text


async def test_what_the_schema_does_not_define_is_redacted() -> None:
    """A field of a known message, an unknown message, a value of another type, what is no message at all."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        frames: list[ObservedFrame] = []
        client.observe(frames.append)
        event = {"type": "process_event", "process_id": process.process_id, "event": "stdout"}
        await peer.send(
            msgpack.packb(
                {**event, "value": SECRET, "mood": SECRET, "list": [SECRET], "map": {SECRET: 1}, "n": 1}
            ),
            msgpack.packb({"type": "response", "corr_id": SECRET, "ok": [SECRET], "result": None}),
            msgpack.packb({"type": "news", "text": SECRET, "corr_id": 7, "at": 1.5, "k" * 1000: 1}),
            msgpack.packb({**event, "event": {SECRET: SECRET}, "value": SECRET.encode()}),
            msgpack.packb({"type": 7, "text": SECRET}),
            f'{{"type":"error","message":"{SECRET}"}}',
            f"{{{SECRET}",
            SECRET.encode(),
            returned(process),
        )
        await process.result(timeout=60)
    shown = f'process_id="{process.process_id}"'
    assert list(map(line_of, frames)) == [
        (
            f'1 <- process_event {shown} event="stdout" value=<7 characters> mood=<7 characters> list=<1 items>'
            " map=<1 fields> n=<int>"
        ),
        "1 <- response corr_id=<7 characters> ok=<1 items> result=None",
        f"1 <- news text=<7 characters> corr_id=7 at=<float> {'k' * 64}=<int>",
        f"1 <- process_event {shown} event=<1 fields> value=<7 bytes>",
        "1 <- (no type) text=<7 characters>",
        "1 <- error message=<7 characters>",
        "1 <- (no type)",
        "1 <- (no type)",
        f'1 <- process_event {shown} event="return" value=<4 characters>',
    ]
    assert SECRET not in repr(frames)


async def test_a_received_frame_is_shown_before_it_is_processed() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        unread: list[tuple[str | None, int]] = []
        with client.observe(lambda frame: unread.append((frame.type, client.buffered))):
            await peer.send(printed(process, "x" * 1000))
            await client.ping()
        assert client.buffered > 1000
    assert ("process_event", 0) in unread


async def test_an_observer_of_large_frames_unpacks_nothing_that_is_nested() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        frames: list[ObservedFrame] = []
        client.observe(frames.append, redact=False)
        news = {"type": "news", "nested": [list[int]()] * 100_000}
        await peer.send(msgpack.packb(news), returned(process))
        await process.result(timeout=60)
        assert frames[0].fields == {"type": "news", "nested": ()}
        await client.send_raw(news)  # its own: nobody else has made it
    assert frames[-1].fields == news


@pytest.mark.parametrize("redact", [True, False])
async def test_a_deep_value_in_place_of_a_number_or_name_is_an_ordinary_frame(
    redact: bool, caplog: pytest.LogCaptureFixture
) -> None:
    depth = 1000  # most of what msgpack unpacks, and too deep for repr()
    deep = bytes([0x91]) * depth + msgpack.packb(SECRET)
    fields = [msgpack.packb(text) for text in ("type", "response", "corr_id")]
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        lines: list[str] = []
        client.observe(lambda frame: lines.append(line_of(frame)), redact=redact)
        await peer.send(bytes([0x82]) + b"".join(fields) + deep, returned(process))
        await process.result(timeout=60)
    assert lines[0] == f"1 <- response corr_id={'<1 items>' if redact else '[[[[[[[...]]]]]]]'}"
    assert "an observer failed" not in caplog.text


async def test_the_line_of_a_frame_is_short() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        lines: list[str] = []
        client.observe(lambda frame: lines.append(str(frame)), redact=False)
        many = {f"field {number}": "x" * 1000 for number in range(500)}
        await peer.send(msgpack.packb({"type": "news" * 100, **many}), returned(process))
        await process.result(timeout=60)
    assert len(lines[0]) < 3000
    assert "... (1000 characters) and 480 more (" in lines[0]


async def test_a_handle_ends_an_observation_and_others_go_on(engine: LocalEngine) -> None:
    first: list[ObservedFrame] = []
    second: list[ObservedFrame] = []
    async with PieClient(engine.uri) as client:
        with client.observe(first.append):
            observation = client.observe(second.append)
            await client.ping()
        await client.ping()
        observation.close()
        observation.close()
        await client.ping()
    assert [frame.type for frame in first if frame.direction == "sent"] == ["auth_identify", "ping"]
    assert [frame.type for frame in second if frame.direction == "sent"] == ["auth_identify", "ping", "ping"]
    assert len([frame for frame in first if frame.type == "response"]) == 2


async def test_a_client_forgets_the_observer_of_an_observation_that_is_closed(client: PieClient) -> None:
    def show(_frame: ObservedFrame) -> None: ...

    shown = weakref.ref(show)
    with client.observe(show):
        await client.ping()
    del show
    gc.collect()
    assert shown() is None


async def test_an_observer_may_close_its_own_observation_within_a_batch() -> None:
    frames: list[ObservedFrame] = []

    def once(frame: ObservedFrame) -> None:
        frames.append(frame)
        observation.close()

    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        observation = client.observe(once)
        await peer.send(*(printed(process, str(n)) for n in range(9)), returned(process))
        assert len([event async for event in process]) == 10
    assert len(frames) == 1


async def test_an_observer_that_fails_is_logged_once_and_harms_nothing(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "pie_client")
    client, frames = connect(engine)

    def fail(_frame: ObservedFrame) -> None:
        raise LookupError("no place")

    client.observe(fail)
    client.observe(frames.append)
    async with client:
        await client.ping()
        process = await client.launch_process("echo@1.0.0", {"text": 1})
        assert await process.result(dict[str, int]) == {"text": 1}
    assert len(frames) > 8
    [record] = caplog.records
    assert record.getMessage() == "an observer failed; its next failures are not logged"
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


async def test_an_observer_sees_each_connection_of_a_client_that_reconnects(engine: LocalEngine) -> None:
    client, frames = connect(engine, SOON)
    async with client:
        await client.ping()
        back = asyncio.create_task(until(client, ConnectionStatus.READY, 2))
        await asyncio.sleep(0)
        engine.faults.close_connection(1012)
        await in_time(back)
        await client.ping()
    pings = [frame.connection for frame in frames if frame.type == "ping"]
    assert pings == [1, 2]


@pytest.mark.parametrize("callback", [None, "print", asyncio.sleep], ids=["none", "text", "coroutine"])
def test_what_is_no_function_is_refused(callback: object) -> None:
    text = re.escape(f"invalid callback={callback!r}; pass a function that is not asynchronous")
    with pytest.raises(InvalidArgumentError, match=text):
        PieClient("ws://127.0.0.1").observe(callback)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - refused
