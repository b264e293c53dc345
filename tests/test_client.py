"""The client's methods against the embedded engine, on both server families."""

import asyncio
import dataclasses
import inspect
import json
import logging
import math

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import BaseModel, JsonValue

from pie_client import (
    AuthenticationError,
    DeadlineError,
    Event,
    FileEvent,
    InvalidArgumentError,
    InvalidKeyError,
    InvalidProgramNameError,
    MessageEvent,
    ObservedFrame,
    ParsedPrivateKey,
    PieClient,
    ProcessError,
    ProcessNotFoundError,
    ProcessTerminatedError,
    ProgramNotFoundError,
    RefusedError,
    ResultError,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    UnknownEvent,
    UnsupportedError,
    models,
)
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure, Refusal
from tests.support.peers import component


@pytest.fixture(autouse=True)
def programs(engine: LocalEngine) -> None:
    """Programs that the tests launch."""

    @engine.inferlet("echo@1.0.0")
    async def echo(_session: InferletSession, input: JsonValue) -> JsonValue:
        return input

    @engine.inferlet("chatty@1.0.0")
    async def chatty(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("out")
        session.eprint("err")
        session.send("msg")
        session.send_file(b"file", "a.txt")
        return "end"

    @engine.inferlet("wait@1.0.0")
    async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("ready")
        return await session.receive()

    @engine.inferlet("take-file@1.0.0")
    async def take_file(session: InferletSession, _input: JsonValue) -> JsonValue:
        receiving = asyncio.ensure_future(session.receive_file())
        await asyncio.sleep(0)  # lets it begin to wait
        session.send("ready")
        return len(await receiving)

    @engine.inferlet("fail@1.0.0")
    async def fail(_session: InferletSession, input: JsonValue) -> JsonValue:
        raise ProcessFailure(str(input))


async def test_the_first_request_detects_the_server_family(client: PieClient, engine: LocalEngine) -> None:
    before = client.server
    await client.ping()
    assert before is None
    assert client.server is not None
    assert client.server.family == engine.traits.name


async def test_authenticate_needs_no_key_where_authentication_is_off(client: PieClient, family: str) -> None:
    await client.authenticate("alice")
    assert client.server is not None
    assert client.server.username == ("alice" if family == "0.4" else "internal")


@pytest.mark.parametrize("family", ["0.5"])
async def test_an_unused_key_is_logged(client: PieClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pie_client.auth.login")
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    await client.authenticate("alice", ParsedPrivateKey.parse(key))
    assert caplog.messages == ["Pie 0.5 servers ask for no key; private_key was not used"]


async def test_authenticating_again_as_the_same_user_changes_nothing(client: PieClient) -> None:
    await client.authenticate("alice")
    await client.authenticate("alice")
    await client.ping()


@pytest.mark.parametrize("family", ["0.4"])
async def test_authenticating_as_another_user_after_the_first_request_is_refused(client: PieClient) -> None:
    await client.ping()
    with pytest.raises(AuthenticationError, match="before the first request"):
        await client.authenticate("alice")


async def test_query_returns_the_model_status(client: PieClient) -> None:
    status = await client.query("model_status")
    assert status["none.kv_pages_total"] == 0


async def test_a_query_about_an_unknown_subject_raises(client: PieClient, family: str) -> None:
    error = RefusedError if family == "0.5" else DeadlineError
    with pytest.raises(error, match="query"):
        await client.query("weather", timeout=0.3)
    await client.ping()


async def test_check_program_returns_whether_the_server_has_the_program(client: PieClient) -> None:
    assert await client.check_program("echo@1.0.0") is True
    assert await client.check_program("echo@2.0.0") is False


async def test_check_program_needs_a_version(client: PieClient) -> None:
    with pytest.raises(InvalidArgumentError, match="no version"):
        await client.check_program("echo")
    with pytest.raises(InvalidArgumentError, match="no version"):
        await client.check_program(None)  # type: ignore[arg-type]  # what untyped callers do
    with pytest.raises(InvalidProgramNameError, match=r"^check_program of 'echo@latest' refused: "):
        await client.check_program("echo@latest")


async def test_iteration_yields_events_in_order_and_stops_after_the_terminal_one(
    client: PieClient, family: str
) -> None:
    process = await client.launch_process("chatty@1.0.0")
    events = [event async for event in process]
    assert events == [
        StdoutEvent("out\n"),
        StderrEvent("err\n"),
        MessageEvent("msg"),
        b"file",
        ReturnEvent('"end"'),
    ]
    file = events[3]
    assert isinstance(file, FileEvent)
    assert file.name == ("a.txt" if family == "0.5" else None)


async def test_recv_returns_the_kind_and_the_value(client: PieClient) -> None:
    process = await client.launch_process("chatty@1.0.0")
    found = [await process.recv() for _ in range(5)]
    assert found == [
        (Event.Stdout, "out\n"),
        (Event.Stderr, "err\n"),
        (Event.Message, "msg"),
        (Event.File, b"file"),
        (Event.Return, '"end"'),
    ]


async def test_recv_and_iteration_can_be_mixed(client: PieClient) -> None:
    process = await client.launch_process("chatty@1.0.0")
    assert await process.recv() == (Event.Stdout, "out\n")
    async for event in process:
        assert event == StderrEvent("err\n")
        break
    assert await process.recv() == (Event.Message, "msg")


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Model(BaseModel):
    name: str


INPUTS: list[tuple[object, object]] = [
    (None, {}),
    ({"a": [1, 2.5, None, True, "é\n"]}, {"a": [1, 2.5, None, True, "é\n"]}),
    ([], []),
    (0, 0),
    (False, False),
    ("text", "text"),
    (Point(1, 2), {"x": 1, "y": 2}),
    ([Model(name="n")], [{"name": "n"}]),
    (("a", "b"), ["a", "b"]),
]
"""Inputs, and what the program receives."""


async def test_inputs_arrive_as_json(client: PieClient) -> None:
    """D34."""
    for given, received in INPUTS:
        process = await client.launch_process("echo@1.0.0", given)
        assert await process.result() == received


async def test_inputs_that_are_not_json_are_not_sent(client: PieClient) -> None:
    """D34."""
    recursive: list[object] = []
    recursive.append(recursive)
    for given in (math.nan, {"a": math.inf}, object(), {1, object()}, b"\xff", recursive):
        with pytest.raises(InvalidArgumentError, match="input can't be encoded as JSON"):
            await client.launch_process("echo@1.0.0", given)
    assert await client.list_processes() == []


async def test_result_decodes_to_the_requested_type(client: PieClient) -> None:
    process = await client.launch_process("echo@1.0.0", {"x": 1, "y": 2})
    assert await process.result(Point) == Point(1, 2)
    assert await process.result(dict[str, int]) == {"x": 1, "y": 2}
    assert await process.result() == {"x": 1, "y": 2}


async def test_a_result_error_does_not_show_the_result(client: PieClient) -> None:
    process = await client.launch_process("echo@1.0.0", {"x": "secret"})
    with pytest.raises(ResultError) as caught:
        await process.result(Point)
    assert "secret" not in str(caught.value)
    assert await process.wait() == '{"x": "secret"}'


async def test_result_consumes_no_events(client: PieClient) -> None:
    """D31."""
    process = await client.launch_process("chatty@1.0.0")
    assert await process.result(str) == "end"
    assert len([event async for event in process]) == 5
    assert await process.result(str) == "end"


async def test_result_of_a_failed_process_raises_its_error(client: PieClient) -> None:
    process = await client.launch_process("fail@1.0.0", "line one\nline two")
    with pytest.raises(ProcessError) as caught:
        await process.result()
    assert caught.value.text == "line one\nline two"
    assert "\n" not in str(caught.value)


async def test_a_signal_sent_before_the_process_receives_is_kept(client: PieClient) -> None:
    process = await client.launch_process("wait@1.0.0")
    await process.signal("héllo")
    assert await process.result(str) == "héllo"


async def test_signal_process_accepts_any_notation_of_the_id(client: PieClient) -> None:
    process = await client.launch_process("wait@1.0.0")
    await client.signal_process("{" + process.process_id.upper() + "}", "go")
    assert await process.result(str) == "go"


async def test_an_id_that_is_not_a_uuid_is_not_sent(client: PieClient) -> None:
    """D35."""
    for process_id in ("garbage", "", "1234"):
        for call in (
            client.signal_process(process_id, "x"),
            client.terminate_process(process_id),
            client.attach_process(process_id),
        ):
            with pytest.raises(InvalidArgumentError, match="UUID"):
                await call
    assert client.server is None


async def test_files_of_any_size_reach_a_process_that_waits_for_them(client: PieClient) -> None:
    for size in (0, 1, 262_144, 262_145, 3_000_000):
        process = await client.launch_process("take-file@1.0.0")
        assert await process.recv() == (Event.Message, "ready")
        await process.transfer_file(b"x" * size)
        assert await process.result(int) == size


async def test_equal_files_to_two_processes_at_once_both_arrive(client: PieClient) -> None:
    """D36."""
    processes = [await client.launch_process("take-file@1.0.0") for _ in range(2)]
    for process in processes:
        assert await process.recv() == (Event.Message, "ready")
    await asyncio.gather(*(process.transfer_file(b"same" * 200_000) for process in processes))
    assert [await process.result(int) for process in processes] == [800_000, 800_000]


async def test_terminate_stops_the_process(client: PieClient) -> None:
    process = await client.launch_process("wait@1.0.0")
    assert await process.recv() == (Event.Stdout, "ready\n")
    await process.terminate()
    event, _ = await process.recv()
    assert event == Event.Error
    with pytest.raises(ProcessTerminatedError):
        await process.result()
    with pytest.raises(ProcessNotFoundError) as caught:
        await client.terminate_process(process.process_id)
    assert caught.value.subject == process.process_id


async def test_list_processes_returns_the_running_processes(client: PieClient) -> None:
    """D32."""
    assert await client.list_processes() == []
    process = await client.launch_process("wait@1.0.0", {"a": 1})
    (info,) = await client.list_processes()
    assert (info.id, info.program, json.loads(info.input)) == (process.process_id, "wait@1.0.0", {"a": 1})
    await process.signal("end")
    await process.wait()
    assert await client.list_processes() == []


async def test_launching_an_unknown_program_raises_an_error_with_its_name(client: PieClient) -> None:
    with pytest.raises(ProgramNotFoundError, match=r"nope@1\.0\.0") as caught:
        await client.launch_process("nope@1.0.0")
    assert isinstance(caught.value, LookupError)
    assert caught.value.request == "launch_process"


async def test_a_bare_name_is_accepted_by_0_5_servers_only(client: PieClient, family: str) -> None:
    if family == "0.4":
        with pytest.raises(InvalidProgramNameError):
            await client.launch_process("echo")
    else:
        assert await (await client.launch_process("echo", 1)).result(int) == 1


async def test_a_token_budget_is_supported_by_0_4_servers_only(client: PieClient, family: str) -> None:
    if family == "0.5":
        with pytest.raises(UnsupportedError, match="token_budget"):
            await client.launch_process("echo@1.0.0", token_budget=5)
    else:
        await client.launch_process("echo@1.0.0", token_budget=5)


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_request_of_another_family_is_not_sent(client: PieClient) -> None:
    await client.ping()
    with pytest.raises(UnsupportedError, match=r"needs a Pie 0\.3 or 0\.4 server; this is Pie 0\.5"):
        await client.rpc.launch_daemon(port=8000, inferlet="echo@1.0.0", input="{}")


async def test_a_process_without_a_client_can_be_attached(client: PieClient) -> None:
    await client.rpc.launch_process(inferlet="wait@1.0.0", input="{}", capture_outputs=False)
    (info,) = await client.list_processes()
    process = await client.attach_process(info.id)
    await process.signal("now")
    assert await process.result(str) == "now"


async def test_attaching_to_a_process_of_another_client_raises(
    client: PieClient, engine: LocalEngine
) -> None:
    process = await client.launch_process("wait@1.0.0")
    async with PieClient(engine.uri) as other:
        with pytest.raises(RefusedError):
            await other.attach_process(process.process_id)
        await process.signal("still mine")
        assert await process.result(str) == "still mine"


async def test_an_unknown_kind_of_event_does_not_break_the_stream(
    client: PieClient, engine: LocalEngine
) -> None:
    """D28."""

    @engine.inferlet("future@1.0.0")
    async def future(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.emit(models.UnknownFrame(process_id=session.process_id, event="hologram", value="3D"))
        session.emit(models.UnknownFrame(process_id=session.process_id, event="void"))
        return 1

    process = await client.launch_process("future@1.0.0")
    assert [event async for event in process] == [
        UnknownEvent("hologram", "3D"),
        UnknownEvent("void", None),
        ReturnEvent("1"),
    ]
    again = await client.launch_process("future@1.0.0")
    assert await again.recv() == (Event.Return, "1")


async def test_large_events_arrive_complete(client: PieClient, engine: LocalEngine) -> None:
    """D1."""

    @engine.inferlet("large@1.0.0")
    async def large(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send("o" * 2_000_000)
        session.send_file(bytes(range(256)) * 20_000)
        return "r" * 5_000_000

    process = await client.launch_process("large@1.0.0")
    assert await process.recv() == (Event.Message, "o" * 2_000_000)
    assert await process.recv() == (Event.File, bytes(range(256)) * 20_000)
    assert await process.result(str) == "r" * 5_000_000


async def test_fifty_concurrent_processes_receive_their_own_events(client: PieClient) -> None:
    async def one(number: int) -> object:
        process = await client.launch_process("echo@1.0.0", number)
        return await process.result(int)

    assert await asyncio.gather(*(one(n) for n in range(50))) == list(range(50))


async def test_an_upload_of_several_chunks_is_installed(client: PieClient, engine: LocalEngine) -> None:
    content = component(bytes(range(256)) * 5_000)
    manifest = '[package]\nname = "up"\nversion = "1.2.3"\n'
    assert (
        await client.rpc.add_program(content=content, manifest=manifest) == "Program installed successfully"
    )
    assert engine.uploads["up@1.2.3"] == content
    assert await client.check_program("up@1.2.3")


async def test_an_upload_stops_at_the_first_refusal(client: PieClient, engine: LocalEngine) -> None:
    """D40."""
    seen: list[int] = []

    def refuse(request: models.AddProgramRequest) -> str:
        seen.append(request.chunk_index)
        raise Refusal("disk full")

    engine.answer(models.AddProgramRequest, refuse)
    total = 400
    with pytest.raises(RefusedError, match="disk full"):
        await client.rpc.add_program(content=b"x" * (262_144 * total), manifest="")
    await client.ping()
    assert len(seen) < total


async def test_concurrent_uploads_of_the_same_bytes_succeed(client: PieClient) -> None:
    """D46."""
    content = component(b"same" * 300_000)
    manifest = '[package]\nname = "twin"\nversion = "1.0.0"\n'
    await asyncio.gather(*(client.rpc.add_program(content=content, manifest=manifest) for _ in range(3)))


async def test_the_error_for_an_invalid_manifest_is_one_line(client: PieClient) -> None:
    for manifest in ("not toml [", "", "[package]\nname = 1\n"):
        with pytest.raises(RefusedError, match="Invalid manifest") as caught:
            await client.rpc.add_program(content=b"x", manifest=manifest)
        assert "\n" not in str(caught.value)


async def test_an_argument_of_the_wrong_type_is_not_sent(client: PieClient) -> None:
    """D10."""
    with pytest.raises(
        InvalidArgumentError,
        match=r"^launch_process not sent: inferlet is int, not str; correct the argument$",
    ):
        await client.launch_process(5)  # type: ignore[arg-type]  # what untyped callers do
    with pytest.raises(InvalidArgumentError, match="token_budget"):
        await client.rpc.launch_process(inferlet="a", input="{}", token_budget=-1)
    await client.ping()


@pytest.mark.parametrize("family", ["0.4"])
async def test_batch_calls_return_ids_and_results_in_order(client: PieClient) -> None:
    ids = await client.rpc.launch_processes(inferlet="wait@1.0.0", inputs=["1", "2"], capture_outputs=False)
    assert sorted(ids) == sorted(p.id for p in await client.list_processes())
    assert await client.rpc.run_processes(inferlet="echo@1.0.0", inputs=["1", "[2]"]) == ["1", "[2]"]
    with pytest.raises(RefusedError, match="token_budgets length"):
        await client.rpc.run_processes(inferlet="echo@1.0.0", inputs=["1"], token_budgets=[1, 2])


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_internal_token_authenticates(client: PieClient, engine: LocalEngine) -> None:
    await client.auth_by_token(engine.token)
    assert client.server is not None
    assert client.server.username == "internal"
    await client.auth_by_token(engine.token)
    await client.ping()


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_error_for_a_wrong_token_gives_advice_about_tokens(client: PieClient) -> None:
    with pytest.raises(AuthenticationError, match="Invalid token; pass the token that the server printed"):
        await client.auth_by_token("wrong")
    await client.ping()


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_token_is_refused_after_the_first_request(client: PieClient, engine: LocalEngine) -> None:
    await client.ping()
    with pytest.raises(AuthenticationError, match="before the first request"):
        await client.auth_by_token(engine.token)


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_token_is_not_sent_to_0_5_servers(client: PieClient) -> None:
    for _ in range(2):  # before and after the session is identified
        with pytest.raises(UnsupportedError, match="auth_by_token"):
            await client.auth_by_token("token", timeout=math.inf)
        await client.ping()


async def test_no_call_sends_arguments_of_the_wrong_type(client: PieClient, engine: LocalEngine) -> None:
    """D10."""
    await client.ping()
    frames: list[ObservedFrame] = []
    engine.observe(frames.append)
    refused: list[str] = []
    for tag, method in inspect.getmembers(client.rpc, inspect.iscoroutinefunction):
        parameters = inspect.signature(method).parameters.values()
        required = [p.name for p in parameters if p.default is p.empty]
        if not required:
            continue
        wrong: dict[str, object] = {name: b"" if name == "content" else object() for name in required}
        with pytest.raises((InvalidArgumentError, UnsupportedError), match=f"^{tag} ") as caught:
            await method(**wrong)
        if caught.type is InvalidArgumentError:
            refused.append(tag)
    assert len(refused) > 8
    assert frames == []


async def test_transfer_file_rejects_str_and_accepts_bytearray(client: PieClient) -> None:
    process = await client.launch_process("take-file@1.0.0")
    assert await process.recv() == (Event.Message, "ready")
    with pytest.raises(InvalidArgumentError, match="must be bytes"):
        await process.transfer_file("text")  # type: ignore[arg-type]  # what untyped callers do
    await process.transfer_file(bytearray(b"abc"))  # type: ignore[arg-type]  # mypy distinguishes it from bytes
    assert await process.result(int) == 3


async def test_an_unparsed_key_is_not_sent(client: PieClient) -> None:
    with pytest.raises(InvalidKeyError, match=r"ParsedPrivateKey\.parse"):
        await client.authenticate("alice", "-----BEGIN")  # type: ignore[arg-type]  # what untyped callers do
    assert client.server is None


def test_options_that_cannot_be_sent_are_rejected() -> None:
    wrong: list[dict[str, object]] = [
        {"username": 5},
        {"username": "two\nlines"},
        {"identity": 5},
        {"identity": "tenant/"},
        {"headers": [1]},
        {"headers": {"bad name": "x"}},
        {"headers": {"a": 5}},
        {"headers": {"a": "x\r\ny: z"}},
    ]
    for options in wrong:
        (name,) = options
        with pytest.raises(InvalidArgumentError, match=name.removesuffix("s")):
            PieClient("ws://127.0.0.1:1", **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what untyped callers do
