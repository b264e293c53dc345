"""Recorded conversations with a real 0.5.2 server, replayed on both servers: replies must be the recorded ones.

`python -m tests.conformance.record_conversations` writes the recording from the frames in `conversation_scripts.py`.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from pie_client import PieClient
from pie_client.testing import LocalEngine
from tests.conformance.conforming_engine import ConformingEngine
from tests.conformance.conversation_scripts import conversations
from tests.conformance.conversations import CLOSED, PROCESS, Player, Reply, Step, by_channel, recorded
from tests.conformance.frames import listing
from tests.scenarios.conftest import notes
from tests.scenarios.servers import RealEngine
from tests.scenarios.shared_engine import start_first_script
from tests.support.peers import TIMEOUT

LAST_NUMBER = 99
"""Correlation number of a last ping: whatever a server sends before its reply was not recorded."""
LAST_PING = f'{{"type":"ping","corr_id":{LAST_NUMBER}}}'
CONVERSATIONS = dict(recorded())
ATTEMPTS = 4
"""Attempts on a real engine, all but the first on a new one.

It loses the output of one process in some hundreds, and may run the tasks of a script in another order. A real
difference fails every attempt.
"""


class DifferentReplyError(Exception):
    """A server's replies differ from the recorded ones."""


@pytest.fixture
def embedded_engine() -> type[LocalEngine]:
    """The embedded engine, with the checks and error texts of a real server."""
    return ConformingEngine


def test_the_recording_was_made_from_the_current_scripts() -> None:
    scripts = {name: [(step.client, step.frame) for step in steps] for name, steps in conversations()}
    assert scripts == {
        name: [(step.client, step.frame) for step in steps] for name, steps in CONVERSATIONS.items()
    }


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_a_server_replies_as_recorded(uri: str, server: str, name: str, tmp_path: Path) -> None:
    try:
        if server == "real":
            await _replay_on_real_engines(uri, name, tmp_path)
        else:
            await _replay(uri, CONVERSATIONS[name], TIMEOUT, lists_late=False)
    except DifferentReplyError as error:
        pytest.fail(str(error), pytrace=False)  # a traceback would show the player, not the difference


async def _replay_on_real_engines(uri: str, name: str, folder: Path) -> None:
    with ExitStack() as engines:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await _replay(uri, CONVERSATIONS[name], TIMEOUT / 3, lists_late=True)
            except DifferentReplyError as error:
                if attempt == ATTEMPTS:
                    raise
                notes.append(f"{name!r} is replayed on a new engine: {error}")
            else:
                return
            engine = await asyncio.to_thread(RealEngine, folder / str(attempt))
            uri = engines.enter_context(engine).uri
            await start_first_script(uri)


async def _replay(uri: str, steps: list[Step], timeout: float, *, lists_late: bool) -> None:
    """Replay a conversation; ``lists_late`` if the server may list a process for a moment after its end."""
    async with Player(f"{uri}/v1/ws") as player:
        await player.open({step.client for step in steps})
        for number, step in enumerate(steps):
            where = f"step {number}, {step.frame!r:.100}"
            if step.eventually or (lists_late and step.frame == listing()):
                await _repeat_until_recorded(player, step, where)
                continue
            await player.send(step)
            for client in player.names():
                expected = step.replies.get(client, [])
                replies: list[Reply] = []
                while len(replies) < len(expected):
                    if (reply := await player.next(client, timeout)) is None:
                        raise DifferentReplyError(
                            f"{where}: client {client} received only\n{_lines(replies)}instead of\n{_lines(expected)}"
                        )
                    replies.append(reply)
                _compare(where, replies, expected)
            await _wait_for_ended_processes(uri, player)
        for client in player.names():
            if _is_open(client, steps) and (rest := await _rest(player, client)):
                raise DifferentReplyError(f"client {client} also received\n{_lines(rest)}")


async def _repeat_until_recorded(player: Player, step: Step, where: str) -> None:
    """Send a step until its replies are the recorded ones."""
    expected = step.replies[step.client]
    replies: list[Reply | None] = []
    try:
        async with asyncio.timeout(TIMEOUT):
            while replies != expected:
                await player.send(step)
                replies = [await player.next(step.client, TIMEOUT) for _ in expected]
    except TimeoutError as error:
        raise DifferentReplyError(f"{where}: received\n{_lines(replies)}not\n{_lines(expected)}") from error


async def _wait_for_ended_processes(uri: str, player: Player) -> None:
    """Wait until processes that have ended are not listed: for a moment a server answers otherwise about them."""
    if player.ended:
        async with PieClient(uri) as client, asyncio.timeout(TIMEOUT):
            while player.ended & {info.id for info in await client.list_processes()}:
                pass
        player.ended.clear()


def _compare(where: str, replies: list[Reply], expected: list[Reply]) -> None:
    if by_channel(replies) != by_channel(expected):
        raise DifferentReplyError(f"{where}: received\n{_lines(replies)}not\n{_lines(expected)}")
    launched = [reply for reply in replies if reply.get("result") == PROCESS]
    events = [reply for reply in replies if reply.get("process_id") == PROCESS]
    if launched and events and replies.index(launched[0]) > replies.index(events[0]):
        raise DifferentReplyError(f"{where}: an event came before the launch reply\n{_lines(replies)}")


def _lines(replies: Sequence[Reply | None]) -> str:
    return "".join(f"  {json.dumps(reply)}\n" for reply in replies) or "  nothing\n"


def _is_open(client: str, steps: list[Step]) -> bool:
    replies = [reply for step in steps for reply in step.replies.get(client, [])]
    return {"type": CLOSED} not in replies and not any(s.closes for s in steps if s.client == client)


async def _rest(player: Player, client: str) -> list[Reply | None]:
    """Return what a client received after the recorded replies."""
    await player.send(Step(LAST_PING, client))
    rest: list[Reply | None] = []
    while (reply := await player.next(client, TIMEOUT)) is not None:
        if reply.get("corr_id") == LAST_NUMBER or reply["type"] == CLOSED:
            break
        rest.append(reply)
    return rest
