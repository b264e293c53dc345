"""The servers, home folder and files that the guide assumes."""

import inspect
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import JsonValue

import pie_client
from pie_client import Family, PieClient
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.guide import synchronous
from tests.support.peers import component

FACES = {"asynchronous": pie_client, "synchronous": synchronous}
"""The modules whose client the guide's programs run with."""
MANIFEST = '[package]\nname = "build"\nversion = "0.1.0"\n\n[runtime]\ncore = "0.4.0"\n'


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module with each client, if it uses one."""
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.parametrize("face", FACES, indirect=True)


@pytest.fixture(autouse=True)
def face(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The client that a test runs with."""
    name: str = getattr(request, "param", "asynchronous")
    module = cast("ModuleType", request.module)  # pyright: ignore[reportUnknownMemberType] - it has no type
    for place in (module, sys.modules[__name__]):
        for shown in {"PieClient", "Process"} & vars(place).keys():
            monkeypatch.setattr(place, shown, getattr(FACES[name], shown))
    return name


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with Alice's key, which is also the working directory."""
    folder = tmp_path / "home"
    path = folder / ".ssh" / "id_ed25519"
    path.parent.mkdir(parents=True)
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path.with_name("id_ed25519.pub").write_bytes(public)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def users(home: Path) -> dict[str, list[str]]:
    """The users and keys that a server accepts."""
    return {"alice": [(home / ".ssh" / "id_ed25519.pub").read_text()]}


def add_programs(engine: LocalEngine) -> None:
    """Register the inferlets that the guide launches."""

    @engine.inferlet("text-completion@0.1.0")
    async def text_completion(session: InferletSession, input: JsonValue) -> JsonValue:
        assert isinstance(input, dict)
        session.print("Hello", end="")
        session.print(" world", end="")
        return {"user": session.username, **input}

    @engine.inferlet("my-inferlet@0.1.0")
    async def my_inferlet(session: InferletSession, input: JsonValue) -> JsonValue:
        session.print("out")
        session.eprint("err")
        session.send("a message")
        session.send_file(b"\x00\xffblob")
        if not input:
            raise ProcessFailure("no prompt")
        return input

    @engine.inferlet("chat@0.1.0")
    async def chat(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("ready")
        return await session.receive()

    @engine.inferlet("store@0.1.0")
    async def store(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send("waiting")
        data = await session.receive_file()
        session.send_file(data)
        return len(data)


@pytest.fixture
async def engine(family: Family) -> AsyncIterator[LocalEngine]:
    """A server with authentication disabled."""
    async with LocalEngine(family=family) as running:
        add_programs(running)
        yield running


@pytest.fixture
async def guarded(family: Family, users: dict[str, list[str]]) -> AsyncIterator[LocalEngine]:
    """A server with authentication enabled, if its family has any."""
    async with LocalEngine(family=family, auth=users if family == "0.4" else None) as running:
        add_programs(running)
        yield running


@pytest.fixture
async def keeper(family: Family, users: dict[str, list[str]]) -> AsyncIterator[LocalEngine]:
    """A server like `guarded` that keeps processes when their client disconnects, as the guide promises."""
    keys = users if family == "0.4" else None
    async with LocalEngine(family=family, auth=keys, keep_detached=True) as running:
        yield running


@pytest.fixture
async def client(engine: LocalEngine) -> AsyncIterator[PieClient]:
    """A client of the server without authentication."""
    async with PieClient(engine.uri) as connected:
        yield connected


@pytest.fixture
def build(home: Path) -> bytes:
    """A build of several chunks and its manifest, in the working directory."""
    data = component(os.urandom(600_000))
    (home / "build.wasm").write_bytes(data)
    (home / "Pie.toml").write_text(MANIFEST)
    return data
