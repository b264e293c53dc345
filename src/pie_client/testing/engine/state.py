"""What the connections of one engine share: options, programs, processes, workflows, daemons and observers."""

import asyncio
import inspect
import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable

from pie_client.base import WireModel
from pie_client.common.logs import LimitedLog
from pie_client.connection.observing import Direction, Observer, observed
from pie_client.testing._generated.servers import SERVERS, TOKEN_BYTES
from pie_client.testing.engine.builtins import BUILTINS
from pie_client.testing.engine.daemons import RunningDaemon
from pie_client.testing.engine.options import Options
from pie_client.testing.engine.programs import Programs
from pie_client.testing.engine.workflows import Workflow
from pie_client.testing.faults.fault import FaultList
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.http.origins import AllowedOrigins
from pie_client.testing.inferlet.exceptions import line_of
from pie_client.testing.inferlet.process import RunningProcess
from pie_client.testing.inferlet.session import run_inferlet
from pie_client.testing.scripts.scripts import ScriptLimits

logger = logging.getLogger(__name__)

HELD_PROCESSES = 1024
"""Ended processes whose terminal event is kept for a client. The oldest are dropped first."""


class EngineState:
    """The state of one engine.

    Attributes:
        held: Ended processes by id whose terminal event waits for a client, with ``keep_detached``.
        numbers: Numbers of connections.
        handlers: Functions that answer a class of requests instead of the engine.
        observers: Functions that are called with every frame.
        allowed_origins: Which web pages may connect.
        log: What clients can cause to be logged.
    """

    # The conformance tests replace it by a class that imitates a real server byte by byte.
    programs_class = Programs

    def __init__(self, options: Options) -> None:
        self.options = options
        self.traits = SERVERS[options.family]
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        limits = (options.script_limits or ScriptLimits()) if options.allow_scripts else None
        self.faults = FaultList(self.traits)
        self.programs = self.programs_class(self.traits, limits)
        if options.builtins:
            self.programs.functions.update(BUILTINS)
        self.processes: dict[str, RunningProcess] = {}
        self.held: dict[str, RunningProcess] = {}
        self.workflows: dict[str, Workflow] = {}
        self.daemons: list[RunningDaemon] = []
        self.handlers: dict[type[WireModel], Callable[..., str | Awaitable[str]]] = {}
        self.observers: list[Observer] = []
        self.allowed_origins = AllowedOrigins(options.allowed_origins)
        self._inferlets: set[asyncio.Task[str]] = set()
        self.log = LimitedLog(logger)
        self.numbers = itertools.count(1)

    def observe(self, connection: int, direction: Direction, data: bytes | str) -> None:
        """Call the observers with a frame that the client has sent or received."""
        for observer in self.observers:
            try:
                observer(observed(connection, direction, data, redact=False))
            except Exception:
                self.log.log(logging.ERROR, "an observer of frames failed", exc_info=True)

    async def call_handler(self, message: WireModel) -> str | None:
        """Return what the handler of a request returns, or None if there is no handler.

        Raises:
            Refusal: The handler refuses the request, or fails.
        """
        handler = self.handlers.get(type(message))
        if handler is None:
            return None
        name = f"engine.answer for {type(message).__name__}"
        try:
            result = handler(message)
            text = await result if inspect.isawaitable(result) else result
        except Refusal:
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            self.log.log(logging.ERROR, "%s failed", name, exc_info=True)
            raise Refusal(f"{name} failed: {line_of(error)}") from error
        if type(text) is not str:  # a handler without type annotations may return anything
            raise Refusal(f"{name} returned {type(text).__name__}; return the result as str")
        return text

    def run(self, process: RunningProcess) -> None:
        """Run the program of a process, unless it was terminated already."""
        if self.faults.skips("start", process.program) or process.outcome.done():
            return
        work = run_inferlet(self.programs.inferlet(process.program), process)
        task = process.start(work, lambda: self.faults.skips("end", process.program))
        self._inferlets.add(task)
        task.add_done_callback(self._inferlets.discard)

    def add(self, process: RunningProcess) -> RunningProcess:
        """List a new process until it ends."""

        def handle_end(_end: object) -> None:
            del self.processes[process.id]
            self.hold(process)

        process.keep_events = process.client is not None and self.options.keep_detached
        process.output_bytes = self.traits.output_bytes
        self.processes[process.id] = process
        process.outcome.add_done_callback(handle_end)
        return process

    def hold(self, process: RunningProcess) -> None:
        """Keep an ended process for the client that will receive its terminal event, if any is left."""
        if process.holds_terminal_event:
            # Clients may never return, so the number of held processes is bounded.
            self.held[process.id] = process
            if len(self.held) > HELD_PROCESSES:
                del self.held[next(iter(self.held))]

    async def stop(self, connections: set[asyncio.Task[object]], grace: float) -> set[asyncio.Task[object]]:
        """Terminate all processes, workflows and daemons, and wait for them and for connections.

        Args:
            connections: Tasks of connections, cancelled already.
            grace: Seconds to wait.

        Returns:
            The tasks that have not ended.
        """
        workflows = [workflow.task for workflow in self.workflows.values()]
        # Before the processes: a workflow would start new ones when its processes end.
        for task in workflows:
            task.cancel()
        for process in list(self.processes.values()):
            process.terminate()
        daemons, self.daemons = self.daemons, []
        calls = await asyncio.gather(*(daemon.stop() for daemon in daemons))
        unending: set[asyncio.Task[object]] = {task for tasks in calls for task in tasks}
        ending: set[asyncio.Task[object]] = {*connections, *self._inferlets, *workflows}
        if ending:
            unending |= (await asyncio.wait(ending, timeout=grace))[1]
        self.held.clear()
        return unending
