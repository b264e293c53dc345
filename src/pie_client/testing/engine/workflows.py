"""Workflows: expressions over programs, evaluated as servers of the 0.4 family do."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import InitVar, dataclass, field
from typing import Final, TypeAlias

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json

from pie_client._generated import models
from pie_client.base import WireModel
from pie_client.common.logs import LimitedLog
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import (
    WORKFLOW_ARGUMENTS,
    WORKFLOW_FALSY,
    WORKFLOW_ITERATIONS,
    WORKFLOW_VALUE,
)
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.inferlet.process import Client, RunningProcess

Expression: TypeAlias = models.WorkflowExpression
Branch: TypeAlias = Coroutine[object, object, JsonValue]
Start: TypeAlias = Callable[[str, str, Callable[[WireModel], None]], RunningProcess]
"""Starts a program with an input and a function that is called with its output and terminal event. Raises Refusal."""
_EXPRESSION: Final[TypeAdapter[Expression]] = TypeAdapter(models.WorkflowExpression)


class WorkflowFailureError(Exception):
    """An expression that has no value. Servers only log it."""


def read_expression(text: str) -> Expression:
    """Parse the JSON text of a workflow.

    Raises:
        Refusal: It is not a workflow.
    """
    try:
        from_json(text, allow_inf_nan=False)  # validate_json accepts NaN and Infinity
        expression = _EXPRESSION.validate_json(text)
    except ValueError as error:
        detail = codec.describe_validation_error(error) if isinstance(error, ValidationError) else error
        raise Refusal(texts.invalid_workflow_json(detail=detail)) from error
    if isinstance(expression, models.PipeExpression) and not expression.stages:
        raise Refusal(texts.WORKFLOW_HAS_NO_STEPS)
    return expression


@dataclass(eq=False)
class Workflow:
    """A workflow that runs until its expression has a value, fails or is cancelled.

    Output and terminal events of its processes are sent to the attached client, or kept for the next one. The value
    itself is discarded, as by real servers.

    Attributes:
        username: User that submitted it.
        client: The attached client, or None.
        start: Starts its processes.
        log: What clients can cause to be logged.
        id: Workflow id.
        task: The task that evaluates the expression.
    """

    expression: InitVar[Expression]
    username: str
    client: Client | None
    start: Start
    log: LimitedLog
    id: str = field(init=False, default_factory=lambda: str(uuid.uuid4()))
    task: asyncio.Task[JsonValue] = field(init=False)
    _unsent: list[WireModel] = field(init=False, default_factory=list[WireModel])

    def __post_init__(self, expression: Expression) -> None:
        self.task = asyncio.create_task(self._evaluate(expression, {}), name=f"workflow {self.id}")
        self.task.add_done_callback(self._handle_end)

    def attach(self, client: Client) -> None:
        """Attach a client and send it the events that were kept."""
        self.client = client
        unsent, self._unsent = self._unsent, []
        for message in unsent:
            client.send(message)

    def _send(self, message: WireModel) -> None:
        if self.client is None:
            self._unsent.append(message)
        else:
            self.client.send(message)

    def _handle_end(self, task: asyncio.Task[JsonValue]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.log(logging.INFO, "workflow %s has no value: %s", self.id, error)

    async def _evaluate(self, expression: Expression, value: JsonValue) -> JsonValue:
        match expression:
            case models.LiteralExpression():
                return expression.value
            case models.ProcessExpression():
                return await self._run(expression, value)
            case models.PipeExpression():
                return await self._pipe(expression.stages, value)
            case models.ForkExpression() | models.MapExpression():
                return await _all(await self._branches(expression, value))
            case models.FoldExpression():
                return await self._fold(expression, value)
            case models.CondExpression():
                holds = _is_true(await self._evaluate(expression.predicate, value))
                return await self._evaluate(expression.then if holds else expression.otherwise, value)
            case models.IterateExpression():
                return await self._iterate(expression, value)
            case models.TakeExpression():
                return value[: expression.k] if isinstance(value, list) else value

    async def _fold(self, expression: models.FoldExpression, value: JsonValue) -> JsonValue:
        reduced = await self._evaluate(expression.init, value)
        for item in await self._array(expression.over, value):
            reduced = await self._evaluate(expression.function, {**_as_object(item), **_as_object(reduced)})
        return reduced

    async def _iterate(self, expression: models.IterateExpression, value: JsonValue) -> JsonValue:
        for _ in range(WORKFLOW_ITERATIONS):
            value = await self._evaluate(expression.body, value)
            if _is_true(await self._evaluate(expression.until, value)):
                return value
        raise WorkflowFailureError(texts.workflow_loop_exceeded(limit=WORKFLOW_ITERATIONS))

    async def _pipe(self, stages: list[Expression], value: JsonValue) -> JsonValue:
        for stage, following in zip(stages, [*stages[1:], None], strict=False):
            if isinstance(stage, (models.ForkExpression, models.MapExpression)) and isinstance(
                following, models.TakeExpression
            ):
                # Only so many branches run to their end. The take itself then changes nothing.
                value = await _first(await self._branches(stage, value), following.k)
            else:
                value = await self._evaluate(stage, value)
        return value

    async def _branches(
        self, expression: models.ForkExpression | models.MapExpression, value: JsonValue
    ) -> list[Branch]:
        if isinstance(expression, models.ForkExpression):
            return [self._evaluate(branch, value) for branch in expression.branches]
        items = await self._array(expression.over, value)
        return [self._evaluate(expression.function, item) for item in items]

    async def _array(self, expression: Expression, value: JsonValue) -> list[JsonValue]:
        array = await self._evaluate(expression, value)
        if not isinstance(array, list):
            raise WorkflowFailureError("the operand of map or fold is not an array")
        return array

    async def _run(self, expression: models.ProcessExpression, value: JsonValue) -> JsonValue:
        data = _with_config(_as_object(value), expression.config)
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        process = self.start(expression.program_name, text, self._send)
        try:
            end = await asyncio.shield(process.outcome)
        except asyncio.CancelledError:
            process.terminate(texts.WORKFLOW_CANCELLED)
            raise
        if isinstance(end, models.ErrorFrame):
            raise WorkflowFailureError(end.value)
        try:
            result: JsonValue = json.loads(end.value)
        except (ValueError, RecursionError):
            return end.value
        return result


async def _all(branches: Iterable[Branch]) -> JsonValue:
    """Return all values in order. If one fails, cancel the others."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(branch) for branch in branches]
    return [task.result() for task in tasks]


async def _first(branches: Iterable[Branch], count: int) -> JsonValue:
    """Return the first ``count`` values that are available, and cancel the others."""
    waiting = {asyncio.create_task(branch) for branch in branches}
    values: list[JsonValue] = []
    try:
        while waiting and len(values) < count:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            values += [task.result() for task in done]
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return values[:count]


def _as_object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {WORKFLOW_VALUE: value}


def _with_config(data: dict[str, JsonValue], config: JsonValue) -> dict[str, JsonValue]:
    if config is None:
        return data
    if isinstance(config, dict):
        return {**data, **config}
    arguments = data.get(WORKFLOW_ARGUMENTS)
    return {**data, WORKFLOW_ARGUMENTS: [*(arguments if isinstance(arguments, list) else []), config]}


def _is_true(value: JsonValue) -> bool:
    return bool(value) and not (isinstance(value, str) and value in WORKFLOW_FALSY)
