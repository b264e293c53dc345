"""What exceptions of others say, also where they can't say it."""

import traceback


def text_of(error: BaseException) -> str:
    """Give the text of an exception; where its own code fails, say so."""
    try:
        return str.__str__(str(error))  # the inner one may give a subclass, with code of its own
    except BaseException as failure:  # noqa: BLE001 - it is code of others, and called to report an error
        return f"({type(error).__name__}.__str__ failed with {type(failure).__name__})"


def line_of(error: BaseException) -> str:
    """Give the class of an exception and its text, which may have several lines."""
    return f"{type(error).__name__}: {text_of(error)}".removesuffix(": ")


def trace_of(error: BaseException, *, skipped: int) -> str:
    """Give where an exception was raised, without so many of the outermost calls."""
    try:
        return "".join(traceback.format_tb(error.__traceback__)[skipped:])
    except Exception:  # noqa: BLE001 - source lines may come from loaders of others
        return "(its source can't be read)\n"
