"""Exceptions of inferlets, and the texts of exceptions that user code raises: reading them runs user code, too."""

import traceback


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


def text_of(error: BaseException) -> str:
    """Return the text of an exception, or a note if its ``__str__`` fails."""
    try:
        return str.__str__(str(error))  # __str__ may return a subclass of str with code of its own
    except BaseException as failure:  # noqa: BLE001 - user code, called to report an error
        return f"({type(error).__name__}.__str__ failed with {type(failure).__name__})"


def line_of(error: BaseException) -> str:
    """Return the class and text of an exception. The text may have several lines."""
    return f"{type(error).__name__}: {text_of(error)}".removesuffix(": ")


def report_of(error: BaseException) -> str:
    """Return the error of a process whose inferlet raised an exception."""
    if isinstance(error, ProcessFailure):
        return text_of(error)
    if isinstance(error, SystemExit):
        return f"the program exited with status {text_of(error) or 0}"
    if isinstance(error, KeyboardInterrupt):
        return "the program raised KeyboardInterrupt"
    try:
        trace = "".join(traceback.format_tb(error.__traceback__)[1:])
    except Exception:  # noqa: BLE001 - a loader of user code may fail to return source lines
        trace = "(its source can't be read)\n"
    return f"{type(error).__name__}: {text_of(error)}\nTraceback (most recent call last):\n{trace}"
