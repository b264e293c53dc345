"""What a restored connection does about requests that the server refuses, and about handles that are closed meanwhile."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from pie_client import (
    ConnectionState,
    ConnectionStatus,
    CorruptEvent,
    FileEvent,
    ParsedPrivateKey,
    PieClient,
    ProcessLostError,
    RefusedError,
    UnsupportedError,
    inferlet,
    models,
)
from pie_client.connection.restorable import RestorableConnection
from pie_client.protocol.codec import Frame
from tests.connection.helpers import SOON, SlowKey, chunks, launch, printed, returned
from tests.support.keys import ed25519_key
from tests.support.mcp_servers import Script
from tests.support.peers import Peer, Refusal, in_time, websocket_peer

HELD = 'initialize()\nwhile True: send(id=read()["id"], result={})'


async def restored(client: PieClient, peer: Peer, code: int | None = None) -> ConnectionState:
    """Lose the connection, with a close code or without a close frame, and wait until it is restored."""
    async with asyncio.timeout(60):
        states = client.states()
        await anext(states)
        if code is None:
            peer.hang_up()
        else:
            await peer.socket.close(code)
        async for state in states:
            assert state.status is not ConnectionStatus.GAVE_UP
            if state.status is ConnectionStatus.READY:
                return state
    raise AssertionError("the client was closed")


async def reply_to_attaches(peer: Peer, replies: dict[str, bytes | None]) -> None:
    """Send the reply to the attach of each process: its text as part of a frame, or None for success."""
    for number in range(1, len(replies) + 1):
        request = await peer.request(models.AttachProcessRequest, number)
        garbled = replies[request.process_id]
        if garbled is None:
            await peer.reply(request.corr_id, "Process attached")
        else:
            await peer.send(b"\x83\xa4type\xa8response\xa7corr_id" + bytes([request.corr_id]) + garbled)


async def test_an_attach_with_an_invalid_reply_loses_that_process_only() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        lost, kept = await launch(client), await launch(client)
        peer.answers[models.AttachProcessRequest] = None
        peer.answers[models.ListProcessesRequest] = "[]"
        replies = {lost.process_id: b"\xa2ok\x05", kept.process_id: None}
        peer.background.append(asyncio.create_task(reply_to_attaches(peer, replies)))
        state = await restored(client, peer)
        assert (state.kept, state.lost) == ((kept.process_id,), (lost.process_id,))
        with pytest.raises(ProcessLostError, match=r"could not be attached again \(.*invalid reply"):
            await in_time(lost.wait())
        await peer.send(returned(kept, '"done"'))
        assert await in_time(kept.wait()) == '"done"'


async def test_a_process_that_the_server_still_holds_is_attached_again_later() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        held = models.ProcessInfo(
            id=process.process_id, username="alice", program="a@1.0.0", input="{}", elapsed_secs=1
        )
        peer.answers[models.ListProcessesRequest] = json.dumps([held.model_dump()])
        peer.answers[models.AttachProcessRequest] = None

        async def attach_the_second_time() -> None:
            first = await peer.request(models.AttachProcessRequest)
            await peer.reply(first.corr_id, "Process not found", ok=False)
            second = await peer.request(models.AttachProcessRequest, 2)
            await peer.reply(second.corr_id, "Process attached")

        peer.background.append(asyncio.create_task(attach_the_second_time()))
        assert (await restored(client, peer)).kept == (process.process_id,)
        await peer.send(returned(process, "1"))
        assert await in_time(process.result(int)) == 1


async def test_a_file_that_was_arriving_at_a_loss_is_lost_and_can_be_sent_again() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        first, second = chunks(process, b"file", 2)
        await peer.send(first)
        await client.ping()
        await restored(client, peer)
        lost = await in_time(anext(process))
        assert isinstance(lost, CorruptEvent)
        assert "the connection was lost before its last chunk" in lost.value
        await peer.send(first, second)
        assert await in_time(anext(process)) == FileEvent(b"file")


async def test_a_server_that_does_not_list_its_processes_holds_none() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        peer.answers[models.AttachProcessRequest] = Refusal("Process not found")
        peer.answers[models.ListProcessesRequest] = Refusal("busy")
        assert (await restored(client, peer)).lost == (process.process_id,)
        with pytest.raises(ProcessLostError, match="the server does not know it any more"):
            await in_time(process.wait())
        await in_time(client.ping())


@pytest.mark.parametrize("refusals", [2, 1000])
async def test_an_mcp_server_that_the_engine_still_has_is_announced_again_later(
    refusals: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        script = Script(tmp_path, HELD)
        peer.answers[models.RegisterMcpServerRequest] = "ok"
        for name in ("first", "second"):
            await client.register_mcp_server(name, "stdio", command=script.command, args=script.args)
        process = await launch(client)
        left = refusals

        async def refuse() -> None:
            nonlocal left
            for number in range(3, 1000):
                request = await peer.request(models.RegisterMcpServerRequest, number)
                refused = request.name == "first" and left > 0
                left -= refused
                await peer.reply(request.corr_id, "already registered" if refused else "ok", ok=not refused)

        peer.answers[models.RegisterMcpServerRequest] = None
        peer.background.append(asyncio.create_task(refuse()))
        assert (await restored(client, peer)).kept == (process.process_id,)
        announced = [request.name for request in peer.requests_of(models.RegisterMcpServerRequest)]
        assert announced.count("second") == 2
        if refusals == 2:
            assert announced.count("first") == 4
            assert "not available" not in caplog.text
        else:
            assert "MCP server 'first' is not available on the restored connection" in caplog.text
            left = 0
            # The next loss is another chance, and so is registering by hand.
            await restored(client, peer)
            later = peer.requests_of(models.RegisterMcpServerRequest)[len(announced) :]
            assert sorted(request.name for request in later) == ["first", "second"]
            left = 1000
            await restored(client, peer)
            left = 0
            await client.unregister_mcp_server("first")
            before = len(peer.requests_of(models.RegisterMcpServerRequest))
            await client.register_mcp_server("first", "stdio", command=script.command, args=script.args)
            assert len(peer.requests_of(models.RegisterMcpServerRequest)) == before + 1


@pytest.mark.parametrize("sent", [True, False])
async def test_a_handle_that_is_closed_during_the_restoration_is_not_kept(sent: bool) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        processes = [await launch(client) for _ in range(2 if sent else 40)]
        peer.answers[models.AttachProcessRequest] = None
        restoring = asyncio.create_task(restored(client, peer))
        first = await peer.request(models.AttachProcessRequest)
        waiting = {process.process_id: process for process in processes}
        for request in await attaches(peer, 2 if sent else 32):
            del waiting[request.process_id]
        closed = next(process for process in processes if process.process_id == first.process_id)
        if not sent:
            closed = next(iter(waiting.values()))
        closed.close()
        number = len(processes) if sent else len(processes) - 1
        for index in range(1, number + 1):
            request = await peer.request(models.AttachProcessRequest, index)
            await peer.reply(request.corr_id, "Process attached")
        state = await in_time(restoring)
        assert closed.process_id not in state.kept + state.lost
        assert len(state.kept) == len(processes) - 1
        assert len(peer.requests_of(models.AttachProcessRequest)) == number
        # Its events are ignored; a later attach shows only newer ones.
        await peer.send(printed(closed, "ignored"))
        await client.ping()
        peer.answers[models.AttachProcessRequest] = "Process attached"
        again = await client.attach_process(closed.process_id)
        await peer.send(printed(closed, "read"))
        assert (await in_time(again.recv()))[1] == "read"


async def attaches(peer: Peer, number: int) -> list[models.AttachProcessRequest]:
    """Wait for a number of attach requests."""
    await peer.request(models.AttachProcessRequest, number)
    return peer.requests_of(models.AttachProcessRequest)


async def test_events_of_a_launch_whose_reply_was_lost_are_forgotten() -> None:
    process_id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        await peer.send(models.StdoutFrame(process_id=process_id, value="of the lost session"))
        await client.ping()
        await restored(client, peer)
        process = await client.attach_process(process_id)
        await peer.send(printed(process, "of this session"))
        assert (await in_time(process.recv()))[1] == "of this session"


async def test_another_release_may_not_know_batches_any_more() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        peer.answers[models.LaunchProcessesRequest] = Refusal("inputs must not be empty")
        with pytest.raises(RefusedError):
            await client.launch_processes("a@1.0.0", [{}, {}])
        peer.answers[models.LaunchProcessesRequest] = None  # as an older release, which ignores it
        await restored(client, peer)
        with pytest.raises(UnsupportedError, match="this server is older"):
            await in_time(client.launch_processes("a@1.0.0", [{}, {}]))


async def test_tasks_that_authenticate_at_a_loss_do_so_in_the_next_session(tmp_path: Path) -> None:
    key, _ = ed25519_key(tmp_path)
    identified = "Authenticated (Engine disabled authentication)"
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        tasks: list[asyncio.Task[object]] = [
            asyncio.create_task(client.authenticate("alice", ParsedPrivateKey.from_file(key)))
            for _ in range(3)
        ]
        tasks.append(asyncio.create_task(client.ping()))
        await peer.request(models.AuthIdentifyRequest)
        peer.answers[models.AuthIdentifyRequest] = identified
        await restored(client, peer)
        await in_time(asyncio.gather(*tasks))
        assert [request.username for request in peer.requests_of(models.AuthIdentifyRequest)] == ["alice"] * 2
        assert client.server is not None
        assert client.server.username == "alice"


async def test_a_token_that_was_sent_at_a_loss_is_sent_again() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        peer.answers[models.AuthByTokenRequest] = None
        authenticating = asyncio.create_task(client.auth_by_token("secret"))
        await peer.request(models.AuthByTokenRequest)
        peer.answers[models.AuthByTokenRequest] = "Authenticated"
        peer.answers[models.AuthProveRequest] = Refusal("No pending challenge")
        await restored(client, peer)
        await in_time(authenticating)
        assert len(peer.requests_of(models.AuthByTokenRequest)) == 2
        await client.ping()


async def test_each_attempt_to_restore_the_connection_identifies_its_session() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        peer.answers[models.AttachProcessRequest] = None

        async def fail_once() -> None:
            await peer.request(models.AttachProcessRequest)
            peer.answers[models.AttachProcessRequest] = "Process attached"
            peer.hang_up()

        peer.background.append(asyncio.create_task(fail_once()))
        assert (await restored(client, peer)).kept == (process.process_id,)
        kinds = [type(request) for request in peer.requests]
        session: list[type[object]] = [models.AuthIdentifyRequest, models.AttachProcessRequest]
        assert kinds == [models.AuthIdentifyRequest, models.LaunchProcessRequest, *session, *session]


async def test_only_the_last_loss_tells_whether_events_may_be_missing() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        assert (await restored(client, peer)).may_have_gaps
        state = await restored(client, peer, code=1012)
        assert state.kept == (process.process_id,)
        assert not state.may_have_gaps
        assert process.possible_gaps == 1


async def test_a_server_of_another_family_is_known_as_such_after_a_loss() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        first = client.server
        peer.family = "0.5"
        peer.answers[models.AuthIdentifyRequest] = "Already authenticated"
        await restored(client, peer)
        second = client.server
        assert first is not None
        assert second is not None
        assert (first.family, second.family) == ("0.4", "0.5")


async def test_a_challenge_that_is_signed_too_late_is_not_answered_in_the_next_session() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        key = SlowKey()
        challenges = iter([b"old" * 16, b"new" * 16])
        peer.answers[models.AuthIdentifyRequest] = lambda: base64.b64encode(next(challenges)).decode()
        peer.answers[models.AuthProveRequest] = "Authenticated"
        authenticating = asyncio.create_task(client.authenticate("alice", key))
        await in_time(key.asked.wait())
        await restored(client, peer)
        key.go.set()
        await in_time(authenticating)
        (proof,) = peer.requests_of(models.AuthProveRequest)
        assert base64.b64decode(proof.signature) == b"signature of " + b"new" * 16


@inferlet
async def answer() -> int:
    return 42


async def test_whether_a_function_is_installed_is_asked_again_after_a_loss() -> None:
    async with websocket_peer("0.5") as peer, PieClient(peer.uri, reconnect=SOON) as client:
        peer.answers[models.CheckProgramRequest] = "true"
        for _ in range(2):
            await client.run(answer)
        assert len(peer.requests_of(models.CheckProgramRequest)) == 1
        peer.answers[models.AttachProcessRequest] = "Process attached"
        await restored(client, peer)
        await client.run(answer)
        assert len(peer.requests_of(models.CheckProgramRequest)) == 2


async def test_a_reply_of_the_lost_session_does_not_identify_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver = RestorableConnection.deliver
    aborts = iter([True])

    def deliver_and_abort(self: RestorableConnection, batch: list[Frame]) -> None:
        deliver(self, batch)
        # As the keep-alive does when its time is over in the same turn of the event loop: the loss is known before who
        # waits for the reply goes on. A server can't time that.
        if next(aborts, False):
            self.drop()

    monkeypatch.setattr(RestorableConnection, "deliver", deliver_and_abort)
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await in_time(client.ping())
        kinds = [type(request) for request in peer.requests]
        assert kinds == [models.AuthIdentifyRequest, models.AuthIdentifyRequest, models.PingRequest]


async def test_not_more_attaches_are_in_flight_than_servers_queue() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        processes = [await launch(client) for _ in range(100)]
        peer.answers[models.AttachProcessRequest] = None
        restoring = asyncio.create_task(restored(client, peer))
        for number in range(1, 101):
            await peer.request(models.AttachProcessRequest, number)
            # What the client had written before it saw the ping has arrived before the pong.
            await in_time(await peer.socket.ping())
            requests = peer.requests_of(models.AttachProcessRequest)
            assert len(requests) < number + 32
            await peer.reply(requests[number - 1].corr_id, "Process attached")
        assert len((await in_time(restoring)).kept) == len(processes)


async def test_what_an_attempt_attached_may_have_gaps_if_the_attempt_fails() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON, timeout=2) as client:
        attached, other = await launch(client), await launch(client)
        peer.answers[models.AttachProcessRequest] = None

        async def answer_one() -> None:
            for number in (1, 2):
                request = await peer.request(models.AttachProcessRequest, number)
                if request.process_id == attached.process_id:
                    await peer.reply(request.corr_id, "Process attached")
            peer.answers[models.AttachProcessRequest] = "Process attached"

        peer.background.append(asyncio.create_task(answer_one()))
        state = await restored(client, peer, code=1012)
        assert sorted(state.kept) == sorted([attached.process_id, other.process_id])
        assert state.may_have_gaps
        assert (attached.possible_gaps, other.possible_gaps) == (1, 0)


# ------------------------------------------------------------- what a loss leaves


def tasks_of_clients() -> list[str]:
    """Return the names of the tasks that clients have started."""
    return sorted(name for task in asyncio.all_tasks() if (name := task.get_name()).startswith("pie-client"))


async def test_losses_leave_no_tasks() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON, ping_interval=1000) as client:
        await client.ping()
        before = tasks_of_clients()
        for _ in range(5):
            await restored(client, peer)
            await client.ping()
        assert tasks_of_clients() == before


DELAYS = """
initialize()

