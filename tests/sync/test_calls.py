"""Calls that wait: from threads, notebooks and callbacks; with iterables; interrupted; after a fork and at exit."""

import asyncio
import contextvars
import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import FunctionType

import pytest

import pie_client
from pie_client import (
    ConnectionStatus,
    Event,
    InvalidArgumentError,
    NotConnectedError,
    ProcessEndedError,
    ReturnEvent,
    StdoutEvent,
    UnsupportedError,
    inferlet,
    sync,
)
from pie_client.sync import Map, PieClient
from pie_client.testing import LocalEngine
from tests.support.peers import TIMEOUT, in_time, websocket_peer
from tests.support.repository import ROOT, run


@inferlet
async def split(text: str) -> tuple[str, ...]:
    return tuple(text)


# ------------------------------------------------------------- handles


def test_events_and_texts_are_iterated_over(client: PieClient) -> None:
    with client.launch_process("chat@1.0.0") as process:
        assert process.recv(timeout=TIMEOUT) == (Event.Message, "ready")
        for message in ("one", "two", "end"):
            process.signal(message)
        texts = process.text()
        assert next(texts) == "one"
        assert list(process) == [StdoutEvent("two"), ReturnEvent('"ended"')]
        assert (list(process), list(texts)) == ([], [])
        assert process.result() == "ended"
    with pytest.raises(ProcessEndedError):
        process.recv()


def test_leaving_the_block_terminates_an_owned_process(client: PieClient) -> None:
    with client.launch_process("chat@1.0.0", terminate_on_exit=True) as process:
        assert [info.id for info in client.list_processes()] == [process.process_id]
    assert client.list_processes() == []


def test_a_function_runs_and_returns_its_annotated_type(client: PieClient) -> None:
    assert client.run(split, "ab").result(timeout=TIMEOUT) == ("a", "b")
    assert client.run_with(timeout=TIMEOUT)(split, text="c").result(timeout=TIMEOUT) == ("c",)


def test_states_are_followed_until_the_client_is_closed(engine: LocalEngine) -> None:
    client = PieClient(engine.uri)
    states = client.states()
    client.connect()
    first = next(states)
    client.close()
    followed = [first.status, *(state.status for state in states)]
    assert followed[-1] is ConnectionStatus.CLOSED
    assert ConnectionStatus.READY in followed


def test_waiting_for_the_result_in_the_thread_that_read_lets_unread_events_go_at_once(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with PieClient(engine.uri, max_buffered=1 << 20) as client:
        process = client.launch_process("write@1.0.0", "written")
        assert isinstance(next(process), StdoutEvent)
        assert process.result(timeout=TIMEOUT) == "written"
        assert process.dropped > 0
    assert "nothing was read" not in caplog.text


# ------------------------------------------------------------- threads and notebooks


def test_a_thread_pool_shares_one_client(client: PieClient) -> None:
    def ask(number: int) -> object:
        return client.launch_process("echo@1.0.0", number).result(timeout=TIMEOUT)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))


def test_clients_of_all_threads_share_one_thread(engine: LocalEngine) -> None:
    def run(_number: int) -> None:
        with PieClient(engine.uri) as client:
            client.ping()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(16)))
    assert [thread.name for thread in threading.enumerate()].count("pie-client") == 2  # one is the engine's


async def test_a_cell_of_a_notebook_calls_it_while_the_notebooks_loop_runs(engine: LocalEngine) -> None:
    assert asyncio.get_running_loop().is_running()
    with PieClient(engine.uri) as client:
        process = client.launch_process("chat@1.0.0")
        process.signal("in a cell")
        process.signal("end")
        assert "".join(process.text()) == "in a cell"
        assert next(client.states()).status is ConnectionStatus.READY
        assert [result.value for result in client.map("echo@1.0.0", range(3))] == [0, 1, 2]


def test_an_object_that_is_dropped_in_any_thread_ends_what_it_runs(client: PieClient) -> None:
    results = client.map("chat@1.0.0", count(), concurrency=2)
    waiting = threading.Thread(target=lambda: next(results, None), daemon=True)
    waiting.start()
    while len(client.list_processes()) < 2:
        pass
    results.close()
    waiting.join(TIMEOUT)
    assert not waiting.is_alive()
    assert client.list_processes() == []


# ------------------------------------------------------------- callbacks and iterables


