"""Carries out the requests of one connection. Reading, replying and sending is the connection's."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pie_client._generated import models
from pie_client._generated.families import PROGRAM_PATTERN
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import MODEL_STATISTICS, MODEL_STATUS
from pie_client.testing.engine.authentication import Authentication
from pie_client.testing.engine.identifiers import canonical_uuid
from pie_client.testing.engine.processes import Client, RunningProcess
from pie_client.testing.engine.programs import FOLDER
from pie_client.testing.engine.refusal import NoReply, Refusal
from pie_client.testing.engine.state import EngineState
from pie_client.testing.engine.uploads import RejectedChunk, Uploads
from pie_client.testing.engine.workflows import Workflow, read_expression

logger = logging.getLogger(__name__)

PROGRAM = re.compile(PROGRAM_PATTERN)
MODEL = "none"
"""Name under which the statistics of the missing model are listed."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a request.

    Attributes:
        text: Text of the reply, or None if there is no reply.
        then: Called after the reply was sent.
        keeps_turn: Whether the turn goes on after the reply (see ``connection.py``).
        process_id: The process whose end then ends the turn, or None if nothing does.
    """

    text: str | None = None
    then: Callable[[], None] | None = None
    keeps_turn: bool = False
    process_id: str | None = None


class RequestHandler:
    """Carries out requests, one at a time.

    Attributes:
        auth: The user of the connection.
        processes: Processes that the connection is or was attached to, by id.
    """

    def __init__(self, state: EngineState, client: Client) -> None:
        self.auth = Authentication(state)
        self.processes: dict[str, RunningProcess] = {}
        self._state = state
        self._client = client
        self._traits = state.traits
        self._uploads = Uploads(state.traits, state.options.max_upload_bytes)
        self._handlers: Mapping[type[WireModel], Callable[..., Result | Awaitable[Result]]] = {
            models.AuthIdentifyRequest: self._auth_identify,
            models.AuthProveRequest: self._auth_prove,
            models.AuthByTokenRequest: self._auth_by_token,
            models.PingRequest: self._ping,
            models.QueryRequest: self._query,
            models.CheckProgramRequest: self._check_program,
            models.AddProgramRequest: self._add_program,
            models.ListProcessesRequest: self._list_processes,
            models.LaunchProcessRequest: self._launch_process,
            models.LaunchProcessesRequest: self._launch_processes,
            models.RunProcessesRequest: self._run_processes,
            models.AttachProcessRequest: self._attach_process,
            models.TerminateProcessRequest: self._terminate_process,
            models.SignalProcessRequest: self._signal_process,
            models.TransferFileRequest: self._transfer_file,
            models.LaunchDaemonRequest: self._launch_daemon,
            models.RegisterMcpServerRequest: self._register_mcp_server,
            models.McpResponseRequest: self._complete_mcp_call,
            models.SubmitWorkflowRequest: self._submit_workflow,
            models.CancelWorkflowRequest: self._cancel_workflow,
            models.AttachWorkflowRequest: self._attach_workflow,
            models.DetachWorkflowRequest: self._detach_workflow,
        }

    async def carry_out(self, request: ClientMessage) -> Result:
        """Carry out a request.

        Raises:
            Refusal: It is refused.
            NoReply: It is refused without a reply.
        """
        handler = self._handlers.get(type(request))
        if handler is None:
            raise Refusal(f"LocalEngine does not implement {request.type}; answer it with engine.answer()")
        result = handler(request)
        return result if isinstance(result, Result) else await result

    def _auth_identify(self, request: models.AuthIdentifyRequest) -> Result:
        return Result(self.auth.identify(request))

    def _auth_prove(self, request: models.AuthProveRequest) -> Result:
        return Result(self.auth.prove(request))

    async def _auth_by_token(self, request: models.AuthByTokenRequest) -> Result:
        return Result(await self.auth.by_token(request))

    def _ping(self, _request: models.PingRequest) -> Result:
        return Result(texts.OK_PING)

    # ------------------------------------------------------------- programs

    def _query(self, request: models.QueryRequest) -> Result:
        if request.subject == MODEL_STATUS:
            return Result(_json({f"{MODEL}.{name}": 0 for name in MODEL_STATISTICS}))
        if self._traits.answers_unknown_queries:
            subject = json.dumps(request.subject, ensure_ascii=False)[1:-1]
            raise Refusal(texts.unknown_query_subject(subject=subject))
        return Result()

    def _check_program(self, request: models.CheckProgramRequest) -> Result:
        program = f"{request.name}@{request.version}"
        if not PROGRAM.fullmatch(program):
            raise Refusal(texts.invalid_program_identifier(identifier=program))
        return Result(_json(self._state.has_program(program)))

    def _add_program(self, request: models.AddProgramRequest) -> Result:
        try:
            upload = self._uploads.add(
                request.corr_id if self._traits.uploads_by_number else request.program_hash,
                request.chunk_index,
                request.total_chunks,
                request.chunk_data,
                manifest=request.manifest,
                force=request.force_overwrite,
            )
        except RejectedChunk as error:
            # Real 0.5 servers reply to the last chunk of an upload only, whatever was wrong before.
            is_last = request.chunk_index + 1 >= request.total_chunks
            if is_last or self._traits.answers_rejected_chunks:
                raise
            raise NoReply from error
        if upload is None:
            return Result()
        if self._traits.verifies_uploads and upload.digest != request.program_hash:
            raise Refusal(texts.program_hash_mismatch(declared=request.program_hash, actual=upload.digest))
        self._state.store_program(upload.manifest, upload.take(), replace=upload.force)
        return Result(texts.OK_ADD_PROGRAM)

    def _resolve(self, inferlet: str) -> str:
        """Return the program that a launch means as ``name@version``. Raises Refusal."""
        if self._traits.bare_program_names and "@" not in inferlet:
            program = self._state.programs.find(inferlet)
            if program is None:
                raise Refusal(texts.no_program_named(name=inferlet))
        elif not PROGRAM.fullmatch(inferlet):
            raise Refusal(texts.invalid_program_identifier(identifier=inferlet))
        elif not self._state.has_program(inferlet):
            if self._traits.bare_program_names:
                raise Refusal(texts.program_not_installed(program=inferlet, folder=FOLDER))
            raise Refusal(texts.program_not_found(program=inferlet))
        else:
            program = inferlet
        self._state.programs.install(program)
        return program

    # ------------------------------------------------------------- processes

    def _list_processes(self, _request: models.ListProcessesRequest) -> Result:
        # A process that has just ended is in the table until its callbacks have run.
        found = [
            process.info.model_dump()
            for process in self._state.processes.values()
            if process.username == self.auth.username and not process.outcome.done()
        ]
        return Result(_json(found))

    def _launch_process(self, request: models.LaunchProcessRequest) -> Result:
        process = self._launch(request.inferlet, request.input, capture=request.capture_outputs)
        process_id = process.id if request.capture_outputs else None
        # As in real servers, nothing ends the turn of a process whose output is not captured.
        return Result(
            process_id or "",
            then=lambda: self._state.run(process),
            keeps_turn=True,
            process_id=process_id,
        )

    def _launch_processes(self, request: models.LaunchProcessesRequest) -> Result:
        _check_budgets(request.inputs, request.token_budgets)
        capture = request.capture_outputs
        processes = [self._launch(request.inferlet, text, capture=capture) for text in request.inputs]
        return Result(_json([p.id for p in processes]), then=lambda: self._run_each(processes))

    async def _run_processes(self, request: models.RunProcessesRequest) -> Result:
        _check_budgets(request.inputs, request.token_budgets)
        processes = [self._launch(request.inferlet, text, capture=False) for text in request.inputs]
        self._run_each(processes)
        # Shielded: if the client disconnects here, the processes go on.
        ends = [await asyncio.shield(process.outcome) for process in processes]
        for end in ends:
            if isinstance(end, models.ErrorFrame):
                raise Refusal(end.value)
        return Result(_json([end.value for end in ends]))

    def _attach_process(self, request: models.AttachProcessRequest) -> Result:
        process = self._find(request.process_id, texts.INVALID_PROCESS_ID_TO_ATTACH, include_ended=True)
        if process.client is not None:
            process.client.detach_if_closed()  # and process.client may be None then
        if process.client is not None:
            raise Refusal(texts.PROCESS_NOT_FOUND if self._traits.hides_attached else texts.CANNOT_ATTACH)

        def attach() -> None:
            self.processes[process.id] = process
            self._state.held.pop(process.id, None)
            process.attach(self._client)

        return Result(texts.OK_ATTACH_PROCESS, then=attach, keeps_turn=True, process_id=process.id)

    def _terminate_process(self, request: models.TerminateProcessRequest) -> Result:
        process = self._find(request.process_id, texts.INVALID_PROCESS_ID_TO_TERMINATE)
        return Result(texts.OK_TERMINATE_PROCESS, then=process.terminate)

    def _signal_process(self, request: models.SignalProcessRequest) -> Result:
        if (process := self._attached(request.process_id)) is not None:
            process.inbox.put_signal(request.message)
        return Result()

    def _transfer_file(self, request: models.TransferFileRequest) -> Result:
        process = self._attached(request.process_id)
        if process is None:
            return Result()
        digest = request.file_hash
        try:
            upload = self._uploads.add(
                (process.id, digest) if self._traits.uploads_by_number else digest,
                request.chunk_index,
                request.total_chunks,
                request.chunk_data,
            )
        except RejectedChunk as error:
            logger.info("dropping a file for process %s: %s", process.id, error)
            return Result()
        if upload is not None and upload.digest != digest:
            logger.info("dropping a file for process %s: its bytes do not match its digest", process.id)
        elif upload is not None and not process.inbox.put_file(upload.take()):
            logger.info("dropping a file for process %s: it does not wait for one", process.id)
        return Result()

    def _launch(self, inferlet: str, input_text: str, *, capture: bool) -> RunningProcess:
        process = RunningProcess(
            self._resolve(inferlet),
            input_text,
            self.auth.username or "",
            capture=capture,
            client=self._client if capture else None,
            keep_detached=self._state.options.keep_detached,
        )
        if capture:
            self.processes[process.id] = process
        self._state.add_process(process)
        return process

    def _run_each(self, processes: Sequence[RunningProcess]) -> None:
        for process in processes:
            self._state.run(process)

    def _find(self, process_id: str, invalid: str, *, include_ended: bool = False) -> RunningProcess:
        """Return a process of the user. ``invalid`` is the text that refuses a malformed id. Raises Refusal."""
        key = canonical_uuid(process_id)
        if key is None:
            raise Refusal(invalid)
        process = self._state.processes.get(key) or self._state.held.get(key)
        if process is None or (
            process.outcome.done() and not (include_ended and process.holds_terminal_event)
        ):
            raise Refusal(texts.PROCESS_NOT_FOUND)
        if process.username != self.auth.username:
            raise Refusal(texts.PERMISSION_DENIED)
        return process

    def _attached(self, process_id: str) -> RunningProcess | None:
        return self.processes.get(canonical_uuid(process_id) or "")

    # ------------------------------------------------------------- daemons and MCP servers

    def _launch_daemon(self, request: models.LaunchDaemonRequest) -> Result:
        program = self._resolve(request.inferlet)
        return Result(texts.OK_LAUNCH_DAEMON, then=lambda: self._state.run_daemon(program, request.port))

    def _register_mcp_server(self, request: models.RegisterMcpServerRequest) -> Result:
        self._client.mcp.register(request.name)
        return Result(texts.OK_REGISTER_MCP_SERVER)

    def _complete_mcp_call(self, request: models.McpResponseRequest) -> Result:
        self._client.mcp.answer(request)
        return Result()

    # ------------------------------------------------------------- workflows

    def _submit_workflow(self, request: models.SubmitWorkflowRequest) -> Result:
        expression = read_expression(request.json_)
        workflow = Workflow(expression, self.auth.username or "", self._state, self._client)
        self._state.workflows[workflow.id] = workflow
        return Result(workflow.id, then=workflow.start)

    def _cancel_workflow(self, request: models.CancelWorkflowRequest) -> Result:
        workflow = self._find_workflow(request.workflow_id)
        if workflow is None:
            raise Refusal(texts.SERVICE_NOT_FOUND)
        return Result(texts.OK_CANCEL_WORKFLOW, then=workflow.cancel)

    def _attach_workflow(self, request: models.AttachWorkflowRequest) -> Result:
        workflow = self._find_workflow(request.workflow_id)
        if workflow is None:
            raise Refusal(texts.WORKFLOW_NOT_FOUND)
        if workflow.username != self.auth.username:
            raise Refusal(texts.PERMISSION_DENIED)
        if workflow.client is not None:
            raise Refusal(texts.WORKFLOW_ALREADY_ATTACHED)
        return Result(texts.OK_ATTACH_WORKFLOW, then=lambda: workflow.attach(self._client))

    def _detach_workflow(self, request: models.DetachWorkflowRequest) -> Result:
        if (workflow := self._find_workflow(request.workflow_id)) is not None:
            workflow.client = None
        return Result(texts.OK_DETACH_WORKFLOW)

    def _find_workflow(self, workflow_id: str) -> Workflow | None:
        key = canonical_uuid(workflow_id)
        if key is None:
            raise Refusal(texts.INVALID_WORKFLOW_ID)
        return self._state.workflows.get(key)


def _check_budgets(inputs: Sequence[str], budgets: Sequence[int | None] | None) -> None:
    if budgets is not None and len(budgets) != len(inputs):
        raise Refusal(texts.token_budgets_length(actual=len(budgets), expected=len(inputs)))


def _json(value: object) -> str:
    """Encode JSON as servers do, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
