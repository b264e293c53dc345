"""MCP servers called by inferlets of the embedded engine: npm's file system server, one of the Python package, scripts."""

import asyncio
import contextlib
import logging
import os
import ssl
import subprocess
import sys
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from pie_client import (
    DeadlineError,
    InvalidArgumentError,
    McpServerError,
    PieClient,
    ProcessError,
    UnsupportedError,
)
from pie_client.testing import InferletSession, LocalEngine, McpCallError
from tests.support.mcp_servers import PACKAGE_SERVER, Script, children, gone
from tests.support.peers import TIMEOUT, free_port, sends, silent, tcp_peer
from tests.support.tools import skip_without

NPM_PACKAGE = "@modelcontextprotocol/server-filesystem"
NEEDS_NODE = pytest.mark.tools("npx")
PYTHON = [str(PACKAGE_SERVER), "stdio"]
ECHO = """
initialize()
while True:
    request = read()
    send(id=request["id"], result=[os.getcwd(), dict(os.environ)])
"""
"""A server that answers any call with its environment. It starts faster than one of the package."""


@pytest.fixture
async def client() -> AsyncIterator[PieClient]:
    """A client of a 0.4 engine whose inferlets make MCP calls."""
    async with LocalEngine(family="0.4") as engine:

        @engine.inferlet("call@1.0.0")
        async def call(session: InferletSession, input: JsonValue) -> JsonValue:
            assert isinstance(input, list)
            name, *args = input
            assert isinstance(name, str)
            try:
                result: JsonValue = await getattr(session.mcp, name)(*args)
            except McpCallError as error:
                return {"code": error.code, "message": error.message, "data": error.data}
            return result

        @engine.inferlet("servers@1.0.0")
        async def servers(session: InferletSession, _input: JsonValue) -> JsonValue:
            return list(session.mcp.available_servers())

        async with PieClient(engine.uri, timeout=TIMEOUT) as connected:
            yield connected


async def call(client: PieClient, *args: JsonValue) -> Any:  # noqa: ANN401 - JSON that the test looks into
    """Let an inferlet make a call; return the server's result, or the error that the inferlet gets."""
    process = await client.launch_process("call@1.0.0", list(args))
    return await process.result(timeout=TIMEOUT)


@pytest.fixture
def echo(tmp_path: Path) -> Script:
    return Script(tmp_path, ECHO)


async def register(client: PieClient, script: Script, **options: Any) -> None:  # noqa: ANN401 - passed on
    await client.register_mcp_server("py", "stdio", script.command, script.args, **options)


async def available(client: PieClient) -> JsonValue:
    process = await client.launch_process("servers@1.0.0")
    return await process.result(timeout=TIMEOUT)


# ------------------------------------------------------------- the server in the guide


@pytest.fixture(scope="session")
def filesystem_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """npm's file system server, installed once."""
    folder = tmp_path_factory.mktemp("npm")
    try:
        subprocess.run(  # noqa: S603 - a fixed command
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), NPM_PACKAGE],  # noqa: S607 - found in PATH
            check=True,
            capture_output=True,
            timeout=100,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        skip_without(f"npm can't install {NPM_PACKAGE}: {error}, {(error.stderr or b'')[-500:]!r}")
    return str(folder / "node_modules" / ".bin" / "mcp-server-filesystem")


@NEEDS_NODE
async def test_an_inferlet_calls_the_server_in_the_guide(
    client: PieClient, filesystem_server: str, tmp_path: Path
) -> None:
    """D60: the last file has several mebibytes."""
    (tmp_path / "note.txt").write_text("hello from the disk")
    await client.register_mcp_server("fs", "stdio", filesystem_server, [str(tmp_path)])
    assert await available(client) == ["fs"]
    tools = await call(client, "list_tools", "fs")
    assert "read_text_file" in [tool["name"] for tool in tools["tools"]]
    path = str(tmp_path / "note.txt")
    result = await call(client, "call_tool", "fs", "read_text_file", {"path": path})
    assert result["content"] == [{"type": "text", "text": "hello from the disk"}]
    refused = await call(client, "call_tool", "fs", "read_text_file", {"path": "/etc/passwd"})
    assert refused["isError"] is True
    assert (await call(client, "list_prompts", "fs"))["code"] == -32601
    text = "0123456789abcde\n" * (4 << 16)
    (tmp_path / "large.txt").write_text(text)
    path = str(tmp_path / "large.txt")
    result = await call(client, "call_tool", "fs", "read_text_file", {"path": path})
    assert result["content"][0]["text"] == text


