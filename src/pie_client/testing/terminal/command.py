"""The command ``python -m pie_client.testing``: an embedded engine in a terminal."""

import argparse
import asyncio
import dataclasses
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

from pie_client._generated.families import FAMILIES, HIGHEST_PORT, NEWEST, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import UPLOAD_BYTES
from pie_client.testing.engine.keys import PEM, read_public_key
from pie_client.testing.engine.local_engine import LocalEngine
from pie_client.testing.engine.options import LARGEST_NUMBER, option_without_effect
from pie_client.testing.scripts.scripts import ScriptLimits
from pie_client.testing.terminal.loading import REGISTER, LoadError, load
from pie_client.testing.terminal.output import Output, write_error
from pie_client.testing.terminal.stopping import Stopping

LIMITS = {field.name: field.default for field in dataclasses.fields(ScriptLimits)}
LONGEST_STOP: Final = 86400
"""Largest --stop-timeout, in seconds; operating systems do not wait for any longer time."""


class CommandError(Exception):
    """The command can't run; the text is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an engine until it is asked to stop, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    engine = _engine(parser, options)
    with Stopping(options.stop_timeout) as stopping:
        output = Output(stopping.request)
        try:
            asyncio.run(_run(engine, options, stopping, output))
        except KeyboardInterrupt:
            write_error(f"interrupted while {stopping.busy_with}")
            return 128 + (stopping.signal or signal.SIGINT)
        except (CommandError, LoadError) as error:
            write_error(str(error))
            return 1
    return output.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pie_client.testing",
        description="Run an embedded Pie engine on this machine's loopback interface. It runs no model. "
        "Ctrl-C stops it, a second Ctrl-C exits immediately.",
    )
    add = parser.add_argument
    add("--family", choices=FAMILIES, default=NEWEST, help="server family (default: %(default)s)")
    add(
        "--port",
        type=_number(0, HIGHEST_PORT),
        default=8080,
        help="TCP port, 0 for a free one (default: %(default)s)",
    )
    add("--trace", action="store_true", help="print every frame, without secrets")
    add(
        "--load",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.py",
        help=f"add the programs of a Python file that defines {REGISTER}(engine); can be repeated",
    )
    add(
        "--stop-timeout",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="time after Ctrl-C until the command exits, with status 1, if something has not ended (default: %(default)s)",
    )
    _add_engine_options(parser)
    return parser


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--no-builtins", action="store_true", help="leave out the built-in programs")
    add("--keep-detached", action="store_true", help="keep processes whose client has disconnected")
    add("--imitate-delays", action="store_true", help="answer wrong tokens and closes late (0.4 family)")
    add("--serial-accept", action="store_true", help="accept connections one after the other (0.4 family)")
    add(
        "--allow-scripts",
        action="store_true",
        help="run uploaded Python scripts, if you trust them (0.5 family)",
    )
    add(
        "--script-limit",
        action="append",
        default=[],
        type=_script_limit,
        metavar="NAME=NUMBER",
        help="limit of each script: "
        + ", ".join(f"{name} (default: {default})" for name, default in LIMITS.items())
        + "; can be repeated",
    )
    add(
        "--max-upload-bytes",
        type=_number(1, LARGEST_NUMBER),
        default=UPLOAD_BYTES,
        metavar="NUMBER",
        help="largest program or file that a client may upload (default: %(default)s)",
    )
    add(
        "--authorized-keys",
        action="append",
        default=[],
        type=_authorized_keys,
        metavar="USER=PATH",
        help="public keys of a user, one OpenSSH line each or one PEM (0.4 family); can be repeated. "
        "Default: no authentication",
    )


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}: pass a number from {least} to {most}")
        return int(text)

    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_STOP:
        raise argparse.ArgumentTypeError(f"{text!r}: pass a number of seconds from 0 to {LONGEST_STOP}")
    return seconds


def _script_limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in LIMITS:
        raise argparse.ArgumentTypeError(f"{text!r}: write name=number, with one of {', '.join(LIMITS)}")
    return name, _number(1, LARGEST_NUMBER)(number)


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
    for number, key in enumerate(keys, 1):
        try:
            read_public_key(key)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{path}: key {number} {error}") from None
    return user, keys


def _engine(parser: argparse.ArgumentParser, options: argparse.Namespace) -> LocalEngine:
    """Return an engine with the options of the command line, or exit with status 2 if they don't fit together."""
    users: dict[str, list[str]] = {}
    for user, keys in options.authorized_keys:
        users.setdefault(user, []).extend(keys)
    family = cast("Family", options.family)
    flags = {
        "auth": ("--authorized-keys", users),
        "imitate_delays": ("--imitate-delays", options.imitate_delays),
        "serial_accept": ("--serial-accept", options.serial_accept),
        "allow_scripts": ("--allow-scripts", options.allow_scripts),
    }
    wrong = option_without_effect(family, [name for name, (_, value) in flags.items() if value])
    if wrong is not None:
        flag = flags[wrong.option][0]
        parser.error(f"{flag} has no effect with --family {family}; pass --family {wrong.family}")
    if options.script_limit and not options.allow_scripts:
        parser.error("--script-limit has no effect without --allow-scripts; pass both")
    try:
        return LocalEngine(
            family=family,
            auth=users or None,
            port=options.port,
            keep_detached=options.keep_detached,
            imitate_delays=options.imitate_delays,
            serial_accept=options.serial_accept,
            allow_scripts=options.allow_scripts,
            script_limits=ScriptLimits(**dict(options.script_limit)) if options.script_limit else None,
            max_upload_bytes=options.max_upload_bytes,
            builtins=not options.no_builtins,
        )
    except InvalidArgumentError as error:  # scripts on a system that can't run them
        parser.error(str(error))


async def _run(engine: LocalEngine, options: argparse.Namespace, stopping: Stopping, output: Output) -> None:
    for path in options.load:
        stopping.busy_with = f"loading {path}"
        await load(path, engine)
    if options.trace:
        engine.observe(output.write_frame)
    stop = asyncio.Event()
    stopping.serve(stop.set)
    try:
        await _start(engine, options.port)
        output.write(
            f"{FAMILIES[engine.traits.name].title} at {engine.uri} (no model runs in it; Ctrl-C stops it)"
        )
        width = max(map(len, engine.programs), default=0)
        for name, summary in engine.programs.items():
            output.write(f"  {name:{width}}  {summary}".rstrip())
        await stop.wait()
    finally:
        unfinished = await engine.end()
    if unfinished:
        await asyncio.wait(unfinished)  # `stopping` limits the time


async def _start(engine: LocalEngine, port: int) -> None:
    try:
        await engine.start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CommandError(f"port {port}: {reason}; pass another --port, or 0 for a free one") from None
    except RuntimeError as error:  # a loaded file has started it
        raise CommandError(str(error)) from None
