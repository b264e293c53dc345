"""Generated names that users import from the top of the package. Importing this module loads none of them.

Written by `python -m codegen generate` from the schema; never edited.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pie_client._generated.events import (
        ErrorEvent,
        Event,
        MessageEvent,
        ReturnEvent,
        StderrEvent,
        StdoutEvent,
        UnknownEvent,
    )
    from pie_client._generated.families import Family
    from pie_client._generated.mcp import McpTransport
    from pie_client._generated.models import (
        Manifest,
        ManifestPackage,
        ManifestParameter,
        ManifestRuntime,
        McpErrorObject,
        ProcessInfo,
    )
    from pie_client._generated.refusals import (
        AccessDeniedError,
        AlreadyAttachedError,
        AuthenticationError,
        BadFrameError,
        FrameTooLargeError,
        InstallError,
        InvalidManifestError,
        InvalidProgramNameError,
        InvalidRequestError,
        ProcessNotFoundError,
        ProcessTerminatedError,
        ProgramNotFoundError,
        ServerBusyError,
        StreamAbortedError,
        TokenBudgetError,
        UploadError,
        WorkflowNotFoundError,
    )

MODULE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Event": "pie_client._generated.events",
        "UnknownEvent": "pie_client._generated.events",
        "StdoutEvent": "pie_client._generated.events",
        "StderrEvent": "pie_client._generated.events",
        "MessageEvent": "pie_client._generated.events",
        "ReturnEvent": "pie_client._generated.events",
        "ErrorEvent": "pie_client._generated.events",
        "Family": "pie_client._generated.families",
        "McpTransport": "pie_client._generated.mcp",
        "Manifest": "pie_client._generated.models",
        "ManifestPackage": "pie_client._generated.models",
        "ManifestParameter": "pie_client._generated.models",
        "ManifestRuntime": "pie_client._generated.models",
        "McpErrorObject": "pie_client._generated.models",
        "ProcessInfo": "pie_client._generated.models",
        "AuthenticationError": "pie_client._generated.refusals",
        "InvalidProgramNameError": "pie_client._generated.refusals",
        "UploadError": "pie_client._generated.refusals",
        "InvalidManifestError": "pie_client._generated.refusals",
        "InstallError": "pie_client._generated.refusals",
        "ProgramNotFoundError": "pie_client._generated.refusals",
        "ProcessNotFoundError": "pie_client._generated.refusals",
        "WorkflowNotFoundError": "pie_client._generated.refusals",
        "AccessDeniedError": "pie_client._generated.refusals",
        "AlreadyAttachedError": "pie_client._generated.refusals",
        "InvalidRequestError": "pie_client._generated.refusals",
        "ProcessTerminatedError": "pie_client._generated.refusals",
        "TokenBudgetError": "pie_client._generated.refusals",
        "StreamAbortedError": "pie_client._generated.refusals",
        "BadFrameError": "pie_client._generated.refusals",
        "FrameTooLargeError": "pie_client._generated.refusals",
        "ServerBusyError": "pie_client._generated.refusals",
    }
)
"""Module of each name."""

__all__ = [
    "AccessDeniedError",
    "AlreadyAttachedError",
    "AuthenticationError",
    "BadFrameError",
    "ErrorEvent",
    "Event",
    "Family",
    "FrameTooLargeError",
    "InstallError",
    "InvalidManifestError",
    "InvalidProgramNameError",
    "InvalidRequestError",
    "Manifest",
    "ManifestPackage",
    "ManifestParameter",
    "ManifestRuntime",
    "McpErrorObject",
    "McpTransport",
    "MessageEvent",
    "ProcessInfo",
    "ProcessNotFoundError",
    "ProcessTerminatedError",
    "ProgramNotFoundError",
    "ReturnEvent",
    "ServerBusyError",
    "StderrEvent",
    "StdoutEvent",
    "StreamAbortedError",
    "TokenBudgetError",
    "UnknownEvent",
    "UploadError",
    "WorkflowNotFoundError",
]
