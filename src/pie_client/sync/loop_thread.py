"""The thread in which the synchronous clients of a process do their work, in one event loop.

There is one for all clients of a process. A thread for each would make no call faster, as Python runs one at a time, and
programs that open a client for each user would pay for as many threads, loops and stops. Its price: a callback that blocks,
such as ``progress=``, holds up all clients.

The thread starts with the first client. It does not keep the interpreter running: at exit it closes the clients that are
open, and ends. A process that was forked from another one starts a thread of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import functools
import os
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Protocol, TypeVar, cast

from pie_client.errors import InvalidArgumentError, NotConnectedError, UnsupportedError

T = TypeVar("T")

EXIT_SECONDS = 5.0
"""Most seconds that the interpreter waits at exit until the clients are closed, and as many for the thread."""
WAKE_SECONDS = 0.1
"""Seconds after which a wait begins again on Windows, where nothing interrupts it."""


class _Closable(Protocol):
    async def close(self) -> None: ...


class LoopThread:
    """An event loop in a thread, and the calls of other threads that wait for it. Use :func:`running` to get one."""

    def __init__(self) -> None:
        self.forked = False
        """Whether this process was forked from the one that has the thread."""
        self._clients: weakref.WeakSet[_Closable] = weakref.WeakSet()
        self._stopping = False
        started: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=[started], name="pie-client", daemon=True)
        self._thread.start()
        self._loop = started.result()

    def _run(self, started: concurrent.futures.Future[asyncio.AbstractEventLoop]) -> None:
        try:
            with asyncio.Runner() as runner:
                loop = runner.get_loop()
                started.set_result(loop)
                while not self._stopping:
                    # What a callback raises to end the program is raised in the caller too.
                    with contextlib.suppress(KeyboardInterrupt, SystemExit):
                        loop.run_forever()
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            elif not (self._stopping and isinstance(error, RuntimeError)):
                raise  # at exit, Python 3.12 starts no thread to end those of the loop

    def keep(self, client: _Closable) -> None:
        """Close a client at exit, unless it was closed or dropped before."""
        self._clients.add(client)

    # ------------------------------------------------------------- calls of other threads

    def wait(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Begin something in the loop, wait for its end, and return its result.

        The wait ends at once with what a signal handler raises, such as KeyboardInterrupt; the work is then cancelled.

        Args:
            begin: Called in the loop, in the context of the caller.

        Raises:
            UnsupportedError: The caller is a callback in the loop, which could not go on meanwhile.
            InvalidArgumentError: This process was forked from the one that has the thread.
            NotConnectedError: The interpreter exits.
        """
        if not self.forked and threading.get_ident() == self._thread.ident:
            raise UnsupportedError(
                f"{_name(begin)}() would wait for the callback that calls it; call it in another thread, or use pie_client.PieClient"
            )
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        try:
            self._submit(begin, future)
            if sys.platform == "win32":
                while not concurrent.futures.wait([future], WAKE_SECONDS).done:
                    pass
            return future.result()
        except concurrent.futures.CancelledError:
            raise _stopped(begin) from None
        except BaseException:
            future.cancel()  # unless the error is the result
            raise
        finally:
            del future  # it refers to the error, whose traceback refers to this frame

    def leave(self, begin: Callable[[], Awaitable[None]]) -> None:
        """End a ``with`` block, as :meth:`wait`. Does nothing in a forked process, whose parent ends it."""
        if not self.forked:
            self.wait(begin)

    def do(self, work: Callable[[], T]) -> T:
        """Do something in the loop that does not wait there, and return its result. Callbacks may do so too."""
        if not self.forked and threading.get_ident() == self._thread.ident:
            return work()

        async def done() -> T:
            return work()

        done.__qualname__ = work.__qualname__
        return self.wait(done)

    def step(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Return the next item, as :meth:`wait`. Raises StopIteration at the end."""
        try:
            return self.wait(begin)
        except StopAsyncIteration:
            raise StopIteration from None

    def iterate(self, begin: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
        """Iterate over what an asynchronous generator yields."""
        return self._items(self.do(begin), _name(begin))

    def _items(self, source: AsyncGenerator[T], name: str) -> Generator[T]:
        # In the loop, which the generator belongs to from its first step on.
        async def step() -> T:
            return await anext(source)

        step.__qualname__ = name
        # When the iteration is left, the loop closes the generator, as it does with one that ``async for`` leaves.
        while True:
            try:
                item = self.wait(step)
            except StopAsyncIteration:
                return
            yield item

    def _submit(self, begin: Callable[[], Awaitable[T]], future: concurrent.futures.Future[T]) -> None:
        """Begin something in the loop whose outcome is that of a future. Cancelling the future cancels it."""
        if self.forked:
            raise InvalidArgumentError(
                f"{_name(begin)}() belongs to a client of the process that forked this one; create a client after the fork"
            )
        caller = threading.current_thread()

        # The caller made the future, and the loop makes the coroutine: what a signal handler raises meanwhile must leave
        # neither a coroutine without a task, nor a task that nobody can cancel.
        def start() -> None:
            if future.cancelled():
                return
            task = self._loop.create_task(_result_of(begin, caller))
            task.add_done_callback(functools.partial(_settle, future))
            future.add_done_callback(functools.partial(_cancel, task))

        try:
            self._loop.call_soon_threadsafe(start)
        except RuntimeError:
            raise _stopped(begin) from None

    # ------------------------------------------------------------- exit and fork

    def stop(self) -> None:
        """Close the clients and end the thread. Takes a few seconds at most."""
        with contextlib.suppress(Exception):  # nobody is there to handle it
            closed: concurrent.futures.Future[object] = concurrent.futures.Future()
            self._submit(lambda: asyncio.gather(*(each.close() for each in list(self._clients))), closed)
            closed.result(EXIT_SECONDS)
        self._stopping = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(EXIT_SECONDS)


_lock = threading.Lock()
_current: LoopThread | None = None
_inherited: list[LoopThread] = []
"""Those of the processes that this one was forked from. Kept: to close a loop here would change what the parent waits for."""


def running() -> LoopThread:
    """Return the thread of this process; start it for the first caller."""
    global _current  # noqa: PLW0603 - one in each process
    with _lock:
        if _current is None:
            _current = LoopThread()
        return _current


def untyped(function: object) -> Callable[..., Any]:
    """Return a method with overloads as one that takes the arguments of any of them."""
    return cast("Callable[..., Any]", function)


async def _result_of(begin: Callable[[], Awaitable[T]], caller: threading.Thread) -> T:
    # All calls of a thread count as one reader of events, as those of a task do.
    setattr(asyncio.current_task(), "caller", caller)  # noqa: B010 - an attribute of this package
    return await begin()


def _settle(future: concurrent.futures.Future[T], task: asyncio.Task[T]) -> None:
    """Make the outcome of a task that of a future, unless the future was cancelled."""
    error = None if task.cancelled() else task.exception()
    if task.cancelled():
        future.cancel()
    if future.set_running_or_notify_cancel():
        if error is None:
            future.set_result(task.result())
        else:
            future.set_exception(error)


def _cancel(task: asyncio.Task[T], future: concurrent.futures.Future[T]) -> None:
    """Cancel a task if the future of its outcome was cancelled."""
    if future.cancelled():
        task.get_loop().call_soon_threadsafe(task.cancel)


def _name(begin: Callable[..., object]) -> str:
    """Return the name of the method that a function was defined in."""
    return begin.__qualname__.partition(".<locals>")[0]


def _stopped(begin: Callable[..., object]) -> NotConnectedError:
    return NotConnectedError(f"{_name(begin)}() was not finished: the interpreter exits")


def _stop() -> None:
    if _current is not None:
        _current.stop()


def _forget() -> None:
    """Start anew in a forked process. The lock may be held by a thread that does not exist there."""
    global _current, _lock  # noqa: PLW0603 - one in each process
    _lock = threading.Lock()
    if _current is not None:
        _current.forked = True
        _inherited.append(_current)
        _current = None


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
