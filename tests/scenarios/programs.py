"""What the scenarios run: scripts, which go to either server in the same way, and what plays a model where there is none."""

import asyncio
import contextlib
import json
import uuid
from dataclasses import dataclass, field

from pydantic import JsonValue

from pie_client import MessageEvent, PieClient, Process, ProcessEvent
from pie_client.testing import InferletSession, ProcessFailure
from tests.support.peers import PATIENCE

PREAMBLE = """
import asyncio, json, os, sys
from inferlet import session

async def start(*given, **named):
    await session.receive()
    return await main(*given, **named)

async def receive_file():
    waiting = asyncio.ensure_future(session.receive_file())
    await asyncio.sleep(0)
    session.send("ready")
    return await waiting
"""
"""What scripts here have.

They wait for a signal before they do anything: a real engine loses what one in some hundreds says before its client is
told of it, and one in some thousands never ends. A file that comes before a script waits for one is lost, too, so it
waits before it says that it does.
"""
GO = "go"
"""The signal that scripts wait for."""
READY = MessageEvent("ready")
"""What ``receive_file`` says of a script that waits for a file."""

PARROT = """
async def main(input):
    print("up")
    while (heard := await session.receive()) != "end":
        session.send("heard " + heard)
    return "done"
"""
"""Says that it is up, and then every signal again, until that is ``end``."""

WAIT = """
async def main(input):
    session.send("waiting")
    return await session.receive()
"""
"""Says that it waits, and returns the first signal."""


@dataclass
class Programs:
    """Installs and launches scripts."""

    client: PieClient
    prefix: str = field(default_factory=lambda: f"p{uuid.uuid4().hex[:8]}")
    """What the names of all begin with."""
    count: int = 0

    async def install(self, source: str, *, call: str | None = None, waits: bool = True) -> str:
        """Install a script under a new name; gives that with its version."""
        entry = "start" if waits else "main"
        self.count += 1
        name = f"{self.prefix}-{self.count}"
        manifest = (
            f'[package]\nname = "{name}"\nversion = "1.0.0"\n'
            f'[runtime]\nlanguage = "python"\nentry = "{entry}"\n'
        )
        if call is not None:
            manifest += f'call = "{call}"\n'
        await self.client.install_program_bytes((PREAMBLE + source).encode(), manifest)
        return f"{name}@1.0.0"

    async def launch(
        self, source: str, input: JsonValue = "", *, call: str | None = None, capture_outputs: bool = True
    ) -> Process:
        """Install a script and launch it."""
        program = await self.install(source, call=call, waits=capture_outputs)
        if capture_outputs:
            return await self.start(program, input)
        return await self.client.launch_process(program, input, capture_outputs=False)

    async def start(self, program: str, input: JsonValue = "") -> Process:
        """Launch a script that was installed, and let it begin."""
        process = await self.client.launch_process(program, input)
        await process.signal(GO)
        return process


async def events_of(process: Process) -> list[ProcessEvent]:
    """Give all events of a process that ends."""
    async with asyncio.timeout(PATIENCE):
        return [event async for event in process]


async def answer_to_file(process: Process, content: bytes) -> ProcessEvent:
    """Send a file to a script that has said that it is ready; gives its next event.

    A real engine may lose the file all the same, where what the script said overtook its wish; then it is sent again.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            await process.transfer_file(content)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE / 5):
                    return await anext(process)


async def gone(client: PieClient, process: Process) -> None:
    """Wait until a server does not list a process any more, which may take a moment from its end."""
    async with asyncio.timeout(PATIENCE):
        while process.process_id in {info.id for info in await client.list_processes()}:
            pass


async def complete(session: InferletSession, input: JsonValue) -> JsonValue:
    """Play the program of a real engine that completes texts as OpenAI's API does: the words are always the same."""
    if not isinstance(input, dict) or not isinstance(input.get("prompt"), str):
        raise ProcessFailure(json.dumps({"status": 400, "body": {"error": {"param": "prompt"}}}))
    words = [f"word{number} " for number in range(int(str(input.get("max_tokens", 16))))]
    if not input.get("stream"):
        usage: dict[str, JsonValue] = {"completion_tokens": len(words)}
        return {"choices": [{"finish_reason": "length", "text": "".join(words)}], "usage": usage}
    for word in words:
        await asyncio.sleep(0)
        session.send(json.dumps({"data": {"choices": [{"finish_reason": None, "text": word}]}}))
    session.send(json.dumps({"data": {"choices": [{"finish_reason": "length", "text": ""}]}}))
    session.send(json.dumps({"data": "[DONE]"}))
    return None
