"""The built-in programs of LocalEngine, registered with ``builtins=True``."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from blake3 import blake3
from pydantic import JsonValue

from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletFunction, InferletSession


async def echo(session: InferletSession, input: JsonValue) -> JsonValue:
    """Return the input."""
    return input


async def count(session: InferletSession, input: JsonValue) -> JsonValue:
    """Print the numbers from 1 to the input (default: 3), ten per second."""
    last = input if isinstance(input, int) else 3
    for number in range(1, last + 1):
        session.print(number)
        await asyncio.sleep(0.1)
    return last


async def wait(session: InferletSession, input: JsonValue) -> JsonValue:
    """Wait for a signal and return its text."""
    return await session.receive()


async def fail(session: InferletSession, input: JsonValue) -> JsonValue:
    """Fail with the input, a text, as the error."""
    raise ProcessFailure(input if isinstance(input, str) and input else "fail needs a text as its input")


async def files(session: InferletSession, input: JsonValue) -> JsonValue:
    """Send "ready", wait for a file, send it back, and return its size and digest."""
    session.send("ready")
    data = await session.receive_file()
    session.send_file(data, "returned")
    return {"bytes": len(data), "blake3": blake3(data).hexdigest()}


BUILTINS: Mapping[str, InferletFunction] = MappingProxyType(
    {f"{function.__name__}@1.0.0": function for function in (echo, count, wait, fail, files)}
)
"""The built-in programs by ``name@version``."""
