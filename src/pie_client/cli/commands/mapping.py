"""The command ``pie-client map``."""

import json
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer

from pie_client.cli import inputs, options, output, wording
from pie_client.cli.running import Status, UsageError
from pie_client.cli.server import Server
from pie_client.cli.settings import Value, seconds_of
from pie_client.errors import one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import asyncio
    import io

    from rich import console as rich_console
    from rich import progress as rich_progress

    from pie_client import MapProgress, MapResult
    from pie_client.cli import following
    from pie_client.maps import mapping
else:
    asyncio = LazyModule("asyncio")
    following = LazyModule("pie_client.cli.following")
    mapping = LazyModule("pie_client.maps.mapping")
    rich_console = LazyModule("rich.console")
    rich_progress = LazyModule("rich.progress")

JOURNAL = ".journal"
"""Added to the name of the output, the name of the file that keeps the answers."""


Source = Annotated[
    Path,
    typer.Argument(
        metavar="INPUTS", help="A JSON input on each line; - is standard input.", show_default=False
    ),
]
Target = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Where the answers go. \\[default: standard output]",
        show_default=False,
    ),
]
KeptIn = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="Keeps the answers, so that the same command goes on after a crash. "
        f"\\[default: the output's name with {JOURNAL}]",
        show_default=False,
    ),
]
Concurrency = Annotated[int, typer.Option("--concurrency", "-j", min=1, help="Most processes at a time.")]
Unordered = Annotated[bool, typer.Option("--unordered", help="Write each answer as soon as there is one.")]
OnError = Annotated[
    str,
    typer.Option(
        "--on-error",
        metavar="WHAT",
        help="If an input fails: return (write its error), skip, or raise (stop).",
        autocompletion=lambda: list(mapping.ON_ERROR),
    ),
]
Retries = Annotated[
    int, typer.Option("--retries", min=0, help="How often an interrupted input may run again.")
]
Limit = Annotated[
    str | None,
    typer.Option("--limit", metavar="SECONDS", help="Longest run of an input.", show_default=False),
]


@options.connecting
async def map_inputs(
    server: Server,
    inferlet: options.Program,
    source: Source,
    target: Target = None,
    journal: KeptIn = None,
    concurrency: Concurrency = 32,
    unordered: Unordered = False,
    on_error: OnError = "return",
    retries: Retries = 0,
    limit: Limit = None,
) -> int:
    """Run a program once for each input, several at a time.

    Each line of the output is an object with the index of an input and its value or its error. A command that was killed
    goes on when it is started again with the same arguments; inputs that have an answer do not run again.
    """
    kept = journal or (None if target is None else target.with_name(target.name + JOURNAL))
    _check(source, target, kept, on_error)
    with ExitStack() as stack:
        lines = (
            _lines_of_stdin()
            if str(source) == inputs.STDIN
            else _lines(stack.enter_context(source.open("rb")))
        )
        answers = _Answers(target, stack)
        async with server.client(reconnect=True) as client:  # may ask for a passphrase, so before the bar
            show = _bar(source, stack) if output.on_terminal(sys.stderr) else None
            results = client.map(
                inferlet,
                lines,
                concurrency=concurrency,
                ordered=not unordered,
                on_error=cast("mapping.OnError", on_error),
                timeout=None if limit is None else seconds_of(Value(limit, "--limit")),
                retries=retries,
                on_progress=show,
                journal=kept,
                as_type=str,  # also what is no JSON: 0.5 servers pass on texts as they are
            )
            try:
                async with results:
                    async for result in results:
                        answers.write(_answer(result))
            except asyncio.CancelledError:
                if kept is not None:
                    done = output.counted(results.progress.done, "input")
                    output.note(f"{done} answered; the same command goes on from there")
                raise
            answers.begin()
            progress = results.progress
    replayed = f", {progress.replayed} of them before" if progress.replayed else ""
    output.note(f"{output.counted(progress.done, 'input')} answered{replayed}, {progress.failed} failed")
    return Status.FAILED if progress.failed else Status.OK


