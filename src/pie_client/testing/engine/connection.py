"""What the embedded engine does with one connection."""

import asyncio
import contextlib
import json
import logging
import random
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State

from pie_client._generated import models
from pie_client._generated.families import CORRELATION, PROCESS, PROGRAM_PATTERN, TOKEN_USER, Family
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import (
    ABORT,
    MODEL_STATISTICS,
    MODEL_STATUS,
    QUEUED_MESSAGES,
    WRONG_TOKEN_LEAST_MS,
    WRONG_TOKEN_MOST_MS,
    ServerTraits,
)
from pie_client.testing.engine.challenge import Challenge
from pie_client.testing.engine.frames import UnreadableFrameError
from pie_client.testing.engine.identifiers import canonical_uuid
from pie_client.testing.engine.processes import RunningProcess
from pie_client.testing.engine.turns import Turns
from pie_client.testing.engine.uploads import RejectedChunk, Uploads
from pie_client.testing.engine.workflows import RejectedWorkflow, Workflow, read_expression
from pie_client.testing.faults.fault import Refused, Unanswered
from pie_client.testing.faults.message import MessageCopy
from pie_client.testing.faults.sockets import Socket
from pie_client.testing.inferlet.mcp import McpRelay

if TYPE_CHECKING:
    from pie_client.testing.engine.local_engine import LocalEngine

logger = logging.getLogger(__name__)

PROGRAM = re.compile(PROGRAM_PATTERN)


class Refusal(Exception):  # noqa: N818 - its text is the server's reply
    """Answers a request with ``ok: false`` and this text."""

    __module__ = "pie_client.testing"


class Silence(Exception):  # noqa: N818 - what a request comes to
    """Refuses a request without a word."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request comes to."""

    text: str | None = None
    """Result of the reply; None: no reply."""
    then: Callable[[], None] | None = None
    """Done after the reply was sent."""
    open_ended: bool = False
    """The turn does not end with the reply."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame that waits to be sent."""

    frame: bytes | str | None
    """None: there is nothing more, and the connection ends."""
    origin: WireModel | None
    """What it was made of, where it may have to be kept for another client."""


