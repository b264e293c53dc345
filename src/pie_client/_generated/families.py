"""Server families: their traits, and names and limits of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from pie_client._generated import results

Family: TypeAlias = Literal["0.4", "0.5"]
"""Name of a server family: the oldest release that speaks its protocol as the schema describes it."""

CHUNK_BYTES: Final = 262144
"""Size of an upload's and a file's chunks, by convention; the last one is shorter."""
RSA_KEY_BITS: Final = 2048
"""Smallest RSA key that a server accepts."""
HIGHEST_PORT: Final = 65535
"""Highest TCP port of a daemon. Servers take larger numbers, and listen on what is left of them in 16 bits."""

TAG: Final = "type"
"""Field that tells messages apart."""

CORRELATION: Final = "corr_id"
"""Field that joins a reply to its request."""

PROCESS: Final = "process_id"
"""Field that says which process is meant."""

DEFAULT_USER: Final = "pie-client"
"""Who a client says it is when nobody told it."""

TOKEN_USER: Final = "internal"
"""Who a session is that was authenticated by token."""

SCRIPT_RUNTIME: Final = MappingProxyType({"language": "python", "call": "kwargs"})
"""Entries that every such script has."""

SCRIPT_ENTRY: Final = "entry"
"""Key of the entry that names the function to call."""

LISTING_PATH: Final = "/api/v1/inferlets/{name}"
"""Path below the registry's URL; {name} stands for the program's name without its version."""

MAX_CORRELATION: Final = 4294967295
"""Largest correlation number."""

PROGRAM_PATTERN: Final = "[a-zA-Z0-9][a-zA-Z0-9_-]*@\\d+\\.\\d+\\.\\d+"
"""Pattern of a program's name and version, to be matched in full."""

PROGRAM_NAME_PATTERN: Final = "[a-zA-Z0-9][a-zA-Z0-9_-]*"
"""Pattern of a program's name without its version, to be matched in full."""

ENDPOINT_PATH: Final = "/v1/ws"
"""Path of the WebSocket endpoint that suits every family."""

IDENTITY_HEADERS: Final = ("x-pie-identity",)
"""HTTP headers that name a tenant and user, for the families that need them."""


@dataclass(frozen=True, slots=True)
class FamilyTraits:
    """How the servers of a family behave, as far as clients need to know."""

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

FAMILY_OF_RESULT: Final[Mapping[type, Family]] = MappingProxyType(
    {
        results.AuthenticationDisabled: "0.4",
        results.Challenge: "0.4",
        results.AlreadyAuthenticated: "0.5",
    }
)
"""Results of a connection's first identification that only one family sends."""

__all__ = [
    "CHUNK_BYTES",
    "CORRELATION",
    "DEFAULT_USER",
    "ENDPOINT_PATH",
    "FAMILIES",
    "FAMILY_OF_RESULT",
    "HIGHEST_PORT",
    "IDENTITY_HEADERS",
    "LISTING_PATH",
    "MAX_CORRELATION",
    "NEWEST",
    "PROCESS",
    "PROGRAM_NAME_PATTERN",
    "PROGRAM_PATTERN",
    "RSA_KEY_BITS",
    "SCRIPT_ENTRY",
    "SCRIPT_RUNTIME",
    "TAG",
    "TOKEN_USER",
    "Family",
    "FamilyTraits",
]
