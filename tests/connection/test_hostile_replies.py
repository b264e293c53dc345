"""Replies that are invalid in many places, and texts of any length and content, give one short line each."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import CoreSchema, SchemaValidator

from pie_client import (
    InvalidArgumentError,
    PieClient,
    PieError,
    ProcessError,
    ProtocolError,
    RefusedError,
    ResultError,
    ServerError,
    models,
)
from pie_client.errors import MESSAGE_CHARACTERS
from pie_client.models import ProcessInfo
from tests.connection.helpers import launch, returned
from tests.support.peers import Refusal, in_time, websocket_peer

HOSTILE = "\x1b[31m\n\r\0\x85\u2028\u202eé"
MANY = 350_000
"""Items of a reply of one mebibyte."""


class Inner(BaseModel):
    values: list[int]


class Outer(BaseModel):
    inner: Inner


class Named(BaseModel):
    metadata: list[int] = []
    default: list[int] = []
    serialization: list[int] = []
    type: list[int] = []


def invalid_items(value: list[object], validate: ValidatorFunctionWrapHandler) -> object:
    """Return the valid items of a list, or where the invalid ones are."""
    try:
        return validate(value)
    except ValidationError as error:
        return [place for problem in error.errors() for place in problem["loc"]]


class Tree(BaseModel):
    values: list[int] = []
    children: "list[Tree]" = []


class Wrapped(BaseModel):
    tree: Tree | None = None
    numbers: Annotated[list[int], WrapValidator(invalid_items)] = []
    trees: Annotated[list[Tree], WrapValidator(invalid_items)] = []


def check(error: PieError) -> None:
    """Check that an error is one short, printable line."""
    message = str(error)
    assert message.isprintable()
    assert len(message) <= MESSAGE_CHARACTERS


async def list_processes(client: PieClient) -> object:
    return await client.list_processes()


async def launch_processes(client: PieClient) -> object:
    return await client.launch_processes("a@1.0.0", [1, 2])


async def run_processes(client: PieClient) -> object:
    return await client.run_processes("a@1.0.0", [1, 2])


@pytest.mark.parametrize(
    ("call", "model", "problems"),
    [
        (
            list_processes,
            models.ListProcessesRequest,
            "invalid reply to list_processes: 0.id is missing; 0.username is missing; 0.program is missing; ",
        ),
        (
            launch_processes,
            models.LaunchProcessesRequest,
            "invalid reply to launch_processes: 0 is dict, not str",
        ),
        (
            run_processes,
            models.RunProcessesRequest,
            "invalid reply to run_processes: 0 is dict, not str",
        ),
    ],
    ids=["list", "launch", "run"],
)
async def test_an_invalid_reply_is_checked_up_to_its_first_invalid_item(
    call: Callable[[PieClient], Awaitable[object]], model: type, problems: str
) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        answers = iter(["[]", "[" + ",".join(["{}"] * MANY) + "]"])
        peer.answers[model] = lambda: next(answers)
        if model is not models.LaunchProcessesRequest:  # the first asks whether the server knows it
            peer.answers[models.LaunchProcessesRequest] = "[]"
            next(answers)
        with pytest.raises(ProtocolError) as caught:
            await in_time(call(client))
    check(caught.value)
    assert str(caught.value).startswith(problems)
    assert "1." not in str(caught.value)
    assert "more" not in str(caught.value)
    assert caught.value.__cause__ is None


async def result_error(text: str, as_type: Any) -> str:  # noqa: ANN401 - of a type, a union or an adapter
    """Return the error of a result that is not of a type."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(returned(process, text))
        with pytest.raises(ResultError) as caught:
            await in_time(process.result(as_type))
    check(caught.value)
    shown = as_type.__name__ if as_type in (Outer, Named) else as_type
    assert f" characters that are not {shown} (" in str(caught.value)
    assert caught.value.__context__ is None, "the validation error holds the input"
    return str(caught.value).partition(" (")[2].rpartition("); wait()")[0]


