"""Runs one uploaded Python script; started as a process of its own, with the standard library and nothing else.

The engine talks to it over a socket, in frames: a kind of one byte, a length of eight bytes, and the content. Standard
output and error are frames too, so that everything keeps its order.

A script runs as in a Pie 0.5 engine. It can import the standard library and ``inferlet``. It has no environment variables
and no arguments, its event loop has no timers and threads, and each write to standard output is one event.
"""

import asyncio
import contextlib
import io
import json
import linecache
import os
import select
import selectors
import signal
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

# Kinds of frames to the runner.
START: Final = b"S"
"""What to run, as JSON; see ``Script`` in ``scripts.py``."""
SOURCE: Final = b"P"
SIGNAL: Final = b"M"
"""A signal of the client; from the runner, a message to it."""
FILE: Final = b"F"
"""A file, in either direction."""
NO_FILE: Final = b"N"
"""No file can be received."""

# Kinds of frames from the runner.
STDOUT: Final = b"O"
STDERR: Final = b"E"
WANTS_FILE: Final = b"W"
IDLE: Final = b"I"
"""The script waits for a frame; the content is the number of frames received so far, as ``COUNT``."""
RESULT: Final = b"R"
FAILURE: Final = b"X"

READ_BYTES: Final = 1 << 20
WRITE_BYTES: Final = 1 << 20
"""Bytes of one write to standard output that a Pie 0.5 engine sends; the rest is dropped."""
NEEDS_MODEL: Final = ("chat", "eta", "grammar", "mask", "media", "model", "reasoning", "tokenizer", "tools")
"""Modules of the ``inferlet`` package that need a model."""
PARENT_DEATH_SIGNAL: Final = 1
"""Option of Linux's ``prctl``; see ``<linux/prctl.h>``."""


def end_with_engine(engine: int, channel: int) -> None:
    """Have this process killed when the engine ends, even if the engine itself is killed."""
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes  # noqa: PLC0415 - only Linux needs it

            # The kernel sends the signal when the thread that started this process ends. That is the thread of the
            # engine's event loop, so it lasts as long as the engine.
            ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != engine:  # it ended before prctl
                os._exit(1)
            return
    threading.Thread(target=_kill_after_hangup, args=(channel,), daemon=True).start()


def _kill_after_hangup(channel: int) -> None:
    """Kill this process and what it has started when the engine's side of the socket is closed."""
    hangup = select.poll()
    hangup.register(channel, 0)
    hangup.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


class Channel:
    """The socket to the engine."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._socket.set_inheritable(False)
        self.count = 0
        """Frames received so far."""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Send a frame; blocks while the engine does not read."""
        self._socket.sendall(HEADER.pack(kind, len(content)) + content)

    def receive(self) -> tuple[bytes, bytes]:
        """Wait for a frame."""
        kind, length = HEADER.unpack(self._read(HEADER.size))
        self.count += 1
        return kind, self._read(length)

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            received = self._socket.recv(min(length - len(data), READ_BYTES))
            if not received:  # the engine is gone
                os._exit(1)
            data += received
        return bytes(data)