@NEEDS_NODE
async def test_the_example_of_the_guide_works_and_leaves_no_process(client: PieClient) -> None:
    before = children()
    await client.register_mcp_server(
        name="fs",
        transport="stdio",
        command="npx",
        args=["-y", "@modelcontextprotocol/server-filesystem", "/tmp"],  # noqa: S108 - as in the guide
        timeout=100,
    )
    started = children() - before
    assert len(started) > 1  # npx starts node
    tools = await call(client, "list_tools", "fs")
    assert "list_directory" in [tool["name"] for tool in tools["tools"]]
    await client.close()
    await gone(*started)


# ------------------------------------------------------------- a server of the Python package, over stdio


async def test_an_inferlet_calls_a_server_of_the_python_package_over_stdio(client: PieClient) -> None:
    await client.register_mcp_server("py", "stdio", sys.executable, PYTHON)
    await check_the_package_server(client)


async def check_the_package_server(client: PieClient) -> None:
    tools = await call(client, "list_tools", "py")
    assert {tool["name"] for tool in tools["tools"]} == {"add", "broken"}
    added = await call(client, "call_tool", "py", "add", {"a": 2, "b": 40})
    assert added["content"][0]["text"] == "42"
    failed = await call(client, "call_tool", "py", "broken")
    assert failed["isError"] is True
    assert "broken" in failed["content"][0]["text"]
    resources = await call(client, "list_resources", "py")
    assert [resource["uri"] for resource in resources["resources"]] == ["large://text"]
    large = await call(client, "read_resource", "py", "large://text")
    assert large["contents"][0]["text"] == "é\n" * (5 << 19)
    prompts = await call(client, "list_prompts", "py")
    assert [prompt["name"] for prompt in prompts["prompts"]] == ["greet"]
    prompt = await call(client, "get_prompt", "py", "greet", {"name": "Ann"})
    assert prompt["messages"][0]["content"]["text"] == "Hello Ann"
    unknown = await call(client, "read_resource", "py", "nothing://here")
    assert isinstance(unknown["code"], int)
    assert unknown["message"]
    many = [call(client, "call_tool", "py", "add", {"a": n, "b": n}) for n in range(50)]
    added = await asyncio.gather(*many)
    assert [result["content"][0]["text"] for result in added] == [str(2 * n) for n in range(50)]


async def test_environment_and_working_directory_can_be_set(
    client: PieClient, echo: Script, tmp_path: Path
) -> None:
    """D71."""
    await register(client, echo, env={"GREETING": "grüß", "HOME": "/elsewhere"}, cwd=tmp_path)
    folder, environment = await call(client, "list_tools", "py")
    assert Path(folder).name == tmp_path.name
    assert environment["GREETING"] == "grüß"
    assert environment["HOME"] == "/elsewhere"
    assert environment["PATH"] == os.environ["PATH"]


