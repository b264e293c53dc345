"""Process events: their kinds, and a class for each.

Written by `python -m codegen generate` from the schema; never edited.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from pie_client._generated import models


class Event(enum.Enum):
    """Kind of an event that :meth:`Process.recv` returns."""

    __module__ = "pie_client"

    Stdout = "stdout"
    """Text that the program wrote to standard output: one write, not one line. A character split over two writes
    arrives as U+FFFD."""
    Stderr = "stderr"
    """Text that the program wrote to standard error: one write, not one line."""
    Message = "message"
    """A text message from the program to its client."""
    File = "file"
    """A chunk of a file that a process sends. An empty file has no chunks."""
    Return = "return"
    """The program returned. The last event of its process."""
    Error = "error"
    """The program failed or was stopped. The last event of its process."""


@dataclass(frozen=True, slots=True)
class StdoutEvent:
    """Text that the program wrote to standard output: one write, not one line. A character split over two writes
    arrives as U+FFFD."""

    __module__ = "pie_client"

    value: str


@dataclass(frozen=True, slots=True)
class StderrEvent:
    """Text that the program wrote to standard error: one write, not one line."""

    __module__ = "pie_client"

    value: str


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """A text message from the program to its client."""

    __module__ = "pie_client"

    value: str


@dataclass(frozen=True, slots=True)
class ReturnEvent:
    """The program returned. The last event of its process."""

    __module__ = "pie_client"

    value: str


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """The program failed or was stopped. The last event of its process."""

    __module__ = "pie_client"

    value: str


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

TerminalEvent: TypeAlias = ReturnEvent | ErrorEvent
"""An event that ends a process."""

TERMINAL: Final = (
    ReturnEvent,
    ErrorEvent,
)
"""Classes of the events that end a process."""

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

EventMessage: TypeAlias = (
    models.StdoutFrame
    | models.StderrFrame
    | models.MessageFrame
    | models.ReturnFrame
    | models.ErrorFrame
    | models.UnknownFrame
)
"""A message that carries an event."""

EVENT_MESSAGES: Final = (
    models.StdoutFrame,
    models.StderrFrame,
    models.MessageFrame,
    models.ReturnFrame,
    models.ErrorFrame,
    models.UnknownFrame,
)
"""Classes of the messages that carry an event."""


def event_of(message: EventMessage) -> ModelledEvent:
    """Return the event that a message carries."""
    if isinstance(message, models.StdoutFrame):
        return StdoutEvent(message.value)
    if isinstance(message, models.StderrFrame):
        return StderrEvent(message.value)
    if isinstance(message, models.MessageFrame):
        return MessageEvent(message.value)
    if isinstance(message, models.ReturnFrame):
        return ReturnEvent(message.value)
    if isinstance(message, models.ErrorFrame):
        return ErrorEvent(message.value)
    return UnknownEvent(message.event, message.value)


__all__ = [
    "EVENT_MESSAGES",
    "KIND_OF",
    "TERMINAL",
    "ErrorEvent",
    "Event",
    "EventMessage",
    "MessageEvent",
    "ModelledEvent",
    "NamedEvent",
    "ReturnEvent",
    "StderrEvent",
    "StdoutEvent",
    "TerminalEvent",
    "UnknownEvent",
    "event_of",
]
