"""The command ``python -m pie_client.testing``: an embedded engine in a terminal."""

import argparse
import asyncio
import dataclasses
import errno
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from pie_client._generated.families import FAMILIES, HIGHEST_PORT, NEWEST, Family
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import UPLOAD_BYTES
from pie_client.testing.engine.keys import read_authorized_keys
from pie_client.testing.engine.local_engine import LocalEngine
from pie_client.testing.engine.options import LARGEST_NUMBER, option_without_effect
from pie_client.testing.scripts.scripts import ScriptLimits
from pie_client.testing.terminal.loading import REGISTER, LoadError, load
from pie_client.testing.terminal.output import Output, complain, prepare_streams
from pie_client.testing.terminal.stopping import ENDED_AFTER, Stopping, end_status

PORT_PROBLEMS = {
    errno.EADDRINUSE: "is in use",
    errno.EACCES: "needs rights that you do not have",
}

SHOWN_CHARACTERS = 40
"""How much of a wrong argument is told."""
FLAGS = {
    "auth": "authorized-keys",
    "imitate_delays": "imitate-delays",
    "serial_accept": "serial-accept",
    "allow_scripts": "allow-scripts",
}
"""By option of the engine, the flags of those that not every family has."""


class CommandError(Exception):
    """The command can't be done; the text is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an engine until it is asked to stop; gives the exit status."""
    prepare_streams()
    options = _parser().parse_args(arguments)
    with Stopping(complain) as stopping:
        output = Output(stopping.request)
        try:
            asyncio.run(_run(options, stopping, output))
        except KeyboardInterrupt:
            complain(f"interrupted while {stopping.busy_with}")
            return end_status(stopping.signal or signal.SIGINT)
        except (CommandError, LoadError, InvalidArgumentError) as error:
            complain(str(error))
            return 1
        finally:
            output.close()
    return output.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pie_client.testing",
        description="Run an embedded Pie engine on this machine's loopback interface. No model runs in it. "
        "Ctrl-C stops it, a second Ctrl-C ends it at once; what has not stopped after "
        f"{ENDED_AFTER:.0f} seconds is ended, with exit status 1; but a call of C code that keeps the interpreter's lock, "
        "and an atexit handler, are waited for.",
    )
    parser.add_argument(
        "--family", choices=FAMILIES, default=NEWEST, help="server family to imitate (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, default=8080, help="TCP port, 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.py",
        help=f"programs of yours: a Python file with a function {REGISTER}(engine), async or not; may be repeated",
    )
    parser.add_argument(
        "--no-builtins", action="store_true", help="leave out the programs that the engine has by itself"
    )
    parser.add_argument(
        "--allow-scripts",
        action="store_true",
        help="run uploaded Python scripts (0.5 family); only those that you trust",
    )
    parser.add_argument(
        "--script-limit",
        action="append",
        default=[],
        type=_script_limit,
        metavar="NAME=NUMBER",
        help="what the process of a script may use, "
        + ", ".join(f"{f.name} (default: {f.default})" for f in dataclasses.fields(ScriptLimits))
        + "; may be repeated",
    )
    parser.add_argument(
        "--max-upload-bytes",
        type=_count,
        default=UPLOAD_BYTES,
        metavar="NUMBER",
        help="largest program or file that a client may upload (default: %(default)s)",
    )
    parser.add_argument(
        "--authorized-keys",
        action="append",
        default=[],
        metavar="USER=PATH",
        help="public keys of a user, one OpenSSH line each or one PEM (0.4 family); may be repeated. "
        "Without it authentication is off",
    )
    parser.add_argument("--keep-detached", action="store_true", help="keep processes whose client is gone")
    parser.add_argument(
        "--imitate-delays",
        action="store_true",
        help="let clients wait where real servers do: after a wrong token, and when they close (0.4 family)",
    )
    parser.add_argument(
        "--serial-accept",
        action="store_true",
        help="let a connection that says nothing keep the next ones waiting, as real servers do (0.4 family)",
    )
    parser.add_argument("--trace", action="store_true", help="print every frame, without secrets")
    return parser


def _port(text: str) -> int:
    if not (_is_short_number(text) and int(text) <= HIGHEST_PORT):
        raise argparse.ArgumentTypeError(
            f"{_quoted(text)} is no port; pass a number from 0 to {HIGHEST_PORT}"
        )
    return int(text)


def _count(text: str) -> int:
    if not (_is_short_number(text) and 0 < int(text) <= LARGEST_NUMBER):
        raise argparse.ArgumentTypeError(
            f"{_quoted(text)} is no number from 1 to {LARGEST_NUMBER}; write it in digits"
        )
    return int(text)


def _is_short_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= SHOWN_CHARACTERS


def _quoted(text: str) -> str:
    return repr(text) if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]!r}..."


def _script_limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    names = [field.name for field in dataclasses.fields(ScriptLimits)]
    if name not in names:
        raise argparse.ArgumentTypeError(
            f"{_quoted(text)} is not understood; write it as name=number, with one of {', '.join(names)}"
        )
    return name, _count(number)


async def _run(options: argparse.Namespace, stopping: Stopping, output: Output) -> None:
    family = cast("Family", options.family)
    _check_family(options, family)
    engine = LocalEngine(
        family=family,
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
        engine.observe(output.frame)
    stop = asyncio.Event()
    stopping.serve(stop.set)
    output.watch()
    await _start(engine, options.port)
    try:
        output.say(f"{FAMILIES[family].title} at {engine.uri} (no model runs in it; Ctrl-C stops it)")
        for line in _listed(engine.programs):
            output.say(line)
        await stop.wait()
    finally:
        unending = await engine.end()
    if unending:
        await asyncio.wait(unending)  # the end that `stopping` makes after a while is the limit


def _check_family(options: argparse.Namespace, family: Family) -> None:
    """Refuse what would have no effect."""
    given = {option for option, flag in FLAGS.items() if getattr(options, flag.replace("-", "_"))}
    if (wrong := option_without_effect(family, given)) is not None:
        raise CommandError(
            f"--{FLAGS[wrong.option]} has no effect with --family {family}, whose servers {wrong.reason}; "
            f"pass --family {wrong.family}"
        )
    if options.script_limit and not options.allow_scripts:
        raise CommandError("--script-limit limits nothing without --allow-scripts; pass that, too")


async def _start(engine: LocalEngine, port: int) -> None:
    try:
        await engine.start()
    except OSError as error:
        reason = PORT_PROBLEMS.get(error.errno or 0)
        if reason is None:
            raise CommandError(f"can't listen on port {port}: {error.strerror or error}") from None
        raise CommandError(f"port {port} {reason}; pass another --port, or 0 for a free one") from None


def _users(given: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
    if not given:
        return None
    users: dict[str, list[str]] = {}
    for each in given:
        user, _, path = each.partition("=")
        if not user or not path:
            raise CommandError(f"--authorized-keys {each!r} is not understood; write it as user=path")
        try:
            keys = read_authorized_keys(Path(path).expanduser())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CommandError(f"--authorized-keys: {path} can't be used: {reason}") from None
        users.setdefault(user, []).extend(keys)
    return users


def _listed(programs: Mapping[str, str]) -> list[str]:
    width = max(map(len, programs), default=0)
    return [f"  {name:{width}}  {summary}".rstrip() for name, summary in programs.items()]
