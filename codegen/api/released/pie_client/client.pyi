from __future__ import annotations
import os
import warnings
from pie_client.copies import refuse
from pie_client.lazy import LazyModule, imported
TYPE_CHECKING = False
import ssl as ssl_module
import typing
from collections import abc
from typing import overload
import pydantic
from pie_client import connected as sessions
from pie_client import connector, errors, launching, mapping, otel, process, status
from pie_client._generated import calls, mcp, models
from pie_client.auth import keys, server_info
from pie_client.connection import contents, observing, options, raw
from pie_client.connection import reconnect as reconnecting
from pie_client.programs import functions, registry
from pie_client.protocol import shares
P = typing.ParamSpec('P')
R = typing.TypeVar('R')
T = typing.TypeVar('T')
I = typing.TypeVar('I')
from pie_client._generated.events import Event as Event
from pie_client.auth.keys import ParsedPrivateKey as ParsedPrivateKey
from pie_client.process import Process as Process
from pie_client.programs.functions import Inferlet as Inferlet
from pie_client.protocol.files import ReceivedFile as ReceivedFile
DEFAULT_TIMEOUT = 60.0

class PieClient:

    def __init__(self, server_uri: str, identity: str | None=None, *, username: str | None=None, timeout: float | None=DEFAULT_TIMEOUT, open_timeout: float=10.0, ssl: ssl_module.SSLContext | None=None, headers: abc.Mapping[str, str] | None=None, proxy: str | bool=True, max_message_size: int=256 << 20, max_buffered: int | None=None, max_buffered_total: int | None=None, when_full: shares.WhenFull='pause', spool_above: int | None=None, max_spooled: int | None=None, ping_interval: float=20.0, ping_timeout: float=20.0, reconnect: reconnecting.Reconnect | None=None, telemetry: otel.OpenTelemetry | None=None) -> None:
        ...

    def __repr__(self) -> str:
        ...

    def __reduce__(self) -> typing.NoReturn:
        ...

    def __del__(self, _warn: abc.Callable[..., None]=warnings.warn) -> None:
        ...

    async def __aenter__(self) -> typing.Self:
        ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        ...

    async def connect(self) -> None:
        ...

    async def close(self) -> None:
        ...

    @property
    def connected(self) -> bool:
        ...

    @property
    def state(self) -> reconnecting.ConnectionState:
        ...

    def states(self) -> abc.AsyncGenerator[reconnecting.ConnectionState]:
        ...

    def observe(self, callback: abc.Callable[[observing.ObservedFrame], None], *, redact: bool=True) -> observing.Observation:
        ...

    @property
    def server(self) -> server_info.ServerInfo | None:
        ...

    @property
    def buffered(self) -> int:
        ...

    @property
    def dropped(self) -> int:
        ...

    @property
    def rpc(self) -> calls.Calls:
        ...

    @overload
    async def send_raw(self, message: bytes | abc.Mapping[str, object], *, correlate: typing.Literal[False]=False, timeout: float | None=None) -> None:
        ...

    @overload
    async def send_raw(self, message: abc.Mapping[str, object], *, correlate: typing.Literal[True], timeout: float | None=None) -> str:
        ...

    async def send_raw(self, message: bytes | abc.Mapping[str, object], *, correlate: bool=False, timeout: float | None=None) -> str | None:
        ...

    async def authenticate(self, username: str, private_key: keys.Signer | None=None, *, timeout: float | None=None) -> None:
        ...

    async def auth_by_token(self, token: str, *, timeout: float | None=None) -> None:
        ...

    async def resolve_version(self, name: str, registry_url: str, *, timeout: float | None=None) -> str:
        ...

    async def check_program(self, inferlet: str, wasm_path: str | os.PathLike[str] | None=None, manifest_path: str | os.PathLike[str] | None=None, *, timeout: float | None=None) -> bool:
        ...

    async def install_program(self, wasm_path: str | os.PathLike[str], manifest_path: str | os.PathLike[str], force_overwrite: bool=False, *, progress: contents.Progress | None=None, timeout: float | None=None) -> str:
        ...

    async def install_program_bytes(self, program_bytes: contents.Source, manifest: str | bytes | models.Manifest, force_overwrite: bool=False, *, progress: contents.Progress | None=None, timeout: float | None=None) -> str:
        ...

    async def launch_process(self, inferlet: str, input: object=None, capture_outputs: bool=True, token_budget: int | None=None, *, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> process.Process[pydantic.JsonValue]:
        ...

    async def launch_processes(self, inferlet: str, inputs: abc.Sequence[object], capture_outputs: bool=True, token_budgets: abc.Sequence[int | None] | None=None, *, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> list[process.Process[pydantic.JsonValue]]:
        ...

    async def run_processes(self, inferlet: str, inputs: abc.Sequence[object], token_budgets: abc.Sequence[int | None] | None=None, *, timeout: float | None=None) -> list[str]:
        ...

    async def launch_daemon(self, inferlet: str, port: int, input: object=None, *, timeout: float | None=None) -> None:
        ...

    @overload
    async def run(self, program: functions.Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs) -> process.Process[R]:
        ...

    @overload
    async def run(self, program: str, /, **kwargs: object) -> process.Process[pydantic.JsonValue]:
        ...

    async def run(self, program: object, /, *args: object, **kwargs: object) -> process.Process[object]:
        ...

    def run_with(self, *, capture_outputs: bool=True, token_budget: int | None=None, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> launching.Runner:
        ...

    @overload
    def map(self, program: mapping.MapFunction[I, T], inputs: abc.Iterable[I] | abc.AsyncIterable[I], *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> mapping.Map[I, T]:
        ...

    @overload
    def map(self, program: str, inputs: abc.Iterable[I] | abc.AsyncIterable[I], *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> mapping.Map[I, pydantic.JsonValue]:
        ...

    @overload
    def map(self, program: str | mapping.MapFunction[I, object], inputs: abc.Iterable[I] | abc.AsyncIterable[I], as_type: type[T] | pydantic.TypeAdapter[T], *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> mapping.Map[I, T]:
        ...

    def map(self, program: object, inputs: abc.Iterable[object] | abc.AsyncIterable[object], as_type: object=None, *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> mapping.Map[object, object]:
        ...

    async def attach_process(self, process_id: str, *, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> process.Process[pydantic.JsonValue]:
        ...

    async def list_processes(self, *, timeout: float | None=None) -> list[models.ProcessInfo]:
        ...

    async def signal_process(self, process_id: str, message: str, *, timeout: float | None=None) -> None:
        ...

    async def terminate_process(self, process_id: str, *, timeout: float | None=None) -> None:
        ...

    async def register_mcp_server(self, name: str, transport: mcp.McpTransport, command: str | None=None, args: abc.Sequence[str] | None=None, url: str | None=None, *, env: abc.Mapping[str, str] | None=None, inherit_env: bool=False, cwd: str | os.PathLike[str] | None=None, headers: abc.Mapping[str, str] | None=None, call_timeout: float=300.0, timeout: float | None=None) -> None:
        ...

    async def unregister_mcp_server(self, name: str) -> None:
        ...

    async def ping(self, *, timeout: float | None=None) -> None:
        ...

    async def query(self, subject: str, record: str='', *, timeout: float | None=None) -> models.QueryResult:
        ...
