"""Names of the Model Context Protocol, and of the JSON-RPC messages that carry it.

Written by `python -m codegen generate` from the schema; never edited.
"""

from typing import Final, Literal, TypeAlias

VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Versions of MCP, oldest first."""

VERSION_HEADER: Final = "mcp-protocol-version"
"""HTTP header that names the version after the connection was initialized."""

UNSPECIFIED_CODE: Final = -32000
"""Code of an error whose sender gave none."""

McpTransport: TypeAlias = Literal["stdio", "http"]
"""How to reach an MCP server."""

STDIO: Final[McpTransport] = "stdio"
"""A program that the client starts; one JSON-RPC message per line of its standard input and output."""
HTTP: Final[McpTransport] = "http"
"""A server that listens elsewhere: MCP's streamable HTTP."""

TRANSPORTS: Final[tuple[McpTransport, ...]] = (
    STDIO,
    HTTP,
)
"""Every transport."""

INITIALIZE: Final = "initialize"
"""First request of a client; its result is mcp/initialize_result.json."""
INITIALIZED: Final = "notifications/initialized"
"""The client has read the answer to initialize; requests may follow."""
CANCELLED: Final = "notifications/cancelled"
"""The sender no longer waits for an answer."""
PING: Final = "ping"
"""Either side asks whether the other lives; the result is an empty object."""
LIST_TOOLS: Final = "tools/list"
"""Which tools there are; the first page."""
CALL_TOOL: Final = "tools/call"
"""Run a tool."""
LIST_RESOURCES: Final = "resources/list"
"""Which resources there are; the first page."""
READ_RESOURCE: Final = "resources/read"
"""Read a resource."""
LIST_PROMPTS: Final = "prompts/list"
"""Which prompts there are; the first page."""
GET_PROMPT: Final = "prompts/get"
"""Fill in a prompt."""

MEMBER_JSONRPC: Final = "jsonrpc"
MEMBER_ID: Final = "id"
MEMBER_METHOD: Final = "method"
MEMBER_PARAMS: Final = "params"
MEMBER_RESULT: Final = "result"
MEMBER_ERROR: Final = "error"
"""Members of a JSON-RPC message."""

__all__ = [
    "CALL_TOOL",
    "CANCELLED",
    "GET_PROMPT",
    "HTTP",
    "INITIALIZE",
    "INITIALIZED",
    "LIST_PROMPTS",
    "LIST_RESOURCES",
    "LIST_TOOLS",
    "MEMBER_ERROR",
    "MEMBER_ID",
    "MEMBER_JSONRPC",
    "MEMBER_METHOD",
    "MEMBER_PARAMS",
    "MEMBER_RESULT",
    "PING",
    "READ_RESOURCE",
    "STDIO",
    "TRANSPORTS",
    "UNSPECIFIED_CODE",
    "VERSIONS",
    "VERSION_HEADER",
    "McpTransport",
]
