"""Messages on their way to a client, as the faults alter them one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, TypeAlias

from pie_client._generated import models
from pie_client._generated.families import Family
from pie_client._generated.registry import EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.protocol import codec

Sendable: TypeAlias = WireModel | bytes | str
"""A message, or a frame that is already encoded."""
TERMINAL_MESSAGES = (models.ReturnFrame, models.ErrorFrame)
"""Events that end a process."""
PROCESS_MESSAGES = (*EVENT_MESSAGES, models.FileChunk)
"""Messages of a process."""
(VALUE,) = (
    name
    for name, info in models.UnknownFrame.model_fields.items()
    if not info.is_required() and info.default is None
)
"""Field of an event that holds its value."""


class Receiver(Protocol):
    """The connection that a message is sent on."""

    def release(self, sent: "MessageCopy") -> None:
        """Send a message that no fault alters any more. Does nothing if the client is disconnected."""
        ...


@dataclass(eq=False, slots=True)
class Original:
    """A message before any fault; shared by its copies, so that a fault counts once for all of them.

    Attributes:
        message: The message.
        request: The request that it answers, or None.
        altered_by: Numbers of the faults that have altered it.
    """

    message: Sendable
    request: WireModel | None
    altered_by: set[int] = field(default_factory=set[int])


@dataclass(frozen=True, slots=True)
class MessageCopy:
    """One copy of a message, as altered so far.

    Attributes:
        receiver: The connection that it is sent on.
        message: Its content.
        original: The message before any fault.
        added: Fields that are added when it is encoded.
        removed: Names of fields that are removed when it is encoded.
    """

    receiver: Receiver
    message: Sendable
    original: Original
    added: Mapping[str, object] = field(default_factory=dict[str, object])
    removed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, receiver: Receiver, message: Sendable, request: WireModel | None = None) -> Self:
        """Return the first copy of a message."""
        return cls(receiver, message, Original(message, request))

    @property
    def request(self) -> WireModel | None:
        """The request that it answers, or None."""
        return self.original.request

    def with_values(self, **values: object) -> Self:
        """Return a copy whose message has other values in some of its fields."""
        assert isinstance(self.message, WireModel)  # noqa: S101 - faults see nothing else
        return replace(self, message=self.message.model_copy(update=values))

    def with_fields(self, added: Mapping[str, object]) -> Self:
        """Return a copy with fields that its model does not have."""
        return replace(self, added={**self.added, **added})

    def without_field(self, name: str) -> Self:
        """Return a copy that lacks a field of its model."""
        return replace(self, removed=self.removed | {name})

    def following(self, message: WireModel) -> Self:
        """Return another message with the same original, so that both count as one for later faults."""
        return replace(self, message=message, added={}, removed=frozenset())

    def separate(self, item: Sendable) -> "MessageCopy":
        """Return a message of its own to the same client."""
        return MessageCopy.of(self.receiver, item)

    def frame(self, family: Family) -> bytes | str:
        """Return the encoded frame. Fields are added and removed in binary frames only."""
        if not isinstance(self.message, WireModel):
            return self.message
        frame = codec.encode_server_message(self.message, family)
        if isinstance(frame, str) or not (self.added or self.removed):
            return frame
        fields = {**codec.server_message_fields(self.message, family), **self.added}
        return codec.encode_fields({name: fields[name] for name in fields if name not in self.removed})
