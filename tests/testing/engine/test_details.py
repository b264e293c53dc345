"""Small things that real servers do and that clients may come to depend on; spoken to in raw frames."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest
from blake3 import blake3
from pydantic import JsonValue
from websockets.asyncio.client import ClientConnection, connect

from pie_client import ConnectionLostError, Family, PieClient, ProcessError, RefusedError, models
from pie_client.base import WireModel
from pie_client.protocol.codec import decode_server_message, encode_client_message
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.support.peers import PATIENCE, component, in_time

IDENTITY = {"x-pie-identity": "tenant/user"}
DATA = component(b"0123456789")
DIGEST = blake3(DATA).hexdigest()
MANIFEST = '[package]\nname = "x"\nversion = "1.0.0"\n'


class Gate:
    """Lets inferlets go on when the test says so."""

    def __init__(self, engine: LocalEngine) -> None:
        self.open = asyncio.Event()
        self.entered = asyncio.Event()

        @engine.inferlet("gate@1.0.0")
        async def gate(session: InferletSession, _input: JsonValue) -> JsonValue:
            self.entered.set()
            await self.open.wait()
            return "passed"

        @engine.inferlet("talker@1.0.0")
        async def talker(session: InferletSession, _input: JsonValue) -> JsonValue:
            await self.entered.wait()
            session.print("said meanwhile")
            await self.open.wait()
            return await asyncio.Event().wait()


async def identified(socket: ClientConnection) -> None:
    await socket.send(encode_client_message(models.AuthIdentifyRequest(corr_id=0, username="alice")))
    await following(socket)


async def following(socket: ClientConnection) -> object:
    """Give the next message but turn_done."""
    async with asyncio.timeout(PATIENCE):
        while isinstance(message := decode_server_message(await socket.recv()), models.TurnDone):
            pass
        return message


async def answer(socket: ClientConnection, request: WireModel) -> tuple[bool, str]:
    await socket.send(encode_client_message(request))
    message = await following(socket)
    assert isinstance(message, models.Response), message
    return message.ok, message.result


@pytest.fixture
async def socket(engine: LocalEngine) -> AsyncIterator[ClientConnection]:
    async with connect(f"{engine.uri}/v1/ws", additional_headers=IDENTITY, compression=None) as connected:
        await identified(connected)
        yield connected


def ping(corr_id: int = 7) -> models.PingRequest:
    return models.PingRequest(corr_id=corr_id)


def launch(program: str) -> models.LaunchProcessRequest:
    return models.LaunchProcessRequest(corr_id=2, inferlet=program, input="{}", capture_outputs=True)


def add(index: int, total: int, data: bytes = b"", corr_id: int = 5) -> models.AddProgramRequest:
    return models.AddProgramRequest(
        corr_id=corr_id,
        program_hash=DIGEST,
        manifest=MANIFEST,
        force_overwrite=False,
        chunk_index=index,
        total_chunks=total,
        chunk_data=data,
    )


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_long_request_holds_up_replies_and_events_of_its_connection(
    engine: LocalEngine, socket: ClientConnection
) -> None:
    gate = Gate(engine)
    ok, talker = await answer(socket, launch("talker@1.0.0"))
    assert ok
    await socket.send(
        encode_client_message(models.RunProcessesRequest(corr_id=3, inferlet="gate@1.0.0", inputs=["{}"]))
    )
    await socket.send(encode_client_message(ping()))
    await asyncio.wait_for(gate.entered.wait(), PATIENCE)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(socket.recv(), 0.2)
    gate.open.set()
    assert [await following(socket) for _ in range(3)] == [
        models.Response(corr_id=3, ok=True, result='["\\"passed\\""]'),
        models.StdoutFrame(process_id=talker, value="said meanwhile\n"),
        models.Response(corr_id=7, ok=True, result="Pong"),
    ]


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_long_request_holds_up_nothing_in_the_new_family(
    engine: LocalEngine, socket: ClientConnection
) -> None:
    released = asyncio.Event()

    async def slow(_request: models.QueryRequest) -> str:
        await released.wait()
        return "{}"

    engine.answer(models.QueryRequest, slow)
    await socket.send(encode_client_message(models.QueryRequest(corr_id=3, subject="x", record="")))
    assert await answer(socket, ping()) == (True, "Pong")
    released.set()
    assert await following(socket) == models.Response(corr_id=3, ok=True, result="{}")


async def test_a_handler_that_fails_refuses_the_request_and_says_why(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(message: models.QueryRequest) -> str:
        if message.record:
            return cast("str", 5)
        raise ZeroDivisionError("oops")

    engine.answer(models.QueryRequest, handler)
    async with PieClient(engine.uri, timeout=PATIENCE) as client:
        with pytest.raises(
            RefusedError, match=r"engine\.answer for QueryRequest failed: ZeroDivisionError: oops"
        ):
            await client.query("model_status")
        with pytest.raises(RefusedError, match=r"engine\.answer for QueryRequest returned int"):
            await client.query("model_status", "x")
        await client.ping()
    assert "the handler that answers QueryRequest failed" in caplog.text


async def test_an_inferlet_that_exits_ends_its_process_alone(engine: LocalEngine) -> None:
    @engine.inferlet("exits@1.0.0")
    async def exits(_session: InferletSession, _input: JsonValue) -> JsonValue:
        sys.exit(3)

    async with PieClient(engine.uri, timeout=PATIENCE) as client:
        process = await client.launch_process("exits@1.0.0")
        with pytest.raises(ProcessError, match="the program exited with status 3"):
            await process.wait(timeout=PATIENCE)


class UnspeakableError(Exception):
    """Its texts can't be had."""

    def __str__(self) -> str:
        raise ZeroDivisionError("no text")

    __repr__ = __str__


