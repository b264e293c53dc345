"""Recorded conversations about programs: valid and invalid uploads, and scripts that use all features of a script."""

import json
import re
from collections.abc import Iterator

from blake3 import blake3

from tests.conformance.conversations import PROCESS, Step
from tests.conformance.frames import VALID, about, add, launch, listing, manifest, message, signal, transfer
from tests.support.peers import COMPONENT, component

MODULE = b"\0asm\1\0\0\0"
ONE = b"async def main(input):\n    return 1\n"
OTHER = f"{PROCESS[:-1]}2"
CHUNK = 262_144

ANYTHING = """\
import asyncio, sys
import inferlet
from inferlet import session

class Odd(Exception):
    def __str__(self):
        return "odd\\nlines"

class Thing:
    def __str__(self):
        return "a thing"

async def bad():
    raise ValueError("of a task")

async def slow():
    for _ in range(300):
        await asyncio.sleep(0)
    print("slow")

def deep():
    raise ValueError("deep")

async def main(input):
    match input["what"]:
        case "nothing":
            return None
        case "bytes":
            return b"ab\\xff"
        case "text":
            return "text"
        case "characters":
            return "\\u00e9\\U0001f600\\0"
        case "a list of characters":
            return ["\\u00e9\\U0001f600\\0"]
        case "half a character":
            return ["a\\ud800b"]
        case "numbers":
            return [12345678901234567890123, 1.0, 1e100, float("inf"), float("nan"), -0.0, True]
        case "keys":
            return {1: 2, None: 3, True: False, "k": [None]}
        case "a thing":
            return [Thing(), {5}]
        case "false":
            return False
        case "an empty list":
            return []
        case "MiBs":
            return "x" * (3 << 20)
        case "MiBs in a list":
            return ["\\u00e9" * (1 << 20)]
        case "raise":
            raise ValueError("wrong value")
        case "raise a class":
            raise ValueError
        case "raise lines":
            raise Odd
        case "raise characters":
            raise ValueError("\\u00e9\\U0001f600")
        case "raise MiBs":
            raise ValueError("z" * (1 << 20))
        case "raise from":
            try:
                deep()
            except ValueError as error:
                raise KeyError("k") from error
        case "raise during":
            try:
                deep()
            except ValueError:
                raise KeyError("k")
        case "raise with a note":
            error = ValueError("noted")
            error.add_note("a note")
            raise error
        case "exit":
            sys.exit(0)
        case "exit with a text":
            sys.exit("bye")
        case "interrupt":
            raise KeyboardInterrupt
        case "cancel":
            raise asyncio.CancelledError
        case "generator exit":
            raise GeneratorExit
        case "stop iteration":
            raise StopIteration
        case "assert":
            assert 1 == 2, "no"
        case "print":
            print("a", "b", 3, sep="-", end="!")
        case "print nothing":
            print("", end="")
            sys.stdout.write("")
            print()
        case "print lines":
            print("a\\r\\nb\\rc")
            sys.stdout.writelines(["a\\n", "b\\n", ""])
        case "print errors":
            print("err", file=sys.stderr)
            sys.stderr.write("x\\ny")
        case "print bytes":
            sys.stdout.buffer.write(b"ab\\xff\\xe2\\x82")
            sys.stdout.buffer.write(b"\\xac")
        case "print half a character":
            print("a\\udc80b")
            print("a\\udc80b", file=sys.stderr)
        case "print MiBs":
            print("y" * (2 << 20))
            print("x" + "\\u00e9" * 700_000)
            print(sys.stdout.buffer.write(b"z" * 1_500_000))
        case "send":
            for each in ("text", "", 5, None, {"a": 1}, b"x"):
                session.send(each)
        case "send MiBs":
            session.send("m" * (2 << 20))
        case "send a file":
            session.send_file(b"z" * 600_000)
        case "send an empty file":
            session.send_file(b"")
            session.send("after")
        case "send files":
            session.send_file(b"one")
            session.send("between")
            session.send_file(b"two")
            session.send_file(b"one")
        case "set the return":
            inferlet.set_return("set")
        case "set the return and return":
            inferlet.set_return("set")
            return "own"
        case "sleep":
            await asyncio.sleep(0)
            return "slept"
        case "task":
            return await asyncio.create_task(asyncio.sleep(0, "t"))
        case "gather":
            return repr(await asyncio.gather(bad(), asyncio.sleep(0, 1), return_exceptions=True))
        case "gather and raise":
            await asyncio.gather(bad(), asyncio.sleep(0, 1))
        case "leave a task":
            asyncio.create_task(slow())
            return "main"
        case "leave a receive":
            asyncio.create_task(session.receive())
            return "main"
        case "leave a receive of a file":
            asyncio.create_task(session.receive_file())
            return "main"
        case "raise and leave a receive":
            asyncio.create_task(session.receive())
            await asyncio.sleep(0)
            raise ValueError("lost")
        case "cancel a receive":
            waiting = asyncio.create_task(session.receive())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.sleep(0)
            return "main"
        case "read":
            return [sys.stdin.read()]
        case "names":
            return [__name__, __file__]
        case "streams":
            return [sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors]
        case "arguments":
            return sys.argv
        case "import":
            import numpy
        case "warn":
            import logging
            logging.warning("logged")
"""
"""Does what its input says. Each case has its own lines, because Python versions mark parts of a line differently."""
THINGS = re.findall(r'case "([^"]*)"', ANYTHING)

