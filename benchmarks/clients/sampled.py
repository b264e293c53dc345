"""Do work of pie.py and print where its CPU time goes: `python sampled.py stages|lines URI NAME ARGUMENTS`.

A signal after each few milliseconds of CPU time samples the stack while the clock of the work runs. The time of a thread
counts where the main thread waits: in the event loop.
"""

import json
import linecache
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import measuring

INTERVAL = 0.001
"""Seconds of CPU time between samples; systems round it up."""
CALLS = {
    "unpack": "unpackb",
    ".pack(": "pack",
    "model_validate": "validate the model",
    "model_dump": "dump the model",
}
"""Stages by a part of the line, for calls of compiled code."""
FILES = {
    "/pie_client/connection/transport.py": "WebSocket",
    "/pie_client/connection/websocket.py": "WebSocket",
    "/websockets/": "WebSocket",
    "/pie_client/connection/": "connection",
    "/pie_client/_generated/decoders.py": "check and convert fields",
    "/pie_client/_generated/events.py": "check and convert fields",
    "/pie_client/protocol/codec.py": "check and convert fields",
    "/pie_client/protocol/prefixes.py": "check and convert fields",
    "/pie_client/base.py": "check and convert fields",
    "/pie_client/_generated/encoders.py": "build the request",
    "/pie_client/_generated/": "build the request",
    "/pie_client/protocol/requests.py": "build the request",
    "/pie_client/protocol/mailbox.py": "mailbox",
    "/pie_client/protocol/": "route",
    "/pie_client/process.py": "recv()",
    "/pie_client/": "client",
    "/asyncio/": "event loop, system calls",
    "/selectors.py": "event loop, system calls",
    "/clients/": "the program that reads",
}
"""Stages by a part of the path of the innermost frame that has one."""


def stage_of(frame: FrameType | None) -> str:
    while frame is not None:
        file = frame.f_code.co_filename
        if "/pie_client/" in file:
            line = linecache.getline(file, frame.f_lineno or 0)
            for part, stage in CALLS.items():
                if part in line:
                    return stage
        for part, stage in FILES.items():
            if part in file:
                return stage
        frame = frame.f_back
    return "other"


def line_of(frame: FrameType) -> str:
    file = frame.f_code.co_filename
    line = linecache.getline(file, frame.f_lineno or 0).strip()
    return f"{'/'.join(Path(file).parts[-2:])}:{frame.f_lineno} {line}"


def main() -> None:
    key = {"stages": stage_of, "lines": line_of}[sys.argv.pop(1)]
    samples: Counter[str] = Counter()

    def sample(_number: int, frame: FrameType | None) -> None:
        samples[key(frame)] += 1

    class Clock(measuring.Clock):
        def __init__(self) -> None:
            super().__init__()
            signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

        def report(self, units: float, **figures: float) -> None:
            super().report(units, **figures)
            signal.setitimer(signal.ITIMER_PROF, 0)

    signal.signal(signal.SIGPROF, sample)
    measuring.Clock = Clock
    runpy.run_path(str(Path(__file__).with_name("pie.py")))
    print(json.dumps(samples))


main()
