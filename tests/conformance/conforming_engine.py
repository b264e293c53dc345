"""LocalEngine with parts that imitate a real server byte by byte, error texts included."""

import asyncio

from pie_client._generated import models
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.testing import LocalEngine, Refusal
from pie_client.testing._generated.servers import ABORT, ServerTraits
from pie_client.testing.engine.connection import LONG_TURNS, Connection
from pie_client.testing.engine.programs import FOLDER, Programs, StoredProgram, failing
from pie_client.testing.engine.requests import canonical_uuid
from pie_client.testing.engine.state import EngineState
from pie_client.testing.faults.sockets import FaultySocket
from pie_client.testing.inferlet.session import InferletFunction
from tests.conformance import program_paths
from tests.conformance.wasm_layout import MalformedComponentError, exports
from tests.conformance.wire_reader import WireReader
from tests.conformance.wire_schema import server_text


class ConformingPrograms(Programs):
    """Programs; refuses names that are not file names, and binaries without the layout of a component."""

    def read_manifest(self, text: str) -> tuple[models.Manifest, models.ManifestRuntime]:
        manifest, runtime = super().read_manifest(text)
        package = manifest.package
        if self._traits.verifies_dependencies:
            reason = program_paths.refusal(package.name, package.version, runtime.language)
            if reason is not None:
                raise Refusal(reason)
        return manifest, runtime

    def install(self, program: str) -> None:
        if not self.is_installed(program):
            for dependency in self._dependencies(program):
                self._install_dependency(program, dependency)
        super().install(program)

    def _install_dependency(self, program: str, dependency: str) -> None:
        if self.is_installed(dependency):
            return
        upload = self._stored[dependency]
        if (language := upload.runtime.language) is not None:
            text = server_text(
                "dependency_is_script", program=program, dependency=dependency, language=language
            )
            raise Refusal(text)
        upload.function = self.inferlet_of(upload)

    def inferlet(self, program: str) -> InferletFunction:
        stored = self._stored.get(program)
        if stored is not None and stored.function is not None:
            for dependency in self._dependencies(program):
                if not self.is_installed(dependency):
                    return failing(server_text("dependency_not_found", program=dependency))
        return super().inferlet(program)

    def inferlet_of(self, upload: StoredProgram) -> InferletFunction:
        language = upload.runtime.language
        if language is not None:
            try:
                upload.data.decode()
            except UnicodeDecodeError as error:
                where = {"place": error.start, "length": error.end - error.start}
                name = "utf8_incomplete" if error.reason == "unexpected end of data" else "utf8_invalid"
                text = server_text(
                    "script_not_utf8",
                    program=upload.program,
                    language=language,
                    detail=server_text(name, **where),
                )
                raise Refusal(text) from error
        else:
            try:
                runs = exports(upload.data)
            except MalformedComponentError as error:
                raise Refusal(server_text("compile_failed", detail=server_text("wasm_not_parsed"))) from error
            if not runs:
                return failing(server_text("no_run_interface"))
        return super().inferlet_of(upload)

    def _dependencies(self, program: str) -> list[str]:
        """Return all dependencies of a program in the order in which real servers check them. Raises Refusal."""
        found: list[str] = []
        pending = sorted(self._stored[program].dependencies) if self._traits.verifies_dependencies else []
        while pending:
            dependency = pending.pop()
            if dependency == program or dependency in found:
                continue
            found.append(dependency)
            if dependency in self._stored:
                pending += sorted(self._stored[dependency].dependencies)
            elif not self._is_registered(dependency):
                raise Refusal(
                    server_text(
                        "dependency_not_installed", dependency=dependency, folder=FOLDER, program=program
                    )
                )
        return found


class ConformingState(EngineState):
    """The state of an engine that checks uploads as a real server does."""

    programs_class = ConformingPrograms


class ConformingConnection(Connection):
    """A connection that reads any encoding, refuses large frames with a text, and aborts turns."""

    def __init__(self, state: EngineState, socket: FaultySocket) -> None:
        super().__init__(state, socket)
        self._reader = WireReader(state.options.family)
        # Turns that go on after their reply: the id of the process whose end ends them, or None.
        self._turns: list[str | None] = []

    def send(self, message: WireModel, request: WireModel | None = None) -> None:
        if isinstance(message, models.ReturnFrame | models.ErrorFrame) and message.process_id in self._turns:
            self._turns.remove(message.process_id)
        super().send(message, request)

    async def _read(self, frame: bytes | str) -> None:
        size = len(frame.encode() if isinstance(frame, str) else frame)
        if size > self._traits.message_bytes:
            text = server_text("request_too_large", size=size, limit=self._traits.message_bytes)
            self.send(models.ServerNotice(message=text))
            if not self._understood:
                await self._end()
        elif isinstance(frame, str) and frame.strip() == ABORT:
            self._abort()
        else:
            await super()._read(frame)

    def _decode(self, frame: bytes | str) -> ClientMessage:
        return self._reader.read(frame)

    def _respond(self, request: ClientMessage, *, ok: bool, result: str) -> None:
        super()._respond(request, ok=ok, result=result)
        # The turn of a refused launch, or of one without output, has no end.
        if isinstance(request, models.AttachProcessRequest):
            self._turns.append(canonical_uuid(request.process_id))
        elif isinstance(request, LONG_TURNS):
            self._turns.append(result if ok and result else None)

    async def _close(self, writer: asyncio.Task[None]) -> None:
        await super()._close(writer)
        self._abort()

    async def _end(self) -> None:
        """End the connection after what was sent before, without a code and without waiting for an answer."""
        sent = asyncio.Event()
        self._state.observers.append(lambda _: sent.set())
        while self._sending is not None or not self._queue.empty():
            sent.clear()
            await sent.wait()
            await asyncio.sleep(0)  # the writer goes on
        self._socket.protocol.send_close()
        self._socket.send_data()
        self._socket.transport.close()
        await self._socket.wait_closed()

    def _abort(self) -> None:
        """End all turns, and the process of each."""
        turns, self._turns = self._turns, []
        for _ in turns:
            self._send_error(server_text("stream_aborted"))
        for process_id in turns:
            process = self._state.processes.get(process_id or "")
            if process is not None:
                if process.client is self:
                    process.client = None
                process.terminate()


class ConformingEngine(LocalEngine):
    """An engine that reads frames and uploads, and ends turns, as a real server does."""

    _state_class = ConformingState
    _connection_class = ConformingConnection

    @property
    def traits(self) -> ServerTraits:
        """Facts of the server family, with the largest message that the connection itself may refuse."""
        traits = super().traits
        return traits._replace(message_bytes=traits.refused_frame_bytes or traits.message_bytes)
