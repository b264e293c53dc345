"""What a client has sent to a process and its inferlet has not received yet."""

import asyncio
from collections.abc import Callable


class Inbox:
    """Signals and files for one inferlet.

    Signals wait until they are received. A file reaches only a :meth:`receive_file` that waits for it, as in the real
    engine.

    Attributes:
        signals: Signals that were not received yet.
        forward_file: Called with each file instead, and with None when the client has disconnected.
    """

    def __init__(self) -> None:
        self.forward_file: Callable[[bytes | None], None] | None = None
        self.signals: asyncio.Queue[str] = asyncio.Queue()
        self._file_waiter: asyncio.Future[bytes] | None = None

    def put_file(self, data: bytes) -> bool:
        """Deliver a file and return True, or return False if it is dropped."""
        if self.forward_file is not None:
            self.forward_file(data)
        elif self._file_waiter is None or self._file_waiter.done():
            return False
        else:
            self._file_waiter.set_result(data)
        return True

    def fail_file_waiter(self, reason: str) -> None:
        """Raise RuntimeError in the pending :meth:`receive_file`, if any."""
        if self.forward_file is not None:
            self.forward_file(None)
        elif self._file_waiter is not None and not self._file_waiter.done():
            self._file_waiter.set_exception(RuntimeError(reason))

    async def receive_file(self, *, attached: bool) -> bytes:
        """Wait for a file and return it. Replaces an earlier call that still waits, which raises RuntimeError."""
        self.fail_file_waiter("another receive_file has replaced this one")
        if not attached:
            raise RuntimeError("no client is attached to the process, so it can't receive a file")
        self._file_waiter = asyncio.get_running_loop().create_future()
        return await self._file_waiter
