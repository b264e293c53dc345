"""LocalEngine replies to raw frames as the servers of each family do, and stops whatever its inferlets do."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import msgpack
import pytest
from blake3 import blake3
from pydantic import JsonValue, TypeAdapter
from websockets.asyncio.client import connect

from pie_client import (
    Event,
    Family,
    InvalidArgumentError,
    PieClient,
    PieConnectionError,
    PieError,
    ProcessError,
    models,
)
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.support.peers import COMPONENT, TIMEOUT
from tests.support.raw import IDENTITY, Raw, raw_client

PROCESSES = TypeAdapter(list[models.ProcessInfo])


@pytest.fixture
async def raw(engine: LocalEngine) -> AsyncIterator[Raw]:
    @engine.inferlet("wait@1.0.0")
    async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("started")
        session.send("message")
        return await session.receive()

    async with raw_client(engine, identified=False) as client:
        yield client


def ping(corr_id: int = 7) -> models.PingRequest:
    return models.PingRequest(corr_id=corr_id)


def identify(username: str = "alice") -> models.AuthIdentifyRequest:
    return models.AuthIdentifyRequest(corr_id=1, username=username)


def launch(*, capture: bool = True) -> models.LaunchProcessRequest:
    return models.LaunchProcessRequest(corr_id=2, inferlet="wait@1.0.0", input="{}", capture_outputs=capture)


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_0_4_engine_ignores_requests_before_identification(raw: Raw) -> None:
    """D5."""
    await raw.send(ping(1), identify(), ping(3))
    first, second = await raw.next(), await raw.next()
    assert first == models.Response(
        corr_id=1, ok=True, result="Authenticated (Engine disabled authentication)"
    )
    assert second == models.Response(corr_id=3, ok=True, result="Pong")


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_0_5_engine_needs_no_identification(
    raw: Raw,
) -> None:
    assert await raw.reply(ping()) == (True, "Pong")
    assert await raw.reply(identify()) == (True, "Already authenticated")
    assert await raw.reply(models.AuthProveRequest(corr_id=1, signature="x")) == (
        False,
        "Already authenticated",
    )


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_0_5_engine_reports_the_end_of_a_turn(raw: Raw) -> None:
    await raw.send(ping())
    frames = [await raw.socket.recv(), await raw.socket.recv()]
    assert frames[1] == '{"type":"turn_done"}'


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_0_4_engine_accepts_any_path_without_an_identity(engine: LocalEngine) -> None:
    async with connect(f"{engine.uri}/any/path?query") as socket:
        assert (await Raw(socket).reply(identify()))[0]


@pytest.mark.parametrize(
    "frame", [b"", b"\xc1", b"\x80", b"\xc0", b"\x82\xa4type", msgpack.packb({"type": "frobnicate"})]
)
async def test_a_malformed_frame_is_ignored_and_a_0_5_engine_reports_it(
    raw: Raw, frame: bytes, family: Family
) -> None:
    await raw.send(frame)  # before the first request no family reports it
    await raw.reply(identify())
    await raw.send(frame, ping())
    if family == "0.5":
        notice = await raw.expect(models.ServerNotice)
        assert notice.message.startswith("bad client frame: ")
    assert await raw.next() == models.Response(corr_id=7, ok=True, result="Pong")


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_request_of_another_family_is_reported_as_a_bad_frame(raw: Raw) -> None:
    await raw.ping()
    await raw.send(models.LaunchDaemonRequest(corr_id=1, inferlet="a@1.0.0", port=0, input="{}"))
    notice = await raw.expect(models.ServerNotice)
    assert notice.message == "bad client frame: launch_daemon is not a request of Pie 0.5 servers"


async def test_attaching_to_an_uncaptured_process_receives_later_events_only(
    raw: Raw,
) -> None:
    await raw.reply(identify())
    assert await raw.reply(launch(capture=False)) == (True, "")
    _, listed = await raw.reply(models.ListProcessesRequest(corr_id=3))
    (info,) = PROCESSES.validate_json(listed)
    assert await raw.reply(models.AttachProcessRequest(corr_id=4, process_id=info.id.upper())) == (
        True,
        "Process attached",
    )
    await raw.send(models.SignalProcessRequest(process_id=info.id, message="bye"))
    assert await raw.next() == models.ReturnFrame(process_id=info.id, value='"bye"')


async def test_the_reply_to_a_launch_arrives_before_the_first_event(raw: Raw) -> None:
    await raw.reply(identify())
    await raw.send(launch())
    first, second = await raw.next(), await raw.next()
    assert isinstance(first, models.Response)
    assert second == models.StdoutFrame(process_id=first.result, value="started\n")


async def test_a_process_sends_nothing_after_its_end(engine: LocalEngine) -> None:
    go = asyncio.Event()

    async def print_later(session: InferletSession) -> None:
        await go.wait()
        session.print("late")
        session.send("late")
        session.send_file(b"late")

    left: list[asyncio.Task[None]] = []

    @engine.inferlet("leaves@1.0.0")
    async def leaves(session: InferletSession, _input: JsonValue) -> None:
        left.append(asyncio.create_task(print_later(session)))

    async with raw_client(engine) as raw:
        await raw.launched("leaves@1.0.0")
        assert isinstance(await raw.next(), models.ReturnFrame)
        go.set()
        await asyncio.wait(left, timeout=TIMEOUT)
        assert left[0].exception() is None
        assert await raw.ping(3) == models.Response(corr_id=3, ok=True, result="Pong")


@pytest.mark.parametrize(
    ("process_id", "attach", "terminate"),
    [
        ("garbage", "Invalid process_id", "Invalid process ID"),
        ("00000000-0000-0000-0000-000000000000", "Process not found", "Process not found"),
    ],
)
async def test_an_invalid_or_unknown_process_id_is_refused(
    raw: Raw, process_id: str, attach: str, terminate: str
) -> None:
    await raw.reply(identify())
    assert await raw.reply(models.AttachProcessRequest(corr_id=1, process_id=process_id)) == (False, attach)
    assert await raw.reply(models.TerminateProcessRequest(corr_id=1, process_id=process_id)) == (
        False,
        terminate,
    )


async def test_attaching_to_an_attached_process_is_refused(raw: Raw, family: Family) -> None:
    await raw.reply(identify())
    _, process_id = await raw.reply(launch())
    assert isinstance(await raw.next(), models.StdoutFrame)
    assert isinstance(await raw.next(), models.MessageFrame)
    expected = "Process not found" if family == "0.4" else "Cannot attach: already attached"
    assert await raw.reply(models.AttachProcessRequest(corr_id=1, process_id=process_id)) == (False, expected)


@pytest.mark.parametrize("family", ["0.4"])
async def test_processes_of_another_user_are_not_listed_and_cannot_be_controlled(
    engine: LocalEngine, raw: Raw
) -> None:
    await raw.reply(identify("alice"))
    _, process_id = await raw.reply(launch())
    async with connect(engine.uri) as socket:
        other = Raw(socket)
        await other.reply(identify("bob"))
        assert await other.reply(models.ListProcessesRequest(corr_id=1)) == (True, "[]")
        assert await other.reply(models.TerminateProcessRequest(corr_id=1, process_id=process_id)) == (
            False,
            "Permission denied",
        )
        assert await other.reply(models.AttachProcessRequest(corr_id=1, process_id=process_id)) == (
            False,
            "Permission denied",
        )


def add(index: int, total: int, data: bytes = b"x", digest: str = "00") -> models.AddProgramRequest:
    return models.AddProgramRequest(
        corr_id=10,
        program_hash=digest,
        manifest="",
        force_overwrite=False,
        chunk_index=index,
        total_chunks=total,
        chunk_data=data,
    )


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_chunk_out_of_order_is_refused_and_discards_its_upload(raw: Raw) -> None:
    await raw.reply(identify())
    assert await raw.reply(add(5, 9)) == (False, "First chunk index must be 0")
    await raw.send(add(0, 3))
    assert await raw.reply(add(2, 3)) == (False, "Out-of-order chunk: expected 1, got 2")
    assert await raw.reply(add(1, 3)) == (False, "First chunk index must be 0")
    await raw.send(add(0, 3))
    assert await raw.reply(add(1, 4)) == (False, "Chunk count mismatch: expected 3, got 4")


async def test_only_a_0_5_engine_verifies_the_digest_of_an_upload(raw: Raw, family: Family) -> None:
    await raw.reply(identify())
    ok, text = await raw.reply(add(0, 1, b"abc"))
    assert not ok
    if family == "0.5":
        assert (
            text
            == "Program hash mismatch: declared 00, uploaded 6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
        )
    else:
        assert text.startswith("Invalid manifest: Failed to parse manifest TOML: ")


async def test_the_error_of_an_inferlet_has_its_traceback(engine: LocalEngine) -> None:
    @engine.inferlet("crash@1.0.0")
    async def crash(_session: InferletSession, _input: JsonValue) -> JsonValue:
        raise ZeroDivisionError("by nothing")

    async with PieClient(engine.uri) as client:
        process = await client.launch_process("crash@1.0.0")
        with pytest.raises(ProcessError) as caught:
            await process.result()
    assert caught.value.text.startswith("ZeroDivisionError: by nothing\nTraceback")
    assert "in crash" in caught.value.text


async def test_many_clients_connect_simultaneously_without_delay(engine: LocalEngine) -> None:
    address = "127.0.0.1", int(engine.uri.rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        for _ in range(120):  # this blocks the event loop, so none is accepted meanwhile
            stack.enter_context(socket.create_connection(address, timeout=0.5))
    async with PieClient(engine.uri) as client:
        await client.ping()


async def test_uri_raises_unless_the_engine_runs() -> None:
    engine = LocalEngine()
    with pytest.raises(RuntimeError, match="not running"):
        _ = engine.uri
    async with engine:
        assert engine.uri.startswith("ws://127.0.0.1:")


@pytest.mark.parametrize("name", ["bad", "bad@1", "two words@1.0.0", "ä@1.0.0"])
def test_an_invalid_program_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"name@major\.minor\.patch"):
        LocalEngine().inferlet(name)


def test_a_function_that_is_not_async_is_refused() -> None:
    def plain(_session: InferletSession, _input: JsonValue) -> int:
        return 1

    with pytest.raises(InvalidArgumentError, match="async def"):
        LocalEngine().inferlet("plain@1.0.0")(plain)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType] - untyped callers may pass it


async def test_stop_returns_although_inferlets_suppress_their_cancellation(
    engine: LocalEngine, family: Family
) -> None:
    began = asyncio.Semaphore(0)

    @engine.inferlet("stubborn@1.0.0")
    async def stubborn(_session: InferletSession, _input: JsonValue) -> JsonValue:
        began.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "ended late"

    async with PieClient(engine.uri) as client:
        process = await client.launch_process("stubborn@1.0.0")
        batch = (
            asyncio.create_task(client.rpc.run_processes(inferlet="stubborn@1.0.0", inputs=["1", "2"]))
            if family == "0.4"
            else None
        )
        async with asyncio.timeout(TIMEOUT):
            for _ in range(3 if batch else 1):
                await began.acquire()
            await engine.stop()
        with pytest.raises(PieError):
            await process.wait(timeout=TIMEOUT)
        if batch:
            assert isinstance((await asyncio.gather(batch, return_exceptions=True))[0], PieConnectionError)
    assert engine.processes == {}


async def test_stop_logs_the_inferlets_that_do_not_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pie_client.testing.engine.local_engine.GRACE", 0.1)
    released = asyncio.Event()
    async with LocalEngine() as engine:

        @engine.inferlet("stubborn@1.0.0")
        async def stubborn(session: InferletSession, _input: JsonValue) -> None:
            session.send("ready")
            while not released.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await released.wait()

        async with PieClient(engine.uri) as client:
            process = await client.launch_process("stubborn@1.0.0")
            await process.recv()
            async with asyncio.timeout(TIMEOUT):
                await engine.stop()
    task = f"inferlet stubborn@1.0.0 (process {process.process_id})"
    assert f"{task} does not end although it was cancelled" in caplog.text
    left = [each for each in asyncio.all_tasks() if each.get_name() == task]
    released.set()
    await asyncio.wait(left, timeout=TIMEOUT)


async def test_stop_lets_inferlets_clean_up(engine: LocalEngine) -> None:
    cleaned = asyncio.Event()
    started = asyncio.Event()

    @engine.inferlet("tidy@1.0.0")
    async def tidy(_session: InferletSession, _input: JsonValue) -> JsonValue:
        started.set()
        try:
            return await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    async with PieClient(engine.uri) as client:
        await client.launch_process("tidy@1.0.0")
        async with asyncio.timeout(TIMEOUT):
            await started.wait()
            await engine.stop()
    assert cleaned.is_set()


async def test_stop_returns_although_a_client_does_not_read(engine: LocalEngine) -> None:
    @engine.inferlet("flood@1.0.0")
    async def flood(session: InferletSession, _input: JsonValue) -> JsonValue:
        for _ in range(30):
            session.print("x" * 1_000_000)
        return await session.receive()

    async with connect(
        f"{engine.uri}/v1/ws", additional_headers=IDENTITY, compression=None, max_queue=1
    ) as socket:
        raw = Raw(socket)
        await raw.reply(identify())
        await raw.send(
            models.LaunchProcessRequest(corr_id=2, inferlet="flood@1.0.0", input="{}", capture_outputs=True)
        )
        async with asyncio.timeout(TIMEOUT):
            await engine.stop()


async def test_stop_returns_although_a_handler_never_does(engine: LocalEngine) -> None:
    asked = asyncio.Event()

    async def never(_request: models.PingRequest) -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    engine.answer(models.PingRequest, never)
    async with PieClient(engine.uri) as client:
        pinging = asyncio.create_task(client.ping())
        async with asyncio.timeout(TIMEOUT):
            await asked.wait()
            await engine.stop()
        assert isinstance((await asyncio.gather(pinging, return_exceptions=True))[0], PieConnectionError)


async def test_lone_surrogates_are_replaced_in_output_and_error(
    engine: LocalEngine,
) -> None:
    @engine.inferlet("half@1.0.0")
    async def half(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("\ud800", end="")
        raise ProcessFailure("\udfff")

    async with PieClient(engine.uri) as client:
        process = await client.launch_process("half@1.0.0")
        with pytest.raises(ProcessError):
            await process.wait(timeout=TIMEOUT)
        assert await process.recv() == (Event.Stdout, "?")


async def test_a_deeply_nested_manifest_is_refused(raw: Raw) -> None:
    await raw.reply(identify())
    data = b"x"
    request = models.AddProgramRequest(
        corr_id=9,
        program_hash=blake3(data).hexdigest(),
        manifest="a=" + "[" * 5000,
        force_overwrite=False,
        chunk_index=0,
        total_chunks=1,
        chunk_data=data,
    )
    ok, text = await raw.reply(request)
    assert not ok
    assert text.startswith("Invalid manifest")


async def test_only_a_0_5_engine_tells_uploads_apart_by_number(raw: Raw, family: Family) -> None:
    await raw.reply(identify())
    digest = blake3(COMPONENT).hexdigest()

    def chunk(number: int, index: int) -> models.AddProgramRequest:
        return models.AddProgramRequest(
            corr_id=number,
            program_hash=digest,
            manifest='[package]\nname = "a"\nversion = "1.0.0"\n',
            force_overwrite=True,
            chunk_index=index,
            total_chunks=2,
            chunk_data=COMPONENT[4 * index : 4 * index + 4],
        )

    await raw.send(chunk(1, 0))
    if family == "0.5":
        await raw.send(chunk(2, 0))
        assert await raw.reply(chunk(2, 1)) == (True, "Program installed successfully")
    else:
        assert await raw.reply(chunk(2, 0)) == (False, "Out-of-order chunk: expected 1, got 0")


async def test_a_process_that_has_just_ended_is_not_found(engine: LocalEngine, raw: Raw) -> None:
    await raw.reply(identify())
    _, process_id = await raw.reply(launch())
    assert isinstance(await raw.next(), models.StdoutFrame)
    assert isinstance(await raw.next(), models.MessageFrame)
    engine.processes[process_id].terminate()
    terminate = models.TerminateProcessRequest(corr_id=3, process_id=process_id)
    assert isinstance(await raw.next(), models.ErrorFrame)
    assert await raw.reply(terminate) == (False, "Process not found")


async def test_concurrent_and_cancelled_stops_terminate_everything(engine: LocalEngine, raw: Raw) -> None:
    await raw.reply(identify())
    await raw.reply(launch())
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    async with asyncio.timeout(TIMEOUT):
        await asyncio.gather(engine.stop(), engine.stop(), return_exceptions=True)
    assert engine.processes == {}


async def test_starting_a_running_engine_raises(engine: LocalEngine) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        await engine.start()
