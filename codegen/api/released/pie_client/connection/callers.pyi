from __future__ import annotations
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias
from pie_client._generated.calls import Caller
from pie_client.lazy import LazyModule
from pie_client.connection import logged
request_logger = logging.getLogger(f'{__package__}.logged')
Wrap: TypeAlias = Callable[[Caller, bool], Caller]

def callers(caller: Caller, wrap: Wrap | None) -> tuple[Caller, Caller]:
    ...
