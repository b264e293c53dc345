from __future__ import annotations
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar
from pie_client._generated import encoders as _encoders
from pie_client._generated import methods as _methods
from pie_client._generated.methods import Method
from pie_client.lazy import LazyModule
import pydantic
from pie_client import content as contents
from pie_client._generated import models, results
Fields: TypeAlias = Mapping[str, object]

class Caller(Protocol):

    async def call(self, method: Method[_R], build: Callable[[int], Fields], timeout: float | None) -> _R:
        ...

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        ...

    async def upload(self, method: Method[_R], build: Callable[[int, contents.Chunk], Fields], content: bytes | contents.Content, timeout: float | None) -> _R:
        ...

    async def transfer(self, method: Method[None], build: Callable[[contents.Chunk], Fields], content: bytes | contents.Content, timeout: float | None) -> None:
        ...

class Calls:

    def __init__(self) -> None:
        ...

    async def auth_identify(self, *, username: str, timeout: float | None=None) -> results.AuthIdentifyResult:
        ...

    async def auth_prove(self, *, signature: str, timeout: float | None=None) -> str:
        ...

    async def auth_by_token(self, *, token: str, timeout: float | None=None) -> str:
        ...

    async def check_program(self, *, name: str, version: str, wasm_hash: models.Blake3Digest | None=None, manifest_hash: models.Blake3Digest | None=None, timeout: float | None=None) -> models.CheckProgramResult:
        ...

    async def query(self, *, subject: str, record: str, timeout: float | None=None) -> models.QueryResult:
        ...

    async def add_program(self, *, content: bytes | contents.Content, manifest: str, force_overwrite: bool=False, timeout: float | None=None) -> str:
        ...

    async def launch_process(self, *, inferlet: models.ProgramName, input: models.JsonText, capture_outputs: bool=True, token_budget: models.Usize | None=None, timeout: float | None=None) -> str:
        ...

    async def launch_processes(self, *, inferlet: models.ProgramName, inputs: list[models.JsonText], capture_outputs: bool=True, token_budgets: list[models.Usize | None] | None=None, timeout: float | None=None) -> models.LaunchProcessesResult:
        ...

    async def run_processes(self, *, inferlet: models.ProgramName, inputs: list[models.JsonText], token_budgets: list[models.Usize | None] | None=None, timeout: float | None=None) -> models.RunProcessesResult:
        ...

    async def launch_daemon(self, *, port: int, inferlet: models.ProgramName, input: models.JsonText, timeout: float | None=None) -> str:
        ...

    async def attach_process(self, *, process_id: models.ProcessId, timeout: float | None=None) -> str:
        ...

    async def terminate_process(self, *, process_id: models.ProcessId, timeout: float | None=None) -> str:
        ...

    async def signal_process(self, *, process_id: models.ProcessId, message: str, timeout: float | None=None) -> None:
        ...

    async def transfer_file(self, *, content: bytes | contents.Content, process_id: models.ProcessId, timeout: float | None=None) -> None:
        ...

    async def list_processes(self, *, timeout: float | None=None) -> models.ListProcessesResult:
        ...

    async def ping(self, *, timeout: float | None=None) -> str:
        ...

    async def register_mcp_server(self, *, name: str, transport: str, command: str | None=None, args: list[str] | None=None, url: str | None=None, timeout: float | None=None) -> str:
        ...

    async def mcp_response(self, *, corr_id: models.CorrelationId, ok: bool, result: str, timeout: float | None=None) -> None:
        ...

    async def submit_workflow(self, *, json_: str, timeout: float | None=None) -> str:
        ...

    async def cancel_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None=None) -> str:
        ...

    async def attach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None=None) -> str:
        ...

    async def detach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None=None) -> str:
        ...
__all__ = ['Caller', 'Calls', 'Fields']