@pytest.mark.parametrize(
    ("as_type", "text", "problems"),
    [
        (list[int], "[" + ",".join(["{}"] * MANY) + "]", "0 is not a valid int"),
        (set[str], "[" + ",".join(["1"] * MANY) + "]", "0 is not a valid string"),
        (tuple[int, ...], "[1," + ",".join(["{}"] * MANY) + "]", "1 is not a valid int"),
        (dict[str, list[int]], json.dumps({"a": ["x"] * MANY}), "a.0 is not a valid int"),
        (list[ProcessInfo], "[" + ",".join(["{}"] * MANY) + "]", None),
        (dict[str, int], json.dumps({str(n): "x" for n in range(50_000)}), "0 is not a valid int"),
        (frozenset[int], "[" + ",".join(["{}"] * MANY) + "]", "0 is not a valid int"),
        (
            TypeAdapter(dict[str, int], config=ConfigDict(strict=True)),
            json.dumps({str(n): str(n) for n in range(50_000)}),
            "0 is not a valid int",
        ),
        (
            dict[str, int] | list[int],
            "[" + ",".join(["{}"] * MANY) + "]",
            "dict[str,int] is not a valid dict; list[int].0 is not a valid int",
        ),
        (Outer, json.dumps({"inner": {"values": ["x"] * MANY}}), "inner.values.0 is not a valid int"),
        *(
            (Named, json.dumps({name: ["x"] * MANY}), f"{name}.0 is not a valid int")
            for name in Named.model_fields
        ),
        (
            dict[str, int],
            json.dumps({str(n): "x" for n in range(5000)}),
            "; ".join(f"{n} is not a valid int" for n in range(5)) + "; 4995 more",
        ),
        (list[int], '["a", "b", 3]', "0 is not a valid int; 1 is not a valid int"),
        (dict[str, int], json.dumps({"a\n\x1b[31m": "x"}), "a / \\x1b[31m is not a valid int"),
        (
            dict[str, int],
            json.dumps({"k" * 10_000: "x"}),
            "k" * 100 + "… (10000 characters) is not a valid int",
        ),
    ],
)
async def test_the_error_of_a_result_names_the_first_problems(
    as_type: Any,  # noqa: ANN401 - as above
    text: str,
    problems: str | None,
) -> None:
    found = await result_error(text, as_type)
    if problems is not None:
        assert found == problems
    else:
        assert found.startswith("0.id is missing; ")
        assert "1." not in found


LONG = 1 << 16
"""Characters above which results are validated up to the first invalid item of each collection."""


@pytest.mark.parametrize("white_space", ["", " " * LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    ("field", "items", "kept"),
    [
        ("numbers", [1, "a", 2, "b"], [1, 3]),
        ("trees", [{}, {"values": ["a", "b"]}], [*[1, "values", 0], *[1, "values", 1]]),
    ],
)
async def test_a_wrap_validator_gets_all_errors_of_a_result_of_any_length(
    field: str, items: list[object], kept: list[object], white_space: str
) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        await peer.send(returned(process, json.dumps({field: items}) + white_space))
        result = await in_time(process.result(Wrapped))
    assert getattr(result, field) == kept


class Cat(BaseModel):
    name: str


class Dog(BaseModel):
    name: str


async def test_types_of_long_results_are_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[CoreSchema] = []

    def build(schema: CoreSchema, *arguments: Any, **options: Any) -> SchemaValidator:  # noqa: ANN401 - passed on
        built.append(schema)
        return SchemaValidator(schema, *arguments, **options)

    monkeypatch.setattr("pie_client.base.SchemaValidator", build)
    adapter = TypeAdapter(list[Cat | Dog | None])
    async with websocket_peer() as peer, PieClient(peer.uri) as client:

        async def kinds(as_type: Any) -> list[type]:  # noqa: ANN401 - of a type, a union or an adapter
            process = await launch(client)
            await peer.send(returned(process, '[{"name": "Kim"}]' + " " * LONG))
            return [type(pet) for pet in await in_time(process.result(as_type))]

        for _ in range(3):
            assert await kinds(list[Cat]) == [Cat]
            assert await kinds(list[Cat | Dog]) == [Cat]
            assert await kinds(list[Dog | Cat]) == [Dog], "an equal type, but in another order"
            assert await kinds(adapter) == [Cat]
    assert len(built) == 4


@pytest.mark.parametrize(
    "text", [HOSTILE * 200_000, "x" * 4_000_000, HOSTILE], ids=["long", "plain", "short"]
)
async def test_an_error_shows_the_beginning_of_a_servers_text_on_one_line(text: str) -> None:
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        peer.answers[models.QueryRequest] = Refusal(text)
        with pytest.raises(RefusedError) as refused:
            await client.query("x")
        del peer.answers[models.QueryRequest]
        asked = asyncio.ensure_future(client.query("x"))
        await peer.request(models.QueryRequest, 2)
        await peer.send(models.ServerNotice(message=text))
        with pytest.raises(ServerError) as noticed:
            await in_time(asked)
        process = await launch(client)
        await peer.send(models.ErrorFrame(process_id=process.process_id, value=text))
        with pytest.raises(ProcessError) as failed:
            await in_time(process.wait())
    for error in (refused.value, noticed.value, failed.value):
        check(error)
        assert error.text == text
        assert f"({len(text)} characters)" in str(error) or len(text) < 1000


async def test_an_error_shows_parts_of_a_long_argument_and_its_advice() -> None:
    client = PieClient("ws://127.0.0.1:1")
    with pytest.raises(InvalidArgumentError) as caught:
        await client.resolve_version("x y" * 1_000_000, "http://127.0.0.1:1")
    check(caught.value)
    assert str(caught.value).startswith("resolve_version not sent: 'x yx y")
    assert str(caught.value).endswith("use letters, digits, - and _, or name@major.minor.patch")
