"""The reader of the conformance tests accepts the encodings that real servers accept, and rejects the others.

``test_differential.py`` compares the error texts of the 0.5 family; here are the encodings that both families share.
"""

import re
from collections.abc import AsyncIterator

import msgpack
import pytest
from blake3 import blake3
from websockets.asyncio.client import ClientConnection, connect

from pie_client import Family
from pie_client._generated import models
from pie_client.protocol import codec
from pie_client.testing import LocalEngine
from tests.conformance.conforming_engine import ConformingEngine
from tests.conformance.conversation_scripts import EMPTY, NESTED
from tests.conformance.frames import message, packed, ping
from tests.conformance.wire_fields import UnreadableFrameError
from tests.conformance.wire_reader import WireReader
from tests.conformance.wire_schema import shapes
from tests.support.peers import COMPONENT

IDENTITY = {"x-pie-identity": "tenant/user"}
PING = bytes.fromhex("82a474797065a470696e67a7636f72725f696401")
VALUES: dict[str, object] = {"integer": 1, "boolean": True, "string": "x", "bytes": b"x", "array": ["x"]}
TAG, NUMBER = PING[1:11], PING[11:]
ACCEPTED = {
    "as clients write it": PING,
    "tag last": PING[:1] + NUMBER + TAG,
    "by position": packed("ping", 1),
    "signed 64-bit number": PING[:-1] + bytes.fromhex("d30000000000000001"),
    "unsigned 64-bit number": PING[:-1] + bytes.fromhex("cf0000000000000001"),
    "signed 8-bit number": PING[:-1] + bytes.fromhex("d001"),
    "tag as bin": message(b"ping", corr_id=1),
    "keys as bin": bytes.fromhex("82c40474797065c40470696e67c407636f72725f696401"),
    "keys by index": msgpack.packb({"type": "ping", 0: 1}),
    "str8": bytes.fromhex("82d90474797065d90470696e67d907636f72725f696401"),
    "map16": bytes.fromhex("de0002a474797065a470696e67a7636f72725f696401"),
    "map32, str16 and str32": bytes.fromhex("df00000002db0000000474797065da000470696e67a7636f72725f696401"),
    "array16": bytes.fromhex("dc0002a470696e6701"),
    "unknown keys": ping(x=1, y=None, z=NESTED),
    "an unknown key twice": b"\x84" + TAG + NUMBER + b"\xa1x\x01\xa1x\x01",
    "an unknown key that is not UTF-8": b"\x83" + TAG + NUMBER + b"\xa2\xff\xff\x01",
    "another message after it": PING + ping(2),
    "an unknown key with an empty extension": b"\x83" + TAG + NUMBER + b"\xa1x\xc7\0\xff",
    "garbage after it": PING + b"\xc1\xff",
}
REJECTED = {
    "empty": b"",
    "truncated": PING[:-1],
    "nil": msgpack.packb(None),
    "an integer": msgpack.packb(5),
    "a str": msgpack.packb("ping"),
    "a byte that msgpack does not use": b"\xc1",
    "an empty map": b"\x80",
    "an empty array": b"\x90",
    "no tag": msgpack.packb({"corr_id": 1}),
    "an unknown tag": message("nope", corr_id=1),
    "an unknown index": message(99, corr_id=1),
    "a signed index": b"\x82\xa4type\xd3" + bytes(7) + b"\x05" + NUMBER,
    "the tag twice": b"\x83" + TAG + TAG + NUMBER,
    "a field twice": b"\x83" + TAG + NUMBER + NUMBER,
    "a required field missing": message("ping"),
    "a required field missing by position": packed("ping"),
    "too many by position": packed("ping", 1, 2),
    "nil for a number": ping(None),
    "a float": ping(1.0),
    "a negative number": ping(-1),
    "a number of 33 bits": ping(2**32),
    "a bool": ping(True),
    "digits": ping("1"),
    "a map": ping(EMPTY),
    "nil for a str": message("auth_identify", corr_id=1, username=None),
    "a number for a str": message("auth_identify", corr_id=1, username=5),
    "a str that is not UTF-8": message("auth_identify", corr_id=1, username=b"\xff"),
    "0 for a bool": message("launch_process", corr_id=1, inferlet="a@1.0.0", input="", capture_outputs=0),
    "an array with a length of 32 bits": PING[:-1] + b"\xdd" + b"\xff" * 4,
    "a map with a length of 32 bits": b"\x83" + TAG + NUMBER + b"\xa1x\xdf" + b"\xff" * 4,
    "a str with a length of 32 bits": b"\x82\xa4type\xdb" + b"\xff" * 4,
    "an extension with a length of 32 bits": PING[:-1] + b"\xc9" + b"\xff" * 4 + b"\x05",
    "more members than the frame has bytes": b"\xdf" + b"\xff" * 4 + TAG + NUMBER,
    "an extension for a number": PING[:-1] + b"\xd4\xff\x01",
    "nested too deeply": b"\x83" + TAG + NUMBER + b"\xa1x" + b"\x91" * 2000 + b"\x01",
}


