"""The client without asyncio: the same names as in :mod:`pie_client`, whose calls wait.

    with PieClient("ws://127.0.0.1:8080") as client:
        process = client.launch_process("text-completion@0.1.0", input={"prompt": "Hello"})
        for event in process:
            ...

Import what does not wait, such as events and errors, from :mod:`pie_client`. The classes are generated from the asynchronous
ones, which do the work in a thread of their own; see :mod:`pie_client.sync.loop_thread`.
"""

from pie_client.lazy import imported as _imported

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from pie_client.sync._generated.agent import agent_keys as agent_keys
    from pie_client.sync._generated.calls import Calls as Calls
    from pie_client.sync._generated.client import PieClient as PieClient
    from pie_client.sync._generated.launching import Runner as Runner
    from pie_client.sync._generated.mapping import Map as Map
    from pie_client.sync._generated.process import Process as Process
    from pie_client.sync.feeds import Source as Source
else:
    _MODULE_OF = {
        "Calls": "_generated.calls",
        "Map": "_generated.mapping",
        "PieClient": "_generated.client",
        "Process": "_generated.process",
        "Runner": "_generated.launching",
        "Source": "feeds",
        "agent_keys": "_generated.agent",
    }
    __all__ = list(_MODULE_OF)

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(_imported(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(_MODULE_OF)
