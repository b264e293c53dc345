"""Boot a real engine: `python boot.py MODEL PORT`, with port 0 for a free one, with the Python that pie-server is installed in.

Prints the engine's address when it listens. Stops when standard input ends, so that it never outlives its parent.
"""

import asyncio
import sys

from pie.config import Config, EngineConfig, ModelConfig, ServerConfig
from pie.server import Server

LIMITS = {
    # Mesa's software Vulkan reports 2 GiB, which is what the engine reserves for other programs.
    "device_memory": "8GiB",
    # Without these limits the engine allocates 4 GiB in one piece.
    "max_forward_tokens": 256,
    "max_forward_requests": 8,
    "max_state_slots": 16,
    "max_total_pages": 256,
}


def configuration(model: str, port: int) -> Config:
    """Return the settings of an engine that needs no GPU."""
    engine = EngineConfig(type="wgpu", device=["wgpu:0"], options=LIMITS)
    return Config(
        server=ServerConfig(port=port),
        model=ModelConfig(name="default", hf_repo=model, sku="qwen35-tiny-u4g64-kv-bf16", engine=engine),
    )


async def serve(model: str, port: int) -> None:
    """Run the engine until standard input ends."""
    async with Server(configuration(model, port)) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
