r"""Run a program on every line of a text, several at a time, and print the results as JSON lines.

python examples/map_lines.py README.md                            # a Python function, on an embedded engine
python examples/map_lines.py README.md ws://127.0.0.1:8080        # the same function on your 0.5 server
python examples/map_lines.py prompts.txt ws://127.0.0.1:8080 --jobs 4 --inferlet compat-openai@0.1.0 \
        --input '{"prompt": "{}", "max_tokens": 3}'               # any program; {} stands for the line

Prints one object for each line that is not empty, in the order of the text: the line's number with its result or its
error. A line that fails does not stop the others; the exit status is then 1. With --attempts, a line whose result does not
arrive in time is run again. With - as the file, it reads standard input, and the other lines wait while that blocks.
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
"""A function that launches a program on a line."""


@inferlet
async def describe(line: str) -> dict[str, int | str]:
    """Count the characters and words of a line, and find its longest word. Runs on the server."""
    words = line.split()
    return {"characters": len(line), "words": len(words), "longest": max(words, key=len)}


@dataclass
class Tally:
    """Prints outcomes in the order of their lines, and the progress on a terminal."""

    waiting: dict[int, dict[str, JsonValue]] = field(default_factory=dict[int, dict[str, JsonValue]])
    """Outcomes by place that wait for the outcome of an earlier line."""
    next: int = 0
    done: int = 0
    failed: int = 0

    def add(self, place: int, outcome: dict[str, JsonValue]) -> None:
        """Record the outcome of a line, and print all outcomes whose turn it is."""
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
    """Run the program on a line, up to ``attempts`` times if the result does not arrive in time."""
    for _ in range(attempts - 1):
        with suppress(TimeoutError):
            return await attempt(launch, line, timeout)
    return await attempt(launch, line, timeout)


async def attempt(launch: Launch, line: str, timeout: float) -> JsonValue:
    """Run the program on a line once. Its process ends with the block, on timeout and cancellation too."""
    async with asyncio.timeout(timeout), await launch(line) as process:
        returned = await process.wait()
    try:
        result: JsonValue = json.loads(returned)
    except ValueError:
        return returned  # plain text
    return result


async def work(
    lines: Iterator[tuple[int, tuple[int, str]]],
    launch: Launch,
    tally: Tally,
    timeout: float,
    attempts: int,
) -> None:
    """Process lines one after another until none is left."""
    for place, (number, line) in lines:
        outcome: dict[str, JsonValue] = {"line": number}
        try:
            outcome["result"] = await result_of(launch, line, timeout, attempts)
        except PieConnectionError:
            raise  # all other lines would fail too
        except TimeoutError:
            outcome["error"] = f"no result within {timeout:g} seconds"
        except PieError as error:
            outcome["error"] = str(error)
        tally.add(place, outcome)


def filled(template: JsonValue, line: str) -> JsonValue:
    """Return a JSON value with every ``{}`` in its strings replaced by the line."""
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
    """Run the workers and return the exit status."""
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
                return client.run_with(terminate_on_exit=True)(describe, line)
            return client.launch_process(options.inferlet, filled(template, line), terminate_on_exit=True)

        full = ((number, line.rstrip("\r\n")) for number, line in enumerate(text, 1) if line.strip())
        lines = enumerate(full)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(options.jobs):
                    group.create_task(work(lines, launch, tally, options.timeout, options.attempts))
        except ExceptionGroup as errors:  # the first failure cancels the other workers
            raise errors.exceptions[0] from None
        finally:
            print(f"\r{tally}" if sys.stderr.isatty() else tally, file=sys.stderr)
    return 1 if tally.failed else 0


def parse_json(text: str) -> JsonValue:
    """Return the value of a JSON argument."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    return value


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Run a program on every line of a text, several at a time.")
    parser.add_argument("file", help="text file; - is standard input")
    parser.add_argument("uri", nargs="?", help="address of the server (default: an embedded engine)")
    parser.add_argument("--inferlet", help="program to run (default: a Python function that counts words)")
    parser.add_argument(
        "--input",
        type=parse_json,
        default='"{}"',
        help="its input as JSON; {} is replaced by the line (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs", type=int, default=8, help="lines that run concurrently (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds for a line (default: %(default)s)"
    )
    parser.add_argument(
        "--attempts",
        type=int,
        default=1,
        help="times to run a line whose result does not arrive in time (default: %(default)s)",
    )
    parser.add_argument("--user", help="user name")
    options = parser.parse_args()
    for name in ("jobs", "attempts"):
        if (number := getattr(options, name)) < 1:
            parser.error(f"--{name} {number} is too small; pass 1 or more")
    if not options.timeout > 0:  # nan included
        parser.error(f"--timeout {options.timeout:g} is too short; pass more than 0 seconds")
    return options


def discard_output() -> None:
    """Discard what could not be written to the output, so that the flush at exit does not fail too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    try:
        given = arguments()
        with nullcontext(sys.stdin) if given.file == "-" else Path(given.file).open(encoding="utf-8") as file:
            status = asyncio.run(main(file, given))
        sys.stdout.flush()  # here, so that its errors are reported below
        sys.exit(status)
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        discard_output()
        sys.exit(141)  # as after SIGPIPE
    except (PieError, ValueError) as error:
        sys.exit(f"map_lines: {error}")
    except OSError as error:
        if error.filename is None:
            discard_output()
        sys.exit(f"map_lines: {error.filename or 'output'}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
