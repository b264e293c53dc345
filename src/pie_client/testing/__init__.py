"""An engine without a model, for trying, developing and testing Pie applications.

    async with LocalEngine() as engine:
        @engine.inferlet("greet@1.0.0")
        async def greet(session: InferletSession, input: JsonValue) -> str:
            session.print("hello")
            return "done"

        async with PieClient(engine.uri) as client:
            ...

It speaks the real protocol over a real loopback socket and runs Python functions as inferlets. No model runs in it.

Importing this package loads nothing, for pytest loads its plugin in every run; each name loads what it needs when it is
first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pie_client.testing.conversation import Refusal
    from pie_client.testing.daemons import DaemonFunction, RunningDaemon
    from pie_client.testing.engine import LocalEngine
    from pie_client.testing.fault import Fault
    from pie_client.testing.faults import Faults
    from pie_client.testing.httpserver import DaemonRequest, DaemonResponse
    from pie_client.testing.inferlet import InferletFunction, InferletSession, ProcessFailure
    from pie_client.testing.mcp import McpCallError, McpSession
    from pie_client.testing.scripts import ScriptLimits
    from pie_client.testing.trace import TracedFrame, describe

_MODULE_OF = {
    "DaemonFunction": "daemons",
    "DaemonRequest": "httpserver",
    "DaemonResponse": "httpserver",
    "Fault": "fault",
    "Faults": "faults",
    "InferletFunction": "inferlet",
    "InferletSession": "inferlet",
    "LocalEngine": "engine",
    "McpCallError": "mcp",
    "McpSession": "mcp",
    "ProcessFailure": "inferlet",
    "Refusal": "conversation",
    "RunningDaemon": "daemons",
    "ScriptLimits": "scripts",
    "TracedFrame": "trace",
    "describe": "trace",
}

__all__ = [
    "DaemonFunction",
    "DaemonRequest",
    "DaemonResponse",
    "Fault",
    "Faults",
    "InferletFunction",
    "InferletSession",
    "LocalEngine",
    "McpCallError",
    "McpSession",
    "ProcessFailure",
    "Refusal",
    "RunningDaemon",
    "ScriptLimits",
    "TracedFrame",
    "describe",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
