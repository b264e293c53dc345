import asyncio
import importlib
import logging
from pie_client.errors import UnsupportedError
from pie_client.logs import LimitedLog
from pie_client.testing.http.messages import DaemonFunction
from pie_client.testing.http.origins import AllowedOrigins
logger = logging.getLogger(__name__)
PORTS = 1 << 16
GRACE = 1.0

def check_h11() -> None:
    ...

class RunningDaemon:

    def __init__(self) -> None:
        self.program = ...
        self.port = ...

    async def uri(self) -> str:
        ...

    async def stop(self) -> set[asyncio.Task[None]]:
        ...
