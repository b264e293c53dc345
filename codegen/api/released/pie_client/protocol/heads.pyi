from __future__ import annotations
import msgpack
from pie_client._generated.decoders import RESPONSE, ResponseRecord
from pie_client._generated.events import TERMINAL_KINDS, Event
from pie_client._generated.families import EVENT, EVENT_TEXT, PROCESS, TAG
from pie_client.protocol.codec import FIXMAP, Frame
from pie_client.protocol.routes import CANONICAL, Route
MAX_HEADS = 20000
FIXSTR = 160
FIXSTR_BYTES = 32
STR8 = 217
STR16 = 218
STR32 = 219
WIDTHS = {STR16: 2, STR32: 4}
LEARNED_BYTES = 128 << 10
MAX_SIZES = 4
UINT8 = 204
INT_BYTES = (2, 3, 5)

class Heads:

    def __init__(self) -> None:
        self.known = ...
        self.size = ...

    def find(self, frame: bytes | memoryview) -> tuple[Route, Event] | None:
        ...

    def add(self, frame: Frame, route: Route, kind: Event, text: str) -> None:
        ...

def successful_reply(frame: bytes) -> tuple[int, str] | None:
    ...

def text_after(frame: bytes, size: int) -> str | None:
    ...

def long_text_after(frame: memoryview, size: int) -> str | None:
    ...
