"""Files of programs that ``python -m pie_client.testing`` loads."""

import asyncio
import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import cast

from pie_client.errors import one_line
from pie_client.testing.engine.exceptions import line_of, text_of
from pie_client.testing.engine.local_engine import LocalEngine

REGISTER = "register"
"""Name of the function that a file of programs defines."""


class LoadError(Exception):
    """A file can't be loaded; the text is one line."""


async def load(path: Path, engine: LocalEngine) -> None:
    """Run a file, and its function that registers programs, which may be async. Raises LoadError."""
    _check_readable(path)
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise LoadError(f"--load {path}: it is no Python file; pass one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(_folder(path)))
    try:
        spec.loader.exec_module(module)
        returned = _register_of(module, path)(engine)
        if inspect.isawaitable(returned):
            await returned
        await _check_use(returned, engine, path)
    except (LoadError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, too, and what test frameworks raise
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # the command is interrupted
        raise LoadError(f"--load {path}: {_what(error)}{_where(error, path)}") from error


async def _check_use(returned: object, engine: LocalEngine, path: Path) -> None:
    """Raises LoadError where the function has registered nothing, or done what the command does."""
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise LoadError(
            f"--load {path}: {REGISTER} has a `yield` in it, so that it does nothing; leave that out"
        )
    with contextlib.suppress(RuntimeError):  # it is not running, as it should be
        uri = engine.uri
        await engine.end()
        raise LoadError(
            f"--load {path}: {REGISTER} has started the engine at {uri}; leave that to the command"
        )


def _folder(path: Path) -> Path:
    return path.resolve().parent


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise LoadError(f"--load {path} can't be read: {error.strerror}") from None


def _module_name(path: Path) -> str:
    """Name the file's module after it, unless a module has that name, of the standard library for instance."""
    name = path.stem
    while name in sys.modules or name in sys.stdlib_module_names:
        name += "_"
    return name


def _register_of(module: ModuleType, path: Path) -> Callable[[LocalEngine], object]:
    found: object = getattr(module, REGISTER, None)
    if not callable(found):
        raise LoadError(f"--load {path}: it has no function {REGISTER}(engine); define one")
    return cast("Callable[[LocalEngine], object]", found)


def _what(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        status = text_of(error)
        how = f" with status {status or 0}" if isinstance(error.code, int | None) else f": {status}"
        return one_line(f"it exited{how}")
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {one_line(str(error.msg))}"  # its text would tell the place again
    return one_line(line_of(error))


def _where(error: BaseException, path: Path) -> str:
    """Tell the last place that is in the file, or beside it."""
    folder = _folder(path)
    place = None
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename).resolve()
        if file.parent == folder:
            place = file, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and isinstance(error.filename, str) and error.lineno:
        place = Path(error.filename).resolve(), error.lineno
    if place is None:
        return ""
    file, line = place
    return f" (line {line})" if file == path.resolve() else f" ({file.name}, line {line})"
