"""Script programs of the embedded engine: uploads that are Python source, each run in a process of its own."""

import os
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue

from pie_client._generated import models, texts
from pie_client._generated.families import SCRIPT_DEFAULT_ENTRY
from pie_client.testing.engine.processes import Text
from pie_client.testing.inferlet.session import InferletSession, ProcessFailure
from pie_client.testing.scripts.process import run_script

SUPPORTED = os.name == "posix"
"""Whether this system can start scripts: it takes process groups, and sockets that a child inherits."""
LANGUAGE = "python"
"""The language of scripts that run here."""


class RejectedScript(Exception):  # noqa: N818 - its text is the server's reply
    """An upload that says it is a script but can't be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLimits:
    """What each process of a script may use, as far as the operating system can limit it.

    They stop mistakes, not attackers: a script can read what its user can read. As another user than root it can't
    start processes. Threads it can never start, as on real engines. A script ends with the engine, also with one that
    was killed, for a process between the two sees to that: whatever the script does within its own process, and on Linux
    with all that it has started. Elsewhere it stays where that process is killed,
    too, and with it what has left its process group.

    Attributes:
        memory_bytes: Address space.
        cpu_seconds: Processor time, in whole seconds.
        open_files: Open files and sockets.
        file_bytes: Size of a file that it writes.
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 600
    open_files: int = 64
    file_bytes: int = 64 << 20

    def by_name(self) -> dict[str, int]:
        """Give the limits by their names in the standard library."""
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
    """A program that is Python source."""

    program: str
    source: bytes
    entry: str
    keywords: bool
    """The entry function takes the input as keyword arguments."""
    limits: ScriptLimits

    @classmethod
    def of(cls, program: str, runtime: models.ManifestRuntime, source: bytes, limits: ScriptLimits) -> Self:
        """Make a script of what its manifest says."""
        entry = runtime.entry or SCRIPT_DEFAULT_ENTRY
        return cls(program, source, entry, keywords=runtime.call == "kwargs", limits=limits)

    async def run(self, session: InferletSession, _input: JsonValue) -> Text:
        """Run it in a process of its own, to its end. Raises ProcessFailure; cancelled, it kills the process."""
        try:
            return Text(await run_script(session, self._job(session.input_text), self.source))
        except OSError as error:
            raise ProcessFailure(
                f"can't run the script {self.program} in a process of its own: {error.strerror}"
            ) from error

    def _job(self, input_text: str) -> dict[str, object]:
        """Say what to run."""
        name = self.program.partition("@")[0]
        return {
            "filename": f"{name}.py",
            "entry": self.entry,
            "keywords": self.keywords,
            "input": input_text,
            "limits": self.limits.by_name(),
            "without_entry": texts.script_without_entry(program=self.program, entry=self.entry),
            "needs_object": texts.script_needs_object(program=self.program),
            "trapped": texts.call_error(detail=""),
            "no_file": texts.SCRIPT_RECEIVES_NO_FILE,
        }


def check_script(program: str, language: str, data: bytes) -> None:
    """Raises RejectedScript for source that no engine could run, or not this one."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise RejectedScript(
            texts.script_not_utf8(program=program, language=language, detail=_not_utf8(error))
        ) from error
    if language != LANGUAGE:
        detail = "LocalEngine: it runs Python scripts only"
        raise RejectedScript(texts.no_language_component(language=language, detail=detail))


def _not_utf8(error: UnicodeDecodeError) -> str:
    if error.reason == "unexpected end of data":
        return texts.utf8_incomplete(place=error.start)
    return texts.utf8_invalid(length=error.end - error.start, place=error.start)
