"""The FastAPI example, as a real service in front of an embedded engine that stops and starts again."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from pydantic import JsonValue

from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.support.pages import write_files
from tests.support.peers import TIMEOUT, free_port
from tests.support.repository import ROOT

EXAMPLE = "examples/fastapi_service.py"


class Service(NamedTuple):
    """A running service: its process, and a client of it."""

    process: asyncio.subprocess.Process
    http: httpx.AsyncClient

    async def until(self, status: int) -> dict[str, str]:
        """Ask for its health until that has a status, and return the answer."""
        async with asyncio.timeout(TIMEOUT):
            while (answer := await self.http.get("/health")).status_code != status:
                pass
        found: dict[str, str] = answer.json()
        return found


@asynccontextmanager
async def running(uri: str, application: str = EXAMPLE) -> AsyncGenerator[Service]:
    """Run the service with uvicorn."""
    place = ROOT / application
    options = ("--app-dir", str(place.parent), "--port", "0", "--timeout-graceful-shutdown", "1")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", f"{place.stem}:app", *options),
        cwd=ROOT,
        env={**os.environ, "PIE_URI": uri},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(TIMEOUT):
            log = ""
            while not (address := re.search(r"running on (http://\S+)", log)):
                line = await process.stderr.readline()
                assert line, log
                log += line.decode()
        async with httpx.AsyncClient(base_url=address[1], timeout=TIMEOUT, trust_env=False) as http:
            yield Service(process, http)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def engine_at(port: int) -> AsyncGenerator[tuple[LocalEngine, asyncio.Event]]:
    """Run an engine whose program counts, fails for 13, and waits without end after 99; yield it, and what that end sets."""
    ended = asyncio.Event()
    async with LocalEngine(port=port) as engine:

        @engine.inferlet("count@1.0.0")
        async def count(session: InferletSession, input: JsonValue) -> JsonValue:
            assert isinstance(input, int)
            for number in range(1, input + 1):
                session.print(number)
            if input == 13:
                raise ProcessFailure("unlucky")
            if input == 99:
                try:
                    await session.receive()
                finally:
                    ended.set()
            return input

        yield engine, ended


@pytest.fixture
def pasted(tmp_path: Path) -> str:
    """The service of docs/fastapi.md, as a file."""
    write_files("docs/fastapi.md", tmp_path)
    return str(tmp_path / "service.py")


@pytest.mark.parametrize("source", ["the example", "the page"])
async def test_it_answers_again_after_its_server_restarts_and_its_health_says_so_meanwhile(
    source: str, pasted: str
) -> None:
    port = free_port()
    application = EXAMPLE if source == "the example" else pasted
    async with running(f"ws://127.0.0.1:{port}", application) as service:
        assert (await service.until(503))["status"] == "unavailable"
        for number in (3, 4):
            async with engine_at(port) as (engine, _):
                assert (await service.until(200))["status"] == "ok"
                assert (await service.http.get(f"/count?to={number}")).json() == {"result": number}
                if number == 4:
                    with engine.faults.stall_all():
                        assert (await service.until(503))["reason"].startswith(
                            "ping did not finish within 2 s"
                        )
            assert re.match("lost|connecting|waiting", (await service.until(503))["reason"])
            away = await service.http.get("/count?to=3")
            assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
            assert re.match("lost|connecting|waiting", away.json()["detail"])


async def test_it_ends_what_it_launched_when_a_browser_goes_away_and_when_it_stops() -> None:
    port = free_port()
    async with engine_at(port) as (_, ended), running(f"ws://127.0.0.1:{port}") as service:
        await service.until(200)
        streamed = await service.http.get("/count/stream?to=2")
        assert streamed.text == 'data: "1\\n"\n\ndata: "2\\n"\n\nevent: result\ndata: 2\n\n'
        failed = await service.http.get("/count/stream?to=13")
        assert re.search(r'event: failed\ndata: "process \S+ failed: unlucky"\n\n$', failed.text)
        refused = [(await service.http.get(f"/count?to={to}")).status_code for to in ("13", "-1", "x")]
        assert refused == [502, 422, 422]
        for stops in (False, True):
            ended.clear()
            async with service.http.stream("GET", "/count/stream?to=99") as endless:
                await anext(endless.aiter_lines())
                if stops:
                    service.process.send_signal(signal.SIGTERM)
                    async with asyncio.timeout(TIMEOUT):
                        await service.process.wait()
            async with asyncio.timeout(TIMEOUT):
                await ended.wait()
