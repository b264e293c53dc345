"""The inputs of a map, from an iterable or an asynchronous one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from typing import cast

from pie_client.launching import check_many


class Inputs:
    """Inputs that are taken one at a time, and only so far ahead of the results.

    Args:
        inputs: Where they come from.
        ahead: Most inputs that may be taken before their results are.
    """

    def __init__(self, inputs: Iterable[object] | AsyncIterable[object], ahead: int) -> None:
        self._async: AsyncIterator[object] | None = None
        self._source = inputs
        if isinstance(inputs, AsyncIterable):
            self._async = aiter(inputs)
        else:
            check_many("inputs", inputs)
            self._iterator = iter(inputs)
        self._places = asyncio.Semaphore(ahead)
        self._turn = asyncio.Lock()
        self._taken = 0
        self._ended = False

    async def take(self) -> tuple[int, object] | None:
        """Return the next input with its index, or None if there is none."""
        await self._places.acquire()
        try:
            value = self._next() if self._async is None else await self._next_async(self._async)
        except (StopIteration, StopAsyncIteration):
            self.end()
            return None
        self._taken += 1
        return self._taken - 1, value

    def may_advance(self) -> None:
        """Allow to take another input: a result was handed out."""
        self._places.release()

    def end(self) -> None:
        """Take no further input."""
        self._ended = True
        self._places.release()  # wakes the next task that waits, which does the same

    async def close(self) -> None:
        """Close the generator that yields the inputs, unless the caller made it: nobody else can."""
        iterator: object = self._async
        if iterator is not self._source and isinstance(iterator, AsyncGenerator):
            await cast("AsyncGenerator[object]", iterator).aclose()

    def _next(self) -> object:
        if self._ended:
            raise StopAsyncIteration
        return next(self._iterator)

    async def _next_async(self, iterator: AsyncIterator[object]) -> object:
        async with self._turn:
            if self._ended:
                raise StopAsyncIteration
            return await anext(iterator)
