"""Error classes of the failure texts that servers send.

Written by `python -m codegen generate` from schema/; never edited.
"""

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pie_client import errors
from pie_client._generated.families import Family


class AuthenticationError(errors.RefusedError, PermissionError):
    """The server does not accept who the client says it is."""

    __module__ = "pie_client"
    advice = (
        "check the user name, and that the server's authorized_users.toml holds the public half of this key"
    )


class InvalidProgramNameError(errors.RefusedError, ValueError):
    """A program's name is not of the form that the server takes."""

    __module__ = "pie_client"
    advice = "write it as name@major.minor.patch"


class UploadError(errors.RefusedError):
    """The server rejected a chunk of an upload, or its whole."""

    __module__ = "pie_client"
    advice = "send the whole content again, in order and within the server's size limit"


class InvalidManifestError(errors.RefusedError, ValueError):
    """A program's Pie.toml can't be used."""

    __module__ = "pie_client"
    advice = "mend the manifest and upload again"


class InstallError(errors.RefusedError):
    """The server could not make a runnable program of what it was given."""

    __module__ = "pie_client"
    advice = "rebuild the program, or look at the server's log"


class ProgramNotFoundError(errors.RefusedError, LookupError):
    """The server has no such program."""

    __module__ = "pie_client"
    advice = "install it first, or check its name and version"


class ProcessNotFoundError(errors.RefusedError, LookupError):
    """No process that may be used has this id: it ended, or another connection holds it."""

    __module__ = "pie_client"
    advice = "see list_processes; 0.3/0.4 servers also say this of a process that a connection is attached to, even a closed one, and 0.5 servers end processes with their connection"


class WorkflowNotFoundError(errors.RefusedError, LookupError):
    """The workflow ended or never existed."""

    __module__ = "pie_client"
    advice = "submit it again"


class AccessDeniedError(errors.RefusedError, PermissionError):
    """The process or workflow belongs to another user."""

    __module__ = "pie_client"
    advice = "authenticate as its owner"


class AlreadyAttachedError(errors.RefusedError):
    """Another connection receives these events."""

    __module__ = "pie_client"
    advice = "close that connection, or stop the process and launch it again"


class InvalidRequestError(errors.RefusedError, ValueError):
    """The server can't use an argument of the request."""

    __module__ = "pie_client"
    advice = "correct the argument"


class ProcessTerminatedError(errors.ProcessError):
    """The process was stopped by terminate_process or with its workflow."""

    __module__ = "pie_client"
    advice = "launch it again if that was not meant"


class TokenBudgetError(errors.ProcessError):
    """The process used up its token budget."""

    __module__ = "pie_client"
    advice = "launch it with a larger token_budget"


class StreamAbortedError(errors.ServerError):
    """The server gave up a request or a process's stream."""

    __module__ = "pie_client"
    advice = "send the request again"


class BadFrameError(errors.ServerError):
    """The server could not read a frame of this client."""

    __module__ = "pie_client"
    advice = "check that the server's version knows the request"


class FrameTooLargeError(errors.ServerError, ValueError):
    """A frame is larger than the server takes; it closes the connection."""

    __module__ = "pie_client"
    advice = "send less at once, or send it as a file"


class ServerBusyError(errors.ServerError):
    """The server takes no more work now."""

    __module__ = "pie_client"
    advice = "try again later"


_REQUEST_TEXTS: Final[Mapping[str, type[errors.RefusedError]]] = MappingProxyType(
    {
        "No pending authentication": AuthenticationError,
        "Signature verification failed": AuthenticationError,
        "Invalid token": AuthenticationError,
        "Already authenticated": AuthenticationError,
        "First chunk index must be 0": UploadError,
        "Upload must have at least one chunk": UploadError,
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
        "Invalid workflow ID": InvalidRequestError,
        "Workflow has no executable steps": InvalidRequestError,
    }
)

_PROCESS_TEXTS: Final[Mapping[str, type[errors.ProcessError]]] = MappingProxyType(
    {
        "Signal": ProcessTerminatedError,
        "cancelled": ProcessTerminatedError,
    }
)

