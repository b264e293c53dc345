"""Traits of each family's servers, and names and limits that only a server needs.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pie_client._generated.families import Family

CHALLENGE_BYTES: Final = 48
"""Size of a challenge, in random bytes."""
BUFFERED_EVENTS: Final = 4096
"""Events that a server buffers for a process without a client; the oldest are discarded first."""
TOKEN_BYTES: Final = 48
"""Size of a server's internal token, in random bytes."""
LARGEST_RSA_KEY_BITS: Final = 4096
"""Largest RSA key that a server accepts, in bits."""
QUEUED_MESSAGES: Final = 1000
"""Messages that a server queues for a client that does not read. When the queue is full, it stops answering."""
WORKFLOW_ITERATIONS: Final = 1000
"""Iterations after which a loop of a workflow fails."""
WRONG_TOKEN_LEAST_MS: Final = 1000
"""Shortest delay before a 0.4 server refuses a wrong token, in milliseconds."""
WRONG_TOKEN_MOST_MS: Final = 3000
"""Longest delay before a 0.4 server refuses a wrong token, in milliseconds. The delay is random."""

ABORT: Final = "cancel"
"""Text frame with which a client aborts all of its pending requests, on servers that read text frames."""

REGISTRY_MANIFEST: Final = "/api/v1/inferlets/{name}/{version}/manifest"
"""Path below a program registry's URL from which servers fetch a program's manifest."""

MODEL_STATUS: Final = "model_status"
"""Query subject that every server knows."""

MODEL_STATISTICS: Final = (
    "kv_pages_used",
    "kv_pages_total",
    "total_batches",
    "total_tokens_processed",
    "last_batch_latency_us",
    "avg_batch_latency_us",
)
"""Statistics that every server returns for each model, as `<model>.<statistic>`."""

SCRIPT_DEFAULT_ENTRY: Final = "main"
"""Function that is called if a script's manifest names none."""

WORKFLOW_VALUE: Final = "_input"
"""Key in the input for a value that is not an object."""

WORKFLOW_ARGUMENTS: Final = "_args"
"""Key of the list for a configuration that is not an object."""

WORKFLOW_FALSY: Final = ("", "false", "0", "null")
"""Texts that are false, as are null, false, 0 and empty values."""

MCP_UNSPECIFIED_CODE: Final = -32000
"""JSON-RPC error code for an error without one."""

MCP_LIST_TOOLS: Final = "tools/list"
"""List the tools, first page."""
MCP_CALL_TOOL: Final = "tools/call"
"""Call a tool."""
MCP_LIST_RESOURCES: Final = "resources/list"
"""List the resources, first page."""
MCP_READ_RESOURCE: Final = "resources/read"
"""Read a resource."""
MCP_LIST_PROMPTS: Final = "prompts/list"
"""List the prompts, first page."""
MCP_GET_PROMPT: Final = "prompts/get"
"""Get a prompt with its arguments filled in."""


