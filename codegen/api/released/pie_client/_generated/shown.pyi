from __future__ import annotations
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias
Shown: TypeAlias = Mapping[str, bool]
REQUESTS: Final[Mapping[str, Shown]] = ...
BINARY_MESSAGES: Final[Mapping[str, Shown]] = ...
TEXT_MESSAGES: Final[Mapping[str, Shown]] = MappingProxyType({'turn_done': MappingProxyType({'type': True}), 'error': MappingProxyType({'type': True})})
EVENTS: Final[Mapping[str, Shown]] = ...
UNKNOWN_EVENT: Final[Shown] = MappingProxyType({'type': True, 'process_id': True, 'event': True})
__all__ = ['BINARY_MESSAGES', 'EVENTS', 'REQUESTS', 'TEXT_MESSAGES', 'UNKNOWN_EVENT', 'Shown']
