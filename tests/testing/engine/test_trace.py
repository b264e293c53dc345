"""Observers see every frame, and `describe` shows a frame on one line, without secrets."""

import itertools

import msgpack
import pytest

from pie_client import PieClient, models
from pie_client.protocol import codec
from pie_client.testing import LocalEngine, TracedFrame, describe


def test_secrets_are_hidden() -> None:
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
        data = codec.encode_client_message(message)
        assert describe(TracedFrame(3, "received", data)) == f"3 -> {line} ({len(data)} bytes)"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xc1", "malformed: invalid msgpack in a frame of 1 bytes"),
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
def test_a_frame_is_one_line(data: bytes | str, line: str) -> None:
    described = describe(TracedFrame(1, "sent", data))
    assert line in described
    assert described.isprintable()


def test_only_the_first_fields_of_many_are_shown() -> None:
    many = {f"key{number}": number for number in range(20_000)}
    for received, tag in itertools.product((True, False), ("new", "ping", "response", "x" * 9000)):
        data = codec.encode_fields({"type": tag, "corr_id": 1, "ok": True, "result": "", **many})
        line = describe(TracedFrame(1, "received" if received else "sent", data))
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
        ({"type": "auth_by_token", "corr_id": "s3cret"}, "1 -> (malformed: "),
        (["auth_by_token", 7, "s3cret"], "1 -> (malformed: "),
    ],
)
def test_a_malformed_frame_shows_no_secrets(content: object, line: str) -> None:
    data = msgpack.packb(content)
    assert data is not None
    described = describe(TracedFrame(1, "received", data))
    assert described.startswith(line)
    assert "s3cret" not in described


async def test_observers_see_every_frame_even_if_one_of_them_fails(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[TracedFrame] = []

    def fails(_frame: TracedFrame) -> None:
        raise RuntimeError("observer")

    engine.observe(fails)
    engine.observe(seen.append)
    for number in (1, 2):
        async with PieClient(engine.uri) as client:
            await client.ping()
        mine = [frame for frame in seen if frame.connection == number]
        assert [frame.direction for frame in mine][:2] == ["received", "sent"]
        [ping] = [d for f in mine if isinstance(d := codec.decode_client_message(f.data), models.PingRequest)]
        assert any(
            codec.decode_server_message(f.data)
            == models.Response(corr_id=ping.corr_id, ok=True, result="Pong")
            for f in mine
        )
    assert "an observer of frames failed" in caplog.text
    caplog.clear()
