"""Models of messages by their tags.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from pie_client._generated import decoders, models
from pie_client._generated.events import Event, UnknownEvent
from pie_client._generated.families import Family
from pie_client.base import WireModel

ClientMessage: TypeAlias = (
    models.AuthIdentifyRequest
    | models.AuthProveRequest
    | models.AuthByTokenRequest
    | models.CheckProgramRequest
    | models.QueryRequest
    | models.AddProgramRequest
    | models.LaunchProcessRequest
    | models.LaunchProcessesRequest
    | models.RunProcessesRequest
    | models.LaunchDaemonRequest
    | models.AttachProcessRequest
    | models.TerminateProcessRequest
    | models.SignalProcessRequest
    | models.TransferFileRequest
    | models.ListProcessesRequest
    | models.PingRequest
    | models.RegisterMcpServerRequest
    | models.McpResponseRequest
    | models.SubmitWorkflowRequest
    | models.CancelWorkflowRequest
    | models.AttachWorkflowRequest
    | models.DetachWorkflowRequest
)
"""Any request."""

EVENT_MESSAGES: Final = (
    models.StdoutFrame,
    models.StderrFrame,
    models.MessageFrame,
    models.ReturnFrame,
    models.ErrorFrame,
    models.UnknownFrame,
)
"""Classes of the messages that carry an event."""

ServerMessage: TypeAlias = (
    models.StdoutFrame
    | models.StderrFrame
    | models.MessageFrame
    | models.ReturnFrame
    | models.ErrorFrame
    | models.UnknownFrame
    | models.Response
    | models.FileChunk
    | models.McpRequest
    | models.TurnDone
    | models.ServerNotice
)
"""Any message of a server, binary or text."""

CLIENT_MESSAGES: Final[Mapping[str, type[WireModel]]] = MappingProxyType(
    {
        "auth_identify": models.AuthIdentifyRequest,
        "auth_prove": models.AuthProveRequest,
        "auth_by_token": models.AuthByTokenRequest,
        "check_program": models.CheckProgramRequest,
        "query": models.QueryRequest,
        "add_program": models.AddProgramRequest,
        "launch_process": models.LaunchProcessRequest,
        "launch_processes": models.LaunchProcessesRequest,
        "run_processes": models.RunProcessesRequest,
        "launch_daemon": models.LaunchDaemonRequest,
        "attach_process": models.AttachProcessRequest,
        "terminate_process": models.TerminateProcessRequest,
        "signal_process": models.SignalProcessRequest,
        "transfer_file": models.TransferFileRequest,
        "list_processes": models.ListProcessesRequest,
        "ping": models.PingRequest,
        "register_mcp_server": models.RegisterMcpServerRequest,
        "mcp_response": models.McpResponseRequest,
        "submit_workflow": models.SubmitWorkflowRequest,
        "cancel_workflow": models.CancelWorkflowRequest,
        "attach_workflow": models.AttachWorkflowRequest,
        "detach_workflow": models.DetachWorkflowRequest,
    }
)
"""Requests by their tag."""

BINARY_MESSAGES: Final[Mapping[str, type[WireModel]]] = MappingProxyType(
    {
        "response": models.Response,
        "file": models.FileChunk,
        "mcp_request": models.McpRequest,
    }
)
"""Messages in binary frames by their tag, without events."""

TEXT_MESSAGES: Final[Mapping[str, type[WireModel]]] = MappingProxyType(
    {
        "turn_done": models.TurnDone,
        "error": models.ServerNotice,
    }
)
"""Messages in text frames by their tag, without events."""

EVENTS: Final[Mapping[object, type[WireModel]]] = MappingProxyType(
    {
        "stdout": models.StdoutFrame,
        "stderr": models.StderrFrame,
        "message": models.MessageFrame,
        "return": models.ReturnFrame,
        "error": models.ErrorFrame,
    }
)
"""Events by their kind."""

UNKNOWN: Final = models.UnknownFrame
"""Model of the events that the schema does not know."""

FIELDS_OF_FAMILIES: Final[Mapping[type[WireModel], Mapping[str, tuple[Family, ...]]]] = MappingProxyType(
    {
        models.FileChunk: MappingProxyType(
            {
                "name": ("0.5",),
            }
        ),
    }
)
"""Fields of server messages that only some families send."""


def record_of(message: ServerMessage) -> decoders.Record | decoders.EventRecord:
    """Return a message as the decoders return it."""
    if isinstance(message, models.StdoutFrame):
        return decoders.EventRecord(message.process_id, (Event.Stdout, message.value))
    if isinstance(message, models.StderrFrame):
        return decoders.EventRecord(message.process_id, (Event.Stderr, message.value))
    if isinstance(message, models.MessageFrame):
        return decoders.EventRecord(message.process_id, (Event.Message, message.value))
    if isinstance(message, models.ReturnFrame):
        return decoders.EventRecord(message.process_id, (Event.Return, message.value))
    if isinstance(message, models.ErrorFrame):
        return decoders.EventRecord(message.process_id, (Event.Error, message.value))
    if isinstance(message, models.Response):
        return decoders.ResponseRecord(message.corr_id, message.ok, message.result)
    if isinstance(message, models.FileChunk):
        return decoders.FileChunkRecord(
            message.process_id,
            message.file_hash,
            message.chunk_index,
            message.total_chunks,
            message.chunk_data,
            message.name,
        )
    if isinstance(message, models.McpRequest):
        return decoders.McpRequestRecord(
            message.corr_id, message.process_id, message.server_name, message.method, message.params
        )
    if isinstance(message, models.TurnDone):
        return decoders.TurnDoneRecord()
    if isinstance(message, models.ServerNotice):
        return decoders.ServerNoticeRecord(message.message)
    return decoders.EventRecord(message.process_id, UnknownEvent(message.event, message.value))


__all__ = [
    "BINARY_MESSAGES",
    "CLIENT_MESSAGES",
    "EVENTS",
    "EVENT_MESSAGES",
    "FIELDS_OF_FAMILIES",
    "TEXT_MESSAGES",
    "UNKNOWN",
    "ClientMessage",
    "ServerMessage",
    "record_of",
]
