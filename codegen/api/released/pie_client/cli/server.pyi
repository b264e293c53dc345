from __future__ import annotations
import contextlib
import getpass
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Final
from uuid import UUID
from pie_client import PieClient
from pie_client.cli import output
from pie_client.cli.running import FailedError, Status, UsageError
from pie_client.cli.settings import PASSPHRASE_VARIABLE, Value, check, seconds_of, shown
from pie_client.errors import InvalidKeyError, PieError, UnsupportedError, one_line
from pie_client.interrupts import Interrupts
from pie_client.lazy import LazyModule
from pie_client.paths import as_path, read_regular
from pie_client._generated import families, refusals
from pie_client.auth import agent, key_files, keys
from pie_client.connection import reconnect as reconnecting
AGENT = 'agent'
SHORT_ID = 8

class Server:

    def __init__(self, values: Mapping[str, Value], interrupts: Interrupts, *, trace: bool) -> None:
        self.interrupts = ...
        self.address = ...

    @contextlib.asynccontextmanager
    async def client(self, *, reconnect: bool=False) -> AsyncGenerator[PieClient]:
        ...

def describe(client: PieClient) -> str:
    ...

def ends_with_connection(client: PieClient) -> bool:
    ...

async def find(client: PieClient, prefix: str) -> str:
    ...

def shortened(ids: list[str]) -> list[str]:
    ...
