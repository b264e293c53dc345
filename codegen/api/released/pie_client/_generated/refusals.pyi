from __future__ import annotations
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from pie_client import errors, matching
from pie_client._generated.families import Family

class AuthenticationError(errors.RefusedError, PermissionError):
    __module__ = 'pie_client'
    advice = "check the user name and its public key in the server's authorized_users.toml"

class InvalidProgramNameError(errors.RefusedError, ValueError):
    __module__ = 'pie_client'
    advice = 'use name@major.minor.patch'

class UploadError(errors.RefusedError):
    __module__ = 'pie_client'
    advice = "upload the program again, within the server's size limit"

class InvalidManifestError(errors.RefusedError, ValueError):
    __module__ = 'pie_client'
    advice = 'correct the manifest and upload it again'

class InstallError(errors.RefusedError):
    __module__ = 'pie_client'
    advice = "rebuild the program, or check the server's log"

class ProgramNotFoundError(errors.RefusedError, LookupError):
    __module__ = 'pie_client'
    advice = 'install it first, or check its name and version'

class ServerRegistryError(errors.RefusedError):
    __module__ = 'pie_client'
    advice = "check the server's registry setting and network, or install the program with install_program"

class ProcessNotFoundError(errors.RefusedError, LookupError):
    __module__ = 'pie_client'
    advice = 'check its id with list_processes'

class WorkflowNotFoundError(errors.RefusedError, LookupError):
    __module__ = 'pie_client'
    advice = 'submit it again'

class AccessDeniedError(errors.RefusedError, PermissionError):
    __module__ = 'pie_client'
    advice = 'authenticate as its owner, also before the launch'

class AlreadyAttachedError(errors.RefusedError):
    __module__ = 'pie_client'
    advice = 'close that connection, or terminate the process and launch it again'

class InvalidRequestError(errors.RefusedError, ValueError):
    __module__ = 'pie_client'
    advice = 'correct the argument'

class ProcessTerminatedError(errors.ProcessError):
    __module__ = 'pie_client'
    advice = 'launch it again if this was not intended'

class TokenBudgetError(errors.ProcessError):
    __module__ = 'pie_client'
    advice = 'launch it with a larger token_budget'

class StreamAbortedError(errors.ServerError):
    __module__ = 'pie_client'
    advice = 'send the request again'

class BadFrameError(errors.ServerError):
    __module__ = 'pie_client'
    advice = "check that the server's release supports the request"

class FrameTooLargeError(errors.ServerError, ValueError):
    __module__ = 'pie_client'
    advice = 'send less data, or send it as a file'

class ServerBusyError(errors.ServerError):
    __module__ = 'pie_client'
    advice = 'retry later'

def request_error(text: str) -> type[errors.RefusedError]:
    ...

def process_error(text: str) -> type[errors.ProcessError]:
    ...

def connection_error(text: str) -> type[errors.ServerError]:
    ...

def advice_on(text: str, family: Family | None, request: str) -> str | None:
    ...

def family_of_refusal(text: str) -> Family | None:
    ...
__all__ = ['AccessDeniedError', 'AlreadyAttachedError', 'AuthenticationError', 'BadFrameError', 'FrameTooLargeError', 'InstallError', 'InvalidManifestError', 'InvalidProgramNameError', 'InvalidRequestError', 'ProcessNotFoundError', 'ProcessTerminatedError', 'ProgramNotFoundError', 'ServerBusyError', 'ServerRegistryError', 'StreamAbortedError', 'TokenBudgetError', 'UploadError', 'WorkflowNotFoundError', 'advice_on', 'connection_error', 'family_of_refusal', 'process_error', 'request_error']
