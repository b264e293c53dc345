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

RSA_KEY_BITS: Final = 2048
"""Smallest RSA key that a server accepts."""

HIGHEST_PORT: Final = 65535
"""Highest TCP port of a daemon. Servers take larger numbers, and listen on what is left of them in 16 bits."""

DEFAULT_USER: Final = "pie-client"
"""Who a client says it is when nobody told it."""

TOKEN_USER: Final = "internal"
"""Who a session is that was authenticated by token."""

SCRIPT_RUNTIME: Final[Mapping[str, str]] = MappingProxyType({"language": "python", "call": "kwargs"})
"""What the `[runtime]` table of a Python script's manifest says."""

SCRIPT_ENTRY: Final = "entry"
"""Key of the entry of that table which names the function to call."""

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
    runs_scripts: bool
    """A program may be a script instead of a WebAssembly component."""
    terminates_on_disconnect: bool
    """The end of a connection terminates the processes whose output it captured."""


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
            runs_scripts=False,
            terminates_on_disconnect=False,
        ),
        "0.5": FamilyTraits(
            name="0.5",
            title="Pie 0.5",
            releases=("0.5",),
            path="/v1/ws",
            identity_header="x-pie-identity",
            user="internal",
            frame_bytes=7340032,
            runs_scripts=True,
            terminates_on_disconnect=True,
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
    "CAPABILITIES",
    "CORRELATION",
    "DEFAULT_USER",
    "ENDPOINT_PATH",
    "FAMILIES",
    "FAMILY_OF_RESULT",
    "IDENTITY_HEADERS",
    "LISTING_PATH",
    "MAX_CORRELATION",
    "NEWEST",
    "PROCESS",
    "PROGRAM_NAME_PATTERN",
    "PROGRAM_PATTERN",
    "SCRIPT_ENTRY",
    "SCRIPT_RUNTIME",
    "TAG",
    "TOKEN_USER",
    "Family",
    "FamilyTraits",
    "CHUNK_BYTES",
    "RSA_KEY_BITS",
    "HIGHEST_PORT",
]
