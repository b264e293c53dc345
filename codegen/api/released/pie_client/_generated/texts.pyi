from __future__ import annotations
from typing import Final

def mcp_server_not_registered(*, server_name: object) -> str:
    ...
CODE_MCP_SERVER_NOT_REGISTERED: Final = -1

def mcp_server_ended(*, server_name: object, method: object) -> str:
    ...
CODE_MCP_SERVER_ENDED: Final = -32000

def mcp_server_unavailable(*, server_name: object, reason: object) -> str:
    ...
CODE_MCP_SERVER_UNAVAILABLE: Final = -32000

def mcp_server_silent(*, server_name: object, method: object, seconds: object) -> str:
    ...
CODE_MCP_SERVER_SILENT: Final = -32001

def mcp_client_busy(*, method: object, server_name: object) -> str:
    ...
CODE_MCP_CLIENT_BUSY: Final = -32000

def mcp_params_invalid(*, method: object, server_name: object) -> str:
    ...
CODE_MCP_PARAMS_INVALID: Final = -32602

def mcp_answer_empty(*, server_name: object, method: object) -> str:
    ...
CODE_MCP_ANSWER_EMPTY: Final = -32603

def mcp_answer_not_relayed(*, server_name: object, method: object, reason: object) -> str:
    ...
CODE_MCP_ANSWER_NOT_RELAYED: Final = -32603

def mcp_relay_failed(*, method: object, server_name: object) -> str:
    ...
CODE_MCP_RELAY_FAILED: Final = -32603
MCP_METHOD_NOT_FOUND: Final = 'Method not found'
CODE_MCP_METHOD_NOT_FOUND: Final = -32601
__all__ = ['CODE_MCP_ANSWER_EMPTY', 'CODE_MCP_ANSWER_NOT_RELAYED', 'CODE_MCP_CLIENT_BUSY', 'CODE_MCP_METHOD_NOT_FOUND', 'CODE_MCP_PARAMS_INVALID', 'CODE_MCP_RELAY_FAILED', 'CODE_MCP_SERVER_ENDED', 'CODE_MCP_SERVER_NOT_REGISTERED', 'CODE_MCP_SERVER_SILENT', 'CODE_MCP_SERVER_UNAVAILABLE', 'MCP_METHOD_NOT_FOUND', 'mcp_answer_empty', 'mcp_answer_not_relayed', 'mcp_client_busy', 'mcp_params_invalid', 'mcp_relay_failed', 'mcp_server_ended', 'mcp_server_not_registered', 'mcp_server_silent', 'mcp_server_unavailable']
