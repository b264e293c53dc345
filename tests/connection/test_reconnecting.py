"""A client with ``reconnect=``: when it connects again, what goes on, and what fails with which error."""

import asyncio
import contextlib
import math
import ssl
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import (
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    ConnectionState,
    ConnectionStatus,
    DeadlineError,
    Family,
    FileEvent,
    HandshakeError,
    InvalidArgumentError,
    MessageEvent,
    NotConnectedError,
    ParsedPrivateKey,
    PieClient,
    PieError,
    ProcessLostError,
    Reconnect,
    ReconnectError,
    ReturnEvent,
    StdoutEvent,
    models,
)
from pie_client.testing import InferletSession, LocalEngine, Refusal
from tests.connection.helpers import SOON, check_text, launch, outcomes, printed, returned, until
from tests.support.keys import ed25519_key
from tests.support.mcp_servers import Script
from tests.support.peers import component, free_port, in_time, websocket_peer

MANIFEST = '[package]\nname = "big"\nversion = "1.0.0"\n'
HELD = 'while True: send(id=read()["id"], result={})'


@pytest.fixture
async def keeping(family: Family) -> AsyncIterator[LocalEngine]:
    """An engine that keeps the processes of lost connections."""
    async with LocalEngine(family=family, keep_detached=True) as engine:
        yield engine


# ------------------------------------------------------------- requests


async def test_safe_requests_are_repeated_and_others_fail_and_say_that_they_were_sent() -> None:
    """D11."""
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        peer.answers[models.PingRequest] = peer.answers[models.LaunchProcessRequest] = None
        repeated: list[asyncio.Task[object]] = [
            asyncio.create_task(call)
            for call in (
                client.ping(),
                client.list_processes(),
                client.query("model_status"),
                client.check_program("a@1.0.0"),
            )
        ]
        others: list[asyncio.Task[object]] = [
            asyncio.create_task(call)
            for call in (launch(client), client.terminate_process("3fa85f64-5717-4562-b3fc-2c963f66afa6"))
        ]
        await peer.request(models.TerminateProcessRequest)
        peer.answers |= {
            models.PingRequest: "Pong",
            models.ListProcessesRequest: "[]",
            models.QueryRequest: "{}",
            models.CheckProgramRequest: "true",
        }
        peer.hang_up()
        assert await outcomes(repeated) == [None, [], {}, True]
        for error, name in zip(await outcomes(others), ("launch_process", "terminate_process"), strict=True):
            assert isinstance(error, ConnectionLostError)
            assert error.sent is True
            check_text(error, f"{name} sent, but not answered: connection to {peer.uri}", "if that is safe")
        await client.ping()
        sent = {type(request): 0 for request in peer.requests}
        for request in peer.requests:
            sent[type(request)] += 1
        assert (sent[models.LaunchProcessRequest], sent[models.TerminateProcessRequest]) == (1, 1)
        assert (sent[models.QueryRequest], sent[models.CheckProgramRequest]) == (2, 2)


async def test_requests_wait_for_the_connection_within_their_deadline() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        peer.refuse_upgrade = HTTPStatus.SERVICE_UNAVAILABLE, "restarting"
        peer.hang_up()
        await until(client, ConnectionStatus.WAITING, 3)
        waiting = [asyncio.create_task(launch(client)), asyncio.create_task(client.attach_process("0" * 32))]
        connecting = asyncio.create_task(client.connect())
        with pytest.raises(DeadlineError) as caught:
            await client.ping(timeout=0.05)
        check_text(caught.value, "ping not sent within 0.05 s", peer.uri, "is being restored")
        with pytest.raises(DeadlineError):
            await client.authenticate("alice", timeout=0.05)
        peer.refuse_upgrade = None
        for each in waiting:
            await in_time(each)
        await in_time(connecting)
        assert client.connected
        assert len(peer.requests_of(models.LaunchProcessRequest)) == 1


async def test_a_call_that_was_cancelled_while_it_waited_is_not_sent() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        peer.refuse_upgrade = HTTPStatus.SERVICE_UNAVAILABLE, ""
        peer.hang_up()
        await until(client, ConnectionStatus.WAITING)
        launching = asyncio.create_task(launch(client))
        await asyncio.sleep(0)
        launching.cancel()
        peer.refuse_upgrade = None
        await until(client, ConnectionStatus.READY)
        await client.ping()
        assert launching.cancelled()
        assert peer.requests_of(models.LaunchProcessRequest) == []


