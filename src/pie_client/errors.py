"""The exceptions that pie_client raises. All of them derive from :class:`PieError`.

PieError
├── PieConnectionError (ConnectionError)
│   ├── ConnectError                 the connection could not be opened
│   │   ├── ConnectTimeoutError (TimeoutError)
│   │   └── HandshakeError           the server did not upgrade to WebSocket
│   ├── ConnectionLostError          the connection broke
│   │   └── ProcessLostError         it was restored, but not this process
│   ├── ReconnectError               it broke, and was not restored
│   └── NotConnectedError            not connected yet, or closed by this client
├── DeadlineError (TimeoutError)     a call did not finish within its timeout
├── InvalidArgumentError (ValueError)
│   ├── InvalidKeyError              unusable private key
│   │   └── AgentError               unusable ssh-agent, or it refused to sign
│   └── ManifestError                unusable Pie.toml
├── RegistryError                    a program registry failed or is unreachable
├── UnsupportedError                 the server's family lacks a request or a field
├── ProgramExistsError               the program is installed, and force_overwrite is False
├── NotAttachedError                 the process was launched with capture_outputs=False
├── ProtocolError                    the server violated the protocol
│   └── CorruptEventError            a file or an event of a process arrived corrupt
├── RefusedError                     the server refused a request
│   └── ProgramNotFoundError, AuthenticationError, …
├── ServerError                      the server reported an error that belongs to no request
│   └── BadFrameError, ServerBusyError, …
├── ProcessError (RuntimeError)      a process ended with an error
│   └── ProcessTerminatedError, …
├── ResultError (ValueError)         a process returned something other than requested
├── McpServerError                   an MCP server failed
├── ProcessEndedError (EOFError)     all events were received
└── SlowConsumerError (BufferError)  unread events exceeded the buffer

HashesNotComparedWarning (UserWarning) is a warning. A client that nobody closed makes a ResourceWarning.

The subclasses of RefusedError, ServerError and ProcessError are generated from the failure texts in the schema. They are
in ``pie_client``, as all other exceptions are too, but not in this module.

A message is one line: what failed, with which value, and what to do about it. It shows the beginning of a server's or program's text, but
never keys or tokens.
"""

from typing import ClassVar, NoReturn

__all__ = [
    "AgentError",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "CorruptEventError",
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
    "ProcessLostError",
    "ProgramExistsError",
    "ProtocolError",
    "ReconnectError",
    "RefusedError",
    "RegistryError",
    "ResultError",
    "ServerError",
    "SlowConsumerError",
    "UnsupportedError",
]

NO_CLOSE_FRAME = 1006
"""Close code of a connection that ended without a close frame."""


FOREIGN_CHARACTERS = 1000
"""Most characters of a text from elsewhere that an error shows."""
MESSAGE_CHARACTERS = 4000
"""Most characters of an error's message."""


def one_line(text: str, most: int = FOREIGN_CHARACTERS) -> str:
    """Return a text on one line, with control characters escaped; of a long one the first ``most`` characters."""
    # Cut first: the text may have any length.
    cut = text[:most]
    if not cut.isprintable():
        cut = " / ".join(line.strip() for line in cut.splitlines() if line.strip()) or cut.strip()
        cut = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)[
            :most
        ]
    else:
        cut = cut.strip()
    return cut if len(text) <= most else f"{cut}… ({len(text)} characters)"


class PieError(Exception):
    """Base class of all exceptions of this package."""

    def __init__(self, message: str = "") -> None:
        # What arguments and servers contribute may have any length; advice is at the end.
        if len(message) > MESSAGE_CHARACTERS:
            half = MESSAGE_CHARACTERS // 2 - 10
            message = f"{message[:half]} … {message[-half:]}"
        super().__init__(message if message.isprintable() else one_line(message, MESSAGE_CHARACTERS))


class PieConnectionError(PieError, ConnectionError):
    """The client has no usable connection to the server.

    Attributes:
        sent: Whether the failed request had been sent. If False, repeating it is safe. If True, the server may have
            processed it. None if no request failed, as while the connection is opened.
    """

    def __init__(self, message: str = "", *, sent: bool | None = None) -> None:
        super().__init__(message)
        self.sent = sent


