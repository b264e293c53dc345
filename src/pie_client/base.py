"""The base class of every model."""

from pydantic import BaseModel, ConfigDict


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
