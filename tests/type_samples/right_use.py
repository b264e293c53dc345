"""Every public method of the client and of a process, with the type that checkers must infer."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

from pydantic import BaseModel, JsonValue

import pie_client
from pie_client import (
    AgentKey,
    ConnectionState,
    ConnectionStatus,
    CorruptEvent,
    ErrorEvent,
    Event,
    Family,
    FileEvent,
    Manifest,
    McpServerError,
    McpTransport,
    MessageEvent,
    Observation,
    ObservedFrame,
    ParsedPrivateKey,
    PieClient,
    Process,
    ProcessEvent,
    ProcessInfo,
    Reconnect,
    RefusedError,
    ReturnEvent,
    ServerInfo,
    Signer,
    StderrEvent,
    StdoutEvent,
    UnknownEvent,
    agent_keys,
    inferlet,
    parse_manifest,
)
from pie_client.models import (
    AlreadyAuthenticated,
    AuthenticationDisabled,
    Challenge,
    OtherIdentification,
)


class Answer(BaseModel):
    """What an inferlet returns."""

    text: str


@inferlet
async def greet(name: str, times: int = 1) -> list[str]:
    """A function that is a program."""
    return [name] * times


@inferlet(name="named", version="1.0.0")
async def named() -> None:
    """A function with a name of its own."""


def report(sent: int, total: int) -> None:
    """Report the progress of an upload."""


async def pieces() -> AsyncIterator[bytes]:
    """Yield the content of a file."""
    yield b""


async def connection(key: ParsedPrivateKey, signer: Signer, context: ssl.SSLContext) -> None:
    async with PieClient("ws://127.0.0.1:8080", timeout=None) as client:
        assert_type(client, PieClient)
    client = PieClient(
        "wss://example.org",
        username="alice",
        identity="tenant/alice",
        timeout=1,
        open_timeout=2.5,
        ssl=context,
        headers={"a": "b"},
        proxy="http://127.0.0.1:3128",
        max_message_size=1 << 20,
        max_buffered=1 << 20,
        max_buffered_total=1 << 24,
        when_full="drop-oldest",
        spool_above=1 << 20,
        max_spooled=1 << 28,
        ping_interval=20,
        ping_timeout=20,
        reconnect=Reconnect(attempts=3, total_time=60, first_delay=0.1, retry=Reconnect.is_transient),
    )
    assert_type(await client.connect(), None)
    assert_type(client.connected, bool)
    assert_type(client.state, ConnectionState)
    assert_type(client.state.status, ConnectionStatus)
    async for state in client.states():
        assert_type(state.kept, tuple[str, ...])
    assert_type(client.server, ServerInfo | None)
    assert_type(client.buffered, int)
    assert_type(client.dropped, int)
    assert_type(await client.authenticate("alice"), None)
    assert_type(await client.authenticate("alice", key, timeout=1.5), None)
    assert_type(await client.authenticate("alice", signer), None)
    keys = await agent_keys(timeout=5)
    assert_type(keys, list[AgentKey])
    assert_type(keys[0].fingerprint, str)
    assert_type(await client.authenticate("alice", keys[0]), None)
    assert_type(await client.auth_by_token("token", timeout=1), None)
    assert_type(await client.close(), None)


async def client_methods(client: PieClient, server: ServerInfo) -> None:
    assert_type(server.family, Family)
    assert_type(server.username, str)
    assert_type(await client.check_program("a@1.0.0"), bool)
    assert_type(await client.check_program("a@1.0.0", "a.wasm", Path("Pie.toml")), bool)
    assert_type(await client.install_program("a.wasm", Path("Pie.toml"), True, progress=report), str)
    assert_type(await client.install_program_bytes(b"wasm", "toml", timeout=1), str)
    assert_type(await client.install_program_bytes(pieces(), parse_manifest(b"toml")), str)
    assert_type(await client.resolve_version("a", "https://example.org", timeout=1), str)
    assert_type(await client.launch_process("a@1.0.0"), Process[JsonValue])
    assert_type(
        await client.launch_process("a@1.0.0", Answer(text=""), True, 5, timeout=1), Process[JsonValue]
    )
    assert_type(
        await client.launch_process("a@1.0.0", max_buffered=1 << 20, when_full="error"), Process[JsonValue]
    )
    assert_type(await client.launch_processes("a@1.0.0", [1, {}], False, [None, 5]), list[Process[JsonValue]])
    assert_type(await client.run_processes("a@1.0.0", [Answer(text="")], [3], timeout=9.5), list[str])
    assert_type(await client.launch_daemon("a@1.0.0", 8080, {"a": 1}), None)
    assert_type(await client.run("a@1.0.0", text="x"), Process[JsonValue])
    assert_type(await client.run(greet, "x", times=2), Process[list[str]])
    assert_type(await (await client.run(greet, "x")).result(), list[str])
    assert_type(await (await client.run(named)).result(timeout=1), None)
    assert_type(await client.run_with(timeout=5)("a@1.0.0", timeout="x"), Process[JsonValue])
    assert_type(await (await client.run_with(token_budget=5)(greet, "x", times=2)).result(), list[str])
    await process_methods(await client.run(greet, "x"))
    assert_type([result.value async for result in client.map(greet, ["x"])], list[list[str]])
    assert_type(await greet("x"), list[str])
    assert_type(greet.manifest, Manifest)
    assert_type(await client.attach_process("id"), Process[JsonValue])
    async with await client.launch_process("a@1.0.0", terminate_on_exit=True) as owned:
        assert_type(owned, Process[JsonValue])
    listed = await client.list_processes()
    assert_type(listed, list[ProcessInfo])
    assert_type(listed[0].elapsed_secs, int)
    assert_type(listed[0]["elapsed_secs"], int)
    assert_type(listed[0]["id"], str)
    assert_type(await client.signal_process("id", "text"), None)
    assert_type(await client.terminate_process("id"), None)
    assert_type(await client.ping(timeout=0.5), None)
    assert_type(await client.query("model_status"), dict[str, JsonValue])
    assert_type(await client.register_mcp_server("fs", "stdio", "npx", ["-y", "package"]), None)
    assert_type(
        await client.register_mcp_server(
            name="fs",
            transport="stdio",
            command="npx",
            args=("-y",),
            env={"A": "b"},
            cwd=Path(),
            call_timeout=5,
        ),
        None,
    )
    transport: McpTransport = "http"
    assert_type(
        await client.register_mcp_server("web", transport, url="https://h", headers={"a": "b"}, timeout=1),
        None,
    )
    assert_type(await client.unregister_mcp_server("fs"), None)


async def process_methods(process: Process) -> None:
    assert_type(process.process_id, str)
    assert_type(process.possible_gaps, int)
    assert_type(process.buffered, int)
    assert_type(process.dropped, int)
    assert_type(await process.recv(), tuple[Event, str | bytes])
    assert_type(await process.recv(timeout=1), tuple[Event, str | bytes])
    assert_type(await process.recv(timeout=None), tuple[Event, str | bytes])
    assert_type(await process.wait(timeout=None), str)
    async for text in process.text():
        assert_type(text, str)
    assert_type(await process.result(timeout=None), object)
    assert_type(await process.result(Answer), Answer)
    assert_type(await process.result(list[int], timeout=1), list[int])
    assert_type(await process.signal("text"), None)
    assert_type(await process.transfer_file(b"bytes"), None)
    assert_type(await process.transfer_file(Path("file"), progress=report), None)
    assert_type(await process.transfer_file(pieces()), None)
    assert_type(await process.terminate(), None)
    assert_type(process.close(), None)
    assert_type(process.detach(), str)
    async with process as entered:
        assert_type(entered, Process)
    async for event in process:
        assert_type(event, ProcessEvent)


def events(event: ProcessEvent) -> None:
    match event:
        case (
            StdoutEvent(text)
            | StderrEvent(text)
            | MessageEvent(text)
            | ReturnEvent(text)
            | ErrorEvent(text)
            | CorruptEvent(text)
        ):
            assert_type(text, str)
        case FileEvent() as file:
            assert_type(file, FileEvent)
            assert_type(file.name, str | None)
            assert_type(file.size, int)
            assert_type(file.path, Path | None)
            assert_type(file.read(), bytes)
            assert_type(file.save("folder/"), Path)
        case UnknownEvent(kind, value):
            assert_type(kind, str)
            assert_type(value, str | None)


async def calls(client: PieClient) -> None:
    frames: list[ObservedFrame] = []
    with client.observe(frames.append) as observation:
        assert_type(observation, Observation)
    client.observe(print, redact=False).close()
    assert_type([frame.data for frame in frames], list[bytes | str | None])
    assert_type(await client.send_raw({"type": "ping"}, correlate=True), str)
    await client.send_raw({"type": "ping"})
    await client.send_raw(b"", timeout=1)
    answer = await client.rpc.auth_identify(username="alice")
    assert_type(answer, AuthenticationDisabled | AlreadyAuthenticated | Challenge | OtherIdentification)
    assert_type(answer.text, str)
    assert_type(await client.rpc.check_program(name="a", version="1.0.0", wasm_hash=None), bool)
    assert_type(await client.rpc.query(subject="model_status", record=""), dict[str, JsonValue])
    assert_type(await client.rpc.add_program(content=b"wasm", manifest="toml", timeout=1), str)
    assert_type(await client.rpc.launch_process(inferlet="a@1.0.0", input="{}", token_budget=3), str)
    assert_type(
        await client.rpc.run_processes(inferlet="a@1.0.0", inputs=["{}"], token_budgets=[3, None]), list[str]
    )
    assert_type(await client.rpc.signal_process(process_id="id", message="text"), None)
    assert_type(await client.rpc.transfer_file(process_id="id", content=b"bytes"), None)
    assert_type(await client.rpc.list_processes(), list[ProcessInfo])


def submodules() -> None:
    assert_type(pie_client.errors.RefusedError("ping", "no"), RefusedError)
    assert_type(pie_client.models.PingRequest(corr_id=1).corr_id, int)
    assert_type(pie_client.testing.LocalEngine().uri, str)


def errors(error: RefusedError, ended: McpServerError) -> None:
    assert_type(ended.name, str)
    assert_type(ended.reason, str)
    assert_type(error.request, str)
    assert_type(error.text, str)
    assert_type(error.subject, str)
