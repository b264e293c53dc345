"""The command ``python -m pie_client.testing``: an embedded engine in a terminal."""

import argparse
import asyncio
import errno
import importlib.util
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import cast

from pie_client._generated.families import FAMILIES, HIGHEST_PORT, NEWEST, Family
from pie_client.errors import InvalidArgumentError, one_line
from pie_client.testing.engine import LocalEngine
from pie_client.testing.keys import read_authorized_keys
from pie_client.testing.trace import TracedFrame, describe

REGISTER = "register"
"""Name of the function that a file of programs defines."""


class CommandError(Exception):
    """The command can't be done; the text is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an engine until it is interrupted; gives the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return 0  # where the event loop handles no signals
    except (CommandError, InvalidArgumentError) as error:
        sys.stderr.write(f"pie_client.testing: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pie_client.testing",
        description="Run an embedded Pie engine on this machine's loopback interface. No model runs in it.",
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
        help=f"programs of yours: a Python file with a function {REGISTER}(engine); may be repeated",
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
        "--authorized-keys",
        action="append",
        default=[],
        metavar="USER=PATH",
        help="public keys of a user, one OpenSSH line each or one PEM (0.4 family); may be repeated. "
        "Without it authentication is off",
    )
    parser.add_argument("--keeps-detached", action="store_true", help="keep processes whose client is gone")
    parser.add_argument("--trace", action="store_true", help="print every frame, without secrets")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= HIGHEST_PORT:
        raise ValueError
    return port


async def _run(options: argparse.Namespace) -> int:
    family = cast("Family", options.family)
    engine = LocalEngine(
        family=family,
        auth=_users(family, options.authorized_keys),
        port=options.port,
        keeps_detached=options.keeps_detached,
        allow_scripts=options.allow_scripts,
        builtins=not options.no_builtins,
    )
    for path in options.load:
        _load(path, engine)
    if options.trace:
        engine.observe(_print_frame)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: Ctrl-C interrupts instead
            break
    try:
        await engine.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"port {options.port} is in use; pass another --port, or 0 for a free one"
            ) from None
        raise CommandError(
            f"can't listen on port {options.port}: {error.strerror or error}; pass another --port"
        ) from None
    try:
        _say(f"{FAMILIES[family].title} at {engine.uri} (no model runs in it; Ctrl-C stops it)")
        _list(engine.programs)
        await stop.wait()
    finally:
        await engine.stop()
    return 0


def _users(family: Family, given: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
    if not given:
        return None
    if not FAMILIES[family].identify_first:
        raise CommandError(
            f"--authorized-keys can't be used with --family {family}, whose servers ask for no keys; pass --family 0.4"
        )
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


def _load(path: Path, engine: LocalEngine) -> None:
    """Run a file, and its function that registers programs."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"--load {path}: it is no Python file; pass one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
        _register_of(module, path)(engine)
    except CommandError:
        raise
    except Exception as error:
        raise CommandError(
            f"--load {path}: {type(error).__name__}: {one_line(str(error))}{_line_of(error, path)}"
        ) from error


def _register_of(module: ModuleType, path: Path) -> Callable[[LocalEngine], object]:
    found: object = getattr(module, REGISTER, None)
    if not callable(found):
        raise CommandError(f"--load {path}: it has no function {REGISTER}(engine); define one")
    return cast("Callable[[LocalEngine], object]", found)


def _line_of(error: BaseException, path: Path) -> str:
    line = None
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f" (line {line})"


def _list(programs: Mapping[str, str]) -> None:
    width = max(map(len, programs), default=0)
    for name, summary in programs.items():
        _say(f"  {name:{width}}  {summary}".rstrip())


def _print_frame(frame: TracedFrame) -> None:
    now = time.time()
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    _say(f"{clock}.{int(now * 1000) % 1000:03} {describe(frame)}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
