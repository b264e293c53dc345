"""The guide's tables about the client, row by row."""

import asyncio
import json
import re
import sys
import urllib.request
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from blake3 import blake3
from pydantic import JsonValue

from pie_client import (
    AuthenticationError,
    Event,
    Family,
    HashesNotComparedWarning,
    InvalidArgumentError,
    ParsedPrivateKey,
    PieClient,
    Process,
    ProgramExistsError,
    UnsupportedError,
    models,
)
from pie_client.testing import DaemonRequest, DaemonResponse, InferletSession, LocalEngine
from tests.guide.helpers import end_of, only_0_4, only_0_5
from tests.support.mcp_servers import children, gone
from tests.support.peers import TIMEOUT, component, free_port, in_time, tcp_peer, websocket_peer

# ------------------------------------------------------------- PieClient


async def test_the_uri_is_the_only_required_argument(engine: LocalEngine) -> None:
    async with PieClient(server_uri=engine.uri) as client:
        await client.ping()


async def test_leaving_the_context_closes_the_websocket_cleanly() -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri) as client:
            await client.ping()
        await in_time(peer.socket.wait_closed())
        assert peer.socket.close_code == 1000


async def test_leaving_the_context_with_an_exception_closes_the_websocket_cleanly() -> None:
    async def program(uri: str) -> None:
        async with PieClient(uri) as client:
            await client.ping()
            raise KeyError

    async with websocket_peer() as peer:
        with pytest.raises(KeyError):
            await program(peer.uri)
        await in_time(peer.socket.wait_closed())
        assert peer.socket.close_code == 1000


# ------------------------------------------------------------- authentication


async def test_a_key_file_in_the_home_folder_authenticates(guarded: LocalEngine, family: Family) -> None:
    async with PieClient(guarded.uri) as client:
        key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
        await client.authenticate("alice", key)

        process = await client.launch_process("chat@0.1.0")
        (info,) = await client.list_processes()
        assert info.id == process.process_id
        assert info.username == ("alice" if family == "0.4" else "internal")


async def test_authenticate_takes_its_arguments_by_name(guarded: LocalEngine) -> None:
    async with PieClient(guarded.uri) as client:
        key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
        await client.authenticate(username="alice", private_key=key)
        await client.ping()


async def test_no_key_is_needed_if_authentication_is_disabled(client: PieClient) -> None:
    await client.authenticate("alice")
    await client.authenticate("alice", None)
    await client.ping()


async def test_a_key_is_ignored_if_authentication_is_disabled(client: PieClient) -> None:
    await client.authenticate("alice", ParsedPrivateKey.from_file("~/.ssh/id_ed25519"))
    await client.ping()


