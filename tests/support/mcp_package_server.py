"""An MCP server made with the official package, over stdio or over HTTP on a free loopback port, which it prints."""

import asyncio
import importlib
import os
import socket
import sys
from typing import Any

import uvicorn

MEBIBYTES = 5


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def where() -> list[str]:
    """Tell the working directory and two variables of the environment."""
    return [os.getcwd(), os.environ.get("GREETING", ""), os.environ.get("PATH", "")]  # noqa: PTH109 - as the system has it


def broken() -> str:
    """Fail."""
    raise ValueError("no luck")


def leave() -> str:
    """End the server without an answer."""
    os._exit(3)


def large() -> str:
    """Give several mebibytes."""
    return "é\n" * (MEBIBYTES << 19)


def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello {name}"


def make_server() -> Any:
    """Make a server with whichever release of the package is there."""
    try:
        server = importlib.import_module("mcp.server.mcpserver").MCPServer("tests")
    except ImportError:
        server = importlib.import_module("mcp.server.fastmcp").FastMCP("tests")
    for tool in (add, where, broken, leave):
        server.tool()(tool)
    server.resource("large://text")(large)
    server.prompt()(greet)
    return server


def guarded(app: Any) -> Any:
    """Let only those in who know the token."""

    async def guard(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"x-token") != b"secret":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return guard


def main(transport: str, port: str = "0") -> None:
    server = make_server()
    if transport == "stdio":
        server.run()
        return
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        config = uvicorn.Config(guarded(server.streamable_http_app()), log_level="warning")
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main(*sys.argv[1:])
