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
from pie_client.logs import LimitedLog
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import WORKFLOW_ARGUMENTS, WORKFLOW_FALSY, WORKFLOW_ITERATIONS, WORKFLOW_VALUE
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.inferlet.process import Client, RunningProcess
Expression: TypeAlias = models.WorkflowExpression
Branch: TypeAlias = Coroutine[object, object, JsonValue]
Start: TypeAlias = Callable[[str, str, Callable[[WireModel], None]], RunningProcess]

class WorkflowFailureError(Exception):
    ...

def read_expression(text: str) -> Expression:
    ...

@dataclass(eq=False)
class Workflow:
    expression: InitVar[Expression]
    username: str
    client: Client | None
    start: Start
    log: LimitedLog
    id: str = field(init=False, default_factory=lambda: str(uuid.uuid4()))
    task: asyncio.Task[JsonValue] = field(init=False)

    def __post_init__(self, expression: Expression) -> None:
        ...

    def attach(self, client: Client) -> None:
        ...
