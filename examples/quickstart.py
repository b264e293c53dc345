r"""Launch a program and print the text that it streams.

python examples/quickstart.py                                  # on an embedded engine, without a server
python examples/quickstart.py ws://127.0.0.1:8080              # on your server
python examples/quickstart.py ws://127.0.0.1:8080 --user alice --key ~/.ssh/id_ed25519
python examples/quickstart.py ws://127.0.0.1:8080 --inferlet compat-openai@0.1.0 \
        --input '{"prompt": "hi", "max_tokens": 3, "stream": true}'
"""

import argparse
import asyncio
import json
import os
import sys

from pydantic import JsonValue

from pie_client import Event, ParsedPrivateKey, PieClient, PieError
from pie_client.testing import InferletSession, LocalEngine

INPUT = '{"prompt": "Hello world", "max_tokens": 64}'
SIGPIPE_STATUS = 141
SIGINT_STATUS = 130


async def complete(
    uri: str, inferlet: str, input: JsonValue, user: str, key: ParsedPrivateKey | None
) -> None:
    """Launch the inferlet and print its events until it returns or fails."""
    async with PieClient(uri) as client:
        # The key is needed only if the server has authentication enabled.
        await client.authenticate(user, key)

        process = await client.launch_process(inferlet, input=input)

        while True:
            event, value = await process.recv()
            if event in (Event.Stdout, Event.Message):
                print(value, end="", flush=True)
            elif event == Event.Return:
                print("\n[done]", value)
                break
            elif event == Event.Error:
                print("\n[error]", value)
                break


async def recite(session: InferletSession, input: JsonValue) -> JsonValue:
    """Print fixed words in place of a text completion: the embedded engine has no model."""
    prompt = input.get("prompt", "Hello") if isinstance(input, dict) else input
    words = f"{prompt}, said the embedded engine, which has no model.".split(" ")
    for word in words:
        session.print(word, end=" ")
        await asyncio.sleep(0.05)  # makes the streaming visible
    return {"text": " ".join(words), "words": len(words)}


def parse_json(text: str) -> JsonValue:
    """Return the value of a JSON argument."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise ValueError(f"--input is not JSON: {error}") from None
    return value


async def main() -> None:
    """Parse the command line and run the program."""
    parser = argparse.ArgumentParser(description="Launch a program on a Pie server and print its events.")
    parser.add_argument(
        "uri", nargs="?", help="address of the server, e.g. ws://127.0.0.1:8080 (default: an embedded engine)"
    )
    parser.add_argument(
        "--inferlet", default="text-completion@0.1.0", help="program to launch (default: %(default)s)"
    )
    parser.add_argument("--input", default=INPUT, help="its input, as JSON (default: %(default)s)")
    parser.add_argument("--user", default="alice", help="user name (default: %(default)s)")
    parser.add_argument("--key", help="private key file, if the server asks for a key")
    options = parser.parse_args()
    key = ParsedPrivateKey.from_file(options.key) if options.key else None
    value = parse_json(options.input)
    if options.uri is not None:
        await complete(options.uri, options.inferlet, value, options.user, key)
        return
    async with LocalEngine() as engine:
        engine.inferlet(options.inferlet)(recite)
        print(f"(embedded engine at {engine.uri}; no model runs in it)")
        await complete(engine.uri, options.inferlet, value, options.user, key)


def discard_output() -> None:
    """Discard what could not be written to the output, so that the flush at exit does not fail too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    try:
        asyncio.run(main())
        sys.stdout.flush()  # here, so that its errors are reported below
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        discard_output()
        sys.exit(SIGPIPE_STATUS)
    except (PieError, ValueError) as error:
        sys.exit(f"quickstart: {error}")
    except OSError as error:
        if error.filename is None:
            discard_output()
        sys.exit(f"quickstart: {error.filename or 'output'}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(SIGINT_STATUS)
