"""Servers of the 0.5 family in processes of their own: a real engine, and the embedded one as its command runs it."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

PYTHON, MODEL = "ENGINE_PYTHON", "ENGINE_MODEL"
"""Name the Python that has pie-server, and the folder of the model; `nox -s engine` sets both."""
BOOTING = 120.0
"""Seconds that a server may take to listen."""
STOPPING = 10.0
"""Seconds that it may take to end when it is asked to."""
BOOT = Path(__file__).with_name("boot.py")
ADDRESS = re.compile(r"ws://127\.0\.0\.1:\d+")


class ServerProcess(ABC):
    """A server that can be stopped and killed. As a context manager it is killed at the end, where it still runs."""

    def __init__(self, folder: Path) -> None:
        """Start the server; ``folder`` is where it may write."""
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "server.log"
        self.peak_memory = 0
        """Most memory that it had when it was last looked at, in bytes."""
        command, settings = self._command(folder)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **settings},
            )
        try:
            self.uri = self._address()
        except BaseException:
            self.kill()
            raise

    @abstractmethod
    def _command(self, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        """Give what is run, and the variables that it needs."""

    @abstractmethod
    def _ask_to_stop(self) -> None:
        """Ask the server to end in an orderly way."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def stop(self) -> None:
        """Ask the server to end. A real one may never do so while a script runs; then it is killed."""
        self._look()
        self._ask_to_stop()
        try:
            self._process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the server at once."""
        self._look()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def log(self) -> str:
        """Give what the server has written to standard error."""
        return self._log.read_text("utf-8", "replace")

    def _address(self) -> str:
        output = _not_none(self._process.stdout)
        said = b""
        end = time.monotonic() + BOOTING
        while (left := end - time.monotonic()) > 0:
            if not select.select([output], [], [], left)[0]:
                continue
            read = os.read(output.fileno(), 4096)
            said += read
            if found := ADDRESS.search(said.decode("utf-8", "replace")):
                return found[0]
            if not read:
                break
        raise RuntimeError(f"{type(self).__name__} does not listen. It said:\n{said!r}\n{self.log()}")

    def _look(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        if self._process.poll() is None and status.exists():
            found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text("ascii"))
            self.peak_memory = max(self.peak_memory, int(found[1]) << 10 if found else 0)


class RealEngine(ServerProcess):
    """A real pie-server, with a home folder of its own."""

    def _command(self, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        home = {"PIE_HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder)}
        return (os.environ[PYTHON], str(BOOT), os.environ[MODEL]), home

    def _ask_to_stop(self) -> None:
        _not_none(self._process.stdin).close()


class EmbeddedEngine(ServerProcess):
    """The embedded engine, as ``python -m pie_client.testing`` runs it."""

    def _command(self, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        options = ("--family", "0.5", "--port", "0", "--allow-scripts")
        return (sys.executable, "-u", "-m", "pie_client.testing", *options), {"TMPDIR": str(folder)}

    def _ask_to_stop(self) -> None:
        self._process.send_signal(signal.SIGINT)


def _not_none(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