TAKER = b"""\
import asyncio
from inferlet import session

async def main(input):
    for _ in range(input["files"]):
        waiting = asyncio.ensure_future(session.receive_file())
        await asyncio.sleep(0)
        session.send("ready")
        data = await waiting
        print(len(data), flush=True)
        if input.get("back"):
            session.send_file(data)
    return "done"
"""
"""Receives files. It sends "ready" only while it waits: a server drops files that no script waits for."""

ALONE = b"""\
from inferlet import session

async def main(input):
    await session.receive_file()
    while True:
        await session.receive()
"""
"""Receives a file immediately, which fails without an attached client."""

THREE = b"""\
import asyncio
from inferlet import session

async def take(number):
    try:
        session.send(f"{number} got {await session.receive_file()!r}")
    except RuntimeError as error:
        session.send(f"{number} failed: {error}")

async def hear(number):
    session.send(f"{number} heard {await session.receive()!r}")

async def main(input):
    await asyncio.gather(*((take if input["files"] else hear)(number) for number in range(3)))
"""
"""Waits for three files or messages at the same time."""

WAITS = b"""\
from inferlet import session

async def main(input):
    print("up", end="")
    return await session.receive()
"""
FAILS = b"async def main(input:\n"


def toml(name: str, version: str = "1.0.0", *, language: str = "", **needs: str) -> str:
    text = f'[package]\nname = "{name}"\nversion = "{version}"\n'
    text += f'[runtime]\nlanguage = "{language}"\n' if language else ""
    return text + "[dependencies]\n" + "".join(f'{key} = "{value}"\n' for key, value in needs.items())


def script(source: bytes, name: str) -> Step:
    return Step(add(source, manifest=manifest("1.0.0", name)))


def run(name: str, client: str = "a", **inputs: object) -> Step:
    return Step(launch(f"{name}@1.0.0", input=json.dumps(inputs)), client)


