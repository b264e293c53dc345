"""Faulty MCP servers: child processes over stdio with one fault each. The engine is a scripted peer."""

import asyncio
import json
import logging
import os
import signal
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import pie_client
from pie_client import (
    DeadlineError,
    McpServerError,
    NotConnectedError,
    PieClient,
    RefusedError,
    models,
)
from pie_client.mcp import relay
from pie_client.mcp.stdio import EXIT_SECONDS
from tests.support.mcp_servers import Script, children, gone, lives
from tests.support.peers import TIMEOUT, Peer, Refusal, in_time, websocket_peer

OK = "MCP server registered"
PROCESS = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
FOREVER = "while True: time.sleep(1)"


class Bench:
    """A client of a scripted engine, which accepts registrations and relays the calls of the test."""

    def __init__(self, peer: Peer, client: PieClient, folder: Path) -> None:
        self.peer = peer
        self.client = client
        self._folder = folder
        self._numbers = 0

    def script(self, body: str) -> Script:
        return Script(self._folder, body)

    async def register(self, script: Script, name: str = "s", **options: Any) -> None:  # noqa: ANN401 - passed on
        await self.client.register_mcp_server(name, "stdio", script.command, script.args, **options)

    async def serve(self, body: str, name: str = "s", **options: Any) -> Script:  # noqa: ANN401 - passed on
        """Register a server that runs the body after its initialization."""
        script = self.script(f"params = initialize()\n{body}")
        await self.register(script, name, **options)
        return script

    async def call(self, method: str = "tools/list", params: str = "{}", name: str = "s") -> tuple[bool, str]:
        """Relay a call and return its answer."""
        number = self._numbers = self._numbers + 1
        await self.peer.send(
            models.McpRequest(
                corr_id=number, process_id=PROCESS, server_name=name, method=method, params=params
            )
        )
        return await self.answer(number)

    async def answer(self, number: int) -> tuple[bool, str]:
        async with asyncio.timeout(TIMEOUT):
            while not (found := [a for a in self.answers if a.corr_id == number]):
                await self.peer.request(models.McpResponseRequest, len(self.answers) + 1)
        return found[0].ok, found[0].result

    async def error(self, method: str = "tools/list", params: str = "{}", name: str = "s") -> Any:  # noqa: ANN401 - JSON
        """Relay a call that has to fail and return the error object."""
        ok, text = await self.call(method, params, name)
        assert not ok, text
        return json.loads(text)

    @property
    def answers(self) -> list[models.McpResponseRequest]:
        return self.peer.requests_of(models.McpResponseRequest)

    def check_every_call_has_one_answer(self) -> None:
        assert sorted(a.corr_id for a in self.answers) == list(range(1, self._numbers + 1))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    before = children()
    async with websocket_peer() as peer:
        peer.answers[models.RegisterMcpServerRequest] = OK
        async with PieClient(peer.uri, timeout=TIMEOUT) as client:
            bench = Bench(peer, client, tmp_path)
            yield bench
        bench.check_every_call_has_one_answer()
    assert children() <= before


# ------------------------------------------------------------- relayed text


async def test_a_result_is_relayed_unchanged(bench: Bench) -> None:
    written = (
        r'{"b": 1.50, "a": 1e400, "a": 12345678901234567890123, "s": "\u00e9\ud800", "n": -0.0, "x": [ ]}'
    )
    await bench.serve(f"""
request = read()
write('{{"result": %s , "jsonrpc":"2.0","id":%d, "extra": {{}}}}\\r' % ({written!r}, request["id"]))
read()
""")
    assert await bench.call() == (True, written)


async def test_params_are_relayed_unchanged(bench: Bench) -> None:
    await bench.serve("""
line = sys.stdin.readline()
send(id=json.loads(line)["id"], result={"line": line})
read()
""")
    params = '{"name": "t",\n "arguments": {"n": 1.10, "big": 1e999, "n": 12345678901234567890}}'
    ok, text = await bench.call("tools/call", params)
    assert ok
    assert params.replace("\n", " ") in json.loads(text)["line"]


@pytest.mark.parametrize(
    "params", ["", "[]", "1", '{"a": }', "{} {}", '{"a": 1', '{"a" 1}', "{a: 1}", '{"a": 1,}']
)
async def test_params_that_are_not_a_json_object_are_refused(bench: Bench, params: str) -> None:
    await bench.serve("read()")
    assert await bench.error("tools/call", params) == {
        "code": -32602,
        "message": "the params of tools/call for MCP server 's' are not a JSON object",
    }


