"""Run a program over many inputs, several at a time, and hand out the results.

:class:`Map` is what callers hold; :class:`_Work` runs, and refers to no Map. So a loop that is left drops its Map, which ends
the work. ``journal`` keeps the answers of a map that is resumed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Sized
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Literal, NoReturn, Protocol, Self, TypeAlias, TypeVar, cast

from pie_client import results
from pie_client._generated.refusals import StreamAbortedError
from pie_client.common.copies import refuse
from pie_client.common.paths import as_path
from pie_client.connection.options import check_function, check_seconds
from pie_client.connection.threads import settle
from pie_client.connection.threads import start as start_thread
from pie_client.errors import (
    ConnectionLostError,
    DeadlineError,
    InvalidArgumentError,
    PieConnectionError,
    PieError,
)
from pie_client.launching import Options, as_json
from pie_client.lazy import LazyModule
from pie_client.maps.inputs import Inputs
from pie_client.owned import EXIT_SECONDS
from pie_client.programs.functions import as_function

if TYPE_CHECKING:
    from pie_client.connected import Connected
    from pie_client.maps import journal as journals
else:
    journals = LazyModule("pie_client.maps.journal")

T = TypeVar("T")
I_co = TypeVar("I_co", covariant=True)
I_contra = TypeVar("I_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)

AHEAD = 2
"""Inputs that may be taken before their results are, per concurrent process."""
UNREAD_BYTES = 1 << 20
"""Most bytes of other events that a process may hold: nobody reads them."""
ON_ERROR = ("raise", "return", "skip")
OnError: TypeAlias = Literal["raise", "return", "skip"]
"""What :meth:`PieClient.map` does with the error of an input: raise it, return it in the result, or skip the input."""


class MapFunction(Protocol[I_contra, T_co]):
    """A function that :meth:`PieClient.map` runs: one with :func:`inferlet` whose first parameter takes the input.

    Its other parameters have defaults.
    """

    @property
    def program(self) -> str:
        """The program as ``name@version``."""
        ...

    def __call__(self, input: I_contra, /) -> Coroutine[object, object, T_co]:
        """Run the function locally."""
        ...


@dataclass(frozen=True, slots=True)
class MapResult(Generic[I_co, T_co]):
    """The result of one input.

    Attributes:
        index: Place of the input among all inputs, from 0.
        input: The input.
        error: Why there is no value, or None. Only ``on_error="return"`` returns results with an error.
        text: What the process returned, undecoded; ``""`` if it returned nothing.
        replayed: Whether the value comes from the journal, and nothing was run for it.
    """

    index: int
    input: I_co
    error: PieError | None = None
    text: str = ""
    replayed: bool = False
    _value: T_co | None = field(default=None, repr=False)

    @property
    def value(self) -> T_co:
        """What the process returned. Raises ``error`` if there is one."""
        if self.error is not None:
            raise self.error
        return cast("T_co", self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapProgress:
    """How far a map has come.

    Attributes:
        done: Inputs with a value, replayed ones included.
        failed: Inputs whose program failed.
        retried: How often a program was launched again.
        running: Inputs that are being worked on.
        replayed: Inputs whose value came from the journal.
        total: Number of inputs, or None if it is not known: only collections have a length.
    """

    done: int
    failed: int
    retried: int
    running: int
    replayed: int
    total: int | None


def is_interrupted(error: PieError) -> bool:
    """Return whether an error says that an answer did not arrive, and not that the program or its input is wrong.

    Args:
        error: The error of an input.
    """
    return isinstance(error, (ConnectionLostError, DeadlineError, StreamAbortedError))


class Map(AsyncIterator[MapResult[I_co, T_co]]):
    """The results of a program over many inputs. :meth:`PieClient.map` returns one.

    Nothing runs before the first result is asked for. The programs that run are terminated when the iteration is left,
    however that happens: at the end of an ``async with`` block, which waits for it, or when the last reference is dropped,
    as by a plain ``async for``, in the background, unless the client is closed first. Cancelling a wait for the next
    result, or its timeout, loses no result and no error. Several tasks may share one map: each result goes to one of them.
    """

    __slots__ = ("__weakref__", "_work")

    def __init__(self, work: _Work) -> None:
        self._work = work

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MapResult[I_co, T_co]:
        """Wait for the next result.

        Raises:
            PieError: The error of an input, with ``on_error="raise"``, or the end of the connection. OSError and
                InvalidArgumentError: The journal can't be used.
        """
        try:
            return cast("MapResult[I_co, T_co]", await self._work.next_result())
        finally:
            del self  # the traceback of an error keeps this frame, which would keep the map

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the map: terminate what runs, and wait until the server confirms it, about five seconds at most."""
        await self._work.stop()

    @property
    def progress(self) -> MapProgress:
        """How far the map has come."""
        return self._work.progress()

    is_interrupted = staticmethod(is_interrupted)

    def __repr__(self) -> str:
        return f"<Map of {self._work.plan.program!r} {self.progress.done} done>"

    def __reduce__(self) -> NoReturn:
        refuse("a Map", "start one where you use it")

    def __del__(self) -> None:
        work: _Work | None = getattr(self, "_work", None)
        if work is not None:
            work.abandon()


