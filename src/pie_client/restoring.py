"""Attach the processes of a connection again after it was lost and opened again.

0.5 servers terminate processes with their connection, and 0.3/0.4 servers hold them for the lost one. So this succeeds on
servers that keep them; on others each handle learns why its process is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pie_client._generated.families import FAMILIES
from pie_client.connection.restorable import RestorableConnection
from pie_client.errors import RefusedError, one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client._generated import refusals
else:
    refusals = LazyModule("pie_client._generated.refusals")

CONCURRENT_ATTACHES = 32
"""Processes that are attached at once; 0.5 servers queue 64 requests of a connection."""
HELD_DELAYS = (0.1, 0.2, 0.4)
"""Seconds before another try for processes that the server still holds for the lost connection."""


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
        refused = await _attach_all(connection, waiting)
        kept += (process_id for process_id in waiting if process_id not in refused)
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
) -> Mapping[str, RefusedError]:
    """Attach processes, and return the refusals by id."""
    slots = asyncio.Semaphore(CONCURRENT_ATTACHES)
    refused: dict[str, RefusedError] = {}

    async def attach(process_id: str) -> None:
        async with slots:
            try:
                await connection.calls.attach_process(process_id=process_id)
            except RefusedError as error:
                refused[process_id] = error

    for outcome in await asyncio.gather(*map(attach, process_ids), return_exceptions=True):
        if outcome is not None:
            raise outcome
    return refused


async def _running(connection: RestorableConnection, refused: Mapping[str, RefusedError]) -> set[str]:
    """Return which processes still run although they were refused: the server holds them for another connection."""
    if not refused:
        return set()
    return {info.id for info in await connection.calls.list_processes()} & refused.keys()


def _loss_text(
    connection: RestorableConnection, process_id: str, refusal: RefusedError, *, held: bool
) -> str:
    family = connection.known_family
    if held:
        why = "it still runs, but the server gives it to no other connection; end it with terminate_process()"
    elif not isinstance(refusal, refusals.ProcessNotFoundError):
        why = f"the server refused to attach it again ({one_line(refusal.text)}); launch it again"
    elif family is not None and FAMILIES[family].terminates_on_disconnect:
        why = f"{FAMILIES[family].title} servers terminate processes when their connection ends; launch it again"
    else:
        why = "the server does not know it any more, because it ended meanwhile or the server was restarted; launch it again"
    return f"process {process_id} was lost with its connection: {why}"
