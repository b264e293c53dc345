"""Change the WebSocket frames that a server sends: order, fragments, pings; duplicates and gaps.

Server frames are not masked, so they can be read and written without a WebSocket library.
"""

import itertools
import random
import struct
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgpack

FIN, TEXT, BINARY, PING = 0x80, 0x1, 0x2, 0x9
SHORT, LONG = 126, 127
"""Lengths that say how many bytes of the real length follow."""


@dataclass(frozen=True)
class Frame:
    """A frame of a server.

    Attributes:
        first: Its first byte: the opcode, and whether it ends a message.
        payload: Its bytes.
    """

    first: int
    payload: bytes

    def __bytes__(self) -> bytes:
        size = len(self.payload)
        if size < SHORT:
            length = bytes([size])
        elif size < 1 << 16:
            length = struct.pack("!BH", SHORT, size)
        else:
            length = struct.pack("!BQ", LONG, size)
        return bytes([self.first]) + length + self.payload

    @property
    def is_message(self) -> bool:
        """Whether the frame is a whole message."""
        return self.first in (FIN | TEXT, FIN | BINARY)

    @property
    def stream(self) -> object:
        """What keeps its order: a process, or a reply by itself."""
        if self.first != FIN | BINARY:
            return None
        fields: dict[str, object] = msgpack.unpackb(self.payload)
        return fields.get("process_id") or fields.get("corr_id")


class FrameReader:
    """Cut the bytes of a server into frames, after the head of its HTTP response."""

    def __init__(self) -> None:
        self._data = b""
        self._head_read = False

    def feed(self, data: bytes) -> tuple[bytes, list[Frame]]:
        """Return the part of the head that the data completes, if it does, and the complete frames."""
        self._data += data
        head = b""
        if not self._head_read:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return b"", []
            self._head_read = True
            head, self._data = self._data[: end + 4], self._data[end + 4 :]
        return head, list(self._frames())

    def rest(self) -> bytes:
        """Return what is no complete frame."""
        rest, self._data = self._data, b""
        return rest

    def _frames(self) -> Iterator[Frame]:
        while len(self._data) >= 2:
            size, at = self._data[1], 2
            if size in (SHORT, LONG):
                at = 4 if size == SHORT else 10
                if len(self._data) < at:
                    return
                size = int.from_bytes(self._data[2:at], "big")
            if len(self._data) < at + size:
                return
            yield Frame(self._data[0], self._data[at : at + size])
            self._data = self._data[at + size :]


def reordered(frames: Iterable[Frame], rng: random.Random) -> list[Frame]:
    """Return frames in another order, in which those of each process keep theirs."""
    streams = defaultdict[object, deque[Frame]](deque)
    for frame in frames:
        streams[frame.stream].append(frame)
    order = [stream for stream, of in streams.items() for _ in of]
    rng.shuffle(order)
    return [streams[stream].popleft() for stream in order]


def fragmented(frame: Frame, rng: random.Random) -> list[Frame]:
    """Return a message in fragments, with pings between them."""
    if not frame.is_message or len(frame.payload) < 2:
        return [frame]
    cuts = sorted(rng.choices(range(len(frame.payload) + 1), k=rng.randint(1, 4)))
    parts = [frame.payload[a:b] for a, b in itertools.pairwise([0, *cuts, len(frame.payload)])]
    found: list[Frame] = []
    for index, part in enumerate(parts):
        opcode = 0 if index else frame.first & 0xF
        found.append(Frame(opcode | (FIN if index == len(parts) - 1 else 0), part))
        if rng.random() < 0.2:
            found.append(Frame(FIN | PING, rng.randbytes(rng.randint(0, 125))))
    return found
