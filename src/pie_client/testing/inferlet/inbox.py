"""What a client has sent to a process and its inferlet has not received yet."""

import asyncio
from collections import deque


class Inbox:
    """Signals and files for one inferlet.

    Signals wait until they are received. A file reaches only a :meth:`receive_file` that waits for it, as in the real
    engine, unless ``keep_last_file`` is set.
    """

    def __init__(self) -> None:
        self._signals: deque[str] = deque()
        self._signalled = asyncio.Event()
        self._file_waiter: asyncio.Future[bytes] | None = None
        self._keep_last_file = False
        self._kept_file: bytes | None = None

    def put_signal(self, message: str) -> None:
        """Add a signal."""
        self._signals.append(message)
        self._signalled.set()

    def put_file(self, data: bytes) -> bool:
        """Deliver a file and return True, or return False if it is dropped."""
        if self._file_waiter is not None and not self._file_waiter.done():
            self._file_waiter.set_result(data)
            return True
        self._kept_file = data if self._keep_last_file else None
        return self._keep_last_file

    def fail_file_waiter(self, reason: str) -> None:
        """Raise RuntimeError in the pending :meth:`receive_file`, if any."""
        if self._file_waiter is not None and not self._file_waiter.done():
            self._file_waiter.set_exception(RuntimeError(reason))

    async def receive(self) -> str:
        """Wait for a signal and return it."""
        while not self._signals:
            self._signalled.clear()
            await self._signalled.wait()
        return self._signals.popleft()

    async def receive_file(self, *, attached: bool) -> bytes:
        """Wait for a file and return it. Replaces an earlier call that still waits, which raises RuntimeError."""
        if self._kept_file is not None:
            data, self._kept_file = self._kept_file, None
            return data
        self.fail_file_waiter("another receive_file has replaced this one")
        if not attached:
            raise RuntimeError("no client is attached to the process, so it can't receive a file")
        waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._file_waiter = waiter
        try:
            return await waiter
        finally:
            # A call that has replaced this one has a waiter of its own.
            if self._file_waiter is waiter:
                self._file_waiter = None

    @property
    def keep_last_file(self) -> bool:
        """Whether the last file that arrives while no :meth:`receive_file` waits is kept for the next one."""
        return self._keep_last_file

    @keep_last_file.setter
    def keep_last_file(self, keep: bool) -> None:
        self._keep_last_file = keep
        if not keep:
            self._kept_file = None
