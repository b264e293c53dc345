"""Server families: what each knows, how it behaves, and how it is recognised.

Written by `python -m codegen generate` from schema/; never edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from pie_client._generated import results

Family: TypeAlias = Literal[
    "0.4",
    "0.5",
]
"""Name of a server family: the oldest release that speaks its protocol as this schema describes it."""

CHUNK_BYTES: Final = 262144
"""Size of an upload's and a file's chunks, by convention; the last one is shorter."""

CHALLENGE_BYTES: Final = 48
"""Random bytes of a challenge."""

UPLOAD_BYTES: Final = 268435456
"""Largest program or file that a server takes, unless it is configured otherwise."""

BUFFERED_EVENTS: Final = 4096
"""Events that a server keeps for a process without a client; the oldest go first."""

RSA_KEY_BITS: Final = 2048
"""Smallest RSA key that a server accepts."""

TOKEN_BYTES: Final = 48
"""Random bytes of a server's internal token."""

HIGHEST_PORT: Final = 65535
"""Highest TCP port of a daemon. Servers take larger numbers, and listen on what is left of them in 16 bits."""

QUEUED_MESSAGES: Final = 1000
"""Messages that a server queues for a client that does not read; then it stops answering."""

WORKFLOW_ITERATIONS: Final = 1000
"""Rounds after which a loop of a workflow fails."""

WRONG_TOKEN_LEAST_MS: Final = 1000
"""Milliseconds that a server of the 0.4 family lets a wrong token wait for its refusal, at least."""

WRONG_TOKEN_MOST_MS: Final = 3000
"""And at most; which it is is left to chance."""

DEFAULT_USER: Final = "pie-client"
"""Who a client says it is when nobody told it."""

TOKEN_USER: Final = "internal"
"""Who a session is that was authenticated by token."""

SCRIPT_RUNTIME: Final[Mapping[str, str]] = MappingProxyType({"language": "python", "call": "kwargs"})
"""What the `[runtime]` table of a Python script's manifest says."""

SCRIPT_ENTRY: Final = "entry"
"""Key of the entry of that table which names the function to call."""

SCRIPT_DEFAULT_ENTRY: Final = "main"
"""Function that is called where no entry names one."""

WORKFLOW_VALUE: Final = "_input"
"""Key of a workflow process's input under which a value stands that is no object."""

WORKFLOW_ARGUMENTS: Final = "_args"
"""Key of the list to which a configuration is added that is no object."""

WORKFLOW_FALSY: Final = frozenset(["", "false", "0", "null"])
"""Texts that count as false in workflows."""

ABORT: Final = "cancel"
"""Text frame by which a client breaks off everything that it waits for."""

MODEL_STATUS: Final = "model_status"
"""The query subject that every server knows."""

MODEL_STATISTICS: Final = (
    "kv_pages_used",
    "kv_pages_total",
    "total_batches",
    "total_tokens_processed",
    "last_batch_latency_us",
    "avg_batch_latency_us",
)
"""Statistics that every server gives for each model, under `<model>.<statistic>`."""

TAG: Final = "type"
"""Field that tells messages apart."""

CORRELATION: Final = "corr_id"
"""Field that joins a reply to its request."""

PROCESS: Final = "process_id"
"""Field that says which process is meant."""

PROGRAM_PATTERN: Final = "[a-zA-Z0-9][a-zA-Z0-9_-]*@\\d+\\.\\d+\\.\\d+"
"""Form of a program's name and version; to be matched in full."""

PROGRAM_NAME_PATTERN: Final = "[a-zA-Z0-9][a-zA-Z0-9_-]*"
"""Form of a program's name without its version; to be matched in full."""

LISTING_PATH: Final = "/api/v1/inferlets/{name}"
"""Path below a program registry's URL that tells the versions of a program."""

MAX_CORRELATION: Final = 4294967295
"""Largest correlation number."""


@dataclass(frozen=True, slots=True)
class FamilyTraits:
    """How the servers of a family behave."""

    name: Family
    title: str
    """The family in words."""
    releases: tuple[str, ...]
    """Releases of the server that belong to it."""
    path: str | None
    """The one path of the WebSocket endpoint; any, where absent."""
    identity_header: str | None
    """HTTP header that has to name a tenant and user; none, where absent."""
    user: str | None
    """The one user that every session runs as; the identified one, where absent."""
    frame_bytes: int
    """Largest WebSocket frame that the server reads."""
    message_bytes: int
    """Largest WebSocket message that the server reads."""
    refused_frame_bytes: int | None
    """Largest WebSocket frame that the server refuses in words, where it reads on; a larger one ends the
    connection without any."""
    identify_first: bool
    """Nothing is answered before the client has identified itself."""
    text_frames: bool
    """The server speaks in text frames too."""
    bare_program_names: bool
    """A program can be launched by its name without a version."""
    verifies_uploads: bool
    """The digest of an uploaded program is compared with its bytes."""
    uploads_by_number: bool
    """Uploads of programs are told apart by their correlation number, and files by their process and digest;
    else both by the digest alone, in one table."""
    runs_scripts: bool
    """A program may be a script instead of a WebAssembly component."""
    verifies_dependencies: bool
    """A program is refused where one that it depends on was not uploaded before, rather than looked for in a
    registry."""
    terminates_on_disconnect: bool
    """The end of a connection terminates the processes whose output it captured."""
    hides_attached: bool
    """A process that a connection holds is not found by others, rather than refused."""
    answers_unknown_queries: bool
    """A query about an unknown subject is refused rather than left unanswered."""
    answers_close: bool
    """A WebSocket close ends the connection without delay."""
    drops_closed: bool
    """A WebSocket close ends the TCP connection at once, instead of being answered with a close."""
    serial: bool
    """A request that takes long holds up everything on its connection, events too."""
    answers_rejected_chunks: bool
    """A rejected chunk of a program is answered at once, rather than only where it is the last."""


