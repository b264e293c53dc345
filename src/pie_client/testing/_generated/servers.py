"""Traits of each family's servers, and names and limits that only a server needs.

Written by `python -m codegen generate` from the schema; never edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pie_client._generated.families import Family, FamilyTraits

CHALLENGE_BYTES: Final = 48
"""Random bytes of a challenge."""
UPLOAD_BYTES: Final = 268435456
"""Largest program or file that a server takes, unless it is configured otherwise."""
BUFFERED_EVENTS: Final = 4096
"""Events that a server keeps for a process without a client; the oldest go first."""
TOKEN_BYTES: Final = 48
"""Random bytes of a server's internal token."""
QUEUED_MESSAGES: Final = 1000
"""Messages that a server queues for a client that does not read; then it stops answering."""
WORKFLOW_ITERATIONS: Final = 1000
"""Rounds after which a loop of a workflow fails."""
WRONG_TOKEN_LEAST_MS: Final = 1000
"""Milliseconds that a server of the 0.4 family lets a wrong token wait for its refusal, at least."""
WRONG_TOKEN_MOST_MS: Final = 3000
"""And at most; which it is is left to chance."""

ABORT: Final = "cancel"
"""Text frame by which a client breaks off everything that it waits for, where the server reads text frames."""

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
"""Statistics that every server returns for each model, as `<model>.<statistic>`."""

SCRIPT_DEFAULT_ENTRY: Final = "main"
"""Function of a script that is called if its manifest names none."""

WORKFLOW_VALUE: Final = "_input"
"""Key of the input under which a value stands that is no object."""

WORKFLOW_ARGUMENTS: Final = "_args"
"""Key of the list to which a configuration is added that is no object."""

WORKFLOW_FALSY: Final = ("", "false", "0", "null")
"""Texts that count as false, as do null, false, 0 and what is empty."""


@dataclass(frozen=True, slots=True)
class ServerTraits(FamilyTraits):
    """How the servers of a family behave."""

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
    verifies_dependencies: bool
    """A program is refused where one that it depends on was not uploaded before, rather than looked for in a
    registry."""
    hides_attached: bool
    """A process that a connection holds is not found by others, rather than refused."""
    answers_unknown_queries: bool
    """A query about an unknown subject is refused rather than left unanswered."""
    drops_closed: bool
    """A WebSocket close ends the TCP connection at once, instead of being answered with a close."""
    serial: bool
    """A request that takes long holds up everything on its connection, events too."""
    answers_rejected_chunks: bool
    """A rejected chunk of a program is answered at once, rather than only where it is the last."""


SERVERS: Final[Mapping[Family, ServerTraits]] = MappingProxyType(
    {
        "0.4": ServerTraits(
            name="0.4",
            title="Pie 0.3 and 0.4",
            releases=("0.3", "0.4"),
            path=None,
            identity_header=None,
            user=None,
            frame_bytes=16777216,
            runs_scripts=False,
            terminates_on_disconnect=False,
            message_bytes=67108864,
            refused_frame_bytes=None,
            identify_first=True,
            text_frames=False,
            bare_program_names=False,
            verifies_uploads=False,
            uploads_by_number=False,
            verifies_dependencies=False,
            hides_attached=True,
            answers_unknown_queries=False,
            drops_closed=False,
            serial=True,
            answers_rejected_chunks=True,
        ),
        "0.5": ServerTraits(
            name="0.5",
            title="Pie 0.5",
            releases=("0.5",),
            path="/v1/ws",
            identity_header="x-pie-identity",
            user="internal",
            frame_bytes=7340032,
            runs_scripts=True,
            terminates_on_disconnect=True,
            message_bytes=7340032,
            refused_frame_bytes=8126464,
            identify_first=False,
            text_frames=True,
            bare_program_names=True,
            verifies_uploads=True,
            uploads_by_number=True,
            verifies_dependencies=True,
            hides_attached=False,
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
    "MODEL_STATISTICS",
    "MODEL_STATUS",
    "QUEUED_MESSAGES",
    "SCRIPT_DEFAULT_ENTRY",
    "SERVERS",
    "TOKEN_BYTES",
    "UPLOAD_BYTES",
    "WORKFLOW_ARGUMENTS",
    "WORKFLOW_FALSY",
    "WORKFLOW_ITERATIONS",
    "WORKFLOW_VALUE",
    "WRONG_TOKEN_LEAST_MS",
    "WRONG_TOKEN_MOST_MS",
    "ServerTraits",
]
