"""Conversations with a server: read from the recording, played frame by frame, and normalized for a comparison.

A frame may contain the id of a process that an earlier frame starts: ``PROCESS`` is a placeholder for the first id, in
any form of a UUID. Ids in replies are replaced by the same placeholders.
"""

import asyncio
import base64
import contextlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, cast

import msgpack
from blake3 import blake3
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

RECORDING = Path(__file__).parent / "data" / "conversations-0.5.2.jsonl"
IDENTITY = {"x-pie-identity": "tenant/user"}
PROCESS = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa1"
"""Placeholder for the id of the first process; the last digit counts."""
TERMINAL = ("return", "error")
"""Events that end a process."""
CLOSED = "the server closed"
"""Type of the last reply on a connection that the server closes."""
MAX_CHARACTERS = 1000
"""Characters above which the recording holds a frame compressed, and a text of a reply as length and digest."""
SERVER_LINE = re.compile(r'^  File "(/0/|/bundled/|/world/|runner\.py).*\n(    .*\n)*', re.MULTILINE)
"""A line of a traceback in code of the server, not of the script."""

Reply = dict[str, object]


@dataclass(frozen=True, slots=True)
class Step:
    """A frame that a client sends, and the replies to it."""

    frame: bytes | str
    client: str = "a"
    replies: dict[str, list[Reply]] = field(default_factory=dict[str, list[Reply]])
    """Recorded replies, by client."""
    closes: bool = False
    """The client closes its connection instead of sending."""
    eventually: bool = False
    """The reply depends on the progress of a process: the frame is sent again until the reply is the recorded one."""

    def as_json(self) -> dict[str, object]:
        """Return the step as it is recorded."""
        data: dict[str, object] = {"text": self.frame}
        if isinstance(self.frame, bytes):
            data = {"hex": self.frame.hex()}
        if len(self.frame) > MAX_CHARACTERS:
            [(kind, content)] = data.items()
            data = {kind: base64.b64encode(zlib.compress(str(content).encode())).decode(), "packed": True}
        more = {"closes": True} if self.closes else {"eventually": True} if self.eventually else {}
        return {"client": self.client, **data, **more, "replies": self.replies}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> "Step":
        """Return a recorded step."""
        [(kind, content)] = [(kind, str(data[kind])) for kind in ("hex", "text") if kind in data]
        if "packed" in data:
            content = zlib.decompress(base64.b64decode(content)).decode()
        frame = bytes.fromhex(content) if kind == "hex" else content
        replies = cast("dict[str, list[Reply]]", data["replies"])
        return cls(frame, str(data["client"]), replies, "closes" in data, "eventually" in data)


def recorded() -> Iterator[tuple[str, list[Step]]]:
    """Yield the recorded conversations with their names."""
    for line in RECORDING.read_text("utf-8").splitlines():
        data = json.loads(line)
        yield data["name"], [Step.from_json(step) for step in data["steps"]]


