from __future__ import annotations
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from pie_client._generated.events import EVENT_CLASS, Event, ModelledEvent
from pie_client._generated import models
RESPONSE: Final = 'response'
PROCESS_EVENT: Final = 'process_event'
FILE: Final = 'file'
MCP_REQUEST: Final = 'mcp_request'
TURN_DONE: Final = 'turn_done'
ERROR: Final = 'error'

class EventRecord(NamedTuple):
    process_id: str
    event: tuple[Event, str] | ModelledEvent

def decode_process_event(fields: Mapping[str, object]) -> tuple[Event, str] | None:
    ...

class ResponseRecord(NamedTuple):
    corr_id: models.CorrelationId
    ok: bool
    result: str

def decode_response(_fields: Mapping[str, object]) -> ResponseRecord | None:
    ...

class FileChunkRecord(NamedTuple):
    process_id: models.ProcessId
    file_hash: models.Blake3Digest
    chunk_index: models.Usize
    total_chunks: models.ChunkCount
    chunk_data: models.Bytes
    name: str | None

def decode_file_chunk(_fields: Mapping[str, object]) -> FileChunkRecord | None:
    ...

class McpRequestRecord(NamedTuple):
    corr_id: models.CorrelationId
    process_id: models.ProcessId
    server_name: str
    method: str
    params: str

def decode_mcp_request(_fields: Mapping[str, object]) -> McpRequestRecord | None:
    ...

class TurnDoneRecord(NamedTuple):
    ...

def decode_turn_done(_fields: Mapping[str, object]) -> TurnDoneRecord | None:
    ...

class ServerNoticeRecord(NamedTuple):
    message: str

def decode_server_notice(_fields: Mapping[str, object]) -> ServerNoticeRecord | None:
    ...
Record: TypeAlias = ResponseRecord | FileChunkRecord | McpRequestRecord | TurnDoneRecord | ServerNoticeRecord
BINARY_DECODERS: Final[Mapping[object, Callable[[Mapping[str, object]], Record | None]]] = {RESPONSE: decode_response, FILE: decode_file_chunk, MCP_REQUEST: decode_mcp_request}
TEXT_DECODERS: Final[Mapping[object, Callable[[Mapping[str, object]], Record | None]]] = {TURN_DONE: decode_turn_done, ERROR: decode_server_notice}
__all__ = ['BINARY_DECODERS', 'ERROR', 'FILE', 'MCP_REQUEST', 'PROCESS_EVENT', 'RESPONSE', 'TEXT_DECODERS', 'TURN_DONE', 'EventRecord', 'FileChunkRecord', 'McpRequestRecord', 'Record', 'ResponseRecord', 'ServerNoticeRecord', 'TurnDoneRecord', 'decode_file_chunk', 'decode_mcp_request', 'decode_process_event', 'decode_response', 'decode_server_notice', 'decode_turn_done']
