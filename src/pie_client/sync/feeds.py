"""Pass ordinary iterables to the asynchronous client, which takes each item in a thread of the iterable's own.

So an iterable may block, and may call the client. All its code runs in one thread, and in the context of the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping, Sized
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from pie_client.connection import contents

T = TypeVar("T")

Source: TypeAlias = bytes | os.PathLike[str] | Iterable[bytes]
"""What can be sent: bytes, the path of a file, or an iterable of bytes of any size."""

_END: Final = object()


class Feed(AsyncIterable[T], Generic[T]):
    """The items of an iterable, as an asynchronous iterable."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = items

    async def __aiter__(self) -> AsyncGenerator[T]:
        """Yield the items. The thread ends, and closes a generator, when the iteration is left."""
        loop = asyncio.get_running_loop()
        orders: SimpleQueue[asyncio.Future[object] | None] = SimpleQueue()
        run = contextvars.copy_context().run
        # A daemon: an iterable that blocks for ever must not keep the interpreter running.
        threading.Thread(
            target=run, args=[_take, self._items, orders, loop], name="pie-client input", daemon=True
        ).start()
        try:
            while True:
                orders.put(order := loop.create_future())
                if (item := await order) is _END:
                    return
                yield cast("T", item)
        finally:
            orders.put(None)


class SizedFeed(Feed[T]):
    """The items of a collection, whose number is known."""

    def __len__(self) -> int:
        return len(cast("Sized", self._items))


def as_inputs(inputs: Iterable[T]) -> Iterable[T] | AsyncIterable[T]:
    """Return inputs for the asynchronous client. What is no collection of inputs is left to it to refuse."""
    given = cast("object", inputs)
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        return inputs
    return SizedFeed(inputs) if isinstance(given, Sized) else Feed(inputs)


def as_source(source: Source) -> contents.Source:
    """Return a content for the asynchronous client. What is no content is left to it to refuse."""
    given = cast("object", source)
    other = (str, bytes, bytearray, memoryview, os.PathLike)
    if isinstance(given, other) or not isinstance(given, Iterable):
        return cast("contents.Source", given)
    return Feed(cast("Iterable[bytes]", given))


def _take(
    items: Iterable[T],
    orders: SimpleQueue[asyncio.Future[object] | None],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Take an item for each order, until there is an order to end."""
    iterator = None
    with contextlib.suppress(RuntimeError):  # the loop is closed
        while (order := orders.get()) is not None:
            settle: Callable[..., None] = _set_result
            outcome: object
            try:
                if iterator is None:
                    iterator = iter(items)
                outcome = next(iterator, _END)
            except BaseException as error:  # noqa: BLE001 - raised to who asked for the item
                settle, outcome = _set_exception, error
            loop.call_soon_threadsafe(settle, order, outcome)
    if isinstance(iterator, Generator):
        iterator.close()


def _set_result(order: asyncio.Future[object], item: object) -> None:
    if not order.done():
        order.set_result(item)


def _set_exception(order: asyncio.Future[object], error: BaseException) -> None:
    if not order.done():
        order.set_exception(error)