async def test_a_message_of_many_mebibytes_is_read(bench: Bench) -> None:
    """D60."""
    await bench.serve("""
while True:
    request = read()
    send(id=request["id"], result={"text": "x\\"{[" * (2560 << 10)})
""")
    for _ in range(2):
        ok, text = await bench.call()
        assert ok
        assert json.loads(text) == {"text": 'x"{[' * (2560 << 10)}


async def test_an_answer_too_large_for_a_frame_becomes_an_error(bench: Bench) -> None:
    await bench.serve("""
request = read()
send(id=request["id"], result={"text": "x" * (17 << 20)})
request = read()
send(id=request["id"], result={})
read()
""")
    error = await bench.error()
    assert error["code"] == -32603
    assert "the answer of MCP server 's' to tools/list can't be relayed" in error["message"]
    assert "16777216" in error["message"]
    assert await bench.call() == (True, "{}")


async def test_a_deeply_nested_result_is_relayed(bench: Bench) -> None:
    depth = 100_000
    await bench.serve(f"""
request = read()
write('{{"jsonrpc":"2.0","id":%d,"result":%s}}' % (request["id"], "[" * {depth} + "]" * {depth}))
read()
""")
    assert await bench.call() == (True, "[" * depth + "]" * depth)


async def test_answers_out_of_order_reach_their_callers(bench: Bench) -> None:
    await bench.serve("""
requests = [read() for _ in range(20)]
for request in reversed(requests):
    send(id=request["id"], result=request["params"])
read()
""")
    results = await asyncio.gather(*(bench.call(params=json.dumps({"n": n})) for n in range(20)))
    assert results == [(True, json.dumps({"n": n})) for n in range(20)]


async def test_concurrent_calls_of_a_server_are_bounded(bench: Bench) -> None:
    """D70."""
    script = await bench.serve("""
import threading
requests = []
def reader():
    while True: requests.append(read())
threading.Thread(target=reader, daemon=True).start()
while len(requests) < 32: time.sleep(0.001)
time.sleep(0.1)
most = len(requests)
answered = 0
while True:
    while len(requests) == answered: time.sleep(0.001)
    send(id=requests[answered]["id"], result=most)
    answered += 1
""")
    results = await asyncio.gather(*(bench.call() for _ in range(100)))
    assert results == [(True, "32")] * 100
    assert len(script.pids) == 1


# ------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "written",
    [
        '{"code": -32602, "message": "Unknown tool", "data": {"n": 1.50}}',
        '{"code": "E1", "message": "text"}',
        '{"code": 1.5}',
        '{"message": 5}',
        '"just words"',
        "[1, 2]",
        "false",
    ],
)
async def test_an_error_is_relayed_unchanged(bench: Bench, written: str) -> None:
    """D64."""
    await bench.serve(f"""
while True:
    request = read()
    write('{{"jsonrpc":"2.0","id":%d,"error":%s}}' % (request["id"], {written!r}))
""")
    assert await bench.call() == (False, written)
    assert await bench.call() == (False, written)


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        ('id=request["id"], result=[1], error=None', (True, "[1]")),
        ('id=request["id"]', -32603),
        ('id=None, error={"code": -32700, "message": "Parse error"}', -32700),
    ],
)
async def test_an_incomplete_answer_is_completed_or_an_error(
    bench: Bench, members: str, answer: tuple[bool, str] | int
) -> None:
    """The last one has no id, so it belongs to the only pending call."""
    await bench.serve(f"request = read()\nsend({members})\nread()")
    ok, text = await bench.call()
    assert (ok, text) == answer or json.loads(text)["code"] == answer


@pytest.mark.parametrize("form", ['"%d"', "%d.0"])
async def test_an_id_is_recognized_as_string_and_as_float(bench: Bench, form: str) -> None:
    """D65."""
    await bench.serve(f"""
request = read()
write('{{"jsonrpc":"2.0","id":' + {form!r} % request["id"] + ',"result":{{}}}}')
read()
""")
    assert await bench.call() == (True, "{}")


