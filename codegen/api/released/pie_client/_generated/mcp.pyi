from __future__ import annotations
from typing import Final, Literal, TypeAlias
VERSIONS: Final = ('2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25')
VERSION_HEADER: Final = 'mcp-protocol-version'
UNSPECIFIED_CODE: Final = -32000
McpTransport: TypeAlias = Literal['stdio', 'http']
STDIO: Final[McpTransport] = 'stdio'
HTTP: Final[McpTransport] = 'http'
TRANSPORTS: Final[tuple[McpTransport, ...]] = (STDIO, HTTP)
INITIALIZE: Final = 'initialize'
INITIALIZED: Final = 'notifications/initialized'
CANCELLED: Final = 'notifications/cancelled'
PING: Final = 'ping'
LIST_TOOLS: Final = 'tools/list'
CALL_TOOL: Final = 'tools/call'
LIST_RESOURCES: Final = 'resources/list'
READ_RESOURCE: Final = 'resources/read'
LIST_PROMPTS: Final = 'prompts/list'
GET_PROMPT: Final = 'prompts/get'
MEMBER_JSONRPC: Final = 'jsonrpc'
MEMBER_ID: Final = 'id'
MEMBER_METHOD: Final = 'method'
MEMBER_PARAMS: Final = 'params'
MEMBER_RESULT: Final = 'result'
MEMBER_ERROR: Final = 'error'
__all__ = ['CALL_TOOL', 'CANCELLED', 'GET_PROMPT', 'HTTP', 'INITIALIZE', 'INITIALIZED', 'LIST_PROMPTS', 'LIST_RESOURCES', 'LIST_TOOLS', 'MEMBER_ERROR', 'MEMBER_ID', 'MEMBER_JSONRPC', 'MEMBER_METHOD', 'MEMBER_PARAMS', 'MEMBER_RESULT', 'PING', 'READ_RESOURCE', 'STDIO', 'TRANSPORTS', 'UNSPECIFIED_CODE', 'VERSIONS', 'VERSION_HEADER', 'McpTransport']
