"""How names of the schema are spelled in Python."""

import keyword
import re

import pydantic

from codegen.schema import Schema

MODEL_NAMES = frozenset(
    {*dir(pydantic.BaseModel), "str", "int", "float", "bool", "bytes", "list", "dict", "tuple"}
)
"""Names that a field of a model can't have."""
CALL_NAMES = frozenset({"self", "timeout", "content", "all", "len"})
"""Names that generated calls, encoders and decoders use themselves."""


def spelling(name: str) -> str:
    """Return a field's name in Python, the same in models, calls and events: snake_case, with _ after a reserved name."""
    snake = constant(name).lower()
    return f"{snake}_" if keyword.iskeyword(snake) or snake in MODEL_NAMES | CALL_NAMES else snake


def constant(name: str) -> str:
    """Return a type's name in capitals: ``PingRequest`` becomes ``PING_REQUEST``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def renames(schema: Schema) -> list[str]:
    """Return a line for each field that has another name in Python."""
    return [
        f"renamed: schema/{file}: {name!r} is {spelling(name)!r} in Python"
        for file, document in schema.objects()
        for name in document.get("properties", {})
        if spelling(name) != name
    ]
