"""What of the generated layer users import from the top of the package. Importing this module loads none of it.

Written by `python -m codegen generate` from schema/; never edited.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pie_client._generated.events import (
        Error,
        Event,
        Message,
        Return,
        Stderr,
        Stdout,
        UnknownEvent,
    )
    from pie_client._generated.families import (
        Family,
    )
    from pie_client._generated.mcp import (
        McpTransport,
    )
    from pie_client._generated.models import (
        Manifest,
        ManifestPackage,
        ManifestParameter,
        ManifestRuntime,
        McpError,
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
        "AccessDeniedError": "pie_client._generated.refusals",
        "AlreadyAttachedError": "pie_client._generated.refusals",
        "AuthenticationError": "pie_client._generated.refusals",
        "BadFrameError": "pie_client._generated.refusals",
        "Error": "pie_client._generated.events",
        "Event": "pie_client._generated.events",
        "Family": "pie_client._generated.families",
        "FrameTooLargeError": "pie_client._generated.refusals",
        "InstallError": "pie_client._generated.refusals",
        "InvalidManifestError": "pie_client._generated.refusals",
        "InvalidProgramNameError": "pie_client._generated.refusals",
        "InvalidRequestError": "pie_client._generated.refusals",
        "Manifest": "pie_client._generated.models",
        "ManifestPackage": "pie_client._generated.models",
        "ManifestParameter": "pie_client._generated.models",
        "ManifestRuntime": "pie_client._generated.models",
        "McpError": "pie_client._generated.models",
        "McpTransport": "pie_client._generated.mcp",
        "Message": "pie_client._generated.events",
        "ProcessInfo": "pie_client._generated.models",
        "ProcessNotFoundError": "pie_client._generated.refusals",
        "ProcessTerminatedError": "pie_client._generated.refusals",
        "ProgramNotFoundError": "pie_client._generated.refusals",
        "Return": "pie_client._generated.events",
        "ServerBusyError": "pie_client._generated.refusals",
        "Stderr": "pie_client._generated.events",
        "Stdout": "pie_client._generated.events",
        "StreamAbortedError": "pie_client._generated.refusals",
        "TokenBudgetError": "pie_client._generated.refusals",
        "UnknownEvent": "pie_client._generated.events",
        "UploadError": "pie_client._generated.refusals",
        "WorkflowNotFoundError": "pie_client._generated.refusals",
    }
)
"""Module of each name."""

__all__ = [
    "AccessDeniedError",
    "AlreadyAttachedError",
    "AuthenticationError",
    "BadFrameError",
    "Error",
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
    "McpError",
    "McpTransport",
    "Message",
    "ProcessInfo",
    "ProcessNotFoundError",
    "ProcessTerminatedError",
    "ProgramNotFoundError",
    "Return",
    "ServerBusyError",
    "Stderr",
    "Stdout",
    "StreamAbortedError",
    "TokenBudgetError",
    "UnknownEvent",
    "UploadError",
    "WorkflowNotFoundError",
]
