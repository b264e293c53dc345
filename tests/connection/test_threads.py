"""Blocking work in threads."""

import asyncio
import threading

import pytest

from pie_client.connection.threads import in_thread
from tests.support.peers import TIMEOUT


class Work:
    """Work that ends when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.started = asyncio.Event()
        self.go_on = threading.Event()
        self.ended = False
        self._error = error
        self._loop = asyncio.get_running_loop()

    def __call__(self, result: int) -> int:
        self._loop.call_soon_threadsafe(self.started.set)
        assert self.go_on.wait(TIMEOUT)
        self.ended = True
        if self._error is not None:
            raise self._error
        return result


async def test_the_result_of_the_work_is_returned() -> None:
    work = Work()
    work.go_on.set()
    assert await in_thread(work, 5) == 5


async def test_an_error_of_the_work_is_raised() -> None:
    work = Work(OSError("disk full"))
    work.go_on.set()
    with pytest.raises(OSError, match="disk full"):
        await in_thread(work, 5)


@pytest.mark.parametrize("error", [None, OSError("disk full")])
async def test_a_caller_that_is_cancelled_more_than_once_waits_for_the_work(error: Exception | None) -> None:
    work = Work(error)
    caller = asyncio.create_task(in_thread(work, 5))
    await work.started.wait()
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not caller.done()
    work.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.ended
