"""Show the events of a process: for people, or each as a line of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pie_client._generated.events import (
    KIND_OF,
    ErrorEvent,
    Event,
    MessageEvent,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    UnknownEvent,
)
from pie_client._generated.families import EVENT, EVENT_TEXT, PROCESS
from pie_client.cli import inputs, output
from pie_client.cli.running import Status
from pie_client.connection.threads import in_thread
from pie_client.protocol.files import FileEvent
from pie_client.protocol.items import CorruptEvent, ProcessEvent

if TYPE_CHECKING:
    from pie_client import Process

END_SECONDS = 5.0
"""How long a process that was terminated may take to send its last event."""
LOST = "lost"
"""In JSON, the kind of an event that arrived corrupt."""


class Follower:
    """Writes the events of a process.

    Args:
        folder: Where its files are saved; None to say that there was one.
        as_json: Whether to write each event as a line of JSON.
    """

    def __init__(self, folder: Path | None, *, as_json: bool) -> None:
        self._folder = folder
        self._as_json = as_json
        self._middle = False
        """Whether the last text on standard output did not end its line."""
        self._incomplete = False

    async def follow(self, process: Process[object]) -> Status:
        """Write the events of a process until it ends. Raises ProcessError if it failed."""
        async for event in process:
            # In a thread: a pipe whose reader is slow blocks.
            await in_thread(self._show, process.process_id, event)
            if isinstance(event, ErrorEvent):
                await process.wait()  # raises the error that fits the text
        return Status.REFUSED if self._incomplete else Status.OK

    def _show(self, process_id: str, event: ProcessEvent) -> None:
        saved: Path | None = None
        if isinstance(event, FileEvent):
            with event:
                saved = None if self._folder is None else event.save(f"{self._folder}/")
        if isinstance(event, CorruptEvent):
            self._incomplete = True
            output.note(f"lost: {event.value}")
        if self._as_json:
            output.write_json({PROCESS: process_id, **_fields(event, saved)})
        elif isinstance(event, FileEvent):
            name = event.name or event.digest[:16]
            where = f"saved as {saved}" if saved else "not saved; --save-files DIR saves files"
            output.note(f"file {name!r} of {event.size} bytes {where}")
        else:
            self._show_text(event)

    def _show_text(self, event: ProcessEvent) -> None:
        match event:
            case StdoutEvent(text):
                output.write(text)
                self._middle = not text.endswith("\n") if text else self._middle
            case StderrEvent(text):
                output.write_error(text)
            case MessageEvent(text):
                self._write_line(text)
            case ReturnEvent(text):
                if (shown := _readable(text)) is not None:
                    self._write_line(shown)
                elif self._middle:
                    output.write("\n")
            case ErrorEvent():
                if self._middle:
                    output.write("\n")
            case UnknownEvent():
                output.note(f"event of unknown kind {event.event!r}; a newer pie-client may know it")
            case _:
                pass

    def _write_line(self, text: str) -> None:
        output.write(("\n" if self._middle else "") + text + "\n")
        self._middle = False


def value_of(text: str) -> object:
    """Return what a process returned, decoded from JSON; the text if it is not JSON; None if it is empty."""
    try:
        return inputs.parse_json(text)
    except ValueError:
        return text or None


def _readable(text: str) -> str | None:
    """Return what a process returned as text for people: a JSON string without quotes; None for null and empty texts."""
    value = value_of(text)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else text


def _fields(event: ProcessEvent, saved: Path | None) -> dict[str, object]:
    """Return the fields of an event's line of JSON."""
    if isinstance(event, FileEvent):
        fields = {"name": event.name, "size": event.size, "digest": event.digest}
        return {EVENT: Event.File.value, **fields, "path": None if saved is None else str(saved)}
    if isinstance(event, UnknownEvent):
        return {EVENT: event.event, EVENT_TEXT: event.value}
    if isinstance(event, CorruptEvent):
        return {EVENT: LOST, EVENT_TEXT: event.value}
    return {EVENT: KIND_OF[type(event)].value, EVENT_TEXT: event.value}
