"""Runs one Python script program: started as a process of its own, with the standard library and nothing else.

The engine talks to it over a socket whose number is its argument. A frame is a kind of one byte, a length of eight bytes,
and the content. Standard output and error are frames too, so that everything keeps its order. ``keeper.py`` starts
it, and ends it when the engine is gone.

It treats scripts as a Pie 0.5 engine does: no modules besides the standard library and ``inferlet``, no environment, no
arguments, an event loop without timers and threads, and one event for each write to standard output.
"""

import asyncio
import contextlib
import io
import json
import linecache
import os
import select
import selectors
import socket
import struct
import sys
import threading
import traceback
import types
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NoReturn

HEADER: Final = struct.Struct(">cQ")
COUNT: Final = struct.Struct(">Q")

# To the runner.
START: Final = b"S"
"""What to run, as JSON: see ``Job`` of the engine's side."""
SOURCE: Final = b"P"
SIGNAL: Final = b"M"
"""A signal of the client; also from the runner: a message to it."""
FILE: Final = b"F"
"""A file, in either direction."""
NO_FILE: Final = b"N"
"""None can come to who waits for one."""

# From the runner.
STDOUT: Final = b"O"
STDERR: Final = b"E"
WANTS_FILE: Final = b"W"
WRITE_BYTES: Final = 1 << 20
"""What a write to standard output takes at most in a Pie 0.5 engine; the rest is lost."""
IDLE: Final = b"I"
"""Nothing happens in the script before something comes; with the number of frames that have come, as ``COUNT``."""
RESULT: Final = b"R"
FAILURE: Final = b"X"

NEEDS_MODEL: Final = ("chat", "eta", "grammar", "mask", "media", "model", "reasoning", "tokenizer", "tools")
"""Parts of the package that scripts import which need a model."""


ABSENT: Final = frozenset(
    [
        "aifc",
        "asynchat",
        "asyncore",
        "audioop",
        "bz2",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "ctypes",
        "curses",
        "distutils",
        "ensurepip",
        "fcntl",
        "grp",
        "idlelib",
        "imghdr",
        "imp",
        "lib2to3",
        "lzma",
        "mailcap",
        "mmap",
        "msilib",
        "msvcrt",
        "nis",
        "nntplib",
        "ossaudiodev",
        "pipes",
        "pty",
        "pwd",
        "readline",
        "resource",
        "smtpd",
        "sndhdr",
        "spwd",
        "ssl",
        "sunau",
        "syslog",
        "telnetlib",
        "termios",
        "tkinter",
        "tty",
        "turtle",
        "uu",
        "venv",
        "winreg",
        "winsound",
        "xdrlib",
    ]
)
"""Modules of the standard library that the Python of a Pie 0.5.2 engine was seen to lack."""


class Absence:
    """Keeps scripts from importing what they could not import there."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Raise ModuleNotFoundError for such a module; leave all others to who comes next."""
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    @classmethod
    def begin(cls) -> None:
        """Let those modules be absent from now on, also where something has imported them."""
        for name in [name for name in sys.modules if name.partition(".")[0] in ABSENT]:
            del sys.modules[name]
        sys.meta_path.insert(0, cls)


class Channel:
    """The socket to the engine."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._socket.set_inheritable(False)
        self._received = bytearray()
        self.count = 0
        """Frames that have come."""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Send a frame; waits while the engine does not read."""
        self._socket.sendall(HEADER.pack(kind, len(content)))
        if content:
            self._socket.sendall(content)

    def receive(self) -> tuple[bytes, bytes]:
        """Wait for a frame."""
        while (frame := self.take()) is None:
            self.fill()
        return frame

    def fill(self) -> None:
        """Read what has come, at least something. Without an engine it waits to be ended with it."""
        while not (data := self._socket.recv(1 << 20)):
            select.poll().poll()
        self._received += data

    def take(self) -> tuple[bytes, bytes] | None:
        """Give a frame that has come in full."""
        if len(self._received) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._received)
        end = HEADER.size + length
        if len(self._received) < end:
            return None
        content = bytes(memoryview(self._received)[HEADER.size : end])
        del self._received[:end]
        self.count += 1
        return kind, content


class Stream(io.RawIOBase):
    """Standard output or error: each write is one event."""

    def __init__(self, channel: Channel, kind: bytes, number: int) -> None:
        self.name = number
        self._channel = channel
        self._kind = kind

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.name

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - anything that holds bytes
        content = bytes(data[:WRITE_BYTES])
        if content:
            self._channel.send(self._kind, content)
        return len(content)


