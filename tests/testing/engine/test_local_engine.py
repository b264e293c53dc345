"""The embedded engine answers as the real servers of each family do; spoken to in raw frames."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import msgpack
import pytest
from blake3 import blake3
from pydantic import JsonValue
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

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
from pie_client._generated.results import decode_list_processes_result
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.support.peers import COMPONENT

IDENTITY = {"x-pie-identity": "tenant/user"}


class RawClient:
    """Sends models or raw frames, and gives what comes back."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *frames: WireModel | bytes | str) -> None:
        for frame in frames:
            await self.socket.send(
                codec.encode_client_message(frame) if isinstance(frame, WireModel) else frame
            )

    async def next(self) -> object:
        """Give the next message except turn_done."""
        async with asyncio.timeout(20):
            while isinstance(
                message := codec.decode_server_message(await self.socket.recv()), models.TurnDone
            ):
                pass
            return message

    async def reply(self, request: WireModel) -> tuple[bool, str]:
        await self.send(request)
        message = await self.next()
        assert isinstance(message, models.Response)
        return message.ok, message.result


@pytest.fixture
async def raw(engine: LocalEngine) -> AsyncIterator[RawClient]:
    @engine.inferlet("wait@1.0.0")
    async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("started")
        session.send("message")
        return await session.receive()

    async with connect(f"{engine.uri}/v1/ws", additional_headers=IDENTITY, compression=None) as socket:
        yield RawClient(socket)


def ping(corr_id: int = 7) -> models.PingRequest:
    return models.PingRequest(corr_id=corr_id)


def identify(username: str = "alice") -> models.AuthIdentifyRequest:
    return models.AuthIdentifyRequest(corr_id=1, username=username)


def launch(*, capture: bool = True) -> models.LaunchProcessRequest:
    return models.LaunchProcessRequest(corr_id=2, inferlet="wait@1.0.0", input="{}", capture_outputs=capture)


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_old_family_answers_nothing_before_identification(raw: RawClient) -> None:
    """D5."""
    await raw.send(ping(1), identify(), ping(3))
    first, second = await raw.next(), await raw.next()
    assert first == models.Response(
        corr_id=1, ok=True, result="Authenticated (Engine disabled authentication)"
    )
    assert second == models.Response(corr_id=3, ok=True, result="Pong")


@pytest.mark.parametrize("family", ["0.5"])
async def test_the_new_family_answers_before_identification_and_calls_everybody_authenticated(
    raw: RawClient,
) -> None:
    assert await raw.reply(ping()) == (True, "Pong")
    assert await raw.reply(identify()) == (True, "Already authenticated")
    assert await raw.reply(models.AuthProveRequest(corr_id=1, signature="x")) == (
        False,
        "Already authenticated",
    )


@pytest.mark.parametrize("family", ["0.5"])
async def test_the_new_family_says_when_a_turn_is_done(raw: RawClient) -> None:
    await raw.send(ping())
    frames = [await raw.socket.recv(), await raw.socket.recv()]
    assert frames[1] == '{"type":"turn_done"}'


