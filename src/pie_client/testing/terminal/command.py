"""The command ``python -m pie_client.testing``: an embedded engine in a terminal."""

import argparse
import asyncio
import dataclasses
import inspect
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pie_client._generated.decoders import PROCESS_EVENT
from pie_client._generated.families import DEFAULT_PORT, FAMILIES, NEWEST, UPLOAD_BYTES
from pie_client._generated.methods import AUTH_BY_TOKEN, AUTH_PROVE, REGISTER_MCP_SERVER
from pie_client._generated.registry import BINARY_MESSAGES, CLIENT_MESSAGES, TEXT_MESSAGES
from pie_client.common.arguments import Parser
from pie_client.common.interrupts import BROKEN_PIPE_STATUS
from pie_client.connection.observing import ObservedFrame, observed
from pie_client.errors import InvalidArgumentError
from pie_client.testing.engine.authentication import PEM
from pie_client.testing.engine.local_engine import LocalEngine
from pie_client.testing.scripts.scripts import ScriptLimits
from pie_client.testing.terminal.loading import REGISTER, CommandError, load
from pie_client.testing.terminal.stopping import Stopping, write_error

PLAIN_MESSAGES = {*CLIENT_MESSAGES, *BINARY_MESSAGES, *TEXT_MESSAGES, PROCESS_EVENT} - {
    method.tag for method in (AUTH_PROVE, AUTH_BY_TOKEN, REGISTER_MCP_SERVER)
}
"""Types of messages whose texts are no signatures, tokens or credentials."""
LIMITS = {field.name: field.default for field in dataclasses.fields(ScriptLimits)}
LONGEST_STOP: Final = 86400
"""Largest --stop-timeout, in seconds; operating systems do not wait for any longer time."""
REPEATED: Final[dict[str, Any]] = {"action": "append", "default": []}
"""Arguments of a flag that can be repeated."""


def main(arguments: Sequence[str] | None = None, *, name: str = "python -m pie_client.testing") -> int:
    """Run an engine until it is asked to stop, and return the exit status.

    Args:
        arguments: Arguments of the command. Default: those of this process.
        name: Name of the command in its help.
    """
    parser = _parser(name)
    options = parser.parse_args(arguments)
    try:
        engine = LocalEngine(**_engine_options(options))
    except InvalidArgumentError as error:
        parser.error(str(error))
    if not 0 <= options.stop_timeout <= LONGEST_STOP:
        parser.error(f"--stop-timeout: pass a number of seconds from 0 to {LONGEST_STOP}")
    stopping = Stopping(options.stop_timeout)
    with stopping.handled():
        try:
            asyncio.run(_run(engine, options, stopping))
        except KeyboardInterrupt:
            write_error(f"interrupted while {stopping.busy_with}")
            return 128 + (stopping.signal or signal.SIGINT)
        except CommandError as error:
            write_error(str(error))
            return 1
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    limits = ", ".join(f"{name} (default: {default})" for name, default in LIMITS.items())
    parser = Parser(
        prog=name,
        description="Run an embedded Pie engine on this machine's loopback interface. It runs no model. "
        "Ctrl-C stops it, a second Ctrl-C exits immediately.",
        epilog=f"Limits of scripts: {limits}",
    )

    def add(flag: str, text: str, **more: Any) -> None:  # noqa: ANN401 - arguments of add_argument
        parser.add_argument(flag, help=text, **more)

    shown = "(default: %(default)s)"
    add("--family", f"server family {shown}", choices=FAMILIES, default=NEWEST)
    add("--port", f"TCP port, 0 for a free one {shown}", type=int, default=DEFAULT_PORT)
    add("--trace", "print every frame, without secrets", action="store_true")
    text = f"add the programs of a Python file that defines {REGISTER}(engine); can be repeated"
    add("--load", text, type=Path, metavar="FILE.py", **REPEATED)
    text = "time after Ctrl-C until the command exits, with status 1, if something has not ended"
    add("--stop-timeout", f"{text} {shown}", type=float, default=5.0, metavar="SECONDS")
    add("--no-builtins", "leave out the built-in programs", dest="builtins", action="store_false")
    add("--keep-detached", "keep processes whose client has disconnected", action="store_true")
    text = "run uploaded Python scripts, if you trust them (0.5 family)"
    add("--allow-scripts", text, action="store_true")
    text = "limit of each script; can be repeated"
    add("--script-limit", text, type=_script_limit, metavar="NAME=NUMBER", **REPEATED)
    text = f"largest program or file that a client may upload {shown}"
    add("--max-upload-bytes", text, type=int, default=UPLOAD_BYTES, metavar="NUMBER")
    text = "origin of web pages that may connect, like http://localhost:3000, or * for all; can be repeated. "
    add("--allowed-origins", f"{text}Default: only the engine's own", metavar="ORIGIN", **REPEATED)
    text = "public keys of a user, one OpenSSH line each or one PEM (0.4 family); can be repeated. "
    text += "Default: no authentication"
    add("--authorized-keys", text, type=_authorized_keys, metavar="USER=PATH", **REPEATED)
    return parser


