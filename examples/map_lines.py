r"""Run a program on every line of a text, several at a time, and print the results as JSON lines.

python examples/map_lines.py README.md                            # a Python function, on an embedded engine
python examples/map_lines.py README.md ws://127.0.0.1:8080        # the same function on your 0.5 server
python examples/map_lines.py prompts.txt ws://127.0.0.1:8080 --jobs 4 --inferlet compat-openai@0.1.0 \
        --input '{"prompt": "{}", "max_tokens": 3}'               # any program; {} stands for the line

Prints one object for each line that is not empty, in the order of the text: the line's number with its result or its
error. A line that fails does not stop the others; the exit status is then 1. With --attempts, a line whose result does not
arrive in time is run again. With --journal, a run that was interrupted goes on with the same command. With - as the file, it
reads standard input, and the other lines wait while that blocks.
"""

import argparse
import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path

from pydantic import JsonValue

from pie_client import MapFunction, MapProgress, MapResult, PieClient, PieError, inferlet
from pie_client.testing import LocalEngine


@inferlet
async def describe(line: JsonValue) -> dict[str, int | str]:
    """Count the characters and words of a line, and find its longest word. Runs on the server."""
    text = str(line)
    words = text.split()
    return {"characters": len(text), "words": len(words), "longest": max(words, key=len)}


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


def outcome_of(result: MapResult[JsonValue, str]) -> dict[str, JsonValue]:
    """Return the result or the error of a line as a JSON object."""
    if result.error is not None:
        return {"error": str(result.error)}
    try:
        return {"result": json.loads(result.text)}
    except ValueError:
        return {"result": result.text}  # plain text


def tally(progress: MapProgress) -> str:
    """Return the progress as text."""
    return f"{progress.done + progress.failed} lines done, {progress.failed} of them failed"


def show(progress: MapProgress) -> None:
    """Show the progress on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{tally(progress)}", end="", file=sys.stderr, flush=True)


async def main(text: Iterable[str], options: argparse.Namespace) -> int:
    """Run the program on the lines and return the exit status."""
    template: JsonValue = options.input
    program: str | MapFunction[JsonValue, object] = options.inferlet or describe
    numbers: deque[int] = deque()
    """Numbers of the lines whose results are not printed yet."""

    def inputs() -> Iterator[JsonValue]:
        for number, line in enumerate(text, 1):
            if line.strip():
                numbers.append(number)
                yield filled(template, line.rstrip("\r\n")) if options.inferlet else line.rstrip("\r\n")

    async with AsyncExitStack() as stack:
        uri: str | None = options.uri
        if uri is None:
            uri = (await stack.enter_async_context(LocalEngine(allow_scripts=True))).uri
            print(f"(embedded engine at {uri}; no model runs in it)", file=sys.stderr)
        client = await stack.enter_async_context(PieClient(uri, username=options.user))
        results = await stack.enter_async_context(
            client.map(
                program,
                inputs(),
                str,
                concurrency=options.jobs,
                timeout=options.timeout,
                retries=options.attempts - 1,
                on_error="return",
                on_progress=show,
                journal=options.journal,
            )
        )
        try:
            async for result in results:
                outcome = {"line": numbers.popleft(), **outcome_of(result)}
                print(json.dumps(outcome, ensure_ascii=False), flush=True)
        finally:
            print("\r" * sys.stderr.isatty() + tally(results.progress), file=sys.stderr)
        return 1 if results.progress.failed else 0


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
    parser.add_argument("--journal", help="file that keeps the results, to go on after an interruption")
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
