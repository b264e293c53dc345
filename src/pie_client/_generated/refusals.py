"""Error classes of the failure texts that servers send.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pie_client import errors, matching
from pie_client._generated.families import Family


class AuthenticationError(errors.RefusedError, PermissionError):
    """The server rejects the client's user name, signature or token."""

    __module__ = "pie_client"
    advice = "check the user name and its public key in the server's authorized_users.toml"


class InvalidProgramNameError(errors.RefusedError, ValueError):
    """A program's name does not have the form name@major.minor.patch."""

    __module__ = "pie_client"
    advice = "use name@major.minor.patch"


class UploadError(errors.RefusedError):
    """The server rejected an upload."""

    __module__ = "pie_client"
    advice = "upload the program again, within the server's size limit"


class InvalidManifestError(errors.RefusedError, ValueError):
    """A program's Pie.toml is not valid."""

    __module__ = "pie_client"
    advice = "correct the manifest and upload it again"


class InstallError(errors.RefusedError):
    """The server could not compile or store an uploaded program."""

    __module__ = "pie_client"
    advice = "rebuild the program, or check the server's log"


class ProgramNotFoundError(errors.RefusedError, LookupError):
    """The program is neither installed on the server nor in its program registry."""

    __module__ = "pie_client"
    advice = "install it first, or check its name and version"


class ServerRegistryError(errors.RefusedError):
    """The server does not have the program, and could not get it from its program registry."""

    __module__ = "pie_client"
    advice = "check the server's registry setting and network, or install the program with install_program"


class ProcessNotFoundError(errors.RefusedError, LookupError):
    """No running process has this id, or another connection is attached to it."""

    __module__ = "pie_client"
    advice = "check its id with list_processes"


class WorkflowNotFoundError(errors.RefusedError, LookupError):
    """No running workflow has this id."""

    __module__ = "pie_client"
    advice = "submit it again"


class AccessDeniedError(errors.RefusedError, PermissionError):
    """The process or workflow belongs to another user."""

    __module__ = "pie_client"
    advice = "authenticate as its owner, also before the launch"


class AlreadyAttachedError(errors.RefusedError):
    """Another connection is attached to the process or workflow."""

    __module__ = "pie_client"
    advice = "close that connection, or terminate the process and launch it again"


class InvalidRequestError(errors.RefusedError, ValueError):
    """The server rejects an argument of the request."""

    __module__ = "pie_client"
    advice = "correct the argument"


class ProcessTerminatedError(errors.ProcessError):
    """The process was stopped by terminate_process, or because its workflow was cancelled."""

    __module__ = "pie_client"
    advice = "launch it again if this was not intended"


class TokenBudgetError(errors.ProcessError):
    """The process exceeded its token budget."""

    __module__ = "pie_client"
    advice = "launch it with a larger token_budget"


class StreamAbortedError(errors.ServerError):
    """The server aborted a request, or the events of a process."""

    __module__ = "pie_client"
    advice = "send the request again"


class BadFrameError(errors.ServerError):
    """The server could not decode a frame of this client."""

    __module__ = "pie_client"
    advice = "check that the server's release supports the request"


class FrameTooLargeError(errors.ServerError, ValueError):
    """A frame exceeds the server's limit; the server closes the connection."""

    __module__ = "pie_client"
    advice = "send less data, or send it as a file"


class ServerBusyError(errors.ServerError):
    """The server accepts no more work at the moment."""

    __module__ = "pie_client"
    advice = "retry later"


_REQUEST: Final[Mapping[str, type[errors.RefusedError]]] = MappingProxyType(
    {
        "User '{username}' is not authorized": AuthenticationError,
        "No pending authentication": AuthenticationError,
        "Invalid signature encoding: {detail}": AuthenticationError,
        "Signature verification failed": AuthenticationError,
        "Invalid token": AuthenticationError,
        "Already authenticated": AuthenticationError,
        "Invalid program identifier '{identifier}': expected 'name@major.minor.patch'": InvalidProgramNameError,
        "First chunk index must be 0": UploadError,
        "Chunk count mismatch: expected {expected}, got {actual}": UploadError,
        "Out-of-order chunk: expected {expected}, got {actual}": UploadError,
        "upload exceeds max_upload_mb cap of {mebibytes} MiB": UploadError,
        "Program hash mismatch: declared {declared}, uploaded {actual}": UploadError,
        "Upload must have at least one chunk": UploadError,
        "Invalid manifest: {detail}": InvalidManifestError,
        "Failed to compile WASM: {detail}": InstallError,
        "Compilation task failed: {detail}": InstallError,
        "Failed to create directory {detail}": InstallError,
        "Failed to write WASM file: {detail}": InstallError,
        "writing {path}: {detail}": InstallError,
        "Failed to write manifest file: {detail}": InstallError,
        "Failed to read WASM file: {detail}": InstallError,
        "no {language} language component at {detail}": InstallError,
        "{program} is not UTF-8 {language} source: {detail}": InstallError,
        "program {dependency} is not installed (looked in {folder}), and {program} depends on it": InstallError,
        "{program} depends on {dependency}, which is a {language} script; only a component can be a dependency": InstallError,
        "Manifest not found for program: {program}": ProgramNotFoundError,
        "Manifest not found for: {program}": ProgramNotFoundError,
        "Failed to download manifest: {url} returned 404 Not Found": ProgramNotFoundError,
        "Failed to download WASM: {url} returned 404 Not Found": ProgramNotFoundError,
        "Program not found: {program}": ProgramNotFoundError,
        "no program named '{name}' is installed": ProgramNotFoundError,
        "program {program} is not installed (looked in {folder})": ProgramNotFoundError,
        "Failed to download manifest: {url} returned {status}": ServerRegistryError,
        "Failed to download manifest from {url}: {detail}": ServerRegistryError,
        "Failed to read manifest response: {detail}": ServerRegistryError,
        "Failed to download WASM: {url} returned {status}": ServerRegistryError,
        "Failed to download WASM from {url}: {detail}": ServerRegistryError,
        "Failed to read WASM response: {detail}": ServerRegistryError,
        "Process not found": ProcessNotFoundError,
        "Cannot attach: Service not found": ProcessNotFoundError,
        "Workflow not found": WorkflowNotFoundError,
        "Service not found": WorkflowNotFoundError,
        "Service channel closed": WorkflowNotFoundError,
        "Permission denied": AccessDeniedError,
        "Cannot attach: already attached": AlreadyAttachedError,
        "already attached": AlreadyAttachedError,
        "Invalid process_id": InvalidRequestError,
        "Invalid process ID": InvalidRequestError,
        "token_budgets length {actual} does not match inputs length {expected}": InvalidRequestError,
        'unknown query subject "{subject}" (known: model_status)': InvalidRequestError,
        "Invalid workflow ID": InvalidRequestError,
        "Invalid workflow JSON: {detail}": InvalidRequestError,
        "Workflow has no executable steps": InvalidRequestError,
    }
)


