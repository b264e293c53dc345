from __future__ import annotations
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from pie_client._generated.families import Family
CHALLENGE_BYTES: Final = 48
BUFFERED_EVENTS: Final = 4096
TOKEN_BYTES: Final = 48
LARGEST_RSA_KEY_BITS: Final = 4096
QUEUED_MESSAGES: Final = 1000
WORKFLOW_ITERATIONS: Final = 1000
WRONG_TOKEN_LEAST_MS: Final = 1000
WRONG_TOKEN_MOST_MS: Final = 3000
ABORT: Final = 'cancel'
REGISTRY_MANIFEST: Final = '/api/v1/inferlets/{name}/{version}/manifest'
MODEL_STATUS: Final = 'model_status'
MODEL_STATISTICS: Final = ...
SCRIPT_DEFAULT_ENTRY: Final = 'main'
WORKFLOW_VALUE: Final = '_input'
WORKFLOW_ARGUMENTS: Final = '_args'
WORKFLOW_FALSY: Final = ('', 'false', '0', 'null')

class ServerTraits(NamedTuple):
    name: Family
    title: str
    releases: tuple[str, ...]
    user: str | None
    frame_bytes: int
    runs_scripts: bool
    terminates_on_disconnect: bool
    path: str | None
    identity_header: str | None
    message_bytes: int
    output_bytes: int | None
    refused_frame_bytes: int | None
    identify_first: bool
    text_frames: bool
    bare_program_names: bool
    verifies_uploads: bool
    uploads_by_number: bool
    verifies_dependencies: bool
    hides_attached: bool
    finds_terminated: bool
    answers_unknown_queries: bool
    drops_closed: bool
    serial: bool
    answers_rejected_chunks: bool
SERVERS: Final[Mapping[Family, ServerTraits]] = ...
__all__ = ['ABORT', 'BUFFERED_EVENTS', 'CHALLENGE_BYTES', 'LARGEST_RSA_KEY_BITS', 'MODEL_STATISTICS', 'MODEL_STATUS', 'QUEUED_MESSAGES', 'REGISTRY_MANIFEST', 'SCRIPT_DEFAULT_ENTRY', 'SERVERS', 'TOKEN_BYTES', 'WORKFLOW_ARGUMENTS', 'WORKFLOW_FALSY', 'WORKFLOW_ITERATIONS', 'WORKFLOW_VALUE', 'WRONG_TOKEN_LEAST_MS', 'WRONG_TOKEN_MOST_MS', 'ServerTraits']
