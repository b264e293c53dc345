from __future__ import annotations
import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

class Change:

    def __init__(self) -> None:
        ...

    async def wait(self) -> None:
        ...

    def report(self) -> None:
        ...

class Lock:

    def __init__(self, is_needed: Callable[[], bool] | None=None) -> None:
        ...

    async def __aenter__(self) -> None:
        ...

    async def __aexit__(self, *_: object) -> None:
        ...
