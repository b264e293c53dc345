from __future__ import annotations
import sys
from dataclasses import dataclass
from typing import TypeAlias
from pie_client._generated.events import Event, ModelledEvent, TextEvent, UnknownEvent
from pie_client.protocol.files import FileBytes, FileEvent, PartialFile, SpooledFile
EVENT_BYTES = 72
FILE_EVENT_BYTES = 400

@dataclass(frozen=True, slots=True)
class CorruptEvent(TextEvent):
    __module__ = 'pie_client'
    digest: str | None = None
ProcessEvent: TypeAlias = ModelledEvent | FileEvent | CorruptEvent

@dataclass(frozen=True, slots=True)
class Gap:
    events: int

class Place:
    __slots__ = ('file',)

    def __init__(self) -> None:
        self.file = ...

    @property
    def unwritten(self) -> bool:
        ...

    def delete(self) -> None:
        ...
Named: TypeAlias = tuple[Event, str]
Item: TypeAlias = Named | ProcessEvent

def held_bytes(item: Item) -> int:
    ...

def lost_file_event(digest: str, reason: str) -> CorruptEvent:
    ...
