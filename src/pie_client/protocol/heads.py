"""Recognize events by the bytes of their frames that precede the text.

The events of a process differ in their text only, which servers send last. So the bytes before it determine process
and kind: once a frame was decoded and checked, another one with the same bytes before its text is an event of the same kind
and process. Looking them up takes a third of the time of decoding the frame.
"""

from __future__ import annotations

import msgpack

from pie_client._generated.events import TERMINAL_KINDS, Event
from pie_client._generated.families import EVENT_TEXT
from pie_client.protocol.codec import Frame
from pie_client.protocol.routes import CANONICAL, Route

MAX_HEADS = 20_000
"""Most heads that are remembered: about two for each process of a large job."""
FIXSTR = 0xA0
"""First byte of a text of up to 31 bytes, together with its length."""
FIXSTR_BYTES = 32
STR8 = 0xD9
"""First byte of a text whose length is in the next byte."""
STR16 = 0xDA
STR32 = 0xDB
WIDTHS = {STR16: 2, STR32: 4}
"""Bytes of the length of a long text, by its first byte."""
LEARNED = 128 << 10
"""Largest frame from which a head is learned: its text is copied for that."""

_KEY = msgpack.packb(EVENT_TEXT)


class Heads:
    """The heads of frames that were decoded before.

    Attributes:
        known: The route and kind of each head.
        size: Length of the head that was added last. Only heads of this length are looked up: nearly all events have
            ids of one length, and kinds come in rows.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[Route, Event]] = {}
        self.size = 0

    def add(self, frame: Frame, route: Route, kind: Event, text: str) -> None:
        """Remember the head of a decoded frame, unless the event ends its process or its text is not what comes last."""
        if kind in TERMINAL_KINDS:
            return
        if not isinstance(frame, bytes):
            if isinstance(frame, str) or len(frame) > LEARNED:
                return
            frame = bytes(frame)
        tail = msgpack.packb(text)
        size = len(frame) - len(tail)
        head = frame[:size]
        # With any other id, a hostile frame could end in an id that looks like a key and a text.
        if frame.endswith(tail) and head.endswith(_KEY) and CANONICAL(route.process_id):
            if len(self.known) >= MAX_HEADS:
                self.known.clear()
            self.known[head] = route, kind
            self.size = size


def text_after(frame: bytes, size: int) -> str | None:
    """Return the text that is the rest of a frame after its head, or None if the rest is anything else."""
    rest = len(frame) - size - 1
    if rest < 0:
        return None
    code = frame[size]
    if code == FIXSTR | rest and rest < FIXSTR_BYTES:
        start = size + 1
    elif code == STR8 and rest and frame[size + 1] == rest - 1:
        start = size + 2
    elif code == STR16 and rest > 1 and frame[size + 1] << 8 | frame[size + 2] == rest - 2:
        start = size + 3
    else:
        return None
    try:
        return frame[start:].decode()
    except UnicodeDecodeError:
        return None


def long_text_after(frame: memoryview, size: int) -> str | None:
    """Return the text that is the rest of a large frame after its head, or None if the rest is anything else."""
    width = WIDTHS.get(frame[size]) if len(frame) > size else None
    if width is None:
        return None
    start = size + 1 + width
    if int.from_bytes(frame[size + 1 : start]) != len(frame) - start:
        return None
    try:
        return str(frame[start:], "utf-8")
    except UnicodeDecodeError:
        return None
