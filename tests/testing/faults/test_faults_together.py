"""Faults that are requested together all happen, in the order in which they were requested."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgpack
import pytest
from blake3 import blake3
from pydantic import JsonValue
from websockets.exceptions import InvalidStatus

from pie_client import Family, models
from pie_client.testing import Fault, Faults, InferletSession, LocalEngine
from tests.support import alterations
from tests.support.peers import TIMEOUT, in_time
from tests.support.raw import Raw, raw_client, upgraded

CHUNK_BYTES = 262_144

SOON = 0.2
"""Timeout of a call that has to time out."""
SIZE = 3000
FILE = bytes(range(256)) * (CHUNK_BYTES * 5 // 2 // 256)
LAUNCH, LATER, TERMINATE, SENTINEL = 5, 7, 6, 99
"""Numbers of requests."""

Fields: TypeAlias = dict[str, object]


@dataclass
class Wire:
    """The frames that a client has received, in order."""

    frames: list[bytes | str] = field(default_factory=list[bytes | str])
    more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def fields(self) -> list[Fields]:
        """The fields of each message; none for other frames."""
        return [_fields(frame) for frame in self.frames]

    def where(self, **wanted: object) -> list[int]:
        """Return the positions of the messages that have such fields."""
        return [i for i, fields in enumerate(self.fields) if wanted.items() <= fields.items()]

    def replies(self, number: int) -> list[int]:
        return self.where(type="response", corr_id=number)

    def events(self, kind: str) -> list[int]:
        return self.where(type="process_event", event=kind)

    def ends(self) -> list[int]:
        return sorted(self.events("return") + self.events("error"))

    def texts(self, key: str, places: list[int]) -> list[str]:
        return [str(self.fields[place].get(key)) for place in places]

    def chunks(self) -> list[Fields]:
        """Return the chunks of the file."""
        return [fields for fields in self.fields if fields.get("total_chunks") == 3]

    async def until(self, ready: Callable[[], object]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not ready():
                self.more.clear()
                await self.more.wait()


def _fields(frame: bytes | str) -> Fields:
    if isinstance(frame, str) or frame == b"\xc1":
        return {}
    fields: Fields = msgpack.unpackb(frame)
    return fields


@dataclass
class Stage:
    """An engine and a client of it."""

    engine: LocalEngine
    raw: Raw
    wire: Wire
    go: asyncio.Event = field(default_factory=asyncio.Event)
    """Releases what the faults hold back."""

    @property
    def faults(self) -> Faults:
        return self.engine.faults

    async def reply(self, number: int) -> None:
        await self.wire.until(lambda: self.wire.replies(number))

    async def finish(self) -> None:
        """Wait for all messages, late ones included."""
        await self.raw.send(models.QueryRequest(corr_id=LATER, subject="model_status", record=""))
        await self.reply(LATER)
        self.go.set()
        for number in (SENTINEL, SENTINEL + 1):
            await self.raw.send(models.PingRequest(corr_id=number))
            await self.reply(number)


Seen: TypeAlias = Callable[[Wire], object]


@dataclass(frozen=True)
class Kind:
    """A fault, and a function that finds it in the frames."""

    ask: Callable[[Stage], Fault]
    seen: Seen


def late_reply(number: int) -> Seen:
    return lambda wire: min(wire.replies(number), default=0) > wire.replies(LATER)[0]


def twice(number: int) -> Seen:
    return lambda wire: len(wire.replies(number)) > 1


def lost(number: int) -> Seen:
    return lambda wire: not wire.replies(number)


ANYWHERE = {
    "extra_keys": Kind(
        lambda s: alterations.extra_keys(s.faults, times=None),
        lambda wire: any("telemetry" in f for f in wire.fields),
    ),
    "reply to an unknown number": Kind(
        lambda s: alterations.insert(s.faults, models.Response(corr_id=1234, ok=True, result="")),
        lambda wire: wire.replies(1234),
    ),
    "unknown message type": Kind(
        lambda s: alterations.insert(s.faults, {"type": "telemetry"}),
        lambda wire: wire.where(type="telemetry"),
    ),
    "text frame": Kind(lambda s: alterations.insert(s.faults, "hello"), lambda wire: "hello" in wire.frames),
    "malformed frame": Kind(lambda s: alterations.insert(s.faults), lambda wire: b"\xc1" in wire.frames),
}
OF_EVENTS = {
    "unknown_event_kind": Kind(
        lambda s: alterations.unknown_event_kind(s.faults), lambda wire: wire.events("telemetry")
    ),
    "extra_keys": ANYWHERE["extra_keys"],
    "text frame": ANYWHERE["text frame"],
}
LAUNCHED = {
    **ANYWHERE,
    "lose_reply": Kind(lambda s: s.faults.lose_reply(models.LaunchProcessRequest), lost(LAUNCH)),
    "delay": Kind(lambda s: s.faults.delay(models.LaunchProcessRequest, s.go), late_reply(LAUNCH)),
    "duplicate_reply": Kind(
        lambda s: alterations.duplicate_reply(s.faults, models.LaunchProcessRequest), twice(LAUNCH)
    ),
    "empty_launch_id": Kind(
        lambda s: alterations.empty_launch_id(s.faults),
        lambda wire: not any(text.strip() for text in wire.texts("result", wire.replies(LAUNCH))),
    ),
    "events_before_reply": Kind(
        lambda s: alterations.events_before_reply(s.faults),
        lambda wire: min(wire.replies(LAUNCH), default=0) > wire.events("stdout")[0],
    ),
    "oversize_message": Kind(
        lambda s: alterations.oversize(s.faults, SIZE, models.LaunchProcessRequest),
        lambda wire: any(len(text) >= SIZE for text in wire.texts("result", wire.replies(LAUNCH))),
    ),
}
PRINTED = {
    **OF_EVENTS,
    "split_utf8": Kind(
        lambda s: alterations.split_utf8(s.faults), lambda wire: len(wire.events("stdout")) == 2
    ),
    "missing_value": Kind(
        lambda s: alterations.missing_value(s.faults),
        lambda wire: any("value" not in wire.fields[place] for place in wire.events("stdout")),
    ),
    "oversize_message": Kind(
        lambda s: alterations.oversize(s.faults, SIZE, models.StdoutFrame),
        lambda wire: any(len(text) >= SIZE / 2 for text in wire.texts("value", wire.events("stdout"))),
    ),
}
AFTER_END = Kind(
    lambda s: alterations.events_after_end(s.faults),
    lambda wire: (
        (late := wire.where(value="after the end\n"))
        and wire.ends()
        and late[0] > wire.ends()[0]
        and wire.where(type="file")
    ),
)
SECOND_END = Kind(lambda s: alterations.second_terminal(s.faults), lambda wire: len(wire.ends()) == 2)
RETURNED = {
    **OF_EVENTS,
    "events_after_end": AFTER_END,
    "second_terminal": SECOND_END,
    "missing_value": Kind(
        lambda s: alterations.missing_value(s.faults, models.ReturnFrame),
        lambda wire: any("value" not in wire.fields[place] for place in wire.events("return")),
    ),
    "oversize_message": Kind(
        lambda s: alterations.oversize(s.faults, SIZE),
        lambda wire: any(len(text) >= SIZE for text in wire.texts("value", wire.events("return"))),
    ),
    "never_end": Kind(lambda s: s.faults.never_end(), lambda wire: not wire.ends()),
}
TERMINATED = {
    **ANYWHERE,
    "unknown_event_kind": OF_EVENTS["unknown_event_kind"],
    "terminate_event_before_reply": Kind(
        lambda s: alterations.terminate_event_before_reply(s.faults),
        lambda wire: (
            wire.events("error") and min(wire.replies(TERMINATE), default=0) > wire.events("error")[0]
        ),
    ),
    "late terminate event": Kind(
        lambda s: s.faults.delay(models.ErrorFrame, s.go),
        lambda wire: min(wire.events("error"), default=0) > wire.replies(LATER)[0],
    ),
    "no terminate event": Kind(
        lambda s: s.faults.alter(lambda _fields: [], *alterations.ENDS), lambda wire: not wire.events("error")
    ),
    "lose_reply": Kind(lambda s: s.faults.lose_reply(models.TerminateProcessRequest), lost(TERMINATE)),
    "delay": Kind(lambda s: s.faults.delay(models.TerminateProcessRequest, s.go), late_reply(TERMINATE)),
    "duplicate_reply": Kind(
        lambda s: alterations.duplicate_reply(s.faults, models.TerminateProcessRequest), twice(TERMINATE)
    ),
    "events_after_end": AFTER_END,
    "second_terminal": SECOND_END,
    "missing_value": Kind(
        lambda s: alterations.missing_value(s.faults, models.ErrorFrame),
        lambda wire: any("value" not in wire.fields[place] for place in wire.events("error")),
    ),
}
FILED = {
    **OF_EVENTS,
    "nil_name": Kind(
        lambda s: alterations.nil_name(s.faults),
        lambda wire: wire.chunks() and all(("name", None) in chunk.items() for chunk in wire.chunks()),
    ),
    "lose_file": Kind(
        lambda s: alterations.lose_file(s.faults, blake3(FILE).hexdigest()), lambda wire: not wire.chunks()
    ),
    "corrupt_file_chunk": Kind(
        lambda s: s.faults.corrupt_file_chunk(1),
        lambda wire: any(
            chunk["chunk_index"] == 1 and chunk["chunk_data"] != FILE[CHUNK_BYTES : 2 * CHUNK_BYTES]
            for chunk in wire.chunks()
        ),
    ),
    "drop_file_chunk": Kind(
        lambda s: alterations.drop_file_chunk(s.faults, 1),
        lambda wire: 1 not in [chunk["chunk_index"] for chunk in wire.chunks()],
    ),
    "duplicate_file_chunk": Kind(
        lambda s: alterations.duplicate_file_chunk(s.faults, 1),
        lambda wire: [chunk["chunk_index"] for chunk in wire.chunks()].count(1) == 2,
    ),
}
CALLED = {
    "extra_keys": ANYWHERE["extra_keys"],
    "malformed frame": ANYWHERE["malformed frame"],
    "unknown MCP server": Kind(
        lambda s: alterations.change(s.faults, models.McpRequest, {"server_name": "nobody"}),
        lambda wire: wire.where(server_name="nobody"),
    ),
    "unknown MCP method": Kind(
        lambda s: alterations.change(s.faults, models.McpRequest, {"method": "nothing"}),
        lambda wire: wire.where(method="nothing"),
    ),
    "MCP params not JSON": Kind(
        lambda s: alterations.change(s.faults, models.McpRequest, {"params": "{"}),
        lambda wire: wire.where(params="{"),
    ),
}


async def launch(stage: Stage, program: str, input: JsonValue = None) -> None:
    await stage.raw.send(
        models.LaunchProcessRequest(
            corr_id=LAUNCH, inferlet=program, input=json.dumps(input), capture_outputs=True
        )
    )


async def after_launch(stage: Stage, ask: Callable[[], None]) -> None:
    ask()
    await launch(stage, "quick@1.0.0")


async def after_output(stage: Stage, ask: Callable[[], None]) -> None:
    await launch(stage, "wait@1.0.0")
    await stage.reply(LAUNCH)
    ask()
    await signal(stage, "ü")


async def after_end(stage: Stage, ask: Callable[[], None]) -> None:
    await launch(stage, "wait@1.0.0")
    await stage.reply(LAUNCH)
    ask()
    await signal(stage, "")


async def after_termination(stage: Stage, ask: Callable[[], None]) -> None:
    await launch(stage, "wait@1.0.0")
    await stage.reply(LAUNCH)
    ask()
    [process_id] = stage.engine.processes
    await stage.raw.send(models.TerminateProcessRequest(corr_id=TERMINATE, process_id=process_id))


async def after_file(stage: Stage, ask: Callable[[], None]) -> None:
    await launch(stage, "file@1.0.0")
    await stage.reply(LAUNCH)
    ask()
    await signal(stage, "")


async def after_call(stage: Stage, ask: Callable[[], None]) -> None:
    await stage.raw.send(models.RegisterMcpServerRequest(corr_id=2, name="s", transport="stdio"))
    await launch(stage, "mcp@1.0.0")
    await stage.reply(LAUNCH)
    ask()
    await signal(stage, "")


async def signal(stage: Stage, text: str) -> None:
    [process_id] = stage.engine.processes
    await stage.raw.send(models.SignalProcessRequest(process_id=process_id, message=text))


@dataclass(frozen=True)
class Scene:
    """Something that a client does, and the faults that can happen to it."""

    play: Callable[[Stage, Callable[[], None]], Awaitable[None]]
    kinds: Mapping[str, Kind]


SCENES = {
    "launch": Scene(after_launch, LAUNCHED),
    "output": Scene(after_output, PRINTED),
    "end": Scene(after_end, RETURNED),
    "termination": Scene(after_termination, TERMINATED),
    "file": Scene(after_file, FILED),
    "call": Scene(after_call, CALLED),
}
PAIRS = [
    ("launch", "duplicate_reply", "events_before_reply"),
    ("launch", "events_before_reply", "duplicate_reply"),
    ("launch", "delay", "events_before_reply"),
    ("launch", "events_before_reply", "delay"),
    ("launch", "extra_keys", "oversize_message"),
    ("launch", "oversize_message", "delay"),
    ("launch", "empty_launch_id", "oversize_message"),
    ("output", "missing_value", "extra_keys"),
    ("output", "split_utf8", "oversize_message"),
    ("output", "unknown_event_kind", "missing_value"),
    ("end", "second_terminal", "missing_value"),
    ("end", "missing_value", "second_terminal"),
    ("end", "events_after_end", "second_terminal"),
    ("end", "never_end", "extra_keys"),
    ("termination", "duplicate_reply", "terminate_event_before_reply"),
    ("termination", "terminate_event_before_reply", "duplicate_reply"),
    ("termination", "delay", "terminate_event_before_reply"),
    ("termination", "second_terminal", "late terminate event"),
    ("termination", "late terminate event", "second_terminal"),
    ("file", "nil_name", "corrupt_file_chunk"),
    ("file", "nil_name", "extra_keys"),
    ("file", "duplicate_file_chunk", "nil_name"),
    ("file", "corrupt_file_chunk", "duplicate_file_chunk"),
]
"""A scene and two faults that both show, requested in this order."""
old_only = pytest.mark.parametrize("family", ["0.4"])


@pytest.fixture
async def engine(family: Family) -> AsyncIterator[LocalEngine]:
    async with LocalEngine(family=family) as running:

        @running.inferlet("quick@1.0.0")
        async def quick(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.print("one")
            return None

        @running.inferlet("wait@1.0.0")
        async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
            while text := await session.receive():
                session.print(text, end="")
            return None

        @running.inferlet("file@1.0.0")
        async def file(session: InferletSession, _input: JsonValue) -> JsonValue:
            await session.receive()
            session.send_file(FILE, "photo.png")
            return None

        @running.inferlet("mcp@1.0.0")
        async def mcp(session: InferletSession, _input: JsonValue) -> JsonValue:
            await session.receive()
            return await session.mcp.list_tools("s")

        yield running


async def play(engine: LocalEngine, scene: Scene, *names: str) -> tuple[Wire, list[Fault]]:
    """Play a scene with some faults, requested in this order, and return the frames."""
    faults: list[Fault] = []
    async with raw_client(engine) as raw:
        stage = Stage(engine, raw, Wire())

        async def collect() -> None:
            async for frame in raw.socket:
                stage.wire.frames.append(frame)
                stage.wire.more.set()

        def ask() -> None:
            stage.wire.frames.clear()
            faults.extend(scene.kinds[name].ask(stage) for name in names)

        collecting = asyncio.create_task(collect())
        try:
            await scene.play(stage, ask)
            await stage.finish()
        finally:
            collecting.cancel()
            engine.faults.stop()
            processes = list(engine.processes.values())
            for process in processes:
                process.terminate()
            await asyncio.gather(*(process.outcome for process in processes))
            await asyncio.wait([collecting])
    return stage.wire, faults


@pytest.mark.parametrize("name", [scene for scene in SCENES if scene != "call"])
async def test_nothing_is_seen_without_faults(engine: LocalEngine, name: str) -> None:
    wire, _ = await play(engine, SCENES[name])
    assert [fault for fault, kind in SCENES[name].kinds.items() if kind.seen(wire)] == []


@pytest.mark.parametrize(("name", "first", "second"), PAIRS)
async def test_two_faults_alter_the_same_message(
    engine: LocalEngine, name: str, first: str, second: str
) -> None:
    scene = SCENES[name]
    wire, _ = await play(engine, scene, first, second)
    shown = [each for each in (first, second) if scene.kinds[each].seen(wire)]
    assert shown == [first, second]


@old_only
async def test_three_faults_alter_the_same_mcp_call(engine: LocalEngine) -> None:
    wire, _ = await play(engine, SCENES["call"])
    assert [fault for fault, kind in CALLED.items() if kind.seen(wire)] == []
    wire, _ = await play(engine, SCENES["call"], *CALLED)
    assert [fault for fault, kind in CALLED.items() if kind.seen(wire)] == list(CALLED)


async def test_all_copies_of_a_chunk_are_lost_with_their_file(engine: LocalEngine) -> None:
    wire, _ = await play(engine, SCENES["file"], "duplicate_file_chunk", "lose_file")
    assert wire.chunks() == []


async def test_both_ends_of_a_process_are_lost_with_its_termination(engine: LocalEngine) -> None:
    wire, _ = await play(engine, SCENES["termination"], "second_terminal", "no terminate event")
    assert wire.ends() == []


async def test_three_faults_alter_one_reply_in_their_order(engine: LocalEngine) -> None:
    wire, _ = await play(engine, SCENES["launch"], "delay", "duplicate_reply", "malformed frame")
    first, second = wire.replies(LAUNCH)
    assert wire.replies(LATER)[0] < first < second


async def test_a_stopped_fault_does_not_alter_a_late_reply(engine: LocalEngine) -> None:
    async with raw_client(engine) as raw:
        go = asyncio.Event()
        late = engine.faults.delay(models.PingRequest, go)
        with alterations.duplicate_reply(engine.faults, models.PingRequest) as twice:
            await raw.send(models.PingRequest(corr_id=3))
            await late.happened()
        go.set()
        assert (await raw.expect(models.Response)).corr_id == 3
        assert (await raw.ping(4)).corr_id == 4
        assert twice.count == 0


async def test_later_faults_alter_what_a_stopped_fault_has_held_back(engine: LocalEngine) -> None:
    async with raw_client(engine) as raw:
        late = engine.faults.delay(models.PingRequest, asyncio.Event())
        alterations.duplicate_reply(engine.faults, models.PingRequest)
        await raw.send(models.PingRequest(corr_id=3))
        await late.happened()
        late.stop()
        assert [(await raw.expect(models.Response)).corr_id for _ in range(2)] == [3, 3]


async def test_a_delayed_reply_is_not_sent_again_when_the_fault_stops(engine: LocalEngine) -> None:
    async with raw_client(engine) as raw:
        with alterations.events_before_reply(engine.faults):
            await raw.launch("quick@1.0.0")
            kinds = [type(await raw.next()) for _ in range(3)]
        assert kinds == [models.StdoutFrame, models.Response, models.ReturnFrame]
        assert (await raw.ping(4)).corr_id == 4


async def test_an_inserted_reply_does_not_count_as_the_answer(engine: LocalEngine) -> None:
    async with raw_client(engine) as raw:
        alterations.insert(engine.faults, models.Response(corr_id=9, ok=True, result=""))
        alterations.duplicate_reply(engine.faults, models.PingRequest)
        numbers = [(await raw.ping(3)).corr_id]
        numbers += [(await raw.expect(models.Response)).corr_id for _ in range(2)]
        assert numbers == [9, 3, 3]


async def test_a_fault_counts_once_for_all_copies_of_a_reply(engine: LocalEngine) -> None:
    async with raw_client(engine) as raw:
        alterations.duplicate_reply(engine.faults, models.PingRequest)
        huge = alterations.oversize(engine.faults, SIZE, models.PingRequest, times=2)
        replies = [await raw.ping(3), await raw.expect(models.Response)]
        assert huge.count == 1
        replies.append(await raw.ping(4))
        assert [len(reply.result) for reply in replies] == [SIZE] * 3
        assert huge.count == 2


async def test_an_event_without_its_value_is_not_filled_up(engine: LocalEngine) -> None:
    @engine.inferlet("says@1.0.0")
    async def says(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("one", end="")
        session.print("two", end="")
        return None

    missing = alterations.missing_value(engine.faults)
    huge = alterations.oversize(engine.faults, SIZE, models.StdoutFrame)
    wire = Wire()
    engine.observe(lambda frame: wire.frames.append(frame.data or b""))
    async with raw_client(engine) as raw:
        await raw.send(
            models.LaunchProcessRequest(
                corr_id=LAUNCH, inferlet="says@1.0.0", input="{}", capture_outputs=True
            )
        )
        await in_time(missing.happened())
        await in_time(huge.happened())
        await raw.ping(LATER)
    assert (missing.count, huge.count) == (1, 1)
    assert [len(str(wire.fields[place].get("value", ""))) for place in wire.events("stdout")] == [0, SIZE]


@pytest.mark.parametrize("hangs_first", [True, False])
async def test_an_upgrade_hangs_and_is_refused(engine: LocalEngine, *, hangs_first: bool) -> None:
    asks: list[Callable[[], Fault]] = [engine.faults.hang_upgrade, engine.faults.refuse_upgrade]
    faults = [ask() for ask in (asks if hangs_first else reversed(asks))]
    hang = next(fault for fault in faults if fault.name == "hang_upgrade")

    async def attempt() -> None:
        async with raw_client(engine):
            pass

    if not hangs_first:
        with pytest.raises(InvalidStatus):
            await in_time(attempt())
    attempting = asyncio.create_task(attempt())
    await hang.happened()
    assert [fault.count for fault in faults] == ([1, 0] if hangs_first else [1, 1])
    hang.stop()
    if hangs_first:
        with pytest.raises(InvalidStatus):
            await in_time(attempting)
    await in_time(attempting if not hangs_first else attempt())


async def test_two_faults_apply_to_one_close(engine: LocalEngine) -> None:
    faults = [engine.faults.never_answer_close(), engine.faults.never_answer_close(models.TurnDone())]
    reader, writer = await upgraded(engine)
    writer.write(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))  # a close frame of code 1000
    first, length = await in_time(reader.readexactly(2))
    assert first == 0x82
    assert msgpack.unpackb(await in_time(reader.readexactly(length)))["type"] == "turn_done"
    assert [fault.count for fault in faults] == [1, 1]
    writer.close()
    await writer.wait_closed()


async def test_the_earlier_of_two_cuts_leaves_the_later_one(engine: LocalEngine) -> None:
    later, sooner = engine.faults.drop_connection(100), engine.faults.drop_connection(10)
    for count in (10, 100):
        reader, writer = await upgraded(engine)
        data = await in_time(reader.read())
        writer.close()
        await writer.wait_closed()
        assert len(data) <= count
        assert [later.count, sooner.count] == ([0, 1] if count == 10 else [1, 1])


async def test_a_silent_peer_can_be_dropped(engine: LocalEngine) -> None:
    reader, writer = await upgraded(engine)
    dead = engine.faults.silent_peer()
    dropped = engine.faults.drop_connection()
    assert await in_time(reader.read()) == b""
    assert [dead.count, dropped.count] == [1, 1]
    writer.close()
    await writer.wait_closed()