class Plan:
    """What a map does: the checked arguments of :meth:`PieClient.map`. Raises InvalidArgumentError if one is invalid."""

    def __init__(
        self,
        program: object,
        *,
        concurrency: int,
        timeout: float | None,
        retries: int,
        retry: Callable[[PieError], bool] | None,
        on_error: OnError,
        ordered: bool,
        on_progress: Callable[[MapProgress], object] | None,
        journal: str | os.PathLike[str] | None,
        as_type: object,
        options: Options,
    ) -> None:
        self.function = None if isinstance(program, str) else as_function(program)
        self.program = program if isinstance(program, str) else as_function(program).program
        self.concurrency = _check_count("concurrency", concurrency, least=1)
        self.retries = _check_count("retries", retries, least=0)
        self.retry = is_interrupted if retry is None else retry
        limited = timeout is not None and check_seconds("timeout", timeout) < math.inf
        self.timeout = timeout if limited else None
        if on_error not in ON_ERROR:
            raise InvalidArgumentError(
                f"invalid on_error={on_error!r}; pass one of {', '.join(map(repr, ON_ERROR))}"
            )
        self.on_error = on_error
        self.ordered = ordered
        check_function("retry", self.retry)
        if on_progress is not None:
            check_function("on_progress", on_progress)
        self.on_progress = on_progress
        self.journal = None if journal is None else as_path(journal)
        self._as_type = self.function.returns if as_type is None and self.function is not None else as_type
        self._adapter = results.adapter_of(cast("type[object] | None", self._as_type))
        self.options = options

    def encode(self, value: object) -> str:
        """Return the launch input for an input. Raises InvalidArgumentError."""
        return as_json(value if self.function is None else self.function.input_of((value,), {}))

    def decode(self, process_id: str, text: str) -> object:
        """Return what a process returned. Raises ResultError."""
        return results.decode(process_id, text, self._as_type, self._adapter)


