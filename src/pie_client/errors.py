"""The error tree. Everything that pie_client raises on purpose is a :class:`PieError`.

PieError
├── PieConnectionError (ConnectionError)
│   ├── ConnectError                 could not connect
│   │   ├── ConnectTimeoutError (TimeoutError)
│   │   └── HandshakeError           no WebSocket, or an HTTP status instead of one
│   ├── ConnectionLostError          was connected
│   └── NotConnectedError            not connected yet, or closed here
├── DeadlineError (TimeoutError)     no reply in time
├── InvalidArgumentError (ValueError)
│   ├── InvalidKeyError              a private key that can't be used
│   │   └── AgentError               an ssh-agent that can't be used, or does not sign
│   └── ManifestError                a Pie.toml that can't be used
├── RegistryError                    a program registry did not answer as it should
├── UnsupportedError                 the server's family does not know it
├── ProgramExistsError               the server would keep another program instead of the one to be installed
├── NotAttachedError                 nothing comes from a process, or goes to it, before attach_process
├── ProtocolError                    the server sent what the protocol does not allow
├── RefusedError                     the server refused a request; subclasses are generated from the schema
├── ServerError                      the server complained without naming a request; subclasses are generated
├── ProcessError                     a process ended with an error; subclasses are generated
├── ResultError (ValueError)         a process returned something else than was asked for
├── McpServerError                   an MCP server can't be started or spoken to, or it ended
├── ProcessEndedError (EOFError)     no more events
└── SlowConsumerError (BufferError)  events were not read and filled the buffer

HashesNotComparedWarning (UserWarning) is the one warning: the server was asked to compare files, and did not.

Texts are one line: what failed, with what, and what to do next. No payload, key or token appears in them.
"""

from typing import ClassVar


def one_line(text: str) -> str:
    """Fold a text of several lines into one, and make control characters visible."""
    folded = " / ".join(line.strip() for line in text.splitlines() if line.strip()) or text.strip()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in folded)


class PieError(Exception):
    """Base of every error of this package."""


class PieConnectionError(PieError, ConnectionError):
    """There is no usable connection."""


class ConnectError(PieConnectionError):
    """No connection could be made."""


class ConnectTimeoutError(ConnectError, TimeoutError):
    """The server did not complete the opening handshake in time."""


class HandshakeError(ConnectError):
    """The server answered the opening handshake with something else than a WebSocket.

    ``status`` is its HTTP status, None where it did not speak HTTP; ``body`` the first of its words.
    """

    def __init__(self, message: str, *, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ConnectionLostError(PieConnectionError):
    """The connection broke; the cause is chained.

    ``sent`` tells of the request that it broke whether it had left: False, it did not; True, the server may have acted
    on it; None where no request is meant.
    """

    def __init__(self, message: str, *, sent: bool | None = None) -> None:
        super().__init__(message)
        self.sent = sent


class NotConnectedError(PieConnectionError):
    """The client is not connected: not yet, or no longer because it was closed."""


class DeadlineError(PieError, TimeoutError):
    """Something did not happen within its timeout."""


class InvalidArgumentError(PieError, ValueError):
    """An argument can't be used; nothing was sent."""


class InvalidKeyError(InvalidArgumentError):
    """A private key can't be used."""


class ManifestError(InvalidArgumentError):
    """A program's Pie.toml can't be used; nothing was sent."""


class ProgramExistsError(PieError):
    """The server has a program of this name and version and would keep it; nothing was sent."""


class NotAttachedError(PieError):
    """Nothing comes from a process or goes to it, because it was launched with ``capture_outputs=False``."""


class HashesNotComparedWarning(UserWarning):
    """The server has the program, but did not compare its bytes with the files that were named."""


class AgentError(InvalidKeyError):
    """An ssh-agent can't be reached, or does not sign with one of its keys."""


class RegistryError(PieError):
    """A program registry can't be reached, or did not answer as it should.

    Not a ``ConnectionError``: the connection to the server is not concerned. ``status`` is the HTTP status where the
    registry refused with one, else None.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UnsupportedError(PieError):
    """The server's family does not know a request or a field of it; nothing was sent."""


class ProtocolError(PieError):
    """The server sent something that the protocol does not allow."""


class RefusedError(PieError):
    """The server refused a request.

    ``request`` is the tag of the request, ``subject`` the process or program it was about ("" for none), ``text`` the
    server's own words.
    """

    advice: ClassVar[str] = ""

    def __init__(self, request: str, text: str, subject: str = "", *, advice: str | None = None) -> None:
        self.request = request
        self.text = text
        self.subject = subject
        what = f"{request} of {subject!r}" if subject else request
        advice = self.advice if advice is None else advice
        super().__init__(f"{what} refused: {one_line(text)}" + (f"; {advice}" if advice else ""))

    def __reduce__(self) -> tuple[type["RefusedError"], tuple[str, str, str], dict[str, object]]:
        return type(self), (self.request, self.text, self.subject), {**vars(self), "args": self.args}

    def __setstate__(self, state: dict[str, object] | None) -> None:
        """Restore a copy, its text included."""
        for name, value in (state or {}).items():
            setattr(self, name, value)


class ServerError(PieError):
    """The server complained without saying about which request. ``text`` holds its words."""

    advice: ClassVar[str] = ""

    def __init__(self, text: str) -> None:
        self.text = text
        advice = f"; {self.advice}" if self.advice else ""
        super().__init__(f"the server said: {one_line(text)}{advice}")

    def __reduce__(self) -> tuple[type["ServerError"], tuple[str]]:
        return type(self), (self.text,)


class ProcessError(PieError):
    """A process ended with an error. ``text`` holds the reason in full, in the server's or the program's words."""

    advice: ClassVar[str] = ""

    def __init__(self, process_id: str, text: str) -> None:
        self.process_id = process_id
        self.text = text
        advice = f"; {self.advice}" if self.advice else ""
        super().__init__(f"process {process_id} failed: {one_line(text)}{advice}")

    def __reduce__(self) -> tuple[type["ProcessError"], tuple[str, str]]:
        return type(self), (self.process_id, self.text)


class ResultError(PieError, ValueError):
    """A process returned a text that is not what was asked for."""


class McpServerError(PieError):
    """An MCP server can't be started or spoken to, or it ended. ``reason`` says why, without the server's name."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(
            f"MCP server {name!r}: {reason}; try it by hand, and see the log pie_client.mcp at level INFO"
        )

    def __reduce__(self) -> tuple[type["McpServerError"], tuple[str, str]]:
        return type(self), (self.name, self.reason)


class ProcessEndedError(PieError, EOFError):
    """All events of a process were received, or its handle was closed."""


class SlowConsumerError(PieError, BufferError):
    """A process sent more than its client read, and what was buffered for it had to be given up."""
