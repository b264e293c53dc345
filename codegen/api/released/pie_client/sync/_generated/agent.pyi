from __future__ import annotations
import os
from pie_client.auth.agent import AgentKey
from pie_client.lazy import LazyModule
TYPE_CHECKING = False
from pie_client.auth import agent as aio
from pie_client.sync import loop_thread

def agent_keys(path: str | os.PathLike[str] | None=None, *, timeout: float | None=None) -> list[AgentKey]:
    ...
__all__ = ['agent_keys']