@pytest.mark.parametrize("number", ["999", '"abc"', "[]", "1e999", "9" * 5000, "true", "-1", "1.5"])
async def test_an_answer_with_an_unknown_id_is_ignored(bench: Bench, number: str) -> None:
    await bench.serve(f"""
request = read()
write('{{"jsonrpc":"2.0","id":' + {number!r} + ',"result":"wrong"}}')
send(id=request["id"], result="right")
send(id=request["id"], result="late")
read()
""")
    assert await bench.call() == (True, '"right"')


# ------------------------------------------------------------- messages that are not answers


async def test_a_request_of_the_server_with_the_id_of_a_call_is_not_its_answer(bench: Bench) -> None:
    """D61, D62."""
    await bench.serve("""
request = read()
send(id=request["id"], method="ping")
pong = read()
send(id=request["id"], method="roots/list")
roots = read()
send(id="x", method="sampling/createMessage", params={})
sampling = read()
send(id=request["id"], result=[pong, roots, sampling])
read()
""")
    ok, text = await bench.call()
    assert ok, text
    pong, roots, sampling = json.loads(text)
    assert pong == {"jsonrpc": "2.0", "id": roots["id"], "result": {}}
    assert roots["error"] == {"code": -32601, "message": "Method not found"}
    assert (sampling["id"], sampling["error"]["code"]) == ("x", -32601)


async def test_a_server_is_started_without_a_shell_and_without_open_files(
    bench: Bench, tmp_path: Path
) -> None:
    script = bench.script("""
initialize()
send(id=read()["id"], result=[sys.argv[2:], sorted(map(int, os.listdir("/proc/self/fd")))[:-1]])
""")
    given = ["$(touch created)", "; touch created", "*", "a b", "-c", ""]
    with (tmp_path / "secret").open("wb") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        await bench.client.register_mcp_server(
            "s", "stdio", script.command, [*script.args, *given], cwd=tmp_path
        )
    assert await bench.call() == (True, json.dumps([given, [0, 1, 2]]))
    assert not (tmp_path / "created").exists()


