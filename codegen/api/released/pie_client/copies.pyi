from __future__ import annotations
TYPE_CHECKING = False
from typing import NoReturn

def refuse(what: str, instead: str) -> NoReturn:
    ...
