"""What each command of ``pie-client`` writes, as a table: for a server of either family, in a pipe or in a terminal."""

import json
import re
import shlex
import signal
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pie_client import Family
from tests.cli.commands import Runner, Terminal, in_pipe, in_terminal

Place = Callable[..., AbstractAsyncContextManager[Terminal]]
PLACES: dict[str, Place] = {"pipe": in_pipe, "terminal": in_terminal}
USER = "ada"
TITLES: dict[Family, str] = {"0.4": "Pie 0.3 and 0.4", "0.5": "Pie 0.5"}
USERS: dict[Family, str] = {"0.4": USER, "0.5": "internal"}
"""How the servers call their family and the user."""
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ESCAPES = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")
LINE_ENDS = re.compile(r"\r+\n|\r")
INTERRUPTED = 128 + signal.SIGINT

SCRIPTS = {
    "greet": """
from inferlet import session

async def main(name: str, times: int = 1) -> str:
    session.send_file(b"some notes")
    return " ".join([f"hello, {name}"] * times)
""",
    "wait": """
from inferlet import session

async def main() -> str:
    print("up")
    return await session.receive()
""",
}
"""Programs for servers that run scripts; for others, the engine has programs of these names."""
TOKEN_REFUSALS: dict[Family, str] = {
    "0.4": "auth_by_token refused: Invalid token; .*",
    "0.5": r"token\.toml: this server takes no token, as only 0\.3 and 0\.4 servers do; remove it",
}
"""What a command says whose settings have a token that no server knows."""
MANIFEST = '[package]\nname = "{name}"\nversion = "1.0.0"\n'
SCRIPT_MANIFEST = MANIFEST + '[runtime]\nlanguage = "python"\nentry = "main"\ncall = "kwargs"\n'
PARAMETERS = '[parameters]\nname = { type = "string" }\ntimes = { type = "int", optional = true }\n'


class Row(NamedTuple):
    """A command and what it does.

    Attributes:
        line: What follows ``pie-client``. ``%ID`` is the id of the process that runs, ``%ID6`` its beginning,
            and ``%UPPER6`` that in capitals.
        shows: Pattern of all that it writes.
        status: Its exit status.
        until: Pattern of what it writes before Ctrl-C is pressed; "" for a command that ends by itself.
        extra: Whether short runs leave it out, as other tests have it on an embedded engine.
    """

    line: str
    shows: str
    status: int = 0
    until: str = ""
    extra: bool = False


@dataclass
class Programs:
    """The programs of a table, as ``name@version``; their names are used once, because servers keep programs."""

    def __init__(self) -> None:
        prefix = f"c{uuid.uuid4().hex[:8]}"
        self.greet, self.wait, self.built = (f"{prefix}-{name}@1.0.0" for name in (*SCRIPTS, "built"))

    def write(self, folder: Path) -> None:
        """Write the files that the table needs."""
        for name, source in SCRIPTS.items():
            (folder / f"{name}.py").write_text(source)
            program, _, _ = getattr(self, name).partition("@")
            more = PARAMETERS if name == "greet" else ""
            place = "Pie.toml" if name == "greet" else f"{name}.toml"
            (folder / place).write_text(SCRIPT_MANIFEST.format(name=program) + more)
        built = self.built.partition("@")[0]
        (folder / "built.toml").write_text(MANIFEST.format(name=built))
        (folder / "script.toml").write_text(SCRIPT_MANIFEST.format(name=f"{built}-script"))
        (folder / "token.toml").write_text('token = "unknown"\n')
        (folder / "in.jsonl").write_text('{"name": "Ada"}\n{}\n{"name": "Bob"}\n')


def rows(family: Family, programs: Programs) -> list[Row]:
    """Return the commands that use a server, in an order in which each finds what those before it have left.

    Args:
        family: Family of the server.
        programs: Its programs. A server that runs no scripts has them already.
    """
    return [
        *_asking(family),
        *_installing(family, programs),
        *_launching(family, programs),
        *_attaching(family, programs),
        *_ending(family, programs),
        *_mapping(programs),
    ]


