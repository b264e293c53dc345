"""Typed async client of the Pie LLM serving engine.

    async with PieClient("ws://127.0.0.1:8080") as client:
        process = await client.launch_process("text-completion@0.1.0", input={"prompt": "Hello"})
        async for event in process:
            ...

The submodules :mod:`pie_client.errors` (the error tree), :mod:`pie_client.models` (the protocol's messages) and
:mod:`pie_client.testing` (an embedded engine) are public too.

Importing this package loads no dependency and hardly anything of its own: each name loads its module on first use (PEP 562).
"""

from pie_client._generated.public import MODULE_OF as _GENERATED
from pie_client._version import __version__ as __version__
from pie_client.lazy import imported as _imported

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from pie_client import errors as errors
    from pie_client import models as models
    from pie_client import testing as testing
    from pie_client._generated.calls import Calls as Calls
    from pie_client._generated.public import *  # noqa: F403 - the names are the schema's
    from pie_client.auth.agent import AgentKey as AgentKey
    from pie_client.auth.agent import agent_keys as agent_keys
    from pie_client.auth.keys import ParsedPrivateKey as ParsedPrivateKey
    from pie_client.auth.keys import Signer as Signer
    from pie_client.auth.server_info import ServerInfo as ServerInfo
    from pie_client.client import PieClient as PieClient
    from pie_client.connection.contents import Progress as Progress
    from pie_client.connection.contents import Source as Source
    from pie_client.connection.observing import Observation as Observation
    from pie_client.connection.observing import ObservedFrame as ObservedFrame
    from pie_client.connection.observing import Redacted as Redacted
    from pie_client.connection.reconnect import Reconnect as Reconnect
    from pie_client.connection.state import ConnectionState as ConnectionState
    from pie_client.connection.state import ConnectionStatus as ConnectionStatus
    from pie_client.content import Content as Content
    from pie_client.errors import *  # noqa: F403 - every exception is public
    from pie_client.launching import Runner as Runner
    from pie_client.maps.mapping import Map as Map
    from pie_client.maps.mapping import MapFunction as MapFunction
    from pie_client.maps.mapping import MapProgress as MapProgress
    from pie_client.maps.mapping import MapResult as MapResult
    from pie_client.maps.mapping import OnError as OnError
    from pie_client.process import Process as Process
    from pie_client.programs.functions import Inferlet as Inferlet
    from pie_client.programs.functions import inferlet as inferlet
    from pie_client.programs.manifest import parse_manifest as parse_manifest
    from pie_client.protocol.files import FileEvent as FileEvent
    from pie_client.protocol.files import ReceivedFile as ReceivedFile
    from pie_client.protocol.items import CorruptEvent as CorruptEvent
    from pie_client.protocol.items import ProcessEvent as ProcessEvent
    from pie_client.protocol.shares import WhenFull as WhenFull
else:
    # Hidden from type checkers, which would take any misspelled name for an object.
    _MODULES = {
        "pie_client._generated.calls": ("Calls",),
        "pie_client.auth.agent": ("AgentKey", "agent_keys"),
        "pie_client.auth.keys": ("ParsedPrivateKey", "Signer"),
        "pie_client.auth.server_info": ("ServerInfo",),
        "pie_client.client": ("PieClient",),
        "pie_client.connection.contents": ("Progress", "Source"),
        "pie_client.connection.observing": ("Observation", "ObservedFrame", "Redacted"),
        "pie_client.connection.reconnect": ("Reconnect",),
        "pie_client.connection.state": ("ConnectionState", "ConnectionStatus"),
        "pie_client.content": ("Content",),
        "pie_client.launching": ("Runner",),
        "pie_client.maps.mapping": ("Map", "MapFunction", "MapProgress", "MapResult", "OnError"),
        "pie_client.process": ("Process",),
        "pie_client.programs.functions": ("Inferlet", "inferlet"),
        "pie_client.programs.manifest": ("parse_manifest",),
        "pie_client.protocol.files": ("FileEvent", "ReceivedFile"),
        "pie_client.protocol.items": ("CorruptEvent", "ProcessEvent"),
        "pie_client.protocol.shares": ("WhenFull",),
    }
    _MODULE_OF = {name: module for module, names in _MODULES.items() for name in names} | _GENERATED
    _SUBMODULES = ("errors", "models", "testing")

    def __getattr__(name: str) -> object:
        if name in _SUBMODULES:
            return _imported(f"{__name__}.{name}")
        errors = "pie_client.errors"
        if name == "__all__":
            return [*_MODULE_OF, *_imported(errors).__all__, "__version__"]
        if name not in _MODULE_OF and name not in _imported(errors).__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(_imported(_MODULE_OF.get(name, errors)), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted([*__getattr__("__all__"), *_SUBMODULES])
