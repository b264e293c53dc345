"""From the start of the interpreter to the first event: `python cold.py URI`."""

import asyncio
import sys
import time

from pie_client import PieClient


async def main() -> None:
    """Print the CPU seconds since the start and the time of the first event on the system's clock."""
    client = PieClient(sys.argv[1])
    await client.connect()
    process = await client.launch_process("a@1.0.0", input={"events": 1, "size": 16})
    await process.signal("go")
    await process.recv()
    now, cpu = time.perf_counter(), time.process_time()
    print(cpu, now)
    await client.close()


asyncio.run(main())
