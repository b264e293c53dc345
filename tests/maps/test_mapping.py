"""`client.map`: a program over many inputs, several at a time."""

import asyncio
import contextlib
import dataclasses
import gc
import pickle
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

import pytest
from pydantic import JsonValue

from pie_client import (
    ConnectionLostError,
    DeadlineError,
    Family,
    InvalidArgumentError,
    Map,
    MapProgress,
    NotConnectedError,
    PieClient,
    PieError,
    ProcessError,
    ProgramNotFoundError,
    Reconnect,
    ReconnectError,
    ResultError,
    inferlet,
    models,
)
from pie_client.maps import mapping
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import TIMEOUT, in_time

ODD = "odd numbers fail"
FAST = Reconnect(attempts=1000, first_delay=0.001, max_delay=0.01)


@pytest.fixture
async def client() -> AsyncIterator[PieClient]:
    """A client of an engine with the programs of this module."""
    async with LocalEngine(builtins=True, allow_scripts=True) as engine:

        @engine.inferlet("square@1.0.0")
        async def square(session: InferletSession, input: JsonValue) -> int:
            return number(input) ** 2

        @engine.inferlet("even@1.0.0")
        async def even(session: InferletSession, input: JsonValue) -> int:
            if number(input) % 2:
                raise ValueError(ODD)
            return number(input)

        async with PieClient(engine.uri, timeout=20) as connected:
            ENGINES[connected] = engine
            yield connected


ENGINES: weakref.WeakKeyDictionary[PieClient, LocalEngine] = weakref.WeakKeyDictionary()
"""The engine of each client."""


def number(input: JsonValue) -> int:
    assert isinstance(input, int)
    return input


def hold(engine: LocalEngine, processes: int) -> asyncio.Event:
    """Register a program that never returns; the event is set when so many processes run."""
    running = asyncio.Event()

    @engine.inferlet("hold@1.0.0")
    async def held(session: InferletSession, input: JsonValue) -> JsonValue:
        if len(engine.processes) == processes:
            running.set()
        return await session.receive()

    return running


async def all_ended(client: PieClient) -> None:
    """Wait until no process runs on the server."""
    async with asyncio.timeout(TIMEOUT):
        while await client.list_processes():
            pass


