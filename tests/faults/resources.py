"""What a piece of work may not leave behind: open files, threads, children, temporary files, objects, complaints."""

import asyncio
import gc
import logging
import sys
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.mcp_servers import children

DESCRIPTORS = Path("/proc/self/fd")


def resources() -> Counter[str]:
    """Return what this process holds: descriptions, and how many of each."""
    held = Counter[str]()
    for path in DESCRIPTORS.iterdir() if DESCRIPTORS.exists() else ():
        try:
            target = str(path.readlink())
        except FileNotFoundError:  # that of the listing itself
            continue
        held[f"descriptor of a {target.partition(':[')[0]}"] += 1
    held.update(f"thread {type(thread).__name__} {thread.name}" for thread in threading.enumerate())
    held.update(f"child process {pid}" for pid in children())
    held.update(f"temporary file {path.name}" for path in Path(tempfile.gettempdir()).iterdir())
    # Only objects that were made after gc.freeze().
    held.update(
        f"object of {kind.__module__}.{kind.__qualname__}"
        for kind in map(type, gc.get_objects())
        if str(kind.__module__).startswith("pie_client.")
    )
    return held


class Complaints:
    """What a piece of work makes Python, asyncio and the client complain about."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def of_loop(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note what an event loop reports, such as exceptions that nobody retrieved."""
        self.texts.append(f"event loop: {context.get('message')}: {context.get('exception')!r}")

    @contextmanager
    def heard(self) -> Generator[None]:
        """Note warnings, errors in finalizers and records of errors; collects garbage at the end."""
        root = logging.getLogger()
        mine: list[logging.Handler] = [_Handler(self.texts)]
        others, root.handlers = root.handlers, mine  # pytest's would keep what is logged
        hook, sys.unraisablehook = sys.unraisablehook, self._of_finalizer
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                try:
                    yield
                finally:
                    gc.collect()
            self.texts += [f"{w.category.__name__}: {w.message} ({w.filename}:{w.lineno})" for w in warned]
        finally:
            root.handlers = others
            sys.unraisablehook = hook

    def _of_finalizer(self, raised: "sys.UnraisableHookArgs") -> None:
        self.texts.append(f"finalizer: {raised.err_msg or ''} {raised.exc_value!r} in {raised.object!r}")


class _Handler(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(f"{record.levelname} of {record.name}: {record.getMessage()}")
