"""From the tag of a message to its model.

Written by `python -m codegen generate` from schema/; never edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from pie_client._generated import models
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

ServerMessage: TypeAlias = (
    models.Response
    | models.StdoutFrame
    | models.StderrFrame
    | models.MessageFrame
    | models.ReturnFrame
    | models.ErrorFrame
    | models.UnknownFrame
    | models.FileChunk
    | models.McpRequest
    | models.TurnDone
    | models.ServerNotice
)

"""Any message of a server, binary or text."""


@dataclass(frozen=True, slots=True)
class TaggedUnion:
    """Messages of one type that a second tag tells apart."""

    discriminator: str
    members: Mapping[str, type[WireModel]]
    unknown: type[WireModel]
    """Shape of the members that the schema does not know."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request as it travels."""

    kind: Literal["integer", "boolean", "string", "bytes", "array", "other"]
    required: bool = True
    """It has to be there, and not nil."""
    bits: int = 0
    """Width of an unsigned integer."""
    items: "Field | None" = None
    """Members of an array; those that are not required may be nil."""
    families: frozenset[Family] | None = None
    """Families that know the field; all, where None."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A request as it travels: its fields in order, without the tag."""

    families: frozenset[Family]
    fields: Mapping[str, Field]


SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "auth_identify": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "username": Field("string"),
                }
            ),
        ),
        "auth_prove": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "signature": Field("string"),
                }
            ),
        ),
        "auth_by_token": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "token": Field("string"),
                }
            ),
        ),
        "check_program": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "name": Field("string"),
                    "version": Field("string"),
                    "wasm_hash": Field("string", required=False, families=frozenset({"0.4"})),
                    "manifest_hash": Field("string", required=False, families=frozenset({"0.4"})),
                }
            ),
        ),
        "query": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "subject": Field("string"),
                    "record": Field("string"),
                }
            ),
        ),
        "add_program": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "program_hash": Field("string"),
                    "manifest": Field("string"),
                    "force_overwrite": Field("boolean"),
                    "chunk_index": Field("integer", bits=64),
                    "total_chunks": Field("integer", bits=64),
                    "chunk_data": Field("bytes"),
                }
            ),
        ),
        "launch_process": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "inferlet": Field("string"),
                    "input": Field("string"),
                    "capture_outputs": Field("boolean"),
                    "token_budget": Field("integer", required=False, families=frozenset({"0.4"}), bits=64),
                }
            ),
        ),
        "launch_processes": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "inferlet": Field("string"),
                    "inputs": Field("array", items=Field("string")),
                    "capture_outputs": Field("boolean"),
                    "token_budgets": Field(
                        "array", required=False, items=Field("integer", required=False, bits=64)
                    ),
                }
            ),
        ),
        "run_processes": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "inferlet": Field("string"),
                    "inputs": Field("array", items=Field("string")),
                    "token_budgets": Field(
                        "array", required=False, items=Field("integer", required=False, bits=64)
                    ),
                }
            ),
        ),
        "launch_daemon": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "port": Field("integer", bits=32),
                    "inferlet": Field("string"),
                    "input": Field("string"),
                }
            ),
        ),
        "attach_process": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "process_id": Field("string"),
                }
            ),
        ),
        "terminate_process": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "process_id": Field("string"),
                }
            ),
        ),
        "signal_process": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "process_id": Field("string"),
                    "message": Field("string"),
                }
            ),
        ),
        "transfer_file": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "process_id": Field("string"),
                    "file_hash": Field("string"),
                    "chunk_index": Field("integer", bits=64),
                    "total_chunks": Field("integer", bits=64),
                    "chunk_data": Field("bytes"),
                }
            ),
        ),
        "list_processes": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                }
            ),
        ),
        "ping": Shape(
            families=frozenset(
                {
                    "0.4",
                    "0.5",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                }
            ),
        ),
        "register_mcp_server": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "name": Field("string"),
                    "transport": Field("string"),
                    "command": Field("string", required=False),
                    "args": Field("array", required=False, items=Field("string")),
                    "url": Field("string", required=False),
                }
            ),
        ),
        "mcp_response": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "ok": Field("boolean"),
                    "result": Field("string"),
                }
            ),
        ),
        "submit_workflow": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "json": Field("string"),
                }
            ),
        ),
        "cancel_workflow": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "workflow_id": Field("string"),
                }
            ),
        ),
        "attach_workflow": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "workflow_id": Field("string"),
                }
            ),
        ),
        "detach_workflow": Shape(
            families=frozenset(
                {
                    "0.4",
                }
            ),
            fields=MappingProxyType(
                {
                    "corr_id": Field("integer", bits=32),
                    "workflow_id": Field("string"),
                }
            ),
        ),
    }
)
"""Requests by their tag, in order: servers take a request's place in it for its tag, and its fields by theirs."""

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

SERVER_MESSAGES: Final[Mapping[str, type[WireModel] | TaggedUnion]] = MappingProxyType(
    {
        "response": models.Response,
        "process_event": TaggedUnion(
            discriminator="event",
            members=MappingProxyType(
                {
                    "stdout": models.StdoutFrame,
                    "stderr": models.StderrFrame,
                    "message": models.MessageFrame,
                    "return": models.ReturnFrame,
                    "error": models.ErrorFrame,
                }
            ),
            unknown=models.UnknownFrame,
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
                "name": frozenset(
                    {
                        "0.5",
                    }
                ),
            }
        ),
    }
)
"""Fields of server messages that only some families send."""

__all__ = [
    "CLIENT_MESSAGES",
    "FIELDS_OF_FAMILIES",
    "SERVER_MESSAGES",
    "SHAPES",
    "TEXT_MESSAGES",
    "ClientMessage",
    "Field",
    "ServerMessage",
    "Shape",
    "TaggedUnion",
]