async def test_a_server_gets_the_variables_that_the_official_package_passes_and_no_secrets(
    client: PieClient, echo: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcp.client.stdio import (  # noqa: PLC0415 - takes a second, in each worker that collects the tests
        DEFAULT_INHERITED_ENV_VARS,
        get_default_environment,
    )

    for name in DEFAULT_INHERITED_ENV_VARS:
        if name not in ("PATH", "HOME"):
            monkeypatch.setenv(name, f"of {name}")
    monkeypatch.setenv("SHELL", "() { :; }")
    monkeypatch.setenv("OPENAI_API_KEY", "hidden")
    await register(client, echo)
    _, environment = await call(client, "list_tools", "py")
    environment.pop("LC_CTYPE", None)  # set by the interpreter that runs the server
    assert environment == get_default_environment()
    assert "SHELL" not in environment, "a shell function"


async def test_a_server_gets_all_variables_on_request(
    client: PieClient, echo: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hidden")
    await register(client, echo, inherit_env=True, env={"GREETING": "grüß"})
    _, environment = await call(client, "list_tools", "py")
    assert environment["OPENAI_API_KEY"] == "hidden"
    assert environment["GREETING"] == "grüß"


# ------------------------------------------------------------- over HTTP


@contextlib.contextmanager
def http_server(port: int = 0) -> Generator[str]:
    """Run the Python server over HTTP; yields its URL."""
    command = [sys.executable, str(PACKAGE_SERVER), "http", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own interpreter
        try:
            assert child.stdout is not None
            yield f"http://127.0.0.1:{int(child.stdout.readline())}/mcp"
        finally:
            child.kill()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """URL of a server that all tests share: its start takes seconds."""
    with http_server() as address:
        yield address


TOKEN = {"x-token": "secret"}


async def test_an_inferlet_calls_a_server_of_the_python_package_over_http(
    client: PieClient, url: str
) -> None:
    await client.register_mcp_server("py", "http", url=url, headers=TOKEN)
    assert await available(client) == ["py"]
    await check_the_package_server(client)


async def test_a_restarted_http_server_gets_a_new_session(client: PieClient) -> None:
    port = free_port()
    with http_server(port) as url:
        await client.register_mcp_server("py", "http", url=url, headers=TOKEN)
    lost = await call(client, "call_tool", "py", "add", {"a": 1, "b": 1})
    assert lost["code"] == -32000
    with http_server(port):
        async with asyncio.timeout(TIMEOUT):
            while "code" in (added := await call(client, "call_tool", "py", "add", {"a": 1, "b": 2})):
                assert added["code"] == -32000
        assert added["content"][0]["text"] == "3"
        await client.close()


async def check_a_call(client: PieClient) -> None:
    added = await call(client, "call_tool", "py", "add", {"a": 2, "b": 40})
    assert added["content"][0]["text"] == "42"


@pytest.mark.parametrize("path", ["/moved", "/moved-for-good"])
async def test_a_redirect_of_an_http_server_is_followed(path: str, client: PieClient, url: str) -> None:
    await client.register_mcp_server("py", "http", url=url.replace("/mcp", path), headers=TOKEN)
    await check_a_call(client)


async def test_a_redirect_of_an_http_server_to_another_origin_is_not_followed(
    client: PieClient, url: str
) -> None:
    moved = url.replace("/mcp", "/elsewhere?key=hidden")
    with pytest.raises(McpServerError, match=r"it redirects to http://localhost:\d+; check url=") as caught:
        await client.register_mcp_server("py", "http", url=moved, headers=TOKEN)
    assert "hidden" not in str(caught.value)
    assert await available(client) == []


async def test_an_http_error_of_a_server_is_reported_with_its_status(client: PieClient, url: str) -> None:
    with pytest.raises(
        McpServerError, match=r"HTTP status 401; check url= and headers=, and that the server runs$"
    ) as caught:
        await client.register_mcp_server("py", "http", url=url, headers={"x-token": "wrong"})
    assert "wrong" not in str(caught.value)
    assert await available(client) == []


async def test_an_http_url_without_a_server_is_an_error_that_hides_the_url(client: PieClient) -> None:
    url = f"http://127.0.0.1:{free_port()}/mcp?key=hidden"
    with pytest.raises(McpServerError, match="MCP server 'py'") as caught:
        await client.register_mcp_server("py", "http", url=url)
    assert "hidden" not in str(caught.value)
    assert await available(client) == []


async def test_registering_a_silent_http_server_times_out(client: PieClient) -> None:
    async with tcp_peer(silent) as address:
        with pytest.raises(DeadlineError, match="register_mcp_server"):
            await client.register_mcp_server("py", "http", url=f"http://{address}/mcp", timeout=0.5)
        assert await available(client) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
    ],
)
async def test_an_http_server_that_is_not_an_mcp_server_is_an_error(client: PieClient, answer: bytes) -> None:
    async with tcp_peer(sends(answer, hang_up=True)) as address:
        with pytest.raises(McpServerError, match="MCP server 'py'") as caught:
            await client.register_mcp_server("py", "http", url=f"http://{address}/mcp")
    assert "\n" not in str(caught.value)
    assert await available(client) == []


async def test_nothing_reaches_the_origin_that_an_http_server_redirects_to(client: PieClient) -> None:
    heads: list[bytes] = []

    async def record(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))

    async with tcp_peer(record) as other:
        answer = f"HTTP/1.1 307 No\r\nLocation: http://{other}/mcp\r\nContent-Length: 0\r\n\r\n"
        async with tcp_peer(sends(answer.encode(), hang_up=True)) as address:
            with pytest.raises(McpServerError, match=f"it redirects to http://{other}; "):
                await client.register_mcp_server("py", "http", url=f"http://{address}/mcp", headers=TOKEN)
    assert heads == []


