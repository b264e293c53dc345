"""Helpers of several test modules of the guide."""

import pytest

from pie_client import Event, Process
from tests.support.peers import in_time

only_0_4 = pytest.mark.parametrize("family", ["0.4"])
only_0_5 = pytest.mark.parametrize("family", ["0.5"])


async def end_of(process: Process) -> tuple[Event, str | bytes]:
    """Receive events up to the terminal one, and return that."""
    while True:
        event, value = await in_time(process.recv())
        if event in (Event.Return, Event.Error):
            return event, value
