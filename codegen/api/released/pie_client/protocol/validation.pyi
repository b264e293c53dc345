from collections.abc import Callable
from functools import cache
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaValidator
from pie_client.base import WireModel, failing_fast
from pie_client.errors import one_line
PYTHON_TYPES = ...
FIRST = 5
DETAILED = 10000
PLACE_CHARACTERS = 100

@cache
def validator(model: type[WireModel]) -> SchemaValidator:
    ...

def describe(error: ValueError) -> str:
    ...

def describe_types(error: ValidationError) -> str:
    ...

def problems(error: ValidationError, describe_one: Callable[[ErrorDetails], str]) -> str:
    ...
