from __future__ import annotations
from pathlib import Path
from typing import TYPE_CHECKING
from pie_client._generated.events import KIND_OF, ErrorEvent, Event, MessageEvent, ReturnEvent, StderrEvent, StdoutEvent, UnknownEvent
from pie_client._generated.families import EVENT, EVENT_TEXT, PROCESS
from pie_client.cli import inputs, output
from pie_client.cli.running import Status
from pie_client.connection.threads import in_thread
from pie_client.protocol.files import FileEvent
from pie_client.protocol.items import CorruptEvent, ProcessEvent
from pie_client import Process
END_SECONDS = 5.0
LOST = 'lost'

class Follower:

    def __init__(self, folder: Path | None, *, as_json: bool) -> None:
        ...

    async def follow(self, process: Process[object]) -> Status:
        ...

def value_of(text: str) -> object:
    ...
