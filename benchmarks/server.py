"""The server of the benchmarks: `python benchmarks/server.py` prints its port and serves until standard input ends.

It is written in Python, and yet faster than every client, because it makes all frames of a stream before it replies to the
launch, and sends them from memory when the client signals the process. Of an upload it reads the headers of chunks only.
It replies to requests in one write per read. Process ids are the same on every connection, so frames are made once.
"""

import base64
import functools
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import msgpack
from blake3 import blake3

BUFFER_BYTES = 4 << 20
"""More than a frame of a client takes."""
BLOCK_BYTES = 1 << 20
CHUNK_BYTES = 256 << 10
SMALL_BYTES = 4096
ENDS_BYTES = 512
"""Bytes at both ends of a large frame that are read."""
TICK_SECONDS = 0.001
CLOSE, PING, PONG, BINARY = 8, 9, 10, 2
ACCEPT_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
IDENTIFIED = "Authenticated (Engine disabled authentication)"
RESULTS = {"ping": "pong", "auth_identify": IDENTIFIED, "check_program": "false"}

Fields = dict[str, object]
Blocks = list[bytes]


def frame(payload: bytes, opcode: int = BINARY) -> bytes:
    """Return an unmasked frame."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, size])
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


def message(**fields: object) -> bytes:
    """Return the frame of a message."""
    return frame(msgpack.packb(fields))


def process_id(number: int) -> str:
    """Return the id of the nth process of a connection."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def event(process: int, kind: str, value: str) -> bytes:
    """Return the frame of an event."""
    return message(type="process_event", process_id=process_id(process), event=kind, value=value)


