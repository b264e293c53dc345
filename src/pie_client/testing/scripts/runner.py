"""Run one uploaded Python script; started as a process of its own, with the standard library and nothing else.

What to run comes on standard input, as JSON. Then the engine and the script exchange lines of JSON over a socket, each with
a kind and a value. Standard output and error are such lines, too, so that everything keeps its order.

A script runs as in a Pie 0.5 engine. It can import the standard library and ``inferlet``. It has no environment variables
and no arguments, its event loop has no timers and threads, and each write to standard output is one event.
"""

import asyncio
import base64
import contextlib
import io
import json
import linecache
import os
import select
import selectors
import signal
import socket
import sys
import threading
import traceback
import types
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NoReturn

# Kinds of lines. A file is encoded as base64.
MESSAGE: Final = "message"
"""A signal to the script, or a message of it."""
FILE: Final = "file"
"""A file, in either direction. None to the script: no file can be received."""
WANTS_FILE: Final = "wants file"
STDOUT: Final = "stdout"
STDERR: Final = "stderr"
RESULT: Final = "result"
FAILURE: Final = "failure"

READ_BYTES: Final = 1 << 20
WRITE_BYTES: Final = 1 << 20
"""Bytes of one write to standard output that a Pie 0.5 engine sends; the rest is dropped."""
NEEDS_MODEL: Final = ("chat", "eta", "grammar", "mask", "media", "model", "reasoning", "tokenizer", "tools")
"""Modules of the ``inferlet`` package that need a model."""


def kill_after_hangup(channel: int) -> None:
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
        self._received = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: str, value: str = "") -> None:
        """Send a line; blocks while the engine does not read."""
        self._socket.sendall(json.dumps([kind, value]).encode() + b"\n")

    def receive(self) -> list[tuple[str, str | None]]:
        """Read what has arrived and return the complete lines."""
        data = self._socket.recv(READ_BYTES)
        if not data:  # the engine is gone
            os._exit(1)
        self._received += data
        if b"\n" not in data:
            return []
        *lines, self._received = self._received.split(b"\n")
        return [json.loads(line) for line in lines]


class Stream(io.RawIOBase):
    """Standard output or error: each write is one line to the engine."""

    def __init__(self, channel: Channel, kind: str) -> None:
        self.name = kind
        self._channel = channel

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - anything that holds bytes
        content = bytes(data[:WRITE_BYTES])
        if content:
            self._channel.send(self.name, content.decode(errors="replace"))
        return len(content)


class Selector(selectors.DefaultSelector):
    """A selector that calls a function before the event loop waits for the socket."""

    on_idle: Callable[[], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.on_idle()
        return super().select(timeout)


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
        self._channel.send(MESSAGE, encode(message))

    def send_file(self, data: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Send a file to the client; an empty one is not sent."""
        if not isinstance(data, bytes):
            raise TypeError(f"send_file takes bytes, not {type(data).__name__}")
        self._channel.send(FILE, base64.b64encode(data).decode())

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
        """Pass what has arrived to the calls that wait for it."""
        for kind, value in self._channel.receive():
            if kind == MESSAGE and self._signal_waiters:
                self._open(self._signal_waiters.popleft()).set_result(value)
            elif kind == MESSAGE:
                self._signals.append(value or "")
            elif value is None:
                self._refuse_file()
            elif self._file_waiter is not None:
                self._take_file_waiter().set_result(base64.b64decode(value))

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
        self.end(FAILURE, f"{self._trapped}{detail}")

    def end(self, kind: str, value: str) -> NoReturn:
        """End the process with its result or error."""
        self._channel.send(kind, value)
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
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text.encode()  # raises UnicodeEncodeError in the script for what UTF-8 can't encode
    return text


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
    for name, kind, errors in (
        ("stdout", STDOUT, "surrogateescape"),
        ("stderr", STDERR, "backslashreplace"),
    ):
        stream = io.TextIOWrapper(Stream(channel, kind), "utf-8", errors, "\n", write_through=True)
        setattr(sys, name, stream)
    module = types.ModuleType("__inferlet__")
    module.__file__ = filename
    sys.modules[module.__name__] = module
    add_package(session)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return module


async def run(job: dict[str, Any], module: types.ModuleType, session: Session) -> tuple[str, str]:
    """Load the script, call its entry function and return the last line to send."""
    try:
        code = compile(job["source"], job["filename"], "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - that is the purpose
        entry: Callable[..., Any] | None = getattr(module, job["entry"], None)
        if entry is None:
            return FAILURE, job["without_entry"]
        value = parse(job["input"])
        if job["keywords"] and not isinstance(value, dict):
            return FAILURE, job["needs_object"]
        returned = entry(**value) if job["keywords"] else entry(value)
        if hasattr(returned, "__await__"):
            returned = await returned
        if returned is None:
            returned = session.returned or ""
            if not isinstance(returned, str):
                raise TypeError(f"set_return takes a str, not {type(returned).__name__}")  # noqa: TRY301 - described below
        return RESULT, encode(returned)
    except BaseException as error:  # noqa: BLE001 - reported to the client
        return FAILURE, describe(error)


def refuse(*_args: object, **_options: object) -> NoReturn:
    """Stand in for the parts of an event loop that scripts do not have."""
    raise NotImplementedError("the event loop of scripts has no timers and no threads in Pie 0.5 engines")


def main() -> None:
    """Run the script that standard input describes. Argument: number of the socket."""
    job: dict[str, Any] = json.load(sys.stdin)
    channel = Channel(int(sys.argv[1]))
    threading.Thread(target=kill_after_hangup, args=(channel.fileno(),), daemon=True).start()
    limit(job["limits"])
    selector = Selector()
    loop = asyncio.SelectorEventLoop(selector)
    for name in ("call_at", "call_later", "run_in_executor"):
        setattr(loop, name, refuse)
    session = Session(channel, loop, job)
    module = isolate(channel, session, job["filename"], job["source"])
    loop.add_reader(channel, session.on_readable)
    running = loop.create_task(run(job, module, session))

    def on_idle() -> None:
        """End the process if all its tasks have ended, or none of them can go on."""
        if running.done() and not session.waits:
            session.end(*running.result())
        if running.done():
            session.trap("the script ended while a receive or receive_file of it was waiting")
        if not session.waits:
            session.trap("the script waits for what can't happen")

    selector.on_idle = on_idle
    try:
        loop.run_forever()
    except BaseException as error:  # noqa: BLE001 - reported to the client
        session.trap(describe(error))


if __name__ == "__main__":
    main()
