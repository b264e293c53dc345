"""Every fault happens on the wire, as a plain WebSocket client sees, and PieClient handles it."""

import asyncio
import contextlib
import inspect
import math
import re
import socket as sockets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
from blake3 import blake3
from pydantic import JsonValue
from websockets.exceptions import InvalidStatus

from pie_client import (
    AlreadyAttachedError,
    ConnectionLostError,
    ConnectTimeoutError,
    CorruptEvent,
    CorruptEventError,
    DeadlineError,
    Event,
    Family,
    FileEvent,
    HandshakeError,
    InstallError,
    InvalidArgumentError,
    NotConnectedError,
    PieClient,
    PieConnectionError,
    Process,
    ProcessNotFoundError,
    ProcessTerminatedError,
    ProgramNotFoundError,
    ProtocolError,
    ReturnEvent,
    ServerRegistryError,
    StdoutEvent,
    UnknownEvent,
    models,
)
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing import Fault, Faults, InferletSession, LocalEngine, McpCallError
from tests.support import alterations
from tests.support.mcp_servers import Script
from tests.support.peers import COMPONENT, TIMEOUT, in_time, sized_component
from tests.support.raw import UPGRADE, Raw, address, raw_client, upgraded
from tests.support.repository import ROOT

SOON = 0.2
"""Timeout of a call that has to time out."""
CHUNK_BYTES = 262_144
FILE = bytes(range(256)) * (CHUNK_BYTES * 5 // 2 // 256)
MANIFEST = "https://registry.invalid/api/v1/inferlets/absent/1.0.0/manifest"
MCP_CALL = models.McpRequest(
    corr_id=1,
    process_id="00000000-0000-4000-8000-000000000000",
    server_name="s",
    method="tools/list",
    params="{}",
)


@pytest.fixture
async def engine(family: Family) -> AsyncIterator[LocalEngine]:
    async with LocalEngine(family=family, allow_scripts=family == "0.5") as running:

        @running.inferlet("quick@1.0.0")
        async def quick(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.print("one")
            session.print("two")
            return [1, 2]

        @running.inferlet("wait@1.0.0")
        async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.print("started")
            return await session.receive()

        @running.inferlet("umlaut@1.0.0")
        async def umlaut(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.print("für", end="")
            return None

        @running.inferlet("file@1.0.0")
        async def file(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.send_file(FILE, "photo.png")
            session.send_file(b"second", "second.txt")
            return None

        @running.inferlet("mcp@1.0.0")
        async def mcp(session: InferletSession, input: JsonValue) -> JsonValue:
            try:
                return await session.mcp.list_tools(str(input))
            except McpCallError as error:
                return error.code

        yield running


@pytest.fixture
async def raw(engine: LocalEngine) -> AsyncIterator[Raw]:
    async with raw_client(engine) as connected:
        yield connected


@pytest.fixture
async def client(engine: LocalEngine) -> AsyncIterator[PieClient]:
    async with PieClient(engine.uri, timeout=TIMEOUT) as connected:
        await connected.ping()
        yield connected


old_only = pytest.mark.parametrize("family", ["0.4"])
new_only = pytest.mark.parametrize("family", ["0.5"])


async def events(process: Process) -> list[object]:
    return [event async for event in process]


# ------------------------------------------------------------- replies


async def test_never_answer_ignores_the_request(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    engine.faults.never_answer(models.PingRequest)
    await raw.send(models.PingRequest(corr_id=3))
    assert await raw.ping(4) == models.Response(corr_id=4, ok=True, result="Pong")

    with engine.faults.never_answer(models.PingRequest, times=None) as fault:
        for _ in range(3):
            with pytest.raises(DeadlineError):
                await client.ping(timeout=SOON)
        await fault.happened(3)
    assert fault.count == 3
    await client.ping()


async def test_never_answer_ignores_all_chunks_of_an_upload(
    engine: LocalEngine, client: PieClient, tmp_path: Path
) -> None:
    build = tmp_path / "build.wasm"
    build.write_bytes(sized_component(3 * CHUNK_BYTES))
    fault = engine.faults.never_answer(models.AddProgramRequest)
    manifest = tmp_path / "Pie.toml"
    manifest.write_text('[package]\nname = "big"\nversion = "1.0.0"\n', encoding="utf-8")
    all_sent = asyncio.Event()

    def progress(sent: int, total: int) -> None:
        if sent == total:
            all_sent.set()

    installing = asyncio.create_task(client.install_program(build, manifest, progress=progress))
    await in_time(all_sent.wait())
    await client.ping()  # answered after all that was sent before
    assert not installing.done()
    assert fault.count == 1
    installing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await installing
    await client.install_program(build, manifest)
    assert await client.check_program("big@1.0.0")


async def test_lose_reply_carries_the_request_out(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    engine.faults.lose_reply(models.LaunchProcessRequest, times=2)
    await raw.launch("quick@1.0.0")
    assert isinstance(await raw.next(), models.StdoutFrame)

    with pytest.raises(DeadlineError):
        await client.launch_process("wait@1.0.0", timeout=SOON)
    assert [info.program for info in await client.list_processes()] == ["wait@1.0.0"]


async def test_delay_holds_back_only_the_reply(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    go = asyncio.Event()
    engine.faults.delay(models.QueryRequest, go)
    await raw.send(models.QueryRequest(corr_id=3, subject="model_status", record=""))
    assert (await raw.ping(4)).corr_id == 4
    go.set()
    assert (await raw.expect(models.Response)).corr_id == 3

    go.clear()
    with engine.faults.delay(models.QueryRequest, go):
        with pytest.raises(DeadlineError):
            await client.query("model_status", timeout=SOON)
        await client.ping()
    await client.ping()  # answered after the late reply
    assert await client.query("model_status")


async def test_delay_takes_seconds(engine: LocalEngine, client: PieClient) -> None:
    engine.faults.delay(models.PingRequest, SOON)
    start = asyncio.get_running_loop().time()
    await client.ping()
    assert asyncio.get_running_loop().time() - start >= SOON * 0.9


async def test_duplicate_reply_sends_a_reply_twice(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    alterations.duplicate_reply(engine.faults, models.PingRequest, times=2)
    assert await raw.ping(3) == await raw.expect(models.Response)

    await client.ping()
    assert await client.query("model_status")


async def test_a_reply_to_an_unknown_number_is_ignored_by_the_client(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.insert(engine.faults, models.Response(corr_id=2**32 - 1, ok=True, result=""), times=2)
    assert (await raw.ping(3)).corr_id == 2**32 - 1
    assert (await raw.expect(models.Response)).corr_id == 3

    await client.ping()


async def test_empty_launch_id_is_a_protocol_error(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    alterations.empty_launch_id(engine.faults, times=2)
    assert await raw.launched("wait@1.0.0") == ""

    with pytest.raises(ProtocolError, match="instead of a process id"):
        await client.launch_process("wait@1.0.0")
    await client.ping()


@pytest.mark.parametrize(
    ("request_class", "text", "raised"),
    [
        (models.AttachProcessRequest, "Process not found", ProcessNotFoundError),
        (models.AttachProcessRequest, "Cannot attach: already attached", AlreadyAttachedError),
        (models.LaunchProcessRequest, "Failed to compile WASM: truncated", InstallError),
        (
            models.LaunchProcessRequest,
            f"Failed to download manifest from {MANIFEST}: error sending request for url ({MANIFEST})",
            ServerRegistryError,
        ),
    ],
)
async def test_refuse_raises_the_exception_of_its_text(
    engine: LocalEngine, client: PieClient, request_class: type[WireModel], text: str, raised: type[Exception]
) -> None:
    await client.launch_process("wait@1.0.0", capture_outputs=False)
    [info] = await client.list_processes()
    fault = engine.faults.refuse(request_class, text)

    async def attempt() -> Process:
        if request_class is models.AttachProcessRequest:
            return await client.attach_process(info.id)
        return await client.launch_process("quick@1.0.0")

    with pytest.raises(raised):
        await attempt()
    assert fault.count == 1
    await attempt()


async def test_swallow_upload_stores_nothing(
    engine: LocalEngine, raw: Raw, client: PieClient, tmp_path: Path
) -> None:
    engine.faults.swallow_upload(times=2)
    manifest = '[package]\nname = "lost"\nversion = "1.0.0"\n'
    await raw.send(
        models.AddProgramRequest(
            corr_id=3,
            program_hash=blake3(b"x").hexdigest(),
            manifest=manifest,
            force_overwrite=False,
            chunk_index=0,
            total_chunks=1,
            chunk_data=b"x",
        )
    )
    assert (await raw.expect(models.Response)).result == "Program installed successfully"

    (tmp_path / "Pie.toml").write_text(manifest, encoding="utf-8")
    (tmp_path / "build.wasm").write_bytes(b"x")
    await client.install_program(tmp_path / "build.wasm", tmp_path / "Pie.toml")
    assert not await client.check_program("lost@1.0.0")
    with pytest.raises(ProgramNotFoundError):
        await client.launch_process("lost@1.0.0")


# ------------------------------------------------------------- processes


async def test_events_before_reply_delays_the_reply_to_a_launch(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.events_before_reply(engine.faults, 2)
    await raw.launch("quick@1.0.0")
    kinds = [type(await raw.next()) for _ in range(4)]
    assert kinds == [models.StdoutFrame, models.StdoutFrame, models.Response, models.ReturnFrame]

    alterations.events_before_reply(engine.faults, 2)
    process = await client.launch_process("quick@1.0.0")
    assert await events(process) == [StdoutEvent("one\n"), StdoutEvent("two\n"), ReturnEvent("[1, 2]")]


async def test_events_before_reply_sends_the_reply_after_the_end_at_the_latest(
    engine: LocalEngine, client: PieClient
) -> None:
    alterations.events_before_reply(engine.faults, 100)
    process = await client.launch_process("quick@1.0.0")
    assert await process.result() == [1, 2]


async def test_events_before_reply_delays_the_reply_to_an_attach(
    engine: LocalEngine, client: PieClient
) -> None:
    first = await client.launch_process("wait@1.0.0", capture_outputs=False)
    [info] = await client.list_processes()
    assert first.process_id in ("", info.id)
    alterations.events_before_reply(engine.faults, 1, models.AttachProcessRequest)
    attaching = asyncio.create_task(client.attach_process(info.id.upper()))
    while engine.processes[info.id].client is None:
        await client.query("model_status")
    await client.signal_process(info.id, "go")
    assert await (await in_time(attaching)).result(str) == "go"


async def test_events_after_end_are_ignored_by_the_client(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.events_after_end(engine.faults, times=2)
    await raw.launched("quick@1.0.0")
    kinds = [type(await raw.next()) for _ in range(5)]
    assert kinds[2:] == [models.ReturnFrame, models.StdoutFrame, models.FileChunk]

    process = await client.launch_process("quick@1.0.0")
    assert await process.result() == [1, 2]
    await client.ping()
    assert await events(process) == [StdoutEvent("one\n"), StdoutEvent("two\n"), ReturnEvent("[1, 2]")]


async def test_second_terminal_is_ignored_by_the_client(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.second_terminal(engine.faults, times=2)
    await raw.launched("quick@1.0.0")
    kinds = [type(await raw.next()) for _ in range(4)]
    assert kinds[2:] == [models.ReturnFrame, models.ErrorFrame]

    process = await client.launch_process("quick@1.0.0")
    await process.wait()
    await client.ping()
    assert await process.result() == [1, 2]
    assert (await events(process))[-1] == ReturnEvent("[1, 2]")


@pytest.mark.parametrize("value", ["1", None])
async def test_unknown_event_kind_is_received_as_unknown_event(
    engine: LocalEngine, raw: Raw, client: PieClient, value: str | None
) -> None:
    alterations.unknown_event_kind(engine.faults, "progress", value)
    await raw.launched("umlaut@1.0.0")
    fields = await raw.fields()
    assert fields["event"] == "progress"
    assert fields.get("value") == value
    assert ("value" in fields) == (value is not None)
    await raw.expect(models.StdoutFrame)
    await raw.expect(models.ReturnFrame)

    alterations.unknown_event_kind(engine.faults, "progress", value)
    process = await client.launch_process("umlaut@1.0.0")
    assert await events(process) == [UnknownEvent("progress", value), StdoutEvent("für"), ReturnEvent("null")]


async def test_missing_value_is_received_as_corrupt_event(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.missing_value(engine.faults, times=2)
    await raw.launched("umlaut@1.0.0")
    assert "value" not in await raw.fields()
    await raw.expect(models.ReturnFrame)

    process = await client.launch_process("quick@1.0.0")
    broken, *rest = await events(process)
    assert isinstance(broken, CorruptEvent)
    assert rest == [StdoutEvent("two\n"), ReturnEvent("[1, 2]")]


async def test_missing_value_of_a_terminal_event_ends_the_process(
    engine: LocalEngine, client: PieClient
) -> None:
    alterations.missing_value(engine.faults, models.ReturnFrame)
    process = await client.launch_process("quick@1.0.0")
    with pytest.raises(ProtocolError):
        await process.wait(timeout=TIMEOUT)


async def test_split_utf8_sends_two_events(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    alterations.split_utf8(engine.faults, times=2)
    await raw.launched("umlaut@1.0.0")
    assert [(await raw.fields())["value"] for _ in range(2)] == ["f\ufffd", "\ufffdr"]

    process = await client.launch_process("umlaut@1.0.0")
    assert "".join([text async for text in process.text()]) == "f\ufffd\ufffdr"


async def test_terminate_event_before_reply(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    alterations.terminate_event_before_reply(engine.faults)
    process_id = await raw.launched("wait@1.0.0")
    await raw.expect(models.StdoutFrame)
    await raw.send(models.TerminateProcessRequest(corr_id=3, process_id=process_id.upper()))
    await raw.expect(models.ErrorFrame)
    assert (await raw.expect(models.Response)).result == "Process terminated"

    process = await client.launch_process("wait@1.0.0")
    alterations.terminate_event_before_reply(engine.faults)
    await process.terminate()
    with pytest.raises(ProcessTerminatedError):
        await process.wait(timeout=TIMEOUT)


async def test_terminate_event_before_reply_to_another_client(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    process_id = await raw.launched("wait@1.0.0")
    await raw.expect(models.StdoutFrame)
    alterations.terminate_event_before_reply(engine.faults)
    async with raw_client(engine) as other:
        await other.send(models.TerminateProcessRequest(corr_id=3, process_id=process_id))
        assert (await other.expect(models.Response)).ok
    await raw.expect(models.ErrorFrame)


async def test_terminate_event_after_reply(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    go = asyncio.Event()
    engine.faults.delay(models.ErrorFrame, go, times=2)
    process_id = await raw.launched("wait@1.0.0")
    await raw.expect(models.StdoutFrame)
    await raw.send(models.TerminateProcessRequest(corr_id=3, process_id=process_id))
    assert (await raw.expect(models.Response)).ok
    assert (await raw.ping(4)).corr_id == 4
    go.set()
    await raw.expect(models.ErrorFrame)

    go.clear()
    process = await client.launch_process("wait@1.0.0")
    await process.terminate()
    with pytest.raises(DeadlineError):
        await process.wait(timeout=SOON)
    go.set()
    with pytest.raises(ProcessTerminatedError):
        await process.wait(timeout=TIMEOUT)


async def test_a_terminate_event_that_is_never_sent(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    engine.faults.alter(lambda _fields: [], models.ErrorFrame, times=2)
    process_id = await raw.launched("wait@1.0.0")
    await raw.expect(models.StdoutFrame)
    await raw.send(models.TerminateProcessRequest(corr_id=3, process_id=process_id))
    assert (await raw.expect(models.Response)).ok
    assert (await raw.ping(4)).corr_id == 4

    process = await client.launch_process("wait@1.0.0")
    await process.terminate()
    with pytest.raises(DeadlineError):
        await process.wait(timeout=SOON)
    assert process.process_id not in {info.id for info in await client.list_processes()}


async def test_never_start_leaves_a_process_that_can_be_terminated(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    engine.faults.never_start("quick@1.0.0", times=2)
    await raw.launched("quick@1.0.0")
    assert (await raw.ping()).ok

    process = await client.launch_process("quick@1.0.0")
    with pytest.raises(DeadlineError):
        await process.recv(timeout=SOON)
    assert process.process_id in {info.id for info in await client.list_processes()}
    await process.terminate()
    with pytest.raises(ProcessTerminatedError):
        await process.wait(timeout=TIMEOUT)


async def test_never_end_leaves_a_process_that_can_be_terminated(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    fault = engine.faults.never_end(times=2)
    process_id = await raw.launched("umlaut@1.0.0")
    await raw.expect(models.StdoutFrame)
    await fault.happened()
    assert (await raw.ping()).ok
    await raw.send(models.TerminateProcessRequest(corr_id=3, process_id=process_id))
    assert (await raw.expect(models.Response)).result == "Process terminated"
    assert (await raw.expect(models.ErrorFrame)).value == "Signal"

    process = await client.launch_process("quick@1.0.0")
    await fault.happened(2)
    with pytest.raises(DeadlineError):
        await process.wait(timeout=SOON)
    assert await process.recv() == (Event.Stdout, "one\n")
    assert [info.id for info in await client.list_processes()] == [process.process_id]
    await process.terminate()
    with pytest.raises(ProcessTerminatedError):
        await process.wait(timeout=TIMEOUT)
    assert await client.list_processes() == []
    assert await (await client.launch_process("quick@1.0.0")).result() == [1, 2]


async def test_never_end_leaves_a_process_that_can_be_attached_to(
    engine: LocalEngine, client: PieClient
) -> None:
    fault = engine.faults.never_end("umlaut@1.0.0")
    assert await (await client.launch_process("quick@1.0.0")).result() == [1, 2]
    await client.launch_process("umlaut@1.0.0", capture_outputs=False)
    await fault.happened()
    [info] = await client.list_processes()
    process = await client.attach_process(info.id)
    assert (await client.list_processes())[0].id == info.id
    await process.terminate()
    with pytest.raises(ProcessTerminatedError):
        await process.wait(timeout=TIMEOUT)


async def test_never_end_processes_are_terminated_or_detached_with_their_client(
    engine: LocalEngine, client: PieClient
) -> None:
    fault = engine.faults.never_end()
    async with raw_client(engine) as other:
        process_id = await other.launched("umlaut@1.0.0")
        await fault.happened()
        process = engine.processes[process_id]
    if engine.traits.terminates_on_disconnect:
        end = await in_time(process.outcome)
        assert isinstance(end, models.ErrorFrame)
        assert await client.list_processes() == []
    else:
        async with raw_client(engine) as another:
            await another.send(models.AttachProcessRequest(corr_id=3, process_id=process_id))
            assert (await another.expect(models.Response)).result == "Process not found"
            await another.send(models.TerminateProcessRequest(corr_id=4, process_id=process_id))
            assert (await another.expect(models.Response)).result == "Process terminated"


async def test_never_end_processes_are_kept_with_keep_detached() -> None:
    async with LocalEngine(family="0.5", keep_detached=True, builtins=True) as engine:
        fault = engine.faults.never_end()
        async with raw_client(engine) as other:
            process_id = await other.launched("count@1.0.0")
            await fault.happened()
        async with PieClient(engine.uri) as client:
            process = await client.attach_process(process_id)
            await process.terminate()
            with pytest.raises(ProcessTerminatedError):
                await process.wait(timeout=TIMEOUT)


# ------------------------------------------------------------- files


async def files(raw: Raw) -> list[models.FileChunk]:
    """Launch the sender of files and return the chunks."""
    await raw.launched("file@1.0.0")
    chunks: list[models.FileChunk] = []
    while isinstance(message := await raw.next(), models.FileChunk):
        chunks.append(message)
    assert isinstance(message, models.ReturnFrame)
    return chunks


async def received(client: PieClient) -> list[object]:
    """Launch the sender of files and return the events before its end."""
    return (await events(await client.launch_process("file@1.0.0")))[:-1]


async def test_nil_name_is_a_file_without_a_name(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    with alterations.nil_name(engine.faults):
        await raw.launched("file@1.0.0")
        for _ in range(3 + 1):
            fields = await raw.fields()
            assert ("name", None) in fields.items()
    with alterations.nil_name(engine.faults):
        first, second = await received(client)
    assert isinstance(first, FileEvent)
    assert isinstance(second, FileEvent)
    assert (first.read(), first.name) == (FILE, None)
    assert second.name is None


async def test_lose_file_sends_the_next_file(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    alterations.lose_file(engine.faults, blake3(FILE).hexdigest())
    assert [chunk.chunk_data for chunk in await files(raw)] == [b"second"]
    assert await received(client) == [b"second"]


async def test_corrupt_file_chunk_is_received_as_corrupt_event(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    engine.faults.corrupt_file_chunk(1)
    data = b"".join(chunk.chunk_data for chunk in (await files(raw))[:3])
    assert len(data) == len(FILE)
    assert [i for i in range(0, len(data), CHUNK_BYTES) if data[i] != FILE[i]] == [CHUNK_BYTES]
    engine.faults.corrupt_file_chunk(1)
    broken, second = await received(client)
    assert isinstance(broken, CorruptEvent)
    assert second == b"second"


@pytest.mark.parametrize("fault", ["file", "event"])
async def test_recv_raises_once_for_what_is_corrupt_and_goes_on(
    engine: LocalEngine, client: PieClient, fault: str
) -> None:
    """D21."""
    if fault == "file":
        engine.faults.corrupt_file_chunk(1)
    else:
        alterations.missing_value(engine.faults)
    process = await client.launch_process("file@1.0.0" if fault == "file" else "quick@1.0.0")
    with pytest.raises(CorruptEventError, match=f"process {process.process_id}: .*; ") as lost:
        await in_time(process.recv())
    assert lost.value.digest == (blake3(FILE).hexdigest() if fault == "file" else None)
    following = Event.File, b"second"
    assert await in_time(process.recv()) == (following if fault == "file" else (Event.Stdout, "two\n"))
    assert (await in_time(process.recv()))[0] is Event.Return


async def test_drop_file_chunk_is_received_as_corrupt_event(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.drop_file_chunk(engine.faults, 1)
    assert [chunk.chunk_index for chunk in await files(raw)] == [0, 2, 0]
    for lost in range(3):
        alterations.drop_file_chunk(engine.faults, lost)
        found = await received(client)
        assert len([event for event in found if isinstance(event, CorruptEvent)]) == 1
        assert [event.read() for event in found if isinstance(event, FileEvent)] == [b"second"]


async def test_duplicate_file_chunk_is_received_as_corrupt_event(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.duplicate_file_chunk(engine.faults, 1)
    assert [chunk.chunk_index for chunk in await files(raw)] == [0, 1, 1, 2, 0]
    alterations.duplicate_file_chunk(engine.faults, 1)
    broken, second = await received(client)
    assert isinstance(broken, CorruptEvent)
    assert second == b"second"


async def test_an_empty_file_is_not_sent(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    @engine.inferlet("empty@1.0.0")
    async def empty(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send_file(b"", "empty.txt")
        return None

    await raw.launched("empty@1.0.0")
    await raw.expect(models.ReturnFrame)
    assert await events(await client.launch_process("empty@1.0.0")) == [ReturnEvent("null")]


# ------------------------------------------------------------- MCP


async def mcp_call(raw: Raw) -> models.McpRequest:
    """Register a server, launch an inferlet that calls it, and return the call."""
    await raw.send(models.RegisterMcpServerRequest(corr_id=2, name="s", transport="stdio"))
    assert (await raw.expect(models.Response)).ok
    await raw.send(
        models.LaunchProcessRequest(corr_id=3, inferlet="mcp@1.0.0", input='"s"', capture_outputs=True)
    )
    assert (await raw.expect(models.Response)).ok
    return await raw.expect(models.McpRequest)


@old_only
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("server_name", "telemetry", -1),
        ("method", "telemetry", -32601),
        ("params", "{", -32602),
    ],
)
async def test_a_wrong_mcp_call_is_answered_with_an_error(
    engine: LocalEngine,
    raw: Raw,
    client: PieClient,
    tmp_path_factory: pytest.TempPathFactory,
    field: str,
    value: str,
    code: int,
) -> None:
    alterations.change(engine.faults, models.McpRequest, {field: value})
    call = await mcp_call(raw)
    wrong = call.model_dump()[field]
    assert wrong == value

    body = """
initialize()
while True:
    request = read()
    send(id=request["id"], error={"code": -32601, "message": "no such method"})
"""
    server = Script(tmp_path_factory.mktemp("mcp"), body)
    await client.register_mcp_server("s", "stdio", server.command, server.args)
    fault = alterations.change(engine.faults, models.McpRequest, {field: value})
    process = await client.launch_process("mcp@1.0.0", "s")
    assert await process.result(timeout=TIMEOUT) == code
    assert fault.count == 1


async def test_an_mcp_request_after_close_does_not_block_closing(engine: LocalEngine) -> None:
    fault = engine.faults.never_answer_close(MCP_CALL, times=2)
    reader, writer = await upgraded(engine)
    writer.write(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))  # a close frame of code 1000
    first, length = await in_time(reader.readexactly(2))
    assert first == 0x82
    call = codec.decode_server_message(await in_time(reader.readexactly(length)))
    assert call == MCP_CALL
    writer.close()
    await writer.wait_closed()

    client = PieClient(engine.uri)
    await client.connect()
    await client.ping()
    await in_time(client.close())
    assert fault.count == 2


# ------------------------------------------------------------- messages


async def test_an_unknown_message_type_is_logged_by_the_client(
    engine: LocalEngine, raw: Raw, client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    alterations.insert(engine.faults, {"type": "progress"}, times=2)
    await raw.send(models.PingRequest(corr_id=3))
    assert isinstance(await raw.next(), codec.UnknownMessage)
    await raw.expect(models.Response)
    if engine.traits.text_frames:
        alterations.insert(engine.faults, {"type": "progress"})

    await client.ping()
    assert "unknown type 'progress'" in caplog.text


async def test_extra_keys_are_ignored_by_the_client(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    with alterations.extra_keys(engine.faults, {"colour": "red"}):
        await raw.send(models.PingRequest(corr_id=3))
        assert (await raw.fields())["colour"] == "red"

    with alterations.extra_keys(engine.faults, times=None) as fault:
        process = await client.launch_process("quick@1.0.0")
        assert await events(process) == [StdoutEvent("one\n"), StdoutEvent("two\n"), ReturnEvent("[1, 2]")]
        first, _ = await received(client)
    assert first == FILE
    assert fault.count >= 4 + 6


async def test_oversize_message_is_received(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    size = 40 << 20
    alterations.oversize(engine.faults, size)
    await raw.launched("quick@1.0.0")
    for _ in range(2):
        await raw.expect(models.StdoutFrame)
    assert len(await raw.frame()) >= size

    alterations.oversize(engine.faults, size)
    process = await client.launch_process("quick@1.0.0")
    assert await process.result() == [1, 2]
    alterations.oversize(engine.faults, size, models.ListProcessesRequest)
    assert await client.list_processes() == []


async def test_oversize_message_above_the_limit_ends_the_connection(engine: LocalEngine) -> None:
    alterations.oversize(engine.faults, 2 << 20)
    async with PieClient(engine.uri, max_message_size=1 << 20) as client:
        process = await client.launch_process("quick@1.0.0")
        with pytest.raises(ConnectionLostError, match="max_message_size"):
            await process.wait(timeout=TIMEOUT)


@pytest.mark.parametrize(
    "content", [models.TurnDone(), models.ServerNotice(message="out of paper"), "no JSON", "[]"]
)
async def test_a_text_frame_is_ignored_by_the_client(
    engine: LocalEngine, raw: Raw, client: PieClient, content: models.TurnDone | models.ServerNotice | str
) -> None:
    alterations.insert(engine.faults, content)
    await raw.send(models.PingRequest(corr_id=3))
    frames: list[str] = []
    while isinstance(frame := await in_time(raw.socket.recv()), str):
        frames.append(frame)
    done = models.TurnDone().model_dump_json()
    before = [done] if engine.traits.text_frames else []  # from the identification
    assert frames == [*before, content if isinstance(content, str) else content.model_dump_json()]

    process = await client.launch_process("wait@1.0.0")
    await process.recv()
    alterations.insert(engine.faults, content)
    await asyncio.gather(client.ping(), client.query("model_status"))
    await client.ping()


async def test_a_malformed_frame_is_ignored_by_the_client(
    engine: LocalEngine, raw: Raw, client: PieClient
) -> None:
    alterations.insert(engine.faults)
    await raw.send(models.PingRequest(corr_id=3))
    assert await raw.frame() == b"\xc1"
    await raw.expect(models.Response)
    for garbage in (b"\xc1", b"", b"\x81", msgpack.packb([1])):
        alterations.insert(engine.faults, garbage)
        await client.ping()


# ------------------------------------------------------------- connections


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_refuse_upgrade_is_a_handshake_error(engine: LocalEngine, status: int) -> None:
    engine.faults.refuse_upgrade(status, "go away", times=2)
    with pytest.raises(InvalidStatus) as refused:
        async with raw_client(engine):
            pass
    assert refused.value.response.status_code == status

    client = PieClient(engine.uri)
    with pytest.raises(HandshakeError, match="go away") as error:
        await client.connect()
    assert error.value.status == status
    async with client:
        await client.ping()


async def test_hang_upgrade_times_out_until_it_is_stopped(engine: LocalEngine) -> None:
    with engine.faults.hang_upgrade(times=None) as fault:
        reader, writer = await asyncio.open_connection(*address(engine))
        writer.write(UPGRADE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await reader.read(1)
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ConnectTimeoutError):
            await PieClient(engine.uri, open_timeout=SOON).connect()
        seen = fault.count
        connecting = asyncio.create_task(upgraded(engine))
        await fault.happened(seen + 1)
    _, writer = await in_time(connecting)
    writer.close()
    await writer.wait_closed()


async def test_an_engine_stops_during_hang_upgrade(family: Family) -> None:
    async with LocalEngine(family=family) as engine:
        fault = engine.faults.hang_upgrade()
        connecting = asyncio.create_task(PieClient(engine.uri).connect())
        await fault.happened()
    with pytest.raises(PieConnectionError):
        await in_time(connecting)


@pytest.mark.parametrize("reset", [False, True])
async def test_drop_connection_ends_an_open_connection(
    engine: LocalEngine, client: PieClient, *, reset: bool
) -> None:
    process = await client.launch_process("wait@1.0.0")
    await process.recv()
    engine.faults.drop_connection(reset=reset)
    with pytest.raises(ConnectionLostError):
        await process.wait(timeout=TIMEOUT)

    reader, writer = await upgraded(engine)
    engine.faults.drop_connection(reset=reset)
    with contextlib.nullcontext() if not reset else pytest.raises(ConnectionResetError):
        assert await in_time(reader.read()) == b""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_close_connection_sends_a_close_frame(engine: LocalEngine, client: PieClient) -> None:
    process = await client.launch_process("wait@1.0.0")
    fault = engine.faults.close_connection(1012, "restarting")
    with pytest.raises(ConnectionLostError, match=r"with code 1012 \(restarting\)") as caught:
        await process.wait(timeout=TIMEOUT)
    assert caught.value.code == 1012
    assert fault.count == 1
    with pytest.raises(InvalidArgumentError, match="code=1006 is not a close code"):
        engine.faults.close_connection(1006)


async def test_drop_connection_counts_bytes(engine: LocalEngine) -> None:
    for count in (0, 1, 50):
        fault = engine.faults.drop_connection(count)
        reader, writer = await asyncio.open_connection(*address(engine))
        writer.write(UPGRADE)
        assert len(await in_time(reader.read())) == count
        assert fault.count == 1
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("direction", ["sent", "received"])
async def test_the_client_survives_drop_connection_at_any_byte(family: Family, direction: str) -> None:
    """Drop the connection after more and more bytes, until the client completes its work.

    The numbers of the families differ, so that a few seconds suffice.
    """
    async with LocalEngine(family=family) as engine:

        @engine.inferlet("quick@1.0.0")
        async def quick(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.print("one")
            return [1, 2]

        async def attempt() -> None:
            async with PieClient(engine.uri) as client:
                process = await client.launch_process("quick@1.0.0")
                assert await process.result(timeout=TIMEOUT) == [1, 2]

        dropped = 0
        for count in range(5000):
            with engine.faults.drop_connection(count, "sent" if direction == "sent" else "received") as fault:
                try:
                    await in_time(attempt())
                except PieConnectionError:
                    dropped += 1
                    assert fault.count == 1
                else:
                    break
        assert dropped > 200


@pytest.mark.parametrize("direction", ["sent", "received"])
async def test_silent_peer_is_found_by_pings(engine: LocalEngine, direction: str) -> None:
    async with PieClient(engine.uri, timeout=TIMEOUT, ping_interval=0.05, ping_timeout=SOON) as client:
        process = await client.launch_process("wait@1.0.0")
        await process.recv()
        engine.faults.silent_peer(0, "sent" if direction == "sent" else "received")
        with pytest.raises(ConnectionLostError, match="no pong"):
            await process.wait(timeout=TIMEOUT)
        await in_time(client.close())

    reader, writer = await upgraded(engine)
    engine.faults.silent_peer(0, "sent" if direction == "sent" else "received")
    writer.write(bytes([0x89, 0x80, 0, 0, 0, 0]))  # a ping
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await reader.read(1)
    assert writer.get_extra_info("socket").getsockopt(sockets.SOL_SOCKET, sockets.SO_ERROR) == 0
    writer.close()
    await writer.wait_closed()


async def test_never_answer_close_does_not_block_closing(engine: LocalEngine) -> None:
    fault = engine.faults.never_answer_close(times=2)
    reader, writer = await upgraded(engine)
    writer.write(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))
    await fault.happened()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await reader.read(1)
    writer.close()
    await writer.wait_closed()

    client = PieClient(engine.uri)
    await client.connect()
    process = await client.launch_process("wait@1.0.0")
    await in_time(client.close())
    assert fault.count == 2
    with pytest.raises(NotConnectedError):
        await process.wait()


async def test_never_answer_takes_precedence_over_a_handler(engine: LocalEngine, raw: Raw) -> None:
    asked: list[int] = []

    def handler(message: models.QueryRequest) -> str:
        asked.append(message.corr_id)
        return "{}"

    engine.answer(models.QueryRequest, handler)
    engine.faults.never_answer(models.QueryRequest)
    await raw.send(
        models.QueryRequest(corr_id=3, subject="anything", record=""),
        models.QueryRequest(corr_id=4, subject="anything", record=""),
    )
    assert (await raw.expect(models.Response)).corr_id == 4
    assert asked == [4]


async def test_stall_all_answers_pings_only(engine: LocalEngine, raw: Raw, client: PieClient) -> None:
    go = asyncio.Event()
    fault = engine.faults.stall_all(go)
    await raw.send(models.PingRequest(corr_id=3))
    with pytest.raises(DeadlineError):
        await client.ping(timeout=SOON)
    pong = await raw.socket.ping()
    await in_time(pong)
    await fault.happened()
    go.set()
    assert (await raw.expect(models.Response)).corr_id == 3
    await client.ping()


async def test_stall_all_can_begin_at_a_request(engine: LocalEngine, client: PieClient) -> None:
    go = asyncio.Event()

    def begin(_fields: object) -> None:
        engine.faults.stall_all(go)

    with engine.faults.alter(begin, models.LaunchProcessRequest):
        await client.ping()
        with pytest.raises(DeadlineError):
            await client.launch_process("quick@1.0.0", timeout=SOON)
        with pytest.raises(DeadlineError):
            await client.ping(timeout=SOON)
        go.set()
        await client.ping()


async def test_an_engine_stops_during_stall_all(family: Family) -> None:
    async with LocalEngine(family=family) as engine, PieClient(engine.uri) as client:
        await client.ping()
        engine.faults.stall_all()
        waiting = asyncio.create_task(client.ping())
        await asyncio.sleep(0)
        await in_time(engine.stop())
        with pytest.raises(ConnectionLostError):
            await in_time(waiting)


# ------------------------------------------------------------- requesting faults


async def test_a_fault_stops_with_its_block_and_sends_what_it_holds_back(
    engine: LocalEngine, client: PieClient
) -> None:
    with engine.faults.delay(models.PingRequest, asyncio.Event(), times=None) as fault:
        waiting = [asyncio.create_task(client.ping()) for _ in range(3)]
        await fault.happened(3)
        assert not any(task.done() for task in waiting)
    await in_time(asyncio.gather(*waiting))
    assert repr(fault) == "<Fault delay, count=3>"


async def test_stop_stops_all_faults(engine: LocalEngine, client: PieClient) -> None:
    engine.faults.never_answer(models.PingRequest, times=None)
    engine.faults.hang_upgrade()
    engine.faults.stop()
    await client.ping()
    async with PieClient(engine.uri) as other:
        await other.ping()


async def test_later_faults_alter_each_copy_of_a_message(engine: LocalEngine, raw: Raw) -> None:
    alterations.duplicate_reply(engine.faults, models.PingRequest)
    alterations.insert(engine.faults, times=2)
    await raw.send(models.PingRequest(corr_id=3))
    frames = [await raw.frame() for _ in range(4)]
    assert frames[0] == frames[2] == b"\xc1"
    assert frames[1] == frames[3]


async def test_happened_times_out(engine: LocalEngine) -> None:
    fault = engine.faults.never_answer(models.PingRequest)
    with pytest.raises(DeadlineError, match=r"count of never_answer is 0 after 0\.05 s, not 1"):
        await fault.happened(timeout=0.05)


IMPOSSIBLE: list[Callable[[Any], Fault]] = [
    lambda faults: faults.never_answer(models.Response),
    lambda faults: faults.delay(models.SignalProcessRequest, 1),
    lambda faults: faults.alter(list, models.SignalProcessRequest),
    lambda faults: faults.alter(list, "stdout"),
    lambda faults: faults.stall_all(-1),
    lambda faults: faults.stall_all(math.nan),
    lambda faults: faults.delay(models.PingRequest, -1),
    lambda faults: faults.delay(models.ErrorFrame, -1),
    lambda faults: faults.refuse_upgrade(7),
    lambda faults: faults.drop_connection(-1),
    lambda faults: faults.never_end(times=0),
    lambda faults: faults.never_end(times="x"),
    lambda faults: faults.lose_reply("ping"),
    lambda faults: faults.lose_reply([]),
    lambda faults: faults.drop_connection("x"),
    lambda faults: faults.drop_connection(direction="both"),
    lambda faults: faults.silent_peer(direction="both"),
    lambda faults: faults.corrupt_file_chunk(-1),
    lambda faults: faults.never_start("echo"),
    lambda faults: faults.never_end("echo"),
    lambda faults: faults.refuse(models.SignalProcessRequest, "no"),
]
"""Calls with invalid arguments. Faults are Any here, because a type checker refuses most of them."""


@pytest.mark.parametrize("ask", IMPOSSIBLE)
async def test_invalid_arguments_are_refused_when_the_fault_is_requested(
    engine: LocalEngine, client: PieClient, ask: Callable[[Any], Fault]
) -> None:
    with pytest.raises(InvalidArgumentError):
        ask(engine.faults)
    await client.ping()


async def test_never_answer_ignores_the_upload_of_one_client_only(engine: LocalEngine) -> None:
    def chunk(index: int) -> models.AddProgramRequest:
        return models.AddProgramRequest(
            corr_id=3,
            program_hash=blake3(COMPONENT).hexdigest(),
            manifest='[package]\nname = "both"\nversion = "1.0.0"\n',
            force_overwrite=False,
            chunk_index=index,
            total_chunks=2,
            chunk_data=COMPONENT[4 * index : 4 * index + 4],
        )

    async with raw_client(engine) as first, raw_client(engine) as second:
        fault = engine.faults.never_answer(models.AddProgramRequest)
        await first.send(chunk(0))
        await fault.happened()
        await second.send(chunk(0), chunk(1))
        assert (await second.expect(models.Response)).result == "Program installed successfully"
        await first.send(chunk(1))
        assert (await first.ping(4)).corr_id == 4


# ------------------------------------------------------------- the page about testing


def rows(heading: str) -> dict[str, str]:
    """Return the rows of the first table under a heading of the page."""
    guide = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", guide, flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(f"{heading}\n")]
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))


def offered() -> dict[str, str]:
    """Return every fault with the first line of its docstring."""
    return {
        name: (inspect.getdoc(method) or "").partition("\n")[0]
        for name, method in inspect.getmembers(Faults, inspect.isfunction)
        if not name.startswith("_") and inspect.signature(method).return_annotation in (Fault, "Fault")
    }


def test_the_page_lists_every_fault_with_its_docstring() -> None:
    assert "alter" in offered()
    assert rows("Faults") == offered()


def test_every_fault_is_used_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in offered() if f"faults.{name}(" not in source] == []
