"""Published clients of other authors behave on the embedded engine as on real servers.

Each client runs a list of scenarios in an environment of its own. Scenarios that meet a known defect of the client are
expected to fail with the failure text of that defect.
"""

import ast
import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pie_client import Family
from pie_client.testing import LocalEngine
from tests.interop.engines import add_programs
from tests.support.repository import ROOT
from tests.support.tools import need, skip_without

HERE = Path(__file__).parent
FOLDER = "INTEROP_CLIENTS"
"""Environment variable: the folder that the clients are installed in; `nox -s interop` sets it."""
DEADLINE = 250
"""Seconds for all scenarios of a client."""
TIMED_OUT = "timed out"

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(FOLDER not in os.environ, reason="needs published clients: nox -s interop"),
    pytest.mark.timeout(DEADLINE + 20),
]


class KnownDefect(Exception):  # noqa: N818 - an expected outcome
    """A client failed with the text of its known defect."""


@dataclass(frozen=True)
class PublishedClient:
    """A published client: its family, scenarios and script, and by scenario its defects with their failure texts."""

    family: Family
    scenarios: tuple[str, ...]
    script: str
    defects: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


COMMON_DEFECTS = {
    "a_large_result_arrives": ("D1", "WebSocket"),
    "use_before_connecting_raises_a_connection_error": ("D7", "AttributeError"),
    "receiving_after_the_end_does_not_hang": ("D23", TIMED_OUT),
    "an_uncaptured_process_has_an_id": ("D29", "False instead of True"),
    "an_install_without_overwrite_is_refused": ("D44", "not refused"),
}


def scenarios_of(name: str) -> tuple[str, ...]:
    """Return the scenarios of a script. It can't be imported here, because it imports another client."""
    text = (HERE / name).read_text(encoding="utf-8")
    if name.endswith(".mjs"):
        return tuple(re.findall(r"^  async (\w+)\(\) \{$", text, re.M))
    (values,) = [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SCENARIOS"
    ]
    assert isinstance(values, ast.List)
    return tuple(ast.unparse(value) for value in values.elts)


COMMON = scenarios_of("python_scenarios.py")
OLDER = scenarios_of("scenarios_0_4.py")
BATCHES = {
    "processes_are_launched_as_a_batch",
    "processes_are_run_as_a_batch",
    "budgets_of_another_number_are_refused",
    "uncaptured_processes_of_a_batch_can_be_attached",
    "attaching_keeps_the_events_of_an_earlier_handle",
}
"""Scenarios with batches, which the 0.3 client lacks."""
OLDER_DEFECTS = {
    **COMMON_DEFECTS,
    "a_request_before_identification_does_not_hang": ("D5", TIMED_OUT),
    "closing_takes_less_than_two_seconds": ("D6", TIMED_OUT),
    "attaching_keeps_the_events_of_an_earlier_handle": ("D30", TIMED_OUT),
    "two_concurrent_installs_of_the_same_bytes_work": ("D46", "Upload failed"),
    "a_key_path_may_start_with_a_tilde": ("D50", "No such file"),
}
CLIENTS = {
    "pypi-0.3.0": PublishedClient(
        "0.4",
        (*COMMON, *(scenario for scenario in OLDER if scenario not in BATCHES)),
        "scenarios_0_4.py",
        {**OLDER_DEFECTS, "a_large_result_arrives": ("D24", TIMED_OUT)},
    ),
    "pypi-0.4.0": PublishedClient("0.4", (*COMMON, *OLDER), "scenarios_0_4.py", OLDER_DEFECTS),
    "pypi-0.5.3": PublishedClient(
        "0.5",
        (*COMMON, *scenarios_of("scenarios_0_5.py")),
        "scenarios_0_5.py",
        {
            **COMMON_DEFECTS,
            "a_challenge_is_not_mistaken_for_success": ("D15", TIMED_OUT),
            "asking_twice_for_the_result_does_not_hang": ("D31", TIMED_OUT),
        },
    ),
    "npm-0.5.2": PublishedClient(
        "0.5",
        scenarios_of("scenarios.mjs"),
        "scenarios.mjs",
        {
            "receiving_after_the_end_does_not_hang": ("D23", TIMED_OUT),
            "an_uncaptured_process_has_an_id": ("D29", "false instead of true"),
            "asking_twice_for_the_result_does_not_hang": ("D31", TIMED_OUT),
            "an_install_without_overwrite_is_refused": ("D44", "not refused"),
        },
    ),
}