async def test_a_server_that_sends_requests_without_reading_does_not_block_the_client(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.serve("""
request = read()
for number in range(3000):
    sys.stdout.write('{"jsonrpc":"2.0","id":"%s","method":"ping"}\\n' % ("n" * 100))
send(id=request["id"], result="done")
time.sleep(60)
""")
    assert await bench.call() == (True, '"done"')
    await in_time(bench.client.ping())
    assert "reads no replies" in caplog.text, "they are not kept without bound"


async def test_invalid_lines_on_standard_output_are_ignored_and_not_printed(
    bench: Bench, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """D63, D67."""
    noise = [
        "Server running on stdio: secret",
        "",
        "[1, 2]",
        "[]",
        "17",
        "null",
        '"text"',
        "{",
        "{}",
        '{"jsonrpc": "2.0"}',
        '{"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "secret"}}',
        '{"a": "' + "b" * (2 << 20),
        '{"a": "' + '\\"' * (1 << 20),
        '{"a": "' + "\\\\" * (1 << 20) + "\\",
        '{"a" ' + " " * (2 << 20),
        '{"a": ' + "9" * (2 << 20) + "]",
        "[" * (2 << 20),
        "\\x00\\xff",
    ]
    await bench.serve(f"""
request = read()
for line in {noise!r}: write(line)
sys.stdout.buffer.write(b"\\xff\\xfe\\n")
send(id=request["id"], result="fine")
read()
""")
    assert await bench.call() == (True, '"fine"')
    assert "ignoring" in caplog.text
    assert "secret" not in caplog.text
    assert capfd.readouterr() == ("", "")


async def test_answers_in_an_array_are_handled_one_by_one(bench: Bench) -> None:
    await bench.serve("""
one, two = read(), read()
write(json.dumps([
    {"jsonrpc": "2.0", "id": two["id"], "result": two["params"]},
    7,
    {"jsonrpc": "2.0", "method": "notifications/progress"},
    {"jsonrpc": "2.0", "id": one["id"], "result": one["params"]},
]))
read()
""")
    one, two = await asyncio.gather(bench.call(params='{"n": 1}'), bench.call(params='{"n": 2}'))
    assert (one, two) == ((True, '{"n": 1}'), (True, '{"n": 2}'))


async def test_standard_error_is_logged_and_long_lines_are_truncated(
    bench: Bench, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """D66, D67."""
    caplog.set_level(logging.INFO, "pie_client.mcp.stdio")
    await bench.serve("""
request = read()
sys.stderr.write("hello from the server\\n" + "x" * (4 << 20) + "\\n\\xff last words")
sys.stderr.flush()
send(id=request["id"], result="fine")
read()
""")
    assert await bench.call() == (True, '"fine"')
    await bench.client.close()
    logged = [r.getMessage() for r in caplog.records if r.name == "pie_client.mcp.stdio"]
    assert "MCP server 's': hello from the server" in logged
    assert any("last words" in line for line in logged)
    assert max(map(len, logged)) < 3000
    assert capfd.readouterr() == ("", "")


async def test_a_long_line_of_standard_error_takes_little_memory(bench: Bench) -> None:
    """D66."""
    await bench.serve("""
request = read()
for _ in range(64): sys.stderr.write("x" * (1 << 20))
sys.stderr.flush()
send(id=request["id"], result="fine")
read()
""")
    tracemalloc.start()
    try:
        assert await bench.call() == (True, '"fine"')
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20, "a quarter of the line"


@pytest.mark.parametrize(
    ("line", "records"),
    [
        ("write('noise')", 9),
        ("write('{}')", 9),
        ("send(method='notifications/progress')", 9),
        ("send(id='x', method='roots/list')", 30),
        ("send(id='x', result='late')", 9),
        ("print('trace', file=sys.stderr, flush=True)", 1002),
    ],
)
async def test_a_line_written_again_and_again_is_logged_a_bounded_number_of_times(
    bench: Bench, caplog: pytest.LogCaptureFixture, line: str, records: int
) -> None:
    caplog.set_level(logging.DEBUG, "pie_client.mcp")
    await bench.serve(f"""
request = read()
for _ in range(10_000): {line}
send(id=request["id"], result="fine")
while True: read()
""")
    assert await bench.call() == (True, '"fine"')
    await bench.client.close()
    logged = [record for record in caplog.messages if record.startswith("MCP server 's'")]
    assert 5 <= len(logged) <= records
    assert any("more like it were not logged" in record for record in logged)


# ------------------------------------------------------------- deadlines


async def test_a_call_that_times_out_is_cancelled_on_the_server(bench: Bench) -> None:
    """D68."""
    await bench.serve(
        """
first = read()
cancelled = read()
second = read()
send(id=first["id"], result="late")
send(id=second["id"], result=[first["id"], cancelled])
read()
""",
        call_timeout=2,
    )
    assert await bench.error("tools/call") == {
        "code": -32001,
        "message": "MCP server 's' did not answer tools/call within 2 s",
    }
    ok, text = await bench.call()
    assert ok, text
    number, cancelled = json.loads(text)
    assert cancelled["method"] == "notifications/cancelled"
    assert cancelled["params"]["requestId"] == number


async def test_calls_of_a_server_that_does_not_read_time_out(bench: Bench) -> None:
    await bench.serve(FOREVER, call_timeout=0.5)
    params = json.dumps({"name": "t", "arguments": "x" * (4 << 20)})
    errors = await asyncio.gather(*(bench.error("tools/call", params) for _ in range(3)))
    assert [error["code"] for error in errors] == [-32001] * 3


async def test_a_server_that_does_not_answer_initialize_is_stopped_at_the_deadline(bench: Bench) -> None:
    """D68."""
    before = children()
    with pytest.raises(DeadlineError, match=r"register_mcp_server did not finish within 0\.5 s"):
        await bench.register(bench.script(FOREVER), timeout=0.5)
    assert children() <= before
    assert bench.peer.requests_of(models.RegisterMcpServerRequest) == []
    await bench.serve("read()")


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"Listening on stdio\n", "'Listening on stdio'"),
        (b'\x1b[32mINFO\x1b[0m {"jsonrpc": "2.0"}\n', r"'\\x1b[32mINFO"),
        (
            b'{"level": "info", "msg": "started"}\n{"id": "no request"}\n',
            """'{"level": "info", "msg": "started"}'""",
        ),
        ("\ufeff".encode("utf-16-le") + "{}\n".encode("utf-16-le"), "'"),
        (b"x" * 5000 + b"\n", f"'{'x' * 60}'"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_output_that_is_not_json_rpc_is_shown_when_a_server_exits(
    bench: Bench, output: bytes, shown: str
) -> None:
    written = f"sys.stdout.buffer.write({output!r})\nsys.stdout.flush()\n"
    with pytest.raises(McpServerError, match="exited with status 3, and wrote ") as ended:
        await bench.register(bench.script(f"{written}sys.exit(3)"))
    assert f"wrote {shown}" in str(ended.value)
    assert "which is not JSON-RPC" in str(ended.value)
    assert str(ended.value).isprintable()


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("Listening\n", "wrote 'Listening', which is not JSON-RPC"),
        ('{"jsonrpc": 1}\r', "wrote '{\"jsonrpc\": 1}' without the end of a line"),
    ],
    ids=["line", "no line"],
)
async def test_output_is_shown_when_a_server_does_not_start(bench: Bench, output: str, shown: str) -> None:
    late = await _late_error(bench, f"sys.stdout.write({output!r})\nsys.stdout.flush()\n")
    assert f"MCP server 's' {shown}" in str(late)


async def _late_error(bench: Bench, body: str) -> DeadlineError:
    """Return the error of a server that runs the body and does not start, with a deadline that is long enough for it."""
    seconds = 0.5
    while True:
        script = bench.script(f"{body}note_pid()\n{FOREVER}")
        with pytest.raises(DeadlineError, match=f"within {seconds:g} s; ") as late:
            await bench.register(script, timeout=seconds)
        if len(script.pids) > 1:
            return late.value
        seconds *= 4  # a busy machine has not run the body in time


async def test_a_server_that_writes_a_line_without_end_is_stopped(bench: Bench) -> None:
    before = children()
    endless = "while True: sys.stdout.buffer.write(b'x' * (1 << 20))\n"
    with pytest.raises(
        McpServerError, match=r"it wrote a line of more than 67108864 bytes, and wrote .x{60}. without "
    ):
        await bench.register(bench.script(endless))
    assert children() <= before
    script = await bench.serve(f"read()\n{endless}")
    assert (await bench.error())["code"] == -32000
    await gone(script.pids[0])


async def test_other_output_is_not_blamed_once_a_server_has_started(bench: Bench) -> None:
    await bench.serve("write('ready')\nread()\nsys.exit(3)")
    await bench.error()
    assert "ready" not in str(await bench.error())


@pytest.mark.parametrize("times", ["once", "in each line"])
async def test_a_byte_order_mark_before_a_message_is_skipped(bench: Bench, times: str) -> None:
    mark = "sys.stdout.buffer.write(b'\\xef\\xbb\\xbf')\n"
    again = mark if times == "in each line" else ""
    script = bench.script(
        f"{mark}initialize()\nrequest = read()\n{again}send(id=request['id'], result=7)\nread()"
    )
    await bench.register(script)
    assert await bench.call() == (True, "7")


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="this system has no sh")
async def test_the_exit_status_of_a_server_is_told_however_it_ends(bench: Bench) -> None:
    """The end of its input, of its output and of the process arrive in any order."""
    for command, words in {
        "exit 4": "it exited with status 4",
        "exec <&-; exit 4": "it exited with status 4",
        "exec >&-; exit 4": "it exited with status 4",
        "read line; exit 4": "it exited with status 4",
        "kill -9 $$": "it exited on signal 9",
    }.items():
        for _ in range(20):
            with pytest.raises(McpServerError) as caught:
                await bench.client.register_mcp_server("s", "stdio", "sh", ["-c", command])
            assert caught.value.reason == words, command


