from __future__ import annotations
import asyncio
import contextlib
import functools
import math
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from pie_client._generated.decoders import McpRequestRecord
from pie_client._generated.families import HIGHEST_PORT
from pie_client._generated.methods import RUN_PROCESSES
from pie_client.auth.login import Authentication, Login
from pie_client.connection.connection import Connection
from pie_client.connection.deadline import Deadline
from pie_client.connection.options import Settings, check_seconds
from pie_client.connection.transport import CLOSE_TIMEOUT, Transport, open_transport
from pie_client.errors import InvalidArgumentError, NotConnectedError, PieError
from pie_client.launching import Launcher, Options, as_budgets, as_inputs, as_json
from pie_client.lazy import LazyModule
from pie_client.paths import as_path
from pie_client.process import Process, set_returns
from pie_client.protocol.routes import canonical_id
from pie_client.protocol.session import Session
from pie_client import restoring
from pie_client._generated.mcp import McpTransport
from pie_client._generated.models import Manifest
from pie_client.auth.keys import Signer
from pie_client.connection import contents
from pie_client.connection.restorable import RestorableConnection
from pie_client.mcp import relay, spec
from pie_client.programs import functions, install
from pie_client.programs import manifest as manifests

class Connected:

    def __init__(self) -> None:
        self.connection = ...
        self.calls = ...
        self.authentication = ...
        self.launcher = ...
        self.abandoned = ...

    @functools.cached_property
    def programs(self) -> install.Programs:
        ...

    @property
    def mcp_servers(self) -> relay.McpServers:
        ...

    async def authenticate(self, username: str, key: Signer | None, timeout: float | None) -> None:
        ...

    async def auth_by_token(self, token: str, timeout: float | None) -> None:
        ...

    async def install_file(self, build: str | os.PathLike[str], manifest: str | os.PathLike[str], *, force: bool, progress: contents.Progress | None, timeout: float | None) -> str:
        ...

    async def install(self, source: contents.Source, manifest: str | bytes | Manifest, *, force: bool, progress: contents.Progress | None, timeout: float | None) -> str:
        ...

    async def launch(self, inferlet: str, input: object, options: Options) -> Process[Any]:
        ...

    async def launch_many(self, inferlet: str, inputs: Iterable[object], budgets: Iterable[int | None] | None, options: Options) -> list[Process[Any]]:
        ...

    async def run_many(self, inferlet: str, inputs: Iterable[object], *, budgets: Iterable[int | None] | None, timeout: float | None) -> list[str]:
        ...

    async def launch_daemon(self, inferlet: str, port: int, input: object, *, timeout: float | None) -> None:
        ...

    async def run(self, program: object, args: tuple[object, ...], kwargs: dict[str, object], options: Options) -> Process[Any]:
        ...

    async def launch_text(self, program: str | functions.Inferlet[..., object], text: str, options: Options) -> Process[Any]:
        ...

    async def signal(self, process_id: str, message: str, *, timeout: float | None) -> None:
        ...

    async def terminate(self, process_id: str, *, timeout: float | None) -> None:
        ...

    async def register_mcp_server(self, name: str, transport: McpTransport, *, command: str | None, args: Sequence[str] | None, url: str | None, env: Mapping[str, str] | None, inherit_env: bool, cwd: str | os.PathLike[str] | None, headers: Mapping[str, str] | None, call_timeout: float, timeout: float | None) -> None:
        ...

    async def close(self) -> None:
        ...

    async def restore(self, connection: RestorableConnection, *, identify: bool) -> restoring.Restored:
        ...

async def connect(settings: Settings, login: Login) -> Connected:
    ...
