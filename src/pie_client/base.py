"""The base class of every model, and validators that stop at the first invalid item."""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import CoreSchema, SchemaValidator

COLLECTIONS = frozenset({"list", "tuple", "set", "frozenset"})
"""Types of pydantic's schemas for collections that can stop at the first invalid item."""
VALUES = frozenset({"default", "metadata", "serialization"})
"""Keys of pydantic's schemas whose values are not schemas of what is validated."""


class WireModel(BaseModel):
    """Base class of the messages, results and events of the protocol.

    Models are immutable and strict: a value of the wrong type is an error, not converted. Unknown fields are ignored,
    so newer servers may add some. Validation errors never show the input, which may contain secrets.
    """

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        hide_input_in_errors=True,
        protected_namespaces=(),
    )


def failing_fast(adapter: TypeAdapter[Any]) -> SchemaValidator:
    """Return a validator as that of an adapter without a config, which stops at the first invalid item of each collection.

    pydantic collects the errors of all items, each in some hundred bytes: much more than a peer has to send for it.
    """
    return SchemaValidator(cast("CoreSchema", _failing_fast(adapter.core_schema)))


def _failing_fast(schema: object) -> object:
    if isinstance(schema, list):
        return [_failing_fast(each) for each in cast("list[object]", schema)]
    if isinstance(schema, tuple):
        return tuple(_failing_fast(each) for each in cast("tuple[object, ...]", schema))
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, object]", schema)
    changed = {key: value if key in VALUES else _failing_fast(value) for key, value in fields.items()}
    kind = fields.get("type")
    if isinstance(kind, str) and kind in COLLECTIONS:
        changed["fail_fast"] = True
    return changed