@pytest.fixture
async def engine(family: Family) -> AsyncIterator[LocalEngine]:
    """An embedded engine of each family that reads frames as a real one does."""
    async with ConformingEngine(family=family) as running:
        yield running


@pytest.fixture
async def socket(engine: LocalEngine) -> AsyncIterator[ClientConnection]:
    async with connect(f"{engine.uri}/v1/ws", additional_headers=IDENTITY, compression=None) as connected:
        await connected.send(message("auth_identify", corr_id=0, username="alice"))
        while codec.decode_server_message(await connected.recv()) == models.TurnDone():
            pass
        yield connected


async def _next(socket: ClientConnection) -> object:
    while (reply := codec.decode_server_message(await socket.recv())) == models.TurnDone():
        pass
    return reply


@pytest.mark.parametrize("form", ACCEPTED)
async def test_a_request_is_accepted_in_every_encoding(socket: ClientConnection, form: str) -> None:
    await socket.send(ACCEPTED[form])
    assert await _next(socket) == models.Response(corr_id=1, ok=True, result="Pong")
    await socket.send(ping(7))
    assert await _next(socket) == models.Response(corr_id=7, ok=True, result="Pong")


@pytest.mark.parametrize("form", REJECTED)
async def test_a_rejected_frame_is_ignored(socket: ClientConnection, form: str, family: Family) -> None:
    await socket.send(REJECTED[form])
    if family == "0.5":
        notice = await _next(socket)
        assert isinstance(notice, models.ServerNotice)
        assert notice.message.startswith("bad client frame: ")
    await socket.send(ping(7))
    assert await _next(socket) == models.Response(corr_id=7, ok=True, result="Pong")


@pytest.mark.parametrize("data", [COMPONENT, COMPONENT.decode(), list(COMPONENT)])
async def test_bytes_can_be_encoded_as_str_or_array(
    socket: ClientConnection, engine: LocalEngine, data: object
) -> None:
    upload = message(
        "add_program",
        corr_id=1,
        program_hash=blake3(COMPONENT).hexdigest(),
        manifest='[package]\nname = "x"\nversion = "1.0.0"\n',
        force_overwrite=False,
        chunk_index=0,
        total_chunks=1,
        chunk_data=data,
    )
    await socket.send(upload)
    assert await _next(socket) == models.Response(corr_id=1, ok=True, result="Program installed successfully")
    assert engine.uploads["x@1.0.0"] == COMPONENT


@pytest.mark.parametrize("tag", shapes("0.4"))
def test_every_request_can_be_encoded_by_position(tag: str, family: Family) -> None:
    """Optional fields can be nil, and are optional at the end of the array."""
    known = list(shapes(family))
    shape = shapes(family if tag in known else "0.4")[tag]
    values = [VALUES[f.kind] for f in shape.values() if f.required]
    reader = WireReader(family)
    if tag not in known:
        with pytest.raises(UnreadableFrameError, match=f"unknown variant `{tag}`"):
            reader.read(packed(tag, *values))
        return
    by_name = {n: VALUES[f.kind] for n, f in shape.items() if f.required}
    nil = {n: None for n, f in shape.items() if not f.required}
    expected = reader.read(message(tag, **by_name))
    assert expected.type == tag
    assert reader.read(packed(tag, *values)) == expected
    assert reader.read(packed(known.index(tag), *values)) == expected
    assert reader.read(message(known.index(tag), **by_name, **nil)) == expected


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_0_4_engine_ignores_text_frames(socket: ClientConnection) -> None:
    for text in ('{"type":"ping","corr_id":3}', "cancel", "x"):
        await socket.send(text)
    await socket.send(ping(7))
    assert await _next(socket) == models.Response(corr_id=7, ok=True, result="Pong")


@pytest.mark.parametrize(
    ("inputs", "budgets", "reason"),
    [
        (["a", b"b"], None, None),
        ([], [], None),
        (["a"], [None], None),
        (["a"], [2**64 - 1], None),
        ("a", None, 'invalid type: string "a", expected a sequence'),
        (None, None, "invalid type: unit value, expected a sequence"),
        (EMPTY, None, "invalid type: map, expected a sequence"),
        (["a", 5], None, "invalid type: integer `5`, expected a string"),
        (["a"], [-1], "invalid value: integer `-1`, expected usize"),
        (["a"], [1.5], "invalid type: floating point `1.5`, expected usize"),
    ],
)
def test_arrays_are_checked_item_by_item(inputs: object, budgets: object, reason: str | None) -> None:
    frame = message("run_processes", corr_id=1, inferlet="a@1.0.0", inputs=inputs, token_budgets=budgets)
    if reason is None:
        assert WireReader("0.4").read(frame).type == "run_processes"
    else:
        with pytest.raises(UnreadableFrameError, match=f"^{re.escape(reason)}$"):
            WireReader("0.4").read(frame)
