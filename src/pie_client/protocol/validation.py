"""Describe validation errors. Kept apart because it imports pydantic."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

PYTHON_TYPES = {
    "bool_type": "bool",
    "bytes_type": "bytes",
    "dict_type": "dict",
    "int_type": "int",
    "list_type": "list",
    "string_type": "str",
}
"""Types that values must have, by the type of the validation error."""


def describe(error: ValueError) -> str:
    """Return why a value is invalid; of a ValidationError without the input, which may hold secrets."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(map(_describe_detail, error.errors(include_url=False, include_context=False)))


def _describe_detail(detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"])) or "value"
    expected = PYTHON_TYPES.get(detail["type"])
    if expected is not None:
        return f"{where} is {type(detail['input']).__name__}, not {expected}"
    return f"{where} is missing" if detail["type"] == "missing" else f"{where}: {detail['msg']}"
