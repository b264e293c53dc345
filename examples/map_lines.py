r"""Run a program on every line of a text, several at a time, and print what it returns as JSON lines.

python examples/map_lines.py README.md                            # a Python function, on an embedded engine
python examples/map_lines.py README.md ws://127.0.0.1:8080        # the same function on your 0.5 server
python examples/map_lines.py prompts.txt ws://127.0.0.1:8080 --jobs 4 --inferlet compat-openai@0.1.0 \
        --input '{"prompt": "{}", "max_tokens": 3}'               # any program; {} stands for the line

Prints one object for each line that is not empty, in the order of the text: its number and its result, or why there is
none. A line that fails stops no other; the exit code is 1 then. With --attempts a line that has no result in time is tried
again. With - for a file it reads standard input; nothing else happens while it waits for that.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from pie_client import PieClient, PieConnectionError, PieError, Process, inferlet
from pie_client.testing import LocalEngine

Launch = Callable[[str], Awaitable[Process]]
"""Launches a program on a line."""


@inferlet
async def describe(line: str) -> dict[str, int | str]:
    """Count the characters and words of a line, and find its longest word; runs on the server."""
    words = line.split()
    return {"characters": len(line), "words": len(words), "longest": max(words, key=len)}


@dataclass
class Tally:
    """Prints outcomes in the order of their lines, and how far the work is."""

    waiting: dict[int, dict[str, JsonValue]] = field(default_factory=dict[int, dict[str, JsonValue]])
    """Outcomes that came before one of an earlier line."""
    next: int = 0
    done: int = 0
    failed: int = 0

    def add(self, place: int, outcome: dict[str, JsonValue]) -> None:
        """Take the outcome of a line."""
        self.done += 1
        self.failed += "error" in outcome
        self.waiting[place] = outcome
        while self.next in self.waiting:
            print(json.dumps(self.waiting.pop(self.next), ensure_ascii=False), flush=True)
            self.next += 1
        if sys.stderr.isatty():
            print(f"\r{self}", end="", file=sys.stderr, flush=True)

    def __str__(self) -> str:
        return f"{self.done} lines done, {self.failed} of them failed"


async def result_of(launch: Launch, line: str, timeout: float, attempts: int) -> JsonValue:
    """Run the program on a line, again where it gives no result in time."""
    for _ in range(attempts - 1):
        with suppress(TimeoutError):
            return await attempt(launch, line, timeout)
    return await attempt(launch, line, timeout)


async def attempt(launch: Launch, line: str, timeout: float) -> JsonValue:
    """Run the program on a line once; whatever goes wrong, no process is left behind."""
    process: Process | None = None
    try:
        async with asyncio.timeout(timeout):
            process = await launch(line)
            returned = await process.wait()
    except (TimeoutError, asyncio.CancelledError):
        if process is not None:
            with suppress(PieError):
                await process.terminate(timeout=5)
        raise
    try:
        result: JsonValue = json.loads(returned)
    except ValueError:
        return returned  # a text stands for itself
    return result


async def work(
    lines: Iterator[tuple[int, tuple[int, str]]],
    launch: Launch,
    tally: Tally,
    timeout: float,
    attempts: int,
) -> None:
    """Take lines, one after another, until none is left."""
    for place, (number, line) in lines:
        outcome: dict[str, JsonValue] = {"line": number}
        try:
            outcome["result"] = await result_of(launch, line, timeout, attempts)
        except PieConnectionError:
            raise  # the other lines would fail too
        except TimeoutError:
            outcome["error"] = f"no result within {timeout:g} seconds"
        except PieError as error:
            outcome["error"] = str(error)
        tally.add(place, outcome)


def filled(template: JsonValue, line: str) -> JsonValue:
    """Put a line into every text of a JSON value that has a place for it."""
    match template:
        case str():
            return template.replace("{}", line)
        case list():
            return [filled(item, line) for item in template]
        case dict():
            return {key: filled(value, line) for key, value in template.items()}
        case _:
            return template


async def main(text: Iterable[str], options: argparse.Namespace) -> int:
    """Run the workers; gives the exit code."""
    template: JsonValue = options.input
    tally = Tally()
    async with AsyncExitStack() as stack:
        uri: str | None = options.uri
        if uri is None:
            uri = (await stack.enter_async_context(LocalEngine(allow_scripts=True))).uri
            print(f"(embedded engine at {uri}; no model runs in it)", file=sys.stderr)
        client = await stack.enter_async_context(PieClient(uri, username=options.user))

        def launch(line: str) -> Awaitable[Process]:
            if options.inferlet is None:
                return client.run(describe, line)
            return client.launch_process(options.inferlet, filled(template, line))

        full = ((number, line.rstrip("\r\n")) for number, line in enumerate(text, 1) if line.strip())
        lines = enumerate(full)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(options.jobs):
                    group.create_task(work(lines, launch, tally, options.timeout, options.attempts))
        except ExceptionGroup as errors:  # one ends all
            raise errors.exceptions[0] from None
        finally:
            print(f"\r{tally}" if sys.stderr.isatty() else tally, file=sys.stderr)
    return 1 if tally.failed else 0


def as_json(text: str) -> JsonValue:
    """Read a value on the command line."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    return value


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run a program on every line of a text, several at a time.")
    parser.add_argument("file", help="the text; - is standard input")
    parser.add_argument("uri", nargs="?", help="the server; without it an embedded engine is started")
    parser.add_argument("--inferlet", help="program to run (default: a Python function that counts words)")
    parser.add_argument(
        "--input",
        type=as_json,
        default='"{}"',
        help="its input as JSON; {} stands for the line (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=int, default=8, help="lines at a time (default: %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds for a line (default: %(default)s)"
    )
    parser.add_argument(
        "--attempts",
        type=int,
        default=1,
        help="times to try a line without a result in time (default: %(default)s)",
    )
    parser.add_argument("--user", help="user name")
    options = parser.parse_args()
    for name in ("jobs", "attempts"):
        if (number := getattr(options, name)) < 1:
            parser.error(f"--{name} {number} runs nothing; give 1 or more")
    if not options.timeout > 0:  # nan included
        parser.error(f"--timeout {options.timeout:g} leaves no line any time; give more than 0 seconds")
    return options


if __name__ == "__main__":
    try:
        given = arguments()
        with nullcontext(sys.stdin) if given.file == "-" else Path(given.file).open(encoding="utf-8") as file:
            sys.exit(asyncio.run(main(file, given)))
    except BrokenPipeError:  # who read the output has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # takes what is still to be written
        sys.exit(141)  # as those that end by SIGPIPE
    except (PieError, ValueError) as error:
        sys.exit(f"map_lines: {error}")
    except OSError as error:
        sys.exit(f"map_lines: {error.filename or 'output'}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
