"""Launching, attaching, detaching and waiting for processes, against the embedded engine and scripted peers."""

import asyncio
import copy
import gc
import json
import math
import pickle
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pydantic import JsonValue, TypeAdapter

from pie_client import (
    DeadlineError,
    Event,
    InvalidArgumentError,
    InvalidRequestError,
    MessageEvent,
    NotAttachedError,
    NotConnectedError,
    PieClient,
    Process,
    ProcessEndedError,
    ProcessError,
    ProcessNotFoundError,
    ProcessTerminatedError,
    ProgramNotFoundError,
    RefusedError,
    ResultError,
    ReturnEvent,
    UnsupportedError,
    models,
)
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import TIMEOUT, websocket_peer

only_0_4 = pytest.mark.parametrize("family", ["0.4"])
only_0_5 = pytest.mark.parametrize("family", ["0.5"])


@pytest.fixture(autouse=True)
def programs(engine: LocalEngine) -> None:
    """Programs that many tests launch."""

    @engine.inferlet("double@1.0.0")
    async def double(session: InferletSession, input: JsonValue) -> JsonValue:
        session.print("doubling")
        assert isinstance(input, int)
        return input * 2

    @engine.inferlet("converse@1.0.0")
    async def converse(session: InferletSession, _input: JsonValue) -> JsonValue:
        heard: list[JsonValue] = []
        while (word := await session.receive()) != "end":
            heard.append(word)
            session.send(word)
        return heard


# ------------------------------------------------------------- uncaptured launches


async def test_an_uncaptured_launch_returns_a_handle_with_the_process_id(
    client: PieClient,
) -> None:
    """D29"""
    first = await client.launch_process("converse@1.0.0", capture_outputs=False)
    second = await client.launch_process("converse@1.0.0", capture_outputs=False)
    assert {first.process_id, second.process_id} == {info.id for info in await client.list_processes()}
    assert first.process_id != second.process_id
    await first.terminate()
    assert [info.id for info in await client.list_processes()] == [second.process_id]
    assert repr(second) == f"<Process {second.process_id} not attached>"


async def test_using_an_uncaptured_process_raises_not_attached(client: PieClient) -> None:
    """D29, D35"""
    process = await client.launch_process("converse@1.0.0", capture_outputs=False)
    for use in (
        process.recv(),
        process.wait(),
        process.result(),
        process.signal("x"),
        process.transfer_file(b"x"),
        anext(process),
    ):
        with pytest.raises(NotAttachedError, match=rf"{process.process_id} .*attach_process"):
            await use


async def test_attaching_to_an_uncaptured_process_receives_its_events(client: PieClient) -> None:
    launched = await client.launch_process("converse@1.0.0", capture_outputs=False)
    process = await client.attach_process(launched.process_id)
    await process.signal("hello")
    assert await process.recv(timeout=TIMEOUT) == (Event.Message, "hello")
    await process.signal("end")
    assert await process.result(timeout=TIMEOUT) == ["hello"]


