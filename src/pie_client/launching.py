"""Starting processes: one or many, with their output captured or not."""

import asyncio
import json
import logging
import secrets
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence

from pydantic_core import PydanticSerializationError, to_jsonable_python

from pie_client._generated.families import FAMILIES
from pie_client._generated.methods import ATTACH_PROCESS, LAUNCH_PROCESS, LAUNCH_PROCESSES, Method
from pie_client.connection.connection import Connection
from pie_client.errors import (
    InvalidArgumentError,
    NotAttachedError,
    PieError,
    ProtocolError,
    RefusedError,
    UnsupportedError,
)
from pie_client.process import Process
from pie_client.protocol.mailbox import ByteCounter, Mailbox
from pie_client.protocol.session import canonical_id

logger = logging.getLogger(__name__)

WHITE_SPACE = " \t\n\r"
"""What JSON allows around a value (RFC 8259, section 2)."""
MARK_CHARACTERS = 40
"""Length of the mark on an input, two bits a character."""


class Launcher:
    """Starts the processes of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._attaching: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._knows_batches: bool | None = None

    async def launch(
        self, inferlet: str, input_text: str, *, budget: int | None, timeout: float | None
    ) -> Process:
        """Start a process whose events come to this connection."""
        process_id = await self._connection.calls.launch_process(
            inferlet=inferlet, input=input_text, capture_outputs=True, token_budget=budget, timeout=timeout
        )
        return self._captured(inferlet, LAUNCH_PROCESS, process_id)

    async def launch_many(
        self,
        inferlet: str,
        input_texts: Sequence[str],
        *,
        capture: bool,
        budgets: list[int | None] | None,
        timeout: float | None,
    ) -> list[Process]:
        """Start a process for each input."""
        async with self._connection.deadline(LAUNCH_PROCESSES, timeout):
            await self.check_batches(LAUNCH_PROCESSES, inferlet, timeout)
            process_ids = await self._connection.calls.launch_processes(
                inferlet=inferlet,
                inputs=list(input_texts),
                capture_outputs=capture,
                token_budgets=budgets,
                timeout=timeout,
            )
        if len(process_ids) != len(input_texts):
            raise ProtocolError(
                f"{LAUNCH_PROCESSES.tag} of {inferlet!r} gave {len(process_ids)} ids for {len(input_texts)} inputs; check what server this is"
            )
        if capture:
            return [self._captured(inferlet, LAUNCH_PROCESSES, process_id) for process_id in process_ids]
        return [self._uncaptured(inferlet, process_id) for process_id in process_ids]

    async def launch_uncaptured(
        self, inferlet: str, input_text: str, *, budget: int | None, timeout: float | None
    ) -> Process:
        """Start a process that outlives the connection and sends it nothing, and find out what its id is.

        Where the server does not tell it, the process is found by a mark on its input, which servers pass on and list as
        it is.
        """
        marked = input_text + _mark()
        async with self._connection.deadline(LAUNCH_PROCESS, timeout):
            family = await self._connection.family(timeout)
            if family in LAUNCH_PROCESSES.families and await self._has_batches(inferlet, timeout):
                (process,) = await self.launch_many(
                    inferlet,
                    [input_text],
                    capture=False,
                    budgets=None if budget is None else [budget],
                    timeout=timeout,
                )
                return process
            await self._connection.calls.launch_process(
                inferlet=inferlet,
                input=marked,
                capture_outputs=False,
                token_budget=budget,
                timeout=timeout,
            )
        try:
            listed = await self._connection.calls.list_processes(timeout=timeout)
        except PieError as error:  # it was launched all the same
            return self._uncaptured(
                inferlet, "", f"and what its id is could not be asked ({error}); list_processes shows it"
            )
        found = next((info.id for info in listed if info.input == marked), "")
        return self._uncaptured(
            inferlet,
            found,
            "and had ended when the server was asked for its id; launch it with captured output to see what it did",
        )

    async def attach(self, process_id: str, *, timeout: float | None) -> Process:
        """Give a handle of a process, which the server is asked for unless this connection holds it."""
        process_id = canonical_id(process_id)
        async with (
            self._connection.deadline(ATTACH_PROCESS, timeout),
            self._attaching.setdefault(process_id, asyncio.Lock()),
        ):
            if not self._connection.session.is_attached(process_id):
                try:
                    await self._connection.calls.attach_process(process_id=process_id, timeout=timeout)
                except RefusedError:
                    # An attach that was given up may have been answered just before.
                    if not self._connection.session.is_attached(process_id):
                        raise
            return Process(self._connection, self._connection.session.open_mailbox(process_id))

    async def check_batches(self, method: Method[object], inferlet: str, timeout: float | None) -> None:
        """Raise UnsupportedError where the server does not know a batch request: by its family, or because it is older."""
        family = await self._connection.family(timeout)
        self._connection.session.check_family(method)
        if not await self._has_batches(inferlet, timeout):
            raise UnsupportedError(
                f"{method.tag} not sent: this server does not know it, which came with release {method.since} of {FAMILIES[family].title}; launch the processes one by one"
            )

    async def _has_batches(self, inferlet: str, timeout: float | None) -> bool:
        """Tell whether the server knows batch requests.

        One that does not leaves them unanswered. Servers of that family answer in order: where a ping that was sent
        later is answered first, the batch never will be.
        """
        if self._knows_batches is None:
            calls = self._connection.calls
            asking = asyncio.create_task(
                calls.launch_processes(inferlet=inferlet, inputs=[], capture_outputs=False, timeout=timeout)
            )
            pinging = asyncio.create_task(calls.ping(timeout=timeout))
            try:
                await asyncio.wait({asking, pinging}, return_when=asyncio.FIRST_COMPLETED)
                if asking.done():
                    error = asking.exception()
                    if error is not None and not isinstance(error, RefusedError):
                        raise error
                else:
                    await pinging
                self._knows_batches = asking.done()
            finally:
                for task in (asking, pinging):
                    task.cancel()
                await asyncio.wait({asking, pinging})
        return self._knows_batches

    def _captured(self, inferlet: str, method: Method[object], process_id: str) -> Process:
        try:
            process_id = canonical_id(process_id)
        except InvalidArgumentError:
            raise ProtocolError(
                f"{method.tag} of {inferlet!r} gave {len(process_id)} characters where a process id was due; check what server this is"
            ) from None
        return Process(self._connection, self._connection.session.open_mailbox(process_id))

    def _uncaptured(self, inferlet: str, process_id: str, nameless: str = "") -> Process:
        box = Mailbox(process_id, ByteCounter())
        box.fail(_not_attached(inferlet, process_id, nameless))
        return Process(self._connection, box)


def _mark() -> str:
    """Give white space that no other launch has, which means nothing after JSON."""
    return "".join(WHITE_SPACE[byte & 3] for byte in secrets.token_bytes(MARK_CHARACTERS))


def as_inputs(inputs: Iterable[object]) -> list[str]:
    """Write each of several inputs as JSON text."""
    _check_many("inputs", inputs)
    return [as_json(each) for each in inputs]


def as_budgets(budgets: Iterable[int | None] | None) -> list[int | None] | None:
    """Take token budgets; what is in them is checked against the schema."""
    if budgets is None:
        return None
    _check_many("token_budgets", budgets)
    return list(budgets)


def _check_many(name: str, given: object) -> None:
    """Raise InvalidArgumentError unless something has parts that are meant one by one."""
    kind: type[object] = type(given)
    if issubclass(kind, (str, bytes, Mapping)) or not issubclass(kind, Iterable):
        raise InvalidArgumentError(f"{name} is {kind.__name__}; pass a list with one entry for each process")


def as_json(value: object) -> str:
    """Write an input as JSON text; None is ``{}``."""
    try:
        return json.dumps(
            {} if value is None else value, ensure_ascii=False, allow_nan=False, default=to_jsonable_python
        )
    except (TypeError, ValueError, RecursionError, PydanticSerializationError) as error:
        raise InvalidArgumentError(
            f"input can't be written as JSON: {error}; pass plain values, dataclasses or pydantic models"
        ) from error


def _not_attached(inferlet: str, process_id: str, nameless: str) -> Callable[[], NotAttachedError]:
    if process_id:
        text = f"process {process_id} was launched with capture_outputs=False, so that nothing comes from it or goes to it; attach_process gives a handle that does"
    else:
        text = f"the process of {inferlet!r} was launched with capture_outputs=False, {nameless}"
    return lambda: NotAttachedError(text)
