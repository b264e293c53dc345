from __future__ import annotations
from collections.abc import Callable, Mapping
from typing import TypeVar, cast
from pie_client._generated.families import CORRELATION, FAMILIES, TAG
from pie_client._generated.methods import METHODS, Method
from pie_client.connection.connection import Connection
from pie_client.errors import InvalidArgumentError
from pie_client.protocol import codec
from pie_client.protocol.codec import Fields
FRAME = 'raw frame'
R = TypeVar('R')

async def send(connection: Connection, message: object, timeout: float | None) -> None:
    ...

async def request(connection: Connection, message: object, timeout: float | None) -> str:
    ...
