"""Write received files to disk, in threads."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING

from pie_client.common.logs import LimitedLog
from pie_client.connection.threads import start

if TYPE_CHECKING:
    from collections.abc import Callable

    from pie_client.protocol.session import Session, WriteFile

logger = logging.getLogger(__name__)


class FileWriter:
    """The writes of one connection.

    Args:
        session: Its ``written()`` is called after each write.
        on_end: Called after that.
    """

    def __init__(self, session: Session, on_end: Callable[[], None]) -> None:
        self._session = session
        self._on_end = on_end
        self._running: set[asyncio.Future[None]] = set()
        self._log = LimitedLog(logger)

    def write(self, effect: WriteFile) -> None:
        """Write what a file has in memory. Failures are passed to the session."""
        # Not a task: a cancelled one might never start, and readers would wait for its file for ever.
        parts = effect.file.take_batch()
        size = sum(map(len, parts))
        spool = effect.file.spool
        assert spool is not None  # noqa: S101 - only spooled files are written
        try:
            writing = start(spool.append, parts)
        except RuntimeError as error:
            self._end(effect, size, str(error))
        else:
            self._running.add(writing)
            writing.add_done_callback(functools.partial(self._handle_end, effect, size))

    async def wait(self, timeout: float) -> None:
        """Wait for the running writes, but no longer than ``timeout`` seconds."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout)

    def _handle_end(self, effect: WriteFile, size: int, writing: asyncio.Future[None]) -> None:
        self._running.discard(writing)
        error = asyncio.CancelledError("cancelled") if writing.cancelled() else writing.exception()
        self._end(effect, size, "" if error is None else getattr(error, "strerror", None) or str(error))

    def _end(self, effect: WriteFile, size: int, problem: str) -> None:
        if problem:
            self._log.log(logging.WARNING, "a received file can't be written to disk: %s", problem)
        reason = problem and f"it can't be written to disk ({problem})"
        self._session.written(effect.route, effect.file, size, reason)
        self._on_end()