def file(data: bytes, client: str = "a", process: str = PROCESS) -> Iterator[Step]:
    """Yield the chunks of a file for a process."""
    digest = transfer_digest(data)
    total = max(1, -(-len(data) // CHUNK))
    for index in range(total):
        piece = data[index * CHUNK : (index + 1) * CHUNK]
        yield Step(
            transfer(
                process_id=process, file_hash=digest, chunk_index=index, total_chunks=total, chunk_data=piece
            ),
            client,
        )


def transfer_digest(data: bytes) -> str:
    return blake3(data).hexdigest()


def section(number: int, content: bytes) -> bytes:
    return bytes([number, len(content)]) + content


def binaries() -> Iterator[bytes]:
    """Yield binaries that are components, and some that are not."""
    yield from (b"junk", b"", COMPONENT[:3], COMPONENT[:7], MODULE, b"(component)", b"\xff\xfe", COMPONENT)
    yield from (b"\0asm\x0c\0\1\0", b"\0asm\x0d\0\2\0", COMPONENT + b"\1", COMPONENT + b"\1\5ab")
    yield from (component(b"comment"), COMPONENT + section(0, b"\1nabc"))
    for content in (b"", b"\x09n", b"\1\xff"):
        yield COMPONENT + section(0, content)
    yield from (COMPONENT + b"\0\x82\x80\x80\x80\x80\0\1n", COMPONENT + b"\0\x82\x80\x80\x80\x70\1n")
    for number in (12, 13, 127):
        yield COMPONENT + section(number, b"\0")
    for number, content in ((1, MODULE), (4, COMPONENT), (7, b"\0"), (10, b"\0"), (11, b"\0")):
        yield COMPONENT + section(number, content)
    for number, content in (
        (1, b"junk"),
        (1, MODULE[:6]),
        (1, COMPONENT),
        (4, MODULE),
        (4, b"junk"),
        (7, b""),
    ):
        yield COMPONENT + section(number, content)


def paths() -> Iterator[bytes]:
    """Yield programs whose name or version is not a plain file name."""
    for name, version in (
        *(("a/b", "1.0.0"), ("a/b", ""), ("a/", "1"), ("./p", "1"), ("../p", "1")),
        *(("p", "../1"), ("p", "a/b"), ("p", ".."), ("p", "."), ("p", "x/"), ("p", "a//b"), ("p", "./x")),
        *(("p", "../q/b"), ("p", "a/../b")),
        *(("n" * 255, "1"), ("n" * 256, "1"), ("\u00e9" * 128, "1"), ("n" * 300, ""), ("n" * 256, "a/b")),
        *(("p", "v" * 249), ("p", "v" * 250), ("p", "v" * 251), ("p", "v" * 252), ("p", "v" * 253)),
        *(("p", "v" * 300), ("p", f"{'v' * 300}/1"), ("p", f"{'v' * 100}/1")),
        *(("nul\\u0000", "1.0.0"), ("\\u0000", ""), ("p", "1\\u0000"), ("p", "a\\u0000/b")),
        *((f"{'n' * 256}\\u0000", "1"), ("p", f"{'v' * 256}\\u0000"), ("n/m/o", "1"), ("line\\nquote'", "1")),
        *(("a\\nb\\u0000\\\"'\\\\", "1"), ("p", "a\\nb/c")),
    ):
        for language in ("python", ""):
            yield add(ONE, manifest=toml(name, version, language=language))


def uploads() -> Iterator[tuple[str, list[Step]]]:
    """Yield conversations about uploads."""
    steps: list[Step] = []
    for number, data in enumerate(binaries()):
        name = f"wasm{number}"
        steps += [Step(add(data, manifest=toml(name))), Step(launch(f"{name}@1.0.0"))]
        steps += [Step(message("check_program", corr_id=1, name=name, version="1.0.0"))]
    yield "components", steps
    junk, good = toml("broken"), toml("broken", language="python")
    run_it = Step(launch("broken@1.0.0"))
    yield (
        "replacing programs that can't be installed",
        [
            *(
                Step(add(b"junk", manifest=junk)),
                Step(add(COMPONENT, manifest=junk, force_overwrite=False)),
                run_it,
            ),
            *(Step(add(COMPONENT, manifest=junk)), run_it),
            *(Step(add(b"junk", manifest=junk, force_overwrite=False)), run_it),
            *(
                Step(add(b"junk", manifest=junk)),
                run_it,
                Step(add(ONE, manifest=good, force_overwrite=False)),
            ),
            *(Step(add(ONE, manifest=good)), run_it),
            Step(add(ONE, manifest=toml("broken", "0.9.0", language="python"))),
            Step(add(b"junk", manifest=toml("broken", "2.0.0"))),
            *(Step(launch("broken")), Step(launch("broken@0.9.0"))),
        ],
    )
    steps = []
    for data, language in (
        *((b"source", "javascript"), (b"\xff", "javascript"), (b"", "javascript"), (b"", "python")),
        *((ONE, "Python"), (ONE, "ruby"), (COMPONENT, "python")),
    ):
        steps += [
            Step(add(data, manifest=toml("language", language=language))),
            Step(launch("language@1.0.0")),
        ]
    for line in (
        *(
            'core = "1"',
            "core = 1",
            'mcp = "1"',
            'foo = "x"',
            'entry = "x"',
            'call = "input"',
            'call = "dict"',
        ),
        *('call = ""', 'language = ""', "entry = 1"),
    ):
        steps.append(Step(add(COMPONENT, manifest=f"{toml('runtime')}[runtime]\n{line}\n")))
    for line in ('a = "string"', "a = {}", 'a = {type = "json"}', 'a = {type = "bool", optional = 1, x = 2}'):
        steps.append(Step(add(COMPONENT, manifest=f"{toml('parameters')}[parameters]\n{line}\n")))
    for name, version in (("..", "1.0.0"), (".", "1.0.0"), ("", "1.0.0"), ("a.b", "1.0.0"), ("named", "")):
        steps.append(Step(add(COMPONENT, manifest=toml(name, version))))
    yield "manifests", steps
    yield "names and versions that are paths", list(map(Step, paths()))

    def needing(name: str, data: bytes = COMPONENT, language: str = "", **needs: str) -> Step:
        return Step(add(data, manifest=toml(name, language=language, **needs)))

    yield (
        "dependencies",
        [
            *(needing("n1", b"junk", dd="1.0.0"), needing("n2", b"\xff", "python", dd="1.0.0")),
            *(needing("n3", dd="1.0.0", ee="2.0.0"), needing("n3", ee="2.0.0", dd="1.0.0")),
            *(needing("n4", n4="1.0.0"), Step(launch("n4@1.0.0"))),
            *(needing("n5", n6="1.0.0"), needing("n6", n5="1.0.0"), Step(launch("n5@1.0.0"))),
            *(needing("n7", n8="1.0.0"), needing("n8", n9="1.0.0"), needing("n7", n8="1.0.0")),
            *(needing("m1", b"junk"), needing("m2", m1="1.0.0"), Step(launch("m2@1.0.0"))),
            *(needing("m2", m1="1.0.0", a0="1.0.0"), needing("m3", n7="1.0.0", a0="1.0.0")),
            *(
                needing("s1", b"\xff", "python"),
                needing("s2", s1="1.0.0"),
                needing("s3", s1="1.0.0", m1="1.0.0"),
            ),
            *(needing("d1", dd="1.0.0"), needing("d2", ONE, "python", dd="1.0.0"), Step(launch("d2@1.0.0"))),
            *(needing("dd", ONE, "python"), Step(launch("d1@1.0.0")), Step(launch("d2@1.0.0"))),
            *(needing("dd", b"junk"), Step(launch("d1@1.0.0")), Step(launch("d2@1.0.0"))),
            *(needing("d3", dd="^1.0"), needing("d3", dd="*"), needing("d3", dd="")),
        ],
    )


def scripts() -> Iterator[tuple[str, list[Step]]]:
    """Yield conversations with one script."""
    anything = script(ANYTHING.encode(), "anything")
    yield "all features of a script", [anything, *(run("anything", what=what) for what in THINGS)]
    yield "a script that is not Python", [script(FAILS, "fails"), run("fails")]
    takes = script(TAKER, "taker")
    for name, data in (
        ("an empty file", b""),
        ("a file of one byte", b"x"),
        ("a file of one chunk", bytes(CHUNK)),
        ("a file of one chunk and a byte", bytes(CHUNK + 1)),
        ("a file of 5 MiB", bytes(5 << 20)),
        ("a file of 20 MB", bytes(20_000_000)),
    ):
        steps = list(file(data))
        yield name, [takes, run("taker", files=1, back=len(data) <= CHUNK + 1), *steps]
    [whole] = file(b"x")
    yield (
        "files that no script receives",
        [
            *(whole, takes, run("taker", files=2)),
            Step(transfer(process_id=PROCESS, file_hash="0" * 64, chunk_data=b"x")),
            Step(transfer(process_id=PROCESS, file_hash=transfer_digest(b"x").upper(), chunk_data=b"x")),
            *(
                Step(whole.frame, "b"),
                whole,
                Step(transfer(process_id=PROCESS, chunk_index=1, total_chunks=2)),
            ),
            *(whole, whole),
        ],
    )
    one, other = list(file(bytes(CHUNK + 1))), list(file(b"\1" * (CHUNK + 1)))
    two = [takes, run("taker", files=1), run("taker", files=1)]
    same = list(file(bytes(CHUNK + 1), process=OTHER))
    yield "the same file for two processes at the same time", [*two, one[0], same[0], one[1], same[1]]
    shouted = list(file(bytes(CHUNK + 1), process=PROCESS.upper()))
    yield "a file for a process whose id is written in two forms", [*two[:2], one[0], shouted[1]]
    yield (
        "two files for a process at the same time",
        [takes, run("taker", files=2), one[0], other[0], one[1], other[1]],
    )
    yield "three tasks wait for a file", [script(THREE, "three"), run("three", files=True), whole, whole]
    heard = [Step(signal(text)) for text in "abc"]
    yield "three tasks wait for a signal", [script(THREE, "three"), run("three", files=False), *heard]
    alone = [script(ALONE, "alone"), Step(launch("alone@1.0.0", capture_outputs=False))]
    yield "waiting for a file without a client", [*alone, Step(listing(), eventually=True)]
    waits = script(WAITS, "waits")
    early = [Step(launch("waits@1.0.0", capture_outputs=False)), Step(listing()), Step(signal("early"))]
    attached = [Step(about("attach_process", PROCESS)), Step(signal("late"))]
    yield "waiting for a signal without a client", [waits, *early, *attached]


def several() -> Iterator[tuple[str, list[Step]]]:
    """Yield conversations with several processes and clients at the same time."""
    waits = script(WAITS, "waits")

    def to(process: str, text: str, client: str = "a") -> Step:
        return Step(signal(text, process), client)

    yield (
        "two processes",
        [
            *(waits, run("waits", n=1), run("waits", n=2), Step(listing()), to(OTHER, "second")),
            *(Step(listing()), to(PROCESS, "first"), Step(listing()), to(PROCESS, "late")),
        ],
    )
    yield (
        "one process for each client",
        [
            *(
                waits,
                run("waits", n=1),
                run("waits", "b", n=2),
                to(OTHER, "not mine"),
                to(PROCESS, "not mine", "b"),
            ),
            *(
                Step(listing(), "b"),
                Step(about("attach_process", OTHER)),
                Step(about("attach_process", PROCESS), "b"),
            ),
            *(
                to(OTHER, "x", "b"),
                Step(about("attach_process", OTHER)),
                Step(about("terminate_process", PROCESS), "b"),
            ),
            *(Step(listing()), Step(listing(), "b")),
        ],
    )
    yield (
        "terminating one of two processes and cancelling the other",
        [
            *(waits, run("waits"), run("waits"), Step(about("terminate_process", OTHER))),
            *(Step(about("terminate_process", OTHER)), Step("cancel"), Step(listing()), Step("cancel")),
        ],
    )
    yield (
        "closing with two processes, one without captured output",
        [
            *(waits, run("waits", n=1), Step(launch("waits@1.0.0", input='{"n":2}', capture_outputs=False))),
            *(Step(b"", closes=True), Step(listing(), "b", eventually=True)),
            *(Step(about("attach_process", OTHER), "b"), to(OTHER, "end", "b"), Step(listing(), "c")),
        ],
    )
    yield (
        "repeated correlation numbers",
        [
            *(waits, run("waits"), run("waits"), to(PROCESS, "1"), to(OTHER, "2")),
            *(Step(VALID), Step(VALID), Step(listing())),
        ],
    )
    yield (
        "unknown processes",
        [
            *(
                waits,
                to(OTHER, "x"),
                *file(b"x", process=OTHER),
                Step(about("attach_process", OTHER)),
                Step("cancel"),
            ),
            *(Step(about("terminate_process", OTHER)), Step(launch("waits@1.0.0", input="no JSON"))),
            *(Step(launch("waits@1.0.0", input="")), Step(listing()), Step("cancel")),
        ],
    )


def conversations() -> Iterator[tuple[str, list[Step]]]:
    """Yield all conversations about programs with their names."""
    yield from uploads()
    yield from scripts()
    yield from several()
