"""An MCP server made with the official package, over stdio or over HTTP on a free loopback port, which it prints."""

import asyncio
import importlib
import os
import socket
import sys
from typing import Any

import uvicorn

MEBIBYTES = 5


def make_server() -> Any:
    """Make a server with whichever release of the package is there."""
    try:
        server = importlib.import_module("mcp.server.mcpserver").MCPServer("tests")
    except ImportError:
        server = importlib.import_module("mcp.server.fastmcp").FastMCP("tests")

    @server.tool()
    def add(a: int, b: int) -> int:  # pyright: ignore[reportUnusedFunction] - registered
        """Add two numbers."""
        return a + b

    @server.tool()
    def where() -> list[str]:  # pyright: ignore[reportUnusedFunction] - registered
        """Tell the working directory and a variable of the environment."""
        return [os.getcwd(), os.environ.get("GREETING", ""), os.environ.get("PATH", "")]  # noqa: PTH109 - as the system has it

    @server.tool()
    def broken() -> str:  # pyright: ignore[reportUnusedFunction] - registered
        """Fail."""
        raise ValueError("no luck")

    @server.tool()
    def leave() -> str:  # pyright: ignore[reportUnusedFunction] - registered
        """End the server without an answer."""
        os._exit(3)

    @server.resource("large://text")
    def large() -> str:  # pyright: ignore[reportUnusedFunction] - registered
        """Give several mebibytes."""
        return "é\n" * (MEBIBYTES << 19)

    @server.prompt()
    def greet(name: str) -> str:  # pyright: ignore[reportUnusedFunction] - registered
        """Greet somebody."""
        return f"Hello {name}"

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
