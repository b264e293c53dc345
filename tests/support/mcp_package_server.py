"""An MCP server made with the official package, over stdio or over HTTP on a loopback port, which it prints."""

import asyncio
import socket
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

MEBIBYTES = 5


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def broken() -> str:
    """Raise an error."""
    raise ValueError("no luck")


def large() -> str:
    """Return several mebibytes."""
    return "é\n" * (MEBIBYTES << 19)


def greet(name: str) -> str:
    """Return a greeting."""
    return f"Hello {name}"


def make_server() -> MCPServer:
    server = MCPServer("tests")
    for tool in (add, broken):
        server.tool()(tool)
    server.resource("large://text")(large)
    server.prompt()(greet)
    return server


def guarded(app: ASGIApp) -> ASGIApp:
    """Answer requests without the token with HTTP status 401."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
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
