"""The method table: one descriptor for each request.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from pie_client._generated import results
from pie_client._generated.families import Family

if TYPE_CHECKING:
    from pie_client._generated import models

Kind: TypeAlias = Literal["call", "notify", "upload", "transfer", "relay"]
"""call: one reply. notify: no reply. upload: sent in chunks, one reply. transfer: sent in chunks, no reply.
relay: answers a message of the server, with the server's number."""

_R_co = TypeVar("_R_co", covariant=True)


class Method(NamedTuple, Generic[_R_co]):
    """A request of the protocol; generic in the type of its decoded result."""

    tag: str
    kind: Kind
    families: tuple[Family, ...]
    """Families that know the request."""
    since: str
    """Release of the server that introduced it."""
    decode: Callable[[str], _R_co]
    """Decode the text of the reply; raises ValueError."""
    subject: str | None = None
    """Field that names what the request is about, for error texts."""
    subject_version: str | None = None
    """Field with the version of the program that subject names. Default: none."""
    captures: str | None = None
    """Boolean field of a launch: whether the new processes send their events to this connection. The result
    names them."""
    claims: bool = False
    """Whether success makes the process that subject names send its events to this connection."""
    opens_session: bool = False
    """Whether the request may be sent before the client has identified itself."""
    repeatable: bool = False
    """Whether carrying the request out twice has the same effect as once. Clients send only such requests again
    when a connection was lost before the reply."""
    useless: tuple[Family, ...] = ()
    """Families whose servers know the request, but always refuse it. Clients do not send it to them."""
    instead: str = ""
    """What to do on a server that does not support the request, for error texts: a sentence without a full stop."""
    fields: Mapping[str, tuple[Family, ...]] = MappingProxyType({})
    """Fields that only some families know, with those families."""


def _no_result(text: str) -> None:
    """Return None: the request has no reply."""


AUTH_IDENTIFY: Final[Method[results.AuthIdentifyResult]] = Method(
    "auth_identify",
    "call",
    ("0.4", "0.5"),
    "0.3",
    results.decode_auth_identify_result,
    subject="username",
    opens_session=True,
)
AUTH_PROVE: Final[Method[str]] = Method(
    "auth_prove",
    "call",
    ("0.4", "0.5"),
    "0.3",
    str,
    opens_session=True,
    useless=("0.5",),
    instead="Use authenticate",
)
AUTH_BY_TOKEN: Final[Method[str]] = Method(
    "auth_by_token", "call", ("0.4",), "0.3", str, opens_session=True, instead="Use authenticate"
)
CHECK_PROGRAM: Final[Method[models.CheckProgramResult]] = Method(
    "check_program",
    "call",
    ("0.4", "0.5"),
    "0.3",
    results.decode_check_program_result,
    subject="name",
    subject_version="version",
    repeatable=True,
    fields=MappingProxyType({"wasm_hash": ("0.4",), "manifest_hash": ("0.4",)}),
)
QUERY: Final[Method[models.QueryResult]] = Method(
    "query", "call", ("0.4", "0.5"), "0.3", results.decode_query_result, subject="subject", repeatable=True
)
ADD_PROGRAM: Final[Method[str]] = Method("add_program", "upload", ("0.4", "0.5"), "0.3", str)
LAUNCH_PROCESS: Final[Method[str]] = Method(
    "launch_process",
    "call",
    ("0.4", "0.5"),
    "0.3",
    str,
    subject="inferlet",
    captures="capture_outputs",
    fields=MappingProxyType({"token_budget": ("0.4",)}),
)
LAUNCH_PROCESSES: Final[Method[models.LaunchProcessesResult]] = Method(
    "launch_processes",
    "call",
    ("0.4",),
    "0.4",
    results.decode_launch_processes_result,
    subject="inferlet",
    captures="capture_outputs",
    instead="Use asyncio.gather over launch_process",
)
RUN_PROCESSES: Final[Method[models.RunProcessesResult]] = Method(
    "run_processes",
    "call",
    ("0.4",),
    "0.4",
    results.decode_run_processes_result,
    subject="inferlet",
    instead="Use asyncio.gather over launch_process",
)
LAUNCH_DAEMON: Final[Method[str]] = Method(
    "launch_daemon",
    "call",
    ("0.4",),
    "0.3",
    str,
    subject="inferlet",
    instead="Use launch_process, and exchange messages with the process",
)
ATTACH_PROCESS: Final[Method[str]] = Method(
    "attach_process", "call", ("0.4", "0.5"), "0.3", str, subject="process_id", claims=True
)
TERMINATE_PROCESS: Final[Method[str]] = Method(
    "terminate_process", "call", ("0.4", "0.5"), "0.3", str, subject="process_id"
)
SIGNAL_PROCESS: Final[Method[None]] = Method(
    "signal_process", "notify", ("0.4", "0.5"), "0.3", _no_result, subject="process_id"
)
TRANSFER_FILE: Final[Method[None]] = Method(
    "transfer_file", "transfer", ("0.4", "0.5"), "0.3", _no_result, subject="process_id"
)
LIST_PROCESSES: Final[Method[models.ListProcessesResult]] = Method(
    "list_processes", "call", ("0.4", "0.5"), "0.3", results.decode_list_processes_result, repeatable=True
)
PING: Final[Method[str]] = Method("ping", "call", ("0.4", "0.5"), "0.3", str, repeatable=True)
REGISTER_MCP_SERVER: Final[Method[str]] = Method(
    "register_mcp_server",
    "call",
    ("0.4",),
    "0.3",
    str,
    subject="name",
    instead="Call the MCP server in the application, and send its results with signal_process",
)
MCP_RESPONSE: Final[Method[None]] = Method("mcp_response", "relay", ("0.4",), "0.3", _no_result)
SUBMIT_WORKFLOW: Final[Method[str]] = Method(
    "submit_workflow", "call", ("0.4",), "0.3", str, instead="Use launch_process for each of its processes"
)
CANCEL_WORKFLOW: Final[Method[str]] = Method(
    "cancel_workflow", "call", ("0.4",), "0.3", str, subject="workflow_id"
)
ATTACH_WORKFLOW: Final[Method[str]] = Method(
    "attach_workflow", "call", ("0.4",), "0.3", str, subject="workflow_id"
)
DETACH_WORKFLOW: Final[Method[str]] = Method(
    "detach_workflow", "call", ("0.4",), "0.3", str, subject="workflow_id"
)