@pytest.mark.parametrize(
    ("path", "headers", "status", "body"),
    [
        ("/", IDENTITY, 404, ""),
        ("/v1/ws/", IDENTITY, 404, ""),
        ("/v1/ws", {}, 401, "identity: missing `x-pie-identity` (edge must inject verified identity)"),
        ("/v1/ws", {"x-pie-identity": " "}, 401, "identity: empty `x-pie-identity`"),
        ("/v1/ws", {"x-pie-identity": "a/"}, 401, "identity: `x-pie-identity` has empty user component"),
    ],
)
@pytest.mark.parametrize("family", ["0.5"])
async def test_the_new_family_guards_its_door(
    engine: LocalEngine, path: str, headers: dict[str, str], status: int, body: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(engine.uri + path, additional_headers=headers)
    response = caught.value.response
    assert (response.status_code, (response.body or b"").decode()) == (status, body)


@pytest.mark.parametrize("identity", ["alice", "/alice", "a/b/c"])
@pytest.mark.parametrize("family", ["0.5"])
async def test_the_new_family_lets_every_identity_with_a_user_in(engine: LocalEngine, identity: str) -> None:
    async with PieClient(engine.uri, identity=identity) as client:
        await client.ping()


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_old_family_takes_any_path_and_no_header(engine: LocalEngine) -> None:
    async with connect(f"{engine.uri}/any/path?query") as socket:
        assert (await RawClient(socket).reply(identify()))[0]


@pytest.mark.parametrize(
    "frame", [b"", b"\xc1", b"\x80", b"\xc0", b"\x82\xa4type", msgpack.packb({"type": "frobnicate"})]
)
async def test_a_malformed_frame_is_ignored_and_the_new_family_says_so_after_the_first_good_one(
    raw: RawClient, frame: bytes, family: Family
) -> None:
    await raw.send(frame, identify())
    assert isinstance(await raw.next(), models.Response)
    await raw.send(frame, ping())
    if family == "0.5":
        notice = await raw.next()
        assert isinstance(notice, models.ServerNotice)
        assert notice.message.startswith("bad client frame: ")
    assert await raw.next() == models.Response(corr_id=7, ok=True, result="Pong")


async def test_a_process_without_a_client_keeps_no_output_but_sends_what_comes_after_attaching(
    raw: RawClient,
) -> None:
    await raw.reply(identify())
    assert await raw.reply(launch(capture=False)) == (True, "")
    _, listed = await raw.reply(models.ListProcessesRequest(corr_id=3))
    (info,) = decode_list_processes_result(listed)
    assert await raw.reply(models.AttachProcessRequest(corr_id=4, process_id=info.id.upper())) == (
        True,
        "Process attached",
    )
    await raw.send(models.SignalProcessRequest(process_id=info.id, message="bye"))
    assert await raw.next() == models.ReturnFrame(process_id=info.id, value='"bye"')


async def test_the_launch_reply_comes_before_the_first_event(raw: RawClient) -> None:
    await raw.reply(identify())
    await raw.send(launch())
    first, second = await raw.next(), await raw.next()
    assert isinstance(first, models.Response)
    assert second == models.StdoutFrame(process_id=first.result, value="started\n")


@pytest.mark.parametrize(
    ("process_id", "attach", "terminate"),
    [
        ("garbage", "Invalid process_id", "Invalid process ID"),
        ("00000000-0000-0000-0000-000000000000", "Process not found", "Process not found"),
    ],
)
async def test_a_bad_process_id_is_refused_in_the_servers_words(
    raw: RawClient, process_id: str, attach: str, terminate: str
) -> None:
    await raw.reply(identify())
    assert await raw.reply(models.AttachProcessRequest(corr_id=1, process_id=process_id)) == (False, attach)
    assert await raw.reply(models.TerminateProcessRequest(corr_id=1, process_id=process_id)) == (
        False,
        terminate,
    )


async def test_an_attached_process_is_hidden_by_the_old_family_and_refused_by_the_new(
    raw: RawClient, family: Family
) -> None:
    await raw.reply(identify())
    _, process_id = await raw.reply(launch())
    assert isinstance(await raw.next(), models.StdoutFrame)
    assert isinstance(await raw.next(), models.MessageFrame)
    expected = "Process not found" if family == "0.4" else "Cannot attach: already attached"
    assert await raw.reply(models.AttachProcessRequest(corr_id=1, process_id=process_id)) == (False, expected)


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_processes_of_another_user_can_be_neither_seen_nor_stopped(
    engine: LocalEngine, raw: RawClient
) -> None:
    await raw.reply(identify("alice"))
    _, process_id = await raw.reply(launch())
    async with connect(engine.uri) as socket:
        other = RawClient(socket)
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


async def test_the_end_of_a_connection_ends_its_processes_in_the_new_family_only(
    engine: LocalEngine, family: Family
) -> None:
    ended = asyncio.Event()
    started = asyncio.Event()

    @engine.inferlet("long@1.0.0")
    async def long(_session: InferletSession, _input: JsonValue) -> JsonValue:
        started.set()
        try:
            return await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.timeout(20):
        async with PieClient(engine.uri) as client:
            await client.launch_process("long@1.0.0")
            await started.wait()
        if family == "0.5":
            await ended.wait()
        else:
            async with PieClient(engine.uri) as client:
                (info,) = await client.list_processes()
                assert not ended.is_set()
                await client.terminate_process(info.id)


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
async def test_upload_chunks_out_of_order_are_refused_and_the_upload_forgotten(raw: RawClient) -> None:
    await raw.reply(identify())
    assert await raw.reply(add(5, 9)) == (False, "First chunk index must be 0")
    await raw.send(add(0, 3))
    assert await raw.reply(add(2, 3)) == (False, "Out-of-order chunk: expected 1, got 2")
    assert await raw.reply(add(1, 3)) == (False, "First chunk index must be 0")
    await raw.send(add(0, 3))
    assert await raw.reply(add(1, 4)) == (False, "Chunk count mismatch: expected 3, got 4")


async def test_the_digest_of_an_upload_is_verified_by_the_new_family_only(
    raw: RawClient, family: Family
) -> None:
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


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_frame_over_the_limit_is_refused_and_one_far_over_it_ends_the_connection(
    raw: RawClient,
) -> None:
    await raw.send(ping())
    assert await raw.next() == models.Response(corr_id=7, ok=True, result="Pong")
    await raw.send(b"\0" * 7_340_033, ping())
    notice = await raw.next()
    assert isinstance(notice, models.ServerNotice)
    assert notice.message.startswith("request too large: 7340033 bytes, limit 7340032")
    assert await raw.next() == models.Response(corr_id=7, ok=True, result="Pong")
    with pytest.raises(ConnectionClosed):
        await asyncio.gather(raw.send(b"\0" * 8_126_465), raw.next())


async def test_an_inferlet_that_raises_ends_with_its_traceback(engine: LocalEngine) -> None:
    @engine.inferlet("crash@1.0.0")
    async def crash(_session: InferletSession, _input: JsonValue) -> JsonValue:
        raise ZeroDivisionError("by nothing")

    async with PieClient(engine.uri) as client:
        process = await client.launch_process("crash@1.0.0")
        with pytest.raises(ProcessError) as caught:
            await process.result()
    assert caught.value.text.startswith("ZeroDivisionError: by nothing\nTraceback")
    assert "in crash" in caught.value.text


async def test_many_clients_that_come_at_once_are_not_held_up(engine: LocalEngine) -> None:
    place = "127.0.0.1", int(engine.uri.rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        for _ in range(120):  # nobody accepts meanwhile, for this blocks the engine's loop
            stack.enter_context(socket.create_connection(place, timeout=0.5))
    async with PieClient(engine.uri) as client:
        await client.ping()


async def test_the_address_is_known_only_while_it_runs() -> None:
    engine = LocalEngine()
    with pytest.raises(RuntimeError, match="not running"):
        _ = engine.uri
    async with engine:
        assert engine.uri.startswith("ws://127.0.0.1:")


@pytest.mark.parametrize("name", ["bad", "bad@1", "two words@1.0.0", "ä@1.0.0"])
def test_a_program_name_that_no_server_takes_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"name@major\.minor\.patch"):
        LocalEngine().inferlet(name)


def test_an_inferlet_has_to_be_an_async_function() -> None:
    def plain(_session: InferletSession, _input: JsonValue) -> int:
        return 1

    with pytest.raises(InvalidArgumentError, match="async def"):
        LocalEngine().inferlet("plain@1.0.0")(plain)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType] - what untyped callers do


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"0\.4, 0\.5"):
        LocalEngine(family="0.9")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what untyped callers do


