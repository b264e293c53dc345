"""The real engine that most scenarios share: warmed up before the first test, replaced after a failure.

A new engine compiles its Python before the first script, and shaders before the first generation. On a machine without
a GPU and with other work that takes minutes, which no test's deadline should have to include.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from pie_client import PieClient, inferlet
from tests.scenarios.programs import COMPLETION
from tests.scenarios.servers import RealEngine

FIRST_LAUNCH = 240.0
"""Seconds that the first script of a new engine may take."""
ATTEMPT_TIMEOUT = 300.0
"""Seconds that the first script and the first generation of a new engine may take together, before another is started."""
WARM_UP_TIMEOUT = 900.0
"""Seconds after which no further engine is started."""
PROGRESS_INTERVAL = 15.0
"""Seconds between lines of progress."""


class SharedEngine:
    """A warm real engine in a temporary folder, whose caches the engines that replace it use too."""

    def __init__(self, report: Callable[[str], object]) -> None:
        """Prepare; ``report`` takes lines of progress."""
        self._report = report
        self._folder = tempfile.TemporaryDirectory(prefix="pie-engine-")
        self._engine: RealEngine | None = None
        self.peaks: list[int] = []
        """Highest memory use of each real engine that has ended, in bytes."""

    @property
    def folder(self) -> Path:
        """The folder for the caches of real engines."""
        return Path(self._folder.name)

    @property
    def uri(self) -> str:
        """The address of the engine."""
        assert self._engine is not None
        return self._engine.uri

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()

    def replace(self) -> None:
        """Kill the engine and start another."""
        self._report("replacing the real engine")
        self._stop()
        self._start()

    def _start(self) -> None:
        begin = time.monotonic()
        self._engine = RealEngine(self.folder)
        while not asyncio.run(_warm_up(self._engine, self._report)):
            log = self._engine.log()
            self._stop()
            seconds = time.monotonic() - begin
            if seconds > WARM_UP_TIMEOUT:
                pytest.exit(f"no real engine was warm after {seconds:.0f} s; their log:\n{log}", 1)
            self._report(f"the real engine has stalled after {seconds:.0f} s; starting another")
            self._engine = RealEngine(self.folder)
        self._report(f"the real engine is warm after {time.monotonic() - begin:.0f} s")

    def _stop(self) -> None:
        if self._engine is not None:
            self._engine.kill()
            self.peaks.append(self._engine.peak_memory)
            self._engine = None


SHARED = pytest.StashKey[SharedEngine]()


@inferlet
async def warm_up() -> None:
    """Do nothing."""


async def start_first_script(uri: str, timeout: float = FIRST_LAUNCH) -> None:
    """Make a new engine compile its Python, so that later scripts start without delay."""
    async with PieClient(uri, timeout=timeout) as client:
        await (await client.run(warm_up)).wait()


async def _warm_up(engine: RealEngine, report: Callable[[str], object]) -> bool:
    """Run a script and a generation; return False if a thread of the engine panics, or they take too long."""
    work, stall = asyncio.create_task(_first_work(engine.uri)), asyncio.create_task(_stalls(engine, report))
    await asyncio.wait({work, stall}, timeout=ATTEMPT_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
    warm = work.done()
    stall.cancel()
    if warm:
        await work
    else:
        work.cancel()
        await asyncio.wait({work})
    return warm


async def _first_work(uri: str) -> None:
    await start_first_script(uri, WARM_UP_TIMEOUT)
    async with PieClient(uri, timeout=WARM_UP_TIMEOUT) as client:
        process = await client.launch_process(COMPLETION, {"prompt": "hi", "max_tokens": 2})
        await process.wait()


async def _stalls(engine: RealEngine, report: Callable[[str], object]) -> None:
    """Return when a thread of the engine has panicked; report progress until then."""
    begin = time.monotonic()
    while not engine.has_panicked():
        await asyncio.sleep(PROGRESS_INTERVAL)
        report(f"warming up the real engine: {time.monotonic() - begin:.0f} s")
