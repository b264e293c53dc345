"""Processes whose client has disconnected, with ``keep_detached`` and without it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import JsonValue
from websockets.asyncio.client import connect

from pie_client import (
    AccessDeniedError,
    AlreadyAttachedError,
    Event,
    Family,
    FileEvent,
    MessageEvent,
    PieClient,
    Process,
    ProcessNotFoundError,
    ProcessTerminatedError,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    models,
)
from pie_client.protocol import codec
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import TIMEOUT
from tests.support.raw import client_frame

IDENTITY = {"x-pie-identity": "tenant/user"}


class Steps:
    """Events that an inferlet waits for and sets."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.ended = asyncio.Event()


@pytest.fixture
async def keeping_engine(family: Family) -> AsyncIterator[LocalEngine]:
    """An engine that keeps detached processes."""
    async with LocalEngine(family=family, keep_detached=True) as engine:
        yield engine


@pytest.fixture
def steps() -> Steps:
    return Steps()


def install(engine: LocalEngine, steps: Steps) -> None:
    @engine.inferlet("long-task@0.1.0")
    async def long_task(session: InferletSession, input: JsonValue) -> JsonValue:
        try:
            session.print("started")
            await steps.go.wait()
            session.print("out")
            session.eprint("err")
            session.send("message")
            session.send_file(b"\0\xff" * 400_000)
            return input
        finally:
            steps.ended.set()


async def launch_and_disconnect(uri: str) -> str:
    """Launch a process, wait until it runs, and disconnect. Return its id."""
    async with PieClient(uri, timeout=TIMEOUT) as c:
        process = await c.launch_process("long-task@0.1.0", input={"topic": "KV cache reuse"})
        assert await process.recv(timeout=TIMEOUT) == (Event.Stdout, "started\n")
        return process.process_id


async def attach(client: PieClient, process_id: str) -> Process:
    """Attach as soon as the server has detached the client that was lost."""
    while True:
        try:
            return await client.attach_process(process_id)
        except (ProcessNotFoundError, AlreadyAttachedError):
            pass


async def test_attaching_after_the_end_receives_all_events(keeping_engine: LocalEngine, steps: Steps) -> None:
    install(keeping_engine, steps)
    process_id = await launch_and_disconnect(keeping_engine.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), TIMEOUT)

    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
        await c.authenticate("pie-client")
        assert await c.list_processes() == []
        process = await c.attach_process(process_id)
        async with asyncio.timeout(TIMEOUT):
            events = [event async for event in process]
    assert events == [
        StdoutEvent("out\n"),
        StderrEvent("err\n"),
        MessageEvent("message"),
        FileEvent(b"\0\xff" * 400_000),
        ReturnEvent('{"topic": "KV cache reuse"}'),
    ]


async def test_an_ended_process_can_be_attached_to_once(keeping_engine: LocalEngine, steps: Steps) -> None:
    install(keeping_engine, steps)
    process_id = await launch_and_disconnect(keeping_engine.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), TIMEOUT)
    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
        assert (await (await c.attach_process(process_id)).result()) == {"topic": "KV cache reuse"}
        with pytest.raises(ProcessNotFoundError):
            await c.terminate_process(process_id)
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)


