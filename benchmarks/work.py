"""The pieces of work that are measured, and the rows of the table that they make."""

from dataclasses import dataclass

OLD, BARE = "0.4.0", "picows"
"""Names of clients that an aim compares with."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        title: What the row is about, and the unit.
        figure: The figure that counts: "cpu" and "wall" are microseconds per unit, "memory" is in MiB or bytes.
        unit: Unit of the figure.
        aims: How many times better than another client this one shall be.
        most: The largest figure that is aimed at.
    """

    title: str
    aims: tuple[tuple[str, float], ...] = ()
    figure: str = "cpu"
    unit: str = "µs"
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work.

    Attributes:
        command: Name and arguments for the programs in ``clients/``.
        quick: The same for less work.
        rows: What is made of its figures.
        others: The command for the published clients, where it differs, or "" where they can't do it.
        bare: Whether the bare clients do it too.
    """

    command: str
    quick: str
    rows: tuple[Row, ...]
    others: str | None = None
    bare: bool = True


def _work(command: str, quick: str, title: str, *aims: tuple[str, float], bare: bool = True) -> Work:
    return Work(command, quick, (Row(title, aims),), bare=bare)


IMPORT, COLD = "import", "cold"
"""Commands that are not programs of ``clients/pie.py``."""
UPLOAD = "upload"
"""A command that gets the paths of a program of so many MiB and its manifest."""

WORK = (
    _work("stream 40000 16", "stream 10000 16", "event of 16 B, `recv()`", (OLD, 4.0), (BARE, 0.6)),
    Work(
        "iterate 40000 16",
        "iterate 10000 16",
        (Row("event of 16 B, `async for` (others: `recv()`)", ((OLD, 4.0), (BARE, 0.6))),),
        others="stream",
    ),
    _work("stream 15000 1024", "stream 5000 1024", "event of 1 KiB", (OLD, 3.0)),
    _work("stream 1500 65536", "stream 400 65536", "event of 64 KiB", (OLD, 2.4)),
    _work("together 1000 50000", "together 100 10000", "event, 1,000 processes at once", (OLD, 2.5)),
    _work("together 10000 50000", "together 1000 10000", "event, 10,000 processes at once", (OLD, 1.5)),
    _work("pings 2000 1", "pings 300 1", "ping, one after the other", (OLD, 1.4)),
    _work("pings 6400 64", "pings 1280 64", "ping, 64 at once", (OLD, 2.4)),
    _work("launches 3000", "launches 200", "launch, one after the other", (OLD, 1.4), bare=False),
    _work("launches_at_once 3000", "launches_at_once 200", "launch, all at once", (OLD, 1.3), bare=False),
    Work(
        "latency 500",
        "latency 100",
        (
            Row("latency of an event, median", ((OLD, 1.25),), "wall"),
            Row("latency, 90th percentile", (), "p90"),
        ),
    ),
    Work(
        "upload 128",
        "upload 16",
        (
            Row("upload of 128 MiB from disk, per MiB", ((OLD, 1.4),)),
            Row("its peak memory", (), "memory", "MiB", 8),
        ),
    ),
    Work(
        "download_to_disk 128",
        "download_to_disk 16",
        (
            Row("download of 128 MiB to disk, per MiB", ((OLD, 2.0),)),
            Row("its peak memory", (), "memory", "MiB", 8),
        ),
        bare=False,
    ),
    Work(
        "download 128",
        "download 16",
        (
            Row("download of 128 MiB in memory, per MiB", ((OLD, 1.5),)),
            Row("its peak memory", (), "memory", "MiB"),
        ),
    ),
    Work(
        "handles 10000",
        "handles 1000",
        (Row("memory of an idle process, 10,000 of them", ((OLD, 1 / 0.15),), "memory", "B"),),
        bare=False,
    ),
    Work(IMPORT, IMPORT, (Row("`from pie_client import PieClient`", ((OLD, 2.0),)),), bare=False),
    Work(COLD, COLD, (Row("start of the interpreter to the first event", ((OLD, 1 / 0.95),)),), bare=False),
)
