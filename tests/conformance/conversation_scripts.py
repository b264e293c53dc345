"""The frames that clients send in the recorded conversations, valid and invalid."""

import json
from collections.abc import Iterator

import msgpack
from blake3 import blake3

from tests.conformance import conversation_programs
from tests.conformance.conversations import PROCESS, Step
from tests.conformance.frames import (
    PROGRAM,
    VALID,
    about,
    add,
    launch,
    listing,
    manifest,
    message,
    packed,
    ping,
    signal,
    transfer,
)

EMPTY: dict[str, object] = {}
NESTED: object = [[[[[0]]]]]
ONE = b"async def main(input):\n    return 1\n"
ABSENT = "00000000-0000-4000-8000-000000000000"
PARROT = b"""\
from inferlet import session

async def main(input):
    print("up")
    while True:
        heard = await session.receive()
        session.send("heard " + heard)
        if heard == "end":
            return heard
"""


def encodings() -> Iterator[bytes]:
    """Yield frames in unusual and in invalid encodings."""
    value: object
    tag: object
    key: object
    head, tail = VALID[1:11], VALID[11:]  # the tag and the correlation number
    number = VALID[:-1]
    yield from (VALID, VALID[:1] + tail + head, VALID + VALID, VALID + b"\xc1\xff", VALID[:-1], b"")
    yield from (
        packed("ping", 1),
        packed("ping"),
        packed("ping", 1, 2),
        packed(11, 1),
        packed("nope", 1),
        packed(),
    )
    for tag in (
        0,
        10,
        11,
        12,
        267,
        -1,
        True,
        None,
        1.0,
        b"ping",
        b"\xff",
        ["ping"],
        EMPTY,
        "nope",
        "launch_daemon",
    ):
        yield message(tag, corr_id=1, username="x")
    for form in ("cf000000000000000b", "d3000000000000000b", "cc0b", "cd000b", "ce0000000b", "d00b"):
        yield VALID[:6] + bytes.fromhex(form) + tail
    for form in (
        "ca3f800000",
        "cf0000000000000005",
        "d30000000000000005",
        "d0ff",
        "d005",
        "d40105",
        "c7010505",
    ):
        yield number + bytes.fromhex(form)
    for value in (1.0, -0.0, 1e16, 1e-7, 123456789.123, float("nan"), float("inf"), -1, 2**32, 2**32 - 1, 0):
        yield ping(value)
    for value in (None, True, "1", 'a"b\n', b"1", [1], EMPTY):
        yield ping(value)
    yield from (
        ping(x=1, y=None, z=[1, {"a": b"b"}]),
        message("ping"),
        message(11),
        msgpack.packb({"corr_id": 1}),
    )
    yield msgpack.packb(EMPTY)
    for key in (5, 0, None, True, 1.5, b"\xff"):
        yield msgpack.packb({"type": "ping", "corr_id": 1, key: 7})
    yield msgpack.packb({"type": "ping", 0: 7})
    yield b"\x83" + head + tail + b"\x80\x01"
    yield b"\x83" + head + VALID[1:]
    yield b"\x83" + head + tail + tail
    yield b"\x84" + head + tail + b"\xa1x\x01\xa1x\x01"
    for value in (None, 5, "ping", "\u00e9\u0000", True, 1.5, b"ping"):
        yield msgpack.packb(value)
    yield from (b"\xc1", b"\xd4\x01\x05", b"\x83" + head + tail + b"\xa1x\xc1")
    yield bytes.fromhex("82d90474797065d90470696e67d907636f72725f696401")
    yield bytes.fromhex("de0002a474797065a470696e67a7636f72725f696401")
    yield bytes.fromhex("df00000002db0000000474797065da000470696e67a7636f72725f696401")
    yield bytes.fromhex("dc0002a470696e6701")
    yield bytes.fromhex("82c40474797065c40470696e67c407636f72725f696401")
    yield b"\x83" + head + tail + b"\xa2\xff\xff\x01"
    for value in ("al", b"al", b"\xff", 5, None, EMPTY, ["a"]):
        yield message("auth_identify", corr_id=1, username=value)
    yield b"\x83\xa4type\xadauth_identify" + tail + b"\xa8username\xa2\xff\xff"
    yield ping(x=NESTED)
    yield b"\x83" + head + tail + b"\xa1x" + b"\x91" * 2000 + b"\x01"
    yield b"\x91" * 2000 + b"\x01"
    yield from oversized_headers()


