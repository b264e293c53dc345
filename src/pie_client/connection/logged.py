"""Log each request with its duration, without arguments and results. Loaded if DEBUG is on when a client connects."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator
from typing import TypeVar

from pie_client._generated.calls import Caller, Fields
from pie_client._generated.methods import Method
from pie_client.content import Chunk, Content

logger = logging.getLogger(__name__)

R = TypeVar("R")


class Logged:
    """Sends requests by another caller and logs each."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        """Send a request and return its decoded result."""
        with _logged(method):
            return await self._caller.call(method, build, timeout)

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        """Send a message that has no reply."""
        with _logged(method):
            await self._caller.notify(method, build, timeout)

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        """Send a request in chunks and return its decoded result."""
        with _logged(method):
            return await self._caller.upload(method, build, content, timeout)

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        """Send a message in chunks that has no reply."""
        with _logged(method):
            await self._caller.transfer(method, build, content, timeout)


@contextlib.contextmanager
def _logged(method: Method[object]) -> Generator[None]:
    begin = time.perf_counter()
    try:
        yield
    except BaseException as error:
        # Its text may quote the server, which may quote a payload.
        logger.debug("%s: %s after %.1f ms", method.tag, type(error).__name__, _milliseconds(begin))
        raise
    logger.debug("%s: done in %.1f ms", method.tag, _milliseconds(begin))


def _milliseconds(begin: float) -> float:
    return 1000 * (time.perf_counter() - begin)
