from __future__ import annotations
import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from typing import cast
from pie_client.launching import check_many

class Inputs:

    def __init__(self, inputs: Iterable[object] | AsyncIterable[object], ahead: int) -> None:
        ...

    async def take(self) -> tuple[int, object] | None:
        ...

    def may_advance(self) -> None:
        ...

    def end(self) -> None:
        ...

    async def close(self) -> None:
        ...
