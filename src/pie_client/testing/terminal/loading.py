"""Load the files of programs that ``python -m pie_client.testing --load`` names."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pie_client.errors import one_line
from pie_client.testing.engine.local_engine import LocalEngine
from pie_client.testing.inferlet.exceptions import line_of

REGISTER = "register"
"""Name of the function that a file of programs defines."""


class CommandError(Exception):
    """The command can't run; the text is one line."""


async def load(path: Path, engine: LocalEngine) -> None:
    """Run a file and its function that registers programs, which may be async. Raises CommandError."""
    try:
        returned = _register_of(path)(engine)
        if inspect.isawaitable(returned):
            await returned
    except CommandError:
        raise
    except (Exception, SystemExit) as error:
        raise CommandError(f"--load {path}: {_described(error, path)}") from error
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise CommandError(f"--load {path}: {REGISTER} does nothing because of a `yield`; remove it")


def _register_of(path: Path) -> Callable[[LocalEngine], object]:
    """Run a file and return its function."""
    if not path.exists():
        raise CommandError(f"--load {path}: no such file")
    # The file's own name may be that of another module.
    spec = importlib.util.spec_from_file_location(f"pie_programs.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CommandError(f"--load {path}: not a Python file; pass one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    found: object = getattr(module, REGISTER, None)
    if not callable(found):
        raise CommandError(f"--load {path}: no function {REGISTER}(engine); define one")
    return cast("Callable[[LocalEngine], object]", found)


def _described(error: BaseException, path: Path) -> str:
    """Return an error on one line, with the last line that it comes from in the file or in one of its folder."""
    folder = path.resolve().parent
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f" ({Path(f.filename).name}, line {f.lineno})"
        for f in frames
        if Path(f.filename).resolve().parent == folder
    ]
    # The text of a SyntaxError has its place.
    return one_line(line_of(error)) + ("" if isinstance(error, SyntaxError) else "".join(places[-1:]))
