"""Typed async client of the Pie LLM serving engine.

    async with PieClient("ws://127.0.0.1:8080") as client:
        process = await client.launch_process("text-completion@0.1.0", input={"prompt": "Hello"})
        async for event in process:
            ...

The submodules :mod:`pie_client.errors` (the error tree), :mod:`pie_client.models` (the protocol's messages) and
:mod:`pie_client.testing` (an embedded engine) are public too.

Importing this package loads none of its modules: each name loads its module on first use (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

import pie_client._generated.public as _public
from pie_client._version import __version__

if TYPE_CHECKING:
    from pie_client import errors as errors
    from pie_client import models as models
    from pie_client import testing as testing
    from pie_client._generated.public import *  # noqa: F403 - the names are the schema's
    from pie_client.auth.agent import AgentKey, agent_keys
    from pie_client.auth.keys import ParsedPrivateKey, Signer
    from pie_client.auth.login import ServerInfo
    from pie_client.client import PieClient
    from pie_client.errors import (
        AgentError,
        ConnectError,
        ConnectionLostError,
        ConnectTimeoutError,
        DeadlineError,
        HandshakeError,
        HashesNotComparedWarning,
        InvalidArgumentError,
        InvalidKeyError,
        ManifestError,
        McpServerError,
        NotAttachedError,
        NotConnectedError,
        PieConnectionError,
        PieError,
        ProcessEndedError,
        ProcessError,
        ProgramExistsError,
        ProtocolError,
        RefusedError,
        RegistryError,
        ResultError,
        ServerError,
        SlowConsumerError,
        UnsupportedError,
    )
    from pie_client.process import Process
    from pie_client.programs.functions import Inferlet, inferlet
    from pie_client.programs.manifest import parse_manifest
    from pie_client.protocol.files import FileEvent, SpooledFile
    from pie_client.protocol.mailbox import CorruptEvent, ProcessEvent

_MODULES = {
    "pie_client.auth.agent": ("AgentKey", "agent_keys"),
    "pie_client.auth.keys": ("ParsedPrivateKey", "Signer"),
    "pie_client.auth.login": ("ServerInfo",),
    "pie_client.client": ("PieClient",),
    "pie_client.errors": (
        "AgentError",
        "ConnectError",
        "ConnectTimeoutError",
        "ConnectionLostError",
        "DeadlineError",
        "HandshakeError",
        "HashesNotComparedWarning",
        "InvalidArgumentError",
        "InvalidKeyError",
        "ManifestError",
        "McpServerError",
        "NotAttachedError",
        "NotConnectedError",
        "PieConnectionError",
        "PieError",
        "ProcessEndedError",
        "ProcessError",
        "ProgramExistsError",
        "ProtocolError",
        "RefusedError",
        "RegistryError",
        "ResultError",
        "ServerError",
        "SlowConsumerError",
        "UnsupportedError",
    ),
    "pie_client.process": ("Process",),
    "pie_client.programs.functions": ("Inferlet", "inferlet"),
    "pie_client.programs.manifest": ("parse_manifest",),
    "pie_client.protocol.files": ("FileEvent", "SpooledFile"),
    "pie_client.protocol.mailbox": ("CorruptEvent", "ProcessEvent"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names} | dict(_public.MODULE_OF)

__all__: list[str] = [
    "AgentError",
    "AgentKey",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "CorruptEvent",
    "DeadlineError",
    "FileEvent",
    "HandshakeError",
    "HashesNotComparedWarning",
    "Inferlet",
    "InvalidArgumentError",
    "InvalidKeyError",
    "ManifestError",
    "McpServerError",
    "NotAttachedError",
    "NotConnectedError",
    "ParsedPrivateKey",
    "PieClient",
    "PieConnectionError",
    "PieError",
    "Process",
    "ProcessEndedError",
    "ProcessError",
    "ProcessEvent",
    "ProgramExistsError",
    "ProtocolError",
    "RefusedError",
    "RegistryError",
    "ResultError",
    "ServerError",
    "ServerInfo",
    "Signer",
    "SlowConsumerError",
    "SpooledFile",
    "UnsupportedError",
    "__version__",
    "agent_keys",
    "inferlet",
    "parse_manifest",
]
__all__ += _public.__all__


_SUBMODULES = ("errors", "models", "testing")

# Hidden from type checkers, which would otherwise take any misspelled name for an object.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in _SUBMODULES:
            return import_module(f"{__name__}.{name}")
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(module), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
