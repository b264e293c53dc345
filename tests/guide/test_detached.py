"""Processes whose client disconnects and attaches again."""

import asyncio
import subprocess
import sys

import pytest
from pydantic import JsonValue

from pie_client import (
    AccessDeniedError,
    AlreadyAttachedError,
    Event,
    Family,
    ParsedPrivateKey,
    PieClient,
    Process,
    ProcessNotFoundError,
)
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import TIMEOUT, in_time


class Absence:
    """Signals between a test and its inferlet: the client disconnected, the inferlet wrote its output."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.done = asyncio.Event()


def add_long_task(engine: LocalEngine) -> Absence:
    """Register an inferlet that writes after its client disconnected."""
    absence = Absence()

    @engine.inferlet("long-task@0.1.0")
    async def long_task(session: InferletSession, input: JsonValue) -> JsonValue:
        await absence.left.wait()
        session.print("while you were away")
        absence.done.set()
        return input

    return absence


async def test_attaching_on_another_connection_receives_the_buffered_events(
    keeper: LocalEngine,
) -> None:
    """D33"""
    absence = add_long_task(keeper)
    uri = keeper.uri
    key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")

    async with PieClient(uri) as c:
        await c.authenticate("alice", key)
        p = await c.launch_process("long-task@0.1.0", input={"topic": "KV cache reuse"})
        pid = p.process_id

    absence.left.set()
    await in_time(absence.done.wait())

    async with PieClient(uri) as c:
        await c.authenticate("alice", key)
        p = await c.attach_process(pid)
        event, value = await p.recv()
        assert (event, value) == (Event.Stdout, "while you were away\n")
        assert await p.recv() == (Event.Return, '{"topic": "KV cache reuse"}')


async def test_attaching_to_a_running_process_receives_its_further_events(keeper: LocalEngine) -> None:
    absence = add_long_task(keeper)
    key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
    async with PieClient(keeper.uri) as c:
        await c.authenticate("alice", key)
        p = await c.launch_process("long-task@0.1.0")
        pid = p.process_id
    async with PieClient(keeper.uri) as c:
        await c.authenticate("alice", key)
        p = await c.attach_process(pid)
        absence.left.set()
        assert await p.recv() == (Event.Stdout, "while you were away\n")


LATER = """
import asyncio
import sys

from pie_client import ParsedPrivateKey, PieClient

async def main(uri, pid):
    key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
    async with PieClient(uri) as c:
        await c.authenticate("alice", key)
        p = await c.attach_process(pid)
        event, value = await p.recv()
        print(event.name, value)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_another_program_can_attach_to_a_process(keeper: LocalEngine) -> None:
    absence = add_long_task(keeper)
    async with PieClient(keeper.uri) as c:
        await c.authenticate("alice", ParsedPrivateKey.from_file("~/.ssh/id_ed25519"))
        p = await c.launch_process("long-task@0.1.0")
    absence.left.set()
    command = [sys.executable, "-W", "error", "-c", LATER, keeper.uri, p.process_id]
    later = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert (later.stderr, later.stdout) == ("", "Stdout while you were away\n\n")


@pytest.mark.parametrize("named", [True, False])
async def test_attaching_as_another_user_than_the_launching_one_is_denied_by_0_4_servers(
    family: Family, named: bool
) -> None:
    """A client without `username` identifies itself as the default user, not as Alice."""
    async with LocalEngine(family=family, keep_detached=True) as engine:
        absence = add_long_task(engine)
        async with PieClient(engine.uri, username="alice") if named else PieClient(engine.uri) as c:
            p = await c.launch_process("long-task@0.1.0", input={"topic": "KV cache reuse"})
            pid = p.process_id
        async with PieClient(engine.uri) as c:
            await c.authenticate("alice", ParsedPrivateKey.from_file("~/.ssh/id_ed25519"))
            if family == "0.4" and not named:
                with pytest.raises(AccessDeniedError, match="authenticate as its owner"):
                    await c.attach_process(pid)
                return
            p = await c.attach_process(pid)
            absence.left.set()
            assert await p.recv() == (Event.Stdout, "while you were away\n")


async def test_the_error_of_a_server_that_keeps_no_processes_says_so(
    guarded: LocalEngine, family: Family
) -> None:
    """D33"""
    add_long_task(guarded)
    key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
    async with PieClient(guarded.uri) as c:
        await c.authenticate("alice", key)
        p = await c.launch_process("long-task@0.1.0")
        pid = p.process_id
    async with PieClient(guarded.uri) as c:
        await c.authenticate("alice", key)
        with pytest.raises(ProcessNotFoundError) as caught:
            await in_time(attach_when_free(c, pid))
    message = str(caught.value)
    assert pid in message
    assert {
        "0.4": "it has ended, or another connection is attached to it, even one that was lost; ",
        "0.5": "it has finished, or ended with the connection that launched it; ",
    }[family] + "launch with capture_outputs=False to attach later" in message


async def attach_when_free(client: PieClient, process_id: str) -> Process:
    """Attach, and repeat while the server still considers the other client connected."""
    while True:
        try:
            return await client.attach_process(process_id)
        except AlreadyAttachedError:
            pass