# ------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("code", "again"),
    [(1000, False), (1001, True), (1008, False), (1011, False), (1012, True), (1013, True), (None, True)],
)
async def test_the_close_code_decides_whether_the_client_connects_again(
    code: int | None, again: bool
) -> None:
    """D11."""
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        waiting = asyncio.create_task(process.wait())
        await client.ping()
        if code is None:
            peer.reset()
        else:
            await peer.socket.close(code)
        if code is None:
            await until(client, ConnectionStatus.LOST)
        state = await until(client, ConnectionStatus.READY if again else ConnectionStatus.GAVE_UP)
        if again:
            await peer.send(returned(process, '"kept"'))
            assert await in_time(waiting) == '"kept"'
        else:
            assert isinstance(state.cause, ConnectionLostError)
            assert state.cause.code == code
            assert len(peer.upgrades) == 1
            with pytest.raises(ReconnectError, match=f"code {code}") as caught:
                await in_time(waiting)
            assert caught.value.__cause__ is state.cause
            with pytest.raises(ReconnectError):
                await launch(client)


@pytest.mark.parametrize(
    ("status", "again"), [(503, True), (502, True), (504, True), (401, False), (404, False), (500, False)]
)
async def test_connecting_is_repeated_at_the_start_too_if_the_error_is_transient(
    status: int, again: bool
) -> None:
    async with websocket_peer() as peer:
        peer.refuse_upgrade = HTTPStatus(status), ""
        client = PieClient(peer.uri, reconnect=Reconnect(attempts=3, first_delay=0.001))
        with pytest.raises(HandshakeError) as caught:
            await in_time(client.connect())
        assert caught.value.status == status
        assert len(peer.upgrades) == (3 if again else 1)
        connecting = asyncio.create_task(client.connect())
        await until(client, ConnectionStatus.CONNECTING)
        peer.refuse_upgrade = None
        await in_time(connecting)
        await client.ping()
        await client.close()


async def test_nothing_is_tried_again_if_the_server_is_not_trusted(server_tls: ssl.SSLContext) -> None:
    async with websocket_peer(tls=server_tls) as peer:
        client = PieClient(peer.uri, reconnect=SOON)
        with pytest.raises(ConnectError, match="certificate not trusted"):
            await in_time(client.connect())
        assert client.state.status is ConnectionStatus.GAVE_UP
        assert client.state.attempt == 1


async def test_a_refused_connection_is_tried_as_often_as_the_policy_says_with_growing_delays() -> None:
    """D11."""
    policy = Reconnect(attempts=6, first_delay=0.001, max_delay=0.01)
    client = PieClient(f"ws://127.0.0.1:{free_port()}", reconnect=policy)
    following = asyncio.create_task(_states(client))
    await asyncio.sleep(0)
    with pytest.raises(ConnectError, match="connection refused"):
        await in_time(client.connect())
    await client.close()
    states = await in_time(following)
    waits = [state for state in states if state.status is ConnectionStatus.WAITING]
    assert [state.attempt for state in waits] == [2, 3, 4, 5, 6]
    bounds = [0.001, 0.002, 0.004, 0.008, 0.01]
    assert [state.delay for state in waits] != bounds, "delays are random"
    for state, bound in zip(waits, bounds, strict=True):
        assert 0 <= state.delay <= bound
        assert isinstance(state.cause, ConnectError)
    assert states[-2].status is ConnectionStatus.GAVE_UP
    assert str(states[-2]).startswith("gave up after 6 attempts: could not connect to ")


async def test_no_attempt_begins_after_the_total_time() -> None:
    # Longer than the first attempt takes on a busy machine: the second one begins at its end.
    policy = Reconnect(total_time=1.0, first_delay=math.inf, max_delay=math.inf)
    client = PieClient(f"ws://127.0.0.1:{free_port()}", reconnect=policy)
    with pytest.raises(ConnectError):
        await in_time(client.connect())
    assert client.state.attempt == 2


