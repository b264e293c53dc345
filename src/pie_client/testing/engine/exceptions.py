"""The texts of exceptions that user code raises. Reading them may run user code, which may fail."""

import traceback


def text_of(error: BaseException) -> str:
    """Return the text of an exception, or a note if its ``__str__`` fails."""
    try:
        return str.__str__(str(error))  # __str__ may return a subclass of str with code of its own
    except BaseException as failure:  # noqa: BLE001 - user code, called to report an error
        return f"({type(error).__name__}.__str__ failed with {type(failure).__name__})"


def line_of(error: BaseException) -> str:
    """Return the class and text of an exception. The text may have several lines."""
    return f"{type(error).__name__}: {text_of(error)}".removesuffix(": ")


def trace_of(error: BaseException, *, skipped: int) -> str:
    """Return the formatted traceback of an exception without its outermost ``skipped`` frames."""
    try:
        return "".join(traceback.format_tb(error.__traceback__)[skipped:])
    except Exception:  # noqa: BLE001 - a loader of user code may fail to return source lines
        return "(its source can't be read)\n"
