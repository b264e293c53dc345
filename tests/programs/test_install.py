"""Installing programs from disk or memory, and checking manifests before anything is sent."""

import asyncio
import mmap
import os
import tempfile
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from blake3 import blake3
from pydantic import JsonValue

from pie_client import (
    DeadlineError,
    HashesNotComparedWarning,
    InvalidArgumentError,
    Manifest,
    ManifestError,
    PieClient,
    ProgramExistsError,
    ProtocolError,
    UploadError,
    models,
    parse_manifest,
)
from pie_client.connection import contents
from pie_client.connection.contents import BLOCK_BYTES, BLOCKS
from pie_client.testing import InferletSession, LocalEngine, Refusal
from tests.support.peers import (
    COMMENT_OVERHEAD,
    COMPONENT,
    TIMEOUT,
    component,
    sized_component,
    websocket_peer,
)

CHUNK = 262_144
BEYOND_READ_AHEAD = 12 * CHUNK + 5
"""Size of a build of which not everything has been read when its first chunk was sent."""
MANIFEST = """\
[package]
name = "greet"
version = "1.2.3"
description = "Grüßt."

[runtime]
core = "0.4.0"

[parameters]
name = { type = "string" }
loud = { type = "bool", optional = true, description = "In capitals." }

[dependencies]
words = "0.1.0"
"""

only_0_4 = pytest.mark.parametrize("family", ["0.4"])


@pytest.fixture
def engine(engine: LocalEngine) -> LocalEngine:
    """An engine that has the program which the others depend on."""

    @engine.inferlet("words@0.1.0")
    async def words(_session: InferletSession, _input: JsonValue) -> JsonValue:
        return []

    return engine


@pytest.fixture
def wasm(tmp_path: Path) -> Path:
    """A build of several chunks, the last of which is not full."""
    path = tmp_path / "build.wasm"
    path.write_bytes(component(os.urandom(3 * CHUNK + 5 - COMMENT_OVERHEAD)))
    return path


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "Pie.toml"
    path.write_bytes(MANIFEST.encode())
    return path


# ------------------------------------------------------------- installing


async def test_a_build_is_installed_from_its_files(
    client: PieClient, engine: LocalEngine, wasm: Path, toml: Path
) -> None:
    assert await client.install_program(str(wasm), str(toml)) == "greet@1.2.3"
    assert engine.uploads == {"greet@1.2.3": wasm.read_bytes()}
    assert await client.check_program("greet@1.2.3")


async def test_a_build_is_installed_from_memory(client: PieClient, engine: LocalEngine) -> None:
    assert await client.install_program_bytes(COMPONENT, MANIFEST) == "greet@1.2.3"
    assert engine.uploads == {"greet@1.2.3": COMPONENT}


async def test_a_build_is_installed_from_an_async_iterable(client: PieClient, engine: LocalEngine) -> None:
    content = component(b"".join(bytes([number]) * 300_000 for number in range(40)))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 300_000):
            yield content[start : start + 300_000]

    await client.install_program_bytes(pieces(), parse_manifest(MANIFEST))
    assert engine.uploads["greet@1.2.3"] == content


@pytest.mark.parametrize("size", [COMMENT_OVERHEAD, CHUNK, CHUNK + 1])
async def test_a_build_of_any_size_is_installed_completely(
    client: PieClient, engine: LocalEngine, tmp_path: Path, toml: Path, size: int
) -> None:
    wasm = tmp_path / "build.wasm"
    wasm.write_bytes(sized_component(size))
    await client.install_program(wasm, toml)
    assert engine.uploads["greet@1.2.3"] == sized_component(size)


async def test_a_path_may_start_with_the_home_directory(
    client: PieClient, engine: LocalEngine, wasm: Path, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(wasm.parent))
    monkeypatch.setenv("USERPROFILE", str(wasm.parent))
    await client.install_program("~/build.wasm", "~/Pie.toml")
    assert engine.uploads["greet@1.2.3"] == wasm.read_bytes()


