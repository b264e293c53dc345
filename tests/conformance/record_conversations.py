"""Record the replies of a real 0.5.2 server: `python -m tests.conformance.record_conversations ws://127.0.0.1:8080`.

Writes tests/conformance/data/conversations-0.5.2.jsonl. The server must be new: without programs, processes and other
clients. It keeps a few small programs. Recording takes minutes, because it waits after each frame until no more replies
arrive. Names after the address select conversations; the others are kept unchanged.
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
"""Seconds without a reply after which the next frame is sent."""
QUIET_AFTER_LAUNCH = 2.0
"""The same, after a frame that may start a process."""
FIRST_SCRIPT = 300.0
"""Seconds that a new server may take to start its first script."""


async def record(uri: str, selected: Collection[str]) -> list[str]:
    """Return the lines of the recording; conversations that are not selected come from the existing one."""
    await _warm_up(uri)
    lines: list[str] = []
    known = (
        {json.loads(line)["name"]: line for line in RECORDING.read_text("utf-8").splitlines()}
        if selected
        else {}
    )
    for name, steps in conversations():
        if selected and name not in selected:
            lines.append(known[name])
            continue
        async with Player(uri) as player:
            await player.open({step.client for step in steps})
            done = [(await _recorded(player, step)).as_json() for step in steps]
        print(name)
        lines.append(json.dumps({"name": name, "steps": done}))
    return lines


async def _warm_up(uri: str) -> None:
    """Run a script: a new server first compiles its Python, which may take minutes."""
    source = b"async def main(input):\n    return 1\n"
    async with Player(uri) as player:
        await player.open({"a"})
        await player.send(Step(add(source, manifest=manifest(name="warm-up"))))
        await player.send(Step(launch("warm-up@1.0.0")))
        while (reply := await player.next("a", FIRST_SCRIPT)) is not None:
            if reply.get("event") == "return":
                break


async def _recorded(player: Player, step: Step) -> Step:
    if step.eventually:
        await asyncio.sleep(QUIET_AFTER_LAUNCH)
    await player.send(step)
    launches = b"launch_process" in (step.frame if isinstance(step.frame, bytes) else step.frame.encode())
    replies: dict[str, list[Reply]] = {}
    for name in player.names():
        if step.closes and name == step.client:
            continue
        timeout = QUIET_AFTER_LAUNCH if launches and name == step.client else QUIET
        while (reply := await player.next(name, timeout)) is not None:
            replies.setdefault(name, []).append(reply)
            if reply.get("event") in ("return", "error"):
                timeout = QUIET
            if reply["type"] == CLOSED:
                break
    return replace(step, replies={name: in_order(received) for name, received in replies.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri", help="address of the server, without a path")
    parser.add_argument("names", nargs="*", help="conversations to record (default: all)")
    options = parser.parse_args()
    lines = asyncio.run(record(f"{options.uri}/v1/ws", options.names))
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text("\n".join(lines) + "\n", "utf-8")
