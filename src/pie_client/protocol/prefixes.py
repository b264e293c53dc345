"""Recognize events and replies by the bytes of their frames that precede the text.

The events of a process differ in their text only, which servers send last. So the bytes before it, the prefix of the frame,
determine process and kind: once a frame was decoded and checked, another one with the same prefix is an event of the same
kind and process. Looking it up takes a sixth of the time of decoding the frame. Prefixes of other processes differ in the id
only, so that the first event of a process, and its last one, are recognized by the bytes around it. Replies to requests that
succeeded differ in their correlation id and their text.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgpack

from pie_client._generated.decoders import RESPONSE, ResponseRecord
from pie_client._generated.events import TERMINAL_KINDS, Event
from pie_client._generated.families import EVENT, EVENT_TEXT, PROCESS, TAG
from pie_client.protocol.codec import FIXMAP, Frame
from pie_client.protocol.routes import CANONICAL, Route

MAX_PREFIXES = 20_000
"""Most prefixes that are remembered: about two for each process of a large job."""
FIXSTR = 0xA0
"""First byte of a text of up to 31 bytes, together with its length."""
FIXSTR_BYTES = 32
STR8 = 0xD9
"""First byte of a text whose length is in the next byte."""
STR16 = 0xDA
STR32 = 0xDB
WIDTHS = {STR16: 2, STR32: 4}
"""Bytes of the length of a long text, by its first byte."""
LEARNED_BYTES = 128 << 10
"""Largest frame from which a prefix is learned: its text is encoded again for that."""
MAX_SIZES = 4
"""Most lengths of prefixes that are looked up: kinds of events have names of three lengths."""
ID_BYTES = 36
"""Length of a process id in the form of :data:`CANONICAL`."""

_KEY = msgpack.packb(EVENT_TEXT)
_FIRST = msgpack.packb(dict.fromkeys((TAG, PROCESS, EVENT, EVENT_TEXT)))[0]
"""First byte of an event that has no other fields."""

UINT8 = 0xCC
"""First byte of an integer above 127 with one further byte; the next codes have two and four."""
INT_BYTES = (2, 3, 5)

_REPLY = bytes((FIXMAP | 1 + len(ResponseRecord._fields),)) + b"".join(
    map(msgpack.packb, (TAG, RESPONSE, ResponseRecord._fields[0]))
)
"""The bytes of a reply before its correlation id."""
_REPLY_BYTES = len(_REPLY)
_SUCCESS = b"".join(map(msgpack.packb, (ResponseRecord._fields[1], True, ResponseRecord._fields[2])))
"""The bytes of a reply to a successful request between its correlation id and its text."""


class Prefixes:
    """The prefixes of frames that were decoded before, and of those that differ from them in the id of the process only.

    Args:
        routes: Every route by the id of its process.

    Attributes:
        known: The route and kind of each prefix; none of an event that ends its process.
        size: Length of the prefix that was found or added last.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self.known: dict[bytes, tuple[Route, Event]] = {}
        self.size = 0
        self._routes = routes
        self._sizes: tuple[int, ...] = ()
        self._before_id = b""
        """The bytes of a prefix before the id; none are known if it is empty."""
        self._kinds: dict[bytes, Event] = {}
        """The kind of an event by the bytes of its prefix after the id."""

    def find(self, frame: bytes | memoryview) -> tuple[Route, Event] | None:
        """Return the route and kind of a frame's prefix, also of the last event of a process, and set ``size``."""
        for size in self._sizes:
            prefix = bytes(frame[:size])
            found = self.known.get(prefix) or self._find_by_parts(prefix)
            if found is not None:
                self.size = size
                return found
        return None

    def _find_by_parts(self, prefix: bytes) -> tuple[Route, Event] | None:
        start = len(self._before_id)
        kind = self._kinds.get(prefix[start + ID_BYTES :])
        if kind is None or not prefix.startswith(self._before_id):
            return None
        try:
            route = self._routes.get(prefix[start : start + ID_BYTES].decode("ascii"))
        except UnicodeDecodeError:
            return None
        if route is None:
            return None
        self._remember(prefix, route, kind)
        return route, kind

    def _remember(self, prefix: bytes, route: Route, kind: Event) -> None:
        if kind in TERMINAL_KINDS:
            return  # no other frame has the same prefix
        if len(self.known) >= MAX_PREFIXES:
            self.known.clear()
        self.known[prefix] = route, kind

    def add(self, frame: Frame, process_id: str, route: Route, kind: Event, text: str) -> None:
        """Remember the prefix of a decoded frame with an id as it was sent, unless the frame does not end in its text."""
        # With an id in any other form, a hostile frame could have a prefix of any length, or end in an id that looks like a
        # key and a text; with another field, in one that does.
        if (
            isinstance(frame, str)
            or len(frame) > LEARNED_BYTES
            or frame[0] != _FIRST
            or not CANONICAL(process_id)
        ):
            return
        frame = bytes(frame)
        # A text keeps its encoded form once it was packed, and the memory of the event is counted already.
        encoded = text.encode()
        tail = msgpack.packb(" " * len(encoded)).removesuffix(b" " * len(encoded)) + encoded
        size = len(frame) - len(tail)
        prefix = frame[:size]
        if frame.endswith(tail) and prefix.endswith(_KEY):
            before_id, _, after_id = prefix.partition(process_id.encode())
            if before_id != self._before_id:
                self._before_id = before_id
                self._kinds.clear()
            self._kinds[after_id] = kind
            self._remember(prefix, route, kind)
            self.size = size
            if size not in self._sizes:
                self._sizes = (size, *self._sizes[: MAX_SIZES - 1])


def successful_reply(frame: bytes) -> tuple[int, str] | None:
    """Return the correlation id and the text of a reply to a successful request, or None if it may be anything else."""
    if not frame.startswith(_REPLY) or len(frame) == _REPLY_BYTES:
        return None
    corr_id = frame[_REPLY_BYTES]
    end = _REPLY_BYTES + 1
    if corr_id > 127:
        if corr_id - UINT8 not in (0, 1, 2):
            return None
        end = _REPLY_BYTES + INT_BYTES[corr_id - UINT8]
        corr_id = int.from_bytes(frame[_REPLY_BYTES + 1 : end])
    if not frame.startswith(_SUCCESS, end):
        return None
    text = text_after(frame, end + len(_SUCCESS))
    return None if text is None else (corr_id, text)


def text_after(frame: bytes, size: int) -> str | None:
    """Return the text that is the rest of a frame after its prefix, or None if the rest is anything else."""
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
    elif code == STR32 and rest > 3 and int.from_bytes(frame[size + 1 : size + 5]) == rest - 4:
        start = size + 5
    else:
        return None
    try:
        return frame[start:].decode()
    except UnicodeDecodeError:
        return None


def long_text_after(frame: memoryview, size: int) -> str | None:
    """Return the text that is the rest of a large frame after its prefix, or None if the rest is anything else."""
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