class Ids:
    """The process ids that a server has sent, in order, and their placeholders."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def add(self, text: str) -> None:
        """Assign the next placeholder to an id, unless it has one."""
        if text not in self._known:
            self._known.append(text)

    def insert(self, frame: bytes | str) -> bytes | str:
        """Replace placeholders by ids."""
        if isinstance(frame, str):
            return self._replace(frame.encode(), insert=True).decode()
        return self._replace(frame, insert=True)

    def remove(self, text: str) -> str:
        """Replace ids by placeholders."""
        return self._replace(text.encode(), insert=False).decode()

    def _replace(self, data: bytes, *, insert: bool) -> bytes:
        for number, process_id in enumerate(self._known, 1):
            placeholder = f"{PROCESS[:-1]}{number}"
            for short, full in zip(_forms(placeholder), _forms(process_id), strict=True):
                data = data.replace(short, full) if insert else data.replace(full, short)
        return data


def _forms(text: str) -> list[bytes]:
    return [form.encode() for form in (text, text.upper(), text.replace("-", ""))]


def normalized(frame: bytes | str, ids: Ids) -> Reply:
    """Return a reply without everything that differs between runs, machines and libraries.

    Error texts of the libraries that parse JSON and TOML for a server are replaced, with the positions in them.
    Statistics are reduced to the names that every server has.
    """
    if isinstance(frame, str):
        text = json.loads(frame)
        if "message" in text:
            text["message"] = re.sub(
                r"(bad client frame: ).* at line \d+ column \d+$", r"\1(JSON)", text["message"]
            )
            # For a truncated frame, this is the text of the msgpack library.
            text["message"] = re.sub(r"(?<=IO error while reading )\w+: .*", "(what)", text["message"])
        return cast("Reply", text)
    reply: Reply = msgpack.unpackb(frame)
    assert msgpack.packb(reply) == frame, "not in the shortest form"
    for name in ("result", "value"):
        if isinstance(reply.get(name), str):
            reply[name] = shorten(_text(str(reply[name]), ids))
    if isinstance(process := reply.get("process_id"), str):
        reply["process_id"] = ids.remove(process)
    if isinstance(data := reply.get("chunk_data"), bytes):
        reply["chunk_data"] = shorten(data.hex())
    return reply


def shorten(text: str) -> str:
    """Return a long text as its length and digest."""
    return (
        text
        if len(text) <= MAX_CHARACTERS
        else f"({len(text)} characters, {blake3(text.encode()).hexdigest()})"
    )


def _text(text: str, ids: Ids) -> str:
    if re.fullmatch(r"[0-9a-f-]{36}", text):
        ids.add(text)
    text = re.sub(r"looked in .*\)(, and|$)", r"looked in (folder))\1", text)
    text = re.sub(r'^(writing |Failed to create directory ")(/.*?/inferlets)/', r"\1(folder)/", text)
    text = re.sub(r"(?s)(manifest TOML: ).*", r"\1(TOML)", text)
    text = re.sub(r"(language component at ).*", r"\1(why)", text)
    text = re.sub(r"(?s)^(Call error: ).*", r"\1(what)", text)
    text = re.sub(
        r"(?s)Traceback \(most recent call last\):\n.*", lambda found: _script_lines(found[0]), text
    )
    # A null byte in a source is a ValueError before Python 3.11.4.
    text = text.replace("ValueError: source code string", "SyntaxError: source code string")
    text = re.sub(r'"elapsed_secs":\d+', '"elapsed_secs":0', text)
    if text.startswith("[{"):
        for info in json.loads(text):
            ids.add(info["id"])
        items = sorted(re.findall(r"\{.*?\}", ids.remove(text)))  # processes are listed in any order
        return f"[{','.join(items)}]"
    if text.startswith('{"') and "kv_pages_used" in text:
        stable = r'"[^".]*\.((?:kv_pages|total|last|avg)_(?:used|total|batches|tokens_processed|batch_latency_us))"'
        return f"(status with {', '.join(sorted(set(re.findall(stable, text))))})"
    return ids.remove(text)


def _script_lines(text: str) -> str:
    """Remove the lines of the server and the column markers from a traceback."""
    text = SERVER_LINE.sub("", text)
    return re.sub(r"(?m)^ +[~^]+\n", "", text)


def by_channel(replies: list[Reply]) -> dict[str, list[Reply]]:
    """Group replies whose order is defined on a server that handles requests in parallel.

    These are the responses, the events of each process, and the text frames. In addition, a launch response comes
    before the first event of its process; ``test_differential.py`` checks that.
    """
    channels: dict[str, list[Reply]] = {}
    for reply in replies:
        kind = str(reply.get("process_id") or reply["type"])
        channels.setdefault(kind, []).append(reply)
    return channels


def in_order(replies: list[Reply]) -> list[Reply]:
    """Sort replies by channel, to record them in an order that does not depend on timing."""
    channels = by_channel(replies)
    kinds = sorted(channels, key=lambda kind: (kind == CLOSED, kind != "response", kind))
    return [reply for kind in kinds for reply in channels[kind]]


class Player:
    """Plays one conversation, with a connection for each client."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._ids = Ids()
        self._clients: dict[str, ClientConnection] = {}
        self.ended: set[str] = set()
        """Ids of processes whose terminal event a client has received."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.close()

    async def open(self, names: set[str]) -> None:
        """Connect all clients of the conversation."""
        for name in sorted(names):
            self._clients[name] = await connect(
                self._uri, additional_headers=IDENTITY, max_size=None, compression=None, proxy=None
            )

    async def send(self, step: Step) -> None:
        """Send the frame of a step."""
        client = self._clients[step.client]
        if step.closes:
            await client.close()
            return
        with contextlib.suppress(
            ConnectionClosed
        ):  # the server may close while it receives a frame that is too large
            await client.send(self._ids.insert(step.frame))

    async def next(self, name: str, timeout: float) -> Reply | None:
        """Return the next reply to a client, or None after a timeout."""
        try:
            async with asyncio.timeout(timeout):
                frame = await self._clients[name].recv()
        except TimeoutError:
            return None
        except ConnectionClosed:
            return {"type": CLOSED}
        if isinstance(frame, bytes):
            event: Reply = msgpack.unpackb(frame)
            if event.get("event") in TERMINAL:
                self.ended.add(str(event["process_id"]))
        return normalized(frame, self._ids)

    def names(self) -> list[str]:
        """Return the names of the connected clients."""
        return sorted(self._clients)
