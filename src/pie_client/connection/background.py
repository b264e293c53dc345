"""Run the background tasks of a connection: answer MCP calls, terminate and check processes.

All of it is bounded: MCP calls wait when too many are being answered, are refused when too many wait, and one check of the
processes runs at a time.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from pie_client._generated.calls import Calls
from pie_client._generated.decoders import McpRequestRecord
from pie_client.common.logs import LimitedLog
from pie_client.errors import PieConnectionError, PieError
from pie_client.lazy import LazyModule
from pie_client.protocol.session import CheckProcesses, RelayMcpCall, Session, TerminateProcesses

if TYPE_CHECKING:
    from pie_client._generated import models, refusals, texts
    from pie_client._generated.models import ProcessInfo
else:
    models = LazyModule("pie_client._generated.models")
    texts = LazyModule("pie_client._generated.texts")
    refusals = LazyModule("pie_client._generated.refusals")

logger = logging.getLogger(__name__)

MOST_MCP_CALLS = 1024
"""MCP calls that are answered at the same time."""
MOST_WAITING = 8 * MOST_MCP_CALLS
"""MCP calls that wait for that, before further ones are refused."""
MOST_REFUSALS = 1 << 16
"""Refusals that wait to be sent, before further calls are ignored: a server that does not read its answers has no use for
more of them."""
NAME_CHARACTERS = 100
"""Characters of the names in a refused call that are repeated in the answer."""
LIST_DELAYS = (0.1, 0.4, 1.6)
"""Seconds before a process list that the server refused is requested again."""


class BackgroundTasks:
    """The background tasks of one connection.

    Args:
        session: Says which processes should be running.
        calls: Sends requests.
        answer: Answers a relayed MCP call.
        on_change: Called when :attr:`waiting` has become empty.

    Attributes:
        waiting: MCP calls that are answered when others have been. No more should be received meanwhile, unless somebody
            waits for what the server sends: the answers may depend on it.
    """

    def __init__(
        self,
        session: Session,
        calls: Calls,
        answer: Callable[[McpRequestRecord], Coroutine[None, None, None]],
        on_change: Callable[[], None],
    ) -> None:
        self._session = session
        self._calls = calls
        self._answer = answer
        self._on_change = on_change
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: weakref.WeakSet[asyncio.Task[None]] = weakref.WeakSet()
        """Those that answer MCP calls."""
        self.waiting: deque[McpRequestRecord] = deque()
        self._answering = 0
        self._answering_bytes = 0
        self._waiting_bytes = 0
        self._refused: deque[tuple[int, str, str]] = deque()
        """Numbers, methods and servers of calls that are to be refused."""
        self._refuser: asyncio.Task[None] | None = None
        self._checking = self._check_again = False
        self._log = LimitedLog(logger)

    def run(self, effect: RelayMcpCall | TerminateProcesses | CheckProcesses) -> None:
        """Start what the session asks for."""
        match effect:
            case RelayMcpCall(request):
                self._answer_later(request)
            case TerminateProcesses(process_ids):
                if not self._session.ended:
                    self.terminate(process_ids, self._calls)
            case CheckProcesses():
                self._check_again = True
                if not self._checking:
                    self._checking = True
                    self.start(self._check_processes())

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start a task, which is cancelled when the connection is closed."""
        # asyncio itself keeps only weak references to tasks.
        task = asyncio.create_task(work, name="pie-client background task")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def terminate(self, process_ids: list[str], calls: Calls) -> asyncio.Task[None]:
        """Start to terminate processes. Failures are logged, but not that of one that has ended."""
        return self.start(self._terminate(process_ids, calls))

    def drop_answers(self) -> None:
        """Drop the MCP calls that wait or are being answered: they belong to a session of the server that has ended."""
        self.waiting.clear()
        self._waiting_bytes = 0
        self._refused.clear()
        for task in self._answers:
            task.cancel()
        if self._refuser is not None:
            self._refuser.cancel()
            self._refuser = None

    def cancel(self) -> list[asyncio.Task[None]]:
        """Cancel all tasks, and return them."""
        self.drop_answers()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks

    def _answer_later(self, request: McpRequestRecord) -> None:
        size = _size(request)
        if not self.waiting or (
            len(self.waiting) < MOST_WAITING
            and self._waiting_bytes + size <= self._session.routes.backlogs.total
        ):
            self.waiting.append(request)
            self._waiting_bytes += size
            self._start_answers()
        elif len(self._refused) < MOST_REFUSALS:
            self._log.log(logging.WARNING, "refusing MCP calls: too many wait for an answer")
            method, name = request.method[:NAME_CHARACTERS], request.server_name[:NAME_CHARACTERS]
            self._refused.append((request.corr_id, method, name))
            if self._refuser is None or self._refuser.done():
                self._refuser = self.start(self._refuse_calls())
        else:
            text = "ignoring MCP calls: the server does not read the answers to earlier ones"
            self._log.log(logging.WARNING, text)

    async def _refuse_calls(self) -> None:
        """Answer the calls for which there is no place."""
        try:
            while self._refused:
                corr_id, method, name = self._refused.popleft()
                text = texts.mcp_client_busy(method=method, server_name=name)
                error = models.McpErrorObject(code=texts.CODE_MCP_CLIENT_BUSY, message=text)
                result = error.model_dump_json(exclude_none=True)
                await self._calls.mcp_response(corr_id=corr_id, ok=False, result=result)
                await asyncio.sleep(0)  # sending does not suspend while the server reads
        except PieError as error:
            self._log.log(logging.WARNING, "an MCP call could not be refused: %s", error)

    def _start_answers(self) -> None:
        # The parameters of a call may have any size, and no call may wait for ever.
        most_bytes = self._session.routes.share.size
        while self.waiting and (
            not self._answering or (self._answering < MOST_MCP_CALLS and self._answering_bytes < most_bytes)
        ):
            request = self.waiting.popleft()
            size = _size(request)
            self._waiting_bytes -= size
            self._answering += 1
            self._answering_bytes += size
            task = self.start(self._answer(request))
            self._answers.add(task)
            task.add_done_callback(functools.partial(self._finish_answer, size))

    def _finish_answer(self, size: int, _task: asyncio.Task[None]) -> None:
        self._answering -= 1
        self._answering_bytes -= size
        if self.waiting:
            self._start_answers()
            if not self.waiting:
                self._on_change()

    async def _terminate(self, process_ids: list[str], calls: Calls) -> None:
        for process_id in process_ids:
            try:
                await calls.terminate_process(process_id=process_id)
            except refusals.ProcessNotFoundError:
                pass  # it has ended
            except PieError as error:
                # A lost connection has been reported, and may have ended the process.
                level = logging.INFO if isinstance(error, PieConnectionError) else logging.WARNING
                text = "process %s may keep running, it could not be terminated: %s"
                self._log.log(level, text, process_id, error)

    async def _check_processes(self) -> None:
        """Check which processes have ended, once for all notices that arrive meanwhile."""
        try:
            while self._check_again:
                self._check_again = False
                await self._check_missing_processes()
        finally:
            self._checking = False

    async def _check_missing_processes(self) -> None:
        """Fail the handles of processes that are missing from two consecutive process lists.

        If the server keeps refusing the list, fail those of all processes that run: one of them gets no event any more,
        and would be waited for without end.
        """
        suspects = self._session.routes.running()
        try:
            # Two, because the terminal event of a process that ended normally may still be on the way at the first.
            missing = self._missing_from(await self._listed())
            missing &= self._missing_from(await self._listed())
        except PieConnectionError:
            return  # it fails every handle
        except PieError as error:
            text = "could not check which processes have ended, so all are given up: %s"
            self._log.log(logging.WARNING, text, error)
            missing = suspects & self._session.routes.running()
        self._session.fail_processes(missing)

    async def _listed(self) -> list[ProcessInfo]:
        """Return the process list. If the server refuses it, ask again after a while. Raises its last error."""
        for delay in LIST_DELAYS:
            try:
                return await self._calls.list_processes()
            except PieConnectionError:
                raise
            except PieError as error:
                logger.debug("requesting the process list again in %g s: %s", delay, error)
            await asyncio.sleep(delay)
        return await self._calls.list_processes()

    def _missing_from(self, listed: list[ProcessInfo]) -> set[str]:
        return self._session.routes.running() - {info.id for info in listed}


def _size(request: McpRequestRecord) -> int:
    return len(request.params) + len(request.method) + len(request.server_name)
