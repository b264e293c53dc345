"""Do the work of a schedule with a client, and note everything that comes back."""

import asyncio
import contextlib
import json
import math
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TypeVarTuple

from blake3 import blake3

from pie_client import (
    AlreadyAttachedError,
    ConnectionStatus,
    CorruptEvent,
    CorruptEventError,
    ErrorEvent,
    Event,
    FileEvent,
    MessageEvent,
    PieClient,
    PieError,
    Process,
    ProcessEndedError,
    ProcessError,
    ProcessEvent,
    ProcessNotFoundError,
    Reconnect,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    UnknownEvent,
)
from tests.faults.link import Harm
from tests.faults.plans import MCP_SERVER, PLAN, PROGRAM, Item, Plan, Step
from tests.faults.schedules import Follow, Reading, Schedule, Work
from tests.support.peers import component

Ts = TypeVarTuple("Ts")

MCP_SCRIPT = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        params = message["params"]
        known = message["method"] == "tools/call"
        result = params["name"] if known else {
            "protocolVersion": params["protocolVersion"], "capabilities": {}, "serverInfo": {}}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
"""An MCP server that returns the name of the tool that is called."""
CLOSE_SECONDS = 5.0
"""Seconds within which a client must close; it takes one if the server does not answer, and half of one for MCP."""

REGISTER = "register_mcp_server"
REGISTER_SECONDS = 20.0
"""Timeout of the registration: an interpreter starts."""
ATTEMPTS = 20
"""Attempts to attach while another connection of this schedule is being closed."""
QUICK = Reconnect(attempts=1000, first_delay=0.002, max_delay=0.01)
REACTS_TO_EVENTS = (Reading.ITERATE, Reading.RECEIVE, Reading.BOTH)
EVENT_OF: dict[Event, Callable[[str], ProcessEvent]] = {
    Event.Stdout: StdoutEvent,
    Event.Stderr: StderrEvent,
    Event.Message: MessageEvent,
    Event.Return: ReturnEvent,
    Event.Error: ErrorEvent,
}


@dataclass
class Followed:
    """What came back from a process.

    Attributes:
        items: Its events before the last one.
        ends: Its last event, and its result or the error that was raised for it.
        corrupt: Events that were reported as lost.
        seen: Number of events.
        gaps: Places at which events may be missing, as the client says, or because another client attached.
        late: Number of events after the last one.
        launched: Whether there was a handle.
        launch_error: Why there was none.
    """

    follow: Follow
    items: list[Item] = field(default_factory=list[Item])
    ends: list[tuple[str, object]] = field(default_factory=list[tuple[str, object]])
    corrupt: list[str] = field(default_factory=list[str])
    seen: int = 0
    gaps: int = 0
    late: int = 0
    launched: bool = False
    launch_error: PieError | None = None


@dataclass
class Outcome:
    """What came back from the whole work.

    Attributes:
        errors: What each part of the work raised, by its name.
        cancelled: Names of the parts that were cancelled.
        seconds: How long each part took, by its name.
        results: What each call returned, with its number.
        installed: Digests of the installed programs, by name.
        problems: What was wrong whatever the faults.
    """

    followed: list[Followed]
    errors: list[tuple[str, BaseException]] = field(default_factory=list[tuple[str, BaseException]])
    cancelled: list[str] = field(default_factory=list[str])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    results: list[tuple[Work, int, object]] = field(default_factory=list[tuple[Work, int, object]])
    installed: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[str] = field(default_factory=list[str])


