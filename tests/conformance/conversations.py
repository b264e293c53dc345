"""Conversations with a server in raw frames: played, normalised and compared, to hold the embedded engine to a real one.

A frame may name a process that the server will have started by then: ``PROCESS`` stands for the id of the first one,
in any form of a UUID. What is random in a reply is replaced likewise.
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
"""Stands for the id of a process."""
TERMINAL = ("return", "error")
"""Events with which a process ends."""
CLOSED = "the server closed"
LONG = 1000
"""Characters above which a recording has a frame compressed, and of a text in a reply its length and digest."""
OWN_FRAME = re.compile(r'^  File "(/0/|/bundled/|/world/|runner\.py).*\n(    .*\n)*', re.MULTILINE)
"""A line of a traceback that is not about the script but about what runs it."""

Reply = dict[str, object]


@dataclass(frozen=True, slots=True)
class Step:
    """A frame that one of the clients of a conversation sends."""

    frame: bytes | str
    client: str = "a"
    replies: dict[str, list[Reply]] = field(default_factory=dict[str, list[Reply]])
    """What each client gets then, as recorded."""
    hangs_up: bool = False
    """The client closes its connection instead of sending."""
    eventually: bool = False
    """What is answered depends on what a process does meanwhile; it is asked again until the answer is the recorded one."""

    def as_json(self) -> dict[str, object]:
        """Give what is recorded."""
        data: dict[str, object] = {"text": self.frame}
        if isinstance(self.frame, bytes):
            data = {"hex": self.frame.hex()}
        if len(self.frame) > LONG:
            [(kind, content)] = data.items()
            data = {kind: base64.b64encode(zlib.compress(str(content).encode())).decode(), "packed": True}
        more = {"hangs_up": True} if self.hangs_up else {"eventually": True} if self.eventually else {}
        return {"client": self.client, **data, **more, "replies": self.replies}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> "Step":
        """Read what was recorded."""
        [(kind, content)] = [(kind, str(data[kind])) for kind in ("hex", "text") if kind in data]
        if "packed" in data:
            content = zlib.decompress(base64.b64decode(content)).decode()
        frame = bytes.fromhex(content) if kind == "hex" else content
        replies = cast("dict[str, list[Reply]]", data["replies"])
        return cls(frame, str(data["client"]), replies, "hangs_up" in data, "eventually" in data)


def recorded() -> Iterator[tuple[str, list[Step]]]:
    """Give the recorded conversations by their names."""
    for line in RECORDING.read_text("utf-8").splitlines():
        data = json.loads(line)
        yield data["name"], [Step.from_json(step) for step in data["steps"]]


class Ids:
    """The ids of processes that a server has told, in their order."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def learn(self, text: str) -> None:
        """Note an id."""
        if text not in self._known:
            self._known.append(text)

    def into(self, frame: bytes | str) -> bytes | str:
        """Put the ids in for what stands for them."""
        if isinstance(frame, str):
            return self._replaced(frame.encode(), outwards=True).decode()
        return self._replaced(frame, outwards=True)

    def out_of(self, text: str) -> str:
        """Put what stands for the ids in for them."""
        return self._replaced(text.encode(), outwards=False).decode()

    def _replaced(self, data: bytes, *, outwards: bool) -> bytes:
        for number, real in enumerate(self._known, 1):
            shown = f"{PROCESS[:-1]}{number}"
            forms = zip(_forms(shown), _forms(real), strict=True)
            for ours, theirs in forms:
                data = data.replace(ours, theirs) if outwards else data.replace(theirs, ours)
        return data


def _forms(text: str) -> list[bytes]:
    return [form.encode() for form in (text, text.upper(), text.replace("-", ""))]


def normalised(frame: bytes | str, ids: Ids) -> Reply:
    """Make a reply comparable: replace what differs from run to run and from machine to machine, and nothing else.

    Some words are not the server's own but of the libraries that read JSON and TOML for it; those go too, with the
    places that they name. Statistics are reduced to those that every server has.
    """
    if isinstance(frame, str):
        text = json.loads(frame)
        if "message" in text:
            text["message"] = re.sub(
                r"(bad client frame: ).* at line \d+ column \d+$", r"\1(JSON)", text["message"]
            )
            # Where a frame ends too early shows in the words of the msgpack library.
            text["message"] = re.sub(r"(?<=IO error while reading )\w+: .*", "(what)", text["message"])
        return cast("Reply", text)
    reply: Reply = msgpack.unpackb(frame)
    assert msgpack.packb(reply) == frame, "not in the shortest form"
    for name in ("result", "value"):
        if isinstance(reply.get(name), str):
            reply[name] = shortened(_text(str(reply[name]), ids))
    if isinstance(process := reply.get("process_id"), str):
        reply["process_id"] = ids.out_of(process)
    if isinstance(data := reply.get("chunk_data"), bytes):
        reply["chunk_data"] = shortened(data.hex())
    return reply


