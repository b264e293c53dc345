from __future__ import annotations
import os
from pie_client.client import DEFAULT_TIMEOUT
from pie_client.lazy import LazyModule
TYPE_CHECKING = False
import ssl as ssl_module
import typing
from collections import abc
from typing import overload
import pydantic
from pie_client import client as aio
from pie_client import errors, mapping, otel
from pie_client._generated import mcp, models
from pie_client.auth import keys, server_info
from pie_client.client import I, P, R, T
from pie_client.connection import contents, observing
from pie_client.connection import reconnect as reconnecting
from pie_client.programs import functions
from pie_client.protocol import shares
from pie_client.sync import feeds, loop_thread
from pie_client.sync._generated import calls as sync_calls
from pie_client.sync._generated import launching as sync_launching
from pie_client.sync._generated import mapping as sync_mapping
from pie_client.sync._generated import process as sync_process

class PieClient:

    def __init__(self, server_uri: str, identity: str | None=None, *, username: str | None=None, timeout: float | None=DEFAULT_TIMEOUT, open_timeout: float=10.0, ssl: ssl_module.SSLContext | None=None, headers: abc.Mapping[str, str] | None=None, proxy: str | bool=True, max_message_size: int=256 << 20, max_buffered: int | None=None, max_buffered_total: int | None=None, when_full: shares.WhenFull='pause', spool_above: int | None=None, max_spooled: int | None=None, ping_interval: float=20.0, ping_timeout: float=20.0, reconnect: reconnecting.Reconnect | None=None, telemetry: otel.OpenTelemetry | None=None) -> None:
        ...

    def __enter__(self) -> typing.Self:
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        ...

    def connect(self) -> None:
        ...

    def close(self) -> None:
        ...

    @property
    def connected(self) -> bool:
        ...

    @property
    def state(self) -> reconnecting.ConnectionState:
        ...

    def states(self) -> abc.Generator[reconnecting.ConnectionState]:
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
    def rpc(self) -> sync_calls.Calls:
        ...

    @overload
    def send_raw(self, message: bytes | abc.Mapping[str, object], *, correlate: typing.Literal[False]=False, timeout: float | None=None) -> None:
        ...

    @overload
    def send_raw(self, message: abc.Mapping[str, object], *, correlate: typing.Literal[True], timeout: float | None=None) -> str:
        ...

    def send_raw(self, message: bytes | abc.Mapping[str, object], *, correlate: bool=False, timeout: float | None=None) -> str | None:
        ...

    def authenticate(self, username: str, private_key: keys.Signer | None=None, *, timeout: float | None=None) -> None:
        ...

    def auth_by_token(self, token: str, *, timeout: float | None=None) -> None:
        ...

    def resolve_version(self, name: str, registry_url: str, *, timeout: float | None=None) -> str:
        ...

    def check_program(self, inferlet: str, wasm_path: str | os.PathLike[str] | None=None, manifest_path: str | os.PathLike[str] | None=None, *, timeout: float | None=None) -> bool:
        ...

    def install_program(self, wasm_path: str | os.PathLike[str], manifest_path: str | os.PathLike[str], force_overwrite: bool=False, *, progress: contents.Progress | None=None, timeout: float | None=None) -> str:
        ...

    def install_program_bytes(self, program_bytes: feeds.Source, manifest: str | bytes | models.Manifest, force_overwrite: bool=False, *, progress: contents.Progress | None=None, timeout: float | None=None) -> str:
        ...

    def launch_process(self, inferlet: str, input: object=None, capture_outputs: bool=True, token_budget: int | None=None, *, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> sync_process.Process[pydantic.JsonValue]:
        ...

    def launch_processes(self, inferlet: str, inputs: abc.Sequence[object], capture_outputs: bool=True, token_budgets: abc.Sequence[int | None] | None=None, *, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> list[sync_process.Process[pydantic.JsonValue]]:
        ...

    def run_processes(self, inferlet: str, inputs: abc.Sequence[object], token_budgets: abc.Sequence[int | None] | None=None, *, timeout: float | None=None) -> list[str]:
        ...

    def launch_daemon(self, inferlet: str, port: int, input: object=None, *, timeout: float | None=None) -> None:
        ...

    @overload
    def run(self, program: functions.Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs) -> sync_process.Process[R]:
        ...

    @overload
    def run(self, program: str, /, **kwargs: object) -> sync_process.Process[pydantic.JsonValue]:
        ...

    def run(self, program: object, /, *args: object, **kwargs: object) -> sync_process.Process[object]:
        ...

    def run_with(self, *, capture_outputs: bool=True, token_budget: int | None=None, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> sync_launching.Runner:
        ...

    @overload
    def map(self, program: mapping.MapFunction[I, T], inputs: abc.Iterable[I], *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> sync_mapping.Map[I, T]:
        ...

    @overload
    def map(self, program: str, inputs: abc.Iterable[I], *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> sync_mapping.Map[I, pydantic.JsonValue]:
        ...

    @overload
    def map(self, program: str | mapping.MapFunction[I, object], inputs: abc.Iterable[I], as_type: type[T] | pydantic.TypeAdapter[T], *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> sync_mapping.Map[I, T]:
        ...

    def map(self, program: object, inputs: abc.Iterable[object], as_type: object=None, *, concurrency: int=32, ordered: bool=True, on_error: mapping.OnError='raise', timeout: float | None=None, retries: int=0, retry: abc.Callable[[errors.PieError], bool] | None=None, on_progress: abc.Callable[[mapping.MapProgress], object] | None=None, journal: str | os.PathLike[str] | None=None, token_budget: int | None=None) -> sync_mapping.Map[object, object]:
        ...

    def attach_process(self, process_id: str, *, terminate_on_exit: bool=False, max_buffered: int | None=None, when_full: shares.WhenFull | None=None, timeout: float | None=None) -> sync_process.Process[pydantic.JsonValue]:
        ...

    def list_processes(self, *, timeout: float | None=None) -> list[models.ProcessInfo]:
        ...

    def signal_process(self, process_id: str, message: str, *, timeout: float | None=None) -> None:
        ...

    def terminate_process(self, process_id: str, *, timeout: float | None=None) -> None:
        ...

    def register_mcp_server(self, name: str, transport: mcp.McpTransport, command: str | None=None, args: abc.Sequence[str] | None=None, url: str | None=None, *, env: abc.Mapping[str, str] | None=None, inherit_env: bool=False, cwd: str | os.PathLike[str] | None=None, headers: abc.Mapping[str, str] | None=None, call_timeout: float=300.0, timeout: float | None=None) -> None:
        ...

    def unregister_mcp_server(self, name: str) -> None:
        ...

    def ping(self, *, timeout: float | None=None) -> None:
        ...

    def query(self, subject: str, record: str='', *, timeout: float | None=None) -> models.QueryResult:
        ...

    def __repr__(self) -> str:
        ...

    def __reduce__(self) -> str | tuple[object, ...]:
        ...
__all__ = ['PieClient']
