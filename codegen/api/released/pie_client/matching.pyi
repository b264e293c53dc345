import functools
import re
from collections.abc import Mapping
from typing import Final, TypeVar
MATCHED_CHARACTERS: Final = 1 << 16

def find(table: Mapping[str, _T], text: str) -> _T | None:
    ...
