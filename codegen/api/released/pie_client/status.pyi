import inspect
import opcode
from collections.abc import Iterator
from typing import NoReturn
from pydantic import JsonValue
UNPACKED_IN_TWO = bytes((opcode.opmap['UNPACK_SEQUENCE'], 2))
CHANGED = 'query() returns a dict, not (ok, text); write `status = await client.query(...)`: a refusal is an error'

class Status(dict[str, JsonValue]):
    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        ...

    def __missing__(self, key: object) -> NoReturn:
        ...
