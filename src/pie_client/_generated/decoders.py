"""Decoders of server messages: fast for what servers normally send; the models validate the rest.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from pie_client._generated.events import EVENT_CLASS, Event, ModelledEvent

if TYPE_CHECKING:
    from pie_client._generated import models

# Records are made without a call of a Python function.
_new: Final = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - generic in its items

RESPONSE: Final = "response"
PROCESS_EVENT: Final = "process_event"
FILE: Final = "file"
MCP_REQUEST: Final = "mcp_request"
TURN_DONE: Final = "turn_done"
ERROR: Final = "error"
"""Tags of messages."""


class EventRecord(NamedTuple):
    """An event of a process: its kind and text, or the event itself if it has other fields or an unknown kind."""

    process_id: str
    event: tuple[Event, str] | ModelledEvent


_KINDS: Final[Mapping[object, Event]] = {kind.value: kind for kind in EVENT_CLASS}


def decode_process_event(fields: Mapping[str, object]) -> tuple[Event, str] | None:
    """Return the kind and text of an event, or None if the model has to validate it."""
    try:
        text = fields["value"]
        if len(fields) == 4 and type(text) is str and type(fields["process_id"]) is str:
            return _KINDS[fields["event"]], text
    except (KeyError, TypeError):
        pass
    return None


class ResponseRecord(NamedTuple):
    """The one reply to a request."""

    corr_id: models.CorrelationId
    ok: bool
    result: str


def decode_response(_fields: Mapping[str, object]) -> ResponseRecord | None:
    """Return the record of a message, or None if the model has to validate it."""
    try:
        corr_id = _fields["corr_id"]
        ok = _fields["ok"]
        result = _fields["result"]
        if (
            len(_fields) == 4
            and type(corr_id) is int
            and 0 <= corr_id <= 4294967295
            and type(ok) is bool
            and type(result) is str
        ):
            return _new(ResponseRecord, (corr_id, ok, result))
    except KeyError:
        pass
    return None


class FileChunkRecord(NamedTuple):
    """A chunk of a file that a process sends. An empty file has no chunks."""

    process_id: models.ProcessId
    file_hash: models.Blake3Digest
    chunk_index: models.Usize
    total_chunks: models.ChunkCount
    chunk_data: models.Bytes
    name: str | None


def decode_file_chunk(_fields: Mapping[str, object]) -> FileChunkRecord | None:
    """Return the record of a message, or None if the model has to validate it."""
    try:
        process_id = _fields["process_id"]
        file_hash = _fields["file_hash"]
        chunk_index = _fields["chunk_index"]
        total_chunks = _fields["total_chunks"]
        chunk_data = _fields["chunk_data"]
        name = _fields.get("name")
        if (
            len(_fields) == 6 + ("name" in _fields)
            and type(process_id) is str
            and type(file_hash) is str
            and type(chunk_index) is int
            and 0 <= chunk_index <= 18446744073709551615
            and type(total_chunks) is int
            and 1 <= total_chunks <= 18446744073709551615
            and type(chunk_data) is bytes
            and (name is None or type(name) is str)
        ):
            return _new(FileChunkRecord, (process_id, file_hash, chunk_index, total_chunks, chunk_data, name))
    except KeyError:
        pass
    return None


class McpRequestRecord(NamedTuple):
    """A call of an inferlet to an MCP server that this client registered. The inferlet waits for the
    mcp_response with the same number."""

    corr_id: models.CorrelationId
    process_id: models.ProcessId
    server_name: str
    method: str
    params: str


def decode_mcp_request(_fields: Mapping[str, object]) -> McpRequestRecord | None:
    """Return the record of a message, or None if the model has to validate it."""
    try:
        corr_id = _fields["corr_id"]
        process_id = _fields["process_id"]
        server_name = _fields["server_name"]
        method = _fields["method"]
        params = _fields["params"]
        if (
            len(_fields) == 6
            and type(corr_id) is int
            and 0 <= corr_id <= 4294967295
            and type(process_id) is str
            and type(server_name) is str
            and type(method) is str
            and type(params) is str
        ):
            return _new(McpRequestRecord, (corr_id, process_id, server_name, method, params))
    except KeyError:
        pass
    return None


class TurnDoneRecord(NamedTuple):
    """Text frame: the server finished a request. It does not name the request."""


def decode_turn_done(_fields: Mapping[str, object]) -> TurnDoneRecord | None:
    """Return the record of a message, or None if the model has to validate it."""
    try:
        if len(_fields) == 1:
            return _new(TurnDoneRecord, ())
    except KeyError:
        pass
    return None


class ServerNoticeRecord(NamedTuple):
    """Text frame: an error. It does not name the request."""

    message: str


def decode_server_notice(_fields: Mapping[str, object]) -> ServerNoticeRecord | None:
    """Return the record of a message, or None if the model has to validate it."""
    try:
        message = _fields["message"]
        if len(_fields) == 2 and type(message) is str:
            return _new(ServerNoticeRecord, (message,))
    except KeyError:
        pass
    return None


Record: TypeAlias = ResponseRecord | FileChunkRecord | McpRequestRecord | TurnDoneRecord | ServerNoticeRecord
"""A message that is not an event."""

BINARY_DECODERS: Final[Mapping[object, Callable[[Mapping[str, object]], Record | None]]] = {
    RESPONSE: decode_response,
    FILE: decode_file_chunk,
    MCP_REQUEST: decode_mcp_request,
}
"""Decoders of messages in binary frames by their tag, without the one of events."""

TEXT_DECODERS: Final[Mapping[object, Callable[[Mapping[str, object]], Record | None]]] = {
    TURN_DONE: decode_turn_done,
    ERROR: decode_server_notice,
}
"""Decoders of messages in text frames by their tag, without the one of events."""


__all__ = [
    "BINARY_DECODERS",
    "ERROR",
    "FILE",
    "MCP_REQUEST",
    "PROCESS_EVENT",
    "RESPONSE",
    "TEXT_DECODERS",
    "TURN_DONE",
    "EventRecord",
    "FileChunkRecord",
    "McpRequestRecord",
    "Record",
    "ResponseRecord",
    "ServerNoticeRecord",
    "TurnDoneRecord",
    "decode_file_chunk",
    "decode_mcp_request",
    "decode_process_event",
    "decode_response",
    "decode_server_notice",
    "decode_turn_done",
]