def _check(source: Path, target: Path | None, journal: Path | None, on_error: str) -> None:
    """Raise UsageError if arguments do not fit each other: nothing may be overwritten by mistake."""
    if on_error not in mapping.ON_ERROR:
        raise UsageError(f"--on-error: {one_line(on_error)!r} is not one of {', '.join(mapping.ON_ERROR)}")
    files = [path for path in (source, target, journal) if path is not None and str(path) != inputs.STDIN]
    for number, path in enumerate(files):
        if any(path.absolute() == other.absolute() or _same(path, other) for other in files[:number]):
            raise UsageError(f"{path} is named twice; inputs, output and journal are different files")


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _lines(file: Iterable[bytes]) -> Generator[object]:
    """Yield the inputs of a file. Empty lines are skipped. Raises UsageError."""
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _parsed(number, line)


def _parsed(number: int, line: bytes) -> object:
    try:
        return inputs.parse_json(line)
    except ValueError as error:
        raise UsageError(f"line {number} of the inputs is not JSON: {one_line(str(error))}") from None


async def _lines_of_stdin() -> AsyncGenerator[object]:
    """Yield the inputs of standard input, which may come slowly or never end."""
    loop = asyncio.get_running_loop()
    # Detached: the interpreter would abort at its end if it could not close what the thread reads.
    stdin = cast("io.BufferedReader", inputs.standard_input().detach())
    queue = asyncio.Queue[bytes](maxsize=1)

    def read() -> None:
        try:
            for line in iter(stdin.readline, b""):
                asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()
            asyncio.run_coroutine_threadsafe(queue.put(b""), loop).result()
        except (RuntimeError, asyncio.CancelledError):
            return  # the loop has ended

    # A daemon: nothing can interrupt its read.
    threading.Thread(target=read, daemon=True, name="pie-client stdin").start()
    number = 0
    while line := await queue.get():
        number += 1
        if line.strip():
            yield _parsed(number, line)


def _answer(result: "MapResult[object, str]") -> dict[str, object]:
    answer: dict[str, object] = {"index": result.index}
    if result.error is None:
        answer["value"] = following.value_of(result.text)
    else:
        answer["error"] = wording.said(result.error).replace("--timeout", "--limit")
    return answer


class _Answers:
    """Writes answers as lines of JSON, to standard output or a file.

    A file is overwritten, with the answers of an earlier run from the journal first. It is emptied only when the map has
    begun, so that a command that fails before that deletes nothing.

    Args:
        target: The file; None for standard output.
        stack: Closes the file.
    """

    def __init__(self, target: Path | None, stack: ExitStack) -> None:
        self._file: TextIO | None = None
        if target is not None:
            self._file = stack.enter_context(target.open("a", encoding="utf-8", errors="surrogatepass"))
        self._old = target is not None and target.is_file()
        """Whether the file has what was written before."""

    def begin(self) -> None:
        """Empty the file."""
        if self._file is not None and self._old:
            self._file.truncate(0)
            self._old = False

    def write(self, value: object) -> None:
        """Write an answer."""
        if self._file is None:
            output.write_json(value)
            return
        self.begin()
        self._file.write(f"{json.dumps(value, ensure_ascii=False)}\n")
        self._file.flush()


def _bar(source: Path, stack: ExitStack) -> Callable[["MapProgress"], None]:
    """Show a progress bar, and return the function that moves it."""
    bar = stack.enter_context(
        rich_progress.Progress(
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[more]}"),
            rich_progress.TimeRemainingColumn(),
            console=rich_console.Console(stderr=True),
            transient=True,
        )
    )
    task = bar.add_task("", total=None if str(source) == inputs.STDIN else _count(source), more="")

    def show(progress: "MapProgress") -> None:
        more = f"{progress.failed} failed, {progress.running} running"
        bar.update(task, completed=progress.done + progress.failed, more=more)

    return show


def _count(source: Path) -> int | None:
    """Return the number of inputs in a file, or None if it can be read only once."""
    if not source.is_file():
        return None
    with source.open("rb") as file:
        return sum(1 for line in file if line.strip())
