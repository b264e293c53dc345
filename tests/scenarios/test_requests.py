"""Every request of the 0.5 family, with valid and with invalid arguments."""

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from pie_client import (
    AuthenticationError,
    InstallError,
    InvalidManifestError,
    InvalidProgramNameError,
    InvalidRequestError,
    MessageEvent,
    PieClient,
    PieError,
    ProcessNotFoundError,
    ProgramExistsError,
    ProgramNotFoundError,
    RefusedError,
    ReturnEvent,
    UnsupportedError,
)
from tests.scenarios.programs import ECHO, READY, WAIT, Programs, send_file, wait_until_gone
from tests.support.peers import in_time
from tests.support.repository import ROOT

REQUESTS = {
    request["type"]: frozenset(request["families"])
    for request in json.loads((ROOT / "schema/protocol.json").read_text("utf-8"))["requests"]
}
"""The families that know each request."""
SCRIPT = "async def main(input):\n    return input\n"
ABSENT = str(uuid.UUID(int=4 << 76 | 8 << 60))
"""An id that no process has."""

Scenario = Callable[[PieClient, Programs], Awaitable[None]]

VALID: dict[str, Scenario] = {}
"""The scenario that shows that a request works, by the request's type."""


def works(tag: str) -> Callable[[Scenario], Scenario]:
    """Register a scenario that shows that a request works."""

    def register(scenario: Scenario) -> Scenario:
        VALID[tag] = scenario
        return scenario

    return register


@works("auth_identify")
async def identify(client: PieClient, _programs: Programs) -> None:
    for _ in range(2):
        await client.authenticate("bob")


@works("ping")
async def ping(client: PieClient, _programs: Programs) -> None:
    for _ in range(3):
        await client.ping()


@works("query")
async def query(client: PieClient, _programs: Programs) -> None:
    status = await client.query("model_status")
    assert status
    assert all("." in name for name in status)


@works("check_program")
async def check(client: PieClient, programs: Programs) -> None:
    program = await programs.install(SCRIPT)
    assert await client.check_program(program)
    assert not await client.check_program(program.replace("1.0.0", "1.0.1"))


@works("add_program")
async def add(client: PieClient, programs: Programs) -> None:
    program = await programs.install(SCRIPT + "#" * 600_000)  # three chunks
    process = await programs.start(program, {"a": 1})
    assert await process.result() == {"a": 1}


@works("launch_process")
async def launch(client: PieClient, programs: Programs) -> None:
    program = await programs.install(SCRIPT)
    for name in (program, program.partition("@")[0]):
        process = await programs.start(name, [1, "é", None])
        assert uuid.UUID(process.process_id).version == 4
        assert await process.result() == [1, "é", None]


