"""Check whether a server supports a request: servers leave unknown requests unanswered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine

from pie_client.errors import RefusedError


async def probe(call: asyncio.Task[object], control: Coroutine[None, None, object]) -> bool:
    """Return whether a request is answered, with a result or an error.

    Servers ignore requests that they don't know, and reply to the others of a connection in order. So if a later request
    is answered first, the earlier one never will be.

    Args:
        call: The call to check. It keeps running when the caller is cancelled.
        control: A call that every server answers, if only by refusing it. It is sent second.

    Raises:
        PieError: The control call failed: the connection was lost, or it timed out.
    """
    second = asyncio.create_task(control)
    try:
        await asyncio.wait({call, second}, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            await asyncio.wait({second})  # its reply is the next one
        else:
            with contextlib.suppress(RefusedError):  # a refusal is an answer
                await second
        return call.done()
    finally:
        second.cancel()
        await asyncio.wait({second})
        if not second.cancelled():
            second.exception()  # marks it as retrieved
