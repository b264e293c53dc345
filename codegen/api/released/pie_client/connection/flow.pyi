from __future__ import annotations
import asyncio
import contextlib
from collections.abc import Callable
from pie_client.protocol.session import Session
STALL_SECONDS = 10.0
SEND_STALL_SECONDS = 0.1

class Flow:

    def __init__(self, session: Session, loop: asyncio.AbstractEventLoop, update: Callable[[], None]) -> None:
        self.waiting = ...
        self.update = ...
        self.stalled_sends = ...

    def should_pause(self, *, unanswered: bool=False) -> bool:
        ...

    def close(self) -> None:
        ...

    def keep_receiving_if_stalled(self, *, congested: bool) -> contextlib.AbstractContextManager[None]:
        ...

class _Sending(contextlib.AbstractContextManager[None]):
    __slots__ = ('_flow', '_loop', '_stalled', '_timer')

    def __init__(self) -> None:
        ...

    def __enter__(self) -> None:
        ...

    def __exit__(self, *_: object) -> None:
        ...
