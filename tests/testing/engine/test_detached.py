"""What becomes of processes whose client is gone: as real servers do it, and as Pie's documentation promises it."""

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
from tests.support.peers import PATIENCE

IDENTITY = {"x-pie-identity": "tenant/user"}


class Steps:
    """Lets a test decide when an inferlet goes on."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.ended = asyncio.Event()


@pytest.fixture
async def keeper(family: Family) -> AsyncIterator[LocalEngine]:
    """An engine that does as the documentation says."""
    async with LocalEngine(family=family, keep_detached=True) as engine:
        yield engine


@pytest.fixture
def steps() -> Steps:
    return Steps()


def install(engine: LocalEngine, steps: Steps) -> None:
    @engine.inferlet("long-task@0.1.0")
    async def long_task(session: InferletSession, input: JsonValue) -> JsonValue:
        try:
            session.print("began")
            await steps.go.wait()
            session.print("out")
            session.eprint("err")
            session.send("message")
            session.send_file(b"\0\xff" * 400_000)
            return input
        finally:
            steps.ended.set()


async def leave(uri: str) -> str:
    """Launch, hear that it runs, and leave."""
    async with PieClient(uri, timeout=PATIENCE) as c:
        process = await c.launch_process("long-task@0.1.0", input={"topic": "KV cache reuse"})
        assert await process.recv(timeout=PATIENCE) == (Event.Stdout, "began\n")
        return process.process_id


async def attached(client: PieClient, process_id: str) -> Process:
    """Attach as soon as the server has noticed that the other client is gone."""
    while True:
        try:
            return await client.attach_process(process_id)
        except (ProcessNotFoundError, AlreadyAttachedError):
            pass


async def test_a_process_whose_client_left_is_attached_again_and_nothing_is_missing(
    keeper: LocalEngine, steps: Steps
) -> None:
    install(keeper, steps)
    process_id = await leave(keeper.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), PATIENCE)

    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        await c.authenticate("pie-client")
        assert await c.list_processes() == []
        process = await c.attach_process(process_id)
        async with asyncio.timeout(PATIENCE):
            events = [event async for event in process]
    assert events == [
        StdoutEvent("out\n"),
        StderrEvent("err\n"),
        MessageEvent("message"),
        FileEvent(b"\0\xff" * 400_000),
        ReturnEvent('{"topic": "KV cache reuse"}'),
    ]


async def test_an_end_that_was_fetched_is_not_there_a_second_time(keeper: LocalEngine, steps: Steps) -> None:
    install(keeper, steps)
    process_id = await leave(keeper.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), PATIENCE)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        assert (await (await c.attach_process(process_id)).result()) == {"topic": "KV cache reuse"}
        with pytest.raises(ProcessNotFoundError):
            await c.terminate_process(process_id)
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)


async def test_a_process_that_still_runs_is_attached_again_and_goes_on(
    keeper: LocalEngine, steps: Steps
) -> None:
    @keeper.inferlet("long-task@0.1.0")
    async def talk(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("began")
        return await session.receive()

    process_id = await leave(keeper.uri)
    for visit in range(3):
        async with PieClient(keeper.uri, timeout=PATIENCE) as c:
            assert [info.id for info in await c.list_processes()] == [process_id]
            process = await c.attach_process(process_id)
            if visit == 2:
                await process.signal("bye")
                assert await process.recv(timeout=PATIENCE) == (Event.Return, '"bye"')


async def test_a_detached_process_can_be_stopped_and_its_end_fetched(
    keeper: LocalEngine, steps: Steps
) -> None:
    install(keeper, steps)
    process_id = await leave(keeper.uri)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        await c.terminate_process(process_id)
        process = await c.attach_process(process_id)
        with pytest.raises(ProcessTerminatedError):
            await process.wait(timeout=PATIENCE)


async def test_of_many_events_the_newest_4096_are_kept(keeper: LocalEngine, steps: Steps) -> None:
    @keeper.inferlet("long-task@0.1.0")
    async def chatter(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("began")
        await steps.go.wait()
        for number in range(5000):
            session.print(number, end="")
        steps.ended.set()
        return None

    process_id = await leave(keeper.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), PATIENCE)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        process = await c.attach_process(process_id)
        async with asyncio.timeout(PATIENCE):
            events = [event async for event in process]
    assert events == [*(StdoutEvent(str(number)) for number in range(5000 - 4095, 5000)), ReturnEvent("null")]


async def test_a_file_that_lost_its_first_chunk_is_dropped_whole(keeper: LocalEngine, steps: Steps) -> None:
    @keeper.inferlet("long-task@0.1.0")
    async def chatter(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("began")
        await steps.go.wait()
        session.send_file(b"1" * 1_000_000)
        session.send_file(b"2" * 1_000_000)
        for number in range(4091):
            session.print(number, end="")
        steps.ended.set()
        return None

    process_id = await leave(keeper.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), PATIENCE)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        process = await c.attach_process(process_id)
        async with asyncio.timeout(PATIENCE):
            events = [event async for event in process]
    assert events[0] == FileEvent(b"2" * 1_000_000)
    assert len(events) == 1 + 4091 + 1


async def test_what_a_client_was_not_sent_any_more_is_kept_for_the_next(
    keeper: LocalEngine, steps: Steps
) -> None:
    sent = asyncio.Event()

    @keeper.inferlet("flood@1.0.0")
    async def flood(session: InferletSession, _input: JsonValue) -> JsonValue:
        for number in range(100):
            session.print(f"{number} " + "x" * 500_000, end="")
        sent.set()
        return None

    async with asyncio.timeout(PATIENCE):
        socket = await connect(
            f"{keeper.uri}/v1/ws", additional_headers=IDENTITY, compression=None, max_queue=1
        )
        await socket.send(
            codec.encode_client_message(models.AuthIdentifyRequest(corr_id=1, username="pie-client"))
        )
        await socket.send(
            codec.encode_client_message(
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
        async with PieClient(keeper.uri, timeout=PATIENCE) as c:
            process = await attached(c, reply.result)
            events = [event async for event in process]
    numbers = [int(event.value.split()[0]) for event in events if isinstance(event, StdoutEvent)]
    assert numbers == list(range(numbers[0], 100))
    assert isinstance(events[-1], ReturnEvent)


async def test_a_process_without_output_can_be_left_too(keeper: LocalEngine, steps: Steps) -> None:
    install(keeper, steps)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        await c.rpc.launch_process(inferlet="long-task@0.1.0", input="{}", capture_outputs=False)
        (info,) = await c.list_processes()
        await c.attach_process(info.id)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        process = await c.attach_process(info.id)
        steps.go.set()
        async with asyncio.timeout(PATIENCE):
            kinds = [type(event) async for event in process]
    assert kinds == [MessageEvent, FileEvent, ReturnEvent]


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_end_of_another_users_process_is_not_given_away(keeper: LocalEngine, steps: Steps) -> None:
    install(keeper, steps)
    process_id = await leave(keeper.uri)
    steps.go.set()
    await asyncio.wait_for(steps.ended.wait(), PATIENCE)
    async with PieClient(keeper.uri, username="mallory", timeout=PATIENCE) as c:
        with pytest.raises(AccessDeniedError):
            await c.attach_process(process_id)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c:
        await c.attach_process(process_id)


async def test_a_process_that_somebody_holds_cannot_be_attached_to(
    keeper: LocalEngine, steps: Steps, family: Family
) -> None:
    install(keeper, steps)
    async with PieClient(keeper.uri, timeout=PATIENCE) as c, PieClient(keeper.uri, timeout=PATIENCE) as d:
        process = await c.launch_process("long-task@0.1.0")
        with pytest.raises(ProcessNotFoundError if family == "0.4" else AlreadyAttachedError):
            await d.attach_process(process.process_id)


async def test_only_the_newest_ended_processes_can_be_attached_to(
    keeper: LocalEngine, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pie_client.testing.engine.state.HELD_PROCESSES", 2)
    install(keeper, steps)
    ids = [await leave(keeper.uri) for _ in range(3)]
    steps.go.set()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(process.outcome for process in keeper.processes.values()))
    async with PieClient(keeper.uri, timeout=PATIENCE) as client:
        with pytest.raises(ProcessNotFoundError):
            await client.attach_process(ids[0])
        for process_id in ids[1:]:
            process = await client.attach_process(process_id)
            await process.result(timeout=PATIENCE)


@pytest.mark.parametrize("family", ["0.4"])
async def test_by_default_the_old_family_leaves_processes_with_the_dead_connection(
    engine: LocalEngine, steps: Steps
) -> None:
    install(engine, steps)
    process_id = await leave(engine.uri)
    async with PieClient(engine.uri, timeout=PATIENCE) as c:
        assert [info.id for info in await c.list_processes()] == [process_id]
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)
        steps.go.set()
        await asyncio.wait_for(steps.ended.wait(), PATIENCE)
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)
        assert await c.list_processes() == []


@pytest.mark.parametrize("family", ["0.5"])
async def test_by_default_the_new_family_ends_processes_with_their_connection(
    engine: LocalEngine, steps: Steps
) -> None:
    install(engine, steps)
    process_id = await leave(engine.uri)
    await asyncio.wait_for(steps.ended.wait(), PATIENCE)
    async with PieClient(engine.uri, timeout=PATIENCE) as c:
        with pytest.raises(ProcessNotFoundError):
            await c.attach_process(process_id)
        assert await c.list_processes() == []