@functools.cache
def stream(process: int, events: int, size: int) -> Blocks:
    """Return the events of one process."""
    one = event(process, "stdout", "x" * size)
    per_block = min(events, max(1, BLOCK_BYTES // len(one)))
    full, rest = divmod(events, per_block)
    return [one * per_block] * full + [one * rest + event(process, "return", "{}")]


@functools.cache
def streams(processes: int, events: int) -> Blocks:
    """Return the events of processes that print in turn. Process 1 is not among them: clients use it to warm up."""
    numbers = range(2, processes + 2)
    turn = b"".join(event(number, "stdout", "x" * 16) for number in numbers)
    return [turn] * (events // processes) + [b"".join(event(number, "return", "{}") for number in numbers)]


@functools.cache
def file(process: int, mebibytes: int) -> Blocks:
    """Return the chunks of a file."""
    content = os.urandom(1 << 20) * mebibytes
    total = len(content) // CHUNK_BYTES
    digest = blake3(content).hexdigest()
    chunks = [
        message(
            type="file",
            process_id=process_id(process),
            file_hash=digest,
            chunk_index=number,
            total_chunks=total,
            chunk_data=content[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES],
        )
        for number in range(total)
    ]
    return [*chunks, event(process, "return", "{}")]


def unmask(data: bytes, key: bytes) -> bytes:
    """Return the payload of a client's frame."""
    size = len(data)
    mask = int.from_bytes((key * (size // 4 + 1))[:size])
    return (int.from_bytes(data) ^ mask).to_bytes(size)


def field(data: bytes, name: str) -> int:
    """Return an integer of a message that is not complete, or raise LookupError."""
    key = msgpack.packb(name)
    at = data.index(key) + len(key)
    unpacker = msgpack.Unpacker()
    unpacker.feed(data[at : at + 9])
    return cast("int", unpacker.unpack())


class Connection:
    """A connection with one client."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._launched = 0
        self._on_signal: dict[str, Callable[[], None]] = {}

    def serve(self) -> None:
        """Serve until the client disconnects."""
        with self._socket:
            try:
                self._shake_hands()
                while self._receive():
                    frames = list(self._frames())
                    if out := b"".join(self._answer(*frame) for frame in frames):
                        self._socket.sendall(out)
                    if any(opcode == CLOSE for opcode, _ in frames):
                        break  # the server's end closes first
            except (ConnectionError, EOFError):
                pass

    def _receive(self) -> int:
        count = self._socket.recv_into(self._view[self._filled :])
        self._filled += count
        return count

    def _shake_hands(self) -> None:
        while (end := self._buffer.find(b"\r\n\r\n", 0, self._filled)) < 0:
            if not self._receive():
                raise EOFError
        lines = bytes(self._view[:end]).split(b"\r\n")
        (key,) = [
            line.split(b":")[1].strip() for line in lines if line.lower().startswith(b"sec-websocket-key:")
        ]
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT_KEY).digest())  # noqa: S324 - RFC 6455 asks for it
        self._socket.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._drop(end + 4)

    def _drop(self, count: int) -> None:
        rest = self._filled - count
        self._view[:rest] = self._view[count : self._filled]
        self._filled = rest

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield the complete frames; of a large payload both ends."""
        at, buffer = 0, self._buffer
        while self._filled - at >= 6:
            size, head = buffer[at + 1] & 0x7F, 2
            if size == 126:
                (size,), head = struct.unpack_from("!H", buffer, at + 2), 4
            elif size == 127:
                (size,), head = struct.unpack_from("!Q", buffer, at + 2), 10
            begin = at + head + 4
            if self._filled < begin + size:
                break
            key = bytes(self._view[begin - 4 : begin])
            if size <= SMALL_BYTES:
                payload = unmask(bytes(self._view[begin : begin + size]), key)
            else:
                tail = begin + size - ENDS_BYTES
                shift = (size - ENDS_BYTES) % 4
                payload = unmask(bytes(self._view[begin : begin + ENDS_BYTES]), key) + unmask(
                    bytes(self._view[tail : tail + ENDS_BYTES]), (key * 2)[shift : shift + 4]
                )
            yield buffer[at] & 0x0F, payload
            at = begin + size
        self._drop(at)

    def _answer(self, opcode: int, payload: bytes) -> bytes:
        if opcode == BINARY:
            return self._answer_request(payload)
        return frame(payload, PONG if opcode == PING else opcode)

    def _answer_request(self, payload: bytes) -> bytes:
        if b"chunk_data" in payload:
            last = field(payload, "chunk_index") + 1 == field(payload, "total_chunks")
            return reply(field(payload, "corr_id"), "ok") if last else b""
        request: Fields = msgpack.unpackb(payload)
        kind = cast("str", request["type"])
        if kind == "signal_process":
            self._on_signal[cast("str", request["process_id"])]()
            return b""
        corr_id = cast("int", request["corr_id"])
        if kind != "launch_process":
            return reply(corr_id, RESULTS.get(kind, "ok"))
        self._launched += 1
        self._prepare(self._launched, json.loads(cast("str", request["input"])))
        return reply(corr_id, process_id(self._launched))

    def _prepare(self, process: int, wanted: dict[str, int]) -> None:
        """Make what a process will send when it gets a signal."""
        if "ticks" in wanted:
            self._on_signal[process_id(process)] = lambda: self._tick(process, wanted["ticks"])
            return
        if "file" in wanted:
            blocks = file(process, wanted["file"])
        elif "processes" in wanted:
            blocks = streams(wanted["processes"], wanted["events"])
        elif "events" in wanted:
            blocks = stream(process, wanted["events"], wanted["size"])
        else:
            return

        def send() -> None:
            for block in blocks:
                self._socket.sendall(block)

        self._on_signal[process_id(process)] = send

    def _tick(self, process: int, ticks: int) -> None:
        """Send the time, again and again."""
        head, _, tail = event(process, "stdout", "0" * 20).partition(b"0" * 20)
        for _ in range(ticks):
            time.sleep(TICK_SECONDS)
            self._socket.sendall(b"%b%020d%b" % (head, time.perf_counter_ns(), tail))
        self._socket.sendall(event(process, "return", "{}"))


def reply(corr_id: int, result: str) -> bytes:
    """Return the frame of a successful reply."""
    return message(type="response", corr_id=corr_id, ok=True, result=result)


def _exit_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Accept clients."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connected, _ = server.accept()
            threading.Thread(target=Connection(connected).serve, daemon=True).start()


if __name__ == "__main__":
    main()
