from __future__ import annotations
import asyncio
import math
from collections.abc import Callable
from pie_client.connection.transport import Transport
from pie_client.errors import ConnectionLostError
LATE = 1.05

class KeepAlive:

    def __init__(self, transport: Transport, interval: float, timeout: float, paused: Callable[[], bool], fail: Callable[[Exception], None]) -> None:
        ...

    def stop(self) -> None:
        ...