async def test_a_policy_of_the_users_own_decides_by_the_error() -> None:
    seen: list[PieError] = []

    def retry(error: PieError) -> bool:
        seen.append(error)
        return len(seen) < 3 or Reconnect.is_transient(error)

    async with websocket_peer() as peer:
        peer.refuse_upgrade = HTTPStatus.UNAUTHORIZED, ""
        client = PieClient(peer.uri, reconnect=Reconnect(first_delay=0.001, retry=retry))
        with pytest.raises(HandshakeError):
            await in_time(client.connect())
        assert len(peer.upgrades) == 3
        assert all(isinstance(error, HandshakeError) and error.status == 401 for error in seen)


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": 1.5},
        {"total_time": 0},
        {"first_delay": -1},
        {"max_delay": "x"},
        {"retry": True},
        {"retry": in_time},
    ],
)
def test_an_invalid_policy_is_an_error(options: dict[str, object]) -> None:
    (name,) = options
    with pytest.raises(InvalidArgumentError, match=f"invalid {name}="):
        Reconnect(**options)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(InvalidArgumentError, match=r"first_delay=5 is more than max_delay=1"):
        Reconnect(first_delay=5, max_delay=1)
    with pytest.raises(InvalidArgumentError, match=r"reconnect is bool; pass Reconnect\(\)"):
        PieClient("ws://127.0.0.1:1", reconnect=True)  # type: ignore[arg-type]  # as above


async def _states(client: PieClient) -> list[ConnectionState]:
    return [state async for state in client.states()]


# ------------------------------------------------------------- giving up and closing


async def test_giving_up_ends_handles_and_requests_and_connecting_by_hand_goes_on_as_the_same_user() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri, reconnect=Reconnect(attempts=2, first_delay=0.001))
        await client.connect()
        await client.authenticate("alice")
        process = await launch(client)
        reading = asyncio.create_task(process.recv())
        peer.refuse_upgrade = HTTPStatus.UNAUTHORIZED, ""
        peer.hang_up()
        await until(client, ConnectionStatus.LOST)
        waiting = asyncio.create_task(launch(client))
        for task, sent in ((reading, None), (waiting, False)):
            with pytest.raises(ReconnectError) as caught:
                await in_time(task)
            check_text(caught.value, "lost without a close frame", "gave up after attempt 1, ", "HTTP 401")
            assert "connect again" not in str(caught.value)
            assert isinstance(caught.value.__cause__, HandshakeError)
            assert caught.value.sent is sent
        peer.refuse_upgrade = None
        await client.connect()
        await launch(client)
        assert [r.username for r in peer.requests_of(models.AuthIdentifyRequest)] == ["alice", "alice"]
        await client.close()


async def test_a_loop_that_launches_again_what_was_lost_ends_when_the_server_stays_away() -> None:
    async def launch_again(client: PieClient) -> None:
        for _ in range(10):
            with contextlib.suppress(ConnectionLostError):
                await (await client.launch_process("count@1.0.0", input=5)).result()

    async with (
        LocalEngine(builtins=True) as engine,
        PieClient(engine.uri, reconnect=Reconnect(attempts=2, first_delay=0.001)) as client,
    ):
        waiting = await client.launch_process("wait@1.0.0")
        await engine.__aexit__(None, None, None)
        with pytest.raises(ReconnectError, match="connection refused"):
            await launch_again(client)
        with pytest.raises(ReconnectError):
            await waiting.result()
        with pytest.raises(ReconnectError):
            await client.ping()
        assert client.state.status is ConnectionStatus.GAVE_UP


async def test_a_login_that_is_refused_after_a_loss_is_not_tried_again(tmp_path: Path) -> None:
    key, public = ed25519_key(tmp_path)

    def refuse(_request: models.AuthIdentifyRequest) -> str:
        raise Refusal("User 'alice' is not authorized")

    async with (
        LocalEngine(family="0.4", auth={"alice": [public]}) as engine,
        PieClient(engine.uri, reconnect=SOON) as client,
    ):
        await client.authenticate("alice", ParsedPrivateKey.from_file(key))
        engine.answer(models.AuthIdentifyRequest, refuse)
        engine.faults.drop_connection()
        state = await until(client, ConnectionStatus.GAVE_UP)
        assert isinstance(state.cause, AuthenticationError)
        assert state.attempt == 1


