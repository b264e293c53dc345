"""What commands write, run in this process, which is cheaper: the engine runs in a thread."""

import asyncio
import getpass
import io
import json
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue

import pie_client
from pie_client import PieError, models
from pie_client.cli import main, wording
from pie_client.cli.server import shortened
from pie_client.sync import PieClient
from pie_client.testing import InferletSession, LocalEngine
from tests.cli.commands import run
from tests.support.keys import ed25519_key
from tests.support.peers import COMPONENT
from tests.support.repository import ROOT

MANIFEST = '[package]\nname = "greet"\nversion = "1.0.0"\n'


@contextmanager
def running(engine: LocalEngine) -> Generator[LocalEngine]:
    """Run an engine in an event loop of another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(engine.start(), loop).result()
        yield engine
    finally:
        asyncio.run_coroutine_threadsafe(engine.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[LocalEngine]:
    """An engine of the 0.4 family, which the command uses."""
    with running(LocalEngine(family="0.4", builtins=True, keep_detached=True)) as started:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "none.toml"))
        monkeypatch.setenv("PIE_URI", started.uri)
        yield started


def test_everything_that_a_process_sends_is_shown(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    @engine.inferlet("talk@1.0.0")
    async def talk(session: InferletSession, input: JsonValue) -> str:
        session.print("no line end", end="")
        session.send("a message")
        session.eprint("an error")
        session.send_file(b"abc")
        session.print("the last", end="")
        return "returned"

    status, out, err = run(capsys, "submit", "talk@1.0.0")
    assert (status, out) == (0, "no line end\na message\nthe last\nreturned\n")
    first, second = err.splitlines()
    assert first == "an error"
    assert "of 3 bytes not saved; --save-files DIR saves files" in second


def test_what_an_encoding_lacks_is_escaped(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, line in (
        (("submit", "echo@1.0.0", "--input", '"ä"'), b"\\xe4"),
        (("config", "show"), b"username  \\xe4 "),
    ):
        written = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, "ascii"))
        monkeypatch.setenv("PIE_USERNAME", "ä")
        assert main(arguments) == 0
        assert line in written.getvalue()


def test_a_flag_of_type_bool_takes_a_value_and_an_optional_parameter_null(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    optional = "".join(f'{name} = {{ type = "bool", optional = true }}\n' for name in ("loud", "quick"))
    (tmp_path / "echo.toml").write_text(f"{MANIFEST}[parameters]\n{optional}")
    given = ("submit", "echo@1.0.0", "-m", "echo.toml", "--input", '{"quick": null}')
    for flags, loud in ((("--loud", "false"), False), (("--loud",), True), (("--no-loud",), False)):
        _, out, err = run(capsys, *given, "--", *flags)
        assert (json.loads(out), err) == ({"quick": None, "loud": loud}, "")


def test_an_event_that_nobody_knows_and_one_that_was_lost_are_told(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    @engine.inferlet("report@1.0.0")
    async def report(session: InferletSession, input: JsonValue) -> None:
        session.print("half")
        session.send_file(b"abc")

    def submitted(*more: str) -> tuple[int, str, str]:
        engine.faults.alter(lambda fields: [{**fields, "event": "progress"}], models.StdoutFrame)
        with engine.faults.corrupt_file_chunk():
            return run(capsys, "submit", "report@1.0.0", *more)

    status, out, err = submitted()
    assert (status, out) == (5, "")  # it returned nothing
    assert "pie-client: lost: " in err
    assert "event of unknown kind 'progress'; a newer pie-client may know it" in err
    status, out, err = submitted("--json")
    assert status == 5
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["progress", "lost", "return"]
    assert (events[0]["value"], events[2]["value"]) == ("half\n", "null")


def test_a_file_that_waited_for_a_reader_is_saved_by_attach(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    @engine.inferlet("write@1.0.0")
    async def write(session: InferletSession, input: JsonValue) -> None:
        await asyncio.to_thread(detached.wait)
        session.send_file(b"one", "notes.txt")

    detached = threading.Event()
    with PieClient(engine.uri) as client:
        client.authenticate(getpass.getuser())
        process_id = client.launch_process("write@1.0.0").detach()
    detached.set()
    assert run(capsys, "attach", process_id, "--save-files", "files")[0] == 0
    assert [path.read_bytes() for path in tmp_path.glob("files/*")] == [b"one"]


def test_a_build_that_is_installed_is_launched_as_it_is_unless_it_is_replaced(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "build.wasm").write_bytes(COMPONENT)
    (tmp_path / "Pie.toml").write_text(MANIFEST)
    assert run(capsys, "install", "build.wasm") == (0, "greet@1.0.0\n", "")
    status, _, err = run(capsys, "install", "--path", "build.wasm")
    assert status == 5
    assert "the server has this version already; pass --force to replace it" in err
    _, _, err = run(capsys, "submit", "--path", "build.wasm")
    assert "greet@1.0.0 is installed already, so that is launched; --force replaces it" in err
    assert "installed already" not in run(capsys, "submit", "--path", "build.wasm", "--force")[2]
    status, out, err = run(capsys, "check", "greet@1.0.0", "--path", "build.wasm")
    assert (status, out) == (0, "greet@1.0.0 is installed\n")
    assert "the server compares no files" in err


def test_inputs_come_from_standard_input_and_failed_ones_are_reported(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @engine.inferlet("double@1.0.0")
    async def double(session: InferletSession, input: JsonValue) -> JsonValue:
        assert isinstance(input, int)
        return 2 * input

    def read(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    read('1\n\n"x"\n3\n')
    status, out, err = run(capsys, "map", "double@1.0.0", "-", "--limit", "30")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (1, "pie-client: 2 inputs answered, 1 failed\n")
    assert [(line["index"], line.get("value")) for line in lines] == [(0, 2), (1, None), (2, 6)]
    assert "failed: AssertionError" in lines[1]["error"]

    monkeypatch.setattr("sys.stdin", None)
    for arguments in (("map", "double@1.0.0", "-"), ("submit", "double@1.0.0", "--input", "-")):
        assert run(capsys, *arguments) == (2, "", "pie-client: standard input is closed; pass a file\n")

    read("1\n{\n")
    status, _, err = run(capsys, "map", "double@1.0.0", "-")
    assert status == 2
    assert "line 2 of the inputs is not JSON" in err


def test_a_beginning_that_several_ids_have_is_refused(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [run(capsys, "submit", "wait@1.0.0", "-d")[1].strip() for _ in range(17)]
    first = [each[0] for each in ids]
    shared = next(each for each in first if first.count(each) > 1)
    status, _, err = run(capsys, "terminate", shared)
    assert status == 2
    assert f"{first.count(shared)} processes have ids that begin with '{shared}'" in err
    status, _, err = run(capsys, "attach", "zz")
    assert status == 5
    assert "no running process has an id that begins with 'zz'; see: pie-client list" in err
    _, out, _ = run(capsys, "list", "--full")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ids


def test_a_user_comes_from_the_flag_then_the_environment_then_the_file(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none.toml").write_text('username = "ada"\n')
    assert "as ada" in run(capsys, "ping")[1]
    monkeypatch.setenv("PIE_USERNAME", "bob")
    assert "as bob" in run(capsys, "ping")[1]
    assert "as eve" in run(capsys, "ping", "--username", "eve")[1]


def test_a_map_runs_several_at_a_time_and_writes_each_answer_when_it_is_there(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    third = asyncio.Event()

    @engine.inferlet("meet@1.0.0")
    async def meet(session: InferletSession, input: JsonValue) -> JsonValue:
        if input == 2:  # begins after the answer to 1
            third.set()
        if input == 0:
            await third.wait()
        return input

    (tmp_path / "in.jsonl").write_text("0\n1\n2\n")
    status, out, _ = run(capsys, "map", "meet@1.0.0", "in.jsonl", "-j", "2", "--unordered", "--limit", "20")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert lines[0] == {"index": 1, "value": 1}
    assert {line["value"] for line in lines} == {0, 1, 2}


def test_a_map_that_can_not_begin_leaves_its_output_as_it_is(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text("1\n")
    arguments = ("in.jsonl", "-o", "out.jsonl")
    assert run(capsys, "map", "echo@1.0.0", *arguments)[0] == 0
    assert run(capsys, "map", "echo@1.0.0", *arguments, "--uri", "ws://127.0.0.1:1")[0] == 3
    status, _, err = run(capsys, "map", "count@1.0.0", *arguments)
    assert status == 2
    assert "journal out.jsonl.journal is of 'echo@1.0.0', not of 'count@1.0.0'" in err
    assert (tmp_path / "out.jsonl").read_text() == '{"index": 0, "value": 1}\n'
    (tmp_path / "in.jsonl").write_text("")
    assert run(capsys, "map", "echo@1.0.0", *arguments)[0] == 0
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_an_input_that_took_too_long_runs_again_if_that_is_allowed(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    runs: list[JsonValue] = []

    @engine.inferlet("late@1.0.0")
    async def late(session: InferletSession, input: JsonValue) -> int:
        runs.append(input)
        if len(runs) == 1:
            await session.receive()  # for ever
        return len(runs)

    (tmp_path / "in.jsonl").write_text("1\n")
    status, out, _ = run(capsys, "map", "late@1.0.0", "in.jsonl", "--limit", "1", "--retries", "1")
    assert (status, json.loads(out)) == (0, {"index": 0, "value": 2})


def test_a_key_that_is_refused_is_said_to_be_wrong_and_not_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    _, public = ed25519_key(tmp_path)
    other, _ = ed25519_key(tmp_path / "other")
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "none.toml"))
    with running(LocalEngine(family="0.4", auth={"ada": [public]})) as engine:
        monkeypatch.setenv("PIE_URI", engine.uri)
        status, _, err = run(capsys, "ping", "--username", "ada", "--key", str(other))
    assert status == 4
    assert "Signature verification failed" in err
    assert "PIE_KEY" not in err


def test_a_manifest_need_not_be_beside_the_build(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "build.wasm").write_bytes(COMPONENT)
    (tmp_path / "other.toml").write_text(MANIFEST)
    assert run(capsys, "install", "build.wasm", "-m", "other.toml") == (0, "greet@1.0.0\n", "")
    assert run(capsys, "install", "build.wasm", "-m", "other.toml", "--force")[0] == 0


def test_two_dashes_end_the_options_of_a_command_that_takes_no_flags_of_a_program(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "begins with '-x'" in run(capsys, "terminate", "--", "-x")[2]


def test_a_token_budget_is_sent(engine: LocalEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert "token_budget=7 " in run(capsys, "submit", "echo@1.0.0", "--token-budget", "7", "--trace")[2]


def test_an_empty_id_names_no_process(engine: LocalEngine, capsys: pytest.CaptureFixture[str]) -> None:
    process = run(capsys, "submit", "wait@1.0.0", "-d")[1]
    for empty in ("", " "):
        status, _, err = run(capsys, "terminate", empty)
        assert status == 2
        assert "the id is empty" in err
    assert process.strip() in run(capsys, "list", "--full")[1]


def test_advice_of_the_library_has_the_names_of_the_command(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert "; see pie-client list\n" in run(capsys, "terminate", unknown)[2]
    assert "; it has ended" in run(capsys, "attach", unknown)[2]
    assert "launch with --detach to attach later\n" in run(capsys, "attach", unknown)[2]
    # What a program says stays as it is.
    _, _, err = run(capsys, "submit", "fail@1.0.0", "--input", '"no; see list_processes"')
    assert err.endswith("failed: no; see list_processes\n")
    (tmp_path / "in.jsonl").write_text("1\n")
    _, out, err = run(capsys, "map", "wait@1.0.0", "in.jsonl", "--limit", "0.01")
    assert json.loads(out)["error"].endswith("was terminated; raise --limit")
    assert err == "pie-client: 0 inputs answered, 1 failed\n"


def test_names_that_the_command_replaces_are_those_of_the_library() -> None:
    library = Path(pie_client.__file__).parent
    files = [path for path in library.rglob("*.py") if "cli" not in path.parts]
    text = "".join(path.read_text("utf-8") for path in files)
    assert [word for word in wording.WORDS if word not in text] == []


def test_a_token_authenticates_in_place_of_a_user(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIE_TOKEN", engine.token)
    status, out, err = run(capsys, "ping", "--trace")
    assert (status, out.count("as internal")) == (0, 1)
    assert "auth_by_token" in err
    assert engine.token not in err
    secret = engine.uri.replace("://", "://user:secret@") + "/?token=secret"
    status, out, err = run(capsys, "ping", "--uri", secret, "--trace", "-vv")
    assert (status, out.split()[0]) == (0, f"{engine.uri}/")
    assert "secret" not in err
    monkeypatch.setenv("PIE_TOKEN", "wrong")
    assert run(capsys, "status", "--json")[0] == 4


def test_a_word_that_no_statistic_has_is_an_error(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "no statistic has 'colour' in its name; see: pie-client status"
    assert run(capsys, "status", "colour") == (5, "", f"pie-client: {reason}\n")


def test_what_a_server_does_decides_the_status(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    @engine.inferlet("write@1.0.0")
    async def write(session: InferletSession, input: JsonValue) -> None:
        session.send_file(b"abc")

    with engine.faults.refuse_upgrade(401):
        assert run(capsys, "ping")[0] == 4
    with engine.faults.lose_reply(models.AuthIdentifyRequest):
        assert run(capsys, "ping", "--timeout", "0.2")[0] == 3
    with engine.faults.corrupt_file_chunk():
        status, _, err = run(capsys, "submit", "write@1.0.0")
    assert (status, err.startswith("pie-client: lost: ")) == (5, True)


def test_a_table_shows_no_control_characters_and_ids_that_differ(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIE_USERNAME", "[b]ada\x1b[2J")
    run(capsys, "submit", "wait@1.0.0", "-d")
    _, out, _ = run(capsys, "list")
    assert "[b]ada\\x1b[2J" in out
    assert "\x1b" not in out
    assert shortened(["12345678-1", "12345678-2", "3"]) == ["12345678-1", "12345678-2", "3"]


def test_the_log_is_shown_as_often_as_it_is_asked_for(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "DEBUG" not in run(capsys, "ping", "-v")[2]
    assert "pie-client: DEBUG pie_client.connection.logged: ping 1: done" in run(capsys, "ping", "-vv")[2]


def test_the_oldest_process_is_the_first_in_the_list(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("new", "old"):
        run(capsys, "submit", "wait@1.0.0", "-d", "--input", json.dumps(text))

    def age(fields: Mapping[str, object]) -> list[Mapping[str, object]]:
        found = json.loads(str(fields["result"]))
        aged = [{**each, "elapsed_secs": age} for each, age in zip(found, (5, 70), strict=True)]
        return [{**fields, "result": json.dumps(aged)}]

    with engine.faults.alter(age, models.ListProcessesRequest):
        _, out, _ = run(capsys, "list")
    assert [line.split()[3:] for line in out.splitlines()[1:]] == [["70", "s", '"old"'], ["5", "s", '"new"']]


def test_advice_names_what_the_command_has_in_place_of_the_python_api() -> None:
    advice = re.findall(
        r'"(?:advice|0\.\d|\w+_process)": "(.*)"', (ROOT / "schema" / "errors.json").read_text()
    )
    assert len(advice) > 20
    shown = [wording.said(PieError(f"refused; {text}")) for text in advice]
    assert [text for text in shown if re.search(r"\b[a-z]+_[a-z]+\b(?!\.toml)|\w=|\w\(\)", text)] == []
