"""The guide's error handling: ConnectionError, and other exceptions."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pie_client import (
    Event,
    InvalidArgumentError,
    InvalidProgramNameError,
    ManifestError,
    ParsedPrivateKey,
    PieClient,
    ProcessNotFoundError,
    ProgramNotFoundError,
)
from pie_client.testing import LocalEngine
from tests.guide.helpers import only_0_4
from tests.support.peers import free_port, in_time, tcp_peer


async def use(uri: str, username: str = "alice") -> None:
    """Launch a program that does not exist, and print the error as the guide does."""
    key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
    try:
        async with PieClient(uri) as client:
            await client.authenticate(username, key)
            process = await client.launch_process("does-not-exist@0.1.0")
            print("launched", process.process_id)
    except ConnectionError as e:
        print("Connection failed:", e)
    except Exception as e:  # noqa: BLE001 - as users type it
        print("Pie error:", e)


async def test_a_failed_launch_is_not_a_connection_error(
    guarded: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    await use(guarded.uri)
    printed = capsys.readouterr().out
    assert printed.startswith("Pie error: launch_process of 'does-not-exist@0.1.0' refused: ")
    assert printed.count("\n") == 1


@only_0_4
async def test_a_rejected_user_is_not_a_connection_error(
    guarded: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    await use(guarded.uri, "mallory")
    printed = capsys.readouterr().out
    assert printed.startswith("Pie error: auth_identify of 'mallory' refused: ")
    assert printed.count("\n") == 1


async def test_an_unreachable_server_is_a_connection_error(capsys: pytest.CaptureFixture[str]) -> None:
    await use(f"ws://127.0.0.1:{free_port()}")
    printed = capsys.readouterr().out
    assert printed.startswith("Connection failed: could not connect to ws://127.0.0.1:")
    assert printed.count("\n") == 1


async def test_a_server_without_websocket_is_a_connection_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()

    async with tcp_peer(web) as address:
        await use(f"ws://{address}")
    assert capsys.readouterr().out.startswith("Connection failed: ")


async def test_a_server_that_stops_is_a_connection_error_for_pending_calls(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        process = await client.launch_process("chat@0.1.0")
        assert await process.recv() == (Event.Stdout, "ready\n")
        receiving = asyncio.ensure_future(process.recv())
        await client.ping()
        await engine.stop()
        with pytest.raises(ConnectionError):
            await in_time(receiving)
        with pytest.raises(ConnectionError):
            await client.launch_process("chat@0.1.0")


FAILURES: dict[type[Exception], Callable[[PieClient], Awaitable[object]]] = {
    ProgramNotFoundError: lambda client: client.launch_process("does-not-exist@0.1.0"),
    InvalidProgramNameError: lambda client: client.check_program("text-completion@latest"),
    ProcessNotFoundError: lambda client: client.attach_process(str(uuid.uuid4())),
    LookupError: lambda client: client.terminate_process(str(uuid.uuid4())),
    ManifestError: lambda client: client.install_program("./build.wasm", "./Broken.toml"),
    FileNotFoundError: lambda client: client.install_program("./missing.wasm", "./Pie.toml"),
    InvalidArgumentError: lambda client: client.signal_process("7", "hello"),
}
"""Calls that fail, by the exception that they raise."""


@pytest.mark.usefixtures("build")
async def test_other_failures_are_typed_exceptions_with_a_message_of_one_line(
    client: PieClient, home: Path
) -> None:
    (home / "Broken.toml").write_text("[package]\n")
    for kind, call in FAILURES.items():
        with pytest.raises(kind) as caught:
            await call(client)
        assert not isinstance(caught.value, ConnectionError)
        assert "\n" not in str(caught.value)
    await client.ping()
