"""Paths that name no regular file, wherever the public API takes one."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import FileEvent, InvalidArgumentError, ParsedPrivateKey, PieClient, agent_keys
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import TIMEOUT, component

MANIFEST = '[package]\nname = "greet"\nversion = "1.0.0"\n'

Use = Callable[[PieClient, Path, str], Awaitable[object]]
"""Uses a path; gets a client, a folder with good files, and the path."""


@pytest.fixture
async def client() -> AsyncGenerator[PieClient]:
    """A client of a server with MCP, whose user may do everything."""
    async with LocalEngine(family="0.4") as engine, PieClient(engine.uri, spool_above=1000) as client:

        @engine.inferlet("send@1.0.0")
        async def send(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.send_file(bytes(2000))
            return None

        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a build and its manifest."""
    (tmp_path / "ok.wasm").write_bytes(component(b"code"))
    (tmp_path / "ok.toml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


async def save(_client: PieClient, _folder: Path, path: str) -> None:
    FileEvent(b"abc", name="a").save(path)


async def save_spooled(client: PieClient, _folder: Path, path: str) -> None:
    process = await client.launch_process("send@1.0.0")
    async for event in process:
        if isinstance(event, FileEvent):
            with event:
                event.save(path)


async def load_key(_client: PieClient, _folder: Path, path: str) -> None:
    ParsedPrivateKey.from_file(path)


async def install_object(client: PieClient, _folder: Path, path: str) -> None:
    await client.install_program_bytes(Path(path), MANIFEST)


async def transfer(client: PieClient, _folder: Path, path: str) -> None:
    process = await client.launch_process("send@1.0.0")
    await process.transfer_file(Path(path))


READS: dict[str, Use] = {
    "build": lambda client, folder, path: client.install_program(path, folder / "ok.toml", timeout=TIMEOUT),
    "manifest": lambda client, folder, path: client.install_program(
        folder / "ok.wasm", path, timeout=TIMEOUT
    ),
    "build to check": lambda client, _, path: client.check_program("greet@1.0.0", path),
    "manifest to check": lambda client, _, path: client.check_program("greet@1.0.0", None, path),
    "build as an object": install_object,
    "file to a process": transfer,
    "key": load_key,
}
WRITES: dict[str, Use] = {"file in memory": save, "file on disk": save_spooled}
OTHERS: dict[str, Use] = {
    "agent": lambda _client, _, path: agent_keys(path),
    "working directory": lambda client, _, path: client.register_mcp_server(
        "fs", "stdio", "true", cwd=path, timeout=TIMEOUT
    ),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("use", READS | WRITES)
async def test_a_pipe_is_refused_without_waiting_for_it(use: str, client: PieClient, folder: Path) -> None:
    pipe, link = folder / "pipe", folder / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        async with asyncio.timeout(TIMEOUT):
            with pytest.raises(InvalidArgumentError, match=f"{path} is not a regular file; "):
                await (READS | WRITES)[use](client, folder, str(path))
        assert path.is_fifo()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such device")
@pytest.mark.parametrize("use", READS)
async def test_a_device_is_refused_without_reading_it(use: str, client: PieClient, folder: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="/dev/zero is not a regular file; "):
        await READS[use](client, folder, "/dev/zero")


@pytest.mark.parametrize("path", ["nul\0in it", "half a pair \ud83e"])
@pytest.mark.parametrize("use", READS | WRITES | OTHERS)
async def test_a_path_that_cannot_be_encoded_is_a_wrong_argument(
    use: str, path: str, client: PieClient, folder: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match="must not contain a NUL or a lone surrogate") as caught:
        await (READS | WRITES | OTHERS)[use](client, folder, path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("use", ["manifest", "manifest to check"])
async def test_a_manifest_larger_than_any_frame_is_refused(use: str, client: PieClient, folder: Path) -> None:
    path = folder / "large.toml"
    with path.open("wb") as file:
        file.truncate(64 << 30)
    with pytest.raises(InvalidArgumentError, match=r"large\.toml has more than \d+ bytes; "):
        await READS[use](client, folder, str(path))


async def test_a_path_in_an_unknown_home_directory_is_not_found(client: PieClient, folder: Path) -> None:
    for use in [*READS.values(), save]:
        with pytest.raises(FileNotFoundError, match="nobody-of-that-name"):
            await use(client, folder, "~nobody-of-that-name/file")
