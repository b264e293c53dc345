"""Encode inputs as JSON, launch and attach processes, and return their handles.

A launch has one process or many, whose output is captured or not. Handles read their events in ``process``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar, overload

from pie_client._generated.families import FAMILIES
from pie_client._generated.methods import ATTACH_PROCESS, LAUNCH_PROCESS, LAUNCH_PROCESSES, Method
from pie_client.connection.connection import Connection
from pie_client.connection.options import Settings, check_seconds, check_when_full
from pie_client.connection.probe import probe
from pie_client.connection.waiting import Lock
from pie_client.errors import (
    InvalidArgumentError,
    NotAttachedError,
    PieError,
    ProtocolError,
    RefusedError,
    UnsupportedError,
)
from pie_client.lazy import LazyModule
from pie_client.process import Process
from pie_client.protocol.routes import Dropped, Route, canonical_id
from pie_client.protocol.shares import Share, WhenFull

if TYPE_CHECKING:
    import pydantic
    import pydantic_core

    from pie_client import owned
    from pie_client._generated.models import ProcessInfo
    from pie_client.programs import functions
else:
    functions = LazyModule("pie_client.programs.functions")
    owned = LazyModule("pie_client.owned")
    pydantic = LazyModule("pydantic")
    pydantic_core = LazyModule("pydantic_core")

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)

WHITE_SPACE = " \t\n\r"
"""Characters that JSON allows around a value (RFC 8259, section 2)."""
MARK_CHARACTERS = 40
"""Length of the mark on an input: 80 random bits, two per character."""


class Runner(Protocol):
    """Launches programs with the options that were passed to :meth:`PieClient.run_with`."""

    @overload
    async def __call__(
        self, program: functions.Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Process[R]: ...
    @overload
    async def __call__(self, program: str, /, **kwargs: object) -> Process[pydantic.JsonValue]: ...


class Options(NamedTuple):
    """How processes are launched or attached, and what their handles do; None stands for the client's default."""

    capture: bool = True
    """Whether the events of the process are received."""
    budget: int | None = None
    """Most tokens that a process may use."""
    terminate_on_exit: bool = False
    """Whether a handle terminates its process at the end of an ``async with`` block."""
    max_buffered: int | None = None
    """Bytes of unread events that a process may hold."""
    when_full: WhenFull | None = None
    """What happens above that."""
    timeout: float | None = None
    """Seconds until the server replies."""


