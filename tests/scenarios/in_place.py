"""Boot a real engine in the environment of pie-server, and use the client that its own `Server.connect()` hands out.

`python in_place.py MODEL`, with the Python of an environment in which this package takes the place of the published client.
Prints one line of JSON: what each step gave.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from boot import configuration
from pie.server import Server

import pie_client
from pie_client import Event, PieClient, inferlet

TIMEOUT = 240.0
"""Seconds for a step: the first of a new engine compile."""
COMPLETION = "compat-openai@0.1.0"
SCRIPT = "async def main(input):\n    return input\n"
MANIFEST = '[package]\nname = "in-place"\nversion = "1.0.0"\n[runtime]\nlanguage = "python"\nentry = "main"\n'


@inferlet
async def shout(text: str, times: int = 1) -> list[str]:
    """Return a text in capitals, several times."""
    return [text.upper()] * times


async def launched(client: PieClient, program: str, input: object) -> tuple[str, Any]:
    """Return the last event of a process."""
    process = await client.launch_process(program, input)
    while True:
        event, value = await process.recv()
        if event in (Event.Return, Event.Error):
            return event.name, json.loads(value) if event == Event.Return else value


async def use(client: PieClient) -> dict[str, object]:
    """Return what each request gives."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "in_place.py"), Path(folder, "Pie.toml")
        paths[0].write_text(SCRIPT, "utf-8")
        paths[1].write_text(MANIFEST, "utf-8")
        await client.install_program(*paths, force_overwrite=True)
    await client.ping()
    _, answer = await launched(client, COMPLETION, {"prompt": "hi", "max_tokens": 2})
    return {
        "client": [type(client).__module__, pie_client.__file__],
        "query": [key.rpartition(".")[2] for key in await client.query("model_status", "")],
        "installed": await client.check_program("in-place@1.0.0"),
        "launched": await launched(client, "in-place@1.0.0", {"a": [1, "é"]}),
        "generated": answer["usage"]["completion_tokens"],
        "function": await (await client.run(shout, text="hello", times=2)).result(),
    }


async def main(model: str) -> None:
    """Boot, connect, and use the client."""
    async with asyncio.timeout(TIMEOUT), Server(configuration(model, 0)) as server:
        client = await server.connect()
        try:
            print(json.dumps(await use(client)), flush=True)
        finally:
            await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
