"""The command ``python -m pie_client.testing``: an embedded engine in a terminal."""

import argparse
import asyncio
import dataclasses
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from pie_client._generated.families import FAMILIES, NEWEST, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import UPLOAD_BYTES
from pie_client.testing.engine.keys import PEM
from pie_client.testing.engine.local_engine import LocalEngine
from pie_client.testing.scripts.scripts import ScriptLimits
from pie_client.testing.terminal.loading import REGISTER, LoadError, load
from pie_client.testing.terminal.output import Output, write_error
from pie_client.testing.terminal.stopping import Stopping

LIMITS = {field.name: field.default for field in dataclasses.fields(ScriptLimits)}


class CommandError(Exception):
    """The command can't run; the text is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an engine until it is asked to stop, and return the exit status."""
    options = _parser().parse_args(arguments)
    with Stopping(options.stop_timeout) as stopping:
        output = Output(stopping.request)
        try:
            asyncio.run(_run(options, stopping, output))
        except KeyboardInterrupt:
            write_error(f"interrupted while {stopping.busy_with}")
            return 128 + (stopping.signal or signal.SIGINT)
        except (CommandError, LoadError, InvalidArgumentError) as error:
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
    add("--port", type=int, default=8080, help="TCP port, 0 for a free one (default: %(default)s)")
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
        type=float,
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
        type=int,
        default=UPLOAD_BYTES,
        metavar="NUMBER",
        help="largest program or file that a client may upload (default: %(default)s)",
    )
    add(
        "--authorized-keys",
        action="append",
        default=[],
        metavar="USER=PATH",
        help="public keys of a user, one OpenSSH line each or one PEM (0.4 family); can be repeated. "
        "Default: no authentication",
    )


def _script_limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in LIMITS or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: write name=number, with one of {', '.join(LIMITS)}")
    return name, int(number)


async def _run(options: argparse.Namespace, stopping: Stopping, output: Output) -> None:
    engine = LocalEngine(
        family=cast("Family", options.family),
        auth=_users(options.authorized_keys),
        port=options.port,
        keep_detached=options.keep_detached,
        imitate_delays=options.imitate_delays,
        serial_accept=options.serial_accept,
        allow_scripts=options.allow_scripts,
        script_limits=ScriptLimits(**dict(options.script_limit)) if options.script_limit else None,
        max_upload_bytes=options.max_upload_bytes,
        builtins=not options.no_builtins,
    )
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


def _users(given: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
    """Read the public keys of each user; the engine checks them."""
    users: dict[str, list[str]] = {}
    for each in given:
        user, _, path = each.partition("=")
        if not user or not path:
            raise CommandError(f"--authorized-keys {each}: write user=path")
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
            raise CommandError(f"--authorized-keys: can't read {path}: {reason}") from None
        lines = [line.strip() for line in text.splitlines()]
        is_pem = text.lstrip().startswith(PEM)
        keys = [text] if is_pem else [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise CommandError(f"--authorized-keys: {path} contains no key; write OpenSSH lines or one PEM")
        users.setdefault(user, []).extend(keys)
    return users or None
