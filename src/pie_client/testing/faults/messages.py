"""Faults of messages and frames of any kind."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from pie_client._generated import models
from pie_client._generated.families import TAG
from pie_client._generated.registry import EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing.faults.fault import Fault
from pie_client.testing.faults.group import UNKNOWN, FaultGroup, check_answered, check_number
from pie_client.testing.faults.outgoing import TERMINAL_MESSAGES, VALUE, MessageCopy

TEXT_EVENTS = (models.StdoutFrame, models.StderrFrame, models.MessageFrame, *TERMINAL_MESSAGES)
NEVER = b"\xc1"
"""The one byte that msgpack never uses."""


class MessageFaults(FaultGroup):
    """Faults of messages and frames of any kind."""

    def unknown_message_type(self, tag: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """Send a message of an unknown type before the next message."""
        return self._insert("unknown_message_type", codec.encode_fields({TAG: tag}), times)

    def extra_keys(self, keys: Mapping[str, JsonValue] | None = None, *, times: int | None = 1) -> Fault:
        """Add unknown keys to a binary message.

        Args:
            keys: What is added; default: one key with a value of every JSON type.
            times: How often; None for every time.
        """
        added = {UNKNOWN: {"list": [1, 2.5, "text", True, None]}} if keys is None else dict(keys)
        family = self._faults.traits.name

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            if not isinstance(sent.message, WireModel) or isinstance(sent.frame(family), str):
                return None
            return [sent.with_fields(added)] if fault.applies_to(sent) else None

        return self._on_message("extra_keys", times, replace)

    def oversize_message(
        self, size: int, of: type[WireModel] = models.ReturnFrame, *, times: int | None = 1
    ) -> Fault:
        """Fill up the text of a message with spaces, which keeps it valid as JSON.

        Args:
            size: Bytes that the text has at least.
            of: Class of the event, or of the request whose reply it is.
            times: How often. Events whose value is missing do not count.
        """
        check_number("size", size)
        if of not in EVENT_MESSAGES:
            check_answered(of)

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if isinstance(message, models.Response) and isinstance(sent.request, of):
                return [sent.with_values(result=fill(message.result))] if fault.applies_to(sent) else None
            if isinstance(message, TEXT_EVENTS) and isinstance(message, of) and VALUE not in sent.removed:
                return [sent.with_values(value=fill(message.value))] if fault.applies_to(sent) else None
            return None

        def fill(text: str) -> str:
            return text + " " * (size - len(text.encode()))

        return self._on_message("oversize_message", times, replace)

    def text_frame(self, content: WireModel | str | None = None, *, times: int | None = 1) -> Fault:
        """Send a text frame before the next message, as 0.5 servers do.

        Args:
            content: A message such as ``models.ServerNotice(message="...")``, or any text. Default: ``turn_done``, which a
                0.5 server sends when a request is done.
            times: How often; None for every time.
        """
        message = models.TurnDone() if content is None else content
        frame = message.model_dump_json() if isinstance(message, WireModel) else message
        return self._insert("text_frame", frame, times)

    def malformed_frame(self, frame: bytes = NEVER, *, times: int | None = 1) -> Fault:
        """Send a binary frame that can't be decoded before the next message."""
        return self._insert("malformed_frame", frame, times)