class Conversation:
    """Serves one client: one message at a time, in the order in which they come."""

    def __init__(self, engine: "LocalEngine", socket: Socket) -> None:
        self._engine = engine
        self._socket = socket
        self._number = engine.next_connection()
        self._traits: ServerTraits = engine.traits
        self._username: str | None = self._traits.user
        self._challenge: Challenge | None = None
        self._uploads = Uploads(self._traits, engine.max_upload_bytes)
        self._processes: dict[str, RunningProcess] = {}
        self._turns = Turns()
        self._answering: set[asyncio.Task[None]] = set()
        self._held: list[WireModel] | None = None
        """What has to wait for the answer to a request, in a family that does one thing at a time."""
        self.mcp = McpRelay(self.push)
        self._spoken = False
        self._gone = False
        self._outgoing: asyncio.Queue[Outgoing] = asyncio.Queue()
        self._sending: Outgoing | None = None
        self._room = asyncio.Event()

    @property
    def _family(self) -> Family:
        return self._traits.name

    async def serve(self) -> None:
        """Answer until the client is gone."""
        writer = asyncio.create_task(self._write(), name="local engine writer")
        try:
            async for frame in self._socket:
                self._engine.observed(self._number, "received", frame)
                await self._engine.fault_list.wait_while_stalled()
                size = len(frame.encode() if isinstance(frame, str) else frame)
                await self._caught_up()
                if size <= self._traits.message_bytes:
                    await self._receive(frame)
                else:
                    await self._refuse(size)
        except ConnectionClosed:
            pass
        finally:
            if self._engine.keep_detached:
                self.mcp.close()
            self._let_go()
            writer.cancel()
            for task in self._answering:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writer
            self._gone = True
            if self._engine.keep_detached:
                self._detach_all()
            elif self._traits.terminates_on_disconnect:
                self._break_off()
            if self._answering:
                await asyncio.wait(self._answering)

    def push(self, message: WireModel, request: WireModel | None = None) -> None:
        """Send a message, perhaps the answer to a request, after what was sent before; to a client that is gone, nothing."""
        if not self._gone:
            if self._held is not None and request is None:
                self._held.append(message)
                return
            for item in self._engine.fault_list.alter(self, message, request):
                self.release(item)

    def release(self, sent: MessageCopy) -> None:
        """Send something that no fault alters any more, whatever waits; to a client that is gone, nothing."""
        if not self._gone:
            message = sent.message if isinstance(sent.message, WireModel) else None
            origin = message if self._engine.keep_detached else None
            self._outgoing.put_nowait(Outgoing(sent.frame(self._family), origin))

    def _let_go(self) -> None:
        """Send what had to wait for the answer to a request; faults see it only now, where it comes in the order."""
        held, self._held = self._held, None
        for message in held or ():
            self.push(message)

    def notice_end(self) -> None:
        """Let go of everything at once where the connection is closed but was not cleaned up after yet."""
        if self._engine.keep_detached and self._socket.state is not State.OPEN:
            self._let_go()
            self._gone = True
            self._detach_all()

    def turn_done(self, process_id: str | None = None) -> None:
        """Tell that a turn has ended, where the family does so."""
        if process_id is not None:
            self._turns.end(process_id)
        if self._traits.text_frames:
            self.push(models.TurnDone())

    async def _write(self) -> None:
        try:
            while True:
                outgoing = await self._outgoing.get()
                self._sending = outgoing
                await self._engine.fault_list.wait_while_stalled()
                self._socket.send_deferred_close()
                if outgoing.frame is None:
                    self._socket.close_without_code()
                    return
                await self._socket.send(outgoing.frame)
                self._sending = None
                self._engine.observed(self._number, "sent", outgoing.frame)
                if self._outgoing.qsize() < QUEUED_MESSAGES:
                    self._room.set()
        finally:
            self._room.set()

    async def _caught_up(self) -> None:
        """Wait, in a family that does one thing at a time, until a client that does not read has read enough."""
        if self._traits.serial and self._outgoing.qsize() >= QUEUED_MESSAGES:
            self._room.clear()
            await self._room.wait()

    def _detach_all(self) -> None:
        """Give the processes what their client was not sent any more, for the next one."""
        rest = [] if self._sending is None else [self._sending]
        while not self._outgoing.empty():
            rest.append(self._outgoing.get_nowait())
        unsent: dict[str, list[WireModel]] = {}
        for outgoing in rest:
            if outgoing.origin is not None:
                unsent.setdefault(getattr(outgoing.origin, PROCESS, ""), []).append(outgoing.origin)
        for process in self._processes.values():
            if process.client is self:
                process.detach(unsent.get(process.id, []))
                self._engine.hold(process)

    async def _refuse(self, size: int) -> None:
        """Refuse a frame that is too large in words; one that comes before any good one ends the connection."""
        logger.info("a frame of %d bytes is too large", size)
        self._notify(texts.request_too_large(size=size, limit=self._traits.message_bytes))
        if not self._spoken:
            self._outgoing.put_nowait(Outgoing(None, None))
            await self._socket.wait_closed()  # without reading any more

    async def _receive(self, frame: bytes | str) -> None:
        if isinstance(frame, str):
            if not self._traits.text_frames:
                return
            if frame.strip() == ABORT:
                self._break_off()
                return
        try:
            message = self._engine.reader.read(frame)
        except UnreadableFrameError as error:
            self._reject(str(error))
            return
        self._spoken = True
        if self._username is None and not METHODS[message.type].opens_session:
            logger.info("ignoring %s before the client has identified itself", message.type)
            return
        reaction = self._engine.fault_list.react(self, message)
        if isinstance(reaction, Unanswered):
            return
        if self._traits.serial:
            self._held = []
            try:
                await self._answer(message, reaction)
            finally:
                self._let_go()
        elif reaction is None and self._engine.scripts(message):
            task = asyncio.create_task(self._answer_apart(message), name=f"local engine {message.type}")
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        else:
            await self._answer(message, reaction)

    def _break_off(self) -> None:
        """End all that the client waits for, and each process that goes with it."""
        broken = self._turns.break_off()
        for _ in broken:
            self._notify(texts.STREAM_ABORTED)
        for process_id in broken:
            if process_id is not None and (process := self._engine.processes.get(process_id)):
                process.break_off(self)

    async def _answer_apart(self, message: ClientMessage) -> None:
        """Answer while others are answered too; a handler that fails ends the connection, as it does elsewhere."""
        try:
            await self._answer(message, None)
        except Exception:
            logger.exception("the handler of %s failed", message.type)
            await self._socket.close(CloseCode.INTERNAL_ERROR)

    async def _answer(self, message: ClientMessage, reaction: str | Refused | None) -> None:
        try:
            scripted = await self._engine.scripted_answer(message) if reaction is None else _text_of(reaction)
            answer = await self._perform(message) if scripted is None else Answer(scripted)
        except Silence:
            self.turn_done()
            return
        except Refusal as refusal:
            self._respond(message, ok=False, result=str(refusal))
            if isinstance(message, models.AttachProcessRequest):
                self._turns.begin(canonical_uuid(message.process_id))
            elif isinstance(message, models.LaunchProcessRequest):
                self._turns.begin(None)
            else:
                self.turn_done()
            return
        if answer.text is not None:
            self._respond(message, ok=True, result=answer.text)
        if answer.open_ended:
            self._turns.begin(canonical_uuid(answer.text or "") or self._attached(message))
        self._let_go()
        if answer.then is not None:
            answer.then()
        if not answer.open_ended:
            self.turn_done()

    def _respond(self, message: WireModel, *, ok: bool, result: str) -> None:
        corr_id = getattr(message, CORRELATION, None)
        if isinstance(corr_id, int):
            self.push(models.Response(corr_id=corr_id, ok=ok, result=result), message)

    def _reject(self, reason: str) -> None:
        """Ignore a frame; where the family says so, it does not before the first good one."""
        logger.info("ignoring a frame: %s", reason)
        if self._spoken:
            self._notify(texts.bad_client_frame(detail=reason))

    def _notify(self, text: str) -> None:
        if self._traits.text_frames:
            self.push(models.ServerNotice(message=text))

    async def _perform(self, message: ClientMessage) -> Answer:
        match message:
            case models.AuthIdentifyRequest():
                return Answer(self._identify(message.username))
            case models.AuthProveRequest():
                return Answer(self._prove(message.signature))
            case models.AuthByTokenRequest():
                return Answer(await self._by_token(message.token))
            case models.PingRequest():
                return Answer(texts.OK_PING)
            case models.QueryRequest():
                return Answer(self._query(message.subject))
            case models.CheckProgramRequest():
                return Answer(self._check_program(f"{message.name}@{message.version}"))
            case models.AddProgramRequest():
                return Answer(self._add_program(message))
            case models.ListProcessesRequest():
                return Answer(self._list())
            case models.LaunchProcessRequest():
                process = self._launch(message.inferlet, message.input, capture=message.capture_outputs)
                text = process.id if message.capture_outputs else ""
                return Answer(text, then=lambda: self._start(process), open_ended=True)
            case models.LaunchProcessesRequest():
                self._check_budgets(message.inputs, message.token_budgets)
                started = [
                    self._launch(message.inferlet, i, capture=message.capture_outputs) for i in message.inputs
                ]
                return Answer(_json([p.id for p in started]), then=lambda: self._start(*started))
            case models.RunProcessesRequest():
                self._check_budgets(message.inputs, message.token_budgets)
                return Answer(await self._run_all(message.inferlet, message.inputs))
            case models.AttachProcessRequest():
                process = self._find(
                    message.process_id, texts.INVALID_PROCESS_ID_TO_ATTACH, also_unfetched=True
                )
                self._check_attachable(process)
                return Answer(texts.OK_ATTACH_PROCESS, then=lambda: self._attach(process), open_ended=True)
            case models.TerminateProcessRequest():
                process = self._find(message.process_id, texts.INVALID_PROCESS_ID_TO_TERMINATE)
                return Answer(texts.OK_TERMINATE_PROCESS, then=process.terminate)
            case models.SignalProcessRequest():
                if mine := self._mine(message.process_id):
                    mine.session.put_signal(message.message)
                return Answer()
            case models.TransferFileRequest():
                self._transfer(message)
                return Answer()
            case models.LaunchDaemonRequest():
                program = self._resolve(message.inferlet)
                return Answer(
                    texts.OK_LAUNCH_DAEMON, then=lambda: self._engine.run_daemon(program, message.port)
                )
            case models.RegisterMcpServerRequest():
                self.mcp.register(message.name)
                return Answer(texts.OK_REGISTER_MCP_SERVER)
            case models.McpResponseRequest():
                self.mcp.answer(message)
                return Answer()
            case models.SubmitWorkflowRequest():
                workflow = self._submit(message.json_)
                return Answer(workflow.id, then=workflow.start)
            case models.CancelWorkflowRequest():
                workflow = self._workflow(message.workflow_id, texts.SERVICE_NOT_FOUND)
                return Answer(texts.OK_CANCEL_WORKFLOW, then=workflow.cancel)
            case models.AttachWorkflowRequest():
                workflow = self._attachable_workflow(message.workflow_id)
                return Answer(texts.OK_ATTACH_WORKFLOW, then=lambda: workflow.attach(self))
            case models.DetachWorkflowRequest():
                if detached := self._engine.workflows.get(self._workflow_key(message.workflow_id)):
                    detached.client = None
                return Answer(texts.OK_DETACH_WORKFLOW)
            case _:
                raise Refusal(
                    f"{message.type} is not implemented by LocalEngine; script it with engine.answer()"
                )

    # ------------------------------------------------------------- authentication

    def _identify(self, username: str) -> str:
        if self._username is not None:
            return texts.OK_ALREADY_AUTHENTICATED
        if self._engine.auth is None:
            self._username = username
            return texts.OK_AUTHENTICATION_DISABLED
        if username not in self._engine.auth:
            raise Refusal(texts.user_not_authorized(username=username))
        self._challenge = Challenge(username, self._engine.auth[username])
        return self._challenge.text

    def _prove(self, signature: str) -> str:
        if self._username is not None:
            raise Refusal(texts.ALREADY_AUTHENTICATED)
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise Refusal(texts.NO_PENDING_AUTHENTICATION)
        if (reason := challenge.refusal(signature)) is not None:
            raise Refusal(reason)
        self._username = challenge.username
        return texts.OK_AUTH_PROVE

    async def _by_token(self, token: str) -> str:
        if self._username is not None:
            return texts.OK_ALREADY_AUTHENTICATED
        if token != self._engine.token:
            if self._engine.imitate_delays:
                await asyncio.sleep(random.uniform(WRONG_TOKEN_LEAST_MS, WRONG_TOKEN_MOST_MS) / 1000)  # noqa: S311 - no secret
            raise Refusal(texts.INVALID_TOKEN)
        self._username = TOKEN_USER
        return texts.OK_AUTH_BY_TOKEN

    # ------------------------------------------------------------- programs

    def _query(self, subject: str) -> str | None:
        if subject == MODEL_STATUS:
            return _json({f"{self._engine.model_name}.{name}": 0 for name in MODEL_STATISTICS})
        if self._traits.answers_unknown_queries:
            raise Refusal(texts.unknown_query_subject(subject=json.dumps(subject, ensure_ascii=False)[1:-1]))
        return None

    def _check_program(self, program: str) -> str:
        if not PROGRAM.fullmatch(program):
            raise Refusal(texts.invalid_program_identifier(identifier=program))
        return json.dumps(self._engine.has_program(program))

    def _add_program(self, message: models.AddProgramRequest) -> str | None:
        try:
            upload = self._uploads.add(
                message.corr_id if self._traits.uploads_by_number else message.program_hash,
                message.chunk_index,
                message.total_chunks,
                message.chunk_data,
                manifest=message.manifest,
                force=message.force_overwrite,
            )
        except RejectedChunk as error:
            last = message.chunk_index + 1 >= message.total_chunks
            if not last and not self._traits.answers_rejected_chunks:
                raise Silence from error
            raise Refusal(str(error)) from error
        if upload is None:
            return None
        actual = upload.digest
        if self._traits.verifies_uploads and actual != message.program_hash:
            raise Refusal(texts.program_hash_mismatch(declared=message.program_hash, actual=actual))
        try:
            manifest = models.Manifest.model_validate(tomllib.loads(upload.manifest))
        except ValidationError as error:
            raise Refusal(
                texts.invalid_manifest(
                    detail=texts.manifest_toml_invalid(detail=codec.describe_validation_error(error))
                )
            ) from error
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise Refusal(texts.invalid_manifest(detail=texts.manifest_toml_invalid(detail=error))) from error
        self._engine.store_program(manifest, upload.take(), force=upload.force)
        return texts.OK_ADD_PROGRAM

    # ------------------------------------------------------------- processes

    def _launch(self, inferlet: str, input_text: str, *, capture: bool) -> RunningProcess:
        program = self._resolve(inferlet)
        process = RunningProcess(
            program,
            input_text,
            self._username or "",
            capture=capture,
            client=self if capture else None,
            keep_detached=self._engine.keep_detached,
        )
        if capture:
            self._processes[process.id] = process
        self._engine.add_process(process)
        return process

    def _start(self, *processes: RunningProcess) -> None:
        for process in processes:
            self._engine.run(process)

    async def _run_all(self, inferlet: str, inputs: Sequence[str]) -> str:
        processes = [self._launch(inferlet, text, capture=False) for text in inputs]
        self._start(*processes)
        ends = [await asyncio.shield(process.outcome) for process in processes]
        for end in ends:
            if isinstance(end, models.ErrorFrame):
                raise Refusal(end.value)
        return _json([end.value for end in ends])

    def _resolve(self, inferlet: str) -> str:
        if self._traits.bare_program_names and "@" not in inferlet:
            program = self._engine.find_program(inferlet)
            if program is None:
                raise Refusal(texts.no_program_named(name=inferlet))
        elif not PROGRAM.fullmatch(inferlet):
            raise Refusal(texts.invalid_program_identifier(identifier=inferlet))
        elif not self._engine.has_program(inferlet):
            if self._traits.bare_program_names:
                raise Refusal(texts.program_not_installed(program=inferlet, folder=self._engine.folder))
            raise Refusal(texts.program_not_found(program=inferlet))
        else:
            program = inferlet
        self._engine.check_runnable(program)
        return program

    def _list(self) -> str:
        found = [
            p.info
            for p in self._engine.processes.values()
            if p.username == self._username and not p.outcome.done()
        ]
        return _json([info.model_dump() for info in found])

    def _find(self, process_id: str, invalid: str, *, also_unfetched: bool = False) -> RunningProcess:
        key = canonical_uuid(process_id)
        if key is None:
            raise Refusal(invalid)
        process = self._engine.processes.get(key) or self._engine.held.get(key)
        if process is None or (process.outcome.done() and not (also_unfetched and process.unfetched)):
            raise Refusal(texts.PROCESS_NOT_FOUND)
        if process.username != self._username:
            raise Refusal(texts.PERMISSION_DENIED)
        return process

    def _check_attachable(self, process: RunningProcess) -> None:
        if isinstance(process.client, Conversation):
            process.client.notice_end()
        if process.client is not None:
            raise Refusal(texts.PROCESS_NOT_FOUND if self._traits.hides_attached else texts.CANNOT_ATTACH)

    def _attach(self, process: RunningProcess) -> None:
        self._processes[process.id] = process
        self._engine.held.pop(process.id, None)
        process.attach(self)

    def _mine(self, process_id: str) -> RunningProcess | None:
        key = canonical_uuid(process_id)
        return None if key is None else self._processes.get(key)

    def _attached(self, message: WireModel) -> str | None:
        return (
            canonical_uuid(message.process_id) if isinstance(message, models.AttachProcessRequest) else None
        )

    def _transfer(self, message: models.TransferFileRequest) -> None:
        process = self._mine(message.process_id)
        if process is None:
            return
        try:
            upload = self._uploads.add(
                (process.id, message.file_hash) if self._traits.uploads_by_number else message.file_hash,
                message.chunk_index,
                message.total_chunks,
                message.chunk_data,
            )
        except RejectedChunk as error:
            logger.info("dropping a file for process %s: %s", process.id, error)
            return
        if upload is None:
            return
        if upload.digest != message.file_hash:
            logger.info("dropping a file for process %s: its bytes do not match its digest", process.id)
        elif not process.session.put_file(upload.take()):
            logger.info("dropping a file for process %s: it does not wait for one", process.id)

    def _check_budgets(self, inputs: Sequence[str], budgets: Sequence[int | None] | None) -> None:
        if budgets is not None and len(budgets) != len(inputs):
            raise Refusal(texts.token_budgets_length(actual=len(budgets), expected=len(inputs)))

    # ------------------------------------------------------------- workflows

    def _submit(self, text: str) -> Workflow:
        try:
            expression = read_expression(text)
        except RejectedWorkflow as error:
            raise Refusal(str(error)) from error
        workflow = Workflow(expression, self._username or "", self._engine, self)
        self._engine.workflows[workflow.id] = workflow
        return workflow

    def _workflow_key(self, workflow_id: str) -> str:
        key = canonical_uuid(workflow_id)
        if key is None:
            raise Refusal(texts.INVALID_WORKFLOW_ID)
        return key

    def _workflow(self, workflow_id: str, absent: str) -> Workflow:
        workflow = self._engine.workflows.get(self._workflow_key(workflow_id))
        if workflow is None:
            raise Refusal(absent)
        return workflow

    def _attachable_workflow(self, workflow_id: str) -> Workflow:
        workflow = self._workflow(workflow_id, texts.WORKFLOW_NOT_FOUND)
        if workflow.username != self._username:
            raise Refusal(texts.PERMISSION_DENIED)
        if workflow.client is not None:
            raise Refusal(texts.WORKFLOW_ALREADY_ATTACHED)
        return workflow


def _json(value: object) -> str:
    """Write JSON as servers do, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _text_of(reaction: str | Refused) -> str:
    """Give the result that a fault gives; raises Refusal."""
    if isinstance(reaction, Refused):
        raise Refusal(reaction.text)
    return reaction
