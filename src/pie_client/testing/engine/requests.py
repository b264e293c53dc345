"""Carry out the requests of one connection. Reading, replying and sending is in ``connection``."""

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

HYPHENATED = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
UUID = re.compile(rf"[0-9a-fA-F]{{32}}|{HYPHENATED}|\{{{HYPHENATED}\}}|urn:uuid:{HYPHENATED}")
MODEL = "none"
"""Name under which the statistics of the missing model are listed."""


@dataclass(frozen=True, slots=True)
class Result:
    """The text of a reply, or None for no reply, and a function that is called after it was sent."""

    text: str | None = None
    then: Callable[[], object] | None = None


class RequestHandler:
    """The requests of one connection, carried out one at a time: a method for each, which returns the result.

    Attributes:
        auth: The user of the connection.
        processes: Processes that the connection is or was attached to, by id.
    """

    def __init__(self, state: EngineState, client: Client) -> None:
        self.auth = Authentication(state.traits.user, state.options.auth, state.token)
        self.processes: dict[str, RunningProcess] = {}
        self._state = state
        self._client = client
        self._traits = state.traits
        limit, verifies = state.options.max_upload_bytes, state.traits.verifies_uploads
        self._programs = Uploads[models.AddProgramRequest](limit, refuse_empty=verifies)
        self._files = Uploads[models.TransferFileRequest](limit, refuse_empty=verifies)

    async def carry_out(self, request: ClientMessage) -> Result:
        """Carry out a request. Raises Refusal."""
        handler: Callable[[ClientMessage], Awaitable[str] | Result | str | None] | None
        handler = getattr(self, request.type, None) or getattr(self.auth, request.type, None)
        if handler is None:
            raise Refusal(f"LocalEngine does not implement {request.type}; answer it with engine.answer()")
        result = handler(request)
        if isinstance(result, Awaitable):
            result = await result
        return result if isinstance(result, Result) else Result(result)

    def ping(self, _request: models.PingRequest) -> str:
        return texts.OK_PING

    def query(self, request: models.QueryRequest) -> str | None:
        if request.subject == MODEL_STATUS:
            return _json({f"{MODEL}.{name}": 0 for name in MODEL_STATISTICS})
        if self._traits.answers_unknown_queries:
            raise Refusal(texts.unknown_query_subject(subject=request.subject))
        return None

    # ------------------------------------------------------------- programs

    def check_program(self, request: models.CheckProgramRequest) -> str:
        program = f"{request.name}@{request.version}"
        if not PROGRAM.fullmatch(program):
            raise Refusal(texts.invalid_program_identifier(identifier=program))
        return _json(self._state.programs.has(program))

    def add_program(self, request: models.AddProgramRequest) -> str | None:
        try:
            upload = self._programs.add(
                request.corr_id if self._traits.uploads_by_number else request.program_hash, request
            )
        except RejectedChunk:
            # Real 0.5 servers reply to the last chunk of an upload only, whatever was wrong before.
            is_last = request.chunk_index + 1 >= request.total_chunks
            if is_last or self._traits.answers_rejected_chunks:
                raise
            return None
        if upload is None:
            return None
        first, data = upload
        digest = blake3(data).hexdigest()
        if self._traits.verifies_uploads and digest != request.program_hash:
            raise Refusal(texts.program_hash_mismatch(declared=request.program_hash, actual=digest))
        manifest, runtime = self._state.programs.read_manifest(first.manifest)
        if not self._state.faults.skips("upload"):
            self._state.programs.add(manifest, runtime, data, replace=first.force_overwrite)
        return texts.OK_ADD_PROGRAM

    # ------------------------------------------------------------- processes

    def list_processes(self, _request: models.ListProcessesRequest) -> str:
        # A process that has just ended is in the table until its callbacks have run.
        found = [
            process.info.model_dump()
            for process in self._state.processes.values()
            if process.username == self.auth.username and not process.outcome.done()
        ]
        return _json(found)

    def launch_process(self, request: models.LaunchProcessRequest) -> Result:
        [process] = self._launch(request.inferlet, [request.input], capture=request.capture_outputs)
        process_id = process.id if request.capture_outputs else ""
        return Result(process_id, lambda: self._state.run(process))

    def launch_processes(self, request: models.LaunchProcessesRequest) -> Result:
        _check_budgets(request)
        processes = self._launch(request.inferlet, request.inputs, capture=request.capture_outputs)
        return Result(_json([p.id for p in processes]), lambda: list(map(self._state.run, processes)))

    async def run_processes(self, request: models.RunProcessesRequest) -> str:
        _check_budgets(request)
        processes = self._launch(request.inferlet, request.inputs, capture=False)
        for process in processes:
            self._state.run(process)
        # Shielded: if the client disconnects here, the processes go on.
        ends = [await asyncio.shield(process.outcome) for process in processes]
        for end in ends:
            if isinstance(end, models.ErrorFrame):
                raise Refusal(end.value)
        return _json([end.value for end in ends])

    def attach_process(self, request: models.AttachProcessRequest) -> Result:
        process = self._find(
            request.process_id, texts.INVALID_PROCESS_ID_TO_ATTACH, lambda ended: ended.holds_terminal_event
        )
        if process.client is not None:
            process.client.detach_if_closed()  # and process.client may be None then
        if process.client is not None:
            raise Refusal(texts.PROCESS_NOT_FOUND if self._traits.hides_attached else texts.CANNOT_ATTACH)

        def attach() -> None:
            self.processes[process.id] = process
            self._state.held.pop(process.id, None)
            process.attach(self._client)

        return Result(texts.OK_ATTACH_PROCESS, attach)

    def terminate_process(self, request: models.TerminateProcessRequest) -> Result:
        def is_found(ended: RunningProcess) -> bool:
            return self._traits.finds_terminated and ended.terminated and ended.id in self._state.processes

        process = self._find(request.process_id, texts.INVALID_PROCESS_ID_TO_TERMINATE, is_found)
        return Result(texts.OK_TERMINATE_PROCESS, process.terminate)

    def signal_process(self, request: models.SignalProcessRequest) -> None:
        if (process := self._attached(request.process_id)) is not None:
            process.inbox.signals.put_nowait(request.message)

    def transfer_file(self, request: models.TransferFileRequest) -> None:
        if (process := self._attached(request.process_id)) is None:
            return
        try:
            self._add_chunk(process, request)
        except RejectedChunk as error:
            self._state.log.log(logging.INFO, "dropping a file for process %s: %s", process.id, error)

    def _add_chunk(self, process: RunningProcess, chunk: models.TransferFileRequest) -> None:
        """Add a chunk of a file, and deliver the file if it is complete. Raises RejectedChunk."""
        digest = chunk.file_hash
        upload = self._files.add((process.id, digest) if self._traits.uploads_by_number else digest, chunk)
        if upload is None:
            return
        if blake3(upload[1]).hexdigest() != digest:
            raise RejectedChunk("its bytes do not match its digest")
        if not process.inbox.put_file(upload[1]):
            raise RejectedChunk("it does not wait for one")

    def _launch(self, inferlet: str, inputs: Sequence[str], *, capture: bool) -> list[RunningProcess]:
        """Create processes that are not started yet."""
        program, client = self._state.programs.resolve(inferlet), self._client if capture else None
        processes = [
            self._state.add(RunningProcess(program, self.auth.username or "", text, client, captured=capture))
            for text in inputs
        ]
        if capture:
            self.processes.update((process.id, process) for process in processes)
        return processes

    def _find(self, process_id: str, invalid: str, also: Callable[[RunningProcess], bool]) -> RunningProcess:
        """Return a process of the user that runs, or that has ended and for which ``also`` returns True.

        Raises:
            Refusal: There is none, or it belongs to another user. The id is malformed; ``invalid`` is the text then.
        """
        key = _uuid(process_id, invalid)
        process = self._state.processes.get(key) or self._state.held.get(key)
        if process is None or (process.outcome.done() and not also(process)):
            raise Refusal(texts.PROCESS_NOT_FOUND)
        if process.username != self.auth.username:
            raise Refusal(texts.PERMISSION_DENIED)
        return process

    def _attached(self, process_id: str) -> RunningProcess | None:
        return self.processes.get(canonical_uuid(process_id) or "")

    # ------------------------------------------------------------- daemons and MCP servers

    def launch_daemon(self, request: models.LaunchDaemonRequest) -> Result:
        state = self._state
        program = state.programs.resolve(request.inferlet)

        def start() -> None:
            # As in the real engine, only the log shows whether it can listen on its port.
            function = state.programs.daemons.get(program)
            state.daemons.append(RunningDaemon(program, request.port, function, state.allowed_origins))

        return Result(texts.OK_LAUNCH_DAEMON, start)

    def register_mcp_server(self, request: models.RegisterMcpServerRequest) -> str:
        # As in the real engine, nothing is checked.
        self._client.mcp.names.append(request.name)
        return texts.OK_REGISTER_MCP_SERVER

    def mcp_response(self, request: models.McpResponseRequest) -> None:
        self._client.mcp.answer(request)

    # ------------------------------------------------------------- workflows

    def submit_workflow(self, request: models.SubmitWorkflowRequest) -> str:
        state, workflows = self._state, self._state.workflows

        def start(program: str, text: str, observer: Callable[[WireModel], None]) -> RunningProcess:
            state.programs.check_known(program)
            process = state.add(RunningProcess(program, self.auth.username or "", text, observer=observer))
            state.run(process)
            return process

        workflow = Workflow(
            read_expression(request.json_),
            self.auth.username or "",
            self._client,
            start,
            state.log,
        )
        workflows[workflow.id] = workflow
        workflow.task.add_done_callback(lambda _: workflows.pop(workflow.id, None))
        return workflow.id

    def cancel_workflow(self, request: models.CancelWorkflowRequest) -> Result:
        workflow = self._find_workflow(request.workflow_id, texts.SERVICE_NOT_FOUND)
        del self._state.workflows[workflow.id]
        return Result(texts.OK_CANCEL_WORKFLOW, workflow.task.cancel)

    def attach_workflow(self, request: models.AttachWorkflowRequest) -> Result:
        workflow = self._find_workflow(request.workflow_id, texts.WORKFLOW_NOT_FOUND)
        if workflow.username != self.auth.username:
            raise Refusal(texts.PERMISSION_DENIED)
        if workflow.client is not None:
            raise Refusal(texts.WORKFLOW_ALREADY_ATTACHED)
        return Result(texts.OK_ATTACH_WORKFLOW, lambda: workflow.attach(self._client))

    def detach_workflow(self, request: models.DetachWorkflowRequest) -> str:
        # Servers confirm it for any well-formed id.
        workflow = self._state.workflows.get(_uuid(request.workflow_id, texts.INVALID_WORKFLOW_ID))
        if workflow is not None:
            workflow.client = None
        return texts.OK_DETACH_WORKFLOW

    def _find_workflow(self, workflow_id: str, missing: str) -> Workflow:
        workflow = self._state.workflows.get(_uuid(workflow_id, texts.INVALID_WORKFLOW_ID))
        if workflow is None:
            raise Refusal(missing)
        return workflow


def canonical_uuid(text: str) -> str | None:
    """Return a UUID in lowercase with hyphens, or None if servers do not accept the text."""
    return str(uuid.UUID(text)) if UUID.fullmatch(text) else None


def _uuid(text: str, invalid: str) -> str:
    """Return a UUID in its canonical form, or refuse the request with a text."""
    if (key := canonical_uuid(text)) is None:
        raise Refusal(invalid)
    return key


def _check_budgets(request: models.LaunchProcessesRequest | models.RunProcessesRequest) -> None:
    inputs, budgets = request.inputs, request.token_budgets
    if budgets is not None and len(budgets) != len(inputs):
        raise Refusal(texts.token_budgets_length(actual=len(budgets), expected=len(inputs)))


def _json(value: object) -> str:
    """Encode JSON as servers do, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
