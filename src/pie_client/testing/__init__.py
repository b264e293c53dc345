"""An engine without a model, to try, develop and test Pie applications.

    async with LocalEngine() as engine:
        @engine.inferlet("greet@1.0.0")
        async def greet(session: InferletSession, input: JsonValue) -> str:
            session.print("hello")
            return "done"

        async with PieClient(engine.uri) as client:
            ...

It speaks the real protocol over a loopback socket and runs Python functions as inferlets. It runs no model.

Importing this package imports none of its modules, because pytest imports it in every run to load the plugin. Each name
is imported when it is first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pie_client.testing.engine.daemons import RunningDaemon
    from pie_client.testing.engine.local_engine import LocalEngine
    from pie_client.testing.engine.trace import TracedFrame, describe
    from pie_client.testing.faults.catalogue import Faults
    from pie_client.testing.faults.fault import Fault
    from pie_client.testing.faults.reactions import Refusal
    from pie_client.testing.http.messages import DaemonFunction, DaemonRequest, DaemonResponse
    from pie_client.testing.inferlet.exceptions import McpCallError, ProcessFailure
    from pie_client.testing.inferlet.mcp import McpSession
    from pie_client.testing.inferlet.session import InferletFunction, InferletSession
    from pie_client.testing.scripts.scripts import ScriptLimits

_MODULE_OF = {
    "DaemonFunction": "http.messages",
    "DaemonRequest": "http.messages",
    "DaemonResponse": "http.messages",
    "Fault": "faults.fault",
    "Faults": "faults.catalogue",
    "InferletFunction": "inferlet.session",
    "InferletSession": "inferlet.session",
    "LocalEngine": "engine.local_engine",
    "McpCallError": "inferlet.exceptions",
    "McpSession": "inferlet.mcp",
    "ProcessFailure": "inferlet.exceptions",
    "Refusal": "faults.reactions",
    "RunningDaemon": "engine.daemons",
    "ScriptLimits": "scripts.scripts",
    "TracedFrame": "engine.trace",
    "describe": "engine.trace",
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


# Hidden from type checkers, which would otherwise take any misspelled name for an object.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
