"""Compare how fast clients receive a stream: `python benchmarks/stream.py this=PYTHON other=PYTHON`.

Each argument names an interpreter whose environment has a client installed. A server in a process of its own sends
every client the same events as fast as the client reads. The clients take turns; the table shows the best run of each.
Both sides share the machine, so compare the ratios.
"""

import argparse
import asyncio
import subprocess
import sys
import uuid

from websockets.asyncio.server import ServerConnection, serve

from pie_client import models
from pie_client.protocol.codec import decode_client_message, encode_server_message

EVENTS = 50_000
ROUNDS = 5
CLIENT = """
import asyncio, sys, time
from pie_client import Event, PieClient

async def main():
    async with PieClient(sys.argv[1]) as client:
        await client.authenticate("alice")
        process = await client.launch_process("stream@1.0.0", input={})
        count, begin, cpu = 0, time.perf_counter(), time.process_time()
        while (await process.recv())[0] != Event.Return:
            count += 1
        print(count / (time.perf_counter() - begin), (time.process_time() - cpu) / count * 1e6)

asyncio.run(main())
"""


async def answer(socket: ServerConnection) -> None:
    """Act as a 0.4 server with one program, which prints short texts."""
    async for frame in socket:
        request = decode_client_message(frame)
        if isinstance(request, models.AuthIdentifyRequest):
            text = "Authenticated (Engine disabled authentication)"
            await socket.send(
                encode_server_message(models.Response(corr_id=request.corr_id, ok=True, result=text), "0.4")
            )
        elif isinstance(request, models.LaunchProcessRequest):
            process_id = str(uuid.uuid4())
            reply = models.Response(corr_id=request.corr_id, ok=True, result=process_id)
            await socket.send(encode_server_message(reply, "0.4"))
            event = encode_server_message(
                models.StdoutFrame(process_id=process_id, value="hello world tok"), "0.4"
            )
            for _ in range(EVENTS):
                await socket.send(event)
            await socket.send(
                encode_server_message(models.ReturnFrame(process_id=process_id, value="1"), "0.4")
            )


async def listen() -> None:
    """Serve until the process is terminated; print the port first."""
    async with serve(answer, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Future()


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Compare how fast clients receive a stream.")
    parser.add_argument(
        "client", nargs="+", help="NAME=PYTHON, an interpreter in whose environment a client is installed"
    )
    pythons = dict(client.partition("=")[::2] for client in parser.parse_args().client)
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    best: dict[str, tuple[float, float]] = {}
    try:
        uri = f"ws://127.0.0.1:{server.stdout.readline().strip() if server.stdout else ''}"
        for number in range(ROUNDS):
            for name, python in pythons.items():
                done = subprocess.run(  # noqa: S603 - the interpreter that the caller named
                    [python, "-c", CLIENT, uri], capture_output=True, text=True, check=True, timeout=120
                )
                rate, cpu = map(float, done.stdout.split())
                best[name] = max(best.get(name, (0.0, 0.0)), (rate, cpu))
            print(f"\rround {number + 1} of {ROUNDS}", end="", file=sys.stderr, flush=True)
    finally:
        server.terminate()
        server.wait()
    print(file=sys.stderr)
    print("| client | events/s | CPU per event, µs | rate in units of the first |\n|---|---|---|---|")
    first = next(iter(best.values()))[0]
    for name, (rate, cpu) in best.items():
        print(f"| {name} | {rate:,.0f} | {cpu:.1f} | {rate / first:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        asyncio.run(listen())
    else:
        main()
