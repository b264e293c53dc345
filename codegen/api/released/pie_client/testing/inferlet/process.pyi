import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from pie_client._generated import models
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import BUFFERED_EVENTS
from pie_client.testing.inferlet.exceptions import report_of
from pie_client.testing.inferlet.inbox import Inbox
from pie_client.testing.inferlet.mcp import McpRelay
End: TypeAlias = models.ReturnFrame | models.ErrorFrame

class Client(Protocol):
    mcp: McpRelay

    def send(self, message: WireModel) -> None:
        ...

    def finish_turn(self) -> None:
        ...

    def detach_if_closed(self) -> None:
        ...

@dataclass(eq=False)
class RunningProcess:
    program: str
    username: str
    input_text: str
    client: Client | None = None
    captured: bool = True
    observer: Callable[[WireModel], None] | None = None
    keep_events: bool = field(init=False, default=False)
    output_bytes: int | None = field(init=False, default=None)
    id: str = field(init=False, default_factory=lambda: str(uuid.uuid4()))
    inbox: Inbox = field(init=False, default_factory=Inbox)
    outcome: asyncio.Future[End] = field(init=False, default_factory=asyncio.Future[End])
    task: asyncio.Task[str] | None = field(init=False, default=None)
    terminated: bool = field(init=False, default=False)

    @property
    def info(self) -> models.ProcessInfo:
        ...

    @property
    def holds_terminal_event(self) -> bool:
        ...

    def start(self, work: Coroutine[object, object, str], never_ends: Callable[[], bool]) -> asyncio.Task[str]:
        ...

    def attach(self, client: Client) -> None:
        ...

    def detach(self, unsent: Iterable[WireModel]) -> None:
        ...

    def deliver(self, message: WireModel, *, buffered: bool) -> None:
        ...

    def terminate(self, reason: str=texts.PROCESS_TERMINATED) -> None:
        ...

def as_utf8(text: str) -> str:
    ...
