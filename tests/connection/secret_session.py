"""A session with a secret in every field that can hold one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import (
    ErrorEvent,
    FileEvent,
    MessageEvent,
    ObservedFrame,
    ParsedPrivateKey,
    PieClient,
    RefusedError,
    StderrEvent,
    StdoutEvent,
    models,
)
from pie_client.protocol.codec import decode_client_message
from pie_client.testing import InferletSession, LocalEngine
from tests.support.keys import ed25519_key
from tests.support.mcp_servers import Script

CARRIED = ("hunter1", "hunter2", "hunter3")
PASSWORD, TOKEN, PAYLOAD = CARRIED
PROGRAM = "hunter0"
"""Name of a program that is not installed, which the server's refusal quotes."""

FIND = """
initialize()
while True:
    request = read()
    send(id=request["id"], result={"found": [request["params"], sys.argv, dict(os.environ)]})
"""
"""An MCP server that answers a call with it, its arguments and its environment."""


def serve(engine: LocalEngine) -> None:
    """Add a program that receives and sends a secret in every field that can hold one, and fails with it."""

    @engine.inferlet("leak@1.0.0")
    async def leak(session: InferletSession, input: JsonValue) -> JsonValue:
        assert input == {"prompt": PAYLOAD}
        session.print(PAYLOAD, end="")
        session.eprint(PAYLOAD, end="")
        session.send_file(PAYLOAD.encode(), PAYLOAD)
        session.send(await session.receive())
        session.send(await session.mcp.call("tools", "tools/call", json.dumps({"term": PAYLOAD})))
        session.send("send the file")
        raise ValueError((await session.receive_file()).decode())


async def carry_secrets(folder: Path, create: Callable[[str], PieClient] = PieClient) -> list[str]:
    """Send and receive the secrets with a client, and return further ones: of its key.

    They are in the input, a signal, events, files, calls of MCP servers and their results, and errors.
    """
    path, public = ed25519_key(folder)
    frames: list[ObservedFrame] = []
    async with LocalEngine(family="0.4", auth={"alice": [public]}) as engine:
        serve(engine)
        engine.observe(frames.append)
        async with create(engine.uri) as client:
            await client.authenticate("alice", ParsedPrivateKey.from_file(path))
            tools = Script(folder, FIND)
            arguments = [*tools.args, PASSWORD]
            await client.register_mcp_server("tools", "stdio", tools.command, arguments, env={"TOKEN": TOKEN})
            process = await client.launch_process("leak@1.0.0", {"prompt": PAYLOAD})
            await process.signal(PAYLOAD)
            received: list[object] = []
            async for event in process:
                received.append(event)
                if event == MessageEvent("send the file"):
                    await process.transfer_file(PAYLOAD.encode())
            with pytest.raises(RefusedError):
                await client.rpc.launch_process(inferlet=f"{PROGRAM}@1.0.0", input=PAYLOAD)
    kinds = [StdoutEvent, StderrEvent, FileEvent, MessageEvent, MessageEvent, MessageEvent, ErrorEvent]
    assert len(received) == len(kinds)
    assert all(map(isinstance, received, kinds)), received
    for secret in (PASSWORD, TOKEN, PAYLOAD):
        assert secret in str(received)
    sent = [decode_client_message(each.data) for each in frames if each.direction == "sent" and each.data]
    [proof] = [message for message in sent if isinstance(message, models.AuthProveRequest)]
    return [proof.signature, *path.read_text(encoding="utf-8").splitlines()[1:-1]]
