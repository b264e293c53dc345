"""Record what a real 0.5.2 server answers: `python -m tests.conformance.record_conversations ws://127.0.0.1:8080`.

Writes tests/conformance/data/conversations-0.5.2.jsonl. The server should be new, without programs, processes and other clients; it
keeps a few small programs. Takes some minutes: after each frame it waits until no reply comes any more. Names after the
address limit it to those conversations and exchanges; the others stay as they are.
"""

import argparse
import asyncio
import json
from collections.abc import Collection
from dataclasses import replace

from tests.conformance.conversation_scripts import conversations
from tests.conformance.conversations import CLOSED, RECORDING, Player, Reply, Step, in_order
from tests.conformance.frames import add, launch, manifest

QUIET = 0.3
"""Seconds without a reply after which none is expected any more."""
COMPILING = 300.0
"""Seconds that a new server may take to start its first script."""
STARTING = 2.0
"""The same after a frame that may start a process."""


async def record(uri: str, wanted: Collection[str]) -> list[str]:
    """Give the recording, line by line; what is not wanted is taken from the one that there is."""
    await _warm_up(uri)
    lines: list[str] = []
    known = (
        {json.loads(line)["name"]: line for line in RECORDING.read_text("utf-8").splitlines()}
        if wanted
        else {}
    )
    for name, steps in conversations():
        if wanted and name not in wanted:
            lines.append(known[name])
            continue
        async with Player(uri) as player:
            await player.open({step.client for step in steps})
            done = [(await _recorded(player, step)).as_json() for step in steps]
        print(name)
        lines.append(json.dumps({"name": name, "steps": done}))
    return lines


async def _warm_up(uri: str) -> None:
    """Run a script to its end: a new server compiles its Python first, which may take minutes."""
    source = b"async def main(input):\n    return 1\n"
    async with Player(uri) as player:
        await player.open({"a"})
        await player.send(Step(add(source, manifest=manifest(name="warm-up"))))
        await player.send(Step(launch("warm-up@1.0.0")))
        while (reply := await player.next("a", COMPILING)) is not None:
            if reply.get("event") == "return":
                break


async def _recorded(player: Player, step: Step) -> Step:
    if step.eventually:
        await asyncio.sleep(STARTING)
    await player.send(step)
    starts = b"launch_process" in (step.frame if isinstance(step.frame, bytes) else step.frame.encode())
    replies: dict[str, list[Reply]] = {}
    for name in player.names():
        if step.hangs_up and name == step.client:
            continue
        patience = STARTING if starts and name == step.client else QUIET
        while (reply := await player.next(name, patience)) is not None:
            replies.setdefault(name, []).append(reply)
            if reply.get("event") in ("return", "error"):
                patience = QUIET
            if reply["type"] == CLOSED:
                break
    return replace(step, replies={name: in_order(got) for name, got in replies.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri", help="address of the server, without a path")
    parser.add_argument("names", nargs="*", help="conversations and exchanges to record (default: all)")
    options = parser.parse_args()
    answers = asyncio.run(record(f"{options.uri}/v1/ws", options.names))
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text("\n".join(answers) + "\n", "utf-8")
