"""Frames of several processes, interleaved, reach the right readers, calls and files, and nothing else does."""

import functools
from collections.abc import Iterator

import msgpack
from blake3 import blake3

from pie_client._generated import registry
from pie_client.protocol.codec import Frame
from tests.cost.samples import fields_of
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target
from tests.fuzz.world import ASKED, World
from tests.protocol.vectors import INVALID, RECORDED, REFERENCE, VALID

PROCESSES = [f"0b7e8d52-5f0c-4c1e-9a36-{number:012x}" for number in range(3)]
IDS = [*PROCESSES, PROCESSES[0].upper(), "unknown"]
FILES = [[b"one", b"two"], [b"single"], [b"", b"x", b""], [bytes(900), bytes(300)]]
"""Chunks of the files that processes send."""
EVENTS = [model.__name__ for model in registry.EVENT_MESSAGES]
SPOOL_ABOVE = (1 << 30, 0, 4, 1000)
VECTORS = [v.frame for v in (*REFERENCE, *VALID, *INVALID, *RECORDED[:100]) if v.sender == "server"]
MOST_STEPS = 200


def check(data: bytes) -> None:
    choices = Choices(data)
    world = World(PROCESSES, choices.pick(SPOOL_ABOVE))
    for _ in range(MOST_STEPS):
        if not choices:
            break
        step(world, choices)
    world.end()


def step(world: World, choices: Choices) -> None:
    """Do what the next bytes say."""
    match choices.number(10):
        case 0 | 1 | 2:
            world.receive(*(_frame(choices) for _ in range(1 + choices.number(3))))
        case 3 | 4:
            world.receive(_chunk(choices))
        case 5:
            world.read(choices.pick(PROCESSES), put_back=bool(choices.number(2)))
        case 6:
            world.write(fail=choices.number(4) == 1)
        case 7:
            world.ask(choices.pick(ASKED))
        case 8:
            world.receive(_reply(choices))
        case _:
            if choices.number(4):
                world.cancel()
            else:
                world.lose_connection(gaps=bool(choices.number(2)))


def _frame(choices: Choices) -> Frame:
    """Return a frame: an event, one of the vectors, or one of them changed; perhaps in the receive buffer."""
    match choices.number(5):
        case 0 | 1:
            frame: bytes | str = _event(choices)
        case 2:
            frame = _vector(choices)
        case 3:
            frame = _changed(_vector(choices) if choices.number(2) else _event(choices), choices)
        case _:
            frame = choices.some()
    if isinstance(frame, bytes) and frame and choices.number(3) == 1:
        return memoryview(frame)
    return frame


def _vector(choices: Choices) -> bytes | str:
    """Return one of the vectors, chosen by two bytes: there are more than 256."""
    return VECTORS[(256 * choices.number(256) + choices.number(256)) % len(VECTORS)]


def _event(choices: Choices) -> bytes:
    fields = _fields(choices.pick(EVENTS)) | {"process_id": choices.pick(IDS), "value": choices.text()}
    if not choices.number(20):
        fields["later"] = choices.text()
    return msgpack.packb(fields)


@functools.cache
def _fields(title: str) -> dict[str, object]:
    return fields_of(title)


def _chunk(choices: Choices) -> bytes:
    """Return a chunk of a file: mostly the one that its first number says."""
    chunks = choices.pick(FILES)
    index = choices.number(len(chunks))
    fields = _fields("FileChunk") | {
        "process_id": choices.pick(PROCESSES),
        "file_hash": blake3(b"".join(chunks)).hexdigest(),
        "chunk_index": index,
        "total_chunks": len(chunks),
        "chunk_data": chunks[index],
        "name": None,
    }
    match choices.number(16):
        case 13:
            fields["chunk_index"] = choices.number(256)
        case 14:
            fields["total_chunks"] = choices.number(256)
        case 15:
            fields["chunk_data"] = choices.some()
        case _:
            pass
    return msgpack.packb(fields)


def _reply(choices: Choices) -> bytes:
    ok: object = choices.pick((True, True, False, 1))
    text = choices.pick(("Pong", "{}", "[]", "not JSON", '{"a": 1}', choices.text()))
    return msgpack.packb(_fields("Response") | {"corr_id": choices.number(8), "ok": ok, "result": text})


def _changed(frame: bytes | str, choices: Choices) -> bytes | str:
    data = bytearray(frame.encode() if isinstance(frame, str) else frame)
    if data:
        at = choices.number(256) * 255 % len(data) if len(data) > 256 else choices.number(len(data))
        match choices.number(3):
            case 0:
                data[at] = choices.number(256)
            case 1:
                del data[at:]
            case _:
                data[at:at] = choices.some(9)
    return data.decode("utf-8", "replace") if isinstance(frame, str) else bytes(data)


def seeds() -> Iterator[bytes]:
    for spool in range(len(SPOOL_ABOVE)):
        for operation in range(10):
            yield bytes([spool, operation, 0, 0, 1, 5, *b"hello", 5, 0, 0, 6, 0])
        for number in range(len(FILES)):
            whole = _sent(number, 0)
            yield bytes([spool, *whole, 6, 0, 5, 0, 0, 9, 0, 1])
            # After a chunk that is missing, wrong or repeated; of two processes in turn; and written without success.
            for first in ((3, number, 1, 0, 0), (3, number, 0, 0, 15, 1, 7), (3, number, 0, 0, 0)):
                yield bytes([spool, *first, *whole, 6, 0])
            halves = zip(_chunks(number, 0), _chunks(number, 1), strict=True)
            yield bytes([spool, *(byte for pair in halves for chunk in pair for byte in chunk)])
            yield bytes([spool, *whole, 6, 1, *whole])
    for number in range(len(VECTORS)):
        place = divmod(number, 256)
        yield bytes([0, 0, 0, 2, *place, 0, 0, 0, 3, 1, *place, 7, 0, 200])


def _chunks(number: int, process: int) -> list[tuple[int, ...]]:
    """Return the steps that send each chunk of a file."""
    return [(3, number, index, process, 0) for index in range(len(FILES[number]))]


def _sent(number: int, process: int) -> list[int]:
    return [byte for chunk in _chunks(number, process) for byte in chunk]


def words() -> Iterator[bytes]:
    yield from (
        b"\3\0\0\0\0",
        b"\3\0\1\0\0",
        b"\6\0",
        b"\5\0\0",
        b"\7\0",
        b"\x08\0\0\0",
        b"\x09\0\1",
        b"\0\0\0\3\0\0",
    )


TARGET = Target(check, seeds, words)
