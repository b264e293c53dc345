import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from types import FrameType

def write_error(line: str) -> None:
    ...

class Stopping:

    def __init__(self, seconds: float) -> None:
        self.signal = ...
        self.busy_with = ...

    @contextlib.contextmanager
    def handled(self) -> Generator[None]:
        ...

    def serve(self, stop: Callable[[], object]) -> None:
        ...
