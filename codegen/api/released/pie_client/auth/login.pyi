from __future__ import annotations
import asyncio
import functools
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from pie_client._generated.families import DEFAULT_USER, FAMILIES, FAMILY_OF_RESULT, NEWEST, TOKEN_USER, Family
from pie_client._generated.methods import AUTH_BY_TOKEN, AUTH_IDENTIFY, AUTH_PROVE, Method
from pie_client._generated.results import AuthIdentifyResult, Challenge
from pie_client.connection.connection import Connection
from pie_client.connection.waiting import Lock
from pie_client.errors import ConnectionLostError, RefusedError
from pie_client.lazy import LazyModule
from pie_client._generated import refusals
from pie_client.auth import keys, server_info
from pie_client.connection import probe
logger = logging.getLogger(__name__)
TOKEN_FAMILY: Final[Family] = max(AUTH_BY_TOKEN.families, key=list(FAMILIES).index)
AUTHENTICATE_FIRST = 'call authenticate(username, private_key) before the first request'

@dataclass(frozen=True, slots=True)
class Login:
    username: str
    key: keys.Signer | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

class Authentication:

    def __init__(self, connection: Connection, login: Login) -> None:
        self.connection = ...
        self.login = ...

    @property
    def server(self) -> server_info.ServerInfo | None:
        ...

    async def identify(self) -> None:
        ...

    def forget(self) -> bool:
        ...

    async def authenticate(self, username: str, key: keys.Signer | None, timeout: float | None) -> None:
        ...

    async def by_token(self, token: str, timeout: float | None) -> None:
        ...
