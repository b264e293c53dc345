"""What of the generated layer users import from the top of the package. Importing this module loads none of it.

Written by `python -m codegen generate` from schema/; never edited.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pie_client._generated.events import (
        ErrorEvent as ErrorEvent,
    )
    from pie_client._generated.events import (
        Event as Event,
    )
    from pie_client._generated.events import (
        MessageEvent as MessageEvent,
    )
    from pie_client._generated.events import (
        ReturnEvent as ReturnEvent,
    )
    from pie_client._generated.events import (
        StderrEvent as StderrEvent,
    )
    from pie_client._generated.events import (
        StdoutEvent as StdoutEvent,
    )
    from pie_client._generated.events import (
        UnknownEvent as UnknownEvent,
    )
    from pie_client._generated.families import (
        Family as Family,
    )
    from pie_client._generated.mcp import (
        McpTransport as McpTransport,
    )
    from pie_client._generated.models import (
        Manifest as Manifest,
    )
    from pie_client._generated.models import (
        ManifestPackage as ManifestPackage,
    )
    from pie_client._generated.models import (
        ManifestParameter as ManifestParameter,
    )
    from pie_client._generated.models import (
        ManifestRuntime as ManifestRuntime,
    )
    from pie_client._generated.models import (
        McpErrorObject as McpErrorObject,
    )
    from pie_client._generated.models import (
        ProcessInfo as ProcessInfo,
    )
    from pie_client._generated.refusals import (
        AccessDeniedError as AccessDeniedError,
    )
    from pie_client._generated.refusals import (
        AlreadyAttachedError as AlreadyAttachedError,
    )
    from pie_client._generated.refusals import (
        AuthenticationError as AuthenticationError,
    )
    from pie_client._generated.refusals import (
        BadFrameError as BadFrameError,
    )
    from pie_client._generated.refusals import (
        FrameTooLargeError as FrameTooLargeError,
    )
    from pie_client._generated.refusals import (
        InstallError as InstallError,
    )
    from pie_client._generated.refusals import (
        InvalidManifestError as InvalidManifestError,
    )
    from pie_client._generated.refusals import (
        InvalidProgramNameError as InvalidProgramNameError,
    )
    from pie_client._generated.refusals import (
        InvalidRequestError as InvalidRequestError,
    )
    from pie_client._generated.refusals import (
        ProcessNotFoundError as ProcessNotFoundError,
    )
    from pie_client._generated.refusals import (
        ProcessTerminatedError as ProcessTerminatedError,
    )
    from pie_client._generated.refusals import (
        ProgramNotFoundError as ProgramNotFoundError,
    )
    from pie_client._generated.refusals import (
        ServerBusyError as ServerBusyError,
    )
    from pie_client._generated.refusals import (
        StreamAbortedError as StreamAbortedError,
    )
    from pie_client._generated.refusals import (
        TokenBudgetError as TokenBudgetError,
    )
    from pie_client._generated.refusals import (
        UploadError as UploadError,
    )
    from pie_client._generated.refusals import (
        WorkflowNotFoundError as WorkflowNotFoundError,
    )

MODULE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AccessDeniedError": "pie_client._generated.refusals",
        "AlreadyAttachedError": "pie_client._generated.refusals",
        "AuthenticationError": "pie_client._generated.refusals",
        "BadFrameError": "pie_client._generated.refusals",
        "ErrorEvent": "pie_client._generated.events",
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
        "McpErrorObject": "pie_client._generated.models",
        "McpTransport": "pie_client._generated.mcp",
        "MessageEvent": "pie_client._generated.events",
        "ProcessInfo": "pie_client._generated.models",
        "ProcessNotFoundError": "pie_client._generated.refusals",
        "ProcessTerminatedError": "pie_client._generated.refusals",
        "ProgramNotFoundError": "pie_client._generated.refusals",
        "ReturnEvent": "pie_client._generated.events",
        "ServerBusyError": "pie_client._generated.refusals",
        "StderrEvent": "pie_client._generated.events",
        "StdoutEvent": "pie_client._generated.events",
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
