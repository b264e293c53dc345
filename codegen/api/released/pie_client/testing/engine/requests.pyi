import asyncio
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from blake3 import blake3
from pie_client._generated import models
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import MODEL_STATISTICS, MODEL_STATUS
from pie_client.testing.engine.authentication import Authentication
from pie_client.testing.engine.daemons import RunningDaemon
from pie_client.testing.engine.programs import PROGRAM
from pie_client.testing.engine.state import EngineState
from pie_client.testing.engine.uploads import RejectedChunk, Uploads
from pie_client.testing.engine.workflows import Workflow, read_expression
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.inferlet.process import Client, RunningProcess
HYPHENATED = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
UUID = re.compile(f'[0-9a-fA-F]{{32}}|{HYPHENATED}|\\{{{HYPHENATED}\\}}|urn:uuid:{HYPHENATED}')
MODEL = 'none'

@dataclass(frozen=True, slots=True)
class Result:
    text: str | None = None
    then: Callable[[], object] | None = None

class RequestHandler:

    def __init__(self) -> None:
        self.auth = ...
        self.processes = ...

    async def carry_out(self, request: ClientMessage) -> Result:
        ...

    def ping(self, _request: models.PingRequest) -> str:
        ...

    def query(self, request: models.QueryRequest) -> str | None:
        ...

    def check_program(self, request: models.CheckProgramRequest) -> str:
        ...

    def add_program(self, request: models.AddProgramRequest) -> str | None:
        ...

    def list_processes(self, _request: models.ListProcessesRequest) -> str:
        ...

    def launch_process(self, request: models.LaunchProcessRequest) -> Result:
        ...

    def launch_processes(self, request: models.LaunchProcessesRequest) -> Result:
        ...

    async def run_processes(self, request: models.RunProcessesRequest) -> str:
        ...

    def attach_process(self, request: models.AttachProcessRequest) -> Result:
        ...

    def terminate_process(self, request: models.TerminateProcessRequest) -> Result:
        ...

    def signal_process(self, request: models.SignalProcessRequest) -> None:
        ...

    def transfer_file(self, request: models.TransferFileRequest) -> None:
        ...

    def launch_daemon(self, request: models.LaunchDaemonRequest) -> Result:
        ...

    def register_mcp_server(self, request: models.RegisterMcpServerRequest) -> str:
        ...

    def mcp_response(self, request: models.McpResponseRequest) -> None:
        ...

    def submit_workflow(self, request: models.SubmitWorkflowRequest) -> str:
        ...

    def cancel_workflow(self, request: models.CancelWorkflowRequest) -> Result:
        ...

    def attach_workflow(self, request: models.AttachWorkflowRequest) -> Result:
        ...

    def detach_workflow(self, request: models.DetachWorkflowRequest) -> str:
        ...

def canonical_uuid(text: str) -> str | None:
    ...