async def later(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        yield number


# ------------------------------------------------------------- results


@pytest.mark.parametrize("inputs", ["iterable", "asynchronous iterable"])
async def test_results_come_in_the_order_of_the_inputs(client: PieClient, inputs: str) -> None:
    mapped = client.map("square@1.0.0", range(100) if inputs == "iterable" else later(100), int)
    results = [result async for result in mapped]
    assert [(r.index, r.input, r.value, r.text) for r in results] == [
        (n, n, n * n, str(n * n)) for n in range(100)
    ]
    assert mapped.progress.done == 100
    assert mapped.progress.total == (100 if inputs == "iterable" else None)


async def test_unordered_results_come_as_soon_as_there_are_any(client: PieClient) -> None:
    held = asyncio.Event()

    @ENGINES[client].inferlet("slow-first@1.0.0")
    async def slow_first(session: InferletSession, input: JsonValue) -> int:
        if input == 0:
            await held.wait()
        return number(input)

    found: list[int] = []
    async for result in client.map("slow-first@1.0.0", range(50), int, concurrency=4, ordered=False):
        found.append(result.index)
        if len(found) == 49:
            held.set()
    assert found[-1] == 0
    assert sorted(found) == list(range(50))


async def test_a_function_is_installed_and_its_results_have_the_type_that_it_states(
    client: PieClient,
) -> None:
    @inferlet
    async def halves(number: int, digits: int = 1) -> tuple[float, str]:
        return round(number / 2, digits), str(number)

    assert [r.value async for r in client.map(halves, [1, 2], concurrency=2)] == [(0.5, "1"), (1.0, "2")]
    with pytest.raises(ResultError):
        await anext(client.map(halves, [1], int))


async def test_an_input_and_its_result_are_dropped_when_the_loop_has_gone_on(client: PieClient) -> None:
    """Memory does not grow with the number of inputs."""

    @dataclasses.dataclass(eq=False)
    class Input:
        text: str

    alive: weakref.WeakSet[Input] = weakref.WeakSet()

    def endless() -> Iterator[Input]:
        while True:
            made = Input("a")
            alive.add(made)
            yield made

    async with client.map("echo@1.0.0", endless(), concurrency=3) as results:
        async for result in results:
            # Six that were taken ahead, this one, and the one before, to which a task may still refer.
            assert len(alive) <= 8
            if result.index == 200:
                break


async def test_output_that_nobody_reads_is_dropped_above_a_mebibyte_of_each_process(
    client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    @ENGINES[client].inferlet("talkative@1.0.0")
    async def talkative(session: InferletSession, input: JsonValue) -> JsonValue:
        for _ in range(60):
            session.print("x" * (64 << 10))
        return input

    assert [r.value async for r in client.map("talkative@1.0.0", range(3), int)] == [0, 1, 2]
    assert caplog.text.count("dropping unread events of process") == 3


async def test_no_more_processes_run_than_allowed_and_inputs_are_taken_as_they_are_needed(
    client: PieClient,
) -> None:
    engine, taken = ENGINES[client], Counter[str]()
    most = 0

    @engine.inferlet("busy@1.0.0")
    async def busy(session: InferletSession, input: JsonValue) -> JsonValue:
        nonlocal most
        most = max(most, len(engine.processes))
        await asyncio.sleep(0)
        return input

    def inputs() -> Iterator[int]:
        for number in range(1000):
            taken["inputs"] += 1
            yield number

    mapped = client.map("busy@1.0.0", inputs(), concurrency=5)
    assert taken["inputs"] == 0, "nothing runs before the first result is asked for"
    async with mapped as results:
        for received in range(1, 101):
            await anext(results)
            assert taken["inputs"] <= received + 10
        async with asyncio.timeout(TIMEOUT):
            while mapped.progress.running:
                await client.ping()
        assert taken["inputs"] == 100 + 10
    assert 1 < most <= 5


async def test_a_slow_input_in_order_holds_up_no_more_than_twice_the_concurrency(client: PieClient) -> None:
    held, waiting = asyncio.Event(), asyncio.Event()
    taken = 0

    @ENGINES[client].inferlet("slow-first@1.0.0")
    async def slow_first(session: InferletSession, input: JsonValue) -> int:
        if input == 0:
            await held.wait()
        return number(input)

    def inputs() -> Iterator[int]:
        nonlocal taken
        for taken in range(1, 101):
            yield taken - 1

    def watch(progress: MapProgress) -> None:
        if progress.done == 9:
            waiting.set()

    mapped = client.map("slow-first@1.0.0", inputs(), int, concurrency=5, on_progress=watch)
    first = asyncio.ensure_future(anext(mapped))
    await in_time(waiting.wait())
    await client.ping()
    assert (taken, mapped.progress.running) == (10, 1)
    held.set()
    assert [(await first).value, *[r.value async for r in mapped]] == list(range(100))


async def test_tasks_can_share_a_map_and_a_cancelled_wait_loses_no_result(client: PieClient) -> None:
    async with client.map("square@1.0.0", range(200), int, concurrency=7) as results:

        async def read() -> list[int]:
            return [result.index async for result in results]

        waiting = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        waiting.cancel()
        found = await in_time(asyncio.gather(*(read() for _ in range(3))))
    assert sorted(n for part in found for n in part) == list(range(200))


# ------------------------------------------------------------- leaving


class Left(Exception):  # noqa: N818 - not an error
    """Raised in a loop."""


async def leave_by_break(results: Callable[[], Map[int, JsonValue]]) -> None:
    async for _ in results():
        break


async def leave_by_exception(results: Callable[[], Map[int, JsonValue]]) -> None:
    with contextlib.suppress(Left):
        async for _ in results():
            raise Left


async def leave_by_cancellation(results: Callable[[], Map[int, JsonValue]]) -> None:
    first = asyncio.Event()

    async def read() -> None:
        async for _ in results():
            first.set()

    task = asyncio.create_task(read())
    await in_time(first.wait())
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def leave_by_timeout(results: Callable[[], Map[int, JsonValue]]) -> object:
    try:
        async with asyncio.timeout(0.2):
            async for _ in results():
                pass
    except TimeoutError as error:
        return error
    pytest.fail("the loop ended by itself")


async def leave_after_one_result(results: Callable[[], Map[int, JsonValue]]) -> None:
    assert (await anext(results())).value == 0


@pytest.mark.parametrize(
    "leave",
    [leave_by_break, leave_by_exception, leave_by_cancellation, leave_by_timeout, leave_after_one_result],
)
async def test_leaving_a_plain_loop_terminates_what_runs(
    client: PieClient, leave: Callable[[Callable[[], Map[int, JsonValue]]], Awaitable[object]]
) -> None:
    """Also while the error that has ended the loop, with its traceback, still exists."""

    @ENGINES[client].inferlet("first-returns@1.0.0")
    async def first_returns(session: InferletSession, input: JsonValue) -> JsonValue:
        return input if input == 0 else await session.receive()

    kept = await leave(lambda: client.map("first-returns@1.0.0", range(20), concurrency=6))
    await all_ended(client)
    del kept


@pytest.mark.parametrize("family", ["0.4", "0.5"])
async def test_a_client_that_is_closed_after_a_loop_was_left_leaves_nothing_running(family: Family) -> None:
    async with LocalEngine(family=family) as engine:
        started = asyncio.Event()

        @engine.inferlet("first-returns@1.0.0")
        async def first_returns(session: InferletSession, input: JsonValue) -> JsonValue:
            if input == 0:
                await started.wait()
                return input
            started.set()
            return await session.receive()

        async with PieClient(engine.uri) as client:
            async for _ in client.map("first-returns@1.0.0", range(20), concurrency=6):
                break
        assert engine.processes == {}


async def test_the_end_of_a_block_waits_until_what_ran_has_been_terminated(
    client: PieClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "EXIT_SECONDS", 2 * TIMEOUT)
    engine = ENGINES[client]
    running = hold(engine, 6)
    mapped = client.map("hold@1.0.0", range(20), concurrency=6)
    waiting = asyncio.ensure_future(anext(mapped))
    await in_time(running.wait())
    await client.ping()
    await in_time(mapped.__aexit__(None, None, None))
    assert engine.processes == {}
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(mapped)


@pytest.mark.parametrize("program", ["hold@1.0.0", "none@1.0.0"], ids=["launched", "refused"])
async def test_the_end_of_a_block_waits_for_launches_that_the_server_has_not_answered(
    client: PieClient, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And launches nothing when their replies arrive."""
    monkeypatch.setattr(mapping, "EXIT_SECONDS", 2 * TIMEOUT)
    engine = ENGINES[client]
    hold(engine, 2)
    answer, inputs = asyncio.Event(), iter(range(20))
    with engine.faults.delay(models.LaunchProcessRequest, answer, times=2) as delay:
        mapped = client.map(
            program, inputs, concurrency=2, retries=1, retry=lambda _: True, on_error="return"
        )
        waiting = asyncio.ensure_future(anext(mapped))
        await delay.happened(2)
        closing = asyncio.ensure_future(mapped.aclose())
        await client.ping()
        assert not closing.done()
        answer.set()
        await in_time(closing)
    assert engine.processes == {}
    assert mapped.progress.retried == 0
    assert next(inputs) == 2
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_the_end_of_a_map_ends_an_iteration_over_inputs_that_it_began(client: PieClient) -> None:
    running = hold(ENGINES[client], 1)
    ended: list[str] = []

    class Numbers:
        async def __aiter__(self) -> AsyncGenerator[int]:
            try:
                while True:
                    yield 1
            finally:
                ended.append("generator")

    async with client.map("hold@1.0.0", Numbers(), concurrency=1) as results:
        waiting = asyncio.ensure_future(anext(results))
        await in_time(running.wait())
        assert ended == []
    assert ended == ["generator"]
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_each_of_two_that_close_a_map_waits_for_its_end(client: PieClient) -> None:
    engine = ENGINES[client]
    hold(engine, 2)
    answer = asyncio.Event()
    with engine.faults.delay(models.LaunchProcessRequest, answer, times=2) as delay:
        mapped = client.map("hold@1.0.0", range(20), concurrency=2)
        waiting = asyncio.ensure_future(anext(mapped))
        await delay.happened(2)
        closing: list[asyncio.Future[None]] = []
        for _ in range(2):
            closing.append(asyncio.ensure_future(mapped.aclose()))
            await client.ping()
        assert not any(each.done() for each in closing)
        answer.set()
        await in_time(asyncio.wait(closing))
    assert engine.processes == {}
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_the_end_of_a_block_does_not_wait_for_ever_for_a_launch(
    client: PieClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "EXIT_SECONDS", 0.1)
    with ENGINES[client].faults.never_answer(models.LaunchProcessRequest) as fault:
        mapped = client.map("square@1.0.0", range(20), concurrency=1)
        waiting = asyncio.ensure_future(anext(mapped))
        await fault.happened()
        await in_time(mapped.aclose())
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert repr(mapped) == "<Map of 'square@1.0.0' 0 done>"
    with pytest.raises(TypeError, match="start one where you use it"):
        pickle.dumps(mapped)


async def test_a_map_that_was_dropped_leaves_no_task_behind(client: PieClient) -> None:
    before = asyncio.all_tasks()
    async for _ in client.map("square@1.0.0", range(20), concurrency=4):
        break
    async with asyncio.timeout(TIMEOUT):
        while tasks := asyncio.all_tasks() - before:
            await asyncio.wait(tasks)
    gc.collect()
    found: list[asyncio.Task[object]] = [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]
    loop = asyncio.get_running_loop()
    assert "pie-client map" not in [task.get_name() for task in found if task.get_loop() is loop]


async def test_a_wait_for_a_result_keeps_the_map(client: PieClient) -> None:
    engine = ENGINES[client]
    running = hold(engine, 1)
    mapped = client.map("hold@1.0.0", range(1), str)
    waiting = asyncio.ensure_future(anext(mapped))
    await in_time(running.wait())
    del mapped
    await client.ping()
    (process,) = await client.list_processes()
    await client.signal_process(process.id, "at last")
    assert (await in_time(waiting)).value == "at last"


async def test_closing_a_map_that_never_began_takes_no_input(client: PieClient) -> None:
    async with client.map("square@1.0.0", (1 / 0 for _ in range(1))) as results:
        pass
    assert [result async for result in results] == []


# ------------------------------------------------------------- errors


async def test_the_first_error_ends_the_map_and_names_its_input(client: PieClient) -> None:
    mapped = client.map("even@1.0.0", [0, 2, 4, 5, 6, 7], int, concurrency=2)
    assert [(await anext(mapped)).value for _ in range(3)] == [0, 2, 4]
    with pytest.raises(ProcessError, match=ODD) as raised:
        await anext(mapped)
    assert [result async for result in mapped] == []
    assert raised.value.__notes__ == ["It is the error of input 3 of a map of 'even@1.0.0'."]
    assert ENGINES[client].processes == {}


@pytest.mark.parametrize("kind", ["iterable", "asynchronous iterable"])
async def test_no_input_is_taken_after_an_error_that_ends_the_map(client: PieClient, kind: str) -> None:
    engine = ENGINES[client]
    held, failed = asyncio.Event(), asyncio.Event()
    taken = 0

    @engine.inferlet("slow-then-odd@1.0.0")
    async def slow_then_odd(session: InferletSession, input: JsonValue) -> int:
        if input == 1:
            raise ValueError(ODD)
        await held.wait()
        return number(input)

    def inputs() -> Iterator[int]:
        nonlocal taken
        for taken in range(1, 21):
            yield taken - 1

    async def asynchronous() -> AsyncIterator[int]:
        for each in inputs():
            yield each

    def watch(progress: MapProgress) -> None:
        if progress.failed:
            failed.set()

    given = inputs() if kind == "iterable" else asynchronous()
    mapped = client.map("slow-then-odd@1.0.0", given, int, concurrency=2, on_progress=watch)
    first = asyncio.ensure_future(anext(mapped))
    await in_time(failed.wait())
    await client.ping()
    held.set()
    assert (await in_time(first)).value == 0
    with pytest.raises(ProcessError, match=ODD):
        await in_time(anext(mapped))
    assert taken == 2


async def test_an_error_is_not_lost_if_the_wait_is_cancelled_while_the_map_ends(client: PieClient) -> None:
    failed, answer = asyncio.Event(), asyncio.Event()

    def watch(progress: MapProgress) -> None:
        if progress.failed:
            failed.set()

    with ENGINES[client].faults.delay(models.LaunchProcessRequest, answer):
        mapped = client.map("even@1.0.0", [0, 1], concurrency=2, ordered=False, on_progress=watch)
        waiting = asyncio.ensure_future(anext(mapped))
        await in_time(failed.wait())
        await client.ping()
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        answer.set()
    with pytest.raises(ProcessError, match=ODD):
        await anext(mapped)
    with pytest.raises(StopAsyncIteration):
        await anext(mapped)


async def test_errors_can_be_returned_in_their_place(client: PieClient) -> None:
    results = [r async for r in client.map("even@1.0.0", range(6), int, on_error="return")]
    assert [r.index for r in results] == list(range(6))
    assert [r.index for r in results if r.error is None] == [0, 2, 4]
    assert isinstance(results[3].error, ProcessError)
    with pytest.raises(ProcessError, match=ODD):
        _ = results[3].value


@pytest.mark.parametrize("ordered", [True, False])
async def test_inputs_with_errors_can_be_skipped(client: PieClient, ordered: bool) -> None:
    mapped = client.map("even@1.0.0", range(100), int, on_error="skip", concurrency=3, ordered=ordered)
    assert sorted([r.value async for r in mapped]) == list(range(0, 100, 2))
    assert (mapped.progress.done, mapped.progress.failed) == (50, 50)


async def test_an_input_that_is_not_json_is_an_error_of_this_input(client: PieClient) -> None:
    results = [r async for r in client.map("echo@1.0.0", [1, object(), 3], on_error="return")]
    assert [type(r.error) for r in results] == [type(None), InvalidArgumentError, type(None)]


async def test_an_unknown_program_is_an_error_of_each_input(client: PieClient) -> None:
    results = [r async for r in client.map("none@1.0.0", range(3), on_error="return")]
    assert [type(r.error) for r in results] == [ProgramNotFoundError] * 3


async def test_an_exception_of_the_inputs_ends_the_map(client: PieClient) -> None:
    async def inputs() -> AsyncIterator[int]:
        yield 1
        raise Left

    with pytest.raises(Left):
        async for _ in client.map("square@1.0.0", inputs(), on_error="skip"):
            pass


async def test_a_program_that_returns_nothing_in_time_is_terminated(client: PieClient) -> None:
    (result,) = [r async for r in client.map("wait@1.0.0", [1], timeout=0.1, on_error="return")]
    assert isinstance(result.error, DeadlineError)
    assert str(result.error) == "wait@1.0.0 returned nothing within 0.1 s, and was terminated; raise timeout="
    assert ENGINES[client].processes == {}


# ------------------------------------------------------------- repetitions


async def test_a_program_runs_again_after_its_timeout_if_the_caller_allows_it(client: PieClient) -> None:
    ENGINES[client].faults.never_end(times=2)
    mapped = client.map("square@1.0.0", range(3), int, timeout=1, retries=2, concurrency=1)
    assert [r.value async for r in mapped] == [0, 1, 4]
    assert mapped.progress.retried == 2


async def test_the_caller_can_say_which_errors_are_worth_another_run(client: PieClient) -> None:
    runs = Counter[int]()

    @ENGINES[client].inferlet("flaky@1.0.0")
    async def flaky(session: InferletSession, input: JsonValue) -> JsonValue:
        runs[number(input)] += 1
        return input if runs[number(input)] > number(input) else "no number"

    def retry(error: PieError) -> bool:
        return isinstance(error, ResultError)

    results = [
        r async for r in client.map("flaky@1.0.0", range(5), int, retries=2, retry=retry, on_error="return")
    ]
    assert [r.error is None for r in results] == [True, True, True, False, False]
    assert runs == {0: 1, 1: 2, 2: 3, 3: 3, 4: 3}


@pytest.mark.parametrize("retries", [0, 2])
async def test_a_launch_whose_reply_was_lost_is_repeated_only_if_the_caller_allows_it(retries: int) -> None:
    runs = Counter[int]()
    async with LocalEngine() as engine:

        @engine.inferlet("count-runs@1.0.0")
        async def count_runs(session: InferletSession, input: JsonValue) -> int:
            runs[number(input)] += 1
            return number(input)

        lost = engine.faults.lose_reply(models.LaunchProcessRequest)
        async with PieClient(engine.uri, reconnect=FAST) as client:
            mapped = client.map(
                "count-runs@1.0.0", range(5), int, retries=retries, on_error="return", concurrency=1
            )
            first = asyncio.ensure_future(anext(mapped))
            await lost.happened()
            engine.faults.drop_connection()
            results = [await in_time(first), *[r async for r in mapped]]
    failed = [r.index for r in results if r.error is not None]
    if retries:
        assert (failed, mapped.progress.retried) == ([], 1)
    else:
        assert (failed, mapped.progress.retried) == ([0], 0)
        assert isinstance(results[0].error, ConnectionLostError)
        assert max(runs.values()) == 1


async def test_a_map_outlives_a_restart_that_is_slower_than_the_timeout_of_a_launch() -> None:
    """Nothing was sent, so nothing needs permission to be repeated."""
    values: list[int] = []

    def programs(engine: LocalEngine) -> LocalEngine:
        @engine.inferlet("square@1.0.0")
        async def square(session: InferletSession, input: JsonValue) -> int:
            return number(input) ** 2

        return engine

    ahead, away = asyncio.Event(), asyncio.Event()

    def watch(progress: MapProgress) -> None:
        if progress.done == 3:
            ahead.set()
        if progress.retried == 2:
            away.set()

    async with programs(LocalEngine()) as engine:
        port = int(engine.uri.rpartition(":")[2])
        client = PieClient(engine.uri, reconnect=FAST, timeout=1)
        await client.connect()
        mapped = client.map("square@1.0.0", range(40), int, concurrency=1, on_progress=watch)
        first = asyncio.ensure_future(anext(mapped))
        await in_time(ahead.wait())  # two more than were received: no other is taken now
    values += [(await first).value, (await anext(mapped)).value, (await anext(mapped)).value]
    fourth = asyncio.ensure_future(anext(mapped))
    await in_time(away.wait())
    async with programs(LocalEngine(port=port)):
        values += [(await fourth).value, *[r.value async for r in mapped]]
        await client.close()
    assert values == [n * n for n in range(40)]


@pytest.mark.parametrize(
    ("reconnect", "expected"),
    [(None, ConnectionLostError), (Reconnect(attempts=1, first_delay=0.001), ReconnectError)],
    ids=["without reconnect", "reconnect gives up"],
)
async def test_the_end_of_the_connection_ends_the_map_whatever_on_error_says(
    reconnect: Reconnect | None, expected: type[PieError]
) -> None:
    async with LocalEngine() as engine:
        client = PieClient(engine.uri, reconnect=reconnect)
        await client.connect()
        running = hold(engine, 32)
        mapped = client.map("hold@1.0.0", range(40), on_error="skip", retries=5)
        waiting = asyncio.ensure_future(anext(mapped))
        await in_time(running.wait())
    with pytest.raises(expected):
        await in_time(waiting)
    assert [result async for result in mapped] == []
    await client.close()


# ------------------------------------------------------------- progress and arguments


async def test_progress_is_reported_after_each_input(client: PieClient) -> None:
    reports: list[MapProgress] = []
    mapped = client.map("even@1.0.0", range(4), on_error="skip", on_progress=reports.append, concurrency=1)
    async for _ in mapped:
        pass
    assert [(r.done, r.failed, r.running) for r in reports] == [(1, 0, 0), (1, 1, 0), (2, 1, 0), (2, 2, 0)]
    assert {(r.retried, r.replayed, r.total) for r in reports} == {(0, 0, 4)}
    assert reports[-1] == mapped.progress


async def test_an_exception_of_on_progress_ends_the_map(client: PieClient) -> None:
    def report(progress: MapProgress) -> None:
        raise Left

    with pytest.raises(Left):
        async for _ in client.map("square@1.0.0", range(100), on_progress=report):
            pass


async def test_an_exception_while_a_map_ends_is_not_logged(
    client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    def report(progress: MapProgress) -> None:
        raise Left

    answer = asyncio.Event()
    with ENGINES[client].faults.delay(models.LaunchProcessRequest, answer) as delay:
        mapped = client.map("none@1.0.0", [1], on_error="return", on_progress=report)
        waiting = asyncio.ensure_future(anext(mapped))
        await delay.happened()
        closing = asyncio.ensure_future(mapped.aclose())
        await client.ping()
        answer.set()
        await in_time(closing)
    with pytest.raises(StopAsyncIteration):
        await waiting
    del mapped, waiting, closing
    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"program": 5}, "program is int"),
        ({"inputs": "text"}, "inputs is str"),
        ({"inputs": 5}, "inputs is int"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": True}, "concurrency=True"),
        ({"retries": -1}, "retries=-1"),
        ({"retry": "always"}, "retry='always'"),
        ({"retry": all_ended}, "retry=<function all_ended"),
        ({"timeout": 0}, "timeout=0"),
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"on_progress": 1}, "on_progress=1"),
        ({"on_progress": all_ended}, "on_progress=<function all_ended"),
        ({"journal": "a\0b"}, "NUL"),
        ({"as_type": Counter[PieClient]}, "as_type="),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_wrong_argument_is_refused_before_anything_runs(
    client: PieClient, arguments: dict[str, object], expected: str
) -> None:
    given: dict[str, object] = {"program": "echo@1.0.0", "inputs": [1], **arguments}
    with pytest.raises(InvalidArgumentError, match=expected):
        client.map(**given)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType] - wrong on purpose


async def test_a_map_needs_a_connection() -> None:
    with pytest.raises(NotConnectedError):
        PieClient("ws://127.0.0.1:1").map("echo@1.0.0", [1])