def test_a_callback_that_waits_for_a_call_gets_an_error_instead_of_blocking_for_ever(
    client: PieClient,
) -> None:
    seen: list[object] = []

    def progress(_sent: int, _total: int) -> None:
        seen.append(client.connected)
        client.ping()

    with pytest.raises(
        UnsupportedError, match=r"PieClient\.ping\(\) would wait for the callback that calls it"
    ):
        client.install_program_bytes(b"x", "[package]\nname='a'\nversion='1.0.0'\n", progress=progress)
    assert seen == [True]
    client.ping()


def test_a_callback_that_ends_the_program_raises_in_the_caller_and_the_thread_goes_on(
    client: PieClient,
) -> None:
    with pytest.raises(SystemExit):
        list(client.map("echo@1.0.0", [1], on_progress=lambda _: sys.exit(1)))
    client.ping()


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="other")


def test_an_iterable_is_read_in_one_thread_in_the_callers_context_and_may_call_the_client(
    client: PieClient,
) -> None:
    threads: set[int] = set()
    closed = threading.Event()

    def inputs() -> Iterator[object]:
        try:
            for number in count():
                threads.add(threading.get_ident())
                yield client.launch_process("echo@1.0.0", [VARIABLE.get(), number]).result()
        finally:
            closed.set()

    VARIABLE.set("mine")
    with client.map("echo@1.0.0", inputs(), concurrency=2) as results:
        assert [next(results).value for _ in range(9)] == [["mine", number] for number in range(9)]
    assert closed.wait(TIMEOUT)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_the_length_of_a_collection_of_inputs_is_known_and_its_error_is_raised(client: PieClient) -> None:
    with client.map("echo@1.0.0", [1, 2]) as results:
        assert results.progress.total == 2

    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with client.map("echo@1.0.0", broken()) as results, pytest.raises(LookupError, match="no more"):
        list(results)
    with pytest.raises(InvalidArgumentError, match="inputs is str"):
        list(client.map("echo@1.0.0", "text"))


def test_an_iterable_of_bytes_is_sent_as_a_file(client: PieClient) -> None:
    process = client.launch_process("store@1.0.0")
    assert process.recv(timeout=TIMEOUT) == (Event.Message, "waiting")
    process.transfer_file(bytes(1000) for _ in range(500))
    assert process.result(timeout=TIMEOUT) == 500_000


# ------------------------------------------------------------- interruption


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Interrupts this thread, as Ctrl-C does, as soon as it waits for a call."""
    ident = threading.get_ident()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist ignores the signal

    def waits() -> bool:
        frame = sys._current_frames().get(ident)  # pyright: ignore[reportPrivateUsage] - documented
        while frame is not None and frame.f_code.co_qualname != "Future.result":
            frame = frame.f_back
        return frame is not None

    def when_it_waits() -> None:
        while not waits():
            pass
        signal.pthread_kill(ident, signal.SIGINT)

    yield lambda: threading.Thread(target=when_it_waits, daemon=True).start()
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals are sent another way on Windows")
def test_ctrl_c_raises_at_once_and_cancels_the_call(client: PieClient, interrupt: Callable[[], None]) -> None:
    with client.launch_process("chat@1.0.0", terminate_on_exit=True) as process:
        assert process.recv(timeout=TIMEOUT) == (Event.Message, "ready")
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            process.recv()
        process.signal("for the next call")
        assert process.recv(timeout=TIMEOUT) == (Event.Stdout, "for the next call")


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_ctrl_c_while_a_call_is_passed_to_the_loop_leaves_nothing_of_it(
    client: PieClient, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    process = client.launch_process("chat@1.0.0")
    assert process.recv(timeout=TIMEOUT) == (Event.Message, "ready")
    submit = asyncio.BaseEventLoop.call_soon_threadsafe
    caller = threading.get_ident()

    def interrupted(
        loop: asyncio.BaseEventLoop,
        callback: Callable[..., object],
        *args: object,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        interrupts = threading.get_ident() == caller
        handle = None if interrupts and before else submit(loop, callback, *args, context=context)
        if interrupts or handle is None:
            raise KeyboardInterrupt  # as a signal handler does there
        return handle

    with monkeypatch.context() as patch:
        patch.setattr(asyncio.BaseEventLoop, "call_soon_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.recv()
    gc.collect()  # reports a coroutine that was never awaited
    process.signal("for the next call")
    assert process.recv(timeout=TIMEOUT) == (Event.Stdout, "for the next call")


# ------------------------------------------------------------- processes and exit


def run_program(program: str, uri: str, *ignored: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a new interpreter that shows every warning, except some."""
    return subprocess.run(  # noqa: S603 - this interpreter, no shell
        [
            sys.executable,
            *("-W", "error"),
            *(f"-Wignore::{each}" for each in ignored),
            "-c",
            program,
            uri,
        ],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=TIMEOUT,
    )


