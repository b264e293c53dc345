"""The synchronous client in the place of the asynchronous one: the guide's ``await client.ping()`` calls it in a thread."""

import asyncio
import functools
import inspect
from types import TracebackType
from typing import Self, cast

import pie_client
from pie_client import sync


class _Awaited:
    """An object of a synchronous class, whose waiting methods are awaited."""

    asynchronous: type[object]

    def __init__(self, held: sync.PieClient | sync.Process) -> None:
        self._held = held

    def __getattr__(self, name: str) -> object:
        value: object = getattr(self._held, name)
        if not callable(value) or not inspect.iscoroutinefunction(getattr(self.asynchronous, name)):
            return value

        @functools.wraps(value)
        async def awaited(*args: object, **kwargs: object) -> object:
            found: object = await asyncio.to_thread(value, *args, **kwargs)
            return Process(cast("sync.Process", found)) if isinstance(found, sync.Process) else found

        return awaited

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._held.__enter__)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._held.__exit__, kind, error, trace)


class Process(_Awaited):
    """A handle."""

    asynchronous = pie_client.Process


class PieClient(_Awaited):
    """A client, with the arguments that the guide's programs pass."""

    asynchronous = pie_client.PieClient

    def __init__(self, server_uri: str, *, username: str | None = None, timeout: float | None = None) -> None:
        super().__init__(sync.PieClient(server_uri, username=username, timeout=timeout))
