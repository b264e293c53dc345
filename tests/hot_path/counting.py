"""Count what the interpreter does for an event, a request and a chunk: `python -m tests.hot_path.counting`.

Prints the counts as JSON; with `--files`, how many opcodes were in which source file. With `--record` it writes them to
`counts.json` as the limits of this Python version; record when the hot path has changed on purpose, with every version in
the file (`nox -s counts -- --record`).

Only work between a read of the socket, or a call, and the return of the call is counted: the client, asyncio and the
libraries, not the script itself and not its server.
"""

import argparse
import asyncio
import gc
import inspect
import json
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, Self

from blake3 import blake3

from pie_client import Event, FileEvent, PieClient, Process
from tests.hot_path import scripted_peer
from tests.hot_path.scripted_peer import ScriptedPeer, run_with_peer

RECORD = Path(__file__).with_name("counts.json")
NOT_COUNTED = {__file__, scripted_peer.__file__}
EVENTS = 500
REQUESTS = 64
READERS = 50
CHUNKS, CHUNK_BYTES = 8, 16 << 10
OPCODES = "opcodes"
CALLS = {"call": "calls of Python functions", "c_call": "calls of C functions"}
"""What is counted, by the event of the profiler."""
KINDS = (OPCODES, *CALLS.values())
BLOCKS = "allocated blocks"

Counts = dict[str, dict[str, int]]
"""Totals by piece of work and kind, and the number of units of the work."""


