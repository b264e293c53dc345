"""The base class of every model, and validators that stop at the first invalid item."""

import functools
from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import CoreConfig, CoreSchema, SchemaValidator

COLLECTIONS = frozenset(
    {*("list", "deque", "tuple", "set", "frozenset"), *("dict", "frozendict", "ordered-dict", "counter")}
)
"""Types of pydantic's schemas for collections that can stop at the first invalid item."""
VALUES = frozenset({"default", "expected", "members", "metadata", "serialization"})
"""Keys of pydantic's schemas whose values are not schemas of what is validated."""
WRAP, REFERENCE = "function-wrap", "definition-ref"
"""Types of schemas whose function sees the errors inside it, and of references to a schema among the definitions."""
CACHED = 128
"""Validators that are kept."""


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


class ReadableByKey(WireModel):
    """Base class of models whose fields can be read like the values of a dict, too."""

    def __contains__(self, key: object) -> bool:
        return key in vars(self)

    def get(self, key: str, default: object = None) -> object:
        """Return the value of a field, or a default."""
        return vars(self).get(key, default)

    def keys(self) -> KeysView[str]:
        """Return the names of the fields."""
        return vars(self).keys()

    def values(self) -> ValuesView[object]:
        """Return the values of the fields."""
        return vars(self).values()

    def items(self) -> ItemsView[str, object]:
        """Return the names and values of the fields."""
        return vars(self).items()


def failing_fast(adapter: TypeAdapter[Any]) -> SchemaValidator:
    """Return a validator as that of an adapter, which stops at the first invalid item of each collection.

    pydantic collects the errors of all items, each in some hundred bytes: much more than a peer has to send for it. What is
    inside a wrap validator collects them all: its function may use them.
    """
    # Plugins of pydantic wrap the validator.
    return _build(getattr(adapter.validator, "_schema_validator", adapter.validator))


@functools.lru_cache(CACHED)  # by identity: a model that is rebuilt has another validator
def _build(validator: SchemaValidator) -> SchemaValidator:
    # The arguments that it was made of, as pickle gets them: nothing else tells the configuration.
    schema, config, *_ = cast("tuple[object, CoreConfig | None]", validator.__reduce__()[1])
    if _wraps_definition(schema, wrapped=False):
        return validator  # what the reference stands for may also be used elsewhere
    # Prebuilt are the validators that models in it have, which collect all errors.
    return SchemaValidator(cast("CoreSchema", _failing_fast(schema)), config, _use_prebuilt=False)


def _failing_fast(schema: object) -> object:
    if isinstance(schema, list):
        return [_failing_fast(each) for each in cast("list[object]", schema)]
    if isinstance(schema, tuple):
        return tuple(_failing_fast(each) for each in cast("tuple[object, ...]", schema))
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, object]", schema)
    kind = fields.get("type")
    if not isinstance(kind, str):  # schemas by the names of fields, which may be any
        return {name: _failing_fast(value) for name, value in fields.items()}
    if kind == WRAP:
        return fields
    changed = {key: value if key in VALUES else _failing_fast(value) for key, value in fields.items()}
    if kind in COLLECTIONS:
        changed["fail_fast"] = True
    return changed


def _wraps_definition(schema: object, *, wrapped: bool) -> bool:
    """Return whether a reference to a definition is inside a wrap validator."""
    if isinstance(schema, dict):
        fields = cast("dict[str, object]", schema)
        kind = fields.get("type")
        if kind == REFERENCE:
            return wrapped
        wrapped = wrapped or kind == WRAP
        inner = [value for key, value in fields.items() if not (isinstance(kind, str) and key in VALUES)]
    else:
        inner = cast("list[object]", schema) if isinstance(schema, (list, tuple)) else []
    return any(_wraps_definition(each, wrapped=wrapped) for each in inner)
