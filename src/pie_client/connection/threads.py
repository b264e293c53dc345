"""Run blocking work in a thread, and check that an event loop runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from pie_client.errors import UnsupportedError

A = TypeVarTuple("A")
R = TypeVar("R")


def start(work: Callable[[*A], R], /, *args: *A) -> asyncio.Future[R]:
    """Start blocking work in a thread. Await :func:`settle` before cleaning up what the work uses."""
    return asyncio.get_running_loop().run_in_executor(None, work, *args)


async def settle(running: asyncio.Future[R]) -> None:
    """Wait until the work has ended, and ignore its outcome. A cancelled caller also waits, then raises CancelledError."""
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as error:
            cancelled = error
    if not running.cancelled():
        running.exception()  # marks it as retrieved
    if cancelled is not None:
        raise cancelled


async def in_thread(work: Callable[[*A], R], /, *args: *A) -> R:
    """Run blocking work in a thread and return its result.

    A cancelled caller resumes when the work has ended, not before: what it cleans up is no longer in use.
    """
    running = start(work, *args)
    await settle(running)
    return running.result()


def check_asyncio() -> None:
    """Raise UnsupportedError unless an asyncio event loop runs."""
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return
    raise UnsupportedError(
        "pie_client needs asyncio, and no asyncio event loop runs here; use asyncio.run(), or AnyIO with its asyncio backend"
    )
