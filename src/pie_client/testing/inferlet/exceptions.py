"""Exceptions of inferlets, and the texts of exceptions that user code raises."""

from traceback import TracebackException


class ProcessFailure(Exception):  # noqa: N818 - inferlets raise it about themselves
    """Raise it in an inferlet to end its process with exactly this text as the error."""

    __module__ = "pie_client.testing"


class McpCallError(Exception):
    """An MCP call of an inferlet failed.

    Attributes:
        code: JSON-RPC error code.
        message: Error message.
        data: Further information as JSON text, or None.
    """

    __module__ = "pie_client.testing"

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


def line_of(error: BaseException) -> str:
    """Return the class and text of an exception. The text may have several lines."""
    # TracebackException handles a __str__ that raises.
    return f"{type(error).__name__}: {TracebackException.from_exception(error)}".removesuffix(": ")


def report_of(error: BaseException) -> str:
    """Return the error of a process whose inferlet raised an exception."""
    safe = TracebackException.from_exception(error)
    if isinstance(error, ProcessFailure):
        return str(safe)
    if isinstance(error, SystemExit):
        return f"the program exited with status {str(safe) or 0}"
    if isinstance(error, KeyboardInterrupt):
        return "the program raised KeyboardInterrupt"
    trace = "".join(safe.stack.format()[1:])
    return f"{type(error).__name__}: {safe}\nTraceback (most recent call last):\n{trace}"
