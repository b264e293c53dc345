"""The programs of the scenarios: scripts for either server, and a completion program without a model for the embedded one."""

import asyncio
import contextlib
import json
import uuid
from dataclasses import dataclass, field

from pydantic import JsonValue

from pie_client import MessageEvent, PieClient, Process, ProcessEvent
from pie_client.testing import InferletSession, ProcessFailure
from tests.support.peers import TIMEOUT

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
"""The beginning of every script.

A script waits for a signal first, because in some hundreds of launches a real engine loses the events that precede its
reply, and in some thousands the process never ends. A file that arrives before the script waits for one is lost too, so
``receive_file`` waits first and then sends "ready".
"""
GO = "go"
"""The signal that scripts wait for."""
READY = MessageEvent("ready")
"""The event of a script that waits for a file."""

ECHO = """
async def main(input):
    print("up")
    while (received := await session.receive()) != "end":
        session.send("received " + received)
    return "done"
"""
"""Prints "up", then sends every signal back until it is ``end``."""

WAIT = """
async def main(input):
    session.send("waiting")
    return await session.receive()
"""
"""Sends "waiting" and returns the first signal."""


@dataclass
class Programs:
    """Installs and launches scripts."""

    client: PieClient
    prefix: str = field(default_factory=lambda: f"p{uuid.uuid4().hex[:8]}")
    """The beginning of every program's name."""
    count: int = 0

    async def install(self, source: str, *, call: str | None = None, waits: bool = True) -> str:
        """Install a script under a new name and return the name with its version."""
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
        """Launch an installed script and send it the signal to start."""
        process = await self.client.launch_process(program, input)
        await process.signal(GO)
        return process


async def events_of(process: Process, *, timeout: float = TIMEOUT) -> list[ProcessEvent]:
    """Return all events of a process, up to and including the terminal one."""
    async with asyncio.timeout(timeout):
        return [event async for event in process]


async def send_file(process: Process, content: bytes) -> ProcessEvent:
    """Send a file to a script that has sent "ready" and return the next event.

    A real engine may lose the file even so, if "ready" overtook the script's request for a file; then it is sent again.
    """
    async with asyncio.timeout(TIMEOUT):
        while True:
            await process.transfer_file(content)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TIMEOUT / 5):
                    return await anext(process)


async def wait_until_gone(client: PieClient, process: Process) -> None:
    """Wait until a server no longer lists a process, which may be a moment after its terminal event."""
    async with asyncio.timeout(TIMEOUT):
        while process.process_id in {info.id for info in await client.list_processes()}:
            pass


COMPLETION = "compat-openai@0.1.0"
"""A program that is built into real 0.5 engines."""
GENERATION_TIMEOUT = 240.0
"""Seconds that a few tokens may take: without a GPU and with other work on the machine each takes many."""


async def complete(session: InferletSession, input: JsonValue) -> JsonValue:
    """Act as ``COMPLETION``, which completes texts with OpenAI's API, but always return the same words."""
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