async def test_authenticate_is_optional_if_authentication_is_disabled(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        process = await client.launch_process("text-completion@0.1.0")
        assert await process.recv() == (Event.Stdout, "Hello")


@only_0_4
async def test_authenticating_without_a_required_key_raises(guarded: LocalEngine) -> None:
    async with PieClient(guarded.uri) as client:
        with pytest.raises(AuthenticationError, match="asks for a key"):
            await client.authenticate("alice", None)


@only_0_4
async def test_a_token_authenticates(guarded: LocalEngine) -> None:
    async with PieClient(guarded.uri) as client:
        await client.auth_by_token(guarded.token)
        process = await client.launch_process("text-completion@0.1.0")
        assert await process.recv() == (Event.Stdout, "Hello")
    async with PieClient(guarded.uri) as client:
        await client.auth_by_token(token=guarded.token)
        await client.ping()


# ------------------------------------------------------------- what 0.5 servers lack

OLD_ONLY: dict[str, Callable[[PieClient], Awaitable[object]]] = {
    "auth_by_token": lambda client: client.auth_by_token("token"),
    "token_budget": lambda client: client.launch_process("chat@0.1.0", None, True, 64),
    "launch_daemon": lambda client: client.launch_daemon("chat@0.1.0", 8081),
    "register_mcp_server": lambda client: client.register_mcp_server(
        "fs", "stdio", sys.executable, ["-c", "open('started', 'w')"]
    ),
}


@only_0_5
async def test_what_a_server_does_not_support_is_not_sent(engine: LocalEngine, home: Path) -> None:
    before = children()
    for name, call in OLD_ONLY.items():
        async with PieClient(engine.uri, timeout=10 * TIMEOUT) as client:
            for _ in range(2):  # as the first request and as a later one
                with pytest.raises(UnsupportedError, match=re.escape(name)):
                    await in_time(call(client))
                assert await client.list_processes() == []
    assert engine.daemons == ()
    assert not (home / "started").exists()
    assert children() <= before


# ------------------------------------------------------------- programs


async def test_resolve_version_asks_the_registry_for_a_bare_name(engine: LocalEngine) -> None:
    asked: list[str] = []

    async def registry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        body = json.dumps({"versions": [{"num": "0.2.0"}, {"num": "0.10.1"}]})
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()

    async with tcp_peer(registry) as address, PieClient(engine.uri) as client:
        name = await client.resolve_version("text-completion", f"http://{address}")
        named = await client.resolve_version(name="text-completion", registry_url=f"http://{address}/")
    assert name == named == "text-completion@0.10.1"
    assert asked == ["/api/v1/inferlets/text-completion"] * 2


async def test_resolve_version_returns_a_name_with_a_version_without_a_request(engine: LocalEngine) -> None:
    unreachable = f"http://127.0.0.1:{free_port()}"
    async with PieClient(engine.uri) as client:
        assert await client.resolve_version("text-completion@0.1.0", unreachable) == "text-completion@0.1.0"


async def test_check_program_returns_whether_the_server_has_the_program(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        assert await client.check_program("text-completion@0.1.0") is True
        assert await client.check_program("text-completion@0.2.0") is False
        assert await client.check_program(inferlet="does-not-exist@0.1.0") is False


@pytest.mark.usefixtures("build")
async def test_check_program_warns_that_servers_do_not_compare_files(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        assert await client.check_program("build@0.1.0", "./build.wasm", "./Pie.toml") is False
        await client.install_program("./build.wasm", "./Pie.toml")
        with pytest.warns(HashesNotComparedWarning):
            assert await client.check_program("build@0.1.0", "./build.wasm", "./Pie.toml") is True
        with pytest.warns(HashesNotComparedWarning):
            assert await client.check_program(
                "build@0.1.0", wasm_path="./build.wasm", manifest_path="./Pie.toml"
            )


async def test_check_program_sends_the_hashes_of_files(build: bytes) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.CheckProgramRequest] = "false"
        await client.check_program("build@0.1.0", "./build.wasm", "./Pie.toml")
        request = await peer.request(models.CheckProgramRequest)
    assert request.wasm_hash == blake3(build).hexdigest()
    assert request.manifest_hash == blake3(Path("Pie.toml").read_bytes()).hexdigest()


async def test_a_local_build_is_installed(engine: LocalEngine, build: bytes) -> None:
    async with PieClient(engine.uri) as client:
        await client.install_program("./build.wasm", "./Pie.toml")

        assert await client.check_program("build@0.1.0")
    assert engine.uploads == {"build@0.1.0": build}


async def test_an_installed_build_is_replaced_only_with_force_overwrite(
    engine: LocalEngine, build: bytes, home: Path
) -> None:
    async with PieClient(engine.uri) as client:
        await client.install_program(wasm_path="./build.wasm", manifest_path="./Pie.toml")
        (home / "build.wasm").write_bytes(component(b"another"))
        with pytest.raises(ProgramExistsError):
            await client.install_program("./build.wasm", "./Pie.toml")
        assert engine.uploads == {"build@0.1.0": build}
        await client.install_program("./build.wasm", "./Pie.toml", True)
        assert engine.uploads == {"build@0.1.0": component(b"another")}
        (home / "build.wasm").write_bytes(component(b"one more"))
        await client.install_program("./build.wasm", "./Pie.toml", force_overwrite=True)
        assert engine.uploads == {"build@0.1.0": component(b"one more")}


# ------------------------------------------------------------- processes


async def test_launch_process_returns_a_process_with_an_id(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    assert type(process) is Process
    assert type(process.process_id) is str
    assert str(uuid.UUID(process.process_id)) == process.process_id


async def test_the_input_is_sent_as_json_and_defaults_to_an_empty_object(client: PieClient) -> None:
    process = await client.launch_process("text-completion@0.1.0", {"prompt": "é", "max_tokens": 64})
    _, value = await end_of(process)
    assert json.loads(value)["prompt"] == "é"
    process = await client.launch_process("text-completion@0.1.0")
    _, value = await end_of(process)
    assert list(json.loads(value)) == ["user"]


async def test_a_process_without_captured_output_can_be_attached(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0", None, False)
    (info,) = await client.list_processes()
    assert process.process_id == info.id
    process = await client.attach_process(process.process_id)
    await process.signal("bye")
    assert await process.recv() == (Event.Return, '"bye"')


@only_0_4
async def test_a_token_budget_is_sent(family: Family) -> None:
    async with websocket_peer(family) as peer, PieClient(peer.uri) as client:
        await client.launch_process("text-completion@0.1.0", None, True, 64)
        await client.launch_process("text-completion@0.1.0", token_budget=65, capture_outputs=True)
        await client.launch_process("text-completion@0.1.0")
    assert [r.token_budget for r in peer.requests_of(models.LaunchProcessRequest)] == [64, 65, None]


@only_0_4
async def test_a_process_with_a_token_budget_runs(client: PieClient) -> None:
    process = await client.launch_process("text-completion@0.1.0", token_budget=64)
    assert (await end_of(process))[0] == Event.Return


async def test_a_dropped_process_can_be_attached_again(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    process_id = process.process_id
    assert await process.recv() == (Event.Stdout, "ready\n")
    del process

    process = await client.attach_process(process_id)
    assert type(process) is Process
    assert process.process_id == process_id
    await process.signal("hello again")
    assert await process.recv() == (Event.Return, '"hello again"')


async def test_attach_process_accepts_its_argument_by_name(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    again = await client.attach_process(process_id=process.process_id)
    assert again.process_id == process.process_id


async def test_list_processes_returns_five_fields_per_process(client: PieClient, family: Family) -> None:
    """The guide calls the input `arguments`; servers call it `input`."""
    await client.authenticate("alice")
    process = await client.launch_process("chat@0.1.0", {"topic": "KV cache reuse"})
    (info,) = await client.list_processes()
    assert info.id == process.process_id
    assert info.username == ("alice" if family == "0.4" else "internal")
    assert info.program == "chat@0.1.0"
    assert info.arguments == info.input
    assert json.loads(info.input) == {"topic": "KV cache reuse"}
    assert type(info.elapsed_secs) is int
    assert 0 <= info.elapsed_secs < TIMEOUT
    await process.signal("end")
    await end_of(process)
    assert await client.list_processes() == []


async def test_signal_process_sends_a_message_by_process_id(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    await client.signal_process(process.process_id, "by id")
    assert await end_of(process) == (Event.Return, '"by id"')
    process = await client.launch_process("chat@0.1.0")
    await client.signal_process(process_id=process.process_id, message="by name")
    assert await end_of(process) == (Event.Return, '"by name"')


async def test_signalling_an_unknown_process_is_not_an_error(client: PieClient) -> None:
    await client.signal_process(str(uuid.uuid4()), "hello?")
    await client.ping()


async def test_terminate_process_stops_a_process_by_its_id(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    await client.terminate_process(process.process_id)
    event, reason = await end_of(process)
    assert event == Event.Error
    assert isinstance(reason, str)
    assert await client.list_processes() == []


@only_0_4
@pytest.mark.parametrize("input", [None, {"greeting": "hello"}])
async def test_a_daemon_serves_http_on_its_port(
    client: PieClient, engine: LocalEngine, input: dict[str, str] | None
) -> None:
    @engine.daemon("web@0.1.0")
    async def web(request: DaemonRequest) -> DaemonResponse:
        return DaemonResponse(200, {"Content-Type": "text/plain"}, f"{request.method} {request.path}")

    port = free_port()
    await client.launch_daemon("web@0.1.0", port, input)
    assert await in_time(engine.daemons[0].uri()) == f"http://127.0.0.1:{port}"

    def get() -> bytes:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        body: bytes = direct.open(f"http://127.0.0.1:{port}/hello?x=1", timeout=TIMEOUT).read()
        return body

    assert await asyncio.to_thread(get) == b"GET /hello?x=1"


# ------------------------------------------------------------- MCP


@only_0_4
@pytest.mark.tools("npx")
async def test_inferlets_can_call_a_registered_mcp_server(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # npx keeps what it downloaded in the real home folder
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    (sandbox / "note.txt").write_text("a note")

    @engine.inferlet("reader@0.1.0")
    async def reader(session: InferletSession, input: JsonValue) -> JsonValue:
        (name,) = session.mcp.available_servers()
        result = await session.mcp.call_tool(name, "read_text_file", {"path": input})
        return [name, result]

    before = children()
    async with PieClient(engine.uri, timeout=100) as client:  # the first npx -y downloads
        await client.register_mcp_server(
            name="fs",
            transport="stdio",
            command="npx",
            args=["-y", "@modelcontextprotocol/server-filesystem", str(sandbox)],
        )

        started = children() - before
        assert started
        process = await client.launch_process("reader@0.1.0", str(sandbox / "note.txt"))
        event, value = await end_of(process)
    assert event == Event.Return
    name, result = json.loads(value)
    assert name == "fs"
    assert result["content"] == [{"type": "text", "text": "a note"}]
    await gone(*started)


@only_0_4
async def test_registering_an_mcp_server_without_command_or_url_raises(client: PieClient) -> None:
    with pytest.raises(InvalidArgumentError):
        await client.register_mcp_server("fs", "stdio")
    with pytest.raises(InvalidArgumentError):
        await client.register_mcp_server("fs", "http", None, None, None)


# ------------------------------------------------------------- other


async def test_a_ping_makes_a_round_trip(client: PieClient) -> None:
    await client.ping()
    await client.ping()


async def test_query_accepts_subject_and_record(client: PieClient) -> None:
    status = await client.query("model_status", "")
    assert await client.query(subject="model_status", record="") == status
    assert "none.kv_pages_used" in status
