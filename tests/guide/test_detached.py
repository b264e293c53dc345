"""Processes that are left, and attached to again."""

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
from tests.support.peers import PATIENCE, in_time


class Absence:
    """Tells a program when its client has left, and the client when the program is done."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.done = asyncio.Event()


def add_long_task(engine: LocalEngine) -> Absence:
    """Add a program that speaks when its client is away."""
    absence = Absence()

    @engine.inferlet("long-task@0.1.0")
    async def long_task(session: InferletSession, input: JsonValue) -> JsonValue:
        await absence.left.wait()
        session.print("while you were away")
        absence.done.set()
        return input

    return absence


async def test_a_process_is_attached_to_on_another_connection_and_gives_what_was_buffered(
    keeper: LocalEngine,
) -> None:
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


async def test_a_process_that_still_runs_is_attached_to_at_once_and_goes_on(keeper: LocalEngine) -> None:
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


async def test_a_process_is_attached_to_by_another_program(keeper: LocalEngine) -> None:
    absence = add_long_task(keeper)
    async with PieClient(keeper.uri) as c:
        await c.authenticate("alice", ParsedPrivateKey.from_file("~/.ssh/id_ed25519"))
        p = await c.launch_process("long-task@0.1.0")
    absence.left.set()
    command = [sys.executable, "-W", "error", "-c", LATER, keeper.uri, p.process_id]
    later = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (later.stderr, later.stdout) == ("", "Stdout while you were away\n\n")


@pytest.mark.parametrize("named", [True, False])
async def test_who_launches_without_authenticating_has_to_be_named_where_processes_have_owners(
    family: Family, named: bool
) -> None:
    """Before a first request, a client that was not told who it is says that it is somebody else than Alice."""
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


async def test_a_server_that_keeps_no_detached_process_is_reported_as_such(
    guarded: LocalEngine, family: Family
) -> None:
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
    said = str(caught.value)
    assert pid in said
    assert {
        "0.4": "0.3/0.4 servers also say this of a process that a connection is attached to, even a closed one",
        "0.5": "0.5 servers end processes with their connection",
    }[family] in said


async def attach_when_free(client: PieClient, process_id: str) -> Process:
    """Attach; as long as a server has not noticed that the other client is gone, try again."""
    while True:
        try:
            return await client.attach_process(process_id)
        except AlreadyAttachedError:
            pass
