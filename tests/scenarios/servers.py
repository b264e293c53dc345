"""Servers of the 0.5 family in processes of their own: a real engine, and the embedded engine run by its command."""

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
"""Environment variables: the Python that pie-server is installed in, and the model's folder. `nox -s engine` sets them."""
REPLACED = "ENGINE_REPLACED"
"""Environment variable: a Python in whose environment this client takes the place of the one that pie-server installs."""
BOOT_TIMEOUT = 300.0
"""Seconds that a server may take to listen."""
STOP_TIMEOUT = 10.0
"""Seconds that a server may take to stop before it is killed."""
PANIC = b"panicked at"
"""What Rust writes to the log when a thread ends by a defect."""
BOOT = Path(__file__).with_name("boot.py")
ADDRESS = re.compile(r"ws://127\.0\.0\.1:\d+")


class ServerProcess(ABC):
    """A server that can be stopped and killed. As a context manager it is killed on exit."""

    def __init__(self, folder: Path) -> None:
        """Start the server and wait until it listens; ``folder`` holds its log and its other files."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._log = folder / "server.log"
        self._port = 0
        """The port, or 0 for any free one."""
        self.peak_memory = 0
        """Highest memory use in bytes, as of the last stop or kill."""
        self._start()

    def _start(self) -> None:
        command, settings = self._command(self._folder)
        with self._log.open("ab") as log:
            self._log_begin = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **settings},
            )
        try:
            self.uri = self._read_address()
        except BaseException:
            self.kill()
            raise

    @abstractmethod
    def _command(self, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        """Return the command line and the environment variables it needs."""

    @abstractmethod
    def _request_stop(self) -> None:
        """Ask the server to shut down in an orderly way."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def stop(self) -> None:
        """Stop the server. A real one may never stop while a script runs; then it is killed."""
        self._record_memory()
        self._request_stop()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the server and wait for its process."""
        self._record_memory()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def restart(self) -> None:
        """Kill the server and start it again on the same port."""
        self.kill()
        self._port = int(self.uri.rpartition(":")[2])
        self._start()

    def log(self) -> str:
        """Return what the server has written to standard error."""
        return self._log.read_text("utf-8", "replace")

    def has_panicked(self) -> bool:
        """Return whether a thread of the running server has panicked: a real one goes on without it, and stalls."""
        return PANIC in self._log.read_bytes()[self._log_begin :]

    def _read_address(self) -> str:
        output = _not_none(self._process.stdout)
        printed = b""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([output], [], [], left)[0]:
                continue
            chunk = os.read(output.fileno(), 4096)
            printed += chunk
            if found := ADDRESS.search(printed.decode("utf-8", "replace")):
                return found[0]
            if not chunk:
                break
        raise RuntimeError(f"{type(self).__name__} does not listen; output: {printed!r}\n{self.log()}")

    def _record_memory(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        if self._process.poll() is None and status.exists():
            found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text("ascii"))
            self.peak_memory = max(self.peak_memory, int(found[1]) << 10 if found else 0)


class RealEngine(ServerProcess):
    """A real pie-server. Engines with the same folder share its caches."""

    def _command(self, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        home = {"PIE_HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder)}
        return (os.environ[PYTHON], str(BOOT), os.environ[MODEL], str(self._port)), home

    def _request_stop(self) -> None:
        _not_none(self._process.stdin).close()


class EmbeddedEngine(ServerProcess):
    """The embedded engine, run by ``python -m pie_client.testing``."""

    def _command(self, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        options = ("--family", "0.5", "--port", str(self._port), "--allow-scripts")
        return (sys.executable, "-u", "-m", "pie_client.testing", *options), {"TMPDIR": str(folder)}

    def _request_stop(self) -> None:
        self._process.send_signal(signal.SIGINT)


def _not_none(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
