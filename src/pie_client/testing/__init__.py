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

from pie_client.lazy import imported as _imported

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from pie_client.testing.engine.daemons import RunningDaemon as RunningDaemon
    from pie_client.testing.engine.local_engine import LocalEngine as LocalEngine
    from pie_client.testing.faults.catalogue import Faults as Faults
    from pie_client.testing.faults.fault import Fault as Fault
    from pie_client.testing.faults.reactions import Refusal as Refusal
    from pie_client.testing.http.messages import DaemonFunction as DaemonFunction
    from pie_client.testing.http.messages import DaemonRequest as DaemonRequest
    from pie_client.testing.http.messages import DaemonResponse as DaemonResponse
    from pie_client.testing.inferlet.exceptions import McpCallError as McpCallError
    from pie_client.testing.inferlet.exceptions import ProcessFailure as ProcessFailure
    from pie_client.testing.inferlet.mcp import McpSession as McpSession
    from pie_client.testing.inferlet.session import InferletFunction as InferletFunction
    from pie_client.testing.inferlet.session import InferletSession as InferletSession
    from pie_client.testing.scripts.scripts import ScriptLimits as ScriptLimits
else:
    # Hidden from type checkers, which would otherwise take any misspelled name for an object.
    _MODULES = {
        "engine.daemons": ("RunningDaemon",),
        "engine.local_engine": ("LocalEngine",),
        "faults.catalogue": ("Faults",),
        "faults.fault": ("Fault",),
        "faults.reactions": ("Refusal",),
        "http.messages": ("DaemonFunction", "DaemonRequest", "DaemonResponse"),
        "inferlet.exceptions": ("McpCallError", "ProcessFailure"),
        "inferlet.mcp": ("McpSession",),
        "inferlet.session": ("InferletFunction", "InferletSession"),
        "scripts.scripts": ("ScriptLimits",),
    }
    _MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return [*_MODULE_OF]
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(_imported(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(_MODULE_OF)
