"""Attach the processes of a connection again after it was lost and opened again.

0.5 servers terminate processes with their connection, and 0.3/0.4 servers hold them for the lost one. So this succeeds on
servers that keep them; on others each handle learns why its process is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pie_client._generated.families import FAMILIES
from pie_client.connection.restorable import RestorableConnection
from pie_client.errors import DeadlineError, PieConnectionError, PieError, RefusedError, one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client._generated import refusals
else:
    refusals = LazyModule("pie_client._generated.refusals")

logger = logging.getLogger(__name__)

CONCURRENT_ATTACHES = 32
"""Processes that are attached at once; 0.5 servers queue 64 requests of a connection."""
HELD_DELAYS = (0.1, 0.2, 0.4)
"""Seconds before another try for what the server still holds for the lost connection."""


class Restored(NamedTuple):
    """The ids of processes that had open handles when the connection was lost."""

    kept: list[str]
    """Those that send their events to the new connection."""
    lost: list[str]
    """Those that do not; their handles raise ProcessLostError."""


async def restore_processes(connection: RestorableConnection) -> Restored:
    """Attach every process that has an open handle and has not ended."""
    waiting = connection.live_processes()
    kept: list[str] = []
    lost: list[str] = []
    for delay in (*HELD_DELAYS, None):
        attached, refused = await _attach_all(connection, waiting)
        kept += attached
        held = await _running(connection, refused)
        waiting = [] if delay is None else list(held)
        for process_id in refused.keys() - waiting:
            text = _loss_text(connection, process_id, refused[process_id], held=process_id in held)
            connection.lose_process(process_id, text)
            lost.append(process_id)
        if not waiting or delay is None:
            break
        # The server may notice the end of the lost connection later than this client did.
        await asyncio.sleep(delay)
    return Restored(kept, lost)


async def _attach_all(
    connection: RestorableConnection, process_ids: Iterable[str]
) -> tuple[list[str], Mapping[str, PieError]]:
    """Attach processes that still have a handle. Return the ids of those that are attached, and the errors of others."""
    slots = asyncio.Semaphore(CONCURRENT_ATTACHES)
    attached: list[str] = []
    refused: dict[str, PieError] = {}

    async def attach(process_id: str) -> None:
        async with slots:
            # Handles may be closed meanwhile, before the request or before its reply.
            if not connection.has_handle(process_id):
                return
            try:
                await connection.calls.attach_process(process_id=process_id)
            except (PieConnectionError, DeadlineError):
                raise  # it concerns the connection, not this process
            except PieError as error:
                if connection.has_handle(process_id):
                    refused[process_id] = error
                return
            if connection.has_handle(process_id):
                attached.append(process_id)
            else:
                connection.ignore_process(process_id)

    for outcome in await asyncio.gather(*map(attach, process_ids), return_exceptions=True):
        if outcome is not None:
            raise outcome
    return attached, refused


async def _running(connection: RestorableConnection, refused: Mapping[str, PieError]) -> set[str]:
    """Return which processes still run although they were refused: the server holds them for another connection."""
    if not refused:
        return set()
    try:
        listed = await connection.calls.list_processes()
    except (PieConnectionError, DeadlineError):
        raise
    except PieError as error:
        logger.warning("can't tell which processes the server still holds: %s", error)
        return set()
    return {info.id for info in listed} & refused.keys()


def _loss_text(connection: RestorableConnection, process_id: str, error: PieError, *, held: bool) -> str:
    family = connection.known_family
    if held:
        why = "it still runs, but the server gives it to no other connection; end it with terminate_process()"
    elif not isinstance(error, refusals.ProcessNotFoundError):
        reason = one_line(error.text) if isinstance(error, RefusedError) else str(error)
        why = f"it could not be attached again ({reason}); launch it again"
    elif family is not None and FAMILIES[family].terminates_on_disconnect:
        why = f"{FAMILIES[family].title} servers terminate processes when their connection ends; launch it again"
    else:
        why = "the server does not know it any more, because it ended meanwhile or the server was restarted; launch it again"
    return f"process {process_id} was lost with its connection: {why}"