async def test_stopping_the_engine_ends_although_inferlets_swallow_their_cancellation(
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
        async with asyncio.timeout(20):
            for _ in range(3 if batch else 1):
                await began.acquire()
            await engine.stop()
        with pytest.raises(PieError):
            await process.wait(timeout=20)
        if batch:
            assert isinstance((await asyncio.gather(batch, return_exceptions=True))[0], PieConnectionError)
    assert engine.processes == {}


async def test_an_inferlet_that_goes_on_when_the_engine_stops_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
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
            async with asyncio.timeout(20):
                await engine.stop()
    task = f"inferlet stubborn@1.0.0 (process {process.process_id})"
    assert f"{task} does not end although it was cancelled" in caplog.text
    left = [each for each in asyncio.all_tasks() if each.get_name() == task]
    released.set()
    await asyncio.wait(left, timeout=20)


async def test_stopping_the_engine_lets_inferlets_clean_up(engine: LocalEngine) -> None:
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
        async with asyncio.timeout(20):
            await started.wait()
            await engine.stop()
    assert cleaned.is_set()


async def test_stopping_the_engine_ends_although_a_client_reads_nothing(engine: LocalEngine) -> None:
    @engine.inferlet("flood@1.0.0")
    async def flood(session: InferletSession, _input: JsonValue) -> JsonValue:
        for _ in range(30):
            session.print("x" * 1_000_000)
        return await session.receive()

    async with connect(
        f"{engine.uri}/v1/ws", additional_headers=IDENTITY, compression=None, max_queue=1
    ) as socket:
        raw = RawClient(socket)
        await raw.reply(identify())
        await raw.send(
            models.LaunchProcessRequest(corr_id=2, inferlet="flood@1.0.0", input="{}", capture_outputs=True)
        )
        async with asyncio.timeout(20):
            await engine.stop()


async def test_stopping_the_engine_ends_although_an_answer_is_never_given(engine: LocalEngine) -> None:
    asked = asyncio.Event()

    async def never(_request: models.PingRequest) -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    engine.answer(models.PingRequest, never)
    async with PieClient(engine.uri) as client:
        pinging = asyncio.create_task(client.ping())
        async with asyncio.timeout(20):
            await asked.wait()
            await engine.stop()
        assert isinstance((await asyncio.gather(pinging, return_exceptions=True))[0], PieConnectionError)


async def test_a_text_that_utf8_cannot_express_does_not_keep_a_process_from_ending(
    engine: LocalEngine,
) -> None:
    @engine.inferlet("half@1.0.0")
    async def half(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("\ud800", end="")
        raise ProcessFailure("\udfff")

    async with PieClient(engine.uri) as client:
        process = await client.launch_process("half@1.0.0")
        with pytest.raises(ProcessError):
            await process.wait(timeout=20)
        assert await process.recv() == (Event.Stdout, "?")


async def test_an_inferlet_that_raises_what_is_no_exception_ends_too(engine: LocalEngine) -> None:
    class Unusual(BaseException):
        pass

    @engine.inferlet("unusual@1.0.0")
    async def unusual(_session: InferletSession, _input: JsonValue) -> JsonValue:
        raise Unusual("odd")

    async with PieClient(engine.uri) as client:
        process = await client.launch_process("unusual@1.0.0")
        with pytest.raises(ProcessError, match="Unusual: odd"):
            await process.wait(timeout=20)
    assert engine.processes == {}


async def test_a_manifest_nested_without_end_is_refused(raw: RawClient) -> None:
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


async def test_an_upload_begun_under_another_number_is_another_upload_to_the_new_family(
    raw: RawClient, family: Family
) -> None:
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


async def test_a_process_that_has_just_ended_is_found_by_nobody(engine: LocalEngine, raw: RawClient) -> None:
    await raw.reply(identify())
    _, process_id = await raw.reply(launch())
    assert isinstance(await raw.next(), models.StdoutFrame)
    assert isinstance(await raw.next(), models.MessageFrame)
    engine.processes[process_id].terminate()
    terminate = models.TerminateProcessRequest(corr_id=3, process_id=process_id)
    assert isinstance(await raw.next(), models.ErrorFrame)
    assert await raw.reply(terminate) == (False, "Process not found")


async def test_stopping_twice_at_once_or_after_a_cancelled_stop_ends_everything(
    engine: LocalEngine, raw: RawClient
) -> None:
    await raw.reply(identify())
    await raw.reply(launch())
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(engine.stop(), engine.stop(), return_exceptions=True)
    assert engine.processes == {}


async def test_starting_twice_is_refused(engine: LocalEngine) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        await engine.start()
