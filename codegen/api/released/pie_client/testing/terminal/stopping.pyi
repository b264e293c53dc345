import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from pie_client.interrupts import Interrupts

def write_error(line: str) -> None:
    ...

class Stopping(Interrupts):

    def __init__(self, seconds: float) -> None:
        self.busy_with = ...

    def serve(self, stop: Callable[[], object]) -> None:
        ...
