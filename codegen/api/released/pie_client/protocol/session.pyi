from __future__ import annotations
import functools
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar, TypeVarTuple, cast
from pie_client._generated.decoders import EventRecord, FileChunkRecord, McpRequestRecord, ResponseRecord, ServerNoticeRecord, TurnDoneRecord
from pie_client._generated.events import TERMINAL_KINDS
from pie_client._generated.families import UPLOAD_BYTES, Family
from pie_client._generated.methods import Method
from pie_client.errors import ConnectionLostError, PieError, ProtocolError, interrupted_by, one_line
from pie_client.lazy import LazyModule
from pie_client.logs import LimitedLog
from pie_client.protocol import codec, requests
from pie_client.protocol.backlog import SHARES
from pie_client.protocol.calls import PendingCall, PendingCalls
from pie_client.protocol.codec import Fields, Frame
from pie_client.protocol.files import PartialFile, Spooling
from pie_client.protocol.heads import Heads, long_text_after, successful_reply, text_after
from pie_client.protocol.items import EVENT_BYTES, CorruptEvent, Item
from pie_client.protocol.routes import Route, Routes
from pie_client.protocol.shares import Share, WhenFull
from pie_client._generated import refusals
from pie_client.content import Chunk
logger = logging.getLogger(__name__)
UNWRITTEN_BYTES = 4 << 20
MAX_UNKNOWN_TAGS = 100
MAX_TAG_CHARACTERS = 60
TERMINAL_VALUES = frozenset((kind.value for kind in TERMINAL_KINDS))
R = TypeVar('R')
Ts = TypeVarTuple('Ts')

class RelayMcpCall(NamedTuple):
    request: McpRequestRecord

class WriteFile(NamedTuple):
    route: Route
    file: PartialFile

class TerminateProcesses(NamedTuple):
    process_ids: list[str]

class CheckProcesses(NamedTuple):
    ...
Effect: TypeAlias = RelayMcpCall | WriteFile | TerminateProcesses | CheckProcesses

class Session:

    def __init__(self, *, max_buffered: int, max_buffered_total: int | None=None, when_full: WhenFull='pause', spool_above: float | None=None, max_spooled: float=UPLOAD_BYTES) -> None:
        self.calls = ...
        self.routes = ...
        self.effects = ...
        self.family = ...
        self.malformed_frames = ...

    @property
    def needs_attention(self) -> bool:
        ...

    def should_pause(self, *, waiting: bool) -> bool:
        ...

    @property
    def disk_is_behind(self) -> bool:
        ...

    @property
    def alive(self) -> bool:
        ...

    @property
    def ended(self) -> bool:
        ...

    def open_call(self, method: Method[R]) -> PendingCall[R]:
        ...

    def encode_call(self, call: PendingCall[R], build: Callable[[int], Fields]) -> bytes:
        ...

    def encode(self, method: Method[object], build: Callable[[*Ts], Fields], *arguments: *Ts) -> bytes:
        ...

    def encode_chunk(self, method: Method[object], build: Callable[[Chunk], Fields], chunk: Chunk, data: bytes | memoryview) -> tuple[Fields, *tuple[bytes | memoryview, ...]]:
        ...

    def close_call(self, call: PendingCall[R]) -> None:
        ...

    def server_error_since(self, call: PendingCall[R]) -> str:
        ...

    def check_family(self, method: Method[object]) -> None:
        ...

    def check_alive(self, request: str='') -> None:
        ...

    def failure(self, *, sent: bool, request: str='') -> PieError | None:
        ...

    def fail(self, failure: Callable[[bool | None], PieError]) -> None:
        ...

    def interrupt(self, failure: Callable[[bool | None], PieError], *, gaps: bool) -> None:
        ...

    def resume(self) -> None:
        ...

    def receive(self, batch: Sequence[Frame]) -> None:
        ...

    def written(self, route: Route, file: PartialFile, size: int, reason: str='') -> None:
        ...

    def fail_processes(self, process_ids: set[str]) -> None:
        ...