async def test_the_manifest_is_sent_once_and_unchanged(wasm: Path, tmp_path: Path) -> None:
    """D41, D45"""
    text = MANIFEST.replace("\n", "\r\n") + "# é\r\n"
    toml = tmp_path / "windows.toml"
    toml.write_bytes(text.encode())
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.CheckProgramRequest] = "false"
        installing = asyncio.create_task(client.install_program(wasm, toml))
        last = await peer.request(models.AddProgramRequest, 4)
        await peer.reply(last.corr_id, "Program installed successfully")
        await installing
        assert [request.manifest for request in peer.requests_of(models.AddProgramRequest)] == [
            text,
            "",
            "",
            "",
        ]


async def test_progress_is_called_after_every_chunk(client: PieClient, wasm: Path, toml: Path) -> None:
    told: list[tuple[int, int]] = []
    await client.install_program(wasm, toml, progress=lambda sent, total: told.append((sent, total)))
    size = 3 * CHUNK + 5
    assert told == [(CHUNK, size), (2 * CHUNK, size), (3 * CHUNK, size), (size, size)]


async def test_other_tasks_run_while_a_build_is_hashed(
    client: PieClient, tmp_path: Path, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D41"""
    loop, hashed = asyncio.get_running_loop(), 0

    class Hasher:
        """A hash that waits until the event loop has done something else."""

        def __init__(self) -> None:
            self._hash = blake3()

        def update(self, data: bytes) -> None:
            nonlocal hashed
            turn = threading.Event()
            loop.call_soon_threadsafe(turn.set)
            assert turn.wait(10), "the event loop waits for the hash"
            hashed += len(data)
            self._hash.update(data)

        def hexdigest(self) -> str:
            return self._hash.hexdigest()

    monkeypatch.setattr(contents, "blake3", Hasher)
    wasm = tmp_path / "large.wasm"
    wasm.write_bytes(sized_component(8 << 20))
    await client.install_program(wasm, toml)
    assert hashed >= 8 << 20


@pytest.mark.parametrize("progress", [5, "text"])
async def test_a_progress_callback_that_is_not_a_plain_function_is_refused(
    client: PieClient, wasm: Path, toml: Path, progress: object
) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"invalid progress=.*; pass a function that is not asynchronous"
    ):
        await client.install_program(wasm, toml, progress=progress)  # type: ignore[arg-type]  # that is the mistake

    async def later(_sent: int, _total: int) -> None: ...

    with pytest.raises(
        InvalidArgumentError, match=r"invalid progress=.*; pass a function that is not asynchronous"
    ):
        await client.install_program(wasm, toml, progress=later)  # type: ignore[arg-type]  # that is the mistake


async def test_a_failing_progress_callback_ends_only_its_upload(
    client: PieClient, wasm: Path, toml: Path
) -> None:
    def fail(_sent: int, _total: int) -> None:
        raise LookupError("my own mistake")

    with pytest.raises(LookupError, match="my own mistake"):
        await client.install_program(wasm, toml, progress=fail)
    assert await client.install_program(wasm, toml) == "greet@1.2.3"


# ------------------------------------------------------------- what is there already


async def test_an_installed_version_is_an_error_unless_overwritten(
    client: PieClient, engine: LocalEngine
) -> None:
    """D44"""
    old, new = component(b"old"), component(b"new")
    await client.install_program_bytes(old, MANIFEST)
    with pytest.raises(ProgramExistsError, match=r"'greet@1\.2\.3' not sent: .*force_overwrite=True"):
        await client.install_program_bytes(new, MANIFEST)
    assert engine.uploads["greet@1.2.3"] == old
    await client.install_program_bytes(new, MANIFEST, True)
    assert engine.uploads["greet@1.2.3"] == new


async def test_concurrent_equal_installs_all_succeed(
    client: PieClient, engine: LocalEngine, wasm: Path, toml: Path
) -> None:
    """D46"""
    installs = [client.install_program(wasm, toml) for _ in range(4)]
    assert await asyncio.gather(*installs) == ["greet@1.2.3"] * 4
    assert engine.uploads["greet@1.2.3"] == wasm.read_bytes()


async def test_only_one_of_concurrent_different_installs_succeeds(
    client: PieClient, engine: LocalEngine
) -> None:
    """D44, D46"""
    builds = [component(bytes([n]) * CHUNK * 2) for n in range(3)]
    installs = [client.install_program_bytes(build, MANIFEST) for build in builds]
    results = await asyncio.gather(*installs, return_exceptions=True)
    assert results.count("greet@1.2.3") == 1
    assert sum(isinstance(result, ProgramExistsError) for result in results) == 2
    assert engine.uploads["greet@1.2.3"] == builds[results.index("greet@1.2.3")]


async def test_only_the_first_of_concurrent_equal_installs_uploads(
    client: PieClient, engine: LocalEngine
) -> None:
    """D44: also one that has not read its bytes when the first has finished."""
    build = component(b"same")
    uploads: list[models.AddProgramRequest] = []
    first_is_done = asyncio.Event()

    async def pieces(data: bytes) -> AsyncIterator[bytes]:
        yield data[:10]
        await first_is_done.wait()
        yield data[10:]

    def take(request: models.AddProgramRequest) -> str:
        uploads.append(request)
        return "Program installed successfully"

    engine.answer(models.AddProgramRequest, take)
    engine.answer(models.CheckProgramRequest, lambda _: "true" if uploads else "false")
    late = asyncio.create_task(client.install_program_bytes(pieces(build), MANIFEST))
    other = asyncio.create_task(client.install_program_bytes(pieces(component(b"other")), MANIFEST))
    installs = [client.install_program_bytes(build, MANIFEST) for _ in range(3)]
    assert await asyncio.gather(*installs) == ["greet@1.2.3"] * 3
    first_is_done.set()
    assert await late == "greet@1.2.3"
    with pytest.raises(ProgramExistsError):
        await other
    with pytest.raises(ProgramExistsError):
        await client.install_program_bytes(build, MANIFEST)
    assert len(uploads) == 1


@pytest.mark.parametrize("failure", ["cancelled", "refused"])
async def test_the_next_of_concurrent_installs_uploads_if_the_first_fails(
    failure: str, client: PieClient, engine: LocalEngine
) -> None:
    arrived, cancelled = asyncio.Event(), asyncio.Event()
    answers = iter([failure, "installed"])

    async def take(_request: models.AddProgramRequest) -> str:
        if next(answers) == "installed":
            return "Program installed successfully"
        arrived.set()
        if failure == "cancelled":
            await cancelled.wait()
        raise Refusal("Program hash mismatch: declared a, uploaded b")

    engine.answer(models.CheckProgramRequest, lambda _: "false")
    engine.answer(models.AddProgramRequest, take)
    first, second = (
        asyncio.create_task(client.install_program_bytes(component(data), MANIFEST))
        for data in (b"first", b"second")
    )
    await asyncio.wait_for(arrived.wait(), TIMEOUT)
    if failure == "cancelled":
        first.cancel()
        cancelled.set()
    assert await asyncio.wait_for(second, TIMEOUT) == "greet@1.2.3"
    with pytest.raises((UploadError, asyncio.CancelledError)):
        await first


async def test_a_program_of_another_client_is_replaced_after_the_check(wasm: Path, toml: Path) -> None:
    """D44"""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.CheckProgramRequest] = "false"
        peer.answers[models.AddProgramRequest] = None
        installing = asyncio.create_task(client.install_program(wasm, toml))
        last = await peer.request(models.AddProgramRequest, 4)
        assert last.force_overwrite is True
        await peer.reply(last.corr_id, "Program installed successfully")
        await installing


# ------------------------------------------------------------- what goes wrong


async def test_equal_uploads_to_a_silent_server_all_time_out(wasm: Path) -> None:
    """D4"""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        uploads = [
            client.rpc.add_program(content=wasm.read_bytes(), manifest=MANIFEST, timeout=seconds)
            for seconds in (TIMEOUT, 0.3, 0.3)
        ]
        first, *others = [asyncio.create_task(upload) for upload in uploads]
        await asyncio.wait(others, timeout=TIMEOUT / 2)
        assert all(isinstance(other.exception(), DeadlineError) for other in others)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_a_reply_before_the_last_chunk_is_a_protocol_error(tmp_path: Path, toml: Path) -> None:
    wasm = tmp_path / "large.wasm"
    wasm.write_bytes(bytes(CHUNK * 200))
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.CheckProgramRequest] = "false"
        peer.answers[models.AddProgramRequest] = "Program installed successfully"
        with pytest.raises(ProtocolError, match=r"confirmed an upload with \d+ of 200 chunks unsent"):
            await client.install_program(wasm, toml)


async def test_waiting_for_pieces_has_a_deadline(client: PieClient) -> None:
    """D4"""
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"x"
            await asyncio.Event().wait()
        finally:
            closed.set()

    with pytest.raises(DeadlineError, match="add_program"):
        await client.install_program_bytes(pieces(), MANIFEST, timeout=0.2)
    assert closed.is_set()


@pytest.mark.parametrize("path", [5, None, b"bytes"])
async def test_a_value_that_is_not_a_path_is_refused(client: PieClient, toml: Path, path: object) -> None:
    with pytest.raises(InvalidArgumentError, match="a path must be a str or a pathlib"):
        await client.install_program(path, toml)  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(InvalidArgumentError, match="a path must be a str or a pathlib"):
        await client.install_program(toml, path)  # type: ignore[arg-type]  # that is the mistake


async def test_an_error_of_the_server_ends_the_upload(
    client: PieClient, engine: LocalEngine, tmp_path: Path, toml: Path
) -> None:
    """D40"""
    wasm = tmp_path / "large.wasm"
    wasm.write_bytes(bytes(CHUNK * 400))
    told: list[int] = []

    def refuse(_request: models.AddProgramRequest) -> str:
        raise Refusal("upload exceeds max_upload_mb cap of 1 MiB")

    engine.answer(models.AddProgramRequest, refuse)
    with pytest.raises(UploadError, match="cap of 1 MiB"):
        await client.install_program(wasm, toml, progress=lambda sent, _: told.append(sent))
    assert len(told) < 400
    await client.ping()


@pytest.fixture(params=[0, 60], ids=["just built", "built before"])
def modified(request: pytest.FixtureRequest) -> float:
    """When a build was written: the client hashes again what may change without a new time stamp."""
    age: int = request.param
    return time.time() - age


async def test_a_build_that_changes_during_the_upload_is_not_installed(
    client: PieClient, engine: LocalEngine, wasm: Path, toml: Path, modified: float
) -> None:
    wasm.write_bytes(sized_component(BEYOND_READ_AHEAD))
    os.utime(wasm, (modified, modified))

    def change(sent: int, _total: int) -> None:
        if sent == CHUNK:
            with wasm.open("r+b") as out:
                out.seek(-1, os.SEEK_END)
                out.write(b"changed")

    with pytest.raises(InvalidArgumentError, match=r"build\.wasm changed while it was sent"):
        await client.install_program(wasm, toml, progress=change)
    assert engine.uploads == {}
    wasm.write_bytes(component(b"changed"))
    await client.install_program(wasm, toml)
    assert engine.uploads["greet@1.2.3"] == component(b"changed")


async def test_a_build_that_shrinks_during_the_upload_is_not_installed(
    client: PieClient, engine: LocalEngine, wasm: Path, toml: Path, modified: float
) -> None:
    wasm.write_bytes(sized_component(BEYOND_READ_AHEAD))
    os.utime(wasm, (modified, modified))

    def shrink(_sent: int, _total: int) -> None:
        os.truncate(wasm, CHUNK)

    with pytest.raises(InvalidArgumentError, match=r"build\.wasm changed while it was sent"):
        await client.install_program(wasm, toml, progress=shrink)
    assert engine.uploads == {}


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="this system can't read without waiting")
async def test_a_build_in_the_cache_of_the_system_is_read_without_threads(
    client: PieClient, wasm: Path, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wasm.write_bytes(sized_component(BEYOND_READ_AHEAD))
    with wasm.open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError as error:
            pytest.skip(f"the file system can't read without waiting: {error.strerror}")
    loop = asyncio.get_running_loop()
    run_in_executor, started = loop.run_in_executor, 0

    def count(executor: None, work: Callable[..., object], *args: object) -> asyncio.Future[object]:
        nonlocal started
        started += 1
        return run_in_executor(executor, work, *args)

    monkeypatch.setattr(loop, "run_in_executor", count)
    numbers: list[int] = []
    for version, age in (("1.2.3", 0), ("1.2.4", 60)):
        toml.write_text(MANIFEST.replace("1.2.3", version), encoding="utf-8")
        modified = time.time() - age
        os.utime(wasm, (modified, modified))
        started = 0
        await client.install_program(wasm, toml)
        numbers.append(started)
    just_built, built_before = numbers
    blocks = -(-BEYOND_READ_AHEAD // (4 * CHUNK))
    assert just_built - built_before == blocks + 1  # and the end of the file


async def test_a_build_that_leaves_the_cache_of_the_system_is_installed(
    client: PieClient, engine: LocalEngine, wasm: Path, toml: Path
) -> None:
    wasm.write_bytes(build := sized_component(BEYOND_READ_AHEAD))
    os.utime(wasm, (0, 0))
    with wasm.open("rb") as file:
        os.fsync(file.fileno())  # only pages that were written leave the cache

        def evict(_sent: int, _total: int) -> None:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

        await client.install_program(wasm, toml, progress=evict if hasattr(os, "posix_fadvise") else None)
    assert engine.uploads["greet@1.2.3"] == build


async def test_a_missing_file_is_named_before_sending(toml: Path, wasm: Path) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        with pytest.raises(FileNotFoundError, match=r"nowhere\.wasm"):
            await client.install_program(wasm.with_name("nowhere.wasm"), toml)
        with pytest.raises(FileNotFoundError, match=r"nowhere\.toml"):
            await client.install_program(wasm, wasm.with_name("nowhere.toml"))
        assert peer.requests == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
async def test_a_pipe_is_refused_without_reading_it(client: PieClient, toml: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with asyncio.timeout(TIMEOUT):
        with pytest.raises(InvalidArgumentError, match="pipe is not a regular file"):
            await client.install_program(pipe, toml)
        with pytest.raises((InvalidArgumentError, IsADirectoryError)):
            await client.install_program(tmp_path, toml)


async def test_an_install_on_a_silent_server_times_out(wasm: Path, toml: Path) -> None:
    """D4"""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.CheckProgramRequest] = "false"
        with pytest.raises(DeadlineError, match="add_program did not finish within 1 s"):
            await client.install_program(wasm, toml, timeout=1)
        assert len(peer.requests_of(models.AddProgramRequest)) == 4


async def test_an_upload_that_the_server_does_not_read_keeps_little_in_memory(wasm: Path, toml: Path) -> None:
    size = 48 << 20
    wasm.write_bytes(bytes(size))
    told: list[int] = []
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.CheckProgramRequest] = "false"

        def stop(sent: int, _total: int) -> None:
            peer.stop_reading()
            told.append(sent)

        await client.check_program("greet@1.2.3")
        tracemalloc.start()
        try:
            with pytest.raises(DeadlineError):
                await client.install_program(wasm, toml, progress=stop, timeout=1)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert told[-1] < size, "the sockets accepted everything"
    # The blocks, of which one is read ahead, and two chunks on their way to the socket.
    assert peak < BLOCKS * BLOCK_BYTES + 2 * CHUNK + (1 << 20)


async def test_a_cancelled_install_does_not_affect_the_next(
    tmp_path: Path, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(20 << 20)

    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.CheckProgramRequest] = "false"
        installing = asyncio.create_task(client.install_program_bytes(pieces(), MANIFEST))
        await peer.request(models.AddProgramRequest, 80)
        installing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await installing
        await client.ping()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("content", ["a text", 5, None, [b"x"]])
async def test_a_value_that_is_not_content_is_refused(client: PieClient, content: object) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"content must be bytes, a pathlib\.Path or an async iterable"
    ):
        await client.install_program_bytes(content, MANIFEST)  # type: ignore[arg-type]  # that is the mistake


async def test_pieces_that_are_not_bytes_are_refused(client: PieClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield "text"  # type: ignore[misc]  # that is the mistake

    given = pieces()
    with pytest.raises(InvalidArgumentError, match="pieces of the content must be bytes, not str"):
        await client.install_program_bytes(given, MANIFEST)
    assert [piece async for piece in given] == [], "the iterator is closed"


# ------------------------------------------------------------- manifests


def test_a_manifest_has_typed_fields() -> None:
    manifest = parse_manifest(MANIFEST.encode())
    assert manifest.package.name == "greet"
    assert manifest.package.description == "Grüßt."
    assert manifest.runtime == {"core": "0.4.0"}
    assert manifest.parameters is not None
    assert manifest.parameters["loud"].optional is True
    assert manifest.dependencies == {"words": "0.1.0"}
    assert parse_manifest(manifest) == manifest


def test_unknown_keys_of_a_manifest_are_ignored() -> None:
    assert parse_manifest(MANIFEST + '\n[package.metadata]\nx = 1\n[tool]\ny = "z"\n').package.name == "greet"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "package is missing; correct it"),
        ('[package]\nname = "a"\n', "package.version is missing"),
        ('[package]\nversion = "1.0.0"\n', "package.name is missing"),
        ('[package]\nname = 5\nversion = "1.0.0"\n', "package.name is int, not str; correct it"),
        ('[package]\nname = "a b"\nversion = "1.0.0"\n', "package.name is 'a b'"),
        ('[package]\nname = "a"\nversion = "1.0"\n', "package.version is '1.0'"),
        ('[package]\nname = "a"\nversion = "1.0.0-beta"\n', "package.version is '1.0.0-beta'"),
        ('[package]\nname = "a"\nversion = "1.0.0"\n[dependencies]\nb = "^1"\n', "dependencies.b is '^1'"),
        (
            '[package]\nname = "a"\nversion = "1.0.0"\n[parameters]\nx = { type = "number" }\n',
            "parameters.x.type: Input should be",
        ),
        ('[package]\nname = "a"\nname = "b"\n', "not valid TOML"),
        ("[package", "not valid TOML"),
    ],
)
async def test_an_invalid_manifest_is_refused_before_sending_and_its_key_named(
    text: str, reason: str, wasm: Path, tmp_path: Path
) -> None:
    toml = tmp_path / "bad.toml"
    toml.write_text(text, encoding="utf-8")
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        with pytest.raises(ManifestError) as caught:
            await client.install_program(wasm, toml)
        assert reason in str(caught.value)
        assert "bad.toml" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert peer.requests == []


async def test_a_manifest_is_sent_without_its_byte_order_mark(client: PieClient, engine: LocalEngine) -> None:
    seen: list[str] = []

    def take(request: models.AddProgramRequest) -> str:
        seen.append(request.manifest)
        return "Program installed successfully"

    engine.answer(models.AddProgramRequest, take)
    await client.install_program_bytes(b"wasm", f"\ufeff{MANIFEST}".encode())
    await client.install_program_bytes(b"wasm", f"\ufeff{MANIFEST}")
    assert seen == [MANIFEST, MANIFEST]
    assert parse_manifest(f"\ufeff{MANIFEST}".encode()) == parse_manifest(MANIFEST)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (MANIFEST.replace("Grüßt.", "\ud83e"), "lone surrogate"),
        (f"{MANIFEST}\n[tool]\nx = {'9' * 5000}", "not valid TOML"),
        (f"{MANIFEST}\n[tool]\nx = {'[' * 5000}", "not valid TOML"),
        (f"{MANIFEST}\n[tool]\nx = 2026-02-30", "not valid TOML"),
        (f"\ufeff\ufeff{MANIFEST}", "not valid TOML"),
        (
            Manifest.model_construct(package=models.ManifestPackage.model_construct(name="\ud83e")),
            "lone surrogate",
        ),
        (
            Manifest.model_construct(package=models.ManifestPackage.model_construct(name=object())),
            "can't be written as TOML",
        ),
        (
            Manifest.model_construct(package=models.ManifestPackage.model_construct(name=10**5000)),
            "can't be written as TOML",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_a_manifest_that_is_no_toml_for_python_is_refused_before_sending(
    manifest: str | Manifest, reason: str
) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        with pytest.raises(ManifestError, match=reason) as caught:
            await client.install_program_bytes(b"wasm", manifest)
        assert "\n" not in str(caught.value)
        assert peer.requests == []


def test_a_manifest_in_another_encoding_is_refused() -> None:
    """D45"""
    with pytest.raises(ManifestError, match="not UTF-8"):
        parse_manifest(MANIFEST.encode("latin-1"))


async def test_a_manifest_object_is_sent_as_toml(client: PieClient, engine: LocalEngine) -> None:
    """D47"""
    nasty = 'quote " backslash \\ newline \n tab \t delete \x7f emoji 🥧'
    manifest = Manifest.model_validate(
        {
            "package": {"name": "greet", "version": "1.2.3", "description": nasty, "authors": ["A", 'B "C"']},
            "parameters": {"strange key!": {"type": "int", "description": nasty}},
        }
    )
    seen: list[str] = []

    def take(request: models.AddProgramRequest) -> str:
        seen.append(request.manifest)
        return "Program installed successfully"

    engine.answer(models.AddProgramRequest, take)
    await client.install_program_bytes(b"wasm", manifest)
    assert parse_manifest(seen[0]) == manifest


# ------------------------------------------------------------- checking


async def test_a_check_of_a_missing_program_is_false_with_any_files(
    client: PieClient, wasm: Path, toml: Path
) -> None:
    assert await client.check_program("greet@1.2.3", wasm, toml) is False


async def test_a_check_with_files_warns_that_they_were_not_compared(
    client: PieClient, wasm: Path, toml: Path
) -> None:
    """D43"""
    await client.install_program(wasm, toml)
    with pytest.warns(
        HashesNotComparedWarning, match=r"the server has greet@1\.2\.3 but did not compare the files"
    ):
        assert await client.check_program("greet@1.2.3", wasm, toml) is True


@only_0_4
async def test_a_check_with_files_sends_their_hashes(
    client: PieClient, engine: LocalEngine, wasm: Path, toml: Path
) -> None:
    """D43"""
    seen: list[models.CheckProgramRequest] = []

    def answer(request: models.CheckProgramRequest) -> str:
        seen.append(request)
        return "false"

    engine.answer(models.CheckProgramRequest, answer)
    await client.check_program("greet@1.2.3", wasm, toml)
    assert seen[0].wasm_hash == blake3(wasm.read_bytes()).hexdigest()
    assert seen[0].manifest_hash == blake3(toml.read_bytes()).hexdigest()


async def test_a_check_with_the_manifest_of_another_program_is_refused(client: PieClient, toml: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"manifest of greet@1\.2\.3, not of other@1\.0\.0"):
        await client.check_program("other@1.0.0", manifest_path=toml)


async def test_a_check_needs_a_version(client: PieClient) -> None:
    with pytest.raises(InvalidArgumentError, match="'greet' has no version"):
        await client.check_program("greet")


# ------------------------------------------------------------- files to processes


async def test_a_file_on_disk_reaches_a_process_completely(
    client: PieClient, engine: LocalEngine, wasm: Path
) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    told: list[int] = []

    @engine.inferlet("take@1.0.0")
    async def take(session: InferletSession, _input: JsonValue) -> JsonValue:
        receiving = asyncio.ensure_future(session.receive_file())
        await asyncio.sleep(0)  # lets it begin to wait
        session.send("ready")
        received.set_result(await receiving)
        return None

    process = await client.launch_process("take@1.0.0")
    await process.recv(timeout=TIMEOUT)
    await process.transfer_file(wasm, progress=lambda sent, _: told.append(sent))
    await process.wait(timeout=TIMEOUT)
    assert received.result() == wasm.read_bytes()
    assert told[-1] == 3 * CHUNK + 5


async def test_a_file_changed_through_a_mapping_is_not_sent_to_a_process(
    client: PieClient, engine: LocalEngine, wasm: Path
) -> None:
    @engine.inferlet("wait@1.0.0")
    async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
        return await session.receive()

    wasm.write_bytes(bytes(BEYOND_READ_AHEAD))
    with wasm.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[-1] = 1  # the next write to this page does not change the time stamp
        os.utime(wasm, (0, 0))

        def change(sent: int, _total: int) -> None:
            if sent == CHUNK:
                mapped[-1] = 2

        process = await client.launch_process("wait@1.0.0")
        with pytest.raises(InvalidArgumentError, match=r"build\.wasm changed while it was sent"):
            await process.transfer_file(wasm, progress=change)
        await process.terminate()