def shortened(text: str) -> str:
    """Give a long text by its length and digest."""
    return text if len(text) <= LONG else f"({len(text)} characters, {blake3(text.encode()).hexdigest()})"


def _text(text: str, ids: Ids) -> str:
    if re.fullmatch(r"[0-9a-f-]{36}", text):
        ids.learn(text)
    text = re.sub(r"looked in .*\)(, and|$)", r"looked in (folder))\1", text)
    text = re.sub(r'^(writing |Failed to create directory ")(/.*?/inferlets)/', r"\1(folder)/", text)
    text = re.sub(r"(?s)(manifest TOML: ).*", r"\1(TOML)", text)
    text = re.sub(r"(language component at ).*", r"\1(why)", text)
    text = re.sub(r"(?s)^(Call error: ).*", r"\1(what)", text)
    text = re.sub(r"(?s)Traceback \(most recent call last\):\n.*", lambda found: _trace(found[0]), text)
    text = re.sub(r'"elapsed_secs":\d+', '"elapsed_secs":0', text)
    if text.startswith("[{"):
        for info in json.loads(text):
            ids.learn(info["id"])
        items = sorted(re.findall(r"\{.*?\}", ids.out_of(text)))  # the order of processes is arbitrary
        return f"[{','.join(items)}]"
    if text.startswith('{"') and "kv_pages_used" in text:
        stable = r'"[^".]*\.((?:kv_pages|total|last|avg)_(?:used|total|batches|tokens_processed|batch_latency_us))"'
        return f"(status with {', '.join(sorted(set(re.findall(stable, text))))})"
    return ids.out_of(text)


def _trace(text: str) -> str:
    """Leave out of a traceback what is not about the script, and what marks the place within a line."""
    text = OWN_FRAME.sub("", text)
    return re.sub(r"(?m)^ +[~^]+\n", "", text)


def by_channel(replies: list[Reply]) -> dict[str, list[Reply]]:
    """Sort replies into what keeps its order on a server that serves requests in parallel.

    That is: responses among each other, the events of a process, and text frames. A launch response also comes before
    the first event of its process, which :func:`play` checks.
    """
    channels: dict[str, list[Reply]] = {}
    for reply in replies:
        kind = str(reply.get("process_id") or reply["type"])
        channels.setdefault(kind, []).append(reply)
    return channels


def in_order(replies: list[Reply]) -> list[Reply]:
    """Sort replies so that their order says nothing about what a server does in parallel: by channel."""
    channels = by_channel(replies)
    kinds = sorted(channels, key=lambda kind: (kind == CLOSED, kind != "response", kind))
    return [reply for kind in kinds for reply in channels[kind]]


class Player:
    """Plays one conversation: opens a connection for each client and notes what it gets."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._ids = Ids()
        self._clients: dict[str, ClientConnection] = {}
        self.ended: set[str] = set()
        """Ids of processes whose end some client was told."""

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
        if step.hangs_up:
            await client.close()
            return
        with contextlib.suppress(ConnectionClosed):  # a frame that is too large may be cut off
            await client.send(self._ids.into(step.frame))

    async def next(self, name: str, seconds: float) -> Reply | None:
        """Give the next reply to a client; None when none comes in time."""
        try:
            async with asyncio.timeout(seconds):
                frame = await self._clients[name].recv()
        except TimeoutError:
            return None
        except ConnectionClosed:
            return {"type": CLOSED}
        if isinstance(frame, bytes):
            event: Reply = msgpack.unpackb(frame)
            if event.get("event") in TERMINAL:
                self.ended.add(str(event["process_id"]))
        return normalised(frame, self._ids)

    def names(self) -> list[str]:
        """Names of the clients that are connected."""
        return sorted(self._clients)