class Selector(selectors.DefaultSelector):
    """Tells when nothing happens in the script before something comes."""

    on_idle: Callable[[], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.on_idle()
        return super().select(timeout)


def make_loop(selector: Selector) -> asyncio.AbstractEventLoop:
    """Make an event loop that lacks what the loop of scripts in a Pie 0.5 engine lacks."""
    loop = asyncio.SelectorEventLoop(selector)
    for name in ("call_at", "call_later", "run_in_executor"):
        setattr(loop, name, _refuse)
    for name in ("_start_new_thread", "_start_joinable_thread"):  # the second one since Python 3.13
        if hasattr(threading, name):
            setattr(threading, name, _refuse_thread)
    return loop


def _refuse_thread(*_args: object, **_options: object) -> NoReturn:
    raise RuntimeError("can't start new thread")


def _refuse(*_args: object, **_options: object) -> NoReturn:
    raise NotImplementedError("the event loop of scripts has no timers and no threads in Pie 0.5 engines")


class Session:
    """What is behind ``inferlet.session``.

    A wait stays open where its task is cancelled, as it does in a Pie 0.5 engine, which then ends the process as soon
    as something comes for it, or the script ends.
    """

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop, job: dict[str, Any]) -> None:
        self._channel = channel
        self._loop = loop
        self._signals: deque[str] = deque()
        self._signal_waiters: deque[asyncio.Future[str]] = deque()
        self._file_waiter: asyncio.Future[bytes] | None = None
        self._no_file: str = job["no_file"]
        self._trapped: str = job["trapped"]

    @property
    def waits(self) -> bool:
        """Something may come for the script."""
        return bool(self._signal_waiters) or self._file_waiter is not None

    def send(self, message: Any) -> None:  # noqa: ANN401 - so the real one is declared
        """Send a message to the client: text as it is, anything else as JSON."""
        self._channel.send(SIGNAL, encode(message).encode())

    def send_file(self, data: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Send a file to the client; an empty one is not sent."""
        if not isinstance(data, bytes):
            raise TypeError(f"send_file takes bytes, not {type(data).__name__}")
        self._channel.send(FILE, data)

    async def receive(self) -> str:
        """Wait for the next signal of the client."""
        if self._signals:
            return self._signals.popleft()
        waiter: asyncio.Future[str] = self._loop.create_future()
        self._signal_waiters.append(waiter)
        return await waiter

    async def receive_file(self) -> bytes:
        """Wait for a file of the client; one that comes while nobody waits is dropped.

        Raises RuntimeError where no client is attached, and where another wait replaces this one.
        """
        if self._file_waiter is None:
            self._channel.send(WANTS_FILE)
        else:
            self._refuse_file()
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._file_waiter = waiter
        return await waiter

    def on_readable(self) -> None:
        """Read what the engine has sent, and hand it on."""
        self._channel.fill()
        self.hand_on()

    def hand_on(self) -> None:
        """Hand on what was read."""
        while (frame := self._channel.take()) is not None:
            kind, content = frame
            if kind == SIGNAL:
                self._put_signal(content.decode())
            elif kind == NO_FILE:
                self._refuse_file()
            elif kind == FILE and (waiter := self._taken_file_waiter()) is not None:
                waiter.set_result(content)

    def _put_signal(self, text: str) -> None:
        if self._signal_waiters:
            waiter = self._signal_waiters.popleft()
            self._check(waiter)
            waiter.set_result(text)
        else:
            self._signals.append(text)

    def _refuse_file(self) -> None:
        if (waiter := self._taken_file_waiter()) is not None:
            waiter.set_exception(RuntimeError(self._no_file))

    def _taken_file_waiter(self) -> asyncio.Future[bytes] | None:
        waiter, self._file_waiter = self._file_waiter, None
        if waiter is not None:
            self._check(waiter)
        return waiter

    def _check(self, waiter: asyncio.Future[Any]) -> None:
        if waiter.done():
            self.trap("something came for a receive or receive_file that the script had cancelled")

    def trap(self, detail: str) -> NoReturn:
        """End the process at once, where a Pie 0.5 engine does so because the script's runtime breaks down."""
        self._channel.send(FAILURE, f"{self._trapped}{detail}".encode())
        os._exit(0)


class Inferlet(types.ModuleType):
    """The package that scripts import."""

    def __init__(self, session: Session) -> None:
        super().__init__("inferlet", "The part of the inferlet SDK that needs no model.")
        self.session = types.ModuleType("inferlet.session", "Talks with the client.")
        for function in (session.send, session.send_file, session.receive, session.receive_file):
            setattr(self.session, function.__name__, function)
        self._returned: Any = None
        self.__path__ = []
        self.__all__ = ["session"]

    def set_return(self, value: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Set what is returned where the entry function returns None."""
        self._returned = value

    def get_return_value(self) -> Any:  # noqa: ANN401 - scripts are not type-checked
        """Give what was set."""
        return self._returned

    def __getattr__(self, name: str) -> NoReturn:
        if name in NEEDS_MODEL:
            raise ImportError(f"inferlet.{name} needs a model, and LocalEngine runs none; use a Pie engine")
        raise AttributeError(f"module 'inferlet' has no attribute {name!r}")


def encode(value: Any) -> str:  # noqa: ANN401 - whatever a script gives
    """Give a text as it is, anything else as JSON, with the text of what JSON can't express."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def parse(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Give the launch input, as a Pie 0.5 engine hands it to a script."""
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return {"input": text}


def describe(error: BaseException) -> str:
    """Give an error as it is reported: what, and where in the script. Of this file only its name is told."""
    trace = traceback.TracebackException.from_exception(error)
    trace.stack = traceback.StackSummary.from_list(
        traceback.FrameSummary(os.path.basename(__file__), frame.lineno, frame.name, line="")  # noqa: PTH119 - pathlib loads slowly
        if frame.filename == __file__
        else frame
        for frame in trace.stack
    )
    try:
        text = str.__str__(str(error))
    except BaseException as failure:  # noqa: BLE001 - it is the script's own code
        text = f"({type(error).__name__}.__str__ failed with {type(failure).__name__})"
    return f"{type(error).__name__}: {text}\n{''.join(trace.format())}"


def limit(limits: dict[str, int]) -> None:
    """Set resource limits by their names, as far as this system knows them."""
    import resource  # noqa: PLC0415 - this module is also imported on systems that lack it

    for name, value in limits.items():
        number = getattr(resource, name, None)
        if number is not None:
            _, most = resource.getrlimit(number)
            wanted = value if most == resource.RLIM_INFINITY else min(value, most)
            spare = (
                1 if name == "RLIMIT_CPU" and wanted != most else 0
            )  # so that the signal tells what happened
            with contextlib.suppress(OSError, ValueError):  # some systems know a limit but can't set it
                resource.setrlimit(number, (wanted, wanted + spare))


def isolate(channel: Channel, inferlet: Inferlet, filename: str, source: str) -> types.ModuleType:
    """Make the surroundings that a script finds, and the module that it becomes."""
    os.environ.clear()
    sys.argv[:] = []
    sys.stdout = io.TextIOWrapper(
        Stream(channel, STDOUT, 1), "utf-8", "surrogateescape", "\n", write_through=True
    )
    sys.stderr = io.TextIOWrapper(
        Stream(channel, STDERR, 2), "utf-8", "backslashreplace", "\n", write_through=True
    )
    module = types.ModuleType("__inferlet__")
    module.__file__ = filename
    Absence.begin()
    sys.modules["inferlet"] = inferlet
    sys.modules["inferlet.session"] = inferlet.session
    sys.modules[module.__name__] = module
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return module


class Refused(Exception):  # noqa: N818 - it is a text for the client
    """Ends the process with exactly this text."""


async def call(job: dict[str, Any], source: str, module: types.ModuleType, inferlet: Inferlet) -> str:
    """Load the script and call its entry function; give the text that it returns."""
    exec(compile(source, job["filename"], "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - that is the purpose
    entry: Callable[..., Any] | None = getattr(module, job["entry"], None)
    if entry is None:
        raise Refused(job["without_entry"])
    value = parse(job["input"])
    if job["keywords"]:
        if not isinstance(value, dict):
            raise Refused(job["needs_object"])
        returned = entry(**value)
    else:
        returned = entry(value)
    if hasattr(returned, "__await__"):
        returned = await returned
    if returned is None:
        returned = inferlet.get_return_value() or ""
        if not isinstance(returned, str):
            raise TypeError(f"set_return takes a str, not {type(returned).__name__}")
    return encode(returned)


async def run(
    job: dict[str, Any], source: str, module: types.ModuleType, inferlet: Inferlet
) -> tuple[bytes, bytes]:
    """Run the script; give the last frame."""
    try:
        return RESULT, (await call(job, source, module, inferlet)).encode()
    except Refused as refused:
        text = str(refused)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the client is told
        text = describe(error)
    return FAILURE, text.encode("utf-8", "replace")


def main() -> None:
    """Run the script that comes over the socket, and tell what came of it."""
    channel = Channel(int(sys.argv[1]))
    job: dict[str, Any] = json.loads(channel.receive()[1])
    source = channel.receive()[1].decode()
    limit(job["limits"])
    selector = Selector()
    loop = make_loop(selector)
    session = Session(channel, loop, job)
    inferlet = Inferlet(session)
    module = isolate(channel, inferlet, job["filename"], source)
    loop.add_reader(channel, session.on_readable)
    loop.call_soon(session.hand_on)  # what came together with the source
    running = loop.create_task(run(job, source, module, inferlet))

    def idle() -> None:
        """End the process once all its tasks have ended, or it is certain that they can't."""
        if running.done() and not session.waits:
            channel.send(*running.result())
            os._exit(0)
        if running.done():
            session.trap("the script ended while a receive or receive_file of it was waiting")
        if not session.waits:
            session.trap("the script waits for what can't happen")
        channel.send(IDLE, COUNT.pack(channel.count))

    selector.on_idle = idle
    try:
        loop.run_forever()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the client is told
        session.trap(describe(error))


if __name__ == "__main__":
    main()
