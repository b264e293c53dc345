"""Compare how clients upload a large program: `python benchmarks/install.py this=PYTHON other=PYTHON`.

Each argument names an interpreter whose environment has a client installed. A LocalEngine in a process of its own receives
an upload of `--size` MiB. The client's process measures its peak memory and the longest delay of its event loop. The
clients take turns; the table shows the median of seconds and memory, and the longest delay of all runs. Both sides share
the machine, so compare the ratios. Exits with 1 if the first client exceeds `--most-memory` or `--most-held`. Linux only.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pie_client.testing import LocalEngine

CLIENT = """
import asyncio, pathlib, sys, time
from pie_client import PieClient

BEAT = 0.001

async def watch(found):
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(BEAT)
        found[0] = max(found[0], time.perf_counter() - begin - BEAT)

STATUS = pathlib.Path("/proc/self/status")

def peak():
    return int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) / 1024

async def main():
    uri, wasm, toml, small, small_toml = sys.argv[1:]
    async with PieClient(uri) as client:
        await client.authenticate("alice")
        await client.install_program(small, small_toml, True)  # imports the modules that are imported on first use
        found = [0.0]
        watching = asyncio.create_task(watch(found))
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the current use
        before, begin = peak(), time.perf_counter()
        await client.install_program(wasm, toml, True)
        seconds = time.perf_counter() - begin
        watching.cancel()
        print(seconds, peak() - before, found[0] * 1000)

asyncio.run(main())
"""
MANIFEST = '[package]\nname = "{name}"\nversion = "1.0.0"\n'


async def listen(limit: int) -> None:
    """Serve until the process is terminated; print the address first."""
    async with LocalEngine(family="0.4", max_upload_bytes=limit) as engine:
        print(engine.uri, flush=True)
        await asyncio.Future()


def heading(size: int) -> bytes:
    """Return the beginning of a WebAssembly component whose comment is the ``size`` bytes that follow."""
    length = size + 1
    padded = bytes([length >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)] + [length >> 28])
    return b"\0asm\x0d\0\1\0\0" + padded + b"\0"


def make_programs(folder: Path, size: int) -> list[str]:
    """Write a large and a small program with their manifests; return the paths in the order of the client's arguments."""
    with (folder / "large.wasm").open("wb") as out:
        out.write(heading(size << 20))
        for _ in range(size):
            out.write(os.urandom(1 << 20))
    (folder / "small.wasm").write_bytes(heading(1 << 20) + os.urandom(1 << 20))
    for name in ("large", "small"):
        (folder / f"{name}.toml").write_text(MANIFEST.format(name=name), encoding="utf-8")
    return [str(folder / name) for name in ("large.wasm", "large.toml", "small.wasm", "small.toml")]


def measure(python: str, paths: list[str], size: int) -> list[float]:
    """Upload once to a new server; return seconds, MiB of peak memory gained, and the longest delay in ms."""
    server = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, __file__, "--serve", str((size + 1) << 20)], stdout=subprocess.PIPE, text=True
    )
    try:
        uri = server.stdout.readline().strip() if server.stdout else ""
        done = subprocess.run(  # noqa: S603 - the interpreter that the caller named
            [python, "-c", CLIENT, uri, *paths], capture_output=True, text=True, check=True, timeout=600
        )
    finally:
        server.terminate()
        server.wait()
    return [float(figure) for figure in done.stdout.split()]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Compare how clients upload a large program.")
    parser.add_argument(
        "client", nargs="+", help="NAME=PYTHON, an interpreter in whose environment a client is installed"
    )
    parser.add_argument("--size", type=int, default=1024, help="MiB of the program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--most-memory", type=float, default=16.0, help="MiB that the first client's memory may grow"
    )
    parser.add_argument("--most-held", type=float, default=20.0, help="ms that its event loop may be delayed")
    options = parser.parse_args()
    pythons = dict(client.partition("=")[::2] for client in options.client)
    runs: dict[str, list[list[float]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        paths = make_programs(Path(folder), options.size)
        for number in range(options.rounds):
            for name, python in pythons.items():
                runs[name].append(measure(python, paths, options.size))
            print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(
        "| client | seconds | peak memory gained, MiB | longest delay of the event loop, ms |\n|---|---|---|---|"
    )
    for name, figures in runs.items():
        seconds, memory, held = zip(*figures, strict=True)
        print(
            f"| {name} | {statistics.median(seconds):.1f} | {statistics.median(memory):.1f} | {max(held):.1f} |"
        )
    _, memory, held = zip(*next(iter(runs.values())), strict=True)
    if max(memory) > options.most_memory or max(held) > options.most_held:
        sys.exit(f"more than {options.most_memory:g} MiB or {options.most_held:g} ms")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(listen(int(sys.argv[2])))
    else:
        main()