_CONNECTION_TEXTS: Final[Mapping[str, type[errors.ServerError]]] = MappingProxyType(
    {
        "stream aborted": StreamAbortedError,
        "no worker available": ServerBusyError,
        "gateway draining": ServerBusyError,
    }
)


@functools.cache
def _request_patterns() -> tuple[tuple[re.Pattern[str], type[errors.RefusedError]], ...]:
    return (
        (re.compile("User\\ '(.*)'\\ is\\ not\\ authorized", re.DOTALL), AuthenticationError),
        (re.compile("Invalid\\ signature\\ encoding:\\ (.*)", re.DOTALL), AuthenticationError),
        (
            re.compile(
                "Invalid\\ program\\ identifier\\ '(.*)':\\ expected\\ 'name@major\\.minor\\.patch'",
                re.DOTALL,
            ),
            InvalidProgramNameError,
        ),
        (re.compile("Chunk\\ count\\ mismatch:\\ expected\\ (.*),\\ got\\ (.*)", re.DOTALL), UploadError),
        (re.compile("Out\\-of\\-order\\ chunk:\\ expected\\ (.*),\\ got\\ (.*)", re.DOTALL), UploadError),
        (re.compile("upload\\ exceeds\\ max_upload_mb\\ cap\\ of\\ (.*)\\ MiB", re.DOTALL), UploadError),
        (
            re.compile("Program\\ hash\\ mismatch:\\ declared\\ (.*),\\ uploaded\\ (.*)", re.DOTALL),
            UploadError,
        ),
        (re.compile("Invalid\\ manifest:\\ (.*)", re.DOTALL), InvalidManifestError),
        (re.compile("Failed\\ to\\ compile\\ WASM:\\ (.*)", re.DOTALL), InstallError),
        (re.compile("Compilation\\ task\\ failed:\\ (.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ download\\ manifest(.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ read\\ manifest\\ response:\\ (.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ download\\ WASM(.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ read\\ WASM\\ response:\\ (.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ create\\ directory\\ (.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ write\\ WASM\\ file:\\ (.*)", re.DOTALL), InstallError),
        (re.compile("writing\\ (.*):\\ (.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ write\\ manifest\\ file:\\ (.*)", re.DOTALL), InstallError),
        (re.compile("Failed\\ to\\ read\\ WASM\\ file:\\ (.*)", re.DOTALL), InstallError),
        (re.compile("no\\ (.*)\\ language\\ component\\ at\\ (.*)", re.DOTALL), InstallError),
        (re.compile("(.*)\\ is\\ not\\ UTF\\-8\\ (.*)\\ source:\\ (.*)", re.DOTALL), InstallError),
        (
            re.compile(
                "program\\ (.*)\\ is\\ not\\ installed\\ \\(looked\\ in\\ (.*)\\),\\ and\\ (.*)\\ depends\\ on\\ it",
                re.DOTALL,
            ),
            InstallError,
        ),
        (
            re.compile(
                "(.*)\\ depends\\ on\\ (.*),\\ which\\ is\\ a\\ (.*)\\ script;\\ only\\ a\\ component\\ can\\ be\\ a\\ dependency",
                re.DOTALL,
            ),
            InstallError,
        ),
        (re.compile("Manifest\\ not\\ found\\ for\\ program:\\ (.*)", re.DOTALL), ProgramNotFoundError),
        (re.compile("Manifest\\ not\\ found\\ for:\\ (.*)", re.DOTALL), ProgramNotFoundError),
        (re.compile("Program\\ not\\ found:\\ (.*)", re.DOTALL), ProgramNotFoundError),
        (re.compile("no\\ program\\ named\\ '(.*)'\\ is\\ installed", re.DOTALL), ProgramNotFoundError),
        (
            re.compile("program\\ (.*)\\ is\\ not\\ installed\\ \\(looked\\ in\\ (.*)\\)", re.DOTALL),
            ProgramNotFoundError,
        ),
        (
            re.compile(
                "token_budgets\\ length\\ (.*)\\ does\\ not\\ match\\ inputs\\ length\\ (.*)", re.DOTALL
            ),
            InvalidRequestError,
        ),
        (
            re.compile('unknown\\ query\\ subject\\ "(.*)"\\ \\(known:\\ model_status\\)', re.DOTALL),
            InvalidRequestError,
        ),
        (re.compile("Invalid\\ workflow\\ JSON:\\ (.*)", re.DOTALL), InvalidRequestError),
    )


