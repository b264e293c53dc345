"""Builders of frames for the recorded conversations."""

import msgpack
from blake3 import blake3

from tests.conformance.conversations import PROCESS

VALID = bytes.fromhex("82a474797065a470696e67a7636f72725f696401")
"""A ping, encoded as clients encode it."""
PROGRAM = "conversation"


def packed(*values: object) -> bytes:
    """Return a message encoded as an array."""
    return msgpack.packb(list(values))


def message(tag: object, /, **fields: object) -> bytes:
    """Return a message encoded as a map."""
    return msgpack.packb({"type": tag, **fields})


def ping(corr_id: object = 1, **more: object) -> bytes:
    return message("ping", corr_id=corr_id, **more)


def manifest(version: str = "1.0.0", name: str = PROGRAM, language: str = "python") -> str:
    return f'[package]\nname = "{name}"\nversion = "{version}"\n[runtime]\nlanguage = "{language}"\n'


def add(data: bytes, index: int = 0, total: int = 1, **more: object) -> bytes:
    """Return a chunk of a program; by default the only chunk. ``...`` omits a field."""
    fields: dict[str, object] = {
        "corr_id": 1,
        "program_hash": blake3(data).hexdigest(),
        "manifest": manifest(),
        "force_overwrite": True,
        "chunk_index": index,
        "total_chunks": total,
        "chunk_data": data,
    }
    return message("add_program", **{k: v for k, v in {**fields, **more}.items() if v is not ...})


def launch(program: object = f"{PROGRAM}@1.0.0", **more: object) -> bytes:
    fields = {"corr_id": 2, "inferlet": program, "input": "{}", "capture_outputs": True, **more}
    return message("launch_process", **{k: v for k, v in fields.items() if v is not ...})


def about(tag: str, process_id: object, **more: object) -> bytes:
    return message(tag, corr_id=3, process_id=process_id, **more)


def signal(text: str, process_id: str = PROCESS) -> bytes:
    return message("signal_process", process_id=process_id, message=text)


def transfer(**more: object) -> bytes:
    fields: dict[str, object] = {
        "process_id": "x",
        "file_hash": "h",
        "chunk_index": 0,
        "total_chunks": 1,
        "chunk_data": b"",
    }
    return message("transfer_file", **{**fields, **more})


def listing() -> bytes:
    return message("list_processes", corr_id=4)
