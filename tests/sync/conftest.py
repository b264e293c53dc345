"""A server that runs in a thread of its own, as programs without asyncio meet one."""

from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from pie_client.sync import PieClient
from pie_client.sync.loop_thread import LoopThread
from pie_client.testing import InferletSession, LocalEngine


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """An embedded engine."""
    thread, served = LoopThread(), LocalEngine(family="0.5", allow_scripts=True)

    @served.inferlet("echo@1.0.0")
    async def echo(_session: InferletSession, input: JsonValue) -> JsonValue:
        return input

    @served.inferlet("chat@1.0.0")
    async def chat(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send("ready")
        while (message := await session.receive()) != "end":
            session.print(message, end="")
        return "ended"

    @served.inferlet("write@1.0.0")
    async def write(session: InferletSession, input: JsonValue) -> JsonValue:
        for _ in range(400):
            session.print("x" * 10_000)
        return input

    @served.inferlet("numbers@1.0.0")
    async def numbers(session: InferletSession, input: JsonValue) -> JsonValue:
        if isinstance(input, list):  # when it is told to
            session.send("ready")
            await session.receive()
        most = input[0] if isinstance(input, list) else input
        assert isinstance(most, int)
        for number in range(most):
            session.print(number, end="")
        return "written"

    @served.inferlet("store@1.0.0")
    async def store(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send("waiting")
        return len(await session.receive_file())

    thread.wait(served.__aenter__)
    yield served
    thread.wait(lambda: served.__aexit__(None, None, None))
    thread.stop()


@pytest.fixture
def client(engine: LocalEngine) -> Iterator[PieClient]:
    """A client of the engine."""
    with PieClient(engine.uri, timeout=60) as connected:
        yield connected