def request_error(text: str) -> type[errors.RefusedError]:
    """Give the error class of a failure text, the common base where the schema does not know it."""
    if text in _REQUEST_TEXTS:
        return _REQUEST_TEXTS[text]
    for pattern, error in _request_patterns():
        if pattern.fullmatch(text):
            return error
    return errors.RefusedError


@functools.cache
def _process_patterns() -> tuple[tuple[re.Pattern[str], type[errors.ProcessError]], ...]:
    return (
        (
            re.compile(
                "pin:\\ token\\ budget\\ exhausted\\ for\\ context\\ (.*)\\ \\(requested\\ (.*)\\ tokens\\)",
                re.DOTALL,
            ),
            TokenBudgetError,
        ),
    )


def process_error(text: str) -> type[errors.ProcessError]:
    """Give the error class of a failure text, the common base where the schema does not know it."""
    if text in _PROCESS_TEXTS:
        return _PROCESS_TEXTS[text]
    for pattern, error in _process_patterns():
        if pattern.fullmatch(text):
            return error
    return errors.ProcessError


@functools.cache
def _connection_patterns() -> tuple[tuple[re.Pattern[str], type[errors.ServerError]], ...]:
    return (
        (re.compile("bad\\ client\\ frame:\\ (.*)", re.DOTALL), BadFrameError),
        (
            re.compile(
                "request\\ too\\ large:\\ (.*)\\ bytes,\\ limit\\ (.*)\\ \\(send\\ large\\ inputs\\ as\\ a\\ blob\\ reference,\\ not\\ inline\\)",
                re.DOTALL,
            ),
            FrameTooLargeError,
        ),
        (re.compile("admission\\ rejected:\\ (.*)", re.DOTALL), ServerBusyError),
    )


def connection_error(text: str) -> type[errors.ServerError]:
    """Give the error class of a failure text, the common base where the schema does not know it."""
    if text in _CONNECTION_TEXTS:
        return _CONNECTION_TEXTS[text]
    for pattern, error in _connection_patterns():
        if pattern.fullmatch(text):
            return error
    return errors.ServerError


def advice_on(text: str) -> str | None:
    """Give what to do about a text for which the advice of its class does not fit."""
    if re.fullmatch("No\\ pending\\ authentication", text, re.DOTALL):
        return "start with auth_identify: each challenge can be answered once"
    if re.fullmatch("Invalid\\ token", text, re.DOTALL):
        return "pass the token that the server printed when it last started"
    if re.fullmatch("Already\\ authenticated", text, re.DOTALL):
        return "open another connection to be another user"
    if re.fullmatch(
        "program\\ (.*)\\ is\\ not\\ installed\\ \\(looked\\ in\\ (.*)\\),\\ and\\ (.*)\\ depends\\ on\\ it",
        text,
        re.DOTALL,
    ):
        return "upload the program that it depends on first"
    return None


def family_of_refusal(text: str) -> Family | None:
    """Give the family that alone refuses an identification in these words."""
    if re.fullmatch("User\\ '(.*)'\\ is\\ not\\ authorized", text, re.DOTALL):
        return "0.4"
    return None


__all__ = [
    "advice_on",
    "connection_error",
    "family_of_refusal",
    "process_error",
    "request_error",
    "AuthenticationError",
    "InvalidProgramNameError",
    "UploadError",
    "InvalidManifestError",
    "InstallError",
    "ProgramNotFoundError",
    "ProcessNotFoundError",
    "WorkflowNotFoundError",
    "AccessDeniedError",
    "AlreadyAttachedError",
    "InvalidRequestError",
    "ProcessTerminatedError",
    "TokenBudgetError",
    "StreamAbortedError",
    "BadFrameError",
    "FrameTooLargeError",
    "ServerBusyError",
]