class ConnectError(PieConnectionError):
    """The connection could not be opened."""


class ConnectTimeoutError(ConnectError, TimeoutError):
    """The server did not complete the opening handshake within ``open_timeout``."""


class HandshakeError(ConnectError):
    """The server answered the opening handshake, but did not switch to WebSocket.

    Attributes:
        status: HTTP status of the response, or None if the response was not HTTP.
        body: Beginning of the response's body.
    """

    def __init__(self, message: str, *, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ConnectionLostError(PieConnectionError):
    """The connection broke. ``__cause__`` holds the reason.

    Attributes:
        code: WebSocket close code (RFC 6455, section 7.4): that of the close frame which ended the connection, or 1006 if
            there was none.
    """

    def __init__(self, message: str, *, sent: bool | None = None, code: int = NO_CLOSE_FRAME) -> None:
        super().__init__(message, sent=sent)
        self.code = code


def interrupted_by(loss: ConnectionLostError, *, sent: bool | None, request: str = "") -> ConnectionLostError:
    """Return the error of a request that the loss of the connection has interrupted.

    Args:
        loss: The loss.
        sent: Whether the request had been sent; None if there is none.
        request: The request, named in the text.
    """
    what = f"{request} {'sent, but not answered' if sent else 'not sent'}: " if request else ""
    return ConnectionLostError(f"{what}{loss}", sent=sent, code=loss.code)


class ProcessLostError(ConnectionLostError):
    """The connection was lost and opened again, but the server did not give this process back; the text says why."""


class ReconnectError(PieConnectionError):
    """The connection was lost, and the client with ``reconnect=`` has given up. ``__cause__`` holds the reason.

    That is the error of the last attempt, or a ConnectionLostError if none followed. Requests fail with this error until
    :meth:`PieClient.connect` is called. It is no ConnectionLostError, so a loop that repeats what was lost ends.
    """


class NotConnectedError(PieConnectionError):
    """The client has not connected yet, or was closed."""


class DeadlineError(PieError, TimeoutError):
    """A call did not finish within its timeout.

    Attributes:
        sent: Whether the request had been sent. If False, it certainly was not, and repeating it is safe. If True, the server
            may have processed it, or still will. None if the call waits without a request, as :meth:`Process.recv` does.
    """

    def __init__(self, message: str = "", *, sent: bool | None = None) -> None:
        super().__init__(message)
        self.sent = sent


class InvalidArgumentError(PieError, ValueError):
    """An argument is invalid. Nothing was sent."""


class InvalidKeyError(InvalidArgumentError):
    """A private key is unusable."""


class AgentError(InvalidKeyError):
    """An ssh-agent is unreachable, or refused to sign."""


class ManifestError(InvalidArgumentError):
    """A program's Pie.toml is invalid. Nothing was sent."""


class ProgramExistsError(PieError):
    """The server has a program of this name and version, and ``force_overwrite`` is False. Nothing was sent."""


class NotAttachedError(PieError):
    """The process was launched with ``capture_outputs=False``, so it exchanges no events with this client."""


class HashesNotComparedWarning(UserWarning):
    """The server has the program, but did not compare it with the local files."""


class RegistryError(PieError):
    """A program registry is unreachable, or its response is unusable.

    Not a ``ConnectionError``, because the connection to the Pie server is not affected.

    Attributes:
        status: HTTP status of a refusal, or None for other failures.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UnsupportedError(PieError):
    """The server's family does not support a request, or one of its fields; or no asyncio event loop runs.

    Nothing was sent, except by ``auth_by_token`` and ``launch_processes``: whether a server supports them shows only in
    whether it answers.
    """


class ProtocolError(PieError):
    """The server sent something that the protocol does not allow."""


class CorruptEventError(ProtocolError):
    """A file or another event of a process arrived corrupt and is lost. The process keeps running.

    ``Process.recv()`` raises it once for each lost event; the next call returns the next event. Iterating over the
    process yields a CorruptEvent instead.

    Attributes:
        process_id: Id of the process.
        reason: What is lost, and why.
        digest: BLAKE3-256 of the lost file, in hexadecimal, as the server announced it; None for other events.
    """

    def __init__(self, process_id: str, reason: str, digest: str | None = None) -> None:
        self.process_id = process_id
        self.reason = reason
        self.digest = digest
        super().__init__(f"process {process_id}: {one_line(reason)}")

    def __reduce__(self) -> tuple[type["CorruptEventError"], tuple[str, str, str | None]]:
        return type(self), (self.process_id, self.reason, self.digest)


class RefusedError(PieError):
    """The server refused a request.

    Attributes:
        request: Name of the request on the wire, e.g. ``"launch_process"``.
        text: The server's message, unchanged.
        subject: The process or program that the request names, or ``""``.
    """

    advice: ClassVar[str] = ""

    def __init__(self, request: str, text: str, subject: str = "", *, advice: str | None = None) -> None:
        self.request = request
        self.text = text
        self.subject = subject
        what = f"{request} of {subject!r}" if subject else request
        advice = self.advice if advice is None else advice
        super().__init__(f"{what} refused: {one_line(text)}" + (f"; {advice}" if advice else ""))

    # BaseException copies and unpickles by passing `args`, here the one finished message, to __init__.
    def __reduce__(self) -> tuple[type["RefusedError"], tuple[str, str, str], dict[str, object]]:
        return type(self), (self.request, self.text, self.subject), {**vars(self), "args": self.args}

    def __setstate__(self, state: dict[str, object] | None) -> None:
        """Restore the attributes, and the message with the advice that it was raised with."""
        for name, value in (state or {}).items():
            setattr(self, name, value)


class ServerError(PieError):
    """The server reported an error that belongs to no request.

    Attributes:
        text: The server's message, unchanged.
    """

    advice: ClassVar[str] = ""

    def __init__(self, text: str, message: str | None = None) -> None:
        self.text = text
        if message is None:
            advice = f"; {self.advice}" if self.advice else ""
            message = f"server error: {one_line(text)}{advice}"
        super().__init__(message)

    def __reduce__(self) -> tuple[type["ServerError"], tuple[str, str]]:
        return type(self), (self.text, str(self))


class ProcessError(PieError, RuntimeError):
    """A process ended with an error.

    Attributes:
        process_id: Id of the process.
        text: The reason, as the server or the program gave it, unchanged.
    """

    advice: ClassVar[str] = ""

    def __init__(self, process_id: str, text: str) -> None:
        self.process_id = process_id
        self.text = text
        advice = f"; {self.advice}" if self.advice else ""
        super().__init__(f"process {process_id} failed: {one_line(text)}{advice}")

    def __reduce__(self) -> tuple[type["ProcessError"], tuple[str, str]]:
        return type(self), (self.process_id, self.text)


class ResultError(PieError, ValueError):
    """The text that a process returned is not JSON, or not of the requested type."""


class McpServerError(PieError):
    """An MCP server could not be started or reached, violated MCP, or exited.

    Attributes:
        name: Name that the server is registered under.
        reason: What went wrong, without the name.
        advice: What to do about it.
    """

    def __init__(self, name: str, reason: str, advice: str) -> None:
        self.name = name
        self.reason = reason
        self.advice = advice
        super().__init__(f"MCP server {name!r}: {reason}; {advice}")

    def __reduce__(self) -> tuple[type["McpServerError"], tuple[str, str, str]]:
        return type(self), (self.name, self.reason, self.advice)


class ProcessEndedError(PieError, EOFError):
    """The process has ended and all its events were received, or its handle was closed. Nothing was sent."""


class SlowConsumerError(PieError, BufferError):
    """The process sent more than was read, and unread events were dropped; see docs/back-pressure.md."""


# Tracebacks, reprs and pickles name the module that users import from.
for _name in __all__:
    globals()[_name].__module__ = "pie_client"


class Gone:
    """An attribute that Pie's own client has. Reading it is an error that says what to use instead."""

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def __get__(self, instance: object, owner: type[object]) -> NoReturn:
        raise AttributeError(self._instead)