async def test_a_cancelled_registration_stops_its_server(bench: Bench) -> None:
    """D68."""
    script = bench.script(FOREVER)
    registering = asyncio.create_task(bench.register(script))
    pid = await script.started()
    registering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await in_time(registering)
    assert not lives(pid)
    await bench.serve("read()")


@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_a_registration_can_be_cancelled_at_any_point(bench: Bench, steps: int) -> None:
    before = children()
    registering = asyncio.create_task(bench.register(bench.script("initialize()\nread()")))
    for _ in range(steps):
        await asyncio.sleep(0)  # as many steps of the event loop
    if registering.cancel():
        with pytest.raises(asyncio.CancelledError):
            await in_time(registering)
    else:  # the child was quicker
        await bench.client.unregister_mcp_server("s")
    assert children() <= before


async def test_closing_the_client_ends_a_registration(bench: Bench) -> None:
    script = bench.script(FOREVER)
    registering = asyncio.create_task(bench.register(script))
    pid = await script.started()
    await bench.client.close()
    with pytest.raises(NotConnectedError):
        await in_time(registering)
    assert not lives(pid)


# ------------------------------------------------------------- registrations that fail


async def test_a_refused_registration_stops_the_server_and_frees_its_name(bench: Bench) -> None:
    """D69."""
    bench.peer.answers[models.RegisterMcpServerRequest] = Refusal("not here")
    script = bench.script("initialize()\nread()")
    with pytest.raises(RefusedError, match="not here"):
        await bench.register(script)
    assert not lives(script.pids[0])
    assert (await bench.error())["code"] == -1
    bench.peer.answers[models.RegisterMcpServerRequest] = OK
    await bench.register(script)


