"""Describe validation errors. Kept apart because it imports pydantic."""

from collections.abc import Callable
from functools import cache

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaValidator

from pie_client.base import WireModel, failing_fast
from pie_client.errors import one_line

PYTHON_TYPES = {
    "bool_type": "bool",
    "bytes_type": "bytes",
    "dict_type": "dict",
    "int_type": "int",
    "list_type": "list",
    "string_type": "str",
}
"""Types that values must have, by the type of the validation error."""
FIRST = 5
"""Problems that are described."""
DETAILED = 10_000
"""Problems above which only their number is told: pydantic describes all of them, or none."""
PLACE_CHARACTERS = 100
"""Most characters of the place of a problem; it may consist of keys that a peer chose."""


@cache
def validator(model: type[WireModel]) -> SchemaValidator:
    """Return the validator of a model, which stops at the first invalid item of each list."""
    return failing_fast(TypeAdapter(model))


def describe(error: ValueError) -> str:
    """Return why a value is invalid; of a ValidationError without the input, which may hold secrets."""
    return problems(error, _describe_detail) if isinstance(error, ValidationError) else one_line(str(error))


def describe_types(error: ValidationError) -> str:
    """Return where a value is invalid, and the types of the problems: messages may show the input."""
    return problems(error, _describe_type)


def _describe_type(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "missing":
        return f"{_place(detail)} is missing"
    if kind == "json_invalid":
        return "it is not valid JSON"
    expected = kind.removesuffix("_type").removesuffix("_parsing")
    if expected != kind:
        return f"{_place(detail)} is not a valid {expected.replace('_', ' ')}"
    return f"{_place(detail)}: {kind.replace('_', ' ')}"


def problems(error: ValidationError, describe_one: Callable[[ErrorDetails], str]) -> str:
    """Describe the first problems, and tell how many more there are."""
    count = error.error_count()
    if count > DETAILED:
        return f"{count} problems"
    details = error.errors(include_url=False, include_context=False)[:FIRST]
    more = [f"{count - FIRST} more"] if count > FIRST else []
    return "; ".join([*map(describe_one, details), *more])


def _describe_detail(detail: ErrorDetails) -> str:
    where = _place(detail)
    expected = PYTHON_TYPES.get(detail["type"])
    if expected is not None:
        return f"{where} is {type(detail['input']).__name__}, not {expected}"
    return f"{where} is missing" if detail["type"] == "missing" else f"{where}: {one_line(detail['msg'])}"


def _place(detail: ErrorDetails) -> str:
    return one_line(".".join(map(str, detail["loc"])), PLACE_CHARACTERS) or "value"