class ClientWork:
    """The work of one schedule with one client."""

    def __init__(self, schedule: Schedule, uri: str) -> None:
        self._schedule = schedule
        self._uri = uri
        self._events = 0
        self._close = asyncio.Event()
        self.outcome = Outcome([Followed(follow) for follow in schedule.follows])
        self._clients = [self._made() for _ in range(schedule.clients)]

    def _made(self) -> PieClient:
        schedule = self._schedule
        return PieClient(
            self._uri,
            timeout=schedule.timeout,
            open_timeout=schedule.timeout,
            max_buffered=schedule.max_buffered,
            max_buffered_total=1 << 30,  # above it events may be dropped
            spool_above=schedule.spool_above,
            ping_interval=0.05 if schedule.keep_alive else math.inf,
            reconnect=QUICK if schedule.reconnects else None,
            ping_timeout=0.1 if schedule.harm is Harm.STALLS else schedule.patience,
        )

    def _client(self, number: int) -> PieClient:
        return self._clients[number % len(self._clients)]

    async def run(self) -> Outcome:
        """Do everything, and close the clients."""
        connected = 0
        for client in self._clients:  # one after the other: faults are of the first, second … connection
            try:
                await client.connect()
                connected += 1
            except PieError as error:
                self.outcome.errors.append(("connect", error))
        if connected:
            await self._work()
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await self._close_all()
        if (took := loop.time() - begin) > CLOSE_SECONDS:
            self.outcome.problems.append(f"close() took {took:.1f} s")
        return self.outcome

    async def _close_all(self) -> None:
        await asyncio.gather(*(client.close() for client in self._clients))
        for client in self._clients:
            if (status := client.state.status) is not ConnectionStatus.CLOSED:
                self.outcome.problems.append(f"after close(), the client is {status.value}")

    async def _work(self) -> None:
        schedule = self._schedule
        if schedule.mcp:
            await self._note(REGISTER, self._register)
        parts = [
            *(self._note(f.follow.plan.key, self._follow, f, n) for n, f in enumerate(self.outcome.followed)),
            *(self._note(f"{work.value} {n}", self._call, work, n) for n, work in enumerate(schedule.work)),
        ]
        tasks = [asyncio.create_task(part) for part in parts]
        closing = asyncio.create_task(self._close_early())
        watching = asyncio.create_task(self._watch())
        if schedule.cancel_after is not None:
            for _ in range(schedule.cancel_after):
                await asyncio.sleep(0)
            tasks[schedule.seed % len(tasks)].cancel()
        await asyncio.wait(tasks)
        watching.cancel()
        if not self._close.is_set():
            closing.cancel()
        await asyncio.wait([closing, watching])
        for task in (*tasks, closing, watching):
            if not task.cancelled():
                task.result()  # an error of the suite

    async def _close_early(self) -> None:
        if self._schedule.close_after == 0:
            self._close.set()
        await self._close.wait()
        await self._close_all()

    async def _watch(self) -> None:
        if self._schedule.close_when_lost:
            async for state in self._client(0).states():
                if state.status is ConnectionStatus.LOST:
                    self._close.set()
                    break

    async def _note(self, name: str, work: Callable[[*Ts], Awaitable[None]], *arguments: *Ts) -> None:
        """Run a part of the work and note how it ended."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        try:
            await work(*arguments)
        except asyncio.CancelledError:
            self.outcome.cancelled.append(name)
            raise
        except Exception as error:  # noqa: BLE001 - judged later
            self.outcome.errors.append((name, error))
        finally:
            self.outcome.seconds[name] = loop.time() - begin

    async def _register(self) -> None:
        command = ["-I", "-S", "-c", MCP_SCRIPT, self._schedule.prefix]
        await self._client(0).register_mcp_server(
            MCP_SERVER, "stdio", sys.executable, command, timeout=REGISTER_SECONDS
        )

    # ------------------------------------------------------------- processes

    async def _follow(self, each: Followed, number: int) -> None:
        if each.follow.leaves_after is None:
            await self._follow_to_end(each, await self._launched(each, self._client(number)))
            return
        async with self._made() as first:
            process = await self._launched(each, first)
            if await self._stay(each, process, each.follow.leaves_after):
                return
        async with self._made() as second:
            each.gaps += 1  # what was on its way to the first client
            await self._follow_to_end(each, await self._attached(second, process.process_id))

    async def _launched(self, each: Followed, client: PieClient) -> Process:
        plan, reading = each.follow.plan, each.follow.reading
        try:
            process = await client.launch_process(PROGRAM, PLAN.dump_python(plan, mode="json"))
        except PieError as error:
            each.launch_error = error
            raise
        each.launched = True
        if each.follow.terminate_after == 0 or (
            each.follow.terminate_after and reading not in REACTS_TO_EVENTS
        ):
            await process.terminate()
        elif each.follow.signals_first or reading not in REACTS_TO_EVENTS:
            for index, step in enumerate(plan.steps):
                if step.kind == "signal":
                    await process.signal(plan.signal(index))
        return process

    async def _stay(self, each: Followed, process: Process, count: int) -> bool:
        """Receive some events, and return whether the process has ended."""
        async with asyncio.timeout(2 * self._schedule.timeout):
            for _ in range(count):
                event = await anext(process, None)
                if event is None:
                    return True
                await self._take(each, process, event)
        return bool(each.ends)

    async def _attached(self, client: PieClient, process_id: str) -> Process:
        """Attach, and repeat while the server still considers the other client connected."""
        for _ in range(ATTEMPTS):
            with contextlib.suppress(AlreadyAttachedError, ProcessNotFoundError):
                return await client.attach_process(process_id)
            await client.ping()
        return await client.attach_process(process_id)

    async def _follow_to_end(self, each: Followed, process: Process) -> None:
        # An iteration takes no timeout.
        try:
            async with asyncio.timeout(2 * self._schedule.timeout):
                await self._read(each, process)
        except ProcessError as error:
            each.ends.append(("raised", error.text))
            raise
        finally:
            each.gaps += process.possible_gaps

    async def _read(self, each: Followed, process: Process) -> None:
        timeout = self._schedule.timeout
        match each.follow.reading:
            case Reading.ITERATE:
                async for event in process:
                    await self._take(each, process, event)
            case Reading.RECEIVE:
                await self._receive(each, process)
            case Reading.TEXT:
                async for text in process.text():
                    each.items.append(("stdout", text))
                each.ends.append(("text", None))
            case Reading.RESULT:
                each.ends.append(("result", await process.result(timeout=timeout)))
            case Reading.BOTH:
                waiting = asyncio.create_task(process.wait(timeout=timeout))
                try:
                    async for event in process:
                        await self._take(each, process, event)
                finally:
                    (result,) = await asyncio.gather(waiting, return_exceptions=True)
                if isinstance(result, BaseException):
                    raise result
                each.ends.append(("result", json.loads(result)))
            case Reading.DROP:
                pass

    async def _receive(self, each: Followed, process: Process) -> None:
        while True:
            try:
                kind, value = await process.recv(timeout=self._schedule.timeout)
            except CorruptEventError as error:
                each.corrupt.append(error.reason)
                continue
            event = EVENT_OF[kind](value) if isinstance(value, str) else FileEvent(value)
            await self._take(each, process, event)
            if kind in (Event.Return, Event.Error):
                return

    async def _take(self, each: Followed, process: Process, event: ProcessEvent) -> None:
        """Note an event, and answer it if it asks for something."""
        each.late += bool(each.ends)
        match event:
            case StdoutEvent(text):
                each.items.append(("stdout", text))
            case StderrEvent(text):
                each.items.append(("stderr", text))
            case MessageEvent(text):
                each.items.append(("message", text))
                await self._answer(each.follow, process, text)
            case FileEvent():
                with event:
                    each.items.append(("file", blake3(await asyncio.to_thread(event.read)).hexdigest()))
            case ReturnEvent(text):
                each.ends.append(("return", text))
            case ErrorEvent(text):
                each.ends.append(("error", text))
            case CorruptEvent() | UnknownEvent():
                each.corrupt.append(str(event))
        self._events += 1
        if self._events == self._schedule.close_after:
            self._close.set()
        each.seen += 1
        if each.seen == each.follow.terminate_after:
            await process.terminate()

    async def _answer(self, follow: Follow, process: Process, text: str) -> None:
        plan = follow.plan
        for index, step in enumerate(plan.steps):
            if plan.request(index) == text:
                if step.kind == "upload":
                    await self._unless_ended(process.transfer_file(plan.data(index)))
                elif not follow.signals_first:
                    await self._unless_ended(process.signal(plan.signal(index)))

    async def _unless_ended(self, sending: Coroutine[None, None, None]) -> None:
        # It may have been terminated since it asked.
        with contextlib.suppress(ProcessEndedError):
            await sending

    # ------------------------------------------------------------- other calls

    async def _call(self, work: Work, number: int) -> None:
        client, prefix = self._client(number), self._schedule.prefix
        result: object
        match work:
            case Work.PING:
                await client.ping()
                result = None
            case Work.LIST:
                result = await client.list_processes()
            case Work.QUERY:
                result = await client.query("model_status")
            case Work.CHECK:
                result = await client.check_program(PROGRAM)
            case Work.INSTALL:
                result = await self._install(client, f"{prefix}{number}")
            case Work.RUN:
                plans = self._batch(f"{prefix}run{number}-")
                result = await client.run_processes(
                    PROGRAM,
                    [PLAN.dump_python(plan, mode="json") for plan in plans],
                    timeout=self._schedule.timeout,
                )
            case Work.LAUNCH_MANY:
                plans = self._batch(f"{prefix}many{number}-")
                launched = await client.launch_processes(
                    PROGRAM, [PLAN.dump_python(plan, mode="json") for plan in plans]
                )
                result = [await process.wait(timeout=self._schedule.timeout) for process in launched]
        self.outcome.results.append((work, number, result))

    async def _install(self, client: PieClient, name: str) -> str:
        content = component(blake3(name.encode()).digest(length=self._schedule.upload_bytes))
        manifest = f'[package]\nname = "{name}"\nversion = "1.0.0"\n'
        program = await client.install_program_bytes(content, manifest)
        self.outcome.installed[program] = blake3(content).hexdigest()
        return program

    def _batch(self, prefix: str) -> list[Plan]:
        return [Plan(f"{prefix}{i}", (Step("print", 100), Step("print", 5000))) for i in range(3)]