class Counter:
    """A trace of this thread that counts between ``start`` and ``stop``. Use it as a context manager."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.opcodes_of_files: dict[str, int] = {}
        self._counting = False

    def __enter__(self) -> Self:
        # 3.12 reports opcodes if a frame has asked for them before the tracing starts.
        if (frame := inspect.currentframe()) is not None:
            frame.f_trace_opcodes = True
        # Tracing goes on where nothing is counted: from 3.12 on the interpreter reports the opcodes of a function only
        # from its second traced call on, and forgets that when it runs the function untraced.
        sys.setprofile(self._profile)
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def start(self) -> None:
        self.counts = dict.fromkeys(KINDS, 0)
        self.opcodes_of_files = defaultdict(int)
        self._counting = True

    def stop(self) -> None:
        self._counting = False

    def aside(self, work: Callable[[], None]) -> None:
        """Do some work without counting it."""
        counting, self._counting = self._counting, False
        work()
        self._counting = counting

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename in NOT_COUNTED:
            return None
        if event != "opcode":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif self._counting:
            self.counts[OPCODES] += 1
            self.opcodes_of_files[frame.f_code.co_filename] += 1
        return self._trace

    def _profile(self, frame: FrameType, event: str, _argument: object) -> None:
        if self._counting and event in CALLS and frame.f_code.co_filename not in NOT_COUNTED:
            self.counts[CALLS[event]] += 1


Script = Callable[[PieClient, ScriptedPeer, Counter], Awaitable[int]]
"""Does one piece of work, counting the part that matters, and returns the number of its units."""


def printed(process_id: str, number: int) -> dict[str, object]:
    return {
        "type": "process_event",
        "process_id": process_id,
        "event": "stdout",
        "value": f"text {number:011}",
    }


async def launch(client: PieClient) -> Process:
    return await client.launch_process("a@1.0.0", input={})


async def receive(client: PieClient, peer: ScriptedPeer, counter: Counter) -> int:
    process = await launch(client)
    peer.send(*(printed(process.process_id, number) for number in range(EVENTS)))
    counter.start()
    for _ in range(EVENTS):
        await process.recv()
    counter.stop()
    return EVENTS


async def iterate(client: PieClient, peer: ScriptedPeer, counter: Counter) -> int:
    process = await launch(client)
    peer.send(*(printed(process.process_id, number) for number in range(EVENTS)))
    left = EVENTS
    counter.start()
    async for _ in process:
        left -= 1
        if not left:
            break
    counter.stop()
    return EVENTS


async def receive_early(client: PieClient, peer: ScriptedPeer, counter: Counter) -> int:
    """Receive events that arrive before the reply to the launch."""
    peer.send(*(printed(peer.process_id(ahead=1), number) for number in range(EVENTS)))
    counter.start()
    process = await launch(client)
    for _ in range(EVENTS):
        await process.recv()
    counter.stop()
    return EVENTS


async def receive_each(client: PieClient, peer: ScriptedPeer, counter: Counter) -> int:
    """Read many processes, each in a task of its own."""
    processes = [await launch(client) for _ in range(READERS)]
    tasks = [asyncio.create_task(process.recv()) for process in processes]
    await client.ping()  # now every task waits
    peer.send(*(printed(process.process_id, 0) for process in processes))
    counter.start()
    await asyncio.wait(tasks)
    counter.stop()
    return READERS


async def ping(client: PieClient, _peer: ScriptedPeer, counter: Counter) -> int:
    counter.start()
    for _ in range(REQUESTS):
        await client.ping()
    counter.stop()
    return REQUESTS


async def ping_together(client: PieClient, _peer: ScriptedPeer, counter: Counter) -> int:
    tasks = [asyncio.create_task(client.ping()) for _ in range(REQUESTS)]
    counter.start()
    await asyncio.wait(tasks)
    counter.stop()
    return REQUESTS


async def launch_each(client: PieClient, _peer: ScriptedPeer, counter: Counter) -> int:
    counter.start()
    processes = [await launch(client) for _ in range(REQUESTS)]
    counter.stop()
    return len(processes)


async def receive_file(client: PieClient, peer: ScriptedPeer, counter: Counter) -> int:
    process = await launch(client)
    content = bytes(CHUNKS * CHUNK_BYTES)
    peer.send(
        *(
            {
                "type": "file",
                "process_id": process.process_id,
                "file_hash": blake3(content).hexdigest(),
                "chunk_index": number,
                "total_chunks": CHUNKS,
                "chunk_data": content[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES],
            }
            for number in range(CHUNKS)
        )
    )
    counter.start()
    kind, value = await process.recv()
    counter.stop()
    assert kind is Event.File
    assert isinstance(value, FileEvent)
    assert value == content
    return CHUNKS


async def buffer(client: PieClient, peer: ScriptedPeer, counter: Counter) -> int:
    """Count the blocks that unread events occupy."""
    process, marker = await launch(client), await launch(client)
    peer.send(
        *(printed(process.process_id, number) for number in range(EVENTS)), printed(marker.process_id, 0)
    )
    gc.collect()  # also empties the lists of free objects
    before = sys.getallocatedblocks()
    await marker.recv()  # whatever arrived earlier is in its mailbox now
    blocks = sys.getallocatedblocks() - before
    # In tenths per event: of the blocks that are not the events', one or two are there in some runs only.
    counter.counts = {BLOCKS: round(10 * blocks / EVENTS)}
    return 10


SCRIPTS: dict[str, Script] = {
    "event received": receive,
    "event iterated": iterate,
    "event before its handle": receive_early,
    "event for a reader of its own": receive_each,
    "event buffered": buffer,
    "ping": ping,
    "ping of 64 at once": ping_together,
    "launch": launch_each,
    "chunk of a file": receive_file,
}


def count(script: Script, *, by_file: bool = False) -> dict[str, int]:
    """Run a script to warm up, then again to count."""
    with Counter() as counter:
        _run(script, counter)
        units = _run(script, counter)
    return {"units": units, **(counter.opcodes_of_files if by_file else counter.counts)}


def _run(script: Script, counter: Counter) -> int:
    async def counted(client: PieClient, peer: ScriptedPeer) -> int:
        gc.disable()
        try:
            return await script(client, peer, counter)
        finally:
            counter.stop()
            gc.enable()

    return run_with_peer(counted, aside=counter.aside)


def main() -> None:
    """Count every piece of work and print or record it."""
    parser = argparse.ArgumentParser(description="Count what the interpreter does on the hot path.")
    parser.add_argument("--record", action="store_true", help="make the counts the limits")
    parser.add_argument("--files", action="store_true", help="print the opcodes in each source file instead")
    options = parser.parse_args()
    counts = {name: count(script, by_file=options.files) for name, script in SCRIPTS.items()}
    if options.record:
        limits: dict[str, Counts] = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
        limits[f"{sys.version_info.major}.{sys.version_info.minor}"] = counts
        RECORD.write_text(json.dumps(limits, indent=1, sort_keys=True) + "\n", "utf-8")
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
