"""Workflows: expressions over inferlets, evaluated by engines of the 0.4 family."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import pytest
from _pytest.mark import ParameterSet
from pydantic import JsonValue, TypeAdapter
from websockets.asyncio.client import ClientConnection, connect

from pie_client import PieClient, UnsupportedError, models
from pie_client.base import WireModel
from pie_client.protocol.codec import decode_server_message
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.support.peers import TIMEOUT
from tests.support.raw import client_frame

PROCESSES = TypeAdapter(list[models.ProcessInfo])

Expression = dict[str, JsonValue]


class Client:
    """A raw client of one user, with the requests of workflows."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, request: WireModel) -> None:
        await self._socket.send(client_frame(request))

    async def next(self) -> object:
        async with asyncio.timeout(TIMEOUT):
            return decode_server_message(await self._socket.recv())

    async def reply(self, request: WireModel) -> tuple[bool, str]:
        await self.send(request)
        message = await self.next()
        assert isinstance(message, models.Response), message
        return message.ok, message.result

    async def submit(self, expression: Expression) -> str:
        ok, text = await self.reply(submission(json.dumps(expression)))
        assert ok, text
        assert str(uuid.UUID(text)) == text
        return text

    async def values(self, count: int) -> list[tuple[str, str]]:
        """Return the kind and value of the next events."""
        events = [await self.next() for _ in range(count)]
        return [
            (event.event, event.value)
            for event in events
            if isinstance(event, (models.StdoutFrame, models.ReturnFrame, models.ErrorFrame))
        ]

    async def processes(self) -> list[models.ProcessInfo]:
        ok, text = await self.reply(models.ListProcessesRequest(corr_id=9))
        assert ok
        return PROCESSES.validate_json(text)


def submission(text: str) -> models.SubmitWorkflowRequest:
    return models.SubmitWorkflowRequest(corr_id=1, json_=text)


def attach(workflow: str) -> models.AttachWorkflowRequest:
    return models.AttachWorkflowRequest(corr_id=2, workflow_id=workflow)


def detach(workflow: str) -> models.DetachWorkflowRequest:
    return models.DetachWorkflowRequest(corr_id=3, workflow_id=workflow)


def cancel(workflow: str) -> models.CancelWorkflowRequest:
    return models.CancelWorkflowRequest(corr_id=4, workflow_id=workflow)


def process(name: str, config: JsonValue = None) -> Expression:
    more: Expression = {} if config is None else {"config": config}
    return {"type": "process", "program_name": f"{name}@1.0.0", **more}


def literal(value: JsonValue) -> Expression:
    return {"type": "literal", "value": value}


def pipe(*stages: Expression) -> Expression:
    return {"type": "pipe", "stages": list(stages)}


def fork(*branches: Expression) -> Expression:
    return {"type": "fork", "branches": list(branches)}


@pytest.fixture
async def engine() -> AsyncIterator[LocalEngine]:
    async with LocalEngine(family="0.4") as running:

        @running.inferlet("echo@1.0.0")
        async def echo(_session: InferletSession, input: JsonValue) -> JsonValue:
            return input

        @running.inferlet("inc@1.0.0")
        async def inc(_session: InferletSession, input: JsonValue) -> JsonValue:
            assert isinstance(input, dict)
            number = input.get("n", 0)
            assert isinstance(number, int)
            return {"n": number + 1}

        @running.inferlet("three@1.0.0")
        async def three(_session: InferletSession, input: JsonValue) -> JsonValue:
            return isinstance(input, dict) and input.get("n") == 3

        @running.inferlet("add@1.0.0")
        async def add(_session: InferletSession, input: JsonValue) -> JsonValue:
            assert isinstance(input, dict)
            sum_, item = input.get("sum", 0), input.get("item", 0)
            assert isinstance(sum_, int)
            assert isinstance(item, int)
            return {"sum": sum_ + item}

        @running.inferlet("wait@1.0.0")
        async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.print("waits")
            return await asyncio.Event().wait()

        @running.inferlet("later@1.0.0")
        async def later(_session: InferletSession, input: JsonValue) -> JsonValue:
            await asyncio.sleep(0)
            return input

        @running.inferlet("fail@1.0.0")
        async def fail(_session: InferletSession, _input: JsonValue) -> JsonValue:
            raise ProcessFailure("on purpose")

        yield running


async def _client(socket: ClientConnection, username: str = "alice") -> Client:
    client = Client(socket)
    assert (await client.reply(models.AuthIdentifyRequest(corr_id=1, username=username)))[0]
    return client


@pytest.fixture
async def alice(engine: LocalEngine) -> AsyncIterator[Client]:
    async with connect(engine.uri) as socket:
        yield await _client(socket)


@pytest.fixture
async def bob(engine: LocalEngine) -> AsyncIterator[Client]:
    async with connect(engine.uri) as socket:
        yield await _client(socket, "bob")


FALSY: list[JsonValue] = [None, False, 0, 0.0, "", "false", "0", "null", [], {}]
TRUTHY: list[JsonValue] = [True, 1, -1, "False", " ", "no", [0], {"a": 0}]


