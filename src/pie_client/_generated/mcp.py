"""Names of the Model Context Protocol, and of the JSON-RPC messages that carry it.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Versions of MCP, oldest first."""

VERSION_HEADER: Final = "mcp-protocol-version"
"""HTTP header with the MCP version, sent after initialization."""

McpTransport: TypeAlias = Literal["stdio", "http"]
"""How to reach an MCP server."""

STDIO: Final[McpTransport] = "stdio"
"""A program that the client starts, with one JSON-RPC message per line of its standard input and output."""
HTTP: Final[McpTransport] = "http"
"""A server at a URL: MCP's streamable HTTP."""

TRANSPORTS: Final[tuple[McpTransport, ...]] = (
    STDIO,
    HTTP,
)
"""Every transport."""

INITIALIZE: Final = "initialize"
"""First request of a client. The result is mcp/initialize_result.json."""
INITIALIZED: Final = "notifications/initialized"
"""The client has received the result of initialize; requests may follow."""
CANCELLED: Final = "notifications/cancelled"
"""The sender no longer waits for a response."""
PING: Final = "ping"
"""Check that the other side responds. The result is an empty object."""

MEMBER_JSONRPC: Final = "jsonrpc"
MEMBER_ID: Final = "id"
MEMBER_METHOD: Final = "method"
MEMBER_PARAMS: Final = "params"
MEMBER_RESULT: Final = "result"
MEMBER_ERROR: Final = "error"
"""Members of a JSON-RPC message."""

__all__ = [
    "CANCELLED",
    "HTTP",
    "INITIALIZE",
    "INITIALIZED",
    "MEMBER_ERROR",
    "MEMBER_ID",
    "MEMBER_JSONRPC",
    "MEMBER_METHOD",
    "MEMBER_PARAMS",
    "MEMBER_RESULT",
    "PING",
    "STDIO",
    "TRANSPORTS",
    "VERSIONS",
    "VERSION_HEADER",
    "McpTransport",
]
