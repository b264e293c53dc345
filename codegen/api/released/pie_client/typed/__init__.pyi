from collections.abc import Mapping
from typing import TypeVar
from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer
from pie_client.errors import InvalidArgumentError
from pie_client.protocol.validation import describe
__all__ = ['InputModel', 'checked', 'wire_names']

class InputModel(BaseModel):
    model_config = ...
M = TypeVar('M', bound=InputModel)

def wire_names(names: Mapping[str, str]) -> AliasGenerator:
    ...

def checked(model: type[M], program: str, /, **values: object) -> M:
    ...
