from __future__ import annotations
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from pie_client.logs import LimitedLog
from pie_client.protocol.codec import Frame
from pie_client.protocol.files import Spooling
from pie_client.protocol.mailbox import Mailbox
logger = logging.getLogger(__name__)
SHARES = 8
UNCLAIMED_BYTES = 8 << 20
FRAME_BYTES = 4096
BYTE_BYTES = 4
SLACK = 4
SURVEY_BYTES = 64
UNREAD_ON_DISK = 4

class Backlogs:

    def __init__(self, routes: Mapping[str, Mailbox], total: int, spooling: Spooling) -> None:
        self.total = ...
        self.arrived = ...
        self.headroom = ...
        self.over = ...
        self.pressing = ...
        self.unclaimed = ...

    def count(self, batch: Sequence[Frame]) -> None:
        ...

    def add(self, route: Mailbox) -> None:
        ...

    @property
    def held(self) -> int:
        ...

    @property
    def dropped(self) -> int:
        ...

    @property
    def due(self) -> bool:
        ...

    def survey(self) -> None:
        ...

    def should_pause(self, *, waiting: bool) -> bool:
        ...

    @property
    def still_full(self) -> bool:
        ...

    def suspect_readers(self) -> None:
        ...

    def forget_readers(self) -> None:
        ...

    def enforce(self) -> None:
        ...
