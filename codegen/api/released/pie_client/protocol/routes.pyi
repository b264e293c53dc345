from __future__ import annotations
import logging
import math
import re
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from pie_client.errors import InvalidArgumentError, PieError, ProcessEndedError, SlowConsumerError
from pie_client.logs import LimitedLog
from pie_client.protocol import backlog
from pie_client.protocol.backlog import Backlogs
from pie_client.protocol.files import Spooling
from pie_client.protocol.items import ProcessEvent
from pie_client.protocol.mailbox import Mailbox
from pie_client.protocol.shares import Share
logger = logging.getLogger(__name__)
UNCLAIMED_ROUTES = 10000
MAX_ID_CHARACTERS = 100
IGNORED_ROUTES = 4096
CANONICAL = re.compile('[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}').fullmatch

class Dropped(Enum):
    RELEASED = 'released'
    OVERFLOWED = 'overflowed'
    UNCAPTURED = 'uncaptured'

class Route(Mailbox):
    __slots__ = ('attached', 'claims', 'detached', 'dropped', 'handed_over', 'possible_gaps')
    handed_over: deque[ProcessEvent]

    def __init__(self) -> None:
        self.attached = ...
        self.claims = ...
        self.detached = ...
        self.dropped = ...
        self.possible_gaps = ...

    @property
    def known(self) -> bool:
        ...

    def without_events(self) -> Route:
        ...

    @property
    def all_drops(self) -> int:
        ...

    def reopen(self) -> None:
        ...

    def drop(self, reason: Dropped) -> None:
        ...

class Routes:

    def __init__(self, share: Share, total: int, spooling: Spooling) -> None:
        self.by_id = ...
        self.share = ...
        self.spooling = ...
        self.backlogs = ...

    def find(self, process_id: str) -> Route | None:
        ...

    def claim(self, process_id: str, share: Share | None=None) -> Route:
        ...

    def release(self, route: Route, *, keep: bool=False) -> None:
        ...

    def record_attached(self, process_id: str) -> None:
        ...

    def record_end(self, process_id: str) -> None:
        ...

    def ignore(self, process_id: str) -> None:
        ...

    def is_attached(self, process_id: str) -> bool:
        ...

    def check_running(self, process_id: str) -> None:
        ...

    def live(self, most: float=math.inf) -> list[Route]:
        ...

    def running(self) -> set[str]:
        ...

    def fail(self, process_ids: Iterable[str], failure: Callable[[], PieError]) -> None:
        ...

    def interrupt(self, *, gaps: bool) -> None:
        ...

    def resume(self) -> None:
        ...

    def close(self, failure: Callable[[], PieError]) -> None:
        ...

    def survey(self) -> None:
        ...

def canonical_id(process_id: str) -> str:
    ...

def normalized_id(process_id: str) -> str:
    ...
