from typing import ClassVar, NoReturn
__all__ = ['AgentError', 'ConnectError', 'ConnectTimeoutError', 'ConnectionLostError', 'CorruptEventError', 'DeadlineError', 'HandshakeError', 'HashesNotComparedWarning', 'InvalidArgumentError', 'InvalidKeyError', 'ManifestError', 'McpServerError', 'NotAttachedError', 'NotConnectedError', 'PieConnectionError', 'PieError', 'ProcessEndedError', 'ProcessError', 'ProcessLostError', 'ProgramExistsError', 'ProtocolError', 'ReconnectError', 'RefusedError', 'RegistryError', 'ResultError', 'ServerError', 'SlowConsumerError', 'UnsupportedError']
NO_CLOSE_FRAME = 1006
FOREIGN_CHARACTERS = 1000
MESSAGE_CHARACTERS = 4000

def one_line(text: str, most: int=FOREIGN_CHARACTERS) -> str:
    ...

class PieError(Exception):

    def __init__(self) -> None:
        ...

class PieConnectionError(PieError, ConnectionError):

    def __init__(self) -> None:
        self.sent = ...

class ConnectError(PieConnectionError):
    ...

class ConnectTimeoutError(ConnectError, TimeoutError):
    ...

class HandshakeError(ConnectError):

    def __init__(self) -> None:
        self.status = ...
        self.body = ...

class ConnectionLostError(PieConnectionError):

    def __init__(self) -> None:
        self.code = ...

def interrupted_by(loss: ConnectionLostError, *, sent: bool | None, request: str='') -> ConnectionLostError:
    ...

class ProcessLostError(ConnectionLostError):
    ...

class ReconnectError(PieConnectionError):
    ...

class NotConnectedError(PieConnectionError):
    ...

class DeadlineError(PieError, TimeoutError):

    def __init__(self) -> None:
        self.sent = ...

class InvalidArgumentError(PieError, ValueError):
    ...

class InvalidKeyError(InvalidArgumentError):
    ...

class AgentError(InvalidKeyError):
    ...

class ManifestError(InvalidArgumentError):
    ...

class ProgramExistsError(PieError):
    ...

class NotAttachedError(PieError):
    ...

class HashesNotComparedWarning(UserWarning):
    ...

class RegistryError(PieError):

    def __init__(self) -> None:
        self.status = ...

class UnsupportedError(PieError):
    ...

class ProtocolError(PieError):
    ...

class CorruptEventError(ProtocolError):

    def __init__(self) -> None:
        self.process_id = ...
        self.reason = ...
        self.digest = ...

    def __reduce__(self) -> tuple[type['CorruptEventError'], tuple[str, str, str | None]]:
        ...

class RefusedError(PieError):
    advice: ClassVar[str] = ''

    def __init__(self) -> None:
        self.request = ...
        self.text = ...
        self.subject = ...

    def __reduce__(self) -> tuple[type['RefusedError'], tuple[str, str, str], dict[str, object]]:
        ...

    def __setstate__(self, state: dict[str, object] | None) -> None:
        ...

class ServerError(PieError):
    advice: ClassVar[str] = ''

    def __init__(self) -> None:
        self.text = ...

    def __reduce__(self) -> tuple[type['ServerError'], tuple[str, str]]:
        ...

class ProcessError(PieError, RuntimeError):
    advice: ClassVar[str] = ''

    def __init__(self) -> None:
        self.process_id = ...
        self.text = ...

    def __reduce__(self) -> tuple[type['ProcessError'], tuple[str, str]]:
        ...

class ResultError(PieError, ValueError):
    ...

class McpServerError(PieError):

    def __init__(self) -> None:
        self.name = ...
        self.reason = ...
        self.advice = ...

    def __reduce__(self) -> tuple[type['McpServerError'], tuple[str, str, str]]:
        ...

class ProcessEndedError(PieError, EOFError):
    ...

class SlowConsumerError(PieError, BufferError):
    ...

class Gone:

    def __init__(self) -> None:
        ...

    def __get__(self, instance: object, owner: type[object]) -> NoReturn:
        ...
