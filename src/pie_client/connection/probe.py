"""Finding out whether a server knows a request that it would otherwise leave unanswered."""

import asyncio
import contextlib
from collections.abc import Coroutine

from pie_client.errors import RefusedError


async def probe(question: asyncio.Task[object], answered: Coroutine[None, None, object]) -> bool:
    """Return whether a request is answered, with a result or an error.

    Servers that do not know a request ignore it, and servers answer a connection's requests in order. So when a later
    request is answered first, the earlier one never will be.

    Args:
        question: The call in question. It keeps running when the caller is cancelled.
        answered: A call that every server answers, if only by refusing it. It is sent second.

    Raises:
        PieError: The second call was not answered: the connection is lost, or its time is up.
    """
    second = asyncio.create_task(answered)
    try:
        await asyncio.wait({question, second}, return_when=asyncio.FIRST_COMPLETED)
        if not question.done():
            with contextlib.suppress(RefusedError):  # a refusal is an answer
                await second
        return question.done()
    finally:
        second.cancel()
        await asyncio.wait({second})
        if not second.cancelled():
            second.exception()  # marks it as retrieved