def _asking(family: Family) -> list[Row]:
    server = re.escape(f"({TITLES[family]}, as {USERS[family]})")
    table = r"MODEL +STATISTIC +VALUE *\n\w+ +kv_pages_total +\d+ *\n"
    return [
        Row(
            "ping --count 2 --interval 0",
            rf"(ws://\S+ {server}: [\d.]+ ms\n){{2}}2 pings: min [\d.]+, .* ms\n",
        ),
        Row("status kv_pages_total", table, extra=True),
        Row(
            "status kv_pages_total --watch -i 0.01",
            table,
            INTERRUPTED,
            until="(?s)kv_pages_total.*kv_pages_total",
        ),
        Row(
            "status colour",
            "pie-client: no statistic has 'colour' in its name; see: pie-client status\n",
            5,
            extra=True,
        ),
        Row("list", r"ID +PROGRAM +USER +AGE +INPUT\n", extra=True),
        Row("ping --config token.toml", rf"pie-client: {TOKEN_REFUSALS[family]}\n", 4, extra=True),
    ]


def _installing(family: Family, programs: Programs) -> list[Row]:
    exists = "the server has this version already; pass --force to replace it, or raise the version\n"
    refused = (
        r"add_program refused: Failed to compile WASM: .*; 0\.3 and 0\.4 servers run no scripts, so .*\n"
    )
    if family == "0.5":
        found = [
            Row("install greet.py", f"{programs.greet}\n"),
            Row("install greet.py", f"pie-client: Pie.toml: {exists}", 5, extra=True),
        ]
    else:
        found = [
            Row("install built.wasm --manifest built.toml", f"{programs.built}\n"),
            Row(
                "install built.wasm --manifest built.toml", f"pie-client: built.toml: {exists}", 5, extra=True
            ),
            Row("install wait.py --manifest script.toml", f"pie-client: {refused}", 5),
        ]
    return [
        *found,
        Row(f"check {programs.greet}", f"{programs.greet} is installed\n"),
        Row("check nothing@1.0.0", r"nothing@1\.0\.0 is not installed\n", 1, extra=True),
    ]


def _launching(family: Family, programs: Programs) -> list[Row]:
    wait = "--path wait.py --manifest wait.toml" if family == "0.5" else programs.wait
    saved = r"pie-client: file '\w{16}' of 10 bytes saved as files/\w{16}\n"
    event = rf'{{"process_id": "{UUID}", "event": '
    terminating = rf"pie-client: terminating process {UUID}; press Ctrl-C again to leave at once\n"
    unknown = Row(
        f"submit {programs.greet} --token-budget 9",
        "pie-client: --token-budget of launch_process needs a Pie 0.3 or 0.4 server; this is Pie 0.5. Leave it out\n",
        5,
        extra=True,
    )
    return [
        Row(f"submit {programs.greet} --save-files files -- --name Ada", rf"{saved}hello, Ada\n"),
        Row(
            f'submit {programs.greet} --json --input \'{{"name": "Ada"}}\'',
            rf'{event}"file", .*}}\n{event}"return", "value": .*hello, Ada.*}}\n',
            extra=True,
        ),
        Row(
            f"submit {programs.greet}",
            rf"pie-client: process {UUID} failed: TypeError: .*'name'.*\n",
            1,
            extra=True,
        ),
        Row(
            "submit nothing@1.0.0",
            "pie-client: launch_process of 'nothing@1.0.0' refused: .*; install it first, .*\n",
            5,
            extra=True,
        ),
        *([unknown] if family == "0.5" else []),
        Row(f"submit {wait}", rf"up\n(\^C\n)?{terminating}", INTERRUPTED, until="up\n"),
    ]


def _attaching(family: Family, programs: Programs) -> list[Row]:
    attached = rf"pie-client: attached to process {UUID}\n"
    going_on = ""
    if family == "0.5":
        going_on = "pie-client: the server ends the process when this command ends\n"
    return [
        Row(f"submit {programs.wait} --detach", rf"{UUID}\n"),
        Row("list", rf"ID +PROGRAM +USER +AGE +INPUT\n%ID8  {programs.wait}  {USERS[family]} +\d+ s  {{}}\n"),
        Row("attach %ID8", rf"{attached}{going_on}(\^C\n)?", INTERRUPTED, until=rf"{attached}{going_on}"),
    ]