async def test_closing_ends_the_attempts_and_what_waits_for_them() -> None:
    async with websocket_peer() as peer:
        client = PieClient(peer.uri, reconnect=SOON)
        await client.connect()
        process = await launch(client)
        peer.refuse_upgrade = HTTPStatus.SERVICE_UNAVAILABLE, ""
        peer.hang_up()
        await until(client, ConnectionStatus.WAITING)
        tasks: list[asyncio.Task[object]] = [
            asyncio.create_task(call) for call in (process.recv(), client.ping(), launch(client))
        ]
        await asyncio.sleep(0)
        await in_time(client.close())
        assert all(isinstance(outcome, NotConnectedError) for outcome in await outcomes(tasks))
        assert client.state.status is ConnectionStatus.CLOSED


# ------------------------------------------------------------- sessions


@pytest.mark.parametrize("user", ["alice", "internal"])
async def test_a_key_or_a_token_identifies_the_new_session(user: str, tmp_path: Path) -> None:
    key, public = ed25519_key(tmp_path)
    async with (
        LocalEngine(family="0.4", auth={"alice": [public]}) as engine,
        PieClient(engine.uri, reconnect=SOON) as client,
    ):
        if user == "alice":
            await client.authenticate("alice", ParsedPrivateKey.from_file(key))
        else:
            await client.auth_by_token(engine.token)
        for _ in range(3):
            engine.faults.drop_connection()
            await until(client, ConnectionStatus.LOST)
            await client.ping()
            assert client.server is not None
            assert client.server.username == user


async def test_mcp_servers_are_announced_again_and_not_restarted(tmp_path: Path) -> None:
    script = Script(tmp_path, "initialize()\n" + HELD)
    async with LocalEngine(family="0.4") as engine, PieClient(engine.uri, reconnect=SOON) as client:

        @engine.inferlet("call@1.0.0")
        async def call(session: InferletSession, _input: JsonValue) -> JsonValue:
            return await session.mcp.call_tool("py", "x", {})

        await client.register_mcp_server("py", "stdio", script.command, script.args)
        await client.register_mcp_server("gone", "stdio", script.command, script.args)
        await client.unregister_mcp_server("gone")
        for _ in range(3):
            engine.faults.drop_connection()
            await until(client, ConnectionStatus.LOST)
            process = await client.launch_process("call@1.0.0")
            assert await process.result(timeout=60) == {}
        assert len(script.pids) == 2


async def test_run_processes_has_a_connection_whose_fate_is_its_own() -> None:
    async with LocalEngine(family="0.4") as engine, PieClient(engine.uri, reconnect=SOON) as client:
        begun, go = asyncio.Semaphore(0), asyncio.Event()

        @engine.inferlet("wait@1.0.0")
        async def wait(_session: InferletSession, input: JsonValue) -> JsonValue:
            begun.release()
            await go.wait()
            return input

        await client.ping()
        running = asyncio.create_task(client.run_processes("wait@1.0.0", [1, 2]))
        for _ in range(2):
            await in_time(begun.acquire())
        engine.faults.close_connection(1012)  # the older connection
        await until(client, ConnectionStatus.LOST)
        await until(client, ConnectionStatus.READY)
        go.set()
        assert await in_time(running) == ["1", "2"]


# ------------------------------------------------------------- processes


async def test_a_process_that_the_server_keeps_goes_on_where_it_was(keeping: LocalEngine) -> None:
    step = asyncio.Event()

    @keeping.inferlet("steps@1.0.0")
    async def steps(session: InferletSession, _input: JsonValue) -> str:
        session.print("before", end="")
        await session.receive()
        session.print("meanwhile", end="")
        step.set()
        session.send(await session.receive())
        session.send_file(bytes(3_000_000), "file")
        return "end"

    async with PieClient(keeping.uri, reconnect=SOON) as client:
        process = await client.launch_process("steps@1.0.0")
        detached = (await client.launch_process("steps@1.0.0")).detach()
        assert await in_time(anext(process)) == StdoutEvent("before")
        await process.signal("go")
        await in_time(step.wait())
        keeping.faults.close_connection(1012)
        lost = await until(client, ConnectionStatus.LOST)
        assert isinstance(lost.cause, ConnectionLostError)
        ready = await until(client, ConnectionStatus.READY)
        assert sorted(ready.kept) == sorted([process.process_id, detached])
        assert (ready.lost, ready.may_have_gaps, process.possible_gaps) == ((), False, 0)
        keeping.faults.drop_connection()
        await until(client, ConnectionStatus.LOST)
        await process.signal("hello")  # waits
        assert client.state.may_have_gaps
        assert process.possible_gaps == 1
        events = [event async for event in process]
        assert events[:2] == [StdoutEvent("meanwhile"), MessageEvent("hello")]
        assert isinstance(events[2], FileEvent)
        assert events[2].size == 3_000_000
        assert events[3] == ReturnEvent('"end"')
        again = await client.attach_process(detached)
        assert await in_time(anext(again)) == StdoutEvent("before")