def request_error(text: str) -> type[errors.RefusedError]:
    """Return the error class of a text about a request; RefusedError if the schema does not know the text."""
    return matching.find(_REQUEST, text) or errors.RefusedError


_PROCESS: Final[Mapping[str, type[errors.ProcessError]]] = MappingProxyType(
    {
        "Signal": ProcessTerminatedError,
        "cancelled": ProcessTerminatedError,
        "pin: token budget exhausted for context {context} (requested {tokens} tokens)": TokenBudgetError,
    }
)


def process_error(text: str) -> type[errors.ProcessError]:
    """Return the error class of a text about a process; ProcessError if the schema does not know the text."""
    return matching.find(_PROCESS, text) or errors.ProcessError


_CONNECTION: Final[Mapping[str, type[errors.ServerError]]] = MappingProxyType(
    {
        "stream aborted": StreamAbortedError,
        "bad client frame: {detail}": BadFrameError,
        "request too large: {size} bytes, limit {limit} (send large inputs as a blob reference, not inline)": FrameTooLargeError,
        "no worker available": ServerBusyError,
        "admission rejected: {detail}": ServerBusyError,
        "gateway draining": ServerBusyError,
    }
)


def connection_error(text: str) -> type[errors.ServerError]:
    """Return the error class of a text about a connection; ServerError if the schema does not know the text."""
    return matching.find(_CONNECTION, text) or errors.ServerError


_ADVICE: Final[Mapping[Family, Mapping[str, str | Mapping[str, str]]]] = MappingProxyType(
    {
        "0.4": MappingProxyType(
            {
                "No pending authentication": "call authenticate() again",
                "Invalid token": "pass the token that the server printed at its last start",
                "Already authenticated": "open another connection for another user",
                "Failed to compile WASM: {detail}": "0.3 and 0.4 servers run no scripts, so build a WebAssembly component; or check the server's log",
                "Process not found": MappingProxyType(
                    {
                        "attach_process": "it has ended, or another connection is attached to it, even one that was lost; launch with capture_outputs=False to attach later",
                        "terminate_process": "it has ended or never existed; see list_processes",
                    }
                ),
            }
        ),
        "0.5": MappingProxyType(
            {
                "Already authenticated": "open another connection for another user",
                "program {dependency} is not installed (looked in {folder}), and {program} depends on it": "install the dependency first",
                "Process not found": MappingProxyType(
                    {
                        "attach_process": "it has finished, or ended with the connection that launched it; launch with capture_outputs=False to attach later",
                        "terminate_process": "it has ended or never existed; see list_processes",
                    }
                ),
            }
        ),
    }
)
"""Advice on a text, or on a text by the refused request."""

_IDENTIFICATION: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "User '{username}' is not authorized": "0.4",
    }
)


def advice_on(text: str, family: Family | None, request: str) -> str | None:
    """Return the advice on a refusal, or None if that of its error class fits.

    Args:
        text: The server's text.
        family: Family of the server; None if unknown, for advice that fits every family.
        request: Name of the refused request.
    """
    families = _ADVICE if family is None else (family,)
    advice = [matching.find(_ADVICE[each], text) for each in families]
    found = {each.get(request) if isinstance(each, Mapping) else each for each in advice} - {None}
    return found.pop() if len(found) == 1 else None


def family_of_refusal(text: str) -> Family | None:
    """Return the family that alone refuses an identification with a text, or None."""
    return matching.find(_IDENTIFICATION, text)


__all__ = [
    "AccessDeniedError",
    "AlreadyAttachedError",
    "AuthenticationError",
    "BadFrameError",
    "FrameTooLargeError",
    "InstallError",
    "InvalidManifestError",
    "InvalidProgramNameError",
    "InvalidRequestError",
    "ProcessNotFoundError",
    "ProcessTerminatedError",
    "ProgramNotFoundError",
    "ServerBusyError",
    "ServerRegistryError",
    "StreamAbortedError",
    "TokenBudgetError",
    "UploadError",
    "WorkflowNotFoundError",
    "advice_on",
    "connection_error",
    "family_of_refusal",
    "process_error",
    "request_error",
]
