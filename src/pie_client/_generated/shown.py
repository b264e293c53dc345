"""Fields of messages that are not secret, by the tag of the message; of each, whether it is a text.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

Shown: TypeAlias = Mapping[str, bool]

REQUESTS: Final[Mapping[str, Shown]] = MappingProxyType(
    {
        "auth_identify": MappingProxyType({"type": True, "corr_id": False, "username": True}),
        "auth_prove": MappingProxyType({"type": True, "corr_id": False}),
        "auth_by_token": MappingProxyType({"type": True, "corr_id": False}),
        "check_program": MappingProxyType(
            {
                "type": True,
                "corr_id": False,
                "name": True,
                "version": True,
                "wasm_hash": True,
                "manifest_hash": True,
            }
        ),
        "query": MappingProxyType({"type": True, "corr_id": False, "subject": True}),
        "add_program": MappingProxyType(
            {
                "type": True,
                "corr_id": False,
                "program_hash": True,
                "force_overwrite": False,
                "chunk_index": False,
                "total_chunks": False,
            }
        ),
        "launch_process": MappingProxyType(
            {
                "type": True,
                "corr_id": False,
                "inferlet": True,
                "capture_outputs": False,
                "token_budget": False,
            }
        ),
        "launch_processes": MappingProxyType(
            {
                "type": True,
                "corr_id": False,
                "inferlet": True,
                "capture_outputs": False,
                "token_budgets": False,
            }
        ),
        "run_processes": MappingProxyType(
            {"type": True, "corr_id": False, "inferlet": True, "token_budgets": False}
        ),
        "launch_daemon": MappingProxyType({"type": True, "corr_id": False, "port": False, "inferlet": True}),
        "attach_process": MappingProxyType({"type": True, "corr_id": False, "process_id": True}),
        "terminate_process": MappingProxyType({"type": True, "corr_id": False, "process_id": True}),
        "signal_process": MappingProxyType({"type": True, "process_id": True}),
        "transfer_file": MappingProxyType(
            {"type": True, "process_id": True, "file_hash": True, "chunk_index": False, "total_chunks": False}
        ),
        "list_processes": MappingProxyType({"type": True, "corr_id": False}),
        "ping": MappingProxyType({"type": True, "corr_id": False}),
        "register_mcp_server": MappingProxyType(
            {"type": True, "corr_id": False, "name": True, "transport": True}
        ),
        "mcp_response": MappingProxyType({"type": True, "corr_id": False, "ok": False}),
        "submit_workflow": MappingProxyType({"type": True, "corr_id": False}),
        "cancel_workflow": MappingProxyType({"type": True, "corr_id": False, "workflow_id": True}),
        "attach_workflow": MappingProxyType({"type": True, "corr_id": False, "workflow_id": True}),
        "detach_workflow": MappingProxyType({"type": True, "corr_id": False, "workflow_id": True}),
    }
)
"""Those of requests."""

BINARY_MESSAGES: Final[Mapping[str, Shown]] = MappingProxyType(
    {
        "response": MappingProxyType({"type": True, "corr_id": False, "ok": False}),
        "file": MappingProxyType(
            {"type": True, "process_id": True, "file_hash": True, "chunk_index": False, "total_chunks": False}
        ),
        "mcp_request": MappingProxyType(
            {"type": True, "corr_id": False, "process_id": True, "server_name": True, "method": True}
        ),
    }
)
"""Those of messages in binary frames, without events."""

TEXT_MESSAGES: Final[Mapping[str, Shown]] = MappingProxyType(
    {
        "turn_done": MappingProxyType({"type": True}),
        "error": MappingProxyType({"type": True}),
    }
)
"""Those of messages in text frames, without events."""

EVENTS: Final[Mapping[str, Shown]] = MappingProxyType(
    {
        "stdout": MappingProxyType({"type": True, "process_id": True, "event": True}),
        "stderr": MappingProxyType({"type": True, "process_id": True, "event": True}),
        "message": MappingProxyType({"type": True, "process_id": True, "event": True}),
        "return": MappingProxyType({"type": True, "process_id": True, "event": True}),
        "error": MappingProxyType({"type": True, "process_id": True, "event": True}),
    }
)
"""Those of events, by their kind."""

UNKNOWN_EVENT: Final[Shown] = MappingProxyType({"type": True, "process_id": True, "event": True})
"""Those of events of a kind that the schema does not know."""

__all__ = ["BINARY_MESSAGES", "EVENTS", "REQUESTS", "TEXT_MESSAGES", "UNKNOWN_EVENT", "Shown"]
