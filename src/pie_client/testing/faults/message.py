"""A message on its way through the faults to a client."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, TypeAlias

from pie_client._generated.families import Family
from pie_client.base import WireModel
from pie_client.protocol import codec

Sendable: TypeAlias = WireModel | bytes | str
"""A message, or a frame as it is."""


class Line(Protocol):
    """A conversation, as faults see it."""

    def release(self, sent: "Sent") -> None:
        """Send something that no fault alters any more; to a client that is gone, nothing."""
        ...


@dataclass(eq=False, slots=True)
class Occasion:
    """That one message is sent, in how many copies and parts ever: what counts as once.

    Attributes:
        message: The message before any fault.
        request: The request that it answers, if it does.
        concerned: Numbers of the faults that concern it.
    """

    message: Sendable
    request: WireModel | None
    concerned: set[int] = field(default_factory=set[int])


@dataclass(frozen=True, slots=True)
class Sent:
    """One copy of a message, as the faults so far have left it."""

    line: Line
    message: Sendable
    occasion: Occasion
    added: Mapping[str, object] = field(default_factory=dict[str, object])
    """Fields that it gets only as it is written."""
    removed: frozenset[str] = frozenset()
    """Fields that it loses then."""

    @classmethod
    def first(cls, line: Line, message: Sendable, request: WireModel | None = None) -> Self:
        """Begin the way of a message, which may answer a request."""
        return cls(line, message, Occasion(message, request))

    @property
    def request(self) -> WireModel | None:
        """The request that it answers, if it does."""
        return self.occasion.request

    def altered(self, message: WireModel) -> Self:
        """Give it with another content."""
        return replace(self, message=message)

    def with_fields(self, added: Mapping[str, object]) -> Self:
        """Give it with more fields than its message has."""
        return replace(self, added={**self.added, **added})

    def without_field(self, name: str) -> Self:
        """Give it without a field that its message has."""
        return replace(self, removed=self.removed | {name})

    def along(self, message: WireModel) -> Self:
        """Give another message that belongs to this one: what happens to this one as a whole happens to it too."""
        return replace(self, message=message, added={}, removed=frozenset())

    def apart(self, item: Sendable) -> "Sent":
        """Give something else that is sent to the same client."""
        return Sent.first(self.line, item)

    def frame(self, family: Family) -> bytes | str:
        """Give what is written. Text frames stay as they are, whatever was added or removed."""
        if not isinstance(self.message, WireModel):
            return self.message
        frame = codec.encode_server_message(self.message, family)
        if isinstance(frame, str) or not (self.added or self.removed):
            return frame
        fields = {**codec.server_message_fields(self.message, family), **self.added}
        return codec.encode_fields({name: fields[name] for name in fields if name not in self.removed})