async def test_only_name_and_transport_are_sent_to_the_engine(bench: Bench) -> None:
    await bench.serve("read()", env={"KEY": "hidden"})
    (announced,) = bench.peer.requests_of(models.RegisterMcpServerRequest)
    assert announced.model_dump(exclude={"corr_id", "type"}, exclude_none=True) == {
        "name": "s",
        "transport": "stdio",
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "sys.exit(3)",
            "it exited with status 3; read its standard error, which pie_client.mcp.stdio logs at level INFO$",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it exited on signal 9"),
        ("os.close(1)\n" + FOREVER, "it closed its standard output"),
        (
            "request = read()\nsend(id=request['id'], error={'code': 1, 'message': 'no'})\nread()",
            "refused the initialize request: .*no.*; check that it is an MCP server$",
        ),
        (
            "request = read()\nsend(id=request['id'], result=7)\nread()",
            "its answer to initialize is not valid; check that it is an MCP server$",
        ),
        (
            "request = read()\nsend(id=request['id'], result={'protocolVersion': '1999-01-01'})\nread()",
            "it uses MCP version '1999-01-01'; use a server that supports 2024-11-05 or ",
        ),
    ],
)
async def test_a_server_that_fails_to_initialize_is_reported_with_the_reason(
    bench: Bench, body: str, words: str
) -> None:
    script = bench.script(body)
    with pytest.raises(McpServerError, match=words) as caught:
        await bench.register(script)
    assert "\n" not in str(caught.value)
    assert caught.value.name == "s"
    await gone(script.pids[0])
    await bench.serve("read()")


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_the_newest_protocol_version_is_offered_and_older_ones_accepted(
    bench: Bench, version: str
) -> None:
    """D71."""
    script = bench.script(f"""
hello = read()
send(id=hello["id"], result={{"protocolVersion": "{version}"}})
read()
request = read()
send(id=request["id"], result=hello["params"])
read()
""")
    await bench.register(script)
    ok, text = await bench.call()
    assert ok, text
    hello = json.loads(text)
    assert hello["protocolVersion"] == "2025-11-25"
    assert hello["capabilities"] == {}
    assert hello["clientInfo"]["name"] == "pie-client"
    assert hello["clientInfo"]["version"] == pie_client.__version__


# ------------------------------------------------------------- exit and restart


async def test_a_server_that_exits_during_a_call_is_reported_and_restarted(bench: Bench) -> None:
    """D70."""
    script = await bench.serve("""
request = read()
if request["params"].get("die"):
    sys.exit(1)
send(id=request["id"], result=os.getpid())
read()
""")
    assert await bench.error(params='{"die": true}') == {
        "code": -32000,
        "message": "MCP server 's' ended before it answered tools/list",
    }
    assert await bench.call() == (True, str(await script.started(2)))
    assert len(bench.peer.requests_of(models.RegisterMcpServerRequest)) == 1


async def test_an_answer_sent_before_the_exit_is_relayed(bench: Bench) -> None:
    await bench.serve('request = read()\nsend(id=request["id"], result="last words")\nos._exit(0)')
    assert await bench.call() == (True, '"last words"')


async def test_a_server_that_keeps_exiting_is_restarted_less_and_less_often(bench: Bench) -> None:
    """D70."""
    script = await bench.serve("read()\nsys.exit(1)")
    first, *others = [(await bench.error())["message"] for _ in range(20)]
    assert first == "MCP server 's' ended before it answered tools/list"
    words = "is not available: it ended soon after it was started: it exited with status 1; the next restart is possible in"
    assert any(words in message for message in others)
    assert len(script.pids) < 10
    assert len(bench.peer.requests_of(models.RegisterMcpServerRequest)) == 1


