r"""Launch a program and stream what it says.

python examples/quickstart.py                                  # on an embedded engine: no server needed
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


async def complete(
    uri: str, inferlet: str, input: JsonValue, user: str, key: ParsedPrivateKey | None
) -> None:
    """Launch the inferlet and print its events until it returns or fails."""
    async with PieClient(uri) as client:
        # The key is needed only where the server has authentication switched on.
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
    """Play a text completion: no model runs here, the words are always the same."""
    prompt = input.get("prompt", "Hello") if isinstance(input, dict) else input
    words = f"{prompt}, said the embedded engine, which has no model.".split(" ")
    for word in words:
        session.print(word, end=" ")
        await asyncio.sleep(0.05)  # so that one sees it stream
    return {"text": " ".join(words), "words": len(words)}


def as_json(text: str) -> JsonValue:
    """Read a value on the command line."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise ValueError(f"--input is not JSON: {error}") from None
    return value


async def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Launch a program on a Pie server and stream its events.")
    parser.add_argument(
        "uri",
        nargs="?",
        help="the server, e.g. ws://127.0.0.1:8080; without it an embedded engine is started",
    )
    parser.add_argument(
        "--inferlet", default="text-completion@0.1.0", help="program to launch (default: %(default)s)"
    )
    parser.add_argument("--input", default=INPUT, help="its input, as JSON (default: %(default)s)")
    parser.add_argument("--user", default="alice", help="user name (default: %(default)s)")
    parser.add_argument("--key", help="private key file, where the server asks for one")
    options = parser.parse_args()
    key = ParsedPrivateKey.from_file(options.key) if options.key else None
    given = as_json(options.input)
    if options.uri is not None:
        await complete(options.uri, options.inferlet, given, options.user, key)
        return
    async with LocalEngine() as engine:
        engine.inferlet(options.inferlet)(recite)
        print(f"(embedded engine at {engine.uri}; no model runs in it)")
        await complete(engine.uri, options.inferlet, given, options.user, key)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except BrokenPipeError:  # who read the output has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # takes what is still to be written
        sys.exit(141)  # as those that end by SIGPIPE
    except (PieError, ValueError) as error:
        sys.exit(f"quickstart: {error}")
    except OSError as error:
        sys.exit(f"quickstart: {error.filename or 'output'}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
