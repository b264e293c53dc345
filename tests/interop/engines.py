"""The programs that foreign clients launch."""

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
"""Characters of a result that is larger than what WebSocket libraries take by default."""


async def echo(session: InferletSession, input: JsonValue) -> JsonValue:
    """Show each kind of event once."""
    session.print("out é")
    session.eprint("err")
    session.send("msg")
    return input


async def stream(session: InferletSession, input: JsonValue) -> int:
    """Print many lines, now and then letting others run."""
    for number in range(LINES):
        session.print(number)
        if number % 50 == 0:
            await asyncio.sleep(0)
    return LINES


async def talk(session: InferletSession, input: JsonValue) -> list[str]:
    """Answer every signal until it is told to stop."""
    heard: list[str] = []
    session.send("listening")
    while (word := await session.receive()) != "stop":
        heard.append(word)
        session.send(word.upper())
    return heard


async def reverse(session: InferletSession, input: JsonValue) -> int:
    """Take a file and send it back the other way round."""
    session.send("ready")
    data = await session.receive_file()
    session.send_file(data[::-1], name="reversed.bin")
    return len(data)


async def wait(session: InferletSession, input: JsonValue) -> str:
    """Wait for a signal, and say so."""
    session.send("waiting")
    word = await session.receive()
    session.print("woken")
    return word


async def fail(session: InferletSession, input: JsonValue) -> None:
    """Fail."""
    raise ProcessFailure("no luck")


async def large(session: InferletSession, input: JsonValue) -> str:
    """Give a large result, once a client listens."""
    await session.receive()
    return "x" * LARGE


async def tools(session: InferletSession, input: JsonValue) -> JsonValue:
    """Use a client's MCP server in every way that there is."""
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
    """Say where one is."""
    return DaemonResponse(body=f"{request.method} {request.path}".encode())


def furnish(engine: LocalEngine) -> None:
    """Give an engine the programs."""
    for function in (echo, stream, talk, reverse, wait, fail, large, tools):
        engine.inferlet(f"{function.__name__}@1.0.0")(function)
    engine.daemon("serve@1.0.0")(serve)
