"""An engine without a model, for trying, developing and testing Pie applications.

    async with LocalEngine() as engine:
        @engine.inferlet("greet@1.0.0")
        async def greet(session: InferletSession, input: JsonValue) -> str:
            session.print("hello")
            return "done"

        async with PieClient(engine.uri) as client:
            ...

It speaks the real protocol over a real loopback socket and runs Python functions as inferlets. No model runs in it.
"""

from pie_client.testing.daemons import DaemonFunction, RunningDaemon
from pie_client.testing.engine import LocalEngine, Refusal
from pie_client.testing.httpserver import DaemonRequest, DaemonResponse
from pie_client.testing.inferlet import InferletFunction, InferletSession, ProcessFailure
from pie_client.testing.mcp import McpCallError, McpSession
from pie_client.testing.scripts import ScriptLimits

__all__ = [
    "DaemonFunction",
    "DaemonRequest",
    "DaemonResponse",
    "InferletFunction",
    "InferletSession",
    "LocalEngine",
    "McpCallError",
    "McpSession",
    "ProcessFailure",
    "Refusal",
    "RunningDaemon",
    "ScriptLimits",
]
