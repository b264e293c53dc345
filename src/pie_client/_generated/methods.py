"""The method table: one descriptor per request.

Written by `python -m codegen generate` from schema/; never edited.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from pie_client._generated import models, results
from pie_client._generated.families import Family
from pie_client.base import WireModel

Kind: TypeAlias = Literal["call", "notify", "upload", "transfer", "relay"]
"""call: one reply. notify: none. upload: chunks, one reply. transfer: chunks, no reply. relay: answers the server."""

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Method(Generic[R_co]):
    """A request of the protocol, whose decoded result is an ``R_co``."""

    tag: str
    kind: Kind
    model: type[WireModel]
    families: frozenset[Family]
    """Families that know the request."""
    since: str
    """Release of the server that brought it."""
    subject: str | None
    """Field that says what the request is about."""
    opens_session: bool
    """It may be sent before the client has identified itself."""
    useless: frozenset[Family]
    """Families that take it, but can only refuse it."""
    instead: str
    """What to do on a server that does not support the request; "" for nothing."""
    fields: Mapping[str, frozenset[Family]]
    """Fields that only some families know."""
    decode: Callable[[str], R_co]
    """From the reply's text to its meaning; raises ValueError."""


AUTH_IDENTIFY: Final[Method[results.AuthIdentifyResult]] = Method(
    tag="auth_identify",
    kind="call",
    model=models.AuthIdentifyRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="username",
    opens_session=True,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_auth_identify_result,
)
AUTH_PROVE: Final[Method[str]] = Method(
    tag="auth_prove",
    kind="call",
    model=models.AuthProveRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject=None,
    opens_session=True,
    useless=frozenset(
        {
            "0.5",
        }
    ),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
AUTH_BY_TOKEN: Final[Method[str]] = Method(
    tag="auth_by_token",
    kind="call",
    model=models.AuthByTokenRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject=None,
    opens_session=True,
    useless=frozenset({}),
    instead="Use authenticate",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
CHECK_PROGRAM: Final[Method[models.CheckProgramResult]] = Method(
    tag="check_program",
    kind="call",
    model=models.CheckProgramRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="name",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType(
        {
            "wasm_hash": frozenset(
                {
                    "0.4",
                }
            ),
            "manifest_hash": frozenset(
                {
                    "0.4",
                }
            ),
        }
    ),
    decode=results.decode_check_program_result,
)
QUERY: Final[Method[models.QueryResult]] = Method(
    tag="query",
    kind="call",
    model=models.QueryRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="subject",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_query_result,
)
ADD_PROGRAM: Final[Method[str]] = Method(
    tag="add_program",
    kind="upload",
    model=models.AddProgramRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject=None,
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
LAUNCH_PROCESS: Final[Method[str]] = Method(
    tag="launch_process",
    kind="call",
    model=models.LaunchProcessRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="inferlet",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType(
        {
            "token_budget": frozenset(
                {
                    "0.4",
                }
            ),
        }
    ),
    decode=results.decode_text,
)
LAUNCH_PROCESSES: Final[Method[models.LaunchProcessesResult]] = Method(
    tag="launch_processes",
    kind="call",
    model=models.LaunchProcessesRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.4",
    subject="inferlet",
    opens_session=False,
    useless=frozenset({}),
    instead="Use asyncio.gather over launch_process",
    fields=MappingProxyType({}),
    decode=results.decode_launch_processes_result,
)
RUN_PROCESSES: Final[Method[models.RunProcessesResult]] = Method(
    tag="run_processes",
    kind="call",
    model=models.RunProcessesRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.4",
    subject="inferlet",
    opens_session=False,
    useless=frozenset({}),
    instead="Use asyncio.gather over launch_process",
    fields=MappingProxyType({}),
    decode=results.decode_run_processes_result,
)
LAUNCH_DAEMON: Final[Method[str]] = Method(
    tag="launch_daemon",
    kind="call",
    model=models.LaunchDaemonRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject="inferlet",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
ATTACH_PROCESS: Final[Method[str]] = Method(
    tag="attach_process",
    kind="call",
    model=models.AttachProcessRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="process_id",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
TERMINATE_PROCESS: Final[Method[str]] = Method(
    tag="terminate_process",
    kind="call",
    model=models.TerminateProcessRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="process_id",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
SIGNAL_PROCESS: Final[Method[None]] = Method(
    tag="signal_process",
    kind="notify",
    model=models.SignalProcessRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="process_id",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_nothing,
)
TRANSFER_FILE: Final[Method[None]] = Method(
    tag="transfer_file",
    kind="transfer",
    model=models.TransferFileRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject="process_id",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_nothing,
)
LIST_PROCESSES: Final[Method[models.ListProcessesResult]] = Method(
    tag="list_processes",
    kind="call",
    model=models.ListProcessesRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject=None,
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_list_processes_result,
)
PING: Final[Method[str]] = Method(
    tag="ping",
    kind="call",
    model=models.PingRequest,
    families=frozenset(
        {
            "0.4",
            "0.5",
        }
    ),
    since="0.3",
    subject=None,
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
REGISTER_MCP_SERVER: Final[Method[str]] = Method(
    tag="register_mcp_server",
    kind="call",
    model=models.RegisterMcpServerRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject="name",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
MCP_RESPONSE: Final[Method[None]] = Method(
    tag="mcp_response",
    kind="relay",
    model=models.McpResponseRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject=None,
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_nothing,
)
SUBMIT_WORKFLOW: Final[Method[str]] = Method(
    tag="submit_workflow",
    kind="call",
    model=models.SubmitWorkflowRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject=None,
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
CANCEL_WORKFLOW: Final[Method[str]] = Method(
    tag="cancel_workflow",
    kind="call",
    model=models.CancelWorkflowRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject="workflow_id",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
ATTACH_WORKFLOW: Final[Method[str]] = Method(
    tag="attach_workflow",
    kind="call",
    model=models.AttachWorkflowRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject="workflow_id",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)
DETACH_WORKFLOW: Final[Method[str]] = Method(
    tag="detach_workflow",
    kind="call",
    model=models.DetachWorkflowRequest,
    families=frozenset(
        {
            "0.4",
        }
    ),
    since="0.3",
    subject="workflow_id",
    opens_session=False,
    useless=frozenset({}),
    instead="",
    fields=MappingProxyType({}),
    decode=results.decode_text,
)

METHODS: Final[Mapping[str, Method[object]]] = MappingProxyType(
    {
        "auth_identify": AUTH_IDENTIFY,
        "auth_prove": AUTH_PROVE,
        "auth_by_token": AUTH_BY_TOKEN,
        "check_program": CHECK_PROGRAM,
        "query": QUERY,
        "add_program": ADD_PROGRAM,
        "launch_process": LAUNCH_PROCESS,
        "launch_processes": LAUNCH_PROCESSES,
        "run_processes": RUN_PROCESSES,
        "launch_daemon": LAUNCH_DAEMON,
        "attach_process": ATTACH_PROCESS,
        "terminate_process": TERMINATE_PROCESS,
        "signal_process": SIGNAL_PROCESS,
        "transfer_file": TRANSFER_FILE,
        "list_processes": LIST_PROCESSES,
        "ping": PING,
        "register_mcp_server": REGISTER_MCP_SERVER,
        "mcp_response": MCP_RESPONSE,
        "submit_workflow": SUBMIT_WORKFLOW,
        "cancel_workflow": CANCEL_WORKFLOW,
        "attach_workflow": ATTACH_WORKFLOW,
        "detach_workflow": DETACH_WORKFLOW,
    }
)
"""Every request by its tag, in the order of the schema."""

__all__ = [
    "METHODS",
    "Kind",
    "Method",
    "AUTH_IDENTIFY",
    "AUTH_PROVE",
    "AUTH_BY_TOKEN",
    "CHECK_PROGRAM",
    "QUERY",
    "ADD_PROGRAM",
    "LAUNCH_PROCESS",
    "LAUNCH_PROCESSES",
    "RUN_PROCESSES",
    "LAUNCH_DAEMON",
    "ATTACH_PROCESS",
    "TERMINATE_PROCESS",
    "SIGNAL_PROCESS",
    "TRANSFER_FILE",
    "LIST_PROCESSES",
    "PING",
    "REGISTER_MCP_SERVER",
    "MCP_RESPONSE",
    "SUBMIT_WORKFLOW",
    "CANCEL_WORKFLOW",
    "ATTACH_WORKFLOW",
    "DETACH_WORKFLOW",
]