def choice(value: JsonValue, *, holds: bool) -> ParameterSet:
    """Make a case in which a value decides."""
    expression: Expression = {
        "type": "cond",
        "predicate": literal(value),
        "then": literal(1),
        "otherwise": literal(0),
    }
    return pytest.param(expression, {"_input": int(holds)}, id=f"{value!r} is {holds}")


ITEMS: JsonValue = [{"item": 1}, {"item": 2}, {"item": 3}]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param(pipe(), {}, id="nothing flows in"),
        pytest.param(literal({"a": 1}), {"a": 1}, id="an object is the input itself"),
        pytest.param(literal("text"), {"_input": "text"}, id="anything else stands in the input"),
        pytest.param(pipe(literal([1]), literal(None)), {"_input": None}, id="a stage replaces the value"),
        pytest.param(
            pipe(literal({"a": 1, "b": 1}), process("echo", {"b": 2})),
            {"a": 1, "b": 2},
            id="configuration wins",
        ),
        pytest.param(
            pipe(literal({"_args": [1]}), process("echo", "x")),
            {"_args": [1, "x"]},
            id="other configuration is added",
        ),
        pytest.param(fork(literal(1), process("echo", {"a": 1})), {"_input": [1, {"a": 1}]}, id="fork"),
        pytest.param(
            {"type": "map", "function": process("inc"), "over": literal([{"n": 5}, {"n": 7}])},
            {"_input": [{"n": 6}, {"n": 8}]},
            id="map",
        ),
        pytest.param(
            {
                "type": "fold",
                "function": process("add"),
                "init": literal({"sum": 10}),
                "over": literal(ITEMS),
            },
            {"sum": 16},
            id="fold",
        ),
        pytest.param(
            {
                "type": "fold",
                "function": process("echo"),
                "init": literal({"item": 0}),
                "over": literal(ITEMS),
            },
            {"item": 0},
            id="in a fold the value so far wins over the item",
        ),
        pytest.param(
            {"type": "iterate", "body": process("inc"), "until": process("three")}, {"n": 3}, id="iterate"
        ),
        pytest.param(pipe(literal([1, 2, 3]), {"type": "take", "k": 2}), {"_input": [1, 2]}, id="take"),
        pytest.param(pipe(fork(), {"type": "take", "k": 2}), {"_input": []}, id="take of nothing"),
        *(choice(value, holds=False) for value in FALSY),
        *(choice(value, holds=True) for value in TRUTHY),
    ],
)
async def test_an_expression_evaluates_to_its_value(
    alice: Client, expression: Expression, value: JsonValue
) -> None:
    workflow = await alice.submit(pipe(expression, process("echo", {"the": "end"})))
    async with asyncio.timeout(TIMEOUT):
        while True:
            event = await alice.next()
            result = json.loads(event.value) if isinstance(event, models.ReturnFrame) else None
            if isinstance(result, dict) and "the" in result:
                break
    assert isinstance(value, dict)
    assert result == {**value, "the": "end"}
    assert await alice.reply(attach(workflow)) == (False, "Workflow not found")


async def test_take_after_fork_keeps_the_first_results_and_cancels_the_others(alice: Client) -> None:
    await alice.submit(
        pipe(fork(process("wait"), process("later")), {"type": "take", "k": 1}, process("echo", {"x": 1}))
    )
    assert await alice.values(4) == [
        ("stdout", "waits\n"),
        ("return", "{}"),
        ("error", "cancelled"),
        ("return", '{"_input": [{}], "x": 1}'),
    ]


async def test_a_failed_process_cancels_the_others(alice: Client) -> None:
    workflow = await alice.submit(fork(process("wait"), process("fail")))
    assert sorted(await alice.values(3)) == [
        ("error", "cancelled"),
        ("error", "on purpose"),
        ("stdout", "waits\n"),
    ]
    assert await alice.processes() == []
    assert await alice.reply(cancel(workflow)) == (False, "Service not found")


async def test_a_loop_fails_after_1000_iterations(alice: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "pie_client.testing.engine"):
        workflow = await alice.submit({"type": "iterate", "body": literal(1), "until": literal(0)})
        await alice.processes()
        assert await alice.reply(attach(workflow)) == (False, "Workflow not found")
    assert "Loop exceeded 1000 iterations" in caplog.text


@pytest.mark.parametrize(
    "expression",
    [process("absent"), pipe(literal(5), {"type": "map", "function": literal(1), "over": literal(5)})],
)
async def test_a_failed_expression_ends_its_workflow_without_an_event(
    alice: Client, expression: Expression
) -> None:
    workflow = await alice.submit(expression)
    await alice.processes()
    assert await alice.reply(attach(workflow)) == (False, "Workflow not found")


async def test_processes_belong_to_the_user_and_send_events_to_the_client_of_the_workflow(
    alice: Client, bob: Client
) -> None:
    workflow = await alice.submit(process("wait"))
    assert await alice.values(1) == [("stdout", "waits\n")]
    (child,) = await alice.processes()
    assert (child.username, child.program, child.input) == ("alice", "wait@1.0.0", "{}")
    assert await bob.processes() == []
    assert await alice.reply(cancel(workflow)) == (True, "Workflow cancelled")
    event = await alice.next()
    assert event == models.ErrorFrame(process_id=child.id, value="cancelled")
    assert await alice.processes() == []


