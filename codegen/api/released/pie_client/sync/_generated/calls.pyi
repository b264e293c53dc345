from __future__ import annotations
from pie_client.lazy import LazyModule
TYPE_CHECKING = False
from pie_client import content as contents
from pie_client._generated import calls as aio
from pie_client._generated import models, results
from pie_client.sync import loop_thread

class Calls:
    __slots__ = ('__weakref__', '_async', '_thread')

    def __init__(self) -> None:
        ...

    def auth_identify(self, *, username: str, timeout: float | None=None) -> results.AuthIdentifyResult:
        ...

    def auth_prove(self, *, signature: str, timeout: float | None=None) -> str:
        ...

    def auth_by_token(self, *, token: str, timeout: float | None=None) -> str:
        ...

    def check_program(self, *, name: str, version: str, wasm_hash: models.Blake3Digest | None=None, manifest_hash: models.Blake3Digest | None=None, timeout: float | None=None) -> models.CheckProgramResult:
        ...

    def query(self, *, subject: str, record: str, timeout: float | None=None) -> models.QueryResult:
        ...

    def add_program(self, *, content: bytes | contents.Content, manifest: str, force_overwrite: bool=False, timeout: float | None=None) -> str:
        ...

    def launch_process(self, *, inferlet: models.ProgramName, input: models.JsonText, capture_outputs: bool=True, token_budget: models.Usize | None=None, timeout: float | None=None) -> str:
        ...

    def launch_processes(self, *, inferlet: models.ProgramName, inputs: list[models.JsonText], capture_outputs: bool=True, token_budgets: list[models.Usize | None] | None=None, timeout: float | None=None) -> models.LaunchProcessesResult:
        ...

    def run_processes(self, *, inferlet: models.ProgramName, inputs: list[models.JsonText], token_budgets: list[models.Usize | None] | None=None, timeout: float | None=None) -> models.RunProcessesResult:
        ...

    def launch_daemon(self, *, port: int, inferlet: models.ProgramName, input: models.JsonText, timeout: float | None=None) -> str:
        ...

    def attach_process(self, *, process_id: models.ProcessId, timeout: float | None=None) -> str:
        ...

    def terminate_process(self, *, process_id: models.ProcessId, timeout: float | None=None) -> str:
        ...

    def signal_process(self, *, process_id: models.ProcessId, message: str, timeout: float | None=None) -> None:
        ...

    def transfer_file(self, *, content: bytes | contents.Content, process_id: models.ProcessId, timeout: float | None=None) -> None:
        ...

    def list_processes(self, *, timeout: float | None=None) -> models.ListProcessesResult:
        ...

    def ping(self, *, timeout: float | None=None) -> str:
        ...

    def register_mcp_server(self, *, name: str, transport: str, command: str | None=None, args: list[str] | None=None, url: str | None=None, timeout: float | None=None) -> str:
        ...

    def mcp_response(self, *, corr_id: models.CorrelationId, ok: bool, result: str, timeout: float | None=None) -> None:
        ...

    def submit_workflow(self, *, json_: str, timeout: float | None=None) -> str:
        ...

    def cancel_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None=None) -> str:
        ...

    def attach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None=None) -> str:
        ...

    def detach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None=None) -> str:
        ...

    def __repr__(self) -> str:
        ...
__all__ = ['Calls']