def call():
    while (request := read())["method"] == "notifications/cancelled":
        pass
    return request["id"]

first = call()
send(id=call(), result={})
third = call()
send(id=first, result={})
send(id=third, result={})
read()
"""
"""A server that answers its first call after the second, when the third has arrived."""


def mcp_call(number: int) -> models.McpRequest:
    return models.McpRequest(
        corr_id=number, process_id="p", server_name="slow", method="tools/list", params="{}"
    )


async def test_an_mcp_call_of_a_lost_session_is_not_answered_in_the_next(tmp_path: Path) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        script = Script(tmp_path, DELAYS)
        peer.answers[models.RegisterMcpServerRequest] = "ok"
        await client.register_mcp_server("slow", "stdio", command=script.command, args=script.args)
        await peer.send(mcp_call(1), mcp_call(2))
        assert (await peer.request(models.McpResponseRequest)).corr_id == 2
        await restored(client, peer)
        await peer.send(mcp_call(3))
        await peer.request(models.McpResponseRequest, 2)
        await client.ping()
        assert [answer.corr_id for answer in peer.requests_of(models.McpResponseRequest)] == [2, 3]


async def test_a_loss_just_before_the_end_of_a_restoration_begins_another() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        peer.answers[models.AttachProcessRequest] = None
        peer.hang_up()
        for number in range(1, 21):
            request = await peer.request(models.AttachProcessRequest, number)
            await peer.reply(request.corr_id, "Process attached")
            asyncio.get_running_loop().call_soon(peer.hang_up)
        peer.answers[models.AttachProcessRequest] = "Process attached"
        await peer.request(models.AttachProcessRequest, 21)
        await in_time(client.ping())
        await peer.send(returned(process, '"done"'))
        assert await in_time(process.wait()) == '"done"'
