TYPE_CHECKING = False
from pie_client._generated.events import ErrorEvent, Event, MessageEvent, ReturnEvent, StderrEvent, StdoutEvent, UnknownEvent
from pie_client._generated.families import Family
from pie_client._generated.mcp import McpTransport
from pie_client._generated.models import Manifest, ManifestPackage, ManifestParameter, ManifestRuntime, McpErrorObject, ProcessInfo
from pie_client._generated.refusals import AccessDeniedError, AlreadyAttachedError, AuthenticationError, BadFrameError, FrameTooLargeError, InstallError, InvalidManifestError, InvalidProgramNameError, InvalidRequestError, ProcessNotFoundError, ProcessTerminatedError, ProgramNotFoundError, ServerBusyError, ServerRegistryError, StreamAbortedError, TokenBudgetError, UploadError, WorkflowNotFoundError
MODULE_OF = ...
__all__ = ['AccessDeniedError', 'AlreadyAttachedError', 'AuthenticationError', 'BadFrameError', 'ErrorEvent', 'Event', 'Family', 'FrameTooLargeError', 'InstallError', 'InvalidManifestError', 'InvalidProgramNameError', 'InvalidRequestError', 'Manifest', 'ManifestPackage', 'ManifestParameter', 'ManifestRuntime', 'McpErrorObject', 'McpTransport', 'MessageEvent', 'ProcessInfo', 'ProcessNotFoundError', 'ProcessTerminatedError', 'ProgramNotFoundError', 'ReturnEvent', 'ServerBusyError', 'ServerRegistryError', 'StderrEvent', 'StdoutEvent', 'StreamAbortedError', 'TokenBudgetError', 'UnknownEvent', 'UploadError', 'WorkflowNotFoundError']