@works("attach_process")
async def attach(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(WAIT, capture_outputs=False)
    attached = await client.attach_process(process.process_id)
    await attached.signal("end")
    assert (await in_time(attached.wait())) == "end"


@works("terminate_process")
async def terminate(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(WAIT, capture_outputs=False)
    await client.terminate_process(process.process_id)
    await wait_until_gone(client, process)


@works("signal_process")
async def signal(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(ECHO)
    await client.signal_process(process.process_id, "")
    await client.signal_process(process.process_id, "grüße\0\n")
    await client.signal_process(process.process_id, "end")
    messages = [event async for event in process if isinstance(event, MessageEvent)]
    assert messages == [MessageEvent("received "), MessageEvent("received grüße\0\n")]


@works("transfer_file")
async def transfer(_client: PieClient, programs: Programs) -> None:
    process = await programs.launch(
        """
async def main(input):
    return (await receive_file()).decode()
"""
    )
    assert await anext(process) == READY
    assert await send_file(process, b"content") == ReturnEvent("content")


@works("list_processes")
async def listing(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(WAIT, {"a": [1, "é"]})
    (info,) = await client.list_processes()
    assert (info.id, info.username, info.program) == (
        process.process_id,
        "internal",
        f"{programs.prefix}-1@1.0.0",
    )
    assert json.loads(info.arguments) == {"a": [1, "é"]}
    assert info.elapsed_secs >= 0
    await process.signal("end")
    await in_time(process.wait())
    await wait_until_gone(client, process)


@works("auth_prove")
async def prove(client: PieClient, _programs: Programs) -> None:
    with pytest.raises(AuthenticationError, match="Already authenticated"):
        await client.rpc.auth_prove(signature="c2lnbmF0dXJl")


@pytest.mark.parametrize("tag", sorted(tag for tag, families in REQUESTS.items() if "0.5" in families))
async def test_a_request_works(client: PieClient, programs: Programs, tag: str) -> None:
    await in_time(VALID[tag](client, programs))
    await client.ping()


@dataclass(frozen=True)
class Refused:
    """A request that is refused."""

    tag: str
    why: str
    ask: Scenario
    error: type[PieError]
    says: str = "."


REFUSED: list[Refused] = []


def refused(
    tag: str, why: str, error: type[PieError] = RefusedError, says: str = "."
) -> Callable[[Scenario], Scenario]:
    """Register a scenario in which a request is refused."""

    def register(scenario: Scenario) -> Scenario:
        REFUSED.append(Refused(tag, why, scenario, error, says))
        return scenario

    return register


@refused("query", "of an unknown subject", InvalidRequestError, "weather")
async def query_weather(client: PieClient, _programs: Programs) -> None:
    await client.query("weather")


@refused("query", "without a subject", InvalidRequestError)
async def query_nothing(client: PieClient, _programs: Programs) -> None:
    await client.query("")


@refused("launch_process", "of an unknown program", ProgramNotFoundError, "absent@1.0.0")
async def launch_absent(client: PieClient, _programs: Programs) -> None:
    await client.launch_process("absent@1.0.0")


@refused("launch_process", "of an unknown name", ProgramNotFoundError, "absent")
async def launch_absent_name(client: PieClient, _programs: Programs) -> None:
    await client.launch_process("absent")


@refused("launch_process", "of an unknown version", ProgramNotFoundError, "9.9.9")
async def launch_absent_version(client: PieClient, programs: Programs) -> None:
    program = await programs.install(SCRIPT)
    await client.launch_process(program.replace("1.0.0", "9.9.9"))


@refused("launch_process", "of an unknown program, uncaptured", ProgramNotFoundError)
async def launch_absent_uncaptured(client: PieClient, _programs: Programs) -> None:
    await client.launch_process("absent@1.0.0", capture_outputs=False)


@refused("attach_process", "to an unknown process", ProcessNotFoundError)
async def attach_absent(client: PieClient, _programs: Programs) -> None:
    await client.attach_process(ABSENT)


@refused("attach_process", "to a process that has ended", ProcessNotFoundError)
async def attach_ended(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(SCRIPT)
    await process.wait()
    await wait_until_gone(client, process)
    await client.attach_process(process.process_id)


@refused("terminate_process", "of an unknown process", ProcessNotFoundError)
async def terminate_absent(client: PieClient, _programs: Programs) -> None:
    await client.terminate_process(ABSENT)


@refused("terminate_process", "of a process that has ended", ProcessNotFoundError)
async def terminate_ended(client: PieClient, programs: Programs) -> None:
    process = await programs.launch(SCRIPT)
    await process.wait()
    await wait_until_gone(client, process)
    await client.terminate_process(process.process_id)


def upload(manifest: str, content: bytes = SCRIPT.encode()) -> Scenario:
    """Return a scenario that uploads without the client's own checks."""

    async def ask(client: PieClient, _programs: Programs) -> None:
        await client.rpc.add_program(content=content, manifest=manifest, force_overwrite=False)

    return ask


def manifest(name: str = "refused", version: str = "1.0.0", language: str = "python") -> str:
    return f'[package]\nname = "{name}"\nversion = "{version}"\n[runtime]\nlanguage = "{language}"\n'


for why, error, ask in (
    ("with a manifest that is not TOML", InvalidManifestError, upload("x = ")),
    ("with a manifest without a package", InvalidManifestError, upload("a = 1")),
    ("with a manifest without a version", InvalidManifestError, upload('[package]\nname = "q"\n')),
    ("in an unknown language", InvalidManifestError, upload(manifest(language="ruby"))),
    ("of a source that is not UTF-8", InstallError, upload(manifest(), b"\xff")),
):
    refused("add_program", why, error)(ask)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.tag} {case.why}")
async def test_a_refused_request_raises_a_one_line_error(
    client: PieClient, programs: Programs, case: Refused
) -> None:
    with pytest.raises(case.error, match=case.says) as caught:
        await in_time(case.ask(client, programs))
    assert "\n" not in str(caught.value)
    await client.ping()


@pytest.mark.parametrize("name", ["a b@1.0.0", "../x@1.0.0", "@1.0.0", "absent@1", "absent@latest"])
async def test_an_invalid_program_name_is_refused(client: PieClient, name: str) -> None:
    with pytest.raises((InvalidProgramNameError, ValueError)):
        await client.launch_process(name)
    await client.ping()


async def test_signals_and_files_for_an_unknown_process_are_ignored(client: PieClient) -> None:
    await client.signal_process(ABSENT, "hello?")
    await client.rpc.transfer_file(process_id=ABSENT, content=b"file")
    await client.ping()


async def test_a_program_is_overwritten_only_with_force_overwrite(
    client: PieClient, programs: Programs
) -> None:
    program = await programs.install(SCRIPT)
    name = program.partition("@")[0]
    other = b"async def main(input):\n    return 'other'\n"
    with pytest.raises(ProgramExistsError):
        await client.install_program_bytes(other, manifest(name))
    assert await (await programs.start(program, {"a": 1})).result() == {"a": 1}
    await client.install_program_bytes(other, manifest(name), force_overwrite=True)
    assert await (await client.launch_process(program, {"a": 1})).wait() == "other"


REMOVED: dict[str, Callable[[PieClient], Awaitable[object]]] = {
    "auth_by_token": lambda client: client.auth_by_token("token"),
    "launch_processes": lambda client: client.launch_processes("a@1.0.0", [1]),
    "run_processes": lambda client: client.run_processes("a@1.0.0", [1]),
    "launch_daemon": lambda client: client.launch_daemon("a@1.0.0", 8080),
    "register_mcp_server": lambda client: client.register_mcp_server("m", "stdio", "true"),
    "mcp_response": lambda client: client.rpc.mcp_response(corr_id=1, ok=True, result="{}"),
    "submit_workflow": lambda client: client.rpc.submit_workflow(json_="{}"),
    "cancel_workflow": lambda client: client.rpc.cancel_workflow(workflow_id=ABSENT),
    "attach_workflow": lambda client: client.rpc.attach_workflow(workflow_id=ABSENT),
    "detach_workflow": lambda client: client.rpc.detach_workflow(workflow_id=ABSENT),
}


@pytest.mark.parametrize("tag", sorted(tag for tag, families in REQUESTS.items() if "0.5" not in families))
async def test_a_request_that_only_older_servers_know_is_not_sent(client: PieClient, tag: str) -> None:
    with pytest.raises(UnsupportedError, match=r"0\.5"):
        await REMOVED[tag](client)
    await client.ping()