async def test_an_http_server_without_a_trusted_certificate_gets_nothing(
    client: PieClient, server_tls: ssl.SSLContext
) -> None:
    received: list[bytes] = []

    async def record(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())

    server = await asyncio.start_server(record, "127.0.0.1", 0, ssl=server_tls)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
        with pytest.raises(McpServerError, match="MCP server 'py'"):
            await client.register_mcp_server("py", "http", url=url, headers=TOKEN)
    assert b"".join(received) == b""


async def test_an_http_server_on_this_machine_is_reached_without_a_proxy(
    client: PieClient, url: str, proxied: Callable[[str], None]
) -> None:
    proxied(f"http://127.0.0.1:{free_port()}")
    await client.register_mcp_server("py", "http", url=url, headers=TOKEN)
    await check_a_call(client)


async def test_nothing_secret_of_an_http_server_is_logged(
    client: PieClient, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await client.register_mcp_server("py", "http", url=f"{url}?key=hidden", headers=TOKEN)
    added = await call(client, "call_tool", "py", "add", {"a": 171717, "b": 1})
    assert added["content"][0]["text"] == "171718"
    with pytest.raises(McpServerError):
        await client.register_mcp_server("q", "http", url=f"{url}?key=hidden", headers={"x-token": "other"})
    await client.close()
    logged = "".join(map(caplog.handler.format, caplog.records))
    for secret in ("hidden", "secret", "171717", "other"):
        assert secret not in logged
    logging.getLogger("httpx2").debug("of another user")
    assert caplog.messages[-1] == "of another user"


async def test_http_without_the_mcp_package_is_unsupported_with_advice(
    client: PieClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    for name in [name for name in sys.modules if name.startswith(("mcp.", "pie_client.mcp.http"))]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UnsupportedError, match=r"pip install 'pie-client\[mcp\]'"):
        await client.register_mcp_server("py", "http", url="http://127.0.0.1:9/mcp")


# ------------------------------------------------------------- arguments, names, families


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "", "transport": "stdio", "command": "x"}, "name=.* is not valid"),
        ({"name": 1, "transport": "stdio", "command": "x"}, "name=.* is not valid"),
        ({"name": "a", "transport": "sse", "command": "x"}, "unknown transport='sse'"),
        ({"name": "a", "transport": "stdio"}, "command= is missing"),
        ({"name": "a", "transport": "stdio", "command": ""}, "command= is missing"),
        ({"name": "a", "transport": "stdio", "command": "x\0"}, "command= is not a str, or has a NUL"),
        ({"name": "a", "transport": "stdio", "command": "x", "args": "-y"}, "args= is not a list of str"),
        ({"name": "a", "transport": "stdio", "command": "x", "args": [1]}, "args= is not a list of str"),
        ({"name": "a", "transport": "stdio", "command": "x", "url": "http://h"}, "url= can't be used with"),
        ({"name": "a", "transport": "stdio", "command": "x", "headers": {}}, "headers= can't be used with"),
        ({"name": "a", "transport": "stdio", "command": "x", "env": {"A": 1}}, "env= does not map"),
        ({"name": "a", "transport": "stdio", "command": "x", "env": {"A": "b\0"}}, "or has a NUL"),
        (
            {"name": "a", "transport": "stdio", "command": "x", "env": {"A=B": "c"}},
            "invalid name 'A=B' in env=",
        ),
        (
            {"name": "a", "transport": "stdio", "command": "x", "cwd": 3},
            "cwd= must be a str or a pathlib.Path",
        ),
        ({"name": "a", "transport": "stdio", "command": "x", "cwd": "a\0b"}, "cwd= must not contain a NUL"),
        (
            {"name": "a", "transport": "stdio", "command": "x", "inherit_env": "no"},
            "inherit_env='no' is not a",
        ),
        (
            {"name": "a", "transport": "http", "url": "http://h", "inherit_env": True},
            "inherit_env= can't be used",
        ),
        ({"name": "a", "transport": "http"}, "url= is not an http or https URL"),
        ({"name": "a", "transport": "http", "url": "ws://h"}, "url= is not an http or https URL"),
        ({"name": "a", "transport": "http", "url": "http://[h"}, "url= is not an http or https URL"),
        (
            {"name": "a", "transport": "http", "url": "http://h", "command": "x"},
            "command= can't be used with",
        ),
        ({"name": "a", "transport": "http", "url": "http://h", "headers": {"a": 1}}, "headers= does not map"),
        ({"name": "a", "transport": "stdio", "command": "x", "call_timeout": 0}, "call_timeout=0"),
        ({"name": "a", "transport": "stdio", "command": "x", "timeout": -1}, "timeout=-1"),
    ],
)
async def test_invalid_arguments_are_named(client: PieClient, arguments: dict[str, Any], words: str) -> None:
    before = children()
    with pytest.raises(InvalidArgumentError, match=words):
        await client.register_mcp_server(**arguments)
    assert children() == before


