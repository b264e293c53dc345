import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from blake3 import blake3
from pydantic import JsonValue
from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletFunction, InferletSession

async def echo(session: InferletSession, input: JsonValue) -> JsonValue:
    ...

async def count(session: InferletSession, input: JsonValue) -> JsonValue:
    ...

async def wait(session: InferletSession, input: JsonValue) -> JsonValue:
    ...

async def fail(session: InferletSession, input: JsonValue) -> JsonValue:
    ...

async def files(session: InferletSession, input: JsonValue) -> JsonValue:
    ...
BUILTINS: Mapping[str, InferletFunction] = MappingProxyType({f'{function.__name__}@1.0.0': function for function in (echo, count, wait, fail, files)})
