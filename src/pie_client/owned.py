"""Handles whose process is terminated at the end of the ``async with`` block that uses it."""

from __future__ import annotations

import asyncio
from types import TracebackType

from pie_client.process import Process, R_co

EXIT_SECONDS = 5.0
"""Seconds that leaving the block waits until the server confirms the end of the process."""


class OwnedProcess(Process[R_co]):
    """A handle that terminates its process when an ``async with`` block is left before the process has ended."""

    __slots__ = ()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runs = self._is_running() and self.process_id
        self.close()
        if runs:
            # In a task, so that another cancellation does not prevent it.
            terminating = self._connection.terminate_later(self.process_id)
            await asyncio.wait({terminating}, timeout=EXIT_SECONDS)
