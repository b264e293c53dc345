import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self, TypeAlias, TypedDict, Unpack
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response
from pie_client._generated.families import Family
from pie_client.base import WireModel
from pie_client.connection.observing import Direction
from pie_client.errors import DeadlineError
from pie_client.protocol import codec
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.faults.arguments import check_number
HAPPENED_SECONDS = 10.0
Fields: TypeAlias = Mapping[str, object]
Until: TypeAlias = float | asyncio.Event
Step: TypeAlias = Literal['start', 'end', 'upload']
DIRECTIONS: Final[tuple[Direction, ...]] = ('sent', 'received')
Ending: TypeAlias = Literal['close', 'reset', 'silence']

@dataclass(frozen=True, eq=False, slots=True)
class Outgoing:
    release: 'Callable[[Outgoing], None]'
    message: WireModel | bytes | str
    request: WireModel | None = None
    fields: Fields | None = None
    altered_by: 'set[Fault]' = field(default_factory=set['Fault'])

    def altered(self, by: Fields | WireModel | bytes | str) -> 'Outgoing':
        ...

    def current_fields(self, family: Family) -> Fields:
        ...

    def frame(self, family: Family) -> bytes | str:
        ...

class Hooks(TypedDict, total=False):
    on_request: Callable[['Fault', object, WireModel], None]
    on_message: Callable[['Fault', Outgoing], Sequence[Outgoing] | None]
    on_upgrade: Callable[['Fault', ServerConnection], Awaitable[Response | None]]
    on_close: Sequence[bytes]
    step: tuple[Step, str | None]
    stalls: bool
    cut: tuple[Direction, int, Ending]

class Fault:

    def __init__(self) -> None:
        self.name = ...
        self.count = ...
        self.hooks = ...
        self.held = ...
        self.stopped = ...

    def __enter__(self) -> Self:
        ...

    def __exit__(self, *_error: object) -> None:
        ...

    def __repr__(self) -> str:
        ...

    @property
    def active(self) -> bool:
        ...

    def stop(self) -> None:
        ...

    def discard(self) -> None:
        ...

    async def happened(self, times: int=1, *, timeout: float | None=None) -> None:
        ...

    def take(self, sent: Outgoing | None=None) -> bool:
        ...

    def hold(self, sent: Outgoing, until: Until) -> None:
        ...

    def call_at(self, until: Until, function: Callable[[], None]) -> None:
        ...

class FaultList:

    def __init__(self) -> None:
        self.requested = ...
        self.traits = ...

    def after(self, fault: Fault) -> list[Fault]:
        ...

    def discard(self) -> None:
        ...

    def react(self, client: object, request: WireModel) -> None:
        ...

    def send(self, sent: Outgoing, faults: Iterable[Fault] | None=None) -> None:
        ...

    async def wait_while_stalled(self) -> None:
        ...

    async def respond_to_upgrade(self, connection: ServerConnection) -> Response | None:
        ...

    def skips(self, step: Step, program: str | None=None) -> bool:
        ...

    def cuts(self, direction: Direction) -> list[tuple[Fault, int, Ending]]:
        ...

    def replace_close(self) -> list[bytes] | None:
        ...