def check_options(
    settings: Settings,
    capture_outputs: bool = True,
    token_budget: int | None = None,
    terminate_on_exit: bool = False,
    *,
    max_buffered: int | None = None,
    when_full: WhenFull | None = None,
    timeout: float | None = None,
) -> Options:
    """Return the options of a launch or an attach. Raises InvalidArgumentError for one that is invalid."""
    if not isinstance(capture_outputs, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types exist
        raise InvalidArgumentError(f"capture_outputs={capture_outputs!r} is not a bool; pass True or False")
    return Options(
        capture_outputs,
        token_budget,
        terminate_on_exit,
        None if max_buffered is None else settings.check_share(max_buffered),
        None if when_full is None else check_when_full(when_full),
        None if timeout is None else check_seconds("timeout", timeout),
    )


class Launcher:
    """The launcher of one connection's processes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._attaching: weakref.WeakValueDictionary[str, Lock] = weakref.WeakValueDictionary()
        self._knows_batches: bool | None = None  # not known yet

    def forget(self) -> None:
        """Forget what replies have told about the server."""
        self._knows_batches = None

    async def launch(self, inferlet: str, input_text: str, options: Options) -> Process[Any]:
        """Launch a process, and return a handle of it."""
        if not options.capture:
            return await self._launch_uncaptured(inferlet, input_text, options)
        process_id = await self._connection.calls.launch_process(
            inferlet=inferlet,
            input=input_text,
            capture_outputs=True,
            token_budget=options.budget,
            timeout=options.timeout,
        )
        return self._captured_handle(inferlet, LAUNCH_PROCESS, process_id, options)

    async def launch_many(
        self, inferlet: str, input_texts: Sequence[str], budgets: list[int | None] | None, options: Options
    ) -> list[Process[Any]]:
        """Launch a process for each input, with one request."""
        timeout = options.timeout
        async with self._connection.deadline(LAUNCH_PROCESSES, timeout):
            await self.check_batches(LAUNCH_PROCESSES, inferlet, timeout)
            process_ids = await self._connection.calls.launch_processes(
                inferlet=inferlet,
                inputs=list(input_texts),
                capture_outputs=options.capture,
                token_budgets=budgets,
                timeout=timeout,
            )
        if len(process_ids) != len(input_texts):
            raise ProtocolError(
                f"{LAUNCH_PROCESSES.tag} of {inferlet!r} returned {len(process_ids)} ids for {len(input_texts)} inputs; check which server this is"
            )
        if options.capture:
            return [
                self._captured_handle(inferlet, LAUNCH_PROCESSES, process_id, options)
                for process_id in process_ids
            ]
        return [self._uncaptured_handle(inferlet, process_id, options) for process_id in process_ids]

    async def _launch_uncaptured(self, inferlet: str, input_text: str, options: Options) -> Process[Any]:
        """Launch a process that outlives the connection and sends it nothing, and return a handle with its id.

        The reply to a launch without captured output has no id. Servers that launch batches return ids there; otherwise
        the process is found in the server's list by a mark at the end of its input, which servers list unchanged.
        """
        # Without the mark, equal launches of several clients could not be told apart in the list.
        marked = input_text + _mark()
        timeout = options.timeout
        async with self._connection.deadline(LAUNCH_PROCESS, timeout, sent=False) as deadline:
            family = await self._connection.family(timeout)
            deadline.sent = True
            if family in LAUNCH_PROCESSES.families and await self._has_batches(inferlet, timeout):
                budgets = None if options.budget is None else as_budgets([options.budget])
                (process,) = await self.launch_many(inferlet, [input_text], budgets, options)
                return process
            await self._connection.calls.launch_process(
                inferlet=inferlet,
                input=marked,
                capture_outputs=False,
                token_budget=options.budget,
                timeout=timeout,
            )
        try:
            listed = await self._connection.calls.list_processes(timeout=timeout)
        except PieError as error:
            # No error: the process was launched, and a caller who tries again would launch it twice.
            reason = f"its id could not be retrieved ({error}); find it with list_processes"
            return self._uncaptured_handle(inferlet, "", options, reason)
        found = next((info.id for info in listed if info.input == marked), "")
        reason = (
            "it ended before its id was retrieved; launch it with capture_outputs=True to read its output"
        )
        return self._uncaptured_handle(inferlet, found, options, reason)

    async def attach(self, process_id: str, options: Options) -> Process[Any]:
        """Return a handle of a process; asks the server only if this connection is not attached to it yet."""
        process_id, timeout = canonical_id(process_id), options.timeout
        async with (
            self._connection.deadline(ATTACH_PROCESS, timeout),
            self._attaching.setdefault(process_id, Lock()),
        ):
            if not self._connection.is_attached(process_id):
                try:
                    await self._connection.calls.attach_process(process_id=process_id, timeout=timeout)
                except RefusedError:
                    # An earlier attach that was cancelled may have succeeded just before this one was refused.
                    if not self._connection.is_attached(process_id):
                        raise
            return self._handle(process_id, options)

    async def list_processes(self, *, timeout: float | None) -> list[ProcessInfo]:
        """Return the server's processes, without the marks of :meth:`launch_uncaptured` on their inputs."""
        listed = await self._connection.calls.list_processes(timeout=timeout)
        return [info.model_copy(update={"input": _without_mark(info.input)}) for info in listed]

    async def check_batches(self, method: Method[object], inferlet: str, timeout: float | None) -> None:
        """Raise UnsupportedError if the server does not know batch requests, because of its family or its release."""
        family = await self._connection.family(timeout)
        self._connection.check_family(method)
        if not await self._has_batches(inferlet, timeout):
            raise UnsupportedError(
                f"{method.tag} not sent: it needs release {method.since} of {FAMILIES[family].title}, this server is older; call launch_process for each input"
            )

    async def _has_batches(self, inferlet: str, timeout: float | None) -> bool:
        """Return whether the server knows batch requests; older releases do not answer them."""
        if self._knows_batches is None:
            calls = self._connection.calls
            empty = asyncio.create_task(
                calls.launch_processes(inferlet=inferlet, inputs=[], capture_outputs=False, timeout=timeout)
            )
            try:
                answered = await probe(empty, calls.ping(timeout=timeout))
                error = empty.exception() if answered else None
                if error is not None and not isinstance(error, RefusedError):
                    raise error
                self._knows_batches = answered
            finally:
                empty.cancel()
                await asyncio.wait({empty})
        return self._knows_batches

    def _captured_handle(
        self, inferlet: str, method: Method[object], process_id: str, options: Options
    ) -> Process[Any]:
        try:
            process_id = canonical_id(process_id)
        except InvalidArgumentError:
            raise ProtocolError(
                f"{method.tag} of {inferlet!r} returned {len(process_id)} characters instead of a process id; check which server this is"
            ) from None
        return self._handle(process_id, options)

    def _handle(self, process_id: str, options: Options) -> Process[Any]:
        route = self._connection.claim(process_id, self._share(options))
        return _handle_class(options)(self._connection, route)

    def _uncaptured_handle(
        self, inferlet: str, process_id: str, options: Options, why_no_id: str = ""
    ) -> Process[Any]:
        route = Route(process_id, self._connection.default_share)
        route.claims = 1
        route.dropped = Dropped.UNCAPTURED
        route.fail(_not_attached(inferlet, process_id, why_no_id))
        return _handle_class(options)(self._connection, route)

    def _share(self, options: Options) -> Share | None:
        """Return what a process may hold, or None if the options leave that to the client."""
        size, when_full = options.max_buffered, options.when_full
        if size is None and when_full is None:
            return None
        default = self._connection.default_share
        return Share(
            default.size if size is None else size, default.when_full if when_full is None else when_full
        )


def _handle_class(options: Options) -> type[Process[Any]]:
    return owned.OwnedProcess if options.terminate_on_exit else Process


def _mark() -> str:
    """Return random white space, which has no meaning after a JSON value."""
    return "".join(WHITE_SPACE[byte & 3] for byte in secrets.token_bytes(MARK_CHARACTERS))


def _without_mark(text: str) -> str:
    """Return an input without the mark at its end, if it has one."""
    mark = text[-MARK_CHARACTERS:]
    return text if len(mark) < MARK_CHARACTERS or mark.strip(WHITE_SPACE) else text[:-MARK_CHARACTERS]


def as_inputs(inputs: Iterable[object]) -> list[str]:
    """Encode each input as JSON text."""
    check_many("inputs", inputs)
    return [as_json(each) for each in inputs]


def as_budgets(budgets: Iterable[int | None] | None) -> list[int | None] | None:
    """Return token budgets as a list; its entries are checked against the schema later."""
    if budgets is None:
        return None
    check_many("token_budgets", budgets)
    return list(budgets)


def check_many(name: str, given: object) -> None:
    """Raise InvalidArgumentError unless a value is iterable and not itself a single input."""
    kind: type[object] = type(given)
    if issubclass(kind, (str, bytes, Mapping)) or not issubclass(kind, Iterable):
        raise InvalidArgumentError(f"{name} is {kind.__name__}; pass a list with one entry for each process")


def as_json(value: object) -> str:
    """Encode an input as JSON text; None is ``{}``."""
    try:
        return _encode({} if value is None else value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(
            f"input can't be encoded as JSON: {error}; pass plain values, dataclasses or pydantic models"
        ) from error


def _as_plain(value: object) -> object:
    """Convert what json can't encode, such as a dataclass or a pydantic model. Raises ValueError if pydantic can't either."""
    plain: object = pydantic_core.to_jsonable_python(value)
    return plain


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_as_plain).encode


def _not_attached(inferlet: str, process_id: str, why_no_id: str) -> Callable[[], NotAttachedError]:
    if process_id:
        text = f"process {process_id} was launched with capture_outputs=False; call attach_process to receive its events"
    else:
        text = f"the process of {inferlet!r} was launched with capture_outputs=False, and {why_no_id}"
    return lambda: NotAttachedError(text)