async def test_attaching_to_a_process_of_a_workflow_receives_its_events_twice(alice: Client) -> None:
    workflow = await alice.submit(process("wait"))
    assert await alice.values(1) == [("stdout", "waits\n")]
    (child,) = await alice.processes()
    assert await alice.reply(models.AttachProcessRequest(corr_id=5, process_id=child.id)) == (
        True,
        "Process attached",
    )
    assert await alice.values(1) == [("stdout", "waits\n")]
    assert await alice.reply(cancel(workflow)) == (True, "Workflow cancelled")
    assert await alice.values(2) == [("error", "cancelled")] * 2


async def test_a_detached_workflow_keeps_its_events_for_the_next_client(
    alice: Client, engine: LocalEngine
) -> None:
    workflow = await alice.submit(process("wait"))
    assert await alice.values(1) == [("stdout", "waits\n")]
    (child,) = await alice.processes()
    assert await alice.reply(attach(workflow)) == (False, "already attached")
    assert await alice.reply(detach(workflow)) == (True, "Workflow detached")
    assert await alice.reply(models.AttachProcessRequest(corr_id=5, process_id=child.id)) == (
        True,
        "Process attached",
    )
    assert await alice.values(1) == [("stdout", "waits\n")]
    event = models.StdoutFrame(process_id=child.id, value="more\n")
    engine.processes[child.id].deliver(event, buffered=True)
    assert await alice.values(1) == [("stdout", "more\n")]
    assert await alice.reply(attach(workflow.upper())) == (True, "Workflow attached")
    assert await alice.values(1) == [("stdout", "more\n")]


async def test_only_attaching_checks_the_user(alice: Client, bob: Client) -> None:
    workflow = await alice.submit(process("wait"))
    assert await alice.values(1) == [("stdout", "waits\n")]
    assert await bob.reply(attach(workflow)) == (False, "Permission denied")
    assert await bob.reply(detach(workflow)) == (True, "Workflow detached")
    assert await alice.reply(attach(workflow)) == (True, "Workflow attached")
    assert await bob.reply(cancel(workflow)) == (True, "Workflow cancelled")
    assert await alice.values(1) == [("error", "cancelled")]
    assert await bob.reply(cancel(workflow)) == (False, "Service not found")


async def test_an_unknown_or_invalid_workflow_id_is_refused(alice: Client) -> None:
    unknown = str(uuid.uuid4())
    assert await alice.reply(attach(unknown)) == (False, "Workflow not found")
    assert await alice.reply(cancel(unknown)) == (False, "Service not found")
    assert await alice.reply(detach(unknown)) == (True, "Workflow detached")
    for request in (attach, cancel, detach):
        assert await alice.reply(request("x")) == (False, "Invalid workflow ID")


async def test_invalid_workflow_json_is_refused(alice: Client) -> None:
    not_json = (
        "",
        "x",
        '{"type": "literal", "value": NaN}',
        '{"type": "literal", "value": [-Infinity]}',
        "[" * 9999,
    )
    for text in (*not_json, "5", "{}", '{"type": "nope"}', '{"type": "take", "k": -1}', '{"type": "pipe"}'):
        ok, reason = await alice.reply(submission(text))
        assert (ok, reason[:23]) == (False, "Invalid workflow JSON: ")
    assert await alice.reply(submission('{"type": "pipe", "stages": []}')) == (
        False,
        "Workflow has no executable steps",
    )


async def test_stop_cancels_workflows() -> None:
    ended = asyncio.Event()
    async with LocalEngine(family="0.4") as engine:

        @engine.inferlet("wait@1.0.0")
        async def wait(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.print("waits")
            try:
                return await asyncio.Event().wait()
            finally:
                ended.set()

        async with connect(engine.uri) as socket:
            client = await _client(socket)
            await client.submit(fork(process("wait"), process("wait")))
            assert await client.values(2) == [("stdout", "waits\n")] * 2
    assert ended.is_set()
    assert engine.workflows == {}


async def test_the_client_can_detach_attach_and_cancel() -> None:
    async with LocalEngine(family="0.4") as engine, PieClient(engine.uri) as client:

        @engine.inferlet("wait@1.0.0")
        async def wait(_session: InferletSession, _input: JsonValue) -> JsonValue:
            return await asyncio.Event().wait()

        workflow = await client.rpc.submit_workflow(json_=json.dumps(process("wait")))
        assert await client.rpc.detach_workflow(workflow_id=workflow) == "Workflow detached"
        assert await client.rpc.attach_workflow(workflow_id=workflow) == "Workflow attached"
        assert await client.rpc.cancel_workflow(workflow_id=workflow) == "Workflow cancelled"


async def test_workflows_need_a_0_4_engine() -> None:
    async with LocalEngine(family="0.5") as engine, PieClient(engine.uri) as client:
        with pytest.raises(UnsupportedError):
            await client.rpc.submit_workflow(json_=json.dumps(literal(1)))
