"""Base classes and functions for the modules with typed launches that ``python -m pie_client.typed`` writes.

Importing it does not load the generator, which needs the extra ``pie-client[codegen]``.
"""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from pie_client.errors import InvalidArgumentError
from pie_client.protocol.validation import describe

__all__ = ["InputModel", "checked", "wire_names"]


class InputModel(BaseModel):
    """Base class of the inputs of programs.

    A value of the wrong type is an error, not converted, and so is an unknown parameter. Parameters that are None are left
    out of the JSON. Validation errors never show the input, which may contain secrets.
    """

    model_config = ConfigDict(
        strict=True,
        allow_inf_nan=False,  # not in JSON, where they would become null
        extra="forbid",
        hide_input_in_errors=True,
        serialize_by_alias=True,
        protected_namespaces=(),
    )

    @model_serializer(mode="wrap")
    def _without_none(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        # A program has defaults of its own for what is left out, and they need not be null.
        fields: dict[str, object] = serialize(self)
        return {name: value for name, value in fields.items() if value is not None}


M = TypeVar("M", bound=InputModel)


def wire_names(names: Mapping[str, str]) -> AliasGenerator:
    """Return the names of a model's fields in JSON.

    Unlike aliases of the fields, they don't concern type checkers, for which the fields keep their names.

    Args:
        names: Names in JSON, by the names in Python, of fields for which they differ.
    """
    return AliasGenerator(
        validation_alias=lambda name: AliasChoices(names[name], name) if name in names else name,
        serialization_alias=lambda name: names.get(name, name),
    )


def checked(model: type[M], program: str, /, **values: object) -> M:
    """Return the input of a program.

    Args:
        model: Class of the input.
        program: The program as ``name@version``, for the error.
        values: The parameters, by their names in Python.

    Raises:
        InvalidArgumentError: A value has the wrong type.
    """
    try:
        return model(**values)
    except ValidationError as error:
        raise InvalidArgumentError(
            f"invalid input of {program}: {describe(error)}; pass values of the types in its signature"
        ) from None
