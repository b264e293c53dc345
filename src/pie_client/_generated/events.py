"""Process events: their kinds, and a class for each.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias


class Event(enum.Enum):
    """Kind of an event that :meth:`Process.recv` returns."""

    __module__ = "pie_client"

    Stdout = "stdout"
    """Text that the program wrote to standard output: one write, not one line. 0.3 and 0.4 servers also cut a
    write into events of at most 4096 bytes. A character that is split arrives as U+FFFD on both sides."""
    Stderr = "stderr"
    """Text that the program wrote to standard error: one write, not one line, and cut as standard output is."""
    Message = "message"
    """A text message from the program to its client."""
    File = "file"
    """A chunk of a file that a process sends. An empty file has no chunks."""
    Return = "return"
    """The program returned. The last event of its process."""
    Error = "error"
    """The program failed or was stopped. The last event of its process."""

    # Members are singletons. Enum hashes their names, in Python, at each look-up in a dictionary.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class TextEvent:
    """An event that consists of a text."""

    value: str


class StdoutEvent(TextEvent):
    """Text that the program wrote to standard output: one write, not one line. 0.3 and 0.4 servers also cut a
    write into events of at most 4096 bytes. A character that is split arrives as U+FFFD on both sides."""

    __module__ = "pie_client"
    __slots__ = ()


class StderrEvent(TextEvent):
    """Text that the program wrote to standard error: one write, not one line, and cut as standard output is."""

    __module__ = "pie_client"
    __slots__ = ()


class MessageEvent(TextEvent):
    """A text message from the program to its client."""

    __module__ = "pie_client"
    __slots__ = ()


class ReturnEvent(TextEvent):
    """The program returned. The last event of its process."""

    __module__ = "pie_client"
    __slots__ = ()


class ErrorEvent(TextEvent):
    """The program failed or was stopped. The last event of its process."""

    __module__ = "pie_client"
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a kind that the schema does not know. It never ends a process."""

    __module__ = "pie_client"

    event: str
    value: str | None


NamedEvent: TypeAlias = StdoutEvent | StderrEvent | MessageEvent | ReturnEvent | ErrorEvent
"""An event of a known kind that arrives as one message."""

ModelledEvent: TypeAlias = NamedEvent | UnknownEvent
"""An event that arrives as one message."""

KIND_OF: Final[Mapping[type, Event]] = MappingProxyType(
    {
        StdoutEvent: Event.Stdout,
        StderrEvent: Event.Stderr,
        MessageEvent: Event.Message,
        ReturnEvent: Event.Return,
        ErrorEvent: Event.Error,
    }
)
"""Kind of each event class that arrives as one message."""

EVENT_CLASS: Final[Mapping[Event, Callable[[str], NamedEvent]]] = {
    Event.Stdout: StdoutEvent,
    Event.Stderr: StderrEvent,
    Event.Message: MessageEvent,
    Event.Return: ReturnEvent,
    Event.Error: ErrorEvent,
}
"""Class of each kind of event that consists of a text."""

TERMINAL_KINDS: Final = frozenset({Event.Return, Event.Error})
"""Kinds of the events that end a process."""

__all__ = [
    "EVENT_CLASS",
    "KIND_OF",
    "TERMINAL_KINDS",
    "ErrorEvent",
    "Event",
    "MessageEvent",
    "ModelledEvent",
    "NamedEvent",
    "ReturnEvent",
    "StderrEvent",
    "StdoutEvent",
    "TextEvent",
    "UnknownEvent",
]
