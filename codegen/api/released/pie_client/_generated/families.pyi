from __future__ import annotations
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias
from pie_client._generated import results
Family: TypeAlias = Literal['0.4', '0.5']
CHUNK_BYTES: Final = 262144
UPLOAD_BYTES: Final = 268435456
RSA_KEY_BITS: Final = 2048
HIGHEST_PORT: Final = 65535
STATUS_IDENTITY_REFUSED: Final = 401
STATUS_NO_ENDPOINT: Final = 404
STATUS_BAD_GATEWAY: Final = 502
STATUS_UNAVAILABLE: Final = 503
STATUS_GATEWAY_TIMEOUT: Final = 504
CODE_MESSAGE_TOO_BIG: Final = 1009
CODE_NO_CLOSE_FRAME: Final = 1006
CODE_GOING_AWAY: Final = 1001
CODE_SERVICE_RESTART: Final = 1012
CODE_TRY_AGAIN_LATER: Final = 1013
TRANSIENT_STATUSES: Final = frozenset({502, 503, 504})
TRANSIENT_CODES: Final = frozenset({1006, 1001, 1012, 1013})
SCHEMES: Final = ('ws', 'wss')
DEFAULT_PORT: Final = 8080
DEFAULT_URI: Final = 'ws://127.0.0.1:8080'
IDENTITY_PATTERN: Final = '^(?:[ -.0-~]*/ *[!-~][ -~]*| *[!-.0-~][ -.0-~]*)$'
TAG: Final = 'type'
CORRELATION: Final = 'corr_id'
PROCESS: Final = 'process_id'
EVENT: Final = 'event'
EVENT_TEXT: Final = 'value'
MODEL_STATUS: Final = 'model_status'
DEFAULT_USER: Final = 'pie-client'
TOKEN_USER: Final = 'internal'
SCRIPT_RUNTIME: Final = MappingProxyType({'language': 'python', 'call': 'kwargs'})
SCRIPT_ENTRY: Final = 'entry'
LISTING_PATH: Final = '/api/v1/inferlets/{name}'
MAX_CORRELATION: Final = 4294967295
PROGRAM_PATTERN: Final = '[a-zA-Z0-9][a-zA-Z0-9_-]*@[0-9]+\\.[0-9]+\\.[0-9]+'
PROGRAM_NAME_PATTERN: Final = '[a-zA-Z0-9][a-zA-Z0-9_-]*'
ENDPOINT_PATH: Final = '/v1/ws'
IDENTITY_HEADERS: Final = ('x-pie-identity',)

class FamilyTraits(NamedTuple):
    name: Family
    title: str
    releases: tuple[str, ...]
    user: str | None
    frame_bytes: int
    runs_scripts: bool
    terminates_on_disconnect: bool
FAMILIES: Final[Mapping[Family, FamilyTraits]] = ...
SIGNATURE_HASHES: Final[Mapping[str, str]] = MappingProxyType({'RSA': 'sha256', 'secp256r1': 'sha256', 'secp384r1': 'sha384'})
NEWEST: Final[Family] = '0.5'
FAMILY_OF_RESULT: Final[Mapping[type, Family]] = MappingProxyType({results.AuthenticationDisabled: '0.4', results.Challenge: '0.4', results.AlreadyAuthenticated: '0.5'})
__all__ = ['CHUNK_BYTES', 'CODE_GOING_AWAY', 'CODE_MESSAGE_TOO_BIG', 'CODE_NO_CLOSE_FRAME', 'CODE_SERVICE_RESTART', 'CODE_TRY_AGAIN_LATER', 'CORRELATION', 'DEFAULT_PORT', 'DEFAULT_URI', 'DEFAULT_USER', 'ENDPOINT_PATH', 'EVENT', 'EVENT_TEXT', 'FAMILIES', 'FAMILY_OF_RESULT', 'HIGHEST_PORT', 'IDENTITY_HEADERS', 'IDENTITY_PATTERN', 'LISTING_PATH', 'MAX_CORRELATION', 'MODEL_STATUS', 'NEWEST', 'PROCESS', 'PROGRAM_NAME_PATTERN', 'PROGRAM_PATTERN', 'RSA_KEY_BITS', 'SCHEMES', 'SCRIPT_ENTRY', 'SCRIPT_RUNTIME', 'SIGNATURE_HASHES', 'STATUS_BAD_GATEWAY', 'STATUS_GATEWAY_TIMEOUT', 'STATUS_IDENTITY_REFUSED', 'STATUS_NO_ENDPOINT', 'STATUS_UNAVAILABLE', 'TAG', 'TOKEN_USER', 'TRANSIENT_CODES', 'TRANSIENT_STATUSES', 'UPLOAD_BYTES', 'Family', 'FamilyTraits']
