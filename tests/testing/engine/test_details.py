"""Details of real servers that clients may depend on: order, delays, lists, uploads, and errors of user code."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from blake3 import blake3
from pydantic import JsonValue

from pie_client import (
    AuthenticationError,
    ConnectionLostError,
    ErrorEvent,
    Family,
    ParsedPrivateKey,
    PieClient,
    ProcessError,
    ProcessTerminatedError,
    ProgramNotFoundError,
    RefusedError,
    StderrEvent,
    StdoutEvent,
    models,
)
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.support import alterations
from tests.support.keys import ed25519_key
from tests.support.peers import TIMEOUT, component, in_time
from tests.support.raw import Raw, raw_client

SILENCE = 0.2
"""Seconds without a frame that show that none was sent."""
DATA = component(b"0123456789")
DIGEST = blake3(DATA).hexdigest()
MANIFEST = '[package]\nname = "x"\nversion = "1.0.0"\n'


class Gate:
    """Inferlets that wait until the test opens the gate."""

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


@pytest.fixture
async def raw(engine: LocalEngine) -> AsyncIterator[Raw]:
    async with raw_client(engine) as client:
        yield client


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
async def test_a_long_request_delays_the_replies_of_its_connection_in_0_4(
    engine: LocalEngine, raw: Raw
) -> None:
    gate = Gate(engine)
    ok, talker = await raw.reply(launch("talker@1.0.0"))
    assert ok
    await raw.send(models.RunProcessesRequest(corr_id=3, inferlet="gate@1.0.0", inputs=["{}"]))
    await raw.send(ping())
    assert await raw.next() == models.StdoutFrame(process_id=talker, value="said meanwhile\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(raw.socket.recv(), SILENCE)
    gate.open.set()
    assert [await raw.next() for _ in range(2)] == [
        models.Response(corr_id=3, ok=True, result='["\\"passed\\""]'),
        models.Response(corr_id=7, ok=True, result="Pong"),
    ]


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_long_request_delays_nothing_in_0_5(engine: LocalEngine, raw: Raw) -> None:
    released = asyncio.Event()

    async def slow(_request: models.QueryRequest) -> str:
        await released.wait()
        return "{}"

    engine.answer(models.QueryRequest, slow)
    await raw.send(models.QueryRequest(corr_id=3, subject="x", record=""))
    assert await raw.reply(ping()) == (True, "Pong")
    released.set()
    assert await raw.next() == models.Response(corr_id=3, ok=True, result="{}")


async def test_a_failing_handler_refuses_the_request_with_its_error(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(message: models.QueryRequest) -> str:
        if message.record:
            return cast("str", 5)
        raise ZeroDivisionError("oops")

    engine.answer(models.QueryRequest, handler)
    async with PieClient(engine.uri, timeout=TIMEOUT) as client:
        with pytest.raises(
            RefusedError, match=r"engine\.answer for QueryRequest failed: ZeroDivisionError: oops"
        ):
            await client.query("model_status")
        with pytest.raises(RefusedError, match=r"engine\.answer for QueryRequest returned int"):
            await client.query("model_status", "x")
        await client.ping()
    assert "engine.answer for QueryRequest failed" in caplog.text


class BrokenStrError(Exception):
    """Raises in __str__ and __repr__."""

    def __str__(self) -> str:
        raise ZeroDivisionError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BrokenStrError(), "BrokenStrError: <exception str() failed>"),
        (Exception(BrokenStrError()), "Exception: <exception str() failed>"),
        (ProcessFailure(BrokenStrError()), "<exception str() failed>"),
        (
            BaseExceptionGroup("many", [KeyboardInterrupt(), BrokenStrError()]),
            "BaseExceptionGroup: many (2 sub",
        ),
        (SystemExit(BrokenStrError()), "the program exited with status <exception str() failed>"),
        (SystemExit(), "the program exited with status 0"),
        (KeyboardInterrupt(), "the program raised KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit: "),
        (StopIteration(), "RuntimeError: coroutine raised StopIteration"),
        (StopAsyncIteration(), "StopAsyncIteration: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
async def test_any_exception_of_an_inferlet_ends_only_its_process(
    engine: LocalEngine, error: BaseException, text: str
) -> None:
    @engine.inferlet("raises@1.0.0")
    async def raises(_session: InferletSession, _input: JsonValue) -> JsonValue:
        raise error

    async with PieClient(engine.uri, timeout=TIMEOUT) as client:
        process = await client.launch_process("raises@1.0.0")
        with pytest.raises(ProcessError) as caught:
            await process.wait(timeout=TIMEOUT)
        assert text in str(caught.value)
        assert not engine.processes


@pytest.mark.parametrize(
    "error", [BrokenStrError(), KeyboardInterrupt(), SystemExit(2)], ids=lambda error: type(error).__name__
)
async def test_any_exception_of_a_handler_refuses_the_request(
    engine: LocalEngine, error: BaseException
) -> None:
    def handler(_message: models.QueryRequest) -> str:
        raise error

    engine.answer(models.QueryRequest, handler)
    async with PieClient(engine.uri, timeout=TIMEOUT) as client:
        with pytest.raises(RefusedError, match=type(error).__name__):
            await client.query("model_status")
        await client.ping()


async def test_stop_waits_for_handlers(engine: LocalEngine) -> None:
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
    async with PieClient(engine.uri, timeout=TIMEOUT) as client:
        asking = asyncio.create_task(client.query("anything"))
        await in_time(began.wait())
        await engine.stop()
        assert ended == ["ended"]
        with pytest.raises(ConnectionLostError):
            await asking


async def test_a_close_is_not_delayed_by_default(engine: LocalEngine, family: Family) -> None:
    """A 0.5 engine drops the connection instead of answering the close."""
    async with raw_client(engine, close_timeout=TIMEOUT) as raw:
        await raw.socket.close()
        assert raw.socket.close_code == (1000 if family == "0.4" else 1006)


@pytest.mark.parametrize("signature", ["!", "_w==", "QUJD\n", "QQ"])
async def test_a_signature_that_is_not_base64_is_refused(signature: str) -> None:
    async with LocalEngine(family="0.4", auth={"alice": []}) as engine, raw_client(engine) as raw:
        prove = models.AuthProveRequest(corr_id=1, signature=signature)
        ok, text = await raw.reply(prove)
        assert not ok
        assert text.startswith("Invalid signature encoding: ")
        assert await raw.reply(prove) == (False, "No pending authentication")


async def test_an_empty_signature_is_refused() -> None:
    async with LocalEngine(family="0.4", auth={"alice": []}) as engine, raw_client(engine) as raw:
        prove = models.AuthProveRequest(corr_id=1, signature="")
        assert await raw.reply(prove) == (False, "Signature verification failed")


async def test_a_signature_by_another_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    key, _ = ed25519_key(tmp_path)
    _, other = ed25519_key(tmp_path / "other")
    async with LocalEngine(family="0.4", auth={"alice": [other]}) as engine, PieClient(engine.uri) as client:
        with pytest.raises(AuthenticationError, match="Signature verification failed"):
            await client.authenticate("alice", ParsedPrivateKey.from_file(key))


async def test_a_process_list_has_the_spacing_and_order_of_real_servers(
    engine: LocalEngine, raw: Raw
) -> None:
    gate = Gate(engine)
    _, process_id = await raw.reply(launch("gate@1.0.0"))
    await asyncio.wait_for(gate.entered.wait(), TIMEOUT)
    ok, text = await raw.reply(models.ListProcessesRequest(corr_id=4))
    username = "internal" if engine.traits.user else "alice"
    assert (ok, text) == (
        True,
        f'[{{"id":"{process_id}","username":"{username}","program":"gate@1.0.0","input":"{{}}","elapsed_secs":0}}]',
    )


@pytest.mark.parametrize("family", ["0.4"])
async def test_an_upload_of_zero_chunks_stays_open_in_0_4(raw: Raw) -> None:
    await raw.send(add(0, 0))
    assert await raw.reply(ping()) == (True, "Pong")
    assert await raw.reply(add(0, 1)) == (False, "Chunk count mismatch: expected 0, got 1")
    assert await raw.reply(add(0, 1, DATA)) == (True, "Program installed successfully")


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_name_without_version_launches_the_highest_one(
    engine: LocalEngine, client: PieClient
) -> None:
    for version in ("0.9.0", "0.10.0", "0.2.0"):

        @engine.inferlet(f"app@{version}")
        async def app(session: InferletSession, _input: JsonValue) -> JsonValue:
            return session.program

    process = await client.launch_process("app")
    assert await process.result(str) == "app@0.10.0"


async def test_an_mcp_server_that_is_registered_twice_is_listed_twice() -> None:
    async with LocalEngine(family="0.4") as engine, raw_client(engine) as raw:

        @engine.inferlet("names@1.0.0")
        async def names(session: InferletSession, _input: JsonValue) -> JsonValue:
            return list[JsonValue](session.mcp.available_servers())

        for transport in ("stdio", "carrier pigeon"):
            register = models.RegisterMcpServerRequest(corr_id=1, name="s", transport=transport)
            assert await raw.reply(register) == (True, "MCP server registered")
        await raw.reply(launch("names@1.0.0"))
        event = await raw.next()
        assert isinstance(event, models.ReturnFrame)
        assert json.loads(event.value) == ["s", "s"]


@pytest.mark.parametrize("write", ["print", "eprint"])
async def test_output_is_cut_into_events_of_4096_bytes_by_0_4_servers(
    engine: LocalEngine, client: PieClient, family: Family, write: str
) -> None:
    text = "a" + "é" * 5000

    @engine.inferlet("writes@1.0.0")
    async def writes(session: InferletSession, _input: JsonValue) -> JsonValue:
        getattr(session, write)(text, end="")
        getattr(session, write)(end="")
        return None

    process = await client.launch_process("writes@1.0.0")
    *events, _returned = [event async for event in process]
    output = [event.value for event in events if isinstance(event, StdoutEvent | StderrEvent)]
    if family == "0.5":
        assert output == [text]
        return
    assert output == [f"a{'é' * 2047}\ufffd", f"\ufffd{'é' * 2047}\ufffd", f"\ufffd{'é' * 904}"]


async def test_two_pipelined_terminations_both_succeed_on_0_4_servers(
    raw: Raw, engine: LocalEngine, family: Family
) -> None:
    gate = Gate(engine)
    await raw.reply(models.AuthIdentifyRequest(corr_id=1, username="u"))
    launch = models.LaunchProcessRequest(corr_id=2, inferlet="gate@1.0.0", input="{}", capture_outputs=True)
    _, process_id = await raw.reply(launch)
    await in_time(gate.entered.wait())
    for number in (3, 4):
        await raw.send(models.TerminateProcessRequest(corr_id=number, process_id=process_id))
    answers = [
        message for message in [await raw.next() for _ in range(3)] if isinstance(message, models.Response)
    ]
    refusal = [(True, "Process terminated")] if family == "0.4" else [(False, "Process not found")]
    assert [(answer.ok, answer.result) for answer in answers] == [(True, "Process terminated"), *refusal]
    again = models.TerminateProcessRequest(corr_id=5, process_id=process_id)
    assert await raw.reply(again) == (False, "Process not found")


@pytest.mark.parametrize("family", ["0.4"])
async def test_concurrent_terminations_end_a_handle_once(engine: LocalEngine, client: PieClient) -> None:
    Gate(engine)
    alterations.second_terminal(engine.faults)  # as real servers sometimes do
    process = await client.launch_process("gate@1.0.0")
    await asyncio.gather(process.terminate(), process.terminate())
    assert [event async for event in process] == [ErrorEvent("Signal")]
    with pytest.raises(ProcessTerminatedError):
        await process.wait(timeout=TIMEOUT)


@pytest.mark.parametrize("family", ["0.4"])
async def test_an_unknown_program_is_refused_in_the_words_of_a_real_0_4_server(client: PieClient) -> None:
    calls = (
        client.launch_process("absent@1.2.3"),
        client.launch_processes("absent@1.2.3", [1]),
        client.run_processes("absent@1.2.3", [1]),
        client.launch_daemon("absent@1.2.3", 8080),
    )
    for call in calls:
        with pytest.raises(ProgramNotFoundError) as caught:
            await call
        assert caught.value.text == (
            "Failed to download manifest: https://registry.invalid/api/v1/inferlets/absent/1.2.3/manifest returned 404 Not Found"
        )
        assert isinstance(caught.value, LookupError)
