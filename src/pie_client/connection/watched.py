"""Send requests by another caller, each in a context of whoever watches them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, TypeAlias, TypeVar

from pie_client._generated.calls import Caller, Fields
from pie_client._generated.methods import Method
from pie_client.content import Chunk, Content

R = TypeVar("R")


class Watch(Protocol):
    """A context manager that surrounds a request.

    Attributes:
        corr_id: Correlation id of the request; None if it has none, or was refused before it got one. If the request was
            repeated after a loss of the connection, the last one.
    """

    corr_id: int | None

    def __enter__(self) -> object: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


Begin: TypeAlias = Callable[[Method[object], bool], Watch]
"""Returns the watch of a request, from what is requested and whether there is a reply."""


class Watched:
    """Sends requests by another caller.

    Args:
        caller: What sends them.
        begin: Makes the watch of each.
    """

    def __init__(self, caller: Caller, begin: Begin) -> None:
        self._caller = caller
        self._begin = begin

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        """Send a request and return its decoded result."""
        watch = self._begin(method, True)

        def numbered(corr_id: int) -> Fields:
            watch.corr_id = corr_id
            return build(corr_id)

        with watch:
            return await self._caller.call(method, numbered, timeout)

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        """Send a message that has no reply."""
        with self._begin(method, False):
            await self._caller.notify(method, build, timeout)

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        """Send a request in chunks and return its decoded result."""
        watch = self._begin(method, True)

        def numbered(corr_id: int, chunk: Chunk) -> Fields:
            watch.corr_id = corr_id
            return build(corr_id, chunk)

        with watch:
            return await self._caller.upload(method, numbered, content, timeout)

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        """Send a message in chunks that has no reply."""
        with self._begin(method, False):
            await self._caller.transfer(method, build, content, timeout)