@pytest.mark.parametrize(
    ("family", "why"),
    [
        ("0.4", "it still runs, but the server gives it to no other connection"),
        ("0.5", "Pie 0.5 servers terminate processes when their connection ends"),
    ],
)
async def test_a_handle_that_the_server_does_not_give_back_says_why(family: Family, why: str) -> None:
    """D33."""
    async with LocalEngine(family=family) as engine, PieClient(engine.uri, reconnect=SOON) as client:

        @engine.inferlet("wait@1.0.0")
        async def wait(session: InferletSession, _input: JsonValue) -> None:
            session.print("unread", end="")
            await session.receive()

        process = await client.launch_process("wait@1.0.0")
        await client.ping()
        engine.faults.drop_connection()
        await until(client, ConnectionStatus.LOST)
        sending = [asyncio.create_task(process.signal("x")), asyncio.create_task(process.transfer_file(b"x"))]
        ready = await until(client, ConnectionStatus.READY)
        assert (ready.kept, ready.lost) == ((), (process.process_id,))
        assert await in_time(anext(process)) == StdoutEvent("unread")
        for call in (process.recv(), process.wait(), anext(process), *sending):
            with pytest.raises(ProcessLostError) as caught:
                await in_time(call)
            check_text(caught.value, process.process_id, why)
        assert (await (await client.launch_process("wait@1.0.0")).recv())[1] == "unread"


async def test_what_a_restarted_server_does_not_know_says_so(family: Family) -> None:
    async with LocalEngine(family=family, port=(port := free_port())) as engine:
        engine.inferlet("wait@1.0.0")(_wait)
        client = PieClient(engine.uri, reconnect=SOON)
        await client.connect()
        process = await client.launch_process("wait@1.0.0")
    async with LocalEngine(family=family, port=port) as engine:
        engine.inferlet("wait@1.0.0")(_wait)
        with pytest.raises(ProcessLostError):
            await in_time(process.wait())
        await client.launch_process("wait@1.0.0")
        assert len(engine.processes) == 1
        await client.close()


async def _wait(session: InferletSession, _input: JsonValue) -> None:
    await session.receive()


async def test_finished_processes_keep_their_results_over_a_loss() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        process = await launch(client)
        await peer.send(printed(process, "out"), returned(process, "5"))
        await client.ping()
        peer.hang_up()
        await until(client, ConnectionStatus.LOST)
        await until(client, ConnectionStatus.READY)
        assert await process.result() == 5
        assert [event async for event in process] == [StdoutEvent("out"), ReturnEvent("5")]
        assert peer.requests_of(models.AttachProcessRequest) == []


# ------------------------------------------------------------- uploads


async def test_an_upload_starts_again_from_its_first_chunk(family: Family, engine: LocalEngine) -> None:
    program = component(bytes(range(256)) * 8000)
    sent: list[int] = []
    async with PieClient(engine.uri, reconnect=SOON) as client:
        await client.ping()
        engine.faults.drop_connection(1_000_000, "received")
        await client.install_program_bytes(program, MANIFEST, progress=lambda done, _total: sent.append(done))
        assert engine.uploads == {"big@1.0.0": program}
        assert sent.count(min(sent)) == 2
        assert sent[-1] == len(program)


async def test_a_file_starts_again_from_its_first_chunk_and_arrives_once(keeping: LocalEngine) -> None:
    data = bytes(range(256)) * 8000

    @keeping.inferlet("take@1.0.0")
    async def take(session: InferletSession, _input: JsonValue) -> bool:
        while True:
            session.send("ready")
            try:
                return await session.receive_file() == data
            except RuntimeError:  # the client has disconnected
                await asyncio.sleep(0.01)

    async with PieClient(keeping.uri, reconnect=SOON) as client:
        process = await client.launch_process("take@1.0.0")
        assert await in_time(anext(process)) == MessageEvent("ready")
        await process.transfer_file(data)
        assert await process.result(timeout=60) is True
