"""Run one uploaded Python script; started as a process of its own, with the standard library and nothing else.

The engine sends what to run, as a line of JSON over a socket. Then the engine and the script exchange such lines, each
with a kind and a value. Standard output and error are such lines, too, so that everything keeps its order.

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
import selectors
import signal
import socket
import sys
import threading
import types
from collections import deque
from collections.abc import Callable
from traceback import TracebackException
from typing import Any, BinaryIO, Final, NoReturn, TypeAlias

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

WRITE_BYTES: Final = 1 << 20
"""Bytes of one write to standard output that a Pie 0.5 engine sends; the rest is dropped."""
NEEDS_MODEL: Final = ("chat", "eta", "grammar", "mask", "media", "model", "reasoning", "tokenizer", "tools")
"""Modules of the ``inferlet`` package that need a model."""


Send: TypeAlias = Callable[[str, str], None]
"""Sends a line to the engine; blocks while the engine does not read."""


class Stream(io.RawIOBase):
    """Standard output or error: each write is one line to the engine."""

    def __init__(self, send: Send, kind: str) -> None:
        self.name = kind
        self._send = send

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - anything that holds bytes
        content = bytes(data[:WRITE_BYTES])
        if content:
            self._send(self.name, content.decode(errors="replace"))
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

    def __init__(self, send: Send, job: dict[str, Any]) -> None:
        self._send = send
        self._signals: deque[str] = deque()
        self._waiters: dict[str, deque[asyncio.Future[str]]] = {MESSAGE: deque(), FILE: deque()}
        self._no_file: str = job["no_file"]
        self._trapped: str = job["trapped"]
        self.returned: Any = None

    @property
    def waits(self) -> bool:
        """Whether the script waits for a signal or a file."""
        return any(self._waiters.values())

    def set_return(self, value: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Set the result that is used if the entry function returns None."""
        self.returned = value

    def get_return_value(self) -> Any:  # noqa: ANN401 - scripts are not type-checked
        """Return the value of the last ``set_return``."""
        return self.returned

    def send(self, message: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Send a message to the client: a string unchanged, anything else as JSON."""
        self._send(MESSAGE, encode(message))

    def send_file(self, data: Any) -> None:  # noqa: ANN401 - scripts are not type-checked
        """Send a file to the client; an empty one is not sent."""
        if not isinstance(data, bytes):
            raise TypeError(f"send_file takes bytes, not {type(data).__name__}")
        self._send(FILE, base64.b64encode(data).decode())

    async def receive(self) -> str:
        """Wait for the next signal of the client."""
        return self._signals.popleft() if self._signals else await self._wait(MESSAGE)

    async def receive_file(self) -> bytes:
        """Wait for a file of the client; one that is received while no call waits is dropped.

        Raises RuntimeError if no client is attached, or if a later call replaces this one.
        """
        if self._waiters[FILE]:
            self._resolve(FILE, None)
        else:
            self._send(WANTS_FILE, "")
        return base64.b64decode(await self._wait(FILE))

    def _wait(self, kind: str) -> asyncio.Future[str]:
        waiter: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiters[kind].append(waiter)
        return waiter

    def take(self, kind: str, value: str | None) -> None:
        """Pass what the engine has sent to the call that waits for it."""
        if self._waiters[kind]:
            self._resolve(kind, value)
        elif kind == MESSAGE:
            self._signals.append(value or "")

    def _resolve(self, kind: str, value: str | None) -> None:
        """Resume the call that has waited longest."""
        waiter = self._waiters[kind].popleft()
        if waiter.done():
            self.trap("something came for a receive or receive_file that the script had cancelled")
        if value is None:
            waiter.set_exception(RuntimeError(self._no_file))
        else:
            waiter.set_result(value)

    def trap(self, detail: str) -> NoReturn:
        """End the process with an error, where the runtime of a Pie 0.5 engine fails."""
        self.end(FAILURE, f"{self._trapped}{detail}")

    def end(self, kind: str, value: str) -> NoReturn:
        """End the process with its result or error."""
        self._send(kind, value)
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
    safe = TracebackException.from_exception(error)  # it handles a __str__ that raises
    trace = "".join(safe.format()).replace(__file__, "runner.py")
    return f"{type(error).__name__}: {safe}\n{trace}"


def limit(limits: dict[str, int]) -> None:
    """Set resource limits by their names, as far as this system has them."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        for name, value in limits.items():
            # Not on systems that lack the limit, can't set it, or have a lower one. A hard limit above the soft one lets
            # SIGXCPU report the limit of processor time, before SIGKILL.
            with contextlib.suppress(AttributeError, OSError, ValueError):
                resource.setrlimit(getattr(resource, name), (value, value + 1))


def isolate(send: Send, filename: str, source: str) -> types.ModuleType:
    """Set up the interpreter for a script, and return the script's empty module."""
    os.environ.clear()
    sys.argv[:] = []
    for kind, errors in ((STDOUT, "surrogateescape"), (STDERR, "backslashreplace")):
        stream = io.TextIOWrapper(Stream(send, kind), "utf-8", errors, "\n", write_through=True)
        setattr(sys, kind, stream)
    module = types.ModuleType("__inferlet__")
    module.__file__ = filename
    sys.modules[module.__name__] = module
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


def listen(lines: BinaryIO, loop: asyncio.AbstractEventLoop, session: Session) -> None:
    """Pass what the engine sends to the session. When the engine is gone, kill this process and what it has started."""
    try:
        for line in lines:
            loop.call_soon_threadsafe(session.take, *json.loads(line))
    finally:
        if sys.platform != "win32":
            os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Run the script that the engine sends first. Argument: number of the socket to the engine."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    lines = channel.makefile("rb")
    job: dict[str, Any] = json.loads(lines.readline())
    selector = Selector()
    loop = asyncio.SelectorEventLoop(selector)
    for name in ("call_at", "call_later", "run_in_executor"):
        setattr(loop, name, refuse)

    def send(kind: str, value: str) -> None:
        channel.sendall(json.dumps([kind, value]).encode() + b"\n")

    session = Session(send, job)
    threading.Thread(target=listen, args=(lines, loop, session), daemon=True).start()
    limit(job["limits"])
    add_package(session)
    module = isolate(send, job["filename"], job["source"])
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
