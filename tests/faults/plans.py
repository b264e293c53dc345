"""What the processes of a schedule do, and therefore send. Client and engine make the same from the same plan."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from blake3 import blake3
from pydantic import JsonValue, TypeAdapter

from pie_client.testing import InferletSession, ProcessFailure

PROGRAM = "perform@1.0.0"
MCP_SERVER = "echo"
PLAN_SECONDS = 60.0
"""Seconds after which a process gives up waiting for its client."""

StepKind: TypeAlias = Literal["print", "eprint", "message", "file", "signal", "upload", "mcp"]
End: TypeAlias = Literal["return", "fail", "wait"]
Item: TypeAlias = tuple[str, str]
"""Kind of an event, and its text; for a file its digest."""


@dataclass(frozen=True)
class Step:
    """Something that a process does.

    Attributes:
        size: Bytes that it sends, or of the file that it waits for.
    """

    kind: StepKind
    size: int = 0


@dataclass(frozen=True)
class Plan:
    """What one process does.

    Attributes:
        key: Name of the process in its output and in the ledger; unique in an engine.
        end: How it ends: it returns, fails, or waits until it is terminated.
    """

    key: str
    steps: tuple[Step, ...]
    end: End = "return"

    def text(self, index: int) -> str:
        """Return what a step prints or sends: letters that no other step sends."""
        name = f"{self.key}.{index}:"
        return name + blake3(name.encode()).digest(length=self.steps[index].size // 2).hex()

    def data(self, index: int) -> bytes:
        """Return the file of a step."""
        return blake3(self.text(index).encode()).digest(length=self.steps[index].size)

    def digest(self, index: int) -> str:
        """Return the digest of the file of a step."""
        return blake3(self.data(index)).hexdigest()

    def signal(self, index: int) -> str:
        """Return the signal that a step waits for."""
        return f"{self.key}.{index}!"

    def request(self, index: int) -> str:
        """Return the message that asks the client for the signal or the file of a step."""
        return f"{self.key}.{index}?"

    @property
    def result(self) -> JsonValue:
        """What the process returns."""
        return {"key": self.key, "steps": len(self.steps)}

    @property
    def items(self) -> list[Item]:
        """What the process sends before it ends."""
        found: list[Item] = []
        for index, step in enumerate(self.steps):
            match step.kind:
                case "print":
                    found.append(("stdout", self.text(index)))
                case "eprint":
                    found.append(("stderr", self.text(index)))
                case "message":
                    found.append(("message", self.text(index)))
                case "file":
                    found.append(("file", self.digest(index)))
                case "signal":
                    found += [("message", self.request(index)), ("stdout", self.signal(index))]
                case "upload":
                    found += [("message", self.request(index)), ("stdout", self.digest(index))]
                case "mcp":
                    found.append(("stdout", self.text(index)))
        return found


def cut(items: Iterable[Item], size: int | None) -> list[Item]:
    """Return items as a server sends them that cuts output after ``size`` bytes."""
    return [
        (kind, text[at : at + size] if size and kind in ("stdout", "stderr") else text)
        for kind, text in items
        for at in (range(0, len(text), size) if size and kind in ("stdout", "stderr") else (0,))
    ]


PLAN = TypeAdapter(Plan)


@dataclass
class Entry:
    """What happened to one process."""

    starts: int = 0
    signals: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """That a process started, or received a signal or a file, whose text or digest it is."""

    key: str
    what: Literal["start", "signal", "file"]
    text: str = ""


def note(entries: dict[str, Entry], receipt: Receipt) -> None:
    """Add a receipt to the entry of its process."""
    entry = entries.setdefault(receipt.key, Entry())
    match receipt.what:
        case "start":
            entry.starts += 1
        case "signal":
            entry.signals += (receipt.text,)
        case "file":
            entry.files += (receipt.text,)


LEDGER = TypeAdapter(dict[str, Entry])


class Ledger:
    """What the processes of an engine have received, by the keys of their plans."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def note(self, receipt: Receipt) -> None:
        """Note that a process started or received something."""
        note(self._entries, receipt)

    def take(self, prefix: str) -> dict[str, Entry]:
        """Remove and return the entries of the keys with a prefix."""
        return {key: self._entries.pop(key) for key in list(self._entries) if key.startswith(prefix)}

    async def perform(self, session: InferletSession, input: JsonValue) -> JsonValue:
        """Do what the input, a plan, says."""
        plan = PLAN.validate_python(input)
        self.note(Receipt(plan.key, "start"))
        async with asyncio.timeout(PLAN_SECONDS):
            for index in range(len(plan.steps)):
                await self._do(session, plan, index)
            if plan.end == "wait":
                await asyncio.get_running_loop().create_future()
        if plan.end == "fail":
            raise ProcessFailure(plan.key)
        return plan.result

    async def _do(self, session: InferletSession, plan: Plan, index: int) -> None:
        match plan.steps[index].kind:
            case "print":
                session.print(plan.text(index), end="")
            case "eprint":
                session.eprint(plan.text(index), end="")
            case "message":
                session.send(plan.text(index))
            case "file":
                session.send_file(plan.data(index))
            case "signal":
                session.send(plan.request(index))
                signal = await session.receive()
                self.note(Receipt(plan.key, "signal", signal))
                session.print(signal, end="")
            case "upload":
                session.send(plan.request(index))
                digest = blake3(await session.receive_file()).hexdigest()
                self.note(Receipt(plan.key, "file", digest))
                session.print(digest, end="")
            case "mcp":
                echoed = await session.mcp.call_tool(MCP_SERVER, plan.text(index))
                session.print(echoed, end="")
        await asyncio.sleep(0)  # let other processes send in between
