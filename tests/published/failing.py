"""Run the lines under *Errors* in docs/migrating.md, and say which error each raises.

Runs with published clients too: ``python failing.py SETTINGS``. So it imports only what every client has.
"""

import ast
import asyncio
import contextlib
import inspect
import json
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from pie_client import PieClient

USER = "alice"
SECONDS = 20.0
"""Deadline of a line."""
NOTHING = "no error"
"""The outcome of a line that raises none."""


@dataclass(frozen=True)
class Servers:
    """Addresses: of an engine with built-in programs, and of one that asks for keys, where the family has any."""

    uri: str
    guarded: str | None = None


@contextlib.asynccontextmanager
async def connected(uri: str) -> AsyncGenerator[PieClient]:
    """Connect and identify. Closing is not waited for: some clients take ten seconds."""
    client = PieClient(uri)
    await client.connect()
    try:
        await client.authenticate(USER)
        yield client
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 0.1)


@contextlib.asynccontextmanager
async def breaking(uri: str) -> AsyncGenerator[tuple[str, asyncio.Event]]:
    """Yield an address that leads to a server until the event is set: then its connections break."""
    broken = asyncio.Event()
    port = int(uri.rpartition(":")[2])

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection("127.0.0.1", port)
        ways = [
            asyncio.create_task(copy(reader, upstream[1])),
            asyncio.create_task(copy(upstream[0], writer)),
        ]
        await broken.wait()
        for task in ways:
            task.cancel()
        upstream[1].transport.abort()
        writer.transport.abort()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", broken
    finally:
        broken.set()
        server.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes from one connection to another."""
    while data := await reader.read(1 << 16):
        writer.write(data)


class Lines:
    """The place where lines run: what they name exists when they name it."""

    def __init__(self, servers: Servers, stack: contextlib.AsyncExitStack) -> None:
        self.servers = servers
        self.stack = stack
        self.names: dict[str, object] = {"PieClient": PieClient}

    async def client(self) -> PieClient:
        """A connected client."""
        return await self.stack.enter_async_context(connected(self.servers.uri))

    async def new(self) -> PieClient:
        """A client that has never been connected."""
        return PieClient(self.servers.uri)

    async def closed(self) -> PieClient:
        """A client that was closed."""
        client = await self.client()
        await client.close()
        return client

    async def guarded(self) -> PieClient:
        """A client of a server that asks for keys."""
        assert self.servers.guarded is not None
        client = PieClient(self.servers.guarded)
        await client.connect()
        return client

    async def lost(self) -> PieClient:
        """A client whose connection broke; `lost_process` ran on it."""
        uri, broken = await self.stack.enter_async_context(breaking(self.servers.uri))
        client = await self.stack.enter_async_context(connected(uri))
        self.names["lost_process"] = await client.launch_process("wait@1.0.0")
        other = await client.launch_process("wait@1.0.0")
        broken.set()
        with contextlib.suppress(ConnectionError):
            await other.recv()  # the client has noticed
        return client

    async def lost_process(self) -> object:
        """A process whose connection broke."""
        await self.lost()
        return self.names["lost_process"]

    async def failed(self) -> object:
        """A process that ended with an error."""
        return await (await self.client()).launch_process("fail@1.0.0", {"reason": "no luck"})

    async def ended(self) -> object:
        """A process that has ended, and whose events were received."""
        client = await self.client()
        process = await client.launch_process("echo@1.0.0")
        await process.recv()
        return process


async def run(lines: Lines, code: str) -> None:
    """Run a line, as the body of an async function."""
    compiled = compile(code, code, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for name in compiled.co_names:
        if name not in lines.names and (make := getattr(lines, name, None)):
            lines.names[name] = await make()
    result: object = eval(compiled, lines.names)  # noqa: S307 - lines of our own page
    if inspect.isawaitable(result):
        await result


async def outcome(servers: Servers, code: str) -> str:
    """Return the class of the error that a line raises, or :data:`NOTHING`."""
    async with contextlib.AsyncExitStack() as stack:
        lines = Lines(servers, stack)
        try:
            await asyncio.wait_for(run(lines, code), SECONDS)
        except Exception as error:  # noqa: BLE001 - every failure is reported
            return type(error).__name__
    return NOTHING


async def outcomes(servers: Servers, codes: Sequence[str]) -> dict[str, str]:
    """Return the outcome of each line."""
    return dict(zip(codes, await asyncio.gather(*(outcome(servers, code) for code in codes)), strict=True))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    done = asyncio.run(outcomes(Servers(*given["servers"]), given["codes"]))
    sys.stdout.write(json.dumps(done))
    sys.stdout.flush()
    os._exit(0)  # some clients leave tasks that never finish
