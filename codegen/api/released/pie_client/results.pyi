import contextlib
import functools
from collections.abc import Hashable
from typing import Any, get_args
import pydantic
from pie_client.base import failing_fast
from pie_client.errors import InvalidArgumentError, ResultError
from pie_client.protocol.validation import describe_types
LONG_RESULT = 1 << 16
CACHED = 128

def adapter_of(as_type: type[Any] | pydantic.TypeAdapter[Any] | None) -> pydantic.TypeAdapter[Any]:
    ...

def decode(process_id: str, text: str, as_type: object, adapter: pydantic.TypeAdapter[Any]) -> object:
    ...
