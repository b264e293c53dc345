from __future__ import annotations
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

class Event(enum.Enum):
    __module__ = 'pie_client'
    Stdout = 'stdout'
    Stderr = 'stderr'
    Message = 'message'
    File = 'file'
    Return = 'return'
    Error = 'error'
    __hash__ = object.__hash__

@dataclass(frozen=True, slots=True)
class TextEvent:
    value: str

class StdoutEvent(TextEvent):
    __module__ = 'pie_client'
    __slots__ = ()

class StderrEvent(TextEvent):
    __module__ = 'pie_client'
    __slots__ = ()

class MessageEvent(TextEvent):
    __module__ = 'pie_client'
    __slots__ = ()

class ReturnEvent(TextEvent):
    __module__ = 'pie_client'
    __slots__ = ()

class ErrorEvent(TextEvent):
    __module__ = 'pie_client'
    __slots__ = ()

@dataclass(frozen=True, slots=True)
class UnknownEvent:
    __module__ = 'pie_client'
    event: str
    value: str | None
NamedEvent: TypeAlias = StdoutEvent | StderrEvent | MessageEvent | ReturnEvent | ErrorEvent
ModelledEvent: TypeAlias = NamedEvent | UnknownEvent
KIND_OF: Final[Mapping[type, Event]] = ...
EVENT_CLASS: Final[Mapping[Event, Callable[[str], NamedEvent]]] = ...
TERMINAL_KINDS: Final = frozenset({Event.Return, Event.Error})
__all__ = ['EVENT_CLASS', 'KIND_OF', 'TERMINAL_KINDS', 'ErrorEvent', 'Event', 'MessageEvent', 'ModelledEvent', 'NamedEvent', 'ReturnEvent', 'StderrEvent', 'StdoutEvent', 'TextEvent', 'UnknownEvent']