METHODS: Final[Mapping[str, Method[object]]] = MappingProxyType(
    {
        AUTH_IDENTIFY.tag: AUTH_IDENTIFY,
        AUTH_PROVE.tag: AUTH_PROVE,
        AUTH_BY_TOKEN.tag: AUTH_BY_TOKEN,
        CHECK_PROGRAM.tag: CHECK_PROGRAM,
        QUERY.tag: QUERY,
        ADD_PROGRAM.tag: ADD_PROGRAM,
        LAUNCH_PROCESS.tag: LAUNCH_PROCESS,
        LAUNCH_PROCESSES.tag: LAUNCH_PROCESSES,
        RUN_PROCESSES.tag: RUN_PROCESSES,
        LAUNCH_DAEMON.tag: LAUNCH_DAEMON,
        ATTACH_PROCESS.tag: ATTACH_PROCESS,
        TERMINATE_PROCESS.tag: TERMINATE_PROCESS,
        SIGNAL_PROCESS.tag: SIGNAL_PROCESS,
        TRANSFER_FILE.tag: TRANSFER_FILE,
        LIST_PROCESSES.tag: LIST_PROCESSES,
        PING.tag: PING,
        REGISTER_MCP_SERVER.tag: REGISTER_MCP_SERVER,
        MCP_RESPONSE.tag: MCP_RESPONSE,
        SUBMIT_WORKFLOW.tag: SUBMIT_WORKFLOW,
        CANCEL_WORKFLOW.tag: CANCEL_WORKFLOW,
        ATTACH_WORKFLOW.tag: ATTACH_WORKFLOW,
        DETACH_WORKFLOW.tag: DETACH_WORKFLOW,
    }
)
"""Every request by its tag, in the order of the schema."""

__all__ = [
    "ADD_PROGRAM",
    "ATTACH_PROCESS",
    "ATTACH_WORKFLOW",
    "AUTH_BY_TOKEN",
    "AUTH_IDENTIFY",
    "AUTH_PROVE",
    "CANCEL_WORKFLOW",
    "CHECK_PROGRAM",
    "DETACH_WORKFLOW",
    "LAUNCH_DAEMON",
    "LAUNCH_PROCESS",
    "LAUNCH_PROCESSES",
    "LIST_PROCESSES",
    "MCP_RESPONSE",
    "METHODS",
    "PING",
    "QUERY",
    "REGISTER_MCP_SERVER",
    "RUN_PROCESSES",
    "SIGNAL_PROCESS",
    "SUBMIT_WORKFLOW",
    "TERMINATE_PROCESS",
    "TRANSFER_FILE",
    "Kind",
    "Method",
]
