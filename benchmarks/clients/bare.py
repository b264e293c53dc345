"""The messages of a client that has nothing but a WebSocket library and msgpack, and what it does with replies."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgpack
from measuring import WARM_UP

CHUNK_BYTES = 256 << 10
WARMING = {"events": WARM_UP, "size": 16}


def launch(**wanted: int) -> bytes:
    """Return a request to launch a process; the server replies with its id."""
    return msgpack.packb(
        {
            "type": "launch_process",
            "corr_id": 1,
            "inferlet": "a@1.0.0",
            "input": json.dumps(wanted),
            "capture_outputs": True,
        }
    )


def go(process_id: str) -> bytes:
    """Return the signal that starts the output of a process."""
    return msgpack.packb({"type": "signal_process", "process_id": process_id, "message": "go"})


def ping(number: int) -> bytes:
    """Return a ping."""
    return msgpack.packb({"type": "ping", "corr_id": number})


def chunks(program: str) -> Iterator[bytes]:
    """Yield the messages of an upload."""
    total = -(-Path(program).stat().st_size // CHUNK_BYTES)
    with Path(program).open("rb") as file:
        for number in range(total):
            yield msgpack.packb(
                {
                    "type": "add_program",
                    "corr_id": 1,
                    "program_hash": "0" * 64,
                    "manifest": "",
                    "force_overwrite": True,
                    "chunk_index": number,
                    "total_chunks": total,
                    "chunk_data": file.read(CHUNK_BYTES),
                }
            )
