"""Write to standard output and standard error: text of programs, tables, lines for people.

Output that nobody reads any more raises :class:`OutputClosedError`, and the command ends as SIGPIPE would end it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TextIO

from pie_client.errors import one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import rich.cells as rich_cells
    import rich.console as rich_console
    import rich.table as rich_table
else:
    rich_cells = LazyModule("rich.cells")
    rich_console = LazyModule("rich.console")
    rich_table = LazyModule("rich.table")

NAME = "pie-client"
"""Name of the command."""
WIDE = 100_000
"""Columns that no table has."""
GAP = 2
"""Spaces between two columns of a table."""


class OutputClosedError(Exception):
    """Standard output can't be written any more; the text says why, unless nobody reads it."""


def prepare() -> None:
    """Let standard streams write any text, whatever their encoding is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """Write a text to standard output at once. Raises OutputClosedError."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - closed before the start
        return
    with writing():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextlib.contextmanager
def writing() -> Generator[None]:
    """Raise OutputClosedError if standard output can't be written in a block, also by rich."""
    try:
        yield
    except SystemExit:  # rich, if nobody reads
        raise OutputClosedError from None
    except OSError as error:
        _discard(sys.stdout)
        reason = "" if isinstance(error, BrokenPipeError) else error.strerror or str(error)
        raise OutputClosedError(reason) from error


def write_line(text: str) -> None:
    """Write a line to standard output. Raises OutputClosedError."""
    write(f"{text}\n")


def write_json(value: object) -> None:
    """Write a value to standard output as one line of JSON. Raises OutputClosedError."""
    # What another encoding lacks is escaped as in JSON; the streams would escape it as in Python.
    utf_8 = sys.stdout is not None and sys.stdout.encoding == "utf-8"  # pyright: ignore[reportUnnecessaryComparison] - closed before the start
    write_line(json.dumps(value, ensure_ascii=not utf_8))


def write_error(text: str) -> None:
    """Write a text to standard error, if possible."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] - closed before the start
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def note(text: str) -> None:
    """Write a line for people to standard error."""
    write_error(f"{NAME}: {text}\n")


def end_line() -> None:
    """End the line on which a terminal has shown ``^C``."""
    if on_terminal(sys.stderr):
        write_error("\n")


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    cut: str = "",
) -> str:
    """Return a table as text.

    Args:
        headers: Names of the columns.
        rows: Their cells. Control characters are escaped.
        right: Names of the columns that are aligned to the right.
        cut: Name of the column that is cut to what a terminal has left for it; without a terminal nothing is cut.
    """
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    columns = {header: [header, *(row[number] for row in cells)] for number, header in enumerate(headers)}
    widths = {header: max(map(rich_cells.cell_len, column)) for header, column in columns.items()}
    # Rich would cut every column.
    console = rich_console.Console(markup=False, emoji=False, highlight=False)
    if cut in widths and on_terminal(sys.stdout):
        left = console.width - sum(widths.values()) + widths[cut] - GAP * (len(widths) - 1)
        widths[cut] = max(min(widths[cut], left), len(cut))
    console.width = WIDE
    drawn = rich_table.Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for header, width in widths.items():
        justify: Literal["left", "right"] = "right" if header in right else "left"
        drawn.add_column(header, justify=justify, width=width, no_wrap=True, overflow="ellipsis")
    for row in cells:
        drawn.add_row(*row)
    with console.capture() as captured:
        console.print(drawn)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def counted(number: int, noun: str) -> str:
    """Return a number and a noun that takes an -s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def on_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal."""
    return stream is not None and stream.isatty()


def _discard(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that the interpreter can flush it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
