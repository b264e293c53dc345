from __future__ import annotations
import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from pie_client._generated.families import FAMILIES
from pie_client.connection.restorable import RestorableConnection
from pie_client.errors import DeadlineError, PieConnectionError, PieError, RefusedError, one_line
from pie_client.lazy import LazyModule
from pie_client._generated import refusals
logger = logging.getLogger(__name__)
CONCURRENT_ATTACHES = 32
HELD_DELAYS = (0.1, 0.2, 0.4)

class Restored(NamedTuple):
    kept: list[str]
    lost: list[str]

async def restore_processes(connection: RestorableConnection) -> Restored:
    ...
