"""Daemons of the embedded engine: programs that serve HTTP."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pie_client.testing.http.server import DaemonRequest, DaemonResponse, HttpServer

logger = logging.getLogger(__name__)

PORTS = 1 << 16

DaemonFunction: TypeAlias = Callable[[DaemonRequest], Awaitable[DaemonResponse]]
"""A daemon: called once per HTTP request, gives the response. What it raises becomes status 500.

It is cancelled when its HTTP client leaves, or ends its side of the connection, before the response is there.
"""


class RunningDaemon:
    """A daemon that was launched; ends with the engine, and with nothing else.

    Attributes:
        program: The program as ``name@version``.
        port: The port that was asked for, as far as servers look at it: its low 16 bits. 0: a free one.
    """

    def __init__(
        self, program: str, port: int, function: DaemonFunction | None, *, max_body_bytes: int
    ) -> None:
        self.program = program
        self.port = port % PORTS
        self._server = HttpServer(function or self._absent, max_body_bytes, f"daemon {program}")
        self._listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._starting = asyncio.create_task(self._start(), name=f"daemon {program}")

    async def uri(self) -> str:
        """Wait until it listens and tell where; clients of real servers are told neither.

        Raises:
            OSError: The port can't be had, or the engine was stopped before.
        """
        return f"http://127.0.0.1:{await asyncio.shield(self._listening)}"

    async def stop(self) -> set[asyncio.Task[None]]:
        """Stop listening, break off every connection and cancel every call; gives the calls that do not end."""
        self._starting.cancel()
        await asyncio.wait([self._starting])
        unending = await self._server.close()
        self._fail(ConnectionAbortedError(f"daemon {self.program} was stopped"))
        return unending

    async def _start(self) -> None:
        try:
            self._listening.set_result(await self._server.listen(self.port))
        except OSError as error:
            logger.warning("daemon %s can't listen on port %d: %s", self.program, self.port, error)
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if not self._listening.done():
            self._listening.set_exception(error)
            self._listening.exception()  # nobody has to ask

    async def _absent(self, _request: DaemonRequest) -> DaemonResponse:
        raise LookupError(f"program {self.program} serves no HTTP; register it with @engine.daemon")