@pytest.mark.parametrize(
    "headers", [{"a": "hidden-日"}, {"a": "hidden\nb: c"}, {"a": " hidden"}, {"a b": "hidden"}], ids=repr
)
async def test_an_invalid_header_of_an_mcp_server_is_rejected_without_its_value(
    client: PieClient, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'a( b)?'.*; use ") as caught:
        await client.register_mcp_server("a", "http", url="http://127.0.0.1:1", headers=headers)
    assert "hidden" not in str(caught.value)


async def test_a_missing_program_or_directory_is_named_without_arguments(
    client: PieClient, echo: Script, tmp_path: Path
) -> None:
    with pytest.raises(
        McpServerError, match=r"can't start 'no-such-program': No such file.*; check command= and cwd=$"
    ) as caught:
        await client.register_mcp_server("a", "stdio", "no-such-program", ["--key=hidden"])
    assert "hidden" not in str(caught.value)
    with pytest.raises(McpServerError, match="can't start"):
        await register(client, echo, cwd=tmp_path / "none")
    assert await available(client) == []


def test_an_event_loop_that_starts_no_processes_is_named(echo: Script) -> None:
    """As asyncio.SelectorEventLoop on Windows, which is this class there."""

    async def main() -> None:
        async with LocalEngine(family="0.4") as engine, PieClient(engine.uri) as client:
            with pytest.raises(McpServerError, match=r"this event loop starts no processes; use asyncio's"):
                await register(client, echo)

    with asyncio.Runner(loop_factory=BaseSelectorEventLoop) as runner:
        runner.run(main())


async def test_mcp_servers_are_unsupported_by_0_5_and_not_started(echo: Script) -> None:
    async with LocalEngine(family="0.5") as engine, PieClient(engine.uri) as client:
        with pytest.raises(
            UnsupportedError, match=r"^register_mcp_server.* Call the MCP server in the application"
        ):
            await register(client, echo)
    assert echo.pids == []


async def test_a_name_can_be_registered_once_and_again_after_unregistering(
    client: PieClient, echo: Script
) -> None:
    await register(client, echo)
    with pytest.raises(InvalidArgumentError, match="'py' is already"):
        await register(client, echo)
    await client.unregister_mcp_server("py")
    await gone(*echo.pids)
    assert (await call(client, "list_tools", "py"))["code"] == -1
    with pytest.raises(InvalidArgumentError, match="no MCP server named 'py' is registered"):
        await client.unregister_mcp_server("py")
    await register(client, echo)
    assert await available(client) == ["py"]
    assert isinstance(await call(client, "list_tools", "py"), list)


async def test_servers_of_a_closed_connection_have_to_be_registered_again(
    client: PieClient, echo: Script
) -> None:
    await register(client, echo)
    await client.close()
    await client.connect()
    assert await available(client) == []
    await register(client, echo)
    assert await available(client) == ["py"]


async def test_a_call_of_an_unknown_server_is_refused_by_the_engine(client: PieClient) -> None:
    assert await call(client, "list_tools", "nobody") == {
        "code": -1,
        "message": "MCP server 'nobody' not registered",
        "data": None,
    }


async def test_a_process_can_be_terminated_during_a_call(client: PieClient, tmp_path: Path) -> None:
    body = 'initialize()\nread()\nnote_pid()\nrequest = read()\nwhile request.get("method") != "tools/list":\n    request = read()\nsend(id=request["id"], result=[])\nread()'
    script = Script(tmp_path, body)
    await register(client, script)
    process = await client.launch_process("call@1.0.0", ["read_resource", "py", "large://text"])
    await script.started(2)  # it has read the call
    await process.terminate()
    with pytest.raises(ProcessError):
        await process.wait()
    assert await call(client, "list_tools", "py") == []