class ServerTraits(NamedTuple):
    """How the servers of a family behave."""

    name: Family
    title: str
    """Display name of the family."""
    releases: tuple[str, ...]
    """Releases of the server."""
    user: str | None
    """User of every session. Default: the identified user."""
    frame_bytes: int
    """Largest WebSocket frame that the server accepts, in bytes."""
    runs_scripts: bool
    """Whether a program may be a script instead of a WebAssembly component."""
    terminates_on_disconnect: bool
    """Whether the end of a connection terminates the processes whose output it captured."""
    path: str | None
    """Path of the WebSocket endpoint. Default: any path."""
    identity_header: str | None
    """HTTP header that must name a tenant and user. Default: none."""
    message_bytes: int
    """Largest WebSocket message that the server accepts, in bytes."""
    output_bytes: int | None
    """Largest text of a standard output or error event, in bytes: longer writes are cut, and a character on a
    cut becomes U+FFFD on both sides. Default: writes are not cut."""
    refused_frame_bytes: int | None
    """Largest WebSocket frame that the server refuses with a text, in bytes; a larger frame ends the connection
    without one. Default: no frame is refused with a text."""
    identify_first: bool
    """Whether the client must identify itself before other requests."""
    text_frames: bool
    """Whether the server sends text frames, and reads them: a request as JSON, or the word that aborts.
    Otherwise it ignores them."""
    bare_program_names: bool
    """Whether a program can be launched by its name without a version."""
    verifies_uploads: bool
    """Whether the server compares an uploaded program with its digest."""
    uploads_by_number: bool
    """Whether the server keeps uploads by correlation number, and files by process and digest. Otherwise it
    keeps both by digest alone."""
    verifies_dependencies: bool
    """Whether the server refuses a program whose dependencies are not installed. Otherwise it looks for them in
    a registry."""
    hides_attached: bool
    """Whether a process with an attached connection is reported as not found. Otherwise attaching to it is
    refused."""
    finds_terminated: bool
    """Whether a process that was just terminated can be terminated again, before it is gone. Otherwise it is
    reported as not found at once."""
    answers_unknown_queries: bool
    """Whether the server refuses a query about an unknown subject. Otherwise it does not reply."""
    drops_closed: bool
    """Whether the server answers a WebSocket close frame by closing the TCP connection. Otherwise it sends a
    close frame first, but only with its next message, so possibly late or never."""
    serial: bool
    """Whether a slow request delays everything else on its connection, events included."""
    answers_rejected_chunks: bool
    """Whether the server answers every rejected chunk of a program. Otherwise it answers only the last chunk."""


SERVERS: Final[Mapping[Family, ServerTraits]] = MappingProxyType(
    {
        "0.4": ServerTraits(
            name="0.4",
            title="Pie 0.3 and 0.4",
            releases=("0.3", "0.4"),
            user=None,
            frame_bytes=16777216,
            runs_scripts=False,
            terminates_on_disconnect=False,
            path=None,
            identity_header=None,
            message_bytes=67108864,
            output_bytes=4096,
            refused_frame_bytes=None,
            identify_first=True,
            text_frames=False,
            bare_program_names=False,
            verifies_uploads=False,
            uploads_by_number=False,
            verifies_dependencies=False,
            hides_attached=True,
            finds_terminated=True,
            answers_unknown_queries=False,
            drops_closed=False,
            serial=True,
            answers_rejected_chunks=True,
        ),
        "0.5": ServerTraits(
            name="0.5",
            title="Pie 0.5",
            releases=("0.5",),
            user="internal",
            frame_bytes=7340032,
            runs_scripts=True,
            terminates_on_disconnect=True,
            path="/v1/ws",
            identity_header="x-pie-identity",
            message_bytes=7340032,
            output_bytes=None,
            refused_frame_bytes=8126464,
            identify_first=False,
            text_frames=True,
            bare_program_names=True,
            verifies_uploads=True,
            uploads_by_number=True,
            verifies_dependencies=True,
            hides_attached=False,
            finds_terminated=False,
            answers_unknown_queries=True,
            drops_closed=True,
            serial=False,
            answers_rejected_chunks=False,
        ),
    }
)
"""The families, oldest first."""


__all__ = [
    "ABORT",
    "BUFFERED_EVENTS",
    "CHALLENGE_BYTES",
    "LARGEST_RSA_KEY_BITS",
    "MCP_CALL_TOOL",
    "MCP_GET_PROMPT",
    "MCP_LIST_PROMPTS",
    "MCP_LIST_RESOURCES",
    "MCP_LIST_TOOLS",
    "MCP_READ_RESOURCE",
    "MCP_UNSPECIFIED_CODE",
    "MODEL_STATISTICS",
    "MODEL_STATUS",
    "QUEUED_MESSAGES",
    "REGISTRY_MANIFEST",
    "SCRIPT_DEFAULT_ENTRY",
    "SERVERS",
    "TOKEN_BYTES",
    "WORKFLOW_ARGUMENTS",
    "WORKFLOW_FALSY",
    "WORKFLOW_ITERATIONS",
    "WORKFLOW_VALUE",
    "WRONG_TOKEN_LEAST_MS",
    "WRONG_TOKEN_MOST_MS",
    "ServerTraits",
]
