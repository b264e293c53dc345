"""Engines of all families in one process of their own, for clients that talk to them over faulty links.

``python -m tests.faults.engine_process`` prints the addresses, then answers each line of its input, a prefix of keys, with
what the processes of these keys have received, after ending those that run. It stops at the end of its input.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from blake3 import blake3
from pydantic import TypeAdapter

from pie_client import Family
from pie_client.testing import LocalEngine
from tests.faults.plans import LEDGER, PROGRAM, Entry, Ledger
from tests.support.repository import ROOT

FAMILIES: tuple[Family, ...] = ("0.4", "0.5")
ADDRESSES = TypeAdapter(list[tuple[Family, bool, str]])
START_SECONDS = 60.0


class EngineProcess:
    """The process with the engines. As a context manager it ends on exit.

    Attributes:
        uris: Addresses of the engines, by family and whether they keep processes whose client is gone.
    """

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.engine_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            encoding="utf-8",
        )
        self.uris = {(family, keeps): uri for family, keeps, uri in ADDRESSES.validate_json(self._read())}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes the pipes, which stops it, and waits
            pass

    def finish(self, prefix: str) -> dict[str, Entry]:
        """End the processes whose keys have a prefix, and return what they and the uploads of that name received."""
        assert self._process.stdin is not None
        print(prefix, file=self._process.stdin, flush=True)
        return LEDGER.validate_json(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process with the engines has ended"
        return line


async def _serve() -> None:
    ledger = Ledger()
    async with contextlib.AsyncExitStack() as stack:
        engines = [
            (family, keeps, await stack.enter_async_context(LocalEngine(family=family, keep_detached=keeps)))
            for family in FAMILIES
            for keeps in (False, True)
        ]
        for _, _, engine in engines:
            engine.inferlet(PROGRAM)(ledger.perform)
        _print(json.dumps([(family, keeps, engine.uri) for family, keeps, engine in engines]))
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(commands), os.fdopen(0, "rb", closefd=False)
        )
        while prefix := (await commands.readline()).decode().strip():
            entries = await _finish(ledger, [engine for _, _, engine in engines], prefix)
            _print(LEDGER.dump_json(entries).decode())


async def _finish(ledger: Ledger, engines: Iterable[LocalEngine], prefix: str) -> dict[str, Entry]:
    uploads = dict[str, Entry]()
    for engine in engines:
        for process in list(engine.processes.values()):
            if f'"{prefix}' in process.input_text:
                process.terminate()
        for program, content in engine.uploads.items():
            if program.startswith(prefix):
                uploads[program] = Entry(files=(blake3(content).hexdigest(),))
    await asyncio.sleep(0)  # those that had not started yet never do
    return ledger.take(prefix) | uploads


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
