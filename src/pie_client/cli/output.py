"""Write to standard output and standard error: text of programs, tables, lines for people.

Output that nobody reads any more raises :class:`OutputClosedError`, and the command ends as SIGPIPE would end it.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from pie_client.errors import one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import rich.console as rich_console
    import rich.table as rich_table
else:
    rich_console = LazyModule("rich.console")
    rich_table = LazyModule("rich.table")

NAME = "pie-client"
"""Name of the command."""
WIDE = 100_000
"""Columns of a table that no terminal shows: nothing is cut."""


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
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
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
    """Write a line that tells people something to standard error."""
    write_error(f"{NAME}: {text}\n")


def write_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Write a table: cut to the width of a terminal, and whole elsewhere.

    Args:
        headers: Names of the columns.
        rows: Their cells. Control characters are escaped.
        right: Names of the columns that are aligned to the right.
    """
    write(render_table(headers, rows, right=right))


def render_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> str:
    """Return a table as text. See :func:`write_table`."""
    shown = on_terminal(sys.stdout)
    table = rich_table.Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(
            header, justify="right" if header in right else "left", no_wrap=True, overflow="ellipsis"
        )
    for row in rows:
        table.add_row(*(one_line(str(cell)) for cell in row))
    console = rich_console.Console(width=None if shown else WIDE, markup=False, emoji=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def on_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal."""
    return stream is not None and stream.isatty()


def _discard(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere, so that the interpreter can flush it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
