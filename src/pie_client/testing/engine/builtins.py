"""Programs that an embedded engine has by itself when asked to. Each does what its name says; no model runs in any."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from blake3 import blake3
from pydantic import JsonValue

from pie_client.testing.inferlet.session import InferletFunction, InferletSession, ProcessFailure

PAUSE = 0.1
"""Seconds between the numbers that are counted."""


async def echo(session: InferletSession, input: JsonValue) -> JsonValue:
    """Give its input back."""
    return input


async def count(session: InferletSession, input: JsonValue) -> JsonValue:
    """Print the numbers from 1 to its input, 3 without one, ten in a second."""
    last = input if isinstance(input, int) else 3
    for number in range(1, last + 1):
        session.print(number)
        await asyncio.sleep(PAUSE)
    return last


async def wait(session: InferletSession, input: JsonValue) -> JsonValue:
    """Wait for a signal and give its text."""
    return await session.receive()


async def fail(session: InferletSession, input: JsonValue) -> JsonValue:
    """End with an error, whose text is its input where that is one."""
    raise ProcessFailure(input if isinstance(input, str) and input else "asked to fail")


async def files(session: InferletSession, input: JsonValue) -> JsonValue:
    """Say ready, send back the file that it gets, and give its size and digest."""
    session.holds_files = True
    session.send("ready")
    data = await session.receive_file()
    session.send_file(data, "returned")
    return {"bytes": len(data), "blake3": blake3(data).hexdigest()}


BUILTINS: Mapping[str, InferletFunction] = MappingProxyType(
    {f"{function.__name__}@1.0.0": function for function in (echo, count, wait, fail, files)}
)
"""The programs by ``name@version``."""