async def test_a_running_process_can_be_attached_to_repeatedly(
    keeping_engine: LocalEngine, steps: Steps
) -> None:
    @keeping_engine.inferlet("long-task@0.1.0")
    async def talk(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("started")
        return await session.receive()

    process_id = await launch_and_disconnect(keeping_engine.uri)
    for visit in range(3):
        async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
            assert [info.id for info in await c.list_processes()] == [process_id]
            process = await c.attach_process(process_id)
            if visit == 2:
                await process.signal("bye")
                assert await process.recv(timeout=TIMEOUT) == (Event.Return, '"bye"')


async def test_a_detached_process_can_be_terminated_and_then_attached_to(
    keeping_engine: LocalEngine, steps: Steps
) -> None:
    install(keeping_engine, steps)
    process_id = await launch_and_disconnect(keeping_engine.uri)
    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
        await c.terminate_process(process_id)
        process = await c.attach_process(process_id)
        with pytest.raises(ProcessTerminatedError):
            await process.wait(timeout=TIMEOUT)


async def test_the_newest_4096_events_are_kept(keeping_engine: LocalEngine, steps: Steps) -> None:
    @keeping_engine.inferlet("long-task@0.1.0")
    async def chatter(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("started")
        await steps.go.wait()
        for number in range(5000):
            session.print(number, end="")
        steps.ended.set()
        return None

    process_id = await launch_and_disconnect(keeping_engine.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), TIMEOUT)
    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
        process = await c.attach_process(process_id)
        async with asyncio.timeout(TIMEOUT):
            events = [event async for event in process]
    assert events == [*(StdoutEvent(str(number)) for number in range(5000 - 4095, 5000)), ReturnEvent("null")]


async def test_events_in_the_queue_of_a_lost_client_are_sent_to_the_next(
    keeping_engine: LocalEngine, steps: Steps
) -> None:
    sent = asyncio.Event()

    @keeping_engine.inferlet("flood@1.0.0")
    async def flood(session: InferletSession, _input: JsonValue) -> JsonValue:
        for number in range(100):
            session.send(f"{number} " + "x" * 500_000)
        sent.set()
        return None

    async with asyncio.timeout(TIMEOUT):
        socket = await connect(
            f"{keeping_engine.uri}/v1/ws", additional_headers=IDENTITY, compression=None, max_queue=1
        )
        await socket.send(client_frame(models.AuthIdentifyRequest(corr_id=1, username="pie-client")))
        await socket.send(
            client_frame(
                models.LaunchProcessRequest(corr_id=2, inferlet="flood@1.0.0", input="", capture_outputs=True)
            )
        )
        while not isinstance(reply := codec.decode_server_message(await socket.recv()), models.Response) or (
            reply.corr_id != 2
        ):
            pass
        await sent.wait()
        socket.transport.abort()
        await socket.wait_closed()
        async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
            process = await attach(c, reply.result)
            events = [event async for event in process]
    numbers = [int(event.value.split()[0]) for event in events if isinstance(event, MessageEvent)]
    assert numbers == list(range(numbers[0], 100))
    assert isinstance(events[-1], ReturnEvent)


async def test_an_uncaptured_process_keeps_its_messages_and_files(
    keeping_engine: LocalEngine, steps: Steps
) -> None:
    install(keeping_engine, steps)
    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
        await c.rpc.launch_process(inferlet="long-task@0.1.0", input="{}", capture_outputs=False)
        (info,) = await c.list_processes()
        await c.attach_process(info.id)
    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
        process = await c.attach_process(info.id)
        steps.go.set()
        async with asyncio.timeout(TIMEOUT):
            message, file, end = [event async for event in process]
    assert isinstance(message, MessageEvent)
    assert isinstance(file, FileEvent)
    assert isinstance(end, ReturnEvent)


@pytest.mark.parametrize("family", ["0.4"])
async def test_an_ended_process_of_another_user_cannot_be_attached_to(
    keeping_engine: LocalEngine, steps: Steps
) -> None:
    install(keeping_engine, steps)
    process_id = await launch_and_disconnect(keeping_engine.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), TIMEOUT)
    async with PieClient(keeping_engine.uri, username="mallory", timeout=TIMEOUT) as c:
        with pytest.raises(AccessDeniedError):
            await c.attach_process(process_id)
    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as c:
        await c.attach_process(process_id)


async def test_a_process_of_a_connected_client_cannot_be_attached_to(
    keeping_engine: LocalEngine, steps: Steps, family: Family
) -> None:
    install(keeping_engine, steps)
    async with (
        PieClient(keeping_engine.uri, timeout=TIMEOUT) as c,
        PieClient(keeping_engine.uri, timeout=TIMEOUT) as d,
    ):
        process = await c.launch_process("long-task@0.1.0")
        with pytest.raises(ProcessNotFoundError if family == "0.4" else AlreadyAttachedError):
            await d.attach_process(process.process_id)


async def test_only_the_newest_ended_processes_can_be_attached_to(
    keeping_engine: LocalEngine, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pie_client.testing.engine.state.HELD_PROCESSES", 2)
    install(keeping_engine, steps)
    ids = [await launch_and_disconnect(keeping_engine.uri) for _ in range(3)]
    steps.go.set()
    async with asyncio.timeout(TIMEOUT):
        await asyncio.gather(*(process.outcome for process in keeping_engine.processes.values()))
    async with PieClient(keeping_engine.uri, timeout=TIMEOUT) as client:
        with pytest.raises(ProcessNotFoundError):
            await client.attach_process(ids[0])
        for process_id in ids[1:]:
            process = await client.attach_process(process_id)
            await process.result(timeout=TIMEOUT)


@pytest.mark.parametrize("family", ["0.4"])
async def test_processes_of_a_lost_client_cannot_be_attached_to_in_0_4_by_default(
    engine: LocalEngine, steps: Steps
) -> None:
    install(engine, steps)
    process_id = await launch_and_disconnect(engine.uri)
    async with PieClient(engine.uri, timeout=TIMEOUT) as c:
        assert [info.id for info in await c.list_processes()] == [process_id]
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)
        steps.go.set()
        await asyncio.wait_for(steps.ended.wait(), TIMEOUT)
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)
        assert await c.list_processes() == []


@pytest.mark.parametrize("family", ["0.5"])
async def test_disconnecting_terminates_processes_in_0_5_by_default(
    engine: LocalEngine, steps: Steps
) -> None:
    install(engine, steps)
    process_id = await launch_and_disconnect(engine.uri)
    await asyncio.wait_for(steps.ended.wait(), TIMEOUT)
    async with PieClient(engine.uri, timeout=TIMEOUT) as c:
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)
        assert await c.list_processes() == []