def oversized_headers() -> Iterator[bytes]:
    """Yield frames whose headers announce more than follows, or more than a reader can allocate."""
    tag = VALID[1:11]
    number, unknown = b"\x82" + tag + b"\xa7corr_id", b"\x83" + VALID[1:] + b"\xa1x"
    for marker in (b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"):
        yield number + marker + b"\xff" * 4
        yield unknown + marker + b"\xff" * 4 + b"\x05"
        yield b"\x82\xa4type" + marker + b"\xff" * 4
        yield b"\x82" + marker + b"\xff" * 4
        yield marker + b"\xff" * 4
    yield b"\xdf" + b"\xff" * 4 + VALID[1:]
    yield b"\xdd" + b"\xff" * 4 + VALID[6:11] + b"\x01"
    yield unknown + b"\xdd" + b"\xff" * 4 + b"\xc1"
    yield unknown + b"\xdd\x10\0\0\0"
    yield unknown + b"\xdc\xff\xff" + b"\x01" * 5
    for extension in (
        b"\xd4\xff\x01",
        b"\xc7\0\xff",
        b"\xd6\xff\0\0\0\x01",
        b"\xd7" + b"\xff" * 9,
        b"\xc7\x0c" + b"\xff" * 13,
    ):
        yield unknown + extension
        yield number + extension


def fields() -> Iterator[bytes]:
    """Yield requests with fields of every type, right and wrong."""
    data: object
    index: object
    force: object
    for data in (b"x", "abc", [1, 2, 255], [], [256], [-1], ["a"], [None], [1.0], None, 5, EMPTY, True, ...):
        yield add(b"x", 5, chunk_data=data)
    yield add(b"x", 5, chunk_data=msgpack.ExtType(1, b"a"))
    yield add(b"x", 5)[:-1] + b"\xff"
    for index in (-1, 1.5, 2**32, "1", None, ...):
        yield add(b"x", chunk_index=index)
    yield add(b"x", total_chunks=None)
    for force in (1, None, "true", 1e30, ...):
        yield add(b"x", 5, force_overwrite=force)
    yield packed("add_program", 1, "h", "m", False, 5, 1, b"x")
    yield packed("add_program", 1, "h", "m", False, 5)
    yield packed("add_program", 1, "h", "m", False, 5, 1, [1])
    yield packed("add_program", 1, "h", "m", False, 5, 1, b"", 9)
    yield packed("check_program", 1, "a", "b")
    yield packed("check_program", 1, "a", "b", None)
    yield message("check_program", corr_id=1, name="a", version="1.0.0", wasm_hash=5)
    yield packed("launch_process", 1, "absent", "{}", True)
    yield packed("launch_process", 1, "absent", "{}", True, 5)
    for absent in ("capture_outputs", "input", "inferlet", "corr_id"):
        yield launch("absent", **{absent: ...})
    yield launch("absent", token_budget=5)
    yield launch("absent", capture_outputs=1)


def requests() -> Iterator[bytes]:
    """Yield every request that has a reply without a process."""
    yield message("auth_identify", corr_id=1, username="u")
    yield message("auth_prove", corr_id=1, signature="u")
    yield message("auth_prove", corr_id=1)
    yield message("auth_by_token", corr_id=1, token="u")  # noqa: S106 - no secret
    for subject in ("model_status", "foo", ""):
        yield message("query", corr_id=1, subject=subject, record="")
    yield message("query", corr_id=1, subject="foo")
    for name, version in (
        ("absent", "1.0.0"),
        ("a b", "1"),
        ("absent", ""),
        ("", "1.0.0"),
        ("a/b", "1.0.0"),
        ("absent", "\u0661.0.0"),
        ("absent", "1.0.0\n"),
        ("absent", "1.0.0-rc1"),
    ):
        yield message("check_program", corr_id=1, name=name, version=version)
    for program in (
        *(
            "absent",
            "absent@1.0.0",
            "absent@",
            "absent@1",
            "a@1.0.0@c",
            "",
            "a b",
            "../x",
            "../x@1.0.0",
            "A_b-c",
        ),
        *("-x", "@1.0.0", "absent@1.0.0 ", "absent@latest"),
    ):
        yield launch(program)
    yield launch("absent", capture_outputs=False)
    hyphenless = ABSENT.replace("-", "")
    for process in (
        *("x", "", ABSENT, hyphenless, f"{{{ABSENT}}}", f"urn:uuid:{ABSENT}", f"URN:UUID:{ABSENT}"),
        *(f"urn:uuid:{hyphenless}", f"{{{hyphenless}}}", f" {ABSENT}", f"{{{ABSENT}", PROCESS.upper()),
        "0000-00000000-4000-8000-000000000000",
    ):
        yield about("attach_process", process)
        yield about("terminate_process", process)
    yield from (signal("m", "x"), signal("m", ABSENT), about("signal_process", ABSENT, message="m"))
    yield from (transfer(), transfer(process_id=ABSENT), transfer(total_chunks=0), transfer(chunk_data=[]))
    yield listing()


def texts() -> Iterator[str]:
    """Yield text frames."""
    data: object
    yield from (
        '{"type":"ping","corr_id":3}',
        ' {"corr_id":3, "type":"ping", "x":[EMPTY]} ',
        '["ping",3]',
        "[11,3]",
    )
    yield from (
        '{"type":11,"corr_id":3}',
        '{"type":"ping","corr_id":3}x',
        "hello",
        "",
        '{"type":"ping"}',
        "[]",
        "{}",
    )
    for number in (
        "-1",
        "1.0",
        "1e0",
        "-0",
        "4294967296",
        "18446744073709551616",
        '"1"',
        "null",
        "NaN",
        "[]",
        "{}",
        "true",
    ):
        yield f'{{"type":"ping","corr_id":{number}}}'
    yield from ('{"type":"ping","corr_id":1,"corr_id":2}', '{"type":"ping","type":"ping","corr_id":1}')
    yield from (
        '{"type":"nope"}',
        '{"type":null}',
        '{"type":"ping"',
        "null",
        "5",
        '"ping"',
        '{"type":"cancel"}',
        '"cancel"',
    )
    chunk: dict[str, object] = {
        "type": "add_program",
        "corr_id": 1,
        "program_hash": "h",
        "manifest": "m",
        "force_overwrite": False,
        "chunk_index": 5,
        "total_chunks": 1,
    }
    for data in ([1, 2], [256], "AQI=", None, 5):
        yield json.dumps({**chunk, "chunk_data": data})
    yield '{"type":"auth_identify","corr_id":1,"username":"\\ud800"}'
    yield '{"type":"auth_identify","corr_id":1,"username":"\\u00e9\u00e9"}'
    yield '{"type":"ping",\n"corr_id":-1}'
    yield "CANCEL"


def uploads() -> Iterator[bytes]:
    """Yield programs in chunks, in order and out of order."""
    digest = blake3(PARROT).hexdigest()
    yield from (add(PARROT), add(PARROT, force_overwrite=False))
    yield from (add(PARROT, program_hash="0" * 64), add(PARROT, program_hash=digest.upper()))
    data = PARROT + b"#"
    whole = blake3(data).hexdigest()

    def part(index: int, total: int = 3, **more: object) -> bytes:
        piece = data[index * 50 : (index + 1) * 50 if index + 1 < total else None]
        return add(piece, index, total, **{"program_hash": whole, **more})

    yield from (part(0), part(1), part(2))
    yield from (part(0), part(1, manifest="", force_overwrite=False), part(2, manifest=manifest("7.7.7")))
    yield message("check_program", corr_id=1, name=PROGRAM, version="7.7.7")
    yield from (part(0), part(1, total=4), part(1), part(2))
    yield from (part(0), part(2), part(1), part(2))
    yield from (part(0), part(0), part(1), part(2))
    yield from (part(1), part(2), part(0, total=0), part(1, total=0), part(3, total=2))
    yield from (
        part(0, corr_id=5),
        part(1, corr_id=6),
        part(1, corr_id=5),
        part(2, corr_id=6),
        part(2, corr_id=5),
    )
    for text in (
        *("x = ", "a = 1", "[package]\nname = 'q'\n", "[package]\nname = 1\nversion = '1.0.0'\n"),
        *(manifest(language="ruby"), manifest().replace('"python"', "1")),
    ):
        yield add(PARROT, manifest=text)
    for source in (b"\xff", b"ab\xe2\x82", b"a\xe2\x82b"):
        yield add(source, manifest=manifest("1.0.5", "unreadable"))
    yield message("check_program", corr_id=1, name="unreadable", version="1.0.5")
    yield launch("unreadable@1.0.5")
    yield add(PARROT, manifest=manifest("1.0", "bad name"))
    yield message("check_program", corr_id=1, name="bad name", version="1.0")
    yield from (part(0, program_hash="x"), part(1, program_hash="y"), part(2))
    yield from (part(0), part(1), part(2, program_hash="x"), part(2))
    yield from (part(0), add(PARROT), add(PARROT))
    yield from (part(0), VALID, part(1), part(2))


def unusual_names() -> Iterator[bytes]:
    """Yield programs with unusual names and versions, and launches of them."""
    for name, version in (
        ("x", "1"),
        ("x", "1.2"),
        ("sp ace", "1.0"),
        ("\u00e9", "1.0.0"),
        ("a@b", "1.0.0"),
        ("-y", "1.0.0"),
        ("z", "1.0.0-rc1"),
    ):
        yield add(ONE, manifest=manifest(version, name))
        yield launch(f"{name}@{version}")
        yield launch(name)


def conversations() -> Iterator[tuple[str, list[Step]]]:
    """Yield all conversations with their names."""
    yield "encodings", [Step(VALID), *map(Step, encodings())]
    yield "fields", [Step(VALID), *map(Step, fields())]
    yield "requests", list(map(Step, requests()))
    yield "texts", [Step(VALID), *map(Step, texts())]
    yield "uploads", list(map(Step, uploads()))
    yield "unusual names of programs", list(map(Step, unusual_names()))
    first: bytes | str
    for name, first in (
        ("binary", b"\xc1"),
        ("text", "x"),
        ("cancel", "cancel"),
        ("unknown", message("nope")),
    ):
        yield (
            f"an invalid {name} frame before the first valid one",
            [Step(frame) for frame in (first, b"\xc1", VALID, b"\xc1")],
        )
    yield "a request without a reply is a valid frame", list(map(Step, (signal("m", "x"), b"\xc1")))
    yield "a refused request is a valid frame", list(map(Step, (about("attach_process", "x"), b"\xc1")))
    yield "a text frame is a valid frame", [Step('{"type":"ping","corr_id":3}'), Step(b"\xc1")]
    yield (
        "frames that are too large",
        [
            *(
                Step(VALID),
                Step(bytes(7_340_032)),
                Step(bytes(7_340_033)),
                Step(bytes(8_126_464)),
            ),
            Step(VALID),
            Step(bytes(8_126_465)),
        ],
    )
    for kind, big in (("", bytes(7_340_033)), ("text ", " " * 7_340_033)):
        yield f"a {kind}frame that is too large, before the first valid one", [Step(big)]
        yield (
            f"a {kind}frame that is too large, after an invalid one",
            [Step(b"\xc1"), Step(big)],
        )
        yield (
            f"a {kind}frame that is too large, after a request without a reply",
            [Step(signal("m", "x")), Step(big), Step(VALID)],
        )
    yield "a frame above the second limit, before the first valid one", [Step(bytes(8_126_465))]
    yield (
        "text frames that are too large",
        [
            *(Step(VALID), *(Step(" " * size) for size in (7_340_031, 7_340_032, 7_340_033, 8_126_464))),
            *(Step(VALID), Step(" " * 8_126_465)),
        ],
    )
    started = [Step(add(PARROT)), Step(launch())]
    unhyphened = PROCESS.replace("-", "")
    yield (
        "a process",
        [
            *started,
            Step(signal("a")),
            *(
                Step(signal("b", form))
                for form in (PROCESS.upper(), unhyphened, f"{{{PROCESS}}}", f"urn:uuid:{PROCESS}")
            ),
            Step(signal("c"), "b"),
            Step(about("attach_process", PROCESS)),
            Step(about("attach_process", PROCESS), "b"),
            Step(listing(), "b"),
            Step(signal("end")),
            Step(signal("end")),
            Step(about("attach_process", PROCESS)),
            Step(about("terminate_process", PROCESS)),
            Step(listing()),
        ],
    )
    yield (
        "terminating",
        [
            *started,
            Step(about("terminate_process", unhyphened)),
            Step(about("terminate_process", PROCESS)),
            Step("cancel"),
        ],
    )
    yield (
        "terminating from another connection",
        [*started, Step(about("terminate_process", PROCESS.upper()), "b"), Step("cancel", "b")],
    )
    yield (
        "cancelling",
        [
            *started,
            Step("cancel"),
            Step(listing()),
            Step(about("attach_process", PROCESS)),
            Step(about("terminate_process", PROCESS)),
            Step(signal("end")),
            Step(" cancel\n"),
            Step("cancel"),
        ],
    )
    yield (
        "cancelling after refused requests",
        [
            *(
                Step(frame)
                for frame in (launch("absent"), about("attach_process", "x"), about("attach_process", ABSENT))
            ),
            *(
                Step(frame)
                for frame in (
                    VALID,
                    about("terminate_process", ABSENT),
                    launch("absent", capture_outputs=False),
                )
            ),
            Step("cancel"),
        ],
    )
    yield (
        "cancelling terminates a process named in a refused attach",
        [
            *started,
            Step(about("attach_process", PROCESS.upper()), "b"),
            Step("cancel", "b"),
            Step(listing(), "b"),
        ],
    )
    yield (
        "closing terminates a process named in a refused attach",
        [
            *started,
            Step(about("attach_process", PROCESS), "b"),
            Step(b"", "b", closes=True),
            Step(listing()),
        ],
    )
    detached = [Step(add(PARROT)), Step(launch(capture_outputs=False)), Step(listing())]
    yield (
        "a process without captured output",
        [
            *detached,
            Step(signal("a")),
            Step("cancel"),
            Step(listing()),
            Step(about("attach_process", PROCESS)),
            Step(signal("a")),
            Step(about("attach_process", PROCESS), "b"),
            Step(" cancel "),
            Step(listing()),
        ],
    )
    yield (
        "a process attached to from another connection",
        [
            *detached,
            Step(about("attach_process", PROCESS), "b"),
            Step(b"", closes=True),
            Step(signal("a"), "b"),
            Step(b"", "b", closes=True),
            Step(listing(), "c"),
        ],
    )
    yield (
        "a process without an attached client",
        [
            *detached,
            Step(b"", closes=True),
            Step(about("attach_process", PROCESS), "b"),
            Step(signal("end"), "b"),
        ],
    )
    yield (
        "closing",
        [
            *started,
            Step(b"", closes=True),
            Step(listing(), "b"),
            Step(about("terminate_process", PROCESS), "b"),
        ],
    )
    yield (
        "the highest version",
        [
            *(
                Step(
                    add(
                        b"async def main(input):\n    return %d\n" % minor,
                        manifest=manifest(f"0.{minor}.0", "versions"),
                    )
                )
                for minor in (9, 10, 2)
            ),
            Step(launch("versions")),
            Step(launch("versions@0.2.0")),
        ],
    )
    whole = json.dumps(
        {"type": "launch_process", "corr_id": 2, "inferlet": PROGRAM, "input": "{}", "capture_outputs": True}
    )
    yield from conversation_programs.conversations()
    yield "launching in a text frame", [Step(add(PARROT)), Step(whole), Step(signal("end"))]
