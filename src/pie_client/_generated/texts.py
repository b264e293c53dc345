"""Texts that a client sends.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from typing import Final


def mcp_server_not_registered(*, server_name: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"MCP server '{server_name}' not registered"


CODE_MCP_SERVER_NOT_REGISTERED: Final = -1
"""JSON-RPC error code of the text."""


def mcp_server_ended(*, server_name: object, method: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"MCP server '{server_name}' ended before it answered {method}"


CODE_MCP_SERVER_ENDED: Final = -32000
"""JSON-RPC error code of the text."""


def mcp_server_unavailable(*, server_name: object, reason: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"MCP server '{server_name}' is not available: {reason}"


CODE_MCP_SERVER_UNAVAILABLE: Final = -32000
"""JSON-RPC error code of the text."""


def mcp_server_silent(*, server_name: object, method: object, seconds: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"MCP server '{server_name}' did not answer {method} within {seconds} s"


CODE_MCP_SERVER_SILENT: Final = -32001
"""JSON-RPC error code of the text."""


def mcp_client_busy(*, method: object, server_name: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"too many MCP calls wait for the client, so it did not start {method} of MCP server '{server_name}'; call it later"


CODE_MCP_CLIENT_BUSY: Final = -32000
"""JSON-RPC error code of the text."""


def mcp_params_invalid(*, method: object, server_name: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"the params of {method} for MCP server '{server_name}' are not a JSON object"


CODE_MCP_PARAMS_INVALID: Final = -32602
"""JSON-RPC error code of the text."""


def mcp_answer_empty(*, server_name: object, method: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"MCP server '{server_name}' answered {method} with neither a result nor an error"


CODE_MCP_ANSWER_EMPTY: Final = -32603
"""JSON-RPC error code of the text."""


def mcp_answer_not_relayed(*, server_name: object, method: object, reason: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"the answer of MCP server '{server_name}' to {method} can't be relayed: {reason}"


CODE_MCP_ANSWER_NOT_RELAYED: Final = -32603
"""JSON-RPC error code of the text."""


def mcp_relay_failed(*, method: object, server_name: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"{method} of MCP server '{server_name}' failed in the client, which logged why"


CODE_MCP_RELAY_FAILED: Final = -32603
"""JSON-RPC error code of the text."""
MCP_METHOD_NOT_FOUND: Final = "Method not found"
"""Sent in answers to relayed MCP calls."""
CODE_MCP_METHOD_NOT_FOUND: Final = -32601
"""JSON-RPC error code of the text."""

__all__ = [
    "CODE_MCP_ANSWER_EMPTY",
    "CODE_MCP_ANSWER_NOT_RELAYED",
    "CODE_MCP_CLIENT_BUSY",
    "CODE_MCP_METHOD_NOT_FOUND",
    "CODE_MCP_PARAMS_INVALID",
    "CODE_MCP_RELAY_FAILED",
    "CODE_MCP_SERVER_ENDED",
    "CODE_MCP_SERVER_NOT_REGISTERED",
    "CODE_MCP_SERVER_SILENT",
    "CODE_MCP_SERVER_UNAVAILABLE",
    "MCP_METHOD_NOT_FOUND",
    "mcp_answer_empty",
    "mcp_answer_not_relayed",
    "mcp_client_busy",
    "mcp_params_invalid",
    "mcp_relay_failed",
    "mcp_server_ended",
    "mcp_server_not_registered",
    "mcp_server_silent",
    "mcp_server_unavailable",
]
