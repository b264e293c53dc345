"""Daemons of the embedded engine: programs that serve HTTP."""

import asyncio
import importlib
import logging

from pie_client.common.logs import LimitedLog
from pie_client.errors import UnsupportedError
from pie_client.testing.http.messages import DaemonFunction
from pie_client.testing.http.origins import AllowedOrigins

logger = logging.getLogger(__name__)

PORTS = 1 << 16
GRACE = 1.0
"""Seconds that calls have to end when the daemon stops."""


def check_h11() -> None:
    """Raise UnsupportedError unless the package is installed that daemons need."""
    try:
        importlib.import_module("h11")
    except ImportError as error:
        raise UnsupportedError(
            "daemons of LocalEngine need the h11 package; run `pip install 'pie-client[testing]'`"
        ) from error


class RunningDaemon:
    """A daemon that was launched. It runs until the engine stops.

    Attributes:
        program: The program as ``name@version``.
        port: The requested port modulo 65,536, as on real servers. 0: a free one.
    """

    def __init__(
        self, program: str, port: int, function: DaemonFunction | None, allowed: AllowedOrigins
    ) -> None:
        self.program = program
        self.port = port % PORTS
        self._function = function
        self._allowed = allowed
        self._server: asyncio.Server | None = None
        self._log = LimitedLog(logger)
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._starting = asyncio.create_task(self._start(), name=f"daemon {program}")
        # Marks its exception as retrieved: uri() may never be called.
        self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def uri(self) -> str:
        """Wait until the daemon listens, and return its address. Real servers send neither.

        Raises:
            OSError: The port is not available, or the engine was stopped before.
        """
        await asyncio.wait({self._starting})
        if self._starting.cancelled():
            raise ConnectionAbortedError(f"daemon {self.program} was stopped")
        return f"http://127.0.0.1:{self._starting.result()}"

    async def stop(self) -> set[asyncio.Task[None]]:
        """Stop listening, close all connections and cancel all calls. Returns the calls that have not ended."""
        self._starting.cancel()
        await asyncio.wait({self._starting})
        if self._server is not None:
            self._server.close()
        for task, writer in self._connections.items():
            writer.transport.abort()
            task.cancel()
        if not self._connections:
            return set()
        _, running = await asyncio.wait(self._connections, timeout=GRACE)
        return running

    async def _start(self) -> int:
        """Start listening and return the port."""
        try:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        except OSError as error:
            logger.warning("daemon %s can't listen on port %d: %s", self.program, self.port, error)
            raise
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._function is None:
            self._log.log(
                logging.WARNING, "program %s serves no HTTP; register it with @engine.daemon", self.program
            )
            writer.close()  # without a response, as real servers
            return
        from pie_client.testing.http.connection import HttpConnection  # noqa: PLC0415 - needs the extra

        connection = HttpConnection(reader, writer, self._function, self._allowed, self._log)
        task = asyncio.create_task(connection.serve(), name=f"daemon {self.program}")
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)
