import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from blake3 import blake3
from pydantic import JsonValue
from pydantic_core import to_jsonable_python
from pie_client._generated import models
from pie_client._generated.families import CHUNK_BYTES
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing.inferlet.exceptions import ProcessFailure, report_of
from pie_client.testing.inferlet.mcp import McpRelay, McpSession
from pie_client.testing.inferlet.process import RunningProcess, as_utf8

class RawResult(str):
    __slots__ = ()

class InferletSession:
    __module__ = 'pie_client.testing'

    def __init__(self) -> None:
        self.process_id = ...
        self.username = ...
        self.program = ...
        self.input_text = ...
        self.mcp = ...

    def print(self, *values: object, sep: str=' ', end: str='\n') -> None:
        ...

    def eprint(self, *values: object, sep: str=' ', end: str='\n') -> None:
        ...

    def send(self, message: str) -> None:
        ...

    def send_file(self, data: bytes, name: str | None=None) -> None:
        ...

    def emit(self, message: WireModel) -> None:
        ...

    async def receive(self) -> str:
        ...

    async def receive_file(self) -> bytes:
        ...

def process_of(session: InferletSession) -> RunningProcess:
    ...
InferletFunction: TypeAlias = Callable[[InferletSession, JsonValue], Awaitable[object]]

async def run_inferlet(function: InferletFunction, process: RunningProcess) -> str:
    ...
