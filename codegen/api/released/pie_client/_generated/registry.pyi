from __future__ import annotations
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias
from pie_client._generated import decoders, models
from pie_client._generated.events import Event, UnknownEvent
from pie_client._generated.families import Family
from pie_client.base import WireModel
ClientMessage: TypeAlias = ...
EVENT_MESSAGES: Final = ...
ServerMessage: TypeAlias = ...
CLIENT_MESSAGES: Final[Mapping[str, type[WireModel]]] = ...
BINARY_MESSAGES: Final[Mapping[str, type[WireModel]]] = MappingProxyType({'response': models.Response, 'file': models.FileChunk, 'mcp_request': models.McpRequest})
TEXT_MESSAGES: Final[Mapping[str, type[WireModel]]] = MappingProxyType({'turn_done': models.TurnDone, 'error': models.ServerNotice})
EVENTS: Final[Mapping[object, type[WireModel]]] = ...
UNKNOWN: Final = models.UnknownFrame
FIELDS_OF_FAMILIES: Final[Mapping[type[WireModel], Mapping[str, tuple[Family, ...]]]] = MappingProxyType({models.FileChunk: MappingProxyType({'name': ('0.5',)})})

def record_of(message: ServerMessage) -> decoders.Record | decoders.EventRecord:
    ...
__all__ = ['BINARY_MESSAGES', 'CLIENT_MESSAGES', 'EVENTS', 'EVENT_MESSAGES', 'FIELDS_OF_FAMILIES', 'TEXT_MESSAGES', 'UNKNOWN', 'ClientMessage', 'ServerMessage', 'record_of']