async def test_a_server_that_exits_after_a_healthy_run_is_restarted_immediately(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D70."""
    monkeypatch.setattr(relay, "HEALTHY_SECONDS", 0.0)
    script = await bench.serve("read()\nsys.exit(1)")
    messages = [(await bench.error())["message"] for _ in range(4)]
    assert messages == ["MCP server 's' ended before it answered tools/list"] * 4
    assert len(script.pids) == 4


async def test_a_server_that_can_not_be_restarted_is_reported_with_the_reason(
    bench: Bench, tmp_path: Path
) -> None:
    script = bench.script(f"""
import pathlib
if pathlib.Path({str(tmp_path / "mark")!r}).exists():
    sys.exit(7)
initialize()
read()
pathlib.Path({str(tmp_path / "mark")!r}).touch()
sys.exit(1)
""")
    await bench.register(script)
    assert "ended before" in (await bench.error())["message"]
    error = await bench.error()
    assert error["code"] == -32000
    assert "is not available: it exited with status 7" in error["message"]
    assert "the next restart is possible in" in (await bench.error())["message"]


async def test_unregistering_fails_pending_calls(bench: Bench) -> None:
    """D70."""
    script = await bench.serve("read()\nnote_pid()\nread()")
    calling = asyncio.create_task(bench.error())
    await script.started(2)  # it has read the call
    await bench.client.unregister_mcp_server("s")
    assert (await in_time(calling))["code"] == -32000
    assert not lives(script.pids[0])


# ------------------------------------------------------------- stopping


async def test_closing_stops_all_servers_at_the_same_time_even_if_they_ignore_sigterm(
    bench: Bench, tmp_path: Path
) -> None:
    """D72."""
    told = tmp_path / "told"
    script = bench.script(f"""
def note(number, frame):
    with open({str(told)!r}, "a") as file:
        print(time.monotonic(), file=file)

signal.signal(signal.SIGTERM, note)
initialize()
{FOREVER}
""")
    for name in ("a", "b", "c", "d"):
        await bench.register(script, name)
    await bench.client.close()
    times = sorted(map(float, told.read_text().split()))
    assert len(times) == len(script.pids) == 4
    # One after the other, each would have been told only when the one before it had been waited for.
    assert times[-1] - times[0] < 3 * EXIT_SECONDS
    assert not any(map(lives, script.pids))


async def test_processes_that_a_server_has_started_are_stopped_with_it(bench: Bench) -> None:
    script = await bench.serve("""
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note_pid()
    time.sleep(600)
read()
""")
    await script.started(2)
    await bench.client.close()
    await gone(*script.pids)


async def test_a_process_that_keeps_the_output_open_does_not_hide_the_exit(bench: Bench) -> None:
    script = await bench.serve("""
read()
if os.fork() == 0:
    os.setsid()
    note_pid()
    time.sleep(600)
while len(open(sys.argv[1]).read().split()) < 2: time.sleep(0.01)
os._exit(1)
""")
    error = await bench.error()
    assert "ended before it answered" in error["message"]
    os.kill(script.pids[1], signal.SIGKILL)
    await gone(script.pids[1])


async def test_a_server_can_clean_up_when_its_input_is_closed(bench: Bench, tmp_path: Path) -> None:
    await bench.serve(f"sys.stdin.read()\nopen({str(tmp_path / 'clean')!r}, 'w').close()")
    await bench.client.close()
    assert (tmp_path / "clean").exists()


async def test_a_lost_connection_stops_its_servers(bench: Bench) -> None:
    """D72."""
    script = await bench.serve("read()")
    bench.peer.reset()
    await gone(script.pids[0])


async def test_a_call_answered_after_the_connection_was_lost_is_not_an_error(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    script = await bench.serve("request = read()\nread()")
    await bench.peer.send(
        models.McpRequest(corr_id=9, process_id=PROCESS, server_name="s", method="tools/list", params="{}")
    )
    await bench.client.ping()
    bench.peer.reset()
    await gone(script.pids[0])
    await bench.client.close()
    assert "Traceback" not in caplog.text


async def test_a_cancelled_close_still_stops_the_servers(bench: Bench) -> None:
    script = await bench.serve("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER)
    closing = asyncio.create_task(bench.client.close())
    await asyncio.sleep(0)  # lets it begin
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await in_time(closing)
    await gone(script.pids[0])
