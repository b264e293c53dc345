from __future__ import annotations
import asyncio
import functools
import logging
from typing import TYPE_CHECKING
from pie_client.connection.threads import start
from pie_client.logs import LimitedLog
from collections.abc import Callable
from pie_client.protocol.session import Session, WriteFile
logger = logging.getLogger(__name__)

class FileWriter:

    def __init__(self, session: Session, on_end: Callable[[], None]) -> None:
        ...

    def write(self, effect: WriteFile) -> None:
        ...

    async def wait(self, timeout: float) -> None:
        ...
