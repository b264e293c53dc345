"""Synchronous functions for ``pie_client.auth.agent``.

Written by `python -m codegen generate` from the asynchronous classes; never edited.
"""

from __future__ import annotations

import os

from pie_client.auth.agent import AgentKey
from pie_client.lazy import LazyModule

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from pie_client.auth import agent as aio
    from pie_client.sync import loop_thread
else:
    aio = LazyModule("pie_client.auth.agent")
    loop_thread = LazyModule("pie_client.sync.loop_thread")


def agent_keys(path: str | os.PathLike[str] | None = None, *, timeout: float | None = None) -> list[AgentKey]:
    """List the keys of a running ssh-agent that servers accept. Needs the extra: ``pip install 'pie-client[agent]'``.

    Skips FIDO keys, certificates, DSA, curves other than P-256 and P-384, and RSA under 2048 bits; the reason is logged at
    level DEBUG. A locked OpenSSH agent lists no keys.

    Args:
        path: Path of the agent's socket. Default: the environment variable ``SSH_AUTH_SOCK``; on Windows, if it is not
            set, Pageant or the pipe of the OpenSSH agent.
        timeout: Seconds until the agent replies. Default: 10 s; ``math.inf`` for no limit.

    Returns:
        The keys, in the agent's order.

    Raises:
        AgentError: The agent can't be reached or does not answer correctly, or the extra is not installed.
        DeadlineError: It did not answer in time.
        InvalidArgumentError: The path or the timeout is not valid.
    """
    return loop_thread.running().wait(lambda: aio.agent_keys(path, timeout=timeout))


__all__ = ["agent_keys"]
