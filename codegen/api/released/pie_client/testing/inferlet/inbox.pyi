import asyncio
from collections.abc import Callable

class Inbox:

    def __init__(self) -> None:
        self.forward_file = ...
        self.signals = ...

    def put_file(self, data: bytes) -> bool:
        ...

    def fail_file_waiter(self, reason: str) -> None:
        ...

    async def receive_file(self, *, attached: bool) -> bytes:
        ...
