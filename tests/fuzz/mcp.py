"""Messages of MCP servers are split as a JSON parser would split them, however they arrive."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import patch

from pie_client.mcp import messages
from pie_client.mcp.messages import NotJsonRpcError
from pie_client.mcp.peer import Peer
from pie_client.mcp.stdio import LineBuffer
from tests.cost.samples import SCHEMA, fields_of
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

LOOP = asyncio.new_event_loop()


def check(data: bytes) -> None:
    choices = Choices(data)
    structure_only = bool(choices.number(2))
    size = 1 + choices.number(64)
    body = choices.rest()
    _check_lines(body, size)
    text = body.decode("utf-8", "replace")
    with patch.object(messages, "LONG", 0 if structure_only else messages.LONG):
        _check_split(text, structure_only=structure_only)
    LOOP.run_until_complete(_receive(text))


def _check_lines(body: bytes, size: int) -> None:
    lines = LineBuffer()
    found: list[bytes] = []
    for at in range(0, len(body), size):
        found += lines.feed(body[at : at + size])
    found += lines.finish()
    assert found == [line for each in body.split(b"\n") if (line := each.removesuffix(b"\r"))]


def _check_split(text: str, *, structure_only: bool) -> None:
    try:
        found: list[messages.Members] | None = messages.read(text)
    except NotJsonRpcError:
        found = None
    try:
        value: object = json.loads(text)
    except RecursionError:
        return
    except ValueError:
        # A number may have more digits than Python converts; and brackets alone say little about what is in them.
        assert found is None or structure_only or "digits" in text or any(c.isdigit() for c in text)
        return
    if not isinstance(value, (dict, list)):
        assert found is None
        return
    assert found is not None
    expected_messages = cast("list[object]", value if isinstance(value, list) else [value])
    for members, expected in zip(found, expected_messages, strict=True):
        fields = cast("dict[str, Any]", expected) if isinstance(expected, dict) else {}
        assert repr({name: json.loads(raw) for name, raw in members.items()}) == repr(fields)


async def _receive(text: str) -> None:
    sent: list[str] = []

    async def send(message: str) -> None:
        assert "\n" not in message
        sent.append(message)

    peer = Peer("fuzzed", send)
    asked = asyncio.ensure_future(peer.request("tools/list", None))
    await asyncio.sleep(0)
    await peer.receive(text)
    await asyncio.sleep(0)
    if asked.done():
        answer = asked.result().text
        assert answer is None or answer in text
    else:
        asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await asyncio.sleep(0)
    assert peer.unreadable.isprintable()


def seeds() -> Iterator[bytes]:
    for name, document in SCHEMA.objects():
        if name.startswith("mcp/"):
            text = json.dumps(fields_of(str(document["title"]))).encode()
            yield b"\0\x10" + text
            yield b"\1\1" + b"[" + text + b", " + text + b"]"
    for text in (
        b'{"id": 1, "result": {}}\r\n',
        b'{"id":"1","error":{"code":1}}',
        b'{"id":null,"method":"ping"}',
        b"[[[{}]]]",
    ):
        yield b"\1\3" + text


def words() -> Iterator[bytes]:
    yield from (
        b'"id":',
        b'"result":',
        b'"error":',
        b'"method":',
        b'"ping"',
        b"\\u0022",
        b'\\"',
        b"\\\\",
        b"1e400",
        b"NaN",
    )


TARGET = Target(check, seeds, words)