class Sly(str):
    """A text with code of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __format__(self, _spec: str) -> str:
        raise ZeroDivisionError("no text")

    encode = __format__  # type: ignore[assignment] # so that nothing can be made of it


class SlyError(Exception):
    """Its text has code of its own."""

    def __str__(self) -> str:
        return Sly("sly")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnspeakableError(), "UnspeakableError: (UnspeakableError.__str__ failed with ZeroDivisionError)"),
        (Exception(UnspeakableError()), "Exception: (Exception.__str__ failed with ZeroDivisionError)"),
        (ProcessFailure(UnspeakableError()), "(ProcessFailure.__str__ failed with ZeroDivisionError)"),
        (SlyError(), "SlyError: sly"),
        (ProcessFailure(Sly("sly")), "sly"),
        (
            BaseExceptionGroup("many", [KeyboardInterrupt(), UnspeakableError()]),
            "BaseExceptionGroup: many (2 sub",
        ),
        (SystemExit(UnspeakableError()), "the program exited with status (SystemExit.__str__ failed with"),
        (SystemExit(), "the program exited with status 0"),
        (KeyboardInterrupt(), "the program raised KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit: "),
        (StopIteration(), "RuntimeError: coroutine raised StopIteration"),
        (StopAsyncIteration(), "StopAsyncIteration: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
async def test_whatever_an_inferlet_raises_ends_its_process_alone(
    engine: LocalEngine, error: BaseException, text: str
) -> None:
    @engine.inferlet("raises@1.0.0")
    async def raises(_session: InferletSession, _input: JsonValue) -> JsonValue:
        raise error

    async with PieClient(engine.uri, timeout=PATIENCE) as client:
        process = await client.launch_process("raises@1.0.0")
        with pytest.raises(ProcessError) as caught:
            await process.wait(timeout=PATIENCE)
        assert text in str(caught.value)
        assert not engine.processes


@pytest.mark.parametrize(
    "error", [UnspeakableError(), KeyboardInterrupt(), SystemExit(2)], ids=lambda error: type(error).__name__
)
async def test_whatever_a_handler_raises_is_a_refusal(engine: LocalEngine, error: BaseException) -> None:
    def handler(_message: models.QueryRequest) -> str:
        raise error

    engine.answer(models.QueryRequest, handler)
    async with PieClient(engine.uri, timeout=PATIENCE) as client:
        with pytest.raises(RefusedError, match=type(error).__name__):
            await client.query("model_status")
        await client.ping()


async def test_a_handler_has_ended_when_the_engine_has_stopped(engine: LocalEngine) -> None:
    began = asyncio.Event()
    ended: list[str] = []

    async def handler(_message: models.QueryRequest) -> str:
        began.set()
        try:
            await asyncio.Event().wait()
            return ""
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            ended.append("ended")

    engine.answer(models.QueryRequest, handler)
    async with PieClient(engine.uri, timeout=PATIENCE) as client:
        asking = asyncio.create_task(client.query("anything"))
        await in_time(began.wait())
        await engine.stop()
        assert ended == ["ended"]
        with pytest.raises(ConnectionLostError):
            await asking


@pytest.mark.parametrize("imitate_delays", [False, True])
async def test_a_wrong_token_may_take_the_time_that_it_takes_on_real_servers(*, imitate_delays: bool) -> None:
    async with (
        LocalEngine(family="0.4", imitate_delays=imitate_delays) as engine,
        connect(engine.uri, close_timeout=0.1) as socket,
    ):
        began = time.monotonic()
        wrong = models.AuthByTokenRequest(corr_id=1, token="wrong")  # noqa: S106 - no secret
        assert await answer(socket, wrong) == (False, "Invalid token")
        assert (time.monotonic() - began >= 1) is imitate_delays
        right = models.AuthByTokenRequest(corr_id=2, token=engine.token)
        assert await answer(socket, right) == (True, "Authenticated")


async def test_a_close_may_go_unanswered_until_the_next_event() -> None:
    """D6."""
    async with LocalEngine(family="0.4", imitate_delays=True) as engine:
        async with connect(engine.uri, close_timeout=0.3) as socket:
            await identified(socket)
        assert socket.close_code == 1006
        async with connect(engine.uri, close_timeout=PATIENCE) as socket:
            await identified(socket)
            _, process_id = await answer(socket, launch_after_close(engine))
            closing = asyncio.create_task(socket.close())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(closing), 0.3)
            event = models.StdoutFrame(process_id=process_id, value="an event")
            engine.processes[process_id].deliver(event, buffered=True)
            await closing
        assert socket.close_code == 1000


def launch_after_close(engine: LocalEngine) -> models.LaunchProcessRequest:
    @engine.inferlet("wait@1.0.0")
    async def wait(_session: InferletSession, _input: JsonValue) -> JsonValue:
        return await asyncio.Event().wait()

    return launch("wait@1.0.0")


async def test_by_default_a_close_takes_no_time(engine: LocalEngine, family: Family) -> None:
    """The new family just drops the connection; the old one is asked to be quick."""
    headers = IDENTITY if family == "0.5" else {}
    async with connect(f"{engine.uri}/v1/ws", additional_headers=headers, close_timeout=PATIENCE) as socket:
        await identified(socket)
        await socket.close()
        assert socket.close_code == (1000 if family == "0.4" else 1006)


@pytest.mark.parametrize("signature", ["!", "_w==", "QUJD\n", "QQ"])
async def test_a_signature_that_is_not_base64_is_refused(signature: str) -> None:
    async with LocalEngine(family="0.4", auth={"alice": []}) as engine, connect(engine.uri) as socket:
        await identified(socket)
        prove = models.AuthProveRequest(corr_id=1, signature=signature)
        ok, text = await answer(socket, prove)
        assert not ok
        assert text.startswith("Invalid signature encoding: ")
        assert await answer(socket, prove) == (False, "No pending authentication")


async def test_a_signature_of_no_bytes_just_does_not_fit() -> None:
    async with LocalEngine(family="0.4", auth={"alice": []}) as engine, connect(engine.uri) as socket:
        await identified(socket)
        prove = models.AuthProveRequest(corr_id=1, signature="")
        assert await answer(socket, prove) == (False, "Signature verification failed")


async def test_lists_are_written_without_spaces_and_in_the_servers_order(
    engine: LocalEngine, socket: ClientConnection
) -> None:
    gate = Gate(engine)
    _, process_id = await answer(socket, launch("gate@1.0.0"))
    await asyncio.wait_for(gate.entered.wait(), PATIENCE)
    ok, text = await answer(socket, models.ListProcessesRequest(corr_id=4))
    username = "internal" if engine.traits.user else "alice"
    assert (ok, text) == (
        True,
        f'[{{"id":"{process_id}","username":"{username}","program":"gate@1.0.0","input":"{{}}","elapsed_secs":0}}]',
    )


@pytest.mark.parametrize("family", ["0.4"])
async def test_programs_and_files_share_the_table_of_uploads(
    socket: ClientConnection, engine: LocalEngine
) -> None:
    Gate(engine)
    _, process_id = await answer(socket, launch("gate@1.0.0"))
    assert await answer(socket, add(1, 2)) == (False, "First chunk index must be 0")
    first = models.TransferFileRequest(
        process_id=process_id, file_hash=DIGEST, chunk_index=0, total_chunks=2, chunk_data=DATA[:5]
    )
    await socket.send(encode_client_message(first))
    ok, reason = await answer(socket, add(1, 2, DATA[5:]))
    assert not ok
    assert reason.startswith("Invalid manifest: ")  # the first chunk, a file's, had none


@pytest.mark.parametrize("family", ["0.4"])
async def test_an_upload_of_no_chunks_never_ends_and_spoils_its_digest(socket: ClientConnection) -> None:
    await socket.send(encode_client_message(add(0, 0)))
    assert await answer(socket, ping()) == (True, "Pong")
    assert await answer(socket, add(0, 1)) == (False, "Chunk count mismatch: expected 0, got 1")
    assert await answer(socket, add(0, 1, DATA)) == (True, "Program installed successfully")


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_bare_name_is_that_of_the_highest_version(engine: LocalEngine, client: PieClient) -> None:
    for version in ("0.9.0", "0.10.0", "0.2.0"):

        @engine.inferlet(f"app@{version}")
        async def app(session: InferletSession, _input: JsonValue) -> JsonValue:
            return session.program

    process = await client.launch_process("app")
    assert await process.result(str) == "app@0.10.0"


async def test_registering_a_server_twice_lists_it_twice() -> None:
    async with LocalEngine(family="0.4") as engine, connect(engine.uri) as socket:

        @engine.inferlet("names@1.0.0")
        async def names(session: InferletSession, _input: JsonValue) -> JsonValue:
            return list[JsonValue](session.mcp.available_servers())

        await identified(socket)
        for transport in ("stdio", "carrier pigeon"):
            register = models.RegisterMcpServerRequest(corr_id=1, name="s", transport=transport)
            assert await answer(socket, register) == (True, "MCP server registered")
        await answer(socket, launch("names@1.0.0"))
        event = await following(socket)
        assert isinstance(event, models.ReturnFrame)
        assert json.loads(event.value) == ["s", "s"]


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_client_that_reads_nothing_is_not_served_until_it_reads(engine: LocalEngine) -> None:
    said, started, done = 3000, asyncio.Event(), asyncio.Event()

    @engine.inferlet("talker@1.0.0")
    async def talker(session: InferletSession, _input: JsonValue) -> JsonValue:
        started.set()
        for _ in range(said):
            session.print("x" * 10_000)
        return "end"

    @engine.inferlet("mark@1.0.0")
    async def mark(_session: InferletSession, _input: JsonValue) -> JsonValue:
        done.set()
        return None

    async with connect(engine.uri, max_queue=1, close_timeout=0.1) as socket:
        await identified(socket)
        await socket.send(encode_client_message(launch("talker@1.0.0")))
        await asyncio.wait_for(started.wait(), PATIENCE)
        await socket.send(encode_client_message(launch("mark@1.0.0")))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(done.wait(), 0.3)
        async with asyncio.timeout(PATIENCE):
            while not done.is_set():
                await socket.recv()
