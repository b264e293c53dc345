import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from pydantic import Field, JsonValue
from pie_client._generated import models
from pie_client._generated.families import SCRIPT_RUNTIME
from pie_client.connection.threads import settle
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import SCRIPT_DEFAULT_ENTRY
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletSession, RawResult, process_of
from pie_client.testing.scripts import runner
Limit: TypeAlias = Annotated[int, Field(ge=1, le=1 << 62)]
SUPPORTED = os.name == 'posix'
LINE_BYTES = 1 << 40
EXIT_SECONDS = 5.0
LIBRARY_PATHS = ('LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH')

@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLimits:
    memory_bytes: Limit = 4 << 30
    cpu_seconds: Limit = 600
    open_files: Limit = 64
    file_bytes: Limit = 64 << 20

    def by_name(self) -> dict[str, int]:
        ...

def check_script(program: str, language: str, data: bytes) -> None:
    ...

@dataclass(frozen=True, slots=True)
class Script:
    program: str
    source: bytes
    runtime: models.ManifestRuntime
    limits: ScriptLimits

    async def run(self, session: InferletSession, _input: JsonValue) -> RawResult:
        ...
