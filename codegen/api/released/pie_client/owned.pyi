from __future__ import annotations
import asyncio
from types import TracebackType
from pie_client.process import Process, R_co
EXIT_SECONDS = 5.0

class OwnedProcess(Process[R_co]):
    __slots__ = ()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ...