def _engine_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of LocalEngine."""
    auth: dict[str, list[str]] = {}
    for user, keys in options.authorized_keys:
        auth.setdefault(user, []).extend(keys)
    limits = ScriptLimits(**dict(options.script_limit)) if options.script_limit else None
    given = {**vars(options), "auth": auth or None, "script_limits": limits}
    return {name: given[name] for name in inspect.signature(LocalEngine).parameters}


def _script_limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in LIMITS or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: write name=number, with one of {', '.join(LIMITS)}")
    return name, int(number)


def _authorized_keys(text: str) -> tuple[str, list[str]]:
    """Read the public keys of a user from a file."""
    user, _, path = text.partition("=")
    if not user or not path:
        raise argparse.ArgumentTypeError(f"{text}: write user=path")
    try:
        content = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise argparse.ArgumentTypeError(f"can't read {path}: {reason}") from None
    lines = [line.strip() for line in content.splitlines()]
    is_pem = content.lstrip().startswith(PEM)
    keys = [content] if is_pem else [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise argparse.ArgumentTypeError(f"{path} contains no key; write OpenSSH lines or one PEM")
    return user, keys


async def _run(engine: LocalEngine, options: argparse.Namespace, stopping: Stopping) -> None:
    stdout: object = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace")
    for path in options.load:
        stopping.busy_with = f"loading {path}"
        await load(path, engine)
    if options.trace:
        engine.observe(print_frame)
    stop = asyncio.Event()
    stopping.serve(stop.set)
    try:
        await _start(engine, options.port)
        title = FAMILIES[engine.traits.name].title
        _print(f"{title} at {engine.uri} (no model runs in it; Ctrl-C stops it)")
        width = max(map(len, engine.programs), default=0)
        for name, summary in engine.programs.items():
            _print(f"  {name:{width}}  {summary}".rstrip())
        await stop.wait()
    finally:
        # `stopping` reports what does not end, and limits the time.
        logging.getLogger(LocalEngine.__module__).setLevel(logging.ERROR)
        await engine.stop()
        # asyncio.run() would cancel these tasks again and interrupt their clean-up.
        if ending := [task for task in asyncio.all_tasks() if task.cancelling()]:
            await asyncio.wait(ending)


async def _start(engine: LocalEngine, port: int) -> None:
    try:
        await engine.start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CommandError(f"port {port}: {reason}; pass another --port, or 0 for a free one") from None
    except RuntimeError as error:  # a loaded file has started it
        raise CommandError(str(error)) from None


def print_frame(frame: ObservedFrame) -> None:
    """Print a frame, with payloads unless they may be secrets."""
    if frame.type not in PLAIN_MESSAGES and frame.data is not None:
        frame = observed(frame.connection, frame.direction, frame.data, redact=True)
    clock = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    _print(f"{clock} {frame}")


def _print(line: str) -> None:
    """Write a line to standard output. If that fails the process ends, as by SIGPIPE; scripts end with it."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(BROKEN_PIPE_STATUS)
    except OSError as error:
        write_error(f"can't write to standard output: {error}")
        os._exit(1)