class _Work:
    """The work of a map: a task that runs one task for each concurrent input."""

    def __init__(
        self, connected: Connected, plan: Plan, inputs: Iterable[object] | AsyncIterable[object]
    ) -> None:
        self.plan = plan
        self._connected = connected
        self._total = len(inputs) if isinstance(inputs, Sized) else None
        self._inputs = Inputs(inputs, plan.concurrency * AHEAD)
        self._loop = asyncio.get_running_loop()
        self._main: asyncio.Task[None] | None = None
        self._journal: journals.Journal | None = None
        self._ready: deque[MapResult[object, object]] = deque()
        """Results that can be handed out."""
        self._early: dict[int, MapResult[object, object]] = {}
        """Results that wait for those of earlier inputs, by index."""
        self._next = 0
        """Index of the result that is next in order."""
        self._failure: BaseException | None = None
        self._launching: set[asyncio.Task[None]] = set()
        """Tasks that wait for the reply to a launch."""
        self._ending = self._ended = self._stopped = False
        """Whether no more programs are launched; whether the work has ended; whether nobody wants its results."""
        self._news = asyncio.Event()
        self._done = self._failed = self._retried = self._running = self._replayed = 0

    # ------------------------------------------------------------- for the map

    async def next_result(self) -> MapResult[object, object]:
        """Wait for the next result. Raises StopAsyncIteration after the last one."""
        if self._main is None and not self._stopped:
            self._main = asyncio.create_task(self._run(), name="pie-client map")
            self._main.add_done_callback(self._connected.abandoned.discard)
        while not self._stopped:
            self._news.clear()
            if self._ready:
                result = self._ready.popleft()
                self._inputs.may_advance()
                if result.error is None or self.plan.on_error != "raise":
                    return result
                self._failure = result.error
                break
            if self._ended:
                break
            await self._news.wait()
        await self.stop()
        # Only now: if this wait is cancelled, the next one raises the error.
        failure, self._failure = self._failure, None
        if failure is None:
            raise StopAsyncIteration
        raise failure

    async def stop(self) -> None:
        """End the work, and wait until it has ended."""
        self._stopped = True
        self._news.set()
        if self._main is not None:
            self._cancel(self._main)
            await asyncio.wait({self._main})

    def abandon(self) -> None:
        """End the work soon. Called when the map is garbage-collected, in any thread."""
        if self._main is not None and not self._main.done():
            self._connected.abandoned.add(self._main)
            with contextlib.suppress(RuntimeError):  # the loop is closed, and its tasks with it
                self._loop.call_soon_threadsafe(self._cancel, self._main)

    def _cancel(self, main: asyncio.Task[None]) -> None:
        if not self._ending:  # a second cancellation would interrupt the end
            main.cancel()

    def progress(self) -> MapProgress:
        return MapProgress(
            done=self._done,
            failed=self._failed,
            retried=self._retried,
            running=self._running,
            replayed=self._replayed,
            total=self._total,
        )

    # ------------------------------------------------------------- tasks

    async def _run(self) -> None:
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._open_journal()
            tasks += [self._loop.create_task(self._work()) for _ in range(self.plan.concurrency)]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            # The first failure ends the other tasks.
            self._failure = next((error for each in done if (error := each.exception())), None)
        except Exception as error:  # noqa: BLE001 - of the journal; raised to who waits for results
            self._failure = error
        finally:
            try:
                await self._end(tasks)
                await self._inputs.close()
            finally:
                if self._journal is not None:
                    await self._journal.close()
                self._ended = True
                self._news.set()

    async def _open_journal(self) -> None:
        if self.plan.journal is None:
            return
        opening = start_thread(journals.open_journal, self.plan.journal, self.plan.program)
        try:
            await settle(opening)
        finally:  # also if it was cancelled meanwhile, to close it
            if opening.exception() is None:
                self._journal = opening.result()
        opening.result()

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """End the tasks, and wait until they have terminated their processes."""
        self._ending = True
        remaining = {task for task in tasks if not task.done()}
        # A launch that is cancelled ends its process too, but later: when its reply arrives.
        for task in remaining - self._launching:
            task.cancel()
        if remaining:
            _, remaining = await asyncio.wait(remaining, timeout=EXIT_SECONDS)
        for task in remaining:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # later errors tell nothing new

    async def _work(self) -> None:
        """Work on inputs one after another until none is left."""
        while not self._ending and (taken := await self._inputs.take()) is not None:
            self._running += 1
            try:
                result = await self._result_of(*taken)
            finally:
                self._running -= 1
            if result.error is None:
                self._done += 1
                self._replayed += result.replayed
            else:
                self._failed += 1
                if self.plan.on_error == "raise":
                    self._inputs.end()
            self._add(result)
            self._report()

    def _add(self, result: MapResult[object, object]) -> None:
        """Hand out a result, and those that have waited for it."""
        if not self.plan.ordered:
            self._hand_out(result)
            return
        self._early[result.index] = result
        while (result_in_turn := self._early.pop(self._next, None)) is not None:
            self._next += 1
            self._hand_out(result_in_turn)

    def _hand_out(self, result: MapResult[object, object]) -> None:
        if result.error is not None and self.plan.on_error == "skip":
            self._inputs.may_advance()
        else:
            self._ready.append(result)
            self._news.set()

    def _report(self) -> None:
        if self.plan.on_progress is not None:
            self.plan.on_progress(self.progress())

    # ------------------------------------------------------------- one input

    async def _result_of(self, index: int, value: object) -> MapResult[object, object]:
        try:
            text = self.plan.encode(value)
        except InvalidArgumentError as error:
            return self._error(index, value, error)
        journal = self._journal
        if journal is None:
            digest, answer = "", None
        else:
            digest = journals.digest_of(text)
            answer = journal.answer(index, digest)
        replayed = answer is not None
        try:
            if answer is None:
                process_id, returned, decoded = await self._answer(text)
            else:
                process_id, returned = answer
                decoded = self.plan.decode(process_id, returned)
        except PieError as error:
            if isinstance(error, PieConnectionError) and not self._connected.connection.alive:
                raise  # all other inputs would fail too
            return self._error(index, value, error)
        if journal is not None and not replayed:
            await journal.append(index, digest, process_id, returned)
        return MapResult(index, value, None, returned, replayed, decoded)

    def _error(self, index: int, value: object, error: PieError) -> MapResult[object, object]:
        if self.plan.on_error == "raise":
            error.add_note(f"It is the error of input {index} of a map of {self.plan.program!r}.")
        return MapResult(index, value, error)

    async def _answer(self, text: str) -> tuple[str, str, object]:
        """Run the program on an input, again where that is allowed. Return the process id, and what it returned."""
        left = self.plan.retries
        while True:
            try:
                return await self._attempt(text)
            except PieError as error:
                connection = self._connected.connection
                if self._ending or not connection.alive:
                    raise
                # Nothing was sent while the connection is being restored; its policy limits how long that takes.
                unsent = getattr(error, "sent", None) is False and (
                    isinstance(error, ConnectionLostError) or connection.was_suspended(0)
                )
                if not unsent:
                    if not left or not self.plan.retry(error):
                        raise
                    left -= 1
            self._retried += 1
            self._report()

    async def _attempt(self, text: str) -> tuple[str, str, object]:
        """Run the program on an input once. Its process ends with the call, on timeout and cancellation too."""
        plan, timeout = self.plan, self.plan.timeout
        scope = asyncio.timeout_at(None if timeout is None else self._loop.time() + timeout)
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._launching.add(task)
        try:
            process = await self._connected.launch_text(plan.function or plan.program, text, plan.options)
        finally:
            self._launching.discard(task)
        try:
            async with process, scope:
                if self._ending:
                    raise asyncio.CancelledError
                returned = await process.wait()
        except TimeoutError as error:
            if isinstance(error, PieError) or not scope.expired():
                raise
            raise DeadlineError(
                f"{plan.program} returned nothing within {timeout:g} s, and was terminated; raise timeout="
            ) from None
        return process.process_id, returned, plan.decode(process.process_id, returned)


def start(
    connected: Connected, plan: Plan, inputs: Iterable[object] | AsyncIterable[object]
) -> Map[object, object]:
    """Return the map of a plan over inputs."""
    return Map(_Work(connected, plan, inputs))


def _check_count(name: str, value: object, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidArgumentError(f"invalid {name}={value!r}; pass an integer of {least} or more")
    return value
