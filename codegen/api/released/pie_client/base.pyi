import functools
from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any, cast
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import CoreConfig, CoreSchema, SchemaValidator
COLLECTIONS = frozenset({*('list', 'deque', 'tuple', 'set', 'frozenset'), *('dict', 'frozendict', 'ordered-dict', 'counter')})
VALUES = frozenset({'default', 'expected', 'members', 'metadata', 'serialization'})
WRAP, REFERENCE = ('function-wrap', 'definition-ref')
CACHED = 128

class WireModel(BaseModel):
    model_config = ...

class ReadableByKey(WireModel):

    def __contains__(self, key: object) -> bool:
        ...

    def get(self, key: str, default: object=None) -> object:
        ...

    def keys(self) -> KeysView[str]:
        ...

    def values(self) -> ValuesView[object]:
        ...

    def items(self) -> ItemsView[str, object]:
        ...

def failing_fast(adapter: TypeAdapter[Any]) -> SchemaValidator:
    ...
