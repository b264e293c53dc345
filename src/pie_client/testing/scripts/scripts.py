"""Script programs of the embedded engine: uploaded Python source that runs in processes of its own."""

import os
from dataclasses import dataclass
from typing import Annotated, Self, TypeAlias

from pydantic import Field, JsonValue

from pie_client._generated import models
from pie_client._generated.families import SCRIPT_RUNTIME
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import SCRIPT_DEFAULT_ENTRY
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletSession
from pie_client.testing.scripts.process import run_script

Limit: TypeAlias = Annotated[int, Field(ge=1, le=1 << 62)]
"""A size or limit; operating systems reject larger ones."""
SUPPORTED = os.name == "posix"
"""Whether this system can run scripts: they need process groups and sockets that a child inherits."""


@dataclass(frozen=True, slots=True)
class RawResult:
    """A result that is sent unchanged, instead of as JSON."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLimits:
    """What each process of a script may use, as far as the operating system can limit it.

    The limits stop mistakes, not attackers: a script can read what its user can read. Only root's scripts can start
    threads and processes; in real engines none can.

    Attributes:
        memory_bytes: Address space.
        cpu_seconds: Processor time, in whole seconds.
        open_files: Open files and sockets.
        file_bytes: Size of a file that it writes.
    """

    memory_bytes: Limit = 4 << 30
    cpu_seconds: Limit = 600
    open_files: Limit = 64
    file_bytes: Limit = 64 << 20

    def by_name(self) -> dict[str, int]:
        """Return the limits by their names in the module ``resource``."""
        return {
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NPROC": 0,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True, slots=True)
class Script:
    """A program that is Python source.

    Attributes:
        program: The program as ``name@version``.
        source: Its source, in UTF-8.
        entry: Name of its entry function.
        keywords: Whether the entry function takes the input as keyword arguments.
        limits: Limits of its processes.
    """

    program: str
    source: bytes
    entry: str
    keywords: bool
    limits: ScriptLimits

    @classmethod
    def of(cls, program: str, runtime: models.ManifestRuntime, source: bytes, limits: ScriptLimits) -> Self:
        """Return the script that a manifest describes."""
        entry = runtime.entry or SCRIPT_DEFAULT_ENTRY
        return cls(program, source, entry, keywords=runtime.call == SCRIPT_RUNTIME["call"], limits=limits)

    async def run(self, session: InferletSession, _input: JsonValue) -> RawResult:
        """Run it in a process of its own and return its result. Raises ProcessFailure."""
        job = {
            "source": self.source.decode(),
            "filename": f"{self.program.partition('@')[0]}.py",
            "entry": self.entry,
            "keywords": self.keywords,
            "input": session.input_text,
            "limits": self.limits.by_name(),
            "without_entry": texts.script_without_entry(program=self.program, entry=self.entry),
            "needs_object": texts.script_needs_object(program=self.program),
            "trapped": texts.call_error(detail=""),
            "no_file": texts.SCRIPT_RECEIVES_NO_FILE,
        }
        try:
            return RawResult(await run_script(session, job))
        except OSError as error:
            raise ProcessFailure(
                f"can't start a process for the script {self.program}: {error.strerror}"
            ) from error


def check_script(program: str, language: str, data: bytes) -> None:
    """Refuse source that is not UTF-8, or in a language that does not run here. Raises Refusal."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        text = texts.script_not_utf8(program=program, language=language, detail=error.reason)
        raise Refusal(text) from error
    if language != SCRIPT_RUNTIME["language"]:
        detail = "LocalEngine runs Python scripts only"
        raise Refusal(texts.no_language_component(language=language, detail=detail))
