"""MCP calls of inferlets in the embedded engine, relayed to raw WebSocket clients."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import TypeVar

import pytest
from pydantic import JsonValue
from websockets.asyncio.client import ClientConnection, connect

from pie_client import PieClient, RefusedError, models
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing import InferletSession, LocalEngine, McpCallError
from tests.support.peers import in_time
from tests.support.raw import client_frame

M = TypeVar("M", bound=WireModel)


async def test_an_inferlet_without_a_client_fails_when_it_calls_a_server() -> None:
    async with LocalEngine(family="0.4") as engine, PieClient(engine.uri) as client:

        @engine.inferlet("lonely@1.0.0")
        async def lonely(session: InferletSession, _input: JsonValue) -> JsonValue:
            return await session.mcp.list_tools("py")

        with pytest.raises(RefusedError, match=r"Call error: process .* has no client"):
            await client.rpc.run_processes(inferlet="lonely@1.0.0", inputs=["{}"])


@contextlib.asynccontextmanager
async def relaying() -> AsyncGenerator[tuple[ClientConnection, models.McpRequest]]:
    """Send frames as a client that has registered a server twice; yield the first relayed call."""
    async with LocalEngine(family="0.4") as engine, connect(engine.uri) as socket:

        @engine.inferlet("call@1.0.0")
        async def call(session: InferletSession, _input: JsonValue) -> JsonValue:
            try:
                await session.mcp.call_tool("py", "sleep")
            except McpCallError as error:
                return [[*session.mcp.available_servers()], error.code, error.message, error.data]
            return None

        for request in (
            models.AuthIdentifyRequest(corr_id=1, username="ann"),
            models.RegisterMcpServerRequest(corr_id=2, name="py", transport="stdio"),
            models.RegisterMcpServerRequest(corr_id=2, name="py", transport="anything"),
            models.LaunchProcessRequest(corr_id=3, inferlet="call@1.0.0", input="{}", capture_outputs=True),
        ):
            await socket.send(client_frame(request))
        yield socket, await following(socket, models.McpRequest)


async def following(socket: ClientConnection, kind: type[M]) -> M:
    """Return the next message of a kind."""
    while not isinstance(message := codec.decode_server_message(await in_time(socket.recv())), kind):
        pass
    return message


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ('{"code": -5, "message": "m", "data": {"a": 1.5}}', [-5, "m", '{"a":1.5}']),
        ('{"code": "x", "message": "m"}', [-32000, '{"code": "x", "message": "m"}', None]),
        ('{"code": 7}', [-32000, '{"code": 7}', None]),
        ("words", [-32000, "words", None]),
        ("[1]", [-32000, "[1]", None]),
    ],
)
async def test_what_is_no_error_object_becomes_the_message(answer: str, seen: list[JsonValue]) -> None:
    async with relaying() as (socket, request):
        assert (request.corr_id, request.server_name, request.method) == (1, "py", "tools/call")
        assert json.loads(request.params) == {"name": "sleep", "arguments": {}}
        for number in (99, 1, 1):  # the first belongs to no call, the last is a duplicate
            response = models.McpResponseRequest(corr_id=number, ok=False, result=answer)
            await socket.send(client_frame(response))
        end = await following(socket, models.ReturnFrame)
        assert json.loads(end.value) == [["py", "py"], *seen]


@contextlib.asynccontextmanager
async def disconnected_in_a_call(engine: LocalEngine) -> AsyncGenerator[asyncio.Queue[McpCallError]]:
    """Disconnect a client while an inferlet calls its server; yield the errors that the inferlet gets."""
    seen: asyncio.Queue[McpCallError] = asyncio.Queue()

    @engine.inferlet("left@1.0.0")
    async def left(session: InferletSession, _input: JsonValue) -> JsonValue:
        try:
            await session.mcp.list_tools("py")
        except McpCallError as error:
            seen.put_nowait(error)
        return None

    async with connect(engine.uri) as socket:
        for request in (
            models.AuthIdentifyRequest(corr_id=1, username="ann"),
            models.RegisterMcpServerRequest(corr_id=2, name="py", transport="stdio"),
            models.LaunchProcessRequest(corr_id=3, inferlet="left@1.0.0", input="{}", capture_outputs=True),
        ):
            await socket.send(client_frame(request))
        await following(socket, models.McpRequest)
    yield seen


async def test_a_call_waits_without_end_after_its_client_has_disconnected() -> None:
    async with LocalEngine(family="0.4") as engine, disconnected_in_a_call(engine) as seen:
        async with PieClient(engine.uri, username="ann") as client:
            [info] = await client.list_processes()
            await client.ping()
            assert not engine.processes[info.id].outcome.done()
            end = engine.processes[info.id].outcome
            await client.terminate_process(info.id)
            assert (await in_time(end)).value == "Signal"
        assert seen.empty()


async def test_a_call_after_the_client_has_disconnected_waits_without_end() -> None:
    async with LocalEngine(family="0.4") as engine:
        go, calling = asyncio.Event(), asyncio.Event()

        @engine.inferlet("late@1.0.0")
        async def late(session: InferletSession, _input: JsonValue) -> JsonValue:
            await go.wait()
            with pytest.raises(McpCallError, match="not registered"):
                await session.mcp.list_tools("other")
            asyncio.get_running_loop().call_soon(calling.set)
            return await session.mcp.list_tools("py")

        async with PieClient(engine.uri) as client, PieClient(engine.uri) as other:
            await client.rpc.register_mcp_server(name="py", transport="stdio")
            process = await client.launch_process("late@1.0.0")
            await client.close()
            go.set()
            await in_time(calling.wait())
            await other.ping()
            assert not engine.processes[process.process_id].outcome.done()


async def test_a_call_of_a_disconnected_client_fails_if_the_engine_keeps_detached_processes() -> None:
    async with (
        LocalEngine(family="0.4", keep_detached=True) as engine,
        disconnected_in_a_call(engine) as seen,
    ):
        assert (await in_time(seen.get())).code == -32000
