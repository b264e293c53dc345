"""Servers answer frame by frame as a real 0.5.2 server was recorded to answer: the embedded engine, and the real one still.

`python -m tests.conformance.record_conversations` makes the recording; `conversation_scripts.py` says what is sent.
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pie_client import PieClient
from pie_client.testing import LocalEngine
from tests.conformance.conforming_engine import ConformingEngine
from tests.conformance.conversation_scripts import conversations, exchanges
from tests.conformance.conversations import (
    CLOSED,
    PROCESS,
    Exchange,
    Player,
    Reply,
    Step,
    by_channel,
    exchange,
    recorded,
    recorded_exchanges,
)
from tests.conformance.frames import listing
from tests.scenarios.conftest import notes
from tests.scenarios.servers import RealEngine
from tests.scenarios.shared_engine import start_first_script
from tests.support.peers import PATIENCE

FENCE = 99
"""Number of the ping that shows that a server has nothing more to say."""
PING = f'{{"type":"ping","corr_id":{FENCE}}}'
CONVERSATIONS = dict(recorded())
EXCHANGES = list(recorded_exchanges())


@pytest.fixture
def embedded_engine() -> type[LocalEngine]:
    """The embedded engine, with what holds it to the recorded server byte by byte."""
    return ConformingEngine


def test_what_is_recorded_is_what_the_scripts_say() -> None:
    scripts = {name: [(step.client, step.frame) for step in steps] for name, steps in conversations()}
    assert scripts == {
        name: [(step.client, step.frame) for step in steps] for name, steps in CONVERSATIONS.items()
    }
    asked = [(each.name, each.request) for each in exchanges()]
    assert asked == [(each.name, each.request) for each in EXCHANGES]


NEW_ENGINES = 3
"""A real engine loses what one process in some hundreds says, and tasks of a script may run in another order.

What always differs differs on new ones too.
"""


class MissingReplyError(AssertionError):
    """Less came than was recorded."""


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_a_server_answers_as_a_real_one_did(uri: str, server: str, name: str, tmp_path: Path) -> None:
    steps = CONVERSATIONS[name]
    if server != "real":
        await _converse(uri, steps, PATIENCE, lists_late=False)
        return
    with ExitStack() as engines:
        for attempt in range(NEW_ENGINES):
            try:
                await _converse(uri, steps, PATIENCE / 3, lists_late=True)
            except AssertionError as missing:
                notes.append(f"{name!r} was played again on a new engine: {missing}")
            else:
                return
            engine = await asyncio.to_thread(RealEngine, tmp_path / str(attempt))
            uri = engines.enter_context(engine).uri
            await start_first_script(uri)
        await _converse(uri, steps, PATIENCE / 3, lists_late=True)


async def _converse(uri: str, steps: list[Step], patience: float, *, lists_late: bool) -> None:
    """Play a conversation; ``lists_late`` where a server may list a process for a moment after its end."""
    async with Player(f"{uri}/v1/ws") as player:
        await player.open({step.client for step in steps})
        for number, step in enumerate(steps):
            if step.eventually or (lists_late and step.frame == listing()):
                async with asyncio.timeout(PATIENCE):
                    while not await _answers(player, step):
                        pass
                continue
            await player.send(step)
            for client in player.names():
                expected = step.replies.get(client, [])
                got: list[Reply] = []
                while len(got) < len(expected):
                    if (reply := await player.next(client, patience)) is None:
                        raise MissingReplyError(f"step {number}: client {client} gets only {got}")
                    got.append(reply)
                _compare(f"step {number}, {step.frame!r:.100}", got, expected)
            await _nothing_ends_later(uri, player)
        for client in player.names():
            if _is_open(client, steps):
                assert await _rest(player, client) == []


async def _answers(player: Player, step: Step) -> bool:
    """Ask, and tell whether the answer is the recorded one."""
    await player.send(step)
    expected = step.replies[step.client]
    return [await player.next(step.client, PATIENCE) for _ in expected] == expected


async def _nothing_ends_later(uri: str, player: Player) -> None:
    """Wait until processes whose end was told are gone, which may take a moment in which a server speaks of them otherwise."""
    if player.ended:
        async with PieClient(uri) as client, asyncio.timeout(PATIENCE):
            while player.ended & {info.id for info in await client.list_processes()}:
                pass
        player.ended.clear()


def _compare(where: str, got: list[Reply], expected: list[Reply]) -> None:
    assert by_channel(got) == by_channel(expected), where
    launched = [reply for reply in got if reply.get("result") == PROCESS]
    events = [reply for reply in got if reply.get("process_id") == PROCESS]
    if launched and events:
        assert got.index(launched[0]) < got.index(events[0]), where


def _is_open(client: str, steps: list[Step]) -> bool:
    replies = [reply for step in steps for reply in step.replies.get(client, [])]
    return {"type": CLOSED} not in replies and not any(s.hangs_up for s in steps if s.client == client)


async def _rest(player: Player, client: str) -> list[Reply | None]:
    """Give what a client was sent that the recording does not have."""
    await player.send(Step(PING, client))
    rest: list[Reply | None] = []
    while (reply := await player.next(client, PATIENCE)) is not None:
        if reply.get("corr_id") == FENCE or reply["type"] == CLOSED:
            break
        rest.append(reply)
    return rest


@pytest.mark.parametrize("recorded_exchange", EXCHANGES, ids=[each.name for each in EXCHANGES])
async def test_a_server_lets_in_whom_a_real_one_let_in(uri: str, recorded_exchange: Exchange) -> None:
    where = urlsplit(uri)
    asked = recorded_exchange
    status, body = await asyncio.to_thread(exchange, where.hostname or "", where.port or 0, asked.request)
    assert (status, body) == (asked.status, asked.body)