class Stream(io.RawIOBase):
    """Standard output or error: each write is one frame."""

    def __init__(self, channel: Channel, kind: bytes, number: int) -> None:
        self._channel = channel
        self._kind = kind
        self.name = number

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
    """Calls a function before the event loop waits for the socket."""

    on_idle: Callable[[], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.on_idle()
        return super().select(timeout)


def make_loop(selector: Selector) -> asyncio.AbstractEventLoop:
    """Return an event loop without timers and threads."""
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
    """The functions of ``inferlet`` and ``inferlet.session``.

    A wait whose task is cancelled stays open, as in a Pie 0.5 engine: the process ends as soon as something is received
    for it, or when the script ends.
    """

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop, job: dict[str, Any]) -> None:
        self._channel = channel
        self._loop = loop
        self._signals: deque[str] = deque()
        self._signal_waiters: deque[asyncio.Future[str]] = deque()
        self._file_waiter: asyncio.Future[bytes] | None = None
        self._no_file: str = job["no_file"]
        self._trapped: str = job["trapped"]
        self.returned: Any = None

    @property
    def waits(self) -> bool:
        """Whether the script waits for a signal or a file."""
        return bool(self._signal_waiters) or self._file_waiter is not None

    def set_return(self, value: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Set the result that is used if the entry function returns None."""
        self.returned = value

    def get_return_value(self) -> Any:  # noqa: ANN401 - scripts are not type-checked
        """Return the value of the last ``set_return``."""
        return self.returned

    def send(self, message: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Send a message to the client: a string unchanged, anything else as JSON."""
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
        """Wait for a file of the client; one that is received while no call waits is dropped.

        Raises RuntimeError if no client is attached, or if a later call replaces this one.
        """
        if self._file_waiter is None:
            self._channel.send(WANTS_FILE)
        else:
            self._refuse_file()
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._file_waiter = waiter
        return await waiter

    def on_readable(self) -> None:
        """Read a frame and pass it to the call that waits for it."""
        kind, content = self._channel.receive()
        if kind == SIGNAL and self._signal_waiters:
            self._open(self._signal_waiters.popleft()).set_result(content.decode())
        elif kind == SIGNAL:
            self._signals.append(content.decode())
        elif kind == NO_FILE:
            self._refuse_file()
        elif kind == FILE and self._file_waiter is not None:
            self._take_file_waiter().set_result(content)

    def _refuse_file(self) -> None:
        if self._file_waiter is not None:
            self._take_file_waiter().set_exception(RuntimeError(self._no_file))

    def _take_file_waiter(self) -> Any:  # noqa: ANN401 - see _open
        waiter, self._file_waiter = self._file_waiter, None
        return self._open(waiter)

    def _open(self, waiter: Any) -> Any:  # noqa: ANN401 - a future of text or bytes
        if waiter.done():
            self.trap("something came for a receive or receive_file that the script had cancelled")
        return waiter

    def trap(self, detail: str) -> NoReturn:
        """End the process with an error, where the runtime of a Pie 0.5 engine fails."""
        self._channel.send(FAILURE, f"{self._trapped}{detail}".encode())
        os._exit(0)


def add_package(session: Session) -> None:
    """Make the package ``inferlet`` importable, without its modules that need a model."""
    package = types.ModuleType("inferlet", "The part of the inferlet SDK that needs no model.")
    module = types.ModuleType("inferlet.session", "Messages, signals and files.")

    def missing(name: str) -> NoReturn:
        if name in NEEDS_MODEL:
            raise ImportError(f"inferlet.{name} needs a model, and LocalEngine runs none; use a Pie engine")
        raise AttributeError(f"module 'inferlet' has no attribute {name!r}")

    for function in (session.send, session.send_file, session.receive, session.receive_file):
        setattr(module, function.__name__, function)
    vars(package).update(
        session=module,
        set_return=session.set_return,
        get_return_value=session.get_return_value,
        __path__=[],
        __all__=["session"],
        __getattr__=missing,
    )
    sys.modules.update({"inferlet": package, "inferlet.session": module})


def encode(value: Any) -> str:  # noqa: ANN401 - any value of a script
    """Return a string unchanged and anything else as JSON; objects that JSON lacks are written as their ``str``."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def parse(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the launch input as a Pie 0.5 engine passes it to a script."""
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return {"input": text}


def describe(error: BaseException) -> str:
    """Return an error with its traceback, without the path of this file."""
    try:
        text = str.__str__(str(error))
    except BaseException as failure:  # noqa: BLE001 - code of the script
        text = f"({type(error).__name__}.__str__ failed with {type(failure).__name__})"
    trace = "".join(traceback.format_exception(error)).replace(__file__, "runner.py")
    return f"{type(error).__name__}: {text}\n{trace}"


def limit(limits: dict[str, int]) -> None:
    """Set resource limits by their names, as far as this system has them."""
    import resource  # noqa: PLC0415 - this module is also imported on systems that lack it

    for name, value in limits.items():
        number = getattr(resource, name, None)
        if number is None:
            continue
        _, most = resource.getrlimit(number)
        soft = value if most == resource.RLIM_INFINITY else min(value, most)
        # A hard limit above the soft one lets SIGXCPU report the limit, before SIGKILL.
        hard = soft + 1 if name == "RLIMIT_CPU" and soft != most else soft
        with contextlib.suppress(OSError, ValueError):  # some systems have a limit but can't set it
            resource.setrlimit(number, (soft, hard))


def isolate(channel: Channel, session: Session, filename: str, source: str) -> types.ModuleType:
    """Set up the interpreter for a script, and return the script's empty module."""
    os.environ.clear()
    sys.argv[:] = []
    for name, kind, number, errors in (
        ("stdout", STDOUT, 1, "surrogateescape"),
        ("stderr", STDERR, 2, "backslashreplace"),
    ):
        stream = Stream(channel, kind, number)
        setattr(sys, name, io.TextIOWrapper(stream, "utf-8", errors, "\n", write_through=True))
    module = types.ModuleType("__inferlet__")
    module.__file__ = filename
    sys.modules[module.__name__] = module
    add_package(session)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return module


class Refused(Exception):  # noqa: N818 - its text is the error of the process
    """Ends the process with exactly this text."""


async def call(job: dict[str, Any], source: str, module: types.ModuleType, session: Session) -> str:
    """Load the script, call its entry function and return the encoded result."""
    exec(compile(source, job["filename"], "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - that is the purpose
    entry: Callable[..., Any] | None = getattr(module, job["entry"], None)
    if entry is None:
        raise Refused(job["without_entry"])
    value = parse(job["input"])
    if job["keywords"] and not isinstance(value, dict):
        raise Refused(job["needs_object"])
    returned = entry(**value) if job["keywords"] else entry(value)
    if hasattr(returned, "__await__"):
        returned = await returned
    if returned is None:
        returned = session.returned or ""
        if not isinstance(returned, str):
            raise TypeError(f"set_return takes a str, not {type(returned).__name__}")
    return encode(returned)


async def run(
    job: dict[str, Any], source: str, module: types.ModuleType, session: Session
) -> tuple[bytes, bytes]:
    """Run the script and return the last frame to send."""
    try:
        return RESULT, (await call(job, source, module, session)).encode()
    except Refused as refused:
        text = str(refused)
    except BaseException as error:  # noqa: BLE001 - reported to the client
        text = describe(error)
    return FAILURE, text.encode("utf-8", "replace")


def main() -> None:
    """Run the script that is received over the socket. Arguments: number of the socket, id of the engine's process."""
    number, engine = map(int, sys.argv[1:])
    end_with_engine(engine, number)
    channel = Channel(number)
    job: dict[str, Any] = json.loads(channel.receive()[1])
    source = channel.receive()[1].decode()
    limit(job["limits"])
    selector = Selector()
    loop = make_loop(selector)
    session = Session(channel, loop, job)
    module = isolate(channel, session, job["filename"], source)
    loop.add_reader(channel, session.on_readable)
    running = loop.create_task(run(job, source, module, session))

    def on_idle() -> None:
        """End the process if all its tasks have ended, or none of them can go on."""
        if running.done() and not session.waits:
            channel.send(*running.result())
            os._exit(0)
        if running.done():
            session.trap("the script ended while a receive or receive_file of it was waiting")
        if not session.waits:
            session.trap("the script waits for what can't happen")
        channel.send(IDLE, COUNT.pack(channel.count))

    selector.on_idle = on_idle
    try:
        loop.run_forever()
    except BaseException as error:  # noqa: BLE001 - reported to the client
        session.trap(describe(error))


if __name__ == "__main__":
    main()
