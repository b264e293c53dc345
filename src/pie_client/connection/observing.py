"""Show frames to functions of the application, without payloads and secrets. Loaded by ``PieClient.observe``."""

from __future__ import annotations

import contextlib
import json
import logging
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias, cast

from pie_client._generated import shown
from pie_client._generated.decoders import PROCESS_EVENT
from pie_client._generated.families import CORRELATION, EVENT, TAG
from pie_client.connection.options import check_function
from pie_client.connection.taps import Taps
from pie_client.errors import MESSAGE_CHARACTERS, one_line
from pie_client.protocol import codec
from pie_client.protocol.codec import Fields, Frame

logger = logging.getLogger(__name__)

Direction: TypeAlias = Literal["sent", "received"]

ARROWS: Mapping[Direction, str] = {"sent": "->", "received": "<-"}
TEXT_CHARACTERS = 64
"""Most characters of a name or text on the line of a frame, and of a field that the schema does not define."""
LINE_FIELDS = 20
"""Most fields on the line of a frame."""
UNKNOWN_MESSAGE: shown.Shown = {TAG: True, CORRELATION: False}
"""What is shown of a message that the schema does not define."""


class Redacted(str):
    """A text that stands for a payload or a secret and says how large it is, such as ``<18 characters>``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ObservedFrame:
    """A frame that a client sent or received. ``str`` of it is one line.

    Attributes:
        connection: Number of the connection, from 1 in the order in which the client opened them.
        direction: ``"sent"`` or ``"received"`` by the client.
        type: Type of the message; None if it has none.
        fields: Fields of the message, ``type`` included; empty if the frame holds no map. Redacted values are
            :class:`Redacted` texts. In what was received and takes 64 KiB or more, arrays and maps are left empty.
        size: Bytes of the frame, without the header of WebSocket.
        data: The frame: bytes if it is binary, str if it is a text frame. None unless ``redact=False``.
    """

    connection: int
    direction: Literal["sent", "received"]
    type: str | None
    fields: Mapping[str, object]
    size: int
    data: bytes | str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the frame on one line; long texts and lists are cut."""
        names = [name for name in self.fields if name != TAG]
        described = [f"{name}={_on_line(self.fields[name])}" for name in names[:LINE_FIELDS]]
        if len(names) > LINE_FIELDS:
            described.append(f"and {len(names) - LINE_FIELDS} more")
        tag = "(no type)" if self.type is None else self.type[:TEXT_CHARACTERS]
        head = f"{self.connection} {ARROWS[self.direction]}"
        return one_line(" ".join([head, tag, *described, f"({self.size} bytes)"]), MESSAGE_CHARACTERS)


Observer: TypeAlias = Callable[[ObservedFrame], None]


class Observation:
    """An observer of a client, until it is closed. May be used in a ``with`` statement, which closes it."""

    def __init__(self, taps: Taps, observer: Observer, *, redact: bool) -> None:
        self._taps = taps
        self._tap = _ObserverTap(observer, redact=redact)
        taps.add(self._tap)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Show no more frames to the observer. Closing again does nothing."""
        self._tap.closed = True
        self._taps.remove(self._tap)


def observe(taps: Taps, observer: Observer, *, redact: bool) -> Observation:
    """Call a function with every frame. Raises InvalidArgumentError if it is none, or a coroutine function."""
    check_function("callback", observer)
    return Observation(taps, observer, redact=redact)


class _ObserverTap:
    """Calls an observer with every frame, and logs the first of its failures."""

    def __init__(self, observer: Observer, *, redact: bool) -> None:
        self.closed = False
        self._observer = observer
        self._redact = redact
        self._failed = False

    def sent(self, connection: int, parts: Sequence[bytes | memoryview]) -> None:
        self._show(connection, "sent", parts[0] if len(parts) == 1 else b"".join(parts))

    def received(self, connection: int, batch: Sequence[Frame]) -> None:
        for frame in batch:
            self._show(connection, "received", frame)

    def _show(self, connection: int, direction: Direction, frame: Frame) -> None:
        if self.closed:  # by an observer, for the rest of a batch
            return
        try:
            self._observer(observed(connection, direction, frame, redact=self._redact))
        except Exception:
            if not self._failed:
                self._failed = True
                logger.exception("an observer failed; its next failures are not logged")


def observed(connection: int, direction: Direction, frame: Frame, *, redact: bool) -> ObservedFrame:
    """Return a frame as observers see it."""
    size = len(frame.encode()) if isinstance(frame, str) else len(frame)
    # What arrives may be made to take up memory; what is sent is the client's own.
    bounded = direction == "received" and size >= codec.LARGE_BYTES
    fields: Fields = {}
    with contextlib.suppress(codec.MalformedFrameError):
        fields = codec.decode_map(frame, bounded=bounded)
    tag = fields.get(TAG)
    if redact:
        fields = redacted(fields, _shown(fields, direction, text=isinstance(frame, str)))
    data = None if redact else bytes(frame) if isinstance(frame, memoryview) else frame
    return ObservedFrame(connection, direction, tag if isinstance(tag, str) else None, fields, size, data)


def _shown(fields: Fields, direction: Direction, *, text: bool) -> shown.Shown:
    """Return the fields of a message that may be shown."""
    tag, event = fields.get(TAG), fields.get(EVENT)
    if not isinstance(tag, str):
        return {}
    if direction == "sent":
        return shown.REQUESTS.get(tag, UNKNOWN_MESSAGE)
    if tag == PROCESS_EVENT:
        return shown.EVENTS.get(event if isinstance(event, str) else "", shown.UNKNOWN_EVENT)
    return (shown.TEXT_MESSAGES if text else shown.BINARY_MESSAGES).get(tag, UNKNOWN_MESSAGE)


def redacted(fields: Fields, may_be_shown: shown.Shown) -> Fields:
    """Return fields with a text in place of each value that may not be shown, or is not of the field's type."""
    return {
        _name(name): value
        if name in may_be_shown and _is_plain(value, text=may_be_shown[name])
        else _stand_in(value)
        for name, value in fields.items()
    }


def _name(name: object) -> str:
    # Keys of a message of unknown origin need not be texts.
    return name[:TEXT_CHARACTERS] if isinstance(name, str) else str(_stand_in(name))


def _is_plain(value: object, *, text: bool) -> bool:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return all(
        item is None or isinstance(item, int | float) or (text and isinstance(item, str)) for item in items
    )


def _stand_in(value: object) -> Redacted | None:
    match value:
        case None:
            return None
        case str():
            return Redacted(f"<{len(value)} characters>")
        case bytes():
            return Redacted(f"<{len(value)} bytes>")
        case list() | tuple():
            return Redacted(f"<{len(cast('Sequence[object]', value))} items>")
        case dict():
            return Redacted(f"<{len(cast('Fields', value))} fields>")
        case _:
            return Redacted(f"<{type(value).__name__}>")


def _on_line(value: object) -> str:
    if isinstance(value, Redacted):
        return str(value)
    if not isinstance(value, str):
        # Nested values of an unredacted frame may be too deep for repr().
        described = str(_stand_in(value)) if isinstance(value, bytes) else reprlib.repr(value)
        return described if len(described) <= TEXT_CHARACTERS else f"{described[:TEXT_CHARACTERS]}..."
    cut = json.dumps(value[:TEXT_CHARACTERS], ensure_ascii=False)
    return cut if len(value) <= TEXT_CHARACTERS else f"{cut}... ({len(value)} characters)"
