"""Process events: their kinds, and a class for each.

Written by `python -m codegen generate` from schema/; never edited.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from pie_client._generated import models


class Event(enum.Enum):
    """Kind of what :meth:`Process.recv` gives."""

    Stdout = "stdout"
    """A piece of standard output: one write, not one line. A character split over two writes arrives as U+FFFD."""

    Stderr = "stderr"
    """A piece of standard error: one write, not one line."""

    Message = "message"
    """A text that the program sent to its client."""

    File = "file"
    """A chunk of a file that a process sends. An empty file sends none."""

    Return = "return"
    """The program ended well. Nothing follows."""

    Error = "error"
    """The program failed or was stopped. Nothing follows."""


@dataclass(frozen=True, slots=True)
class Stdout:
    """A piece of standard output: one write, not one line. A character split over two writes arrives as U+FFFD."""

    value: str


@dataclass(frozen=True, slots=True)
class Stderr:
    """A piece of standard error: one write, not one line."""

    value: str


@dataclass(frozen=True, slots=True)
class Message:
    """A text that the program sent to its client."""

    value: str


@dataclass(frozen=True, slots=True)
class Return:
    """The program ended well. Nothing follows."""

    value: str


@dataclass(frozen=True, slots=True)
class Error:
    """The program failed or was stopped. Nothing follows."""

    value: str


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a kind that this schema does not know. It never ends a process."""

    event: str
    value: str | None


NamedEvent: TypeAlias = Stdout | Stderr | Message | Return | Error
"""An event of a kind that the schema knows, and that arrives as one message."""

ModelledEvent: TypeAlias = NamedEvent | UnknownEvent
"""An event that arrives as one message."""

TerminalEvent: TypeAlias = Return | Error
"""An event that nothing follows."""

TERMINAL: Final = (
    Return,
    Error,
)
"""Classes of the events that nothing follows."""

KIND_OF: Final[Mapping[type, Event]] = MappingProxyType(
    {
        Stdout: Event.Stdout,
        Stderr: Event.Stderr,
        Message: Event.Message,
        Return: Event.Return,
        Error: Event.Error,
    }
)
"""Kind of each event class that arrives as one message."""


EventMessage: TypeAlias = (
    models.StdoutEvent
    | models.StderrEvent
    | models.MessageEvent
    | models.ReturnEvent
    | models.ErrorEvent
    | models.OtherEvent
)
"""A message that carries an event."""

EVENT_MESSAGES: Final = (
    models.StdoutEvent,
    models.StderrEvent,
    models.MessageEvent,
    models.ReturnEvent,
    models.ErrorEvent,
    models.OtherEvent,
)
"""Classes of the messages that carry an event."""


def event_of(message: EventMessage) -> ModelledEvent:
    """Give what a message says, without its envelope."""
    if isinstance(message, models.StdoutEvent):
        return Stdout(
            message.value,
        )
    if isinstance(message, models.StderrEvent):
        return Stderr(
            message.value,
        )
    if isinstance(message, models.MessageEvent):
        return Message(
            message.value,
        )
    if isinstance(message, models.ReturnEvent):
        return Return(
            message.value,
        )
    if isinstance(message, models.ErrorEvent):
        return Error(
            message.value,
        )
    return UnknownEvent(
        message.event,
        message.value,
    )


__all__ = [
    "EVENT_MESSAGES",
    "KIND_OF",
    "TERMINAL",
    "Event",
    "EventMessage",
    "ModelledEvent",
    "NamedEvent",
    "TerminalEvent",
    "UnknownEvent",
    "event_of",
    "Stdout",
    "Stderr",
    "Message",
    "Return",
    "Error",
]
