from __future__ import annotations
from typing import Literal, NamedTuple, TypeAlias
WhenFull: TypeAlias = Literal['pause', 'drop-oldest', 'error']

class Share(NamedTuple):
    size: int
    when_full: WhenFull
