"""The result of a query: a dict that raises an error with advice if it is read as a pair, as in scripts for other clients."""

import inspect
import opcode
from collections.abc import Iterator
from typing import NoReturn

from pydantic import JsonValue

UNPACKED_IN_TWO = bytes((opcode.opmap["UNPACK_SEQUENCE"], 2))
CHANGED = (
    "query() returns a dict, not (ok, text); write `status = await client.query(...)`: a refusal is an error"
)


class Status(dict[str, JsonValue]):
    """The result of :meth:`PieClient.query`: a dict.

    The published clients return a pair, and unpacking a dict gives keys. So ``ok, text = await client.query(...)`` and
    ``result[1]`` raise TypeError, with what to write instead.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        # What the caller does with the keys shows only in its code. A dict that is unpacked has any number of keys.
        here = inspect.currentframe()
        frame = here and here.f_back
        if frame and frame.f_code.co_code[frame.f_lasti : frame.f_lasti + 2] == UNPACKED_IN_TWO:
            raise TypeError(CHANGED)
        return super().__iter__()

    def __missing__(self, key: object) -> NoReturn:
        raise TypeError(CHANGED) if isinstance(key, int) else KeyError(key)
