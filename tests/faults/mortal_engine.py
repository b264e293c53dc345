"""An engine in a process that can be killed, stopped and started again at the same address.

Processes are forked from a server that has imported everything, so that a start takes milliseconds.
"""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter

from pie_client import Family
from pie_client.testing import LocalEngine
from tests.faults.client_work import MCP_SCRIPT
from tests.faults.link import Fault, Kind
from tests.faults.plans import PROGRAM, Entry, Ledger, Receipt, note

RECEIPT = TypeAdapter(Receipt)
START_SECONDS = 60.0


class FileLedger(Ledger):
    """A ledger in a file, which survives the process: a line for each receipt, written at once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, receipt: Receipt) -> None:
        os.write(self._file, RECEIPT.dump_json(receipt) + b"\n")


class MortalEngine:
    """An engine that faults of processes can happen to. As a context manager it runs, and leaves nothing behind.

    Args:
        family: Family of the server.
        keeps: Whether it keeps processes whose client is gone, until it is killed.
        ledger: File of what its processes receive.
        mark: The last argument of the MCP servers that may be killed.

    Attributes:
        kills: How often it was killed before its end.
    """

    def __init__(self, family: Family, *, keeps: bool, ledger: Path, mark: str) -> None:
        self._settings = (family, keeps)
        self._path = ledger
        self._mark = mark
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self.kills = 0

    def __enter__(self) -> Self:
        # A bound socket keeps the port while no engine runs: no other program gets it, nor a client that connects.
        self._port = socket.socket()
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port.bind(("127.0.0.1", 0))
        self._start()
        assert self._pipe is not None
        assert self._pipe.poll(START_SECONDS), "the engine does not start"
        self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self._port.close()
        self._path.unlink(missing_ok=True)

    @property
    def uri(self) -> str:
        """Address of the engine."""
        return f"ws://127.0.0.1:{self._port.getsockname()[1]}"

    async def act(self, fault: Fault) -> None:
        """Let a fault of processes happen."""
        match fault.kind:
            case Kind.KILL:
                self.kills += 1
                self._kill()
                self._start()
            case Kind.KILL_MCP:
                for pid in _marked(self._mark):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            case _:
                self.send(signal.SIGSTOP)
                try:
                    await asyncio.sleep(fault.amount / 1000)
                finally:
                    self.send(signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the engine's process."""
        if self._process is not None and self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                os.kill(self._process.pid, number)

    def finish(self) -> dict[str, Entry]:
        """End the engine, and return what its processes have received since its first start."""
        assert self._process is not None
        assert self._process.exitcode is None, "the engine has ended by itself"
        self._kill()
        entries = dict[str, Entry]()
        for line in self._path.read_bytes().splitlines() if self._path.exists() else ():
            note(entries, RECEIPT.validate_json(line))
        return entries

    def _start(self) -> None:
        port: int = self._port.getsockname()[1]
        self._pipe, other = multiprocessing.Pipe()
        self._process = _forks().Process(
            target=_serve, args=(*self._settings, port, self._path, other), daemon=True
        )
        self._process.start()
        other.close()

    def _kill(self) -> None:
        process, self._process = self._process, None
        pipe, self._pipe = self._pipe, None
        if process is not None:
            process.kill()
            process.join()
            process.close()
        if pipe is not None:
            pipe.close()


def start_forks() -> None:
    """Start the server that forks processes, which stays until the program ends."""
    _forks()
    forkserver.ensure_running()


def _forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # The main module too, which each process would import otherwise.
    context.set_forkserver_preload(["__main__", __name__, "tests.faults.running"])
    return context


def _marked(mark: str) -> list[int]:
    """Return the ids of the MCP servers whose last argument is a mark."""
    end = f"{MCP_SCRIPT}\0{mark}\0".encode()
    found = list[int]()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().endswith(end):
                found.append(int(path.parent.name))
    return found


def _serve(family: Family, keeps: bool, port: int, path: Path, pipe: Connection) -> None:
    asyncio.run(_run(LocalEngine(family=family, keep_detached=keeps, port=port), FileLedger(path), pipe))


async def _run(engine: LocalEngine, ledger: Ledger, pipe: Connection) -> None:
    engine.inferlet(PROGRAM)(ledger.perform)
    async with engine:
        pipe.send(None)
        parent_gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), parent_gone.set)
        await parent_gone.wait()
