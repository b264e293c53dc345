"""Models of messages by their tags.

Written by `python -m codegen generate` from the schema; never edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from pie_client._generated import models
from pie_client._generated.events import EventMessage
from pie_client._generated.families import Family
from pie_client._generated.methods import METHODS
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

ServerMessage: TypeAlias = (
    models.Response
    | EventMessage
    | models.FileChunk
    | models.McpRequest
    | models.TurnDone
    | models.ServerNotice
)
"""Any message of a server, binary or text."""


@dataclass(frozen=True, slots=True)
class TaggedUnion:
    """Messages of one type, distinguished by a second tag."""

    discriminator: str
    members: Mapping[str, type[WireModel]]
    unknown: type[WireModel]
    """Model of the members that the schema does not know."""


CLIENT_MESSAGES: Final[Mapping[str, type[WireModel]]] = MappingProxyType(
    {m.tag: m.model for m in METHODS.values()}
)
"""Requests by their tag."""

SERVER_MESSAGES: Final[Mapping[str, type[WireModel] | TaggedUnion]] = MappingProxyType(
    {
        "response": models.Response,
        "process_event": TaggedUnion(
            "event",
            MappingProxyType(
                {
                    "stdout": models.StdoutFrame,
                    "stderr": models.StderrFrame,
                    "message": models.MessageFrame,
                    "return": models.ReturnFrame,
                    "error": models.ErrorFrame,
                }
            ),
            models.UnknownFrame,
        ),
        "file": models.FileChunk,
        "mcp_request": models.McpRequest,
    }
)
"""Messages in binary frames by their tag."""

TEXT_MESSAGES: Final[Mapping[str, type[WireModel]]] = MappingProxyType(
    {
        "turn_done": models.TurnDone,
        "error": models.ServerNotice,
    }
)
"""Messages in text frames by their tag."""

FIELDS_OF_FAMILIES: Final[Mapping[type[WireModel], Mapping[str, frozenset[Family]]]] = MappingProxyType(
    {
        models.FileChunk: MappingProxyType(
            {
                "name": frozenset({"0.5"}),
            }
        ),
    }
)
"""Fields of server messages that only some families send."""

__all__ = [
    "CLIENT_MESSAGES",
    "FIELDS_OF_FAMILIES",
    "SERVER_MESSAGES",
    "TEXT_MESSAGES",
    "ClientMessage",
    "ServerMessage",
    "TaggedUnion",
]
