import functools
from typing import Any, cast
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import CoreConfig, CoreSchema, SchemaValidator
COLLECTIONS = frozenset({*('list', 'deque', 'tuple', 'set', 'frozenset'), *('dict', 'frozendict', 'ordered-dict', 'counter')})
VALUES = frozenset({'default', 'expected', 'members', 'metadata', 'serialization'})
WRAP, REFERENCE = ('function-wrap', 'definition-ref')
CACHED = 128

class WireModel(BaseModel):
    model_config = ...

def failing_fast(adapter: TypeAdapter[Any]) -> SchemaValidator:
    ...
