from __future__ import annotations
import asyncio
import contextlib
from collections.abc import Coroutine
from pie_client.errors import RefusedError

async def probe(call: asyncio.Task[object], control: Coroutine[None, None, object]) -> bool:
    ...