EXIT = """
import sys
from pie_client.sync import PieClient

client = PieClient(sys.argv[1])
client.connect()
client.ping()
states = client.states()
print(next(states).status.name)
"""


async def test_a_client_that_is_open_at_exit_is_closed_in_order_and_without_a_word() -> None:
    async with websocket_peer() as peer:
        done = await asyncio.to_thread(run_program, EXIT, peer.uri)
        assert (done.stdout, done.stderr, done.returncode) == ("READY\n", "", 0)
        await in_time(peer.socket.wait_closed())
        assert peer.socket.close_code == 1000


FORK = """
import os, sys
from pie_client import InvalidArgumentError
from pie_client.sync import PieClient

with PieClient(sys.argv[1]) as client:
    process = client.launch_process("numbers@1.0.0", 3)
    process.result()
    next(process)
    if not (child := os.fork()):
        for method in (client.ping, process.__next__):
            try:
                method()
            except InvalidArgumentError as error:
                print(error, flush=True)
        with PieClient(sys.argv[1]) as own:
            print(own.launch_process("echo@1.0.0", "child").result(), flush=True)
        sys.exit()
    os.waitpid(child, 0)
    print(client.launch_process("echo@1.0.0", "parent").result())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
def test_a_forked_process_uses_a_client_of_its_own_and_the_parents_goes_on(engine: LocalEngine) -> None:
    # Since Python 3.12 forking beside a thread is deprecated. The child has the parent's sockets, and does not close them.
    done = run_program(FORK, engine.uri, "DeprecationWarning", "ResourceWarning")
    assert done.stdout.splitlines() == [
        "PieClient.ping() belongs to a client of the process that forked this one; create a client after the fork",
        "Process.__next__() belongs to a client of the process that forked this one; create a client after the fork",
        "child",
        "parent",
    ]
    assert (done.stderr, done.returncode) == ("", 0)


# ------------------------------------------------------------- names


RENAMED = {"aclose": "close"}


def members(owner: type[object]) -> dict[str, object]:
    """Return the public methods and properties of a class."""
    kinds = (FunctionType, property, staticmethod)
    return {
        name: member
        for name, member in vars(owner).items()
        if not name.startswith("_") and isinstance(member, kinds)
    }


@pytest.mark.parametrize("name", ["PieClient", "Process", "Map", "Calls"])
def test_a_class_has_the_public_members_and_parameters_of_the_asynchronous_one(name: str) -> None:
    theirs = members(getattr(pie_client, name))
    ours = members(getattr(sync, name))
    assert len(theirs) > 2
    assert [RENAMED.get(member, member) for member in theirs] == list(ours)
    for before, after in zip(theirs.values(), ours.values(), strict=True):
        assert type(before) is type(after)
        if inspect.isfunction(before) and inspect.isfunction(after):
            kinds = [
                [(p.name, p.kind, p.default) for p in inspect.signature(each).parameters.values()]
                for each in (before, after)
            ]
            assert kinds[0] == kinds[1]


def test_a_dropped_client_warns_and_its_connection_ends(engine: LocalEngine) -> None:
    client = PieClient(engine.uri)
    client.connect()
    held = [client]
    del client
    with pytest.warns(ResourceWarning, match="unclosed <PieClient"):
        held.clear()


def test_errors_advise_nothing_that_only_the_asynchronous_client_has(engine: LocalEngine) -> None:
    client = PieClient(engine.uri)
    with pytest.raises(NotConnectedError) as caught:
        client.ping()
    assert "async" not in str(caught.value)


def test_the_names_of_the_module_are_those_that_it_lists() -> None:
    names: dict[str, object] = {}
    exec("from pie_client.sync import *", names)  # noqa: S102 - not allowed in a function
    assert dir(sync) == sorted(names.keys() - {"__builtins__"})
    assert Map.is_interrupted is pie_client.Map.is_interrupted
    with pytest.raises(AttributeError, match=r"module 'pie_client\.sync' has no attribute 'no_such_name'"):
        getattr(sync, "no_such_name")  # noqa: B009 - a checker would refuse the plain form


def test_importing_the_client_loads_no_asyncio() -> None:
    script = "import sys\nfrom pie_client.sync import PieClient\nprint('asyncio' in sys.modules)"
    done = run(["-W", "error", "-c", script], ROOT)
    assert (done.stdout, done.stderr) == ("False\n", "")
