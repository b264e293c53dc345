"""An MCP server made with the official package, over stdio or over HTTP on a loopback port, which it prints."""

import asyncio
import socket
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

MEBIBYTES = 5
MOVED = {
    "/moved": (307, "/mcp"),
    "/moved-for-good": (308, "http://127.0.0.1:{port}/mcp"),
    "/elsewhere": (307, "http://localhost:{port}/mcp?key=hidden"),
}
"""Status and location of redirects, by path; /elsewhere leads to another origin, of the same server."""


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


def redirected(app: ASGIApp, port: int) -> ASGIApp:
    """Redirect each path of MOVED; its app answers the others."""

    async def redirect(scope: Scope, receive: Receive, send: Send) -> None:
        status, location = MOVED.get(scope.get("path", ""), (0, ""))
        if status:
            headers = [(b"location", location.format(port=port).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return redirect


def main(transport: str, wanted: str = "0") -> None:
    server = make_server()
    if transport == "stdio":
        server.run()
        return
    with socket.create_server(("127.0.0.1", int(wanted))) as listener:
        port = listener.getsockname()[1]
        app = redirected(guarded(server.streamable_http_app()), port)
        config = uvicorn.Config(app, log_level="warning")
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main(*sys.argv[1:])
