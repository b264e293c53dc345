"""Observers of an engine see every frame, and `--trace` shows a frame on one line, without secrets."""

import itertools
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgpack
import pytest

from pie_client import ObservedFrame, PieClient, models
from pie_client.connection.observing import observed
from pie_client.protocol import codec
from pie_client.testing import LocalEngine
from pie_client.testing.terminal.command import print_frame
from tests.support.raw import client_frame

Trace: TypeAlias = Callable[[Literal["sent", "received"], bytes | str], str]


@pytest.fixture
def trace(capsys: pytest.CaptureFixture[str]) -> Trace:
    """A function that returns the line of a frame that a client sent or received, without the time."""

    def shown(direction: Literal["sent", "received"], data: bytes | str) -> str:
        print_frame(observed(1, direction, data, redact=False))
        _, _, line = capsys.readouterr().out.rstrip("\n").partition(" ")
        return line

    return shown


def test_secrets_are_hidden(trace: Trace) -> None:
    token = "s3cret"  # noqa: S105 - what has to be hidden
    server = models.RegisterMcpServerRequest(
        corr_id=1, name="fs", transport="stdio", command=token, args=[token], url=token
    )
    lines = [
        (models.AuthByTokenRequest(corr_id=1, token=token), "auth_by_token corr_id=1 token=<6 characters>"),
        (
            models.AuthProveRequest(corr_id=1, signature=token),
            "auth_prove corr_id=1 signature=<6 characters>",
        ),
        (
            server,
            (
                'register_mcp_server corr_id=1 name="fs" transport="stdio" command=<6 characters> args=<1 items>'
                " url=<6 characters>"
            ),
        ),
    ]
    for message, line in lines:
        data = client_frame(message)
        assert trace("sent", data) == f"1 -> {line} ({len(data)} bytes)"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xc1", "1 <- (no type) (1 bytes)"),
        (codec.encode_fields({"type": "new", "colour": "red"}), "1 <- new colour=<3 characters> (21 bytes)"),
        ('{"type":"turn_done"}', "1 <- turn_done (20 bytes)"),
        (
            codec.encode_server_message(
                models.FileChunk(
                    process_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
                    file_hash="0" * 64,
                    chunk_index=0,
                    total_chunks=1,
                    chunk_data=bytes(1000),
                ),
                "0.5",
            ),
            "chunk_data=<1000 bytes>",
        ),
        (
            codec.encode_server_message(models.Response(corr_id=1, ok=True, result="a\nb\x1b"), "0.5"),
            '1 <- response corr_id=1 ok=True result="a\\nb\\u001b"',
        ),
    ],
)
def test_a_frame_is_one_line(data: bytes | str, line: str, trace: Trace) -> None:
    described = trace("received", data)
    assert line in described
    assert described.isprintable()


def test_only_the_first_fields_of_many_are_shown(trace: Trace) -> None:
    many = {f"key{number}": number for number in range(20_000)}
    directions: tuple[Literal["sent", "received"], ...] = ("sent", "received")
    for direction, tag in itertools.product(directions, ("new", "ping", "response", "x" * 9000)):
        data = codec.encode_fields({"type": tag, "corr_id": 1, "ok": True, "result": "", **many})
        line = trace(direction, data)
        assert len(line) < 1000
        if tag == "new":
            assert " and 19983 more (" in line


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"type": "auth_by_token", "corr_id": 7, "token": "s3cret"},
            "1 -> auth_by_token corr_id=7 token=<6 characters>",
        ),
        ({"type": "auth_by_token", "corr_id": "s3cret"}, "1 -> auth_by_token corr_id=<6 characters>"),
        (["auth_by_token", 7, "s3cret"], "1 -> (no type) "),
    ],
)
def test_a_malformed_frame_shows_no_secrets(content: object, line: str, trace: Trace) -> None:
    data = msgpack.packb(content)
    assert data is not None
    described = trace("sent", data)
    assert described.startswith(line)
    assert "s3cret" not in described


async def test_observers_see_every_frame_even_if_one_of_them_fails(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[ObservedFrame] = []

    def fails(_frame: ObservedFrame) -> None:
        raise RuntimeError("observer")

    engine.observe(fails)
    engine.observe(seen.append)
    for number in (1, 2):
        async with PieClient(engine.uri) as client:
            await client.ping()
        mine = [frame for frame in seen if frame.connection == number]
        assert [frame.direction for frame in mine][:2] == ["sent", "received"]
        [ping] = [frame for frame in mine if frame.type == "ping"]
        pong = {"type": "response", "corr_id": ping.fields["corr_id"], "ok": True, "result": "Pong"}
        assert pong in [frame.fields for frame in mine]
    assert "an observer of frames failed" in caplog.text
    caplog.clear()