FAMILIES: Final[Mapping[Family, FamilyTraits]] = MappingProxyType(
    {
        "0.4": FamilyTraits(
            name="0.4",
            title="Pie 0.3 and 0.4",
            releases=("0.3", "0.4"),
            path=None,
            identity_header=None,
            user=None,
            frame_bytes=16777216,
            message_bytes=67108864,
            refused_frame_bytes=None,
            identify_first=True,
            text_frames=False,
            bare_program_names=False,
            verifies_uploads=False,
            uploads_by_number=False,
            runs_scripts=False,
            verifies_dependencies=False,
            terminates_on_disconnect=False,
            hides_attached=True,
            answers_unknown_queries=False,
            answers_close=False,
            drops_closed=False,
            serial=True,
            answers_rejected_chunks=True,
        ),
        "0.5": FamilyTraits(
            name="0.5",
            title="Pie 0.5",
            releases=("0.5",),
            path="/v1/ws",
            identity_header="x-pie-identity",
            user="internal",
            frame_bytes=7340032,
            message_bytes=7340032,
            refused_frame_bytes=8126464,
            identify_first=False,
            text_frames=True,
            bare_program_names=True,
            verifies_uploads=True,
            uploads_by_number=True,
            runs_scripts=True,
            verifies_dependencies=True,
            terminates_on_disconnect=True,
            hides_attached=False,
            answers_unknown_queries=True,
            answers_close=True,
            drops_closed=True,
            serial=False,
            answers_rejected_chunks=False,
        ),
    }
)
"""The families, oldest first."""

NEWEST: Final[Family] = "0.5"
"""The newest family."""

ENDPOINT_PATH: Final = "/v1/ws"
"""Path that suits every family."""

IDENTITY_HEADERS: Final = ("x-pie-identity",)
"""HTTP headers that have to name a tenant and user, for whichever family needs them."""

CAPABILITIES: Final[Mapping[Family, frozenset[str]]] = MappingProxyType(
    {
        "0.4": frozenset(
            {
                "auth_identify",
                "auth_prove",
                "auth_by_token",
                "check_program",
                "query",
                "add_program",
                "launch_process",
                "launch_processes",
                "run_processes",
                "launch_daemon",
                "attach_process",
                "terminate_process",
                "signal_process",
                "transfer_file",
                "list_processes",
                "ping",
                "register_mcp_server",
                "mcp_response",
                "submit_workflow",
                "cancel_workflow",
                "attach_workflow",
                "detach_workflow",
            }
        ),
        "0.5": frozenset(
            {
                "auth_identify",
                "auth_prove",
                "check_program",
                "query",
                "add_program",
                "launch_process",
                "attach_process",
                "terminate_process",
                "signal_process",
                "transfer_file",
                "list_processes",
                "ping",
            }
        ),
    }
)
"""Tags of the requests that each family knows."""

FAMILY_OF_RESULT: Final[Mapping[type, Family]] = MappingProxyType(
    {
        results.AuthenticationDisabled: "0.4",
        results.Challenge: "0.4",
        results.AlreadyAuthenticated: "0.5",
    }
)
"""Answers to the first identification of a connection that only one family gives."""

__all__ = [
    "ABORT",
    "CAPABILITIES",
    "CORRELATION",
    "DEFAULT_USER",
    "ENDPOINT_PATH",
    "FAMILIES",
    "FAMILY_OF_RESULT",
    "IDENTITY_HEADERS",
    "LISTING_PATH",
    "MAX_CORRELATION",
    "MODEL_STATISTICS",
    "MODEL_STATUS",
    "NEWEST",
    "PROCESS",
    "PROGRAM_NAME_PATTERN",
    "PROGRAM_PATTERN",
    "SCRIPT_DEFAULT_ENTRY",
    "SCRIPT_ENTRY",
    "SCRIPT_RUNTIME",
    "TAG",
    "TOKEN_USER",
    "WORKFLOW_ARGUMENTS",
    "WORKFLOW_FALSY",
    "WORKFLOW_VALUE",
    "Family",
    "FamilyTraits",
    "CHUNK_BYTES",
    "CHALLENGE_BYTES",
    "UPLOAD_BYTES",
    "BUFFERED_EVENTS",
    "RSA_KEY_BITS",
    "TOKEN_BYTES",
    "HIGHEST_PORT",
    "QUEUED_MESSAGES",
    "WORKFLOW_ITERATIONS",
    "WRONG_TOKEN_LEAST_MS",
    "WRONG_TOKEN_MOST_MS",
]
