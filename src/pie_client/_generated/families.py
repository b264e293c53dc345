"""Server families: their traits, and names and limits of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from pie_client._generated import results

Family: TypeAlias = Literal["0.4", "0.5"]
"""Name of a server family: the oldest release that speaks its protocol as the schema describes it."""

CHUNK_BYTES: Final = 262144
"""Chunk size of uploads and files, by convention; the last chunk is shorter."""
UPLOAD_BYTES: Final = 268435456
"""Largest program or file that a server accepts with its default configuration, in bytes."""
RSA_KEY_BITS: Final = 2048
"""Smallest RSA key that a server accepts."""
HIGHEST_PORT: Final = 65535
"""Highest TCP port of a daemon. Servers accept larger numbers, but keep only the low 16 bits."""

STATUS_IDENTITY_REFUSED: Final = 401
"""The identity header is missing or invalid; the body says how."""
STATUS_NO_ENDPOINT: Final = 404
"""The URI has another path than that of the WebSocket endpoint."""
STATUS_BAD_GATEWAY: Final = 502
"""A proxy does not reach the server, for instance because it starts."""
STATUS_UNAVAILABLE: Final = 503
"""A proxy in front of the server is busy, or the server is not ready."""
STATUS_GATEWAY_TIMEOUT: Final = 504
"""A proxy gets no answer from the server in time."""

CODE_MESSAGE_TOO_BIG: Final = 1009
"""A message is larger than the client accepts."""
CODE_NO_CLOSE_FRAME: Final = 1006
"""The TCP connection ended without a close frame, as when a server exits; no frame has this code."""
CODE_GOING_AWAY: Final = 1001
"""A proxy in front of the server shuts down."""
CODE_SERVICE_RESTART: Final = 1012
"""A proxy or the service behind it restarts."""
CODE_TRY_AGAIN_LATER: Final = 1013
"""A proxy has too much work at the moment."""

TRANSIENT_STATUSES: Final = frozenset(
    {
        STATUS_BAD_GATEWAY,
        STATUS_UNAVAILABLE,
        STATUS_GATEWAY_TIMEOUT,
    }
)
"""HTTP statuses after which another attempt to connect may succeed soon."""

TRANSIENT_CODES: Final = frozenset(
    {
        CODE_NO_CLOSE_FRAME,
        CODE_GOING_AWAY,
        CODE_SERVICE_RESTART,
        CODE_TRY_AGAIN_LATER,
    }
)
"""Close codes after which another attempt to connect may succeed soon."""

SCHEMES: Final = (
    "ws",
    "wss",
)
"""Schemes of a server's URI. Servers speak the first; for the others, a proxy in front of them decrypts."""

DEFAULT_PORT: Final = 8080
"""TCP port on which a server listens by default."""

DEFAULT_URI: Final = "ws://127.0.0.1:8080"
"""URI of a server with its default configuration, on the same machine."""

IDENTITY_PATTERN: Final = "^(?:[ -.0-~]*/ *[!-~][ -~]*| *[!-.0-~][ -.0-~]*)$"
"""Pattern of an identity, to be matched in full: tenant/user or user, in printable ASCII. The tenant may be
empty."""

TAG: Final = "type"
"""Field with the tag of a message."""

CORRELATION: Final = "corr_id"
"""Field with the number that joins a reply to its request."""

PROCESS: Final = "process_id"
"""Field with the id of a process."""

EVENT: Final = "event"
"""Field with the kind of a process event."""

EVENT_TEXT: Final = "value"
"""Field with the text of an event, which every kind of event has."""

MODEL_STATUS: Final = "model_status"
"""Query subject that every server knows."""

DEFAULT_USER: Final = "pie-client"
"""Default user name of a client."""

TOKEN_USER: Final = "internal"
"""User name of a session that was authenticated by token."""

SCRIPT_RUNTIME: Final = MappingProxyType({"language": "python", "call": "kwargs"})
"""Entries in the [runtime] table of every Python script's manifest."""

SCRIPT_ENTRY: Final = "entry"
"""Key in the [runtime] table that names the function to call."""

LISTING_PATH: Final = "/api/v1/inferlets/{name}"
"""Path below a program registry's URL; {name} stands for the program's name without its version."""

MAX_CORRELATION: Final = 4294967295
"""Largest correlation number."""

PROGRAM_PATTERN: Final = "[a-zA-Z0-9][a-zA-Z0-9_-]*@[0-9]+\\.[0-9]+\\.[0-9]+"
"""Pattern of a program's name and version, to be matched in full."""

PROGRAM_NAME_PATTERN: Final = "[a-zA-Z0-9][a-zA-Z0-9_-]*"
"""Pattern of a program's name without its version, to be matched in full."""

ENDPOINT_PATH: Final = "/v1/ws"
"""Path of the WebSocket endpoint that suits every family."""

IDENTITY_HEADERS: Final = ("x-pie-identity",)
"""HTTP headers that name a tenant and user, for the families that need them."""


class FamilyTraits(NamedTuple):
    """How the servers of a family behave, as far as clients need to know."""

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


FAMILIES: Final[Mapping[Family, FamilyTraits]] = MappingProxyType(
    {
        "0.4": FamilyTraits(
            name="0.4",
            title="Pie 0.3 and 0.4",
            releases=("0.3", "0.4"),
            user=None,
            frame_bytes=16777216,
            runs_scripts=False,
            terminates_on_disconnect=False,
        ),
        "0.5": FamilyTraits(
            name="0.5",
            title="Pie 0.5",
            releases=("0.5",),
            user="internal",
            frame_bytes=7340032,
            runs_scripts=True,
            terminates_on_disconnect=True,
        ),
    }
)
"""The families, oldest first."""

SIGNATURE_HASHES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "RSA": "sha256",
        "secp256r1": "sha256",
        "secp384r1": "sha384",
    }
)
"""Hashes of signatures, by the curve of an ECDSA key or the kind of another key; keys of other kinds have none."""

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
    "CODE_GOING_AWAY",
    "CODE_MESSAGE_TOO_BIG",
    "CODE_NO_CLOSE_FRAME",
    "CODE_SERVICE_RESTART",
    "CODE_TRY_AGAIN_LATER",
    "CORRELATION",
    "DEFAULT_PORT",
    "DEFAULT_URI",
    "DEFAULT_USER",
    "ENDPOINT_PATH",
    "EVENT",
    "EVENT_TEXT",
    "FAMILIES",
    "FAMILY_OF_RESULT",
    "HIGHEST_PORT",
    "IDENTITY_HEADERS",
    "IDENTITY_PATTERN",
    "LISTING_PATH",
    "MAX_CORRELATION",
    "MODEL_STATUS",
    "NEWEST",
    "PROCESS",
    "PROGRAM_NAME_PATTERN",
    "PROGRAM_PATTERN",
    "RSA_KEY_BITS",
    "SCHEMES",
    "SCRIPT_ENTRY",
    "SCRIPT_RUNTIME",
    "SIGNATURE_HASHES",
    "STATUS_BAD_GATEWAY",
    "STATUS_GATEWAY_TIMEOUT",
    "STATUS_IDENTITY_REFUSED",
    "STATUS_NO_ENDPOINT",
    "STATUS_UNAVAILABLE",
    "TAG",
    "TOKEN_USER",
    "TRANSIENT_CODES",
    "TRANSIENT_STATUSES",
    "UPLOAD_BYTES",
    "Family",
    "FamilyTraits",
]
