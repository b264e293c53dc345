"""The programs that published clients launch."""

import asyncio
from typing import cast

from pydantic import JsonValue

from pie_client.testing import (
    DaemonRequest,
    DaemonResponse,
    InferletSession,
    LocalEngine,
    McpCallError,
    ProcessFailure,
)

LINES = 500
LARGE = 3 << 20
"""Characters of a result that exceeds the default message size of WebSocket libraries."""


async def echo(session: InferletSession, input: JsonValue) -> JsonValue:
    """Send each kind of event once."""
    session.print("out é")
    session.eprint("err")
    session.send("msg")
    return input


async def stream(session: InferletSession, input: JsonValue) -> int:
    """Print many lines and yield to other tasks now and then."""
    for number in range(LINES):
        session.print(number)
        if number % 50 == 0:
            await asyncio.sleep(0)
    return LINES


async def talk(session: InferletSession, input: JsonValue) -> list[str]:
    """Answer every signal until it is "stop"."""
    received: list[str] = []
    session.send("listening")
    while (word := await session.receive()) != "stop":
        received.append(word)
        session.send(word.upper())
    return received


async def reverse(session: InferletSession, input: JsonValue) -> int:
    """Receive a file and send it back reversed."""
    session.send("ready")
    data = await session.receive_file()
    session.send_file(data[::-1], name="reversed.bin")
    return len(data)


async def wait(session: InferletSession, input: JsonValue) -> str:
    """Send "waiting" and wait for a signal."""
    session.send("waiting")
    word = await session.receive()
    session.print("woken")
    return word


async def fail(session: InferletSession, input: JsonValue) -> None:
    """Fail."""
    raise ProcessFailure("no luck")


async def large(session: InferletSession, input: JsonValue) -> str:
    """Return a large result after a signal."""
    await session.receive()
    return "x" * LARGE


async def tools(session: InferletSession, input: JsonValue) -> JsonValue:
    """Make every kind of MCP call to a client's server."""
    server = session.mcp.available_servers()[-1]
    listed = cast("dict[str, list[dict[str, str]]]", await session.mcp.list_tools(server))
    added = cast(
        "dict[str, list[dict[str, str]]]", await session.mcp.call_tool(server, "add", {"a": 2, "b": 40})
    )
    prompt = await session.mcp.get_prompt(server, "greet", {"name": "Pie"})
    try:
        await session.mcp.read_resource(server, "absent://nothing")
        refusal = None
    except McpCallError as error:
        refusal = error.code
    return {
        "server": server,
        "tools": [str(tool["name"]) for tool in listed["tools"]],
        "sum": added["content"][0]["text"],
        "greeted": "Hello Pie" in str(prompt),
        "refused": refusal is not None,
    }


async def serve(request: DaemonRequest) -> DaemonResponse:
    """Return the method and path of the request."""
    return DaemonResponse(body=f"{request.method} {request.path}".encode())


def add_programs(engine: LocalEngine) -> None:
    """Register the programs with an engine."""
    for function in (echo, stream, talk, reverse, wait, fail, large, tools):
        engine.inferlet(f"{function.__name__}@1.0.0")(function)
    engine.daemon("serve@1.0.0")(serve)
