"""Try the client on a real Pie 0.5 engine: `python tests/engine_by_hand.py ws://127.0.0.1:8080`.

Connects, identifies, uploads a Python script program with the generated call, launches it and checks every kind of
event it sends, then lists, pings and queries. Prints each step; exits 1 on the first that is not as expected.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

from pie_client import (
    File,
    Message,
    PieClient,
    ProgramNotFoundError,
    Return,
    Stderr,
    Stdout,
    UnsupportedError,
)

MANIFEST = """
[package]
name = "engine-by-hand"
version = "0.1.0"
description = "Says hello in every way there is."

[runtime]
language = "python"
entry = "hello"
call = "kwargs"

[parameters]
name = { type = "string" }
"""

PROGRAM = b"""
import sys
from inferlet import session


async def hello(name):
    print(f"hello, {name}")
    print("to stderr", file=sys.stderr)
    session.send("a message")
    session.send_file(b"\\x00\\xff" * 200_000)
    session.send("heard " + await session.receive())
    return {"greeted": name}
"""

FIRST_LAUNCH = 120.0
"""Seconds: an engine with an empty cache compiles its Python first."""


def show(step: str, found: object, *, ok: bool) -> None:
    """Print a step; stop where it is not as expected."""
    print(f"{'ok  ' if ok else 'FAIL'} {step}: {found}")
    if not ok:
        sys.exit(1)


async def steps(uri: str) -> AsyncIterator[tuple[str, object, bool]]:
    """Give each step with what was found, and whether that is as expected."""
    async with PieClient(uri) as client:
        await client.ping()
        server = client.server
        yield "connected, identified", server, server is not None and server.family == "0.5"
        status = await client.query("model_status")
        yield "query model_status", f"{len(status)} statistics", len(status) > 0
        added = await client.rpc.add_program(content=PROGRAM, manifest=MANIFEST, force_overwrite=True)
        yield "add_program", added, True
        present = await client.check_program("engine-by-hand@0.1.0")
        yield "check_program", present, present

        process = await client.launch_process("engine-by-hand@0.1.0", {"name": "wörld"}, timeout=FIRST_LAUNCH)
        out, err, messages, files, returned = "", "", list[str](), list[File](), ""
        async for event in process:
            match event:
                case Stdout(text):
                    out += text
                case Stderr(text):
                    err += text
                case Message(text):
                    messages.append(text)
                    if len(messages) == 1:
                        listed = await client.list_processes()
                        yield "list_processes", listed, process.process_id in {p.id for p in listed}
                        await process.signal("you")
                case File():
                    files.append(event)
                case Return(text):
                    returned = text
                case _:
                    yield "event", event, False
        yield "stdout", repr(out), out == "hello, wörld\n"
        yield "stderr", repr(err), err == "to stderr\n"
        yield "messages", messages, messages == ["a message", "heard you"]
        yield "files", files, files == [b"\x00\xff" * 200_000]
        yield "return", returned, await process.result(dict[str, str]) == {"greeted": "wörld"}

        try:
            await client.launch_process("no-such-program@9.9.9")
        except ProgramNotFoundError as error:
            yield "unknown program", error, True
        try:
            await client.rpc.launch_daemon(port=1, inferlet="engine-by-hand@0.1.0", input="{}")
        except UnsupportedError as error:
            yield "request of another family", error, True
    yield "closed", "cleanly", True


async def main() -> None:
    """Read the command line and run every step."""
    parser = argparse.ArgumentParser(description="Try the client on a real Pie 0.5 engine.")
    parser.add_argument("uri", help="e.g. ws://127.0.0.1:8080")
    count = 0
    async for step, found, ok in steps(parser.parse_args().uri):
        show(step, found, ok=ok)
        count += 1
    print(f"{count} steps, all as expected")


if __name__ == "__main__":
    asyncio.run(main())
