"""Do the work of schedules with any client that has the API of the user guide, in an environment of its own.

Each line of the input is a job, as :mod:`tests.faults.rivals` makes them; each line of the output is what came back. It uses
only the standard library and a client. Every call has a deadline here, because published clients have no timeouts.
"""

import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from pie_client import Event, PieClient

try:
    from blake3 import blake3 as digest_of
except ImportError:
    digest_of = hashlib.blake2b
TEXTS = {Event.Stdout: "stdout", Event.Stderr: "stderr", Event.Message: "message"}
CLOSE_SECONDS = 15.0


async def within(seconds, call):
    """Await with a deadline."""
    async with asyncio.timeout(seconds):
        return await call


async def unless_ended(seconds, sending):
    """Send to a process, which may have ended since it asked."""
    try:
        await within(seconds, sending)
    except TimeoutError:
        raise
    except Exception:
        pass


async def follow(client, job, plan, out):
    """Launch a process, and receive and answer its events."""
    seconds, key = job["deadline"], plan["input"]["key"]
    process = await within(seconds, client.launch_process(job["program"], input=plan["input"]))
    out["launched"] = True
    if plan["terminate_after"] == 0 or (plan["terminate_after"] and not plan["read"]):
        await unless_ended(seconds, process.terminate())
    elif plan["signals_first"] or not plan["read"]:
        for signal in plan["signals"].values():
            await unless_ended(seconds, process.signal(signal))
    count = 0
    while plan["read"]:
        try:
            kind, value = await within(seconds, process.recv())
        except Exception as error:
            if type(error).__name__ == "CorruptEventError":
                out["corrupt"].append(str(error))
                continue
            raise
        count += 1
        if kind in TEXTS:
            out["items"].append([TEXTS[kind], value])
            if kind == Event.Message and value in plan["files"]:
                content = bytes.fromhex(plan["files"][value])
                await unless_ended(seconds, process.transfer_file(content))
            elif kind == Event.Message and value in plan["signals"] and not plan["signals_first"]:
                await unless_ended(seconds, process.signal(plan["signals"][value]))
        elif kind == Event.File:
            out["items"].append(["file", digest_of(bytes(value)).hexdigest()])
        else:
            out["ends"].append(["return" if kind == Event.Return else "error", value])
            return
        if count == plan["terminate_after"]:
            await unless_ended(seconds, process.terminate())
    assert key


async def install(client, job, name):
    """Install a program from files, as the guide does."""
    with tempfile.TemporaryDirectory() as folder:
        program, manifest = Path(folder, "program.wasm"), Path(folder, "Pie.toml")
        program.write_bytes(bytes.fromhex(job["component"]))
        manifest.write_text(f'[package]\nname = "{name}"\nversion = "1.0.0"\n', encoding="utf-8")
        await within(job["deadline"], client.install_program(program, manifest))


async def call(client, job, number, work):
    """Make one of the calls of the guide."""
    seconds = job["deadline"]
    if work == "ping":
        await within(seconds, client.ping())
    elif work == "list_processes":
        await within(seconds, client.list_processes())
    elif work == "query":
        await within(seconds, client.query("model_status", ""))
    elif work == "check_program":
        found = await within(seconds, client.check_program(job["program"]))
        assert found is True, found
    else:
        await install(client, job, f"{job['prefix']}{number}")


async def part(name, work, errors):
    """Run a part of the work and note how it failed."""
    try:
        await work
    except Exception as error:
        errors.append([name, isinstance(error, TimeoutError), f"{type(error).__name__}: {error}"[:300]])


async def do(job):
    """Do a job, and return what came back."""
    errors = []
    outs = [{"launched": False, "items": [], "ends": [], "corrupt": []} for _ in job["plans"]]
    client = PieClient(job["uri"])
    begin = time.monotonic()

    async def connect():
        await client.connect()
        await client.authenticate("alice")

    await part("connect", within(job["deadline"], connect()), errors)
    if not errors:
        await asyncio.gather(
            *(
                part(plan["input"]["key"], follow(client, job, plan, out), errors)
                for plan, out in zip(job["plans"], outs, strict=True)
            ),
            *(part(work, call(client, job, number, work), errors) for number, work in enumerate(job["work"])),
        )
    await part("close", within(CLOSE_SECONDS, client.close()), errors)
    return {"processes": outs, "errors": errors, "seconds": time.monotonic() - begin}


def main():
    """Do the jobs of the input."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a client prints must not be mixed with the answers
    for line in sys.stdin:
        print(json.dumps(asyncio.run(do(json.loads(line)))), file=out, flush=True)


main()
