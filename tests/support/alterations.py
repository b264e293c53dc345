"""What a server may send in place of the right message, as faults of LocalEngine."""

import asyncio
from collections.abc import Callable, Mapping

from blake3 import blake3
from pydantic import JsonValue

from pie_client import models
from pie_client.base import WireModel
from pie_client.testing import Fault, Faults

UNKNOWN = "telemetry"
"""A message type, event kind and server name that the protocol does not define."""
ENDS = (models.ReturnFrame, models.ErrorFrame)
EVENTS = (models.StdoutFrame, models.StderrFrame, models.MessageFrame, *ENDS)


def insert(
    faults: Faults,
    content: WireModel | Mapping[str, object] | bytes | str = b"\xc1",
    *,
    times: int | None = 1,
) -> Fault:
    """Send something before the next message. Default: the one byte that msgpack never uses."""
    return faults.alter(lambda fields: [content, fields], times=times)


def extra_keys(
    faults: Faults, keys: Mapping[str, JsonValue] | None = None, *, times: int | None = 1
) -> Fault:
    """Add unknown keys to a message."""
    added = {UNKNOWN: {"list": [1, 2.5, "text", True, None]}} if keys is None else keys
    return faults.alter(lambda fields: [{**fields, **added}], times=times)


def change(
    faults: Faults, of: type[WireModel], values: Mapping[str, object], *, times: int | None = 1
) -> Fault:
    """Send other values of fields."""
    return faults.alter(lambda fields: [{**fields, **values}], of, times=times)


def empty_launch_id(faults: Faults, *, times: int | None = 1) -> Fault:
    """Confirm a launch without the id of the process, although the client asked for its output."""
    return faults.alter(
        lambda fields: [{**fields, "result": ""}] if fields["ok"] else None,
        models.LaunchProcessRequest,
        times=times,
    )


def oversize(
    faults: Faults, size: int, of: type[WireModel] = models.ReturnFrame, *, times: int | None = 1
) -> Fault:
    """Fill up the text of an event, or of the reply to a request, with spaces."""

    def fill(fields: Mapping[str, object]) -> list[Mapping[str, object]] | None:
        name = "result" if "result" in fields else "value"
        return [{**fields, name: str(fields[name]).ljust(size)}] if name in fields else None

    return faults.alter(fill, of, times=times)


def missing_value(
    faults: Faults, event: type[WireModel] = models.StdoutFrame, *, times: int | None = 1
) -> Fault:
    """Leave out the value of an event."""
    return faults.alter(
        lambda fields: [{name: value for name, value in fields.items() if name != "value"}],
        event,
        times=times,
    )


def unknown_event_kind(
    faults: Faults, kind: str = UNKNOWN, value: str | None = "1", *, times: int | None = 1
) -> Fault:
    """Send an event of an unknown kind before the next event of a process, with a value or without."""

    def insert_event(fields: Mapping[str, object]) -> list[Mapping[str, object]]:
        event = models.UnknownFrame(process_id=str(fields["process_id"]), event=kind, value=value)
        return [event.model_dump(exclude_none=True), fields]

    return faults.alter(insert_event, *EVENTS, models.FileChunk, times=times)


def events_after_end(faults: Faults, *, times: int | None = 1) -> Fault:
    """Send an event and a file of a process after its end."""
    data = b"after the end\n"

    def follow(fields: Mapping[str, object]) -> list[Mapping[str, object] | WireModel]:
        process_id = str(fields["process_id"])
        chunk = models.FileChunk(
            process_id=process_id,
            file_hash=blake3(data).hexdigest(),
            chunk_index=0,
            total_chunks=1,
            chunk_data=data,
        )
        return [fields, models.StdoutFrame(process_id=process_id, value=data.decode()), chunk]

    return faults.alter(follow, *ENDS, times=times)


def second_terminal(faults: Faults, *, times: int | None = 1) -> Fault:
    """End a process twice: with an error after it returned, or the reverse."""

    def follow(fields: Mapping[str, object]) -> list[Mapping[str, object] | WireModel]:
        other = models.ErrorFrame if fields["event"] == "return" else models.ReturnFrame
        return [fields, other(process_id=str(fields["process_id"]), value='"a second end"')]

    return faults.alter(follow, *ENDS, times=times)


def split_utf8(faults: Faults, *, times: int | None = 1) -> Fault:
    """Split output within a character, so that it arrives as two events with replacement characters."""

    def split(fields: Mapping[str, object]) -> list[Mapping[str, object]] | None:
        data = str(fields.get("value", "")).encode()
        if data.isascii():
            return None
        place = next(place for place, byte in enumerate(data, 1) if byte >= 0x80)
        return [{**fields, "value": half.decode(errors="replace")} for half in (data[:place], data[place:])]

    return faults.alter(split, models.StdoutFrame, models.StderrFrame, times=times)


def _of_chunk(
    faults: Faults,
    index: int,
    instead: Callable[[Mapping[str, object]], list[Mapping[str, object]]],
    times: int | None,
) -> Fault:
    return faults.alter(
        lambda fields: instead(fields) if fields["chunk_index"] == index else None,
        models.FileChunk,
        times=times,
    )


def drop_file_chunk(faults: Faults, index: int = 0, *, times: int | None = 1) -> Fault:
    """Leave out a chunk of a file."""
    return _of_chunk(faults, index, lambda _fields: [], times)


def duplicate_file_chunk(faults: Faults, index: int = 0, *, times: int | None = 1) -> Fault:
    """Send a chunk of a file twice."""
    return _of_chunk(faults, index, lambda fields: [fields, fields], times)


def duplicate_reply(faults: Faults, request: type[WireModel], *, times: int | None = 1) -> Fault:
    """Send a reply twice, as servers do for the chunks of an upload that failed."""
    return faults.alter(lambda fields: [fields, fields], request, times=times)


def lose_file(faults: Faults, digest: str) -> Fault:
    """Do not send a file, as servers do with empty ones."""
    return faults.alter(
        lambda fields: [] if fields["file_hash"] == digest else None, models.FileChunk, times=None
    )


def events_before_reply(
    faults: Faults, events: int = 1, request: type[WireModel] = models.LaunchProcessRequest
) -> Fault:
    """Send the reply to a request after so many events, at the latest after the end of a process."""
    enough = asyncio.Event()
    kinds: list[object] = []

    def watch(fields: Mapping[str, object]) -> None:
        kinds.append(fields["event"])
        if len(kinds) >= events or kinds[-1] in ("return", "error"):
            enough.set()

    faults.alter(watch, *EVENTS, times=None)
    return faults.delay(request, enough)


def terminate_event_before_reply(faults: Faults) -> Fault:
    """Send the end of a terminated process before the reply to the request."""
    return events_before_reply(faults, 1, models.TerminateProcessRequest)


def nil_name(faults: Faults, *, times: int | None = None) -> Fault:
    """Send chunks with nil for a name."""
    return change(faults, models.FileChunk, {"name": None}, times=times)