def _ending(family: Family, programs: Programs) -> list[Row]:
    """Return what ends a process; that of `attach` still runs unless its server has ended it."""
    launch = Row(f"submit {programs.wait} --detach", rf"{UUID}\n")
    gone = "refused: Process not found; .* --detach to attach later\n"
    ends = family == "0.5"  # a process whose client leaves
    signalled = r"go on\n" if ends else rf"pie-client: sent to process {UUID}\n"
    return [
        *([launch] if ends else []),
        Row("signal %ID6 'go on'", signalled),
        Row("signal %ID 'go on'", f"pie-client: attach_process of '%ID' {gone}", 5, extra=True),
        Row("attach %ID", f"pie-client: attach_process of '%ID' {gone}", 5, extra=True),
        launch._replace(extra=True),
        Row("signal %ID6 --follow 'go on'", r"go on\n", extra=True),
        launch,
        Row("terminate %UPPER6", "%ID terminated\n"),
        Row(
            "terminate %ID",
            "pie-client: terminate_process of '%ID' refused: Process not found; .*; see pie-client list\n",
            5,
            extra=True,
        ),
        Row(
            "terminate zz",
            "pie-client: no running process has an id that begins with 'zz'; see: pie-client list\n",
            5,
            extra=True,
        ),
    ]


def _mapping(programs: Programs) -> list[Row]:
    line = f"map {programs.greet} in.jsonl -o out.jsonl"
    return [
        Row(line, "pie-client: 2 inputs answered, 1 failed\n", 1),
        Row(line, "pie-client: 2 inputs answered, 2 of them before, 1 failed\n", 1, extra=True),
    ]


def rows_without_server(registry: str) -> list[Row]:
    """Return the commands that use no server, or are one.

    Args:
        registry: URL of a program registry.
    """
    file = r"\S+/config\.toml"
    return [
        Row("config init", rf"{file} written\n", extra=True),
        Row("config set timeout 30", rf"timeout set in {file}\n"),
        Row("config show", r"SETTING +VALUE +FROM *\n(.*\n)*timeout +30 +/.*\n(.*\n)*"),
        Row(f"resolve greet --registry {registry}", r"greet@0\.2\.0\n", extra=True),
        Row("types Pie.toml --out greet_types.py", r"greet_types\.py: \w+-greet, 2 parameters\n", extra=True),
        Row("serve --port 0", r"Pie 0\.5 at ws://.*\n(  .*\n)+(\^C)?", until="files@1.0.0  .*\n"),
    ]


async def check_row(row: Row, place: str, runner: Runner, process_id: str) -> str:
    """Run a command, and check what it writes and its status.

    Args:
        row: The command.
        place: Where it runs: in a ``pipe`` or a ``terminal``.
        runner: Knows its folder and its settings.
        process_id: Id of the process that runs, "" if there is none.

    Returns:
        The id of the process that runs then.
    """

    def beginning(found: re.Match[str]) -> str:
        cut = process_id[: int(found[2] or len(process_id))]
        return cut.upper() if found[1] == "UPPER" else cut

    def filled(text: str) -> str:
        return re.sub(r"%(ID|UPPER)(\d?)", beginning, text)

    async with PLACES[place](runner, *shlex.split(filled(row.line))) as running:
        if row.until:
            await running.until(re.compile(row.until))
            running.interrupt()
        status = await running.end()
    text = LINE_ENDS.sub("\n", ESCAPES.sub("", running.text))
    # A terminal also shows bars and screens that are gone at the end.
    compare = re.fullmatch if place == "pipe" and "--watch" not in row.line else re.search
    assert compare(filled(row.shows), text), f"pie-client {row.line}, in a {place}:\n{text}"
    assert status == row.status, f"pie-client {row.line}, in a {place}: status {status}\n{text}"
    return text.strip() if "--detach" in row.line else process_id


async def check_server(
    family: Family, programs: Programs, place: str, runner: Runner, *, short: bool = False
) -> None:
    """Run the commands that use a server, and check what the map has written. See :func:`check_rows`."""
    await check_rows(rows(family, programs), place, runner, short=short)
    answers = [json.loads(line) for line in (runner.folder / "out.jsonl").read_text().splitlines()]
    assert [answer.get("value") for answer in answers] == ["hello, Ada", None, "hello, Bob"]


async def check_rows(table: list[Row], place: str, runner: Runner, *, short: bool = False) -> None:
    """Run the commands of a table, one after the other; in a short run without the extra ones. See :func:`check_row`."""
    process_id = ""
    for row in table:
        if not (short and row.extra):
            process_id = await check_row(row, place, runner, process_id)