def cases() -> list[object]:
    """Return each scenario of each client."""
    found: list[object] = []
    for name, client in CLIENTS.items():
        for scenario in client.scenarios:
            defect = client.defects.get(scenario)
            marks = [pytest.mark.xdist_group(name)]
            if defect:
                reason = f"{defect[0]} in tests/defects/ledger.toml"
                marks.append(pytest.mark.xfail(strict=True, raises=KnownDefect, reason=reason))
            found.append(pytest.param(name, scenario, id=f"{name}-{scenario}", marks=marks))
    return found


# ------------------------------------------------------------- keys and processes


def keys(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Write a key of each kind; return the paths, and all public keys except the unknown one."""
    made: dict[str, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "rsa": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "unknown": ed25519.Ed25519PrivateKey.generate(),
    }
    paths: dict[str, str] = {}
    for name, key in made.items():
        style = PrivateFormat.OpenSSH if name == "ed25519" else PrivateFormat.PKCS8
        path = folder / name
        path.write_bytes(key.private_bytes(Encoding.PEM, style, NoEncryption()))
        path.chmod(0o600)
        paths[name] = str(path)
    del made["unknown"]
    public = [
        k.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() for k in made.values()
    ]
    return paths, public


def command(name: str) -> list[str]:
    """Return the command that runs a client's scenarios."""
    home = Path(os.environ[FOLDER]) / name
    if not name.startswith("npm"):
        return [str(home / "bin" / "python"), str(HERE / CLIENTS[name].script)]
    node, _ = need("node", "npm")
    if not home.exists():
        skip_without("not installed: nox did not find npm")
    return [node, str(HERE / CLIENTS[name].script)]


async def run(name: str, folder: Path) -> tuple[dict[str, str | None], str]:
    """Run a client's scenarios; return the failure of each, or None, and what was written to standard error."""
    command_line, (paths, public) = command(name), keys(folder)
    async with AsyncExitStack() as stack:
        older = await stack.enter_async_context(LocalEngine(family="0.4", auth={"alice": public}))
        unlocked = await stack.enter_async_context(LocalEngine(family="0.4"))
        newer = await stack.enter_async_context(LocalEngine(family="0.5", allow_scripts=True))
        quiet = await stack.enter_async_context(LocalEngine(family="0.4"))
        quiet.faults.never_answer_close(times=None)
        for engine in (older, unlocked, newer):
            add_programs(engine)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        settings = {
            **paths,
            "uri": (older if CLIENTS[name].family == "0.4" else newer).uri,
            # What servers say of the program absent@1.0.0, which their registry does not have either.
            "absent": "absent/1.0.0/manifest returned 404"
            if CLIENTS[name].family == "0.4"
            else "absent@1.0.0",
            "older_uri": older.uri,
            "open_uri": unlocked.uri,
            "quiet_uri": (quiet if CLIENTS[name].family == "0.4" else newer).uri,
            "token": older.token,
            "port": str(port),
            "python": sys.executable,
            "mcp_server": str(ROOT / "tests/support/mcp_package_server.py"),
            "key_below_home": "ed25519",
        }
        if CLIENTS[name].family == "0.4":
            settings["private_key_option"] = "--private-key-path"
        extra = [str(Path(os.environ[FOLDER]) / name)] if name.startswith("npm") else []
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COVERAGE"))}
        process = await asyncio.create_subprocess_exec(
            *command_line,
            json.dumps(settings),
            *extra,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **environment,
                "HOME": str(folder),
                "PIE_CLI_HOME": str(folder),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            cwd=folder,
        )
        try:
            async with asyncio.timeout(DEADLINE):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    reports = [json.loads(line) for line in out.decode().splitlines() if line.startswith('{"scenario"')]
    return {entry["scenario"]: entry["failure"] for entry in reports}, err.decode()


Outcomes = Callable[[str], tuple[dict[str, str | None], str]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """The outcomes of a client's scenarios, which run at the first request."""

    @cache
    def of(name: str) -> tuple[dict[str, str | None], str]:
        return asyncio.run(run(name, tmp_path_factory.mktemp("client")))

    return of


@pytest.mark.parametrize(("name", "scenario"), cases())
def test_a_published_client_passes_a_scenario(name: str, scenario: str, outcomes: Outcomes) -> None:
    failures, errors = outcomes(name)
    assert scenario in failures, f"the scenario did not run: {errors[-2000:]}"
    failure = failures[scenario]
    if failure is not None and (defect := CLIENTS[name].defects.get(scenario)) and defect[1] in failure:
        raise KnownDefect(failure)
    assert failure is None, f"{failure}\n{errors[-2000:]}"
