"""Decode the JSON text that a process returned. Kept apart because it imports pydantic."""

import contextlib
import functools
from collections.abc import Hashable
from typing import Any, get_args

import pydantic

from pie_client.base import failing_fast
from pie_client.errors import InvalidArgumentError, ResultError
from pie_client.protocol.validation import describe_types

LONG_RESULT = 1 << 16
"""Characters above which the validation of a result stops at the first invalid item of each collection."""
CACHED = 128
"""Adapters that are kept."""


def adapter_of(as_type: type[Any] | pydantic.TypeAdapter[Any] | None) -> pydantic.TypeAdapter[Any]:
    """Return what validates a type; None stands for any JSON value. Raises InvalidArgumentError."""
    try:
        if isinstance(as_type, pydantic.TypeAdapter):
            as_type.rebuild(raise_errors=True)
            return as_type
        annotation: Any = pydantic.JsonValue if as_type is None else as_type
        arguments = _arguments(annotation)
        build = _cached_adapter if _is_hashable((annotation, arguments)) else _adapter
        return build(annotation, arguments)
    except (pydantic.PydanticUserError, pydantic.PydanticUndefinedAnnotation) as error:
        raise InvalidArgumentError(
            f"pydantic can't validate as_type={as_type!r}; pass a model, a dataclass or a type of plain values"
        ) from error


def _adapter(annotation: Any, *_: Hashable) -> pydantic.TypeAdapter[Any]:  # noqa: ANN401 - whatever pydantic validates
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(annotation)
    adapter.rebuild(raise_errors=True)
    return adapter


_cached_adapter = functools.lru_cache(CACHED)(_adapter)


def _arguments(annotation: object) -> tuple[Hashable, ...]:
    """Return a key that differs for unions with another order of members: they are equal, but pydantic tries members in order."""
    return tuple((each, _arguments(each)) for each in get_args(annotation))


def _is_hashable(key: object) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def decode(process_id: str, text: str, as_type: object, adapter: pydantic.TypeAdapter[Any]) -> object:
    """Return a result; see :meth:`Process.result`.

    Args:
        process_id: The process, for the error.
        text: What it returned.
        as_type: Type of the result, as the caller gave it.
        adapter: Validates it.

    Raises:
        ResultError: The text is not JSON, or not of the type.
    """
    try:
        if len(text) > LONG_RESULT:
            return failing_fast(adapter).validate_json(text)
        return adapter.validate_json(text)
    except pydantic.ValidationError as error:
        if as_type is str:
            return text
        if not text:  # Python functions on 0.5 servers return this for None
            with contextlib.suppress(pydantic.ValidationError):
                return adapter.validate_python(None)
        reason = describe_types(error)
    # Not chained: the validation error holds the input.
    wanted = "JSON" if as_type is None else as_type.__name__ if isinstance(as_type, type) else str(as_type)
    raise ResultError(
        f"process {process_id} returned {len(text)} characters that are not {wanted} ({reason}); wait() returns the text"
    )