async def test_an_uncaptured_process_outlives_its_connection(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as first:
        process_id = (await first.launch_process("converse@1.0.0", capture_outputs=False)).process_id
    async with PieClient(engine.uri) as second:
        process = await second.attach_process(process_id)
        await process.signal("end")
        assert await process.result(timeout=TIMEOUT) == []


async def test_concurrent_uncaptured_launches_return_different_processes(client: PieClient) -> None:
    launches = [client.launch_process("converse@1.0.0", capture_outputs=False) for _ in range(5)]
    processes = await asyncio.gather(*launches)
    assert len({process.process_id for process in processes}) == 5


async def test_list_processes_returns_inputs_as_they_were_sent(client: PieClient) -> None:
    await client.launch_process("converse@1.0.0", {"a": 1}, capture_outputs=False)
    await client.rpc.launch_process(
        inferlet="converse@1.0.0", input='{"a": 1} \n\t', capture_outputs=True, token_budget=None
    )
    listed = {info.input for info in await client.list_processes()}
    assert listed == {'{"a": 1}', '{"a": 1} \n\t'}


@only_0_5
async def test_an_uncaptured_process_that_ended_before_the_lookup_has_no_id(client: PieClient) -> None:
    process = await client.launch_process("double@1.0.0", 4, capture_outputs=False)
    assert process.process_id == ""
    assert repr(process) == "<Process without id not attached>"
    for use in (process.recv(), process.terminate(), process.signal("x")):
        with pytest.raises(NotAttachedError, match="it ended before its id was retrieved"):
            await use


@only_0_5
async def test_an_uncaptured_process_is_not_confused_with_similar_ones(
    client: PieClient, engine: LocalEngine
) -> None:
    """D29"""
    captured, loose = await asyncio.gather(
        client.launch_process("converse@1.0.0", {}),
        client.launch_process("converse@1.0.0", {}, capture_outputs=False),
    )
    assert loose.process_id not in ("", captured.process_id)
    launches = [client.launch_process("converse@1.0.0", {}, capture_outputs=False) for _ in range(5)]
    async with PieClient(engine.uri) as other:
        launches += [other.launch_process("converse@1.0.0", {}, capture_outputs=False) for _ in range(5)]
        loose_ids = [process.process_id for process in await asyncio.gather(*launches)]
    assert len({*loose_ids, ""}) == 11
    assert set(loose_ids) < {info.id for info in await client.list_processes()}
    ended, captured = await asyncio.gather(
        client.launch_process("double@1.0.0", 1, capture_outputs=False),
        client.launch_process("double@1.0.0", 1),
    )
    assert ended.process_id == ""
    assert await captured.result(int, timeout=TIMEOUT) == 2


async def test_an_uncaptured_launch_succeeds_although_the_lookup_fails() -> None:
    """D29"""
    async with websocket_peer("0.5") as peer, PieClient(peer.uri, timeout=TIMEOUT) as client:
        peer.answers[models.ListProcessesRequest] = "no JSON"
        peer.answers[models.LaunchProcessRequest] = ""
        process = await client.launch_process("converse@1.0.0", capture_outputs=False)
        assert process.process_id == ""
        assert len(peer.requests_of(models.LaunchProcessRequest)) == 1


async def test_a_failed_uncaptured_launch_raises(client: PieClient) -> None:
    with pytest.raises(ProgramNotFoundError):
        await client.launch_process("absent@1.0.0", capture_outputs=False)


async def test_batch_requests_to_a_0_3_server_are_unsupported() -> None:
    """A 0.3 server does not answer requests that it does not know, and answers others in order."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=TIMEOUT) as client:
        peer.answers[models.ListProcessesRequest] = lambda: json.dumps(
            [_listed(r.inferlet, r.input) for r in peer.requests_of(models.LaunchProcessRequest)]
        )
        peer.answers[models.LaunchProcessRequest] = ""
        with pytest.raises(UnsupportedError, match=r"needs release 0\.4"):
            await client.launch_processes("converse@1.0.0", [{}])
        with pytest.raises(UnsupportedError, match=r"needs release 0\.4"):
            await client.run_processes("converse@1.0.0", [{}])
        process = await client.launch_process("converse@1.0.0", capture_outputs=False)
        assert process.process_id == PROCESS
        assert len(peer.requests_of(models.LaunchProcessesRequest)) == 1


PROCESS = "6fa459ea-ee8a-4ca4-894e-db77e160355e"


def _listed(program: str, input_text: str) -> JsonValue:
    return {"id": PROCESS, "username": "u", "program": program, "input": input_text, "elapsed_secs": 0}


# ------------------------------------------------------------- batches


@only_0_4
async def test_launch_processes_returns_a_handle_per_input(client: PieClient) -> None:
    processes = await client.launch_processes("double@1.0.0", [1, 2, 3], token_budgets=[5, None, 7])
    assert [await process.result(int, timeout=TIMEOUT) for process in processes] == [2, 4, 6]
    assert await processes[0].recv() == (Event.Stdout, "doubling\n")


@only_0_4
async def test_launch_processes_without_captured_output_returns_ids(client: PieClient) -> None:
    processes = await client.launch_processes("converse@1.0.0", [None, None], capture_outputs=False)
    assert {p.process_id for p in processes} == {info.id for info in await client.list_processes()}
    with pytest.raises(NotAttachedError):
        await processes[0].recv()


@only_0_4
async def test_no_inputs_launch_no_processes(client: PieClient) -> None:
    assert await client.launch_processes("double@1.0.0", []) == []
    assert await client.run_processes("double@1.0.0", []) == []


@only_0_4
async def test_budgets_and_inputs_of_different_length_are_refused(client: PieClient) -> None:
    with pytest.raises(InvalidRequestError, match="length 1 does not match inputs length 2"):
        await client.launch_processes("double@1.0.0", [1, 2], token_budgets=[5])


@only_0_4
async def test_run_processes_returns_results_in_the_order_of_the_inputs(client: PieClient) -> None:
    assert await client.run_processes("double@1.0.0", [3, 1, 2]) == ["6", "2", "4"]


@only_0_4
async def test_run_processes_does_not_block_other_calls(client: PieClient, engine: LocalEngine) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    @engine.inferlet("held@1.0.0")
    async def hold(_session: InferletSession, _input: JsonValue) -> JsonValue:
        begun.set()
        await released.wait()
        return "over"

    running = asyncio.create_task(client.run_processes("held@1.0.0", [None]))
    async with asyncio.timeout(TIMEOUT):
        await begun.wait()
        await client.ping()
        process = await client.launch_process("double@1.0.0", 21)
        assert await process.result(int) == 42
        released.set()
        assert await running == ['"over"']


@only_0_4
async def test_run_processes_authenticates_its_connection_as_the_same_user(engine: LocalEngine) -> None:
    seen: list[str] = []

    @engine.inferlet("who@1.0.0")
    async def who(session: InferletSession, _input: JsonValue) -> JsonValue:
        seen.append(session.username)
        return None

    async with PieClient(engine.uri) as client:
        await client.authenticate("alice")
        await client.run_processes("who@1.0.0", [None])
    async with PieClient(engine.uri) as client:
        await client.auth_by_token(engine.token)
        await client.run_processes("who@1.0.0", [None])
    async with PieClient(engine.uri, username="bob") as client:
        await client.run_processes("who@1.0.0", [None])
    assert seen == ["alice", "internal", "bob"]


@only_0_4
async def test_closing_the_client_cancels_run_processes(client: PieClient, engine: LocalEngine) -> None:
    begun = asyncio.Event()

    @engine.inferlet("endless@1.0.0")
    async def endless(_session: InferletSession, _input: JsonValue) -> JsonValue:
        begun.set()
        await asyncio.Event().wait()
        return None

    running = asyncio.create_task(client.run_processes("endless@1.0.0", [None]))
    async with asyncio.timeout(TIMEOUT):
        await begun.wait()
        await client.close()
        with pytest.raises(NotConnectedError):
            await running


@only_0_4
async def test_inputs_must_be_a_list(client: PieClient) -> None:
    wrong: list[Any] = ["abc", {"a": 1}, None, 5, b"abc"]
    for inputs in wrong:
        for call in (client.launch_processes, client.run_processes):
            with pytest.raises(InvalidArgumentError, match="inputs"):
                await call("double@1.0.0", inputs)


@only_0_4
async def test_run_processes_raises_if_one_process_fails(client: PieClient) -> None:
    with pytest.raises(RefusedError, match=r"run_processes of 'double@1.0.0' refused: AssertionError"):
        await client.run_processes("double@1.0.0", [1, "two", 3])


@only_0_5
async def test_what_only_0_4_servers_support_is_not_sent_to_0_5_servers(client: PieClient) -> None:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "launch_processes.* Use asyncio.gather over launch_process": lambda: client.launch_processes(
            "double@1.0.0", [1]
        ),
        "run_processes.* Use asyncio.gather over launch_process": lambda: client.run_processes(
            "double@1.0.0", [1]
        ),
        "launch_daemon.* Use launch_process": lambda: client.launch_daemon("double@1.0.0", 8000),
        "token_budget.* Leave it out": lambda: client.launch_process("double@1.0.0", 1, token_budget=5),
        "auth_prove.* Use authenticate": lambda: client.rpc.auth_prove(signature=""),
    }
    for _ in range(2):  # before and after the session is identified
        for text, call in calls.items():
            with pytest.raises(UnsupportedError, match=f"^{text}"):
                await call()
        assert await client.list_processes() == []


@only_0_4
async def test_the_port_of_a_daemon_must_be_a_tcp_port(client: PieClient) -> None:
    wrong: list[Any] = [0, -1, 65_536, 70_000, "8080"]
    for port in wrong:
        with pytest.raises(InvalidArgumentError, match=f"launch_daemon not sent: port={port!r}"):
            await client.launch_daemon("double@1.0.0", port)


@only_0_5
async def test_an_unsupported_error_names_the_release_that_is_needed(client: PieClient) -> None:
    with pytest.raises(
        UnsupportedError,
        match=r"needs a Pie 0\.4 server; this is Pie 0\.5\. Use asyncio\.gather over launch_process$",
    ):
        await client.run_processes("double@1.0.0", [1])


async def test_using_a_client_in_another_event_loop_raises(engine: LocalEngine) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = PieClient(engine.uri)
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(client.connect(), loop))
    with pytest.raises(InvalidArgumentError, match="belongs to another event loop; create one per loop"):
        await client.ping()
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(client.close(), loop))
    loop.call_soon_threadsafe(loop.stop)
    await asyncio.to_thread(thread.join)
    loop.close()


@pytest.mark.parametrize("ended", [False, True])
async def test_a_process_in_another_event_loop_raises_and_harms_no_other_reader(
    client: PieClient, *, ended: bool
) -> None:
    mine, other = [await client.launch_process("converse@1.0.0") for _ in range(2)]
    receiving = asyncio.create_task(mine.recv())
    await client.ping()

    async def use_elsewhere() -> None:
        for process in (mine, other):
            for wait in (process.recv(), process.recv(timeout=TIMEOUT), anext(process), process.wait()):
                with pytest.raises(InvalidArgumentError, match=f"{process.process_id}.* another event loop"):
                    await wait

    await asyncio.to_thread(asyncio.run, use_elsewhere())
    await mine.signal("end" if ended else "still here")
    kind, _ = await asyncio.wait_for(receiving, TIMEOUT)
    assert kind is (Event.Return if ended else Event.Message)


async def test_sending_to_a_process_that_has_ended_raises(client: PieClient) -> None:
    returned = await client.launch_process("double@1.0.0", 1)
    assert await returned.result(timeout=TIMEOUT) == 2
    failed = await client.launch_process("double@1.0.0", "word")
    with pytest.raises(ProcessError):
        await failed.wait(timeout=TIMEOUT)
    closed = await client.launch_process("double@1.0.0", 1)
    await closed.wait(timeout=TIMEOUT)
    closed.close()
    for process in (returned, failed, closed):
        for request, use in {
            "signal": process.signal("x"),
            "transfer_file": process.transfer_file(b"x"),
        }.items():
            with pytest.raises(
                ProcessEndedError, match=f"{request} not sent: process {process.process_id} has ended"
            ):
                await use
    for process_id in (returned.process_id, failed.process_id):
        with pytest.raises(ProcessEndedError, match=f"process {process_id} has ended"):
            await client.signal_process(process_id, "x")


async def test_terminating_a_process_that_has_ended_does_nothing(client: PieClient) -> None:
    process = await client.launch_process("double@1.0.0", 1)
    await process.wait(timeout=TIMEOUT)
    await process.terminate()
    assert await process.result() == 2
    running = await client.launch_process("converse@1.0.0")
    # The second request may reach the server when it has forgotten the process.
    await asyncio.gather(running.terminate(), running.terminate())
    await running.terminate()
    with pytest.raises(ProcessTerminatedError):
        await running.wait(timeout=TIMEOUT)


async def test_result_accepts_a_type_adapter(client: PieClient) -> None:
    process = await client.launch_process("double@1.0.0", 4)
    number = await process.result(TypeAdapter(int | None), timeout=TIMEOUT)
    assert number == 8


async def test_an_empty_text_decodes_to_none() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await client.launch_process("converse@1.0.0")
        await peer.send(models.ReturnFrame(process_id=process.process_id, value=""))
        assert await process.result(timeout=TIMEOUT) is None
        assert await process.result(TypeAdapter(int | None)) is None
        assert await process.result(str) == ""
        with pytest.raises(ResultError):
            await process.result(int)


async def test_the_repr_of_a_client_shows_its_uri_and_state(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        assert repr(client) == f"<PieClient {engine.uri} connected>"
    assert repr(client) == f"<PieClient {engine.uri} closed>"


# ------------------------------------------------------------- handles


async def test_two_handles_of_a_process_share_its_events(client: PieClient) -> None:
    """D30"""
    first = await client.launch_process("converse@1.0.0")
    second = await client.attach_process(first.process_id)
    await first.signal("a")
    assert await second.recv(timeout=TIMEOUT) == (Event.Message, "a")
    await second.signal("b")
    assert await first.recv(timeout=TIMEOUT) == (Event.Message, "b")
    await first.signal("end")
    assert await first.result(timeout=TIMEOUT) == ["a", "b"]
    assert await second.result(timeout=TIMEOUT) == ["a", "b"]


async def test_concurrent_attaches_all_return_a_handle(client: PieClient) -> None:
    """D30"""
    launched = await client.launch_process("converse@1.0.0", capture_outputs=False)
    attaches = [client.attach_process(launched.process_id) for _ in range(3)]
    processes = await asyncio.gather(*attaches)
    await processes[0].signal("end")
    assert [await process.result(timeout=TIMEOUT) for process in processes] == [[]] * 3


async def test_a_process_whose_launch_was_cancelled_is_terminated() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.LaunchProcessRequest] = None
        launching = asyncio.create_task(client.launch_process("converse@1.0.0"))
        request = await peer.request(models.LaunchProcessRequest)
        launching.cancel()
        await asyncio.gather(launching, return_exceptions=True)
        await peer.reply(request.corr_id, PROCESS)
        terminated = await peer.request(models.TerminateProcessRequest)
        assert terminated.process_id == PROCESS


async def test_a_cancelled_attach_can_be_repeated() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.AttachProcessRequest] = None
        attaching = asyncio.create_task(client.attach_process(PROCESS))
        request = await peer.request(models.AttachProcessRequest)
        attaching.cancel()
        await asyncio.gather(attaching, return_exceptions=True)
        await peer.reply(request.corr_id, "Process attached")
        await client.ping()
        process = await client.attach_process(PROCESS)
        await peer.send(models.ReturnFrame(process_id=PROCESS, value="1"))
        assert await process.result(int, timeout=TIMEOUT) == 1
        assert len(peer.requests_of(models.AttachProcessRequest)) == 1


async def test_a_closed_handle_of_an_ended_process_does_not_make_unread_events_look_read(
    client: PieClient,
) -> None:
    process = await client.launch_process("double@1.0.0", 2)
    assert await process.result() == 4
    process.close()
    with pytest.raises(ProcessEndedError, match="is closed"):
        await anext(process)


async def test_closing_a_handle_makes_a_running_iteration_raise(client: PieClient) -> None:
    process = await client.launch_process("converse@1.0.0")
    iterating = asyncio.create_task(anext(process))
    await client.ping()
    process.close()
    with pytest.raises(ProcessEndedError, match="closed"):
        await iterating


async def test_sending_a_file_keeps_reading_from_the_server() -> None:
    """D27"""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=1 << 20) as client:
        process = await client.launch_process("converse@1.0.0")
        text = models.StdoutFrame(process_id=process.process_id, value="x" * 10_000)

        async def flood() -> None:
            for _ in range(3000):  # more than all that is buffered on the way
                await peer.send(text)

        flooding = asyncio.create_task(flood())
        peer.stop_reading()
        sending = asyncio.create_task(process.transfer_file(bytes(64 << 20), timeout=TIMEOUT))
        async with asyncio.timeout(TIMEOUT):
            await flooding
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_sending_signals_does_not_exceed_max_buffered() -> None:
    """D27"""
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=1 << 20) as client:
        process = await client.launch_process("converse@1.0.0")
        text = models.StdoutFrame(process_id=process.process_id, value="x" * 100_000)

        async def flood() -> None:
            for _ in range(300):
                await peer.send(text)
            await peer.send(models.ReturnFrame(process_id=process.process_id, value="1"))

        flooding = asyncio.create_task(flood())
        for number in range(100):
            await process.signal("go on")
            await peer.request(models.SignalProcessRequest, number + 1)
        async with asyncio.timeout(TIMEOUT):
            assert len([event async for event in process]) == 301
            await flooding


async def test_a_launch_cancelled_while_its_reply_arrives_leaves_no_process() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        peer.answers[models.LaunchProcessRequest] = None
        abandoned: list[str] = []
        for steps in range(8):
            launching = asyncio.create_task(client.launch_process("converse@1.0.0"))
            request = await peer.request(models.LaunchProcessRequest, steps + 1)
            process_id = str(uuid.uuid4())
            await peer.reply(request.corr_id, process_id)
            for _ in range(steps):
                await asyncio.sleep(0)
            launching.cancel()
            (outcome,) = await asyncio.gather(launching, return_exceptions=True)
            if isinstance(outcome, Process):
                outcome.close()
            else:
                abandoned.append(process_id)
                await peer.request(models.TerminateProcessRequest, len(abandoned))
        assert abandoned
        assert [
            request.process_id for request in peer.requests_of(models.TerminateProcessRequest)
        ] == abandoned


async def test_run_processes_detects_a_silent_server_by_the_client_s_timeout() -> None:
    """D4"""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=0.3) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        async with asyncio.timeout(TIMEOUT):
            with pytest.raises(DeadlineError):
                await client.run_processes("double@1.0.0", [1])


# ------------------------------------------------------------- timeouts

WITHOUT_LIMIT: dict[str, Callable[[Process, float | None], Awaitable[object]]] = {
    "recv": lambda process, timeout: process.recv(timeout=timeout),
    "wait": lambda process, timeout: process.wait(timeout=timeout),
    "result": lambda process, timeout: process.result(timeout=timeout),
}


@only_0_4
@pytest.mark.parametrize("timeout", [None, math.inf])
@pytest.mark.parametrize("name", [*WITHOUT_LIMIT, "run_processes", "ping"])
async def test_none_is_the_default_timeout_and_infinity_means_no_limit(
    engine: LocalEngine, name: str, timeout: float | None
) -> None:
    async with PieClient(engine.uri, timeout=0.1) as client:
        process = await client.launch_process("converse@1.0.0", timeout=TIMEOUT)
        if name == "ping":
            engine.faults.never_answer(models.PingRequest)
            waiting: Awaitable[object] = client.ping(timeout=timeout)
        elif name == "run_processes":
            waiting = client.run_processes("converse@1.0.0", [None], timeout=timeout)
        else:
            waiting = WITHOUT_LIMIT[name](process, timeout)
        with pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(waiting, 0.3)
        limited = name == "ping" and timeout is None
        assert isinstance(caught.value, DeadlineError) is limited


@pytest.mark.parametrize(
    ("name", "failure"),
    [("recv", "sent no event"), ("wait", "did not finish"), ("result", "did not finish")],
)
async def test_a_deadline_error_says_what_did_not_happen(client: PieClient, name: str, failure: str) -> None:
    process = await client.launch_process("converse@1.0.0")
    with pytest.raises(DeadlineError) as caught:
        await WITHOUT_LIMIT[name](process, 0.05)
    assert str(caught.value) == (
        f"process {process.process_id} {failure} within 0.05 s; raise timeout=, or terminate it"
    )


async def test_the_id_of_a_process_is_read_only(client: PieClient) -> None:
    process = await client.launch_process("double@1.0.0", 1)
    given = process.process_id
    with pytest.raises(AttributeError, match="process_id"):
        setattr(process, "process_id", "zzz")  # noqa: B010 - a checker would refuse the plain form
    process.close()
    assert process.process_id == given


async def test_a_repr_shows_how_a_process_ended(client: PieClient) -> None:
    returned = await client.launch_process("double@1.0.0", 1)
    await returned.wait(timeout=TIMEOUT)
    assert repr(returned) == f"<Process {returned.process_id} returned>"
    failed = await client.launch_process("double@1.0.0", "word")
    with pytest.raises(ProcessError):
        await failed.wait(timeout=TIMEOUT)
    assert repr(failed) == f"<Process {failed.process_id} failed>"
    running = await client.launch_process("converse@1.0.0")
    assert repr(running) == f"<Process {running.process_id} open>"
    running.close()
    assert repr(running) == f"<Process {running.process_id} closed>"


# ------------------------------------------------------------- closing and detaching


async def test_detaching_ends_an_iteration(client: PieClient) -> None:
    process = await client.launch_process("converse@1.0.0")
    await process.signal("one")
    values: list[object] = []
    async with asyncio.timeout(TIMEOUT):
        async for event in process:
            values.append(event)
            process.detach()
    assert values == [MessageEvent("one")]


@pytest.mark.parametrize("way", ["closed", "dropped"])
async def test_a_closed_or_dropped_process_can_be_attached_again(client: PieClient, way: str) -> None:
    process = await client.launch_process("converse@1.0.0")
    process_id = process.process_id
    if way == "closed":
        process.close()
    del process
    gc.collect()
    await client.signal_process(process_id, "missed")
    await client.ping()
    again = await client.attach_process(process_id)
    await again.signal("heard")
    await again.signal("end")
    values = [value async for value in _values(again)]
    assert values[-2:] == ["heard", '["missed", "heard"]']


async def test_a_detached_process_keeps_its_events_for_the_next_handle(client: PieClient) -> None:
    process = await client.launch_process("converse@1.0.0")
    process_id = process.detach()
    assert process_id == process.process_id
    with pytest.raises(ProcessEndedError, match="closed"):
        await process.recv()
    await client.signal_process(process_id, "kept")
    await client.signal_process(process_id, "end")
    await _until_ended(client, process_id)
    again = await client.attach_process(process_id)
    assert [value async for value in _values(again)] == ["kept", '["kept"]']
    again.close()
    with pytest.raises(ProcessNotFoundError):
        await client.attach_process(process_id)


async def test_attaching_to_a_finished_process_raises_not_found(client: PieClient) -> None:
    process = await client.launch_process("double@1.0.0", 1)
    await process.wait(timeout=TIMEOUT)
    process.close()
    with pytest.raises(ProcessNotFoundError):
        await client.attach_process(process.process_id)


async def test_text_yields_standard_output_only(client: PieClient, engine: LocalEngine) -> None:
    @engine.inferlet("mixed@1.0.0")
    async def mixed(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("one")
        session.eprint("no")
        session.send("no")
        session.send_file(b"no")
        session.print("two")
        return 2

    process = await client.launch_process("mixed@1.0.0")
    assert [text async for text in process.text()] == ["one\n", "two\n"]
    assert await process.result(int) == 2


async def test_text_raises_the_error_of_the_process(client: PieClient) -> None:
    process = await client.launch_process("double@1.0.0", "word")
    texts = process.text()
    assert await anext(texts) == "doubling\n"
    with pytest.raises(ProcessError, match="AssertionError"):
        await anext(texts)


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_a_process_is_neither_pickled_nor_copied(
    way: Callable[[object], object], client: PieClient
) -> None:
    process = await client.launch_process("double@1.0.0", 21)
    with pytest.raises(TypeError, match=r"get another handle with attach_process\(\)$"):
        way(process)
    gc.collect()
    assert await process.result(int) == 42


@pytest.mark.parametrize("way", ["iterate", "receive"])
async def test_the_exception_of_a_reader_is_reported_if_nobody_retrieves_it(
    way: str, client: PieClient
) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    process = await client.launch_process("converse@1.0.0")
    await process.signal("hello")

    async def read() -> None:
        assert await (anext(aiter(process)) if way == "iterate" else process.recv())
        raise error

    error = KeyError("a mistake of the reader")
    reader = asyncio.create_task(read())
    await asyncio.wait([reader], timeout=TIMEOUT)
    del reader
    gc.collect()
    assert reported == [error]


async def _values(process: Process) -> AsyncIterator[str]:
    async with asyncio.timeout(TIMEOUT):
        async for event in process:
            assert isinstance(event, (MessageEvent, ReturnEvent))
            yield event.value


async def _until_ended(client: PieClient, process_id: str) -> None:
    async with asyncio.timeout(TIMEOUT):
        while process_id in {info.id for info in await client.list_processes()}:
            await client.ping()
