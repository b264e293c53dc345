"""`nox -s audit`: vulnerable packages fail it, and it never passes without data."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.support.audit import KNOWN, NO_DATA, REQUIRED_STATUS
from tests.support.peers import TIMEOUT, free_port, tcp_peer
from tests.support.repository import ROOT

pytestmark = pytest.mark.tools("pip-audit")


@contextlib.asynccontextmanager
async def osv(vulnerable: dict[str, str]) -> AsyncGenerator[str]:
    """Run a service in the format of OSV; yields its address.

    Args:
        vulnerable: Ids of vulnerabilities by ``name==version``.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line.partition(":") for line in head.decode().lower().splitlines()]
        (length,) = (int(value) for name, _, value in lines if name == "content-length")
        query = json.loads(await reader.readexactly(length))
        found = vulnerable.get(f"{query['package']['name']}=={query['version']}")
        body = json.dumps({"vulns": [{"id": found, "affected": []}]} if found else {}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with tcp_peer(talk) as address:
        yield f"http://{address}/v1/query"


async def audit(url: str, packages: Path, *options: str) -> tuple[int, str]:
    """Run the check with a service; returns its exit status and output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.audit", str(packages), "--osv-url", url, *options),
        cwd=ROOT,
        env={"PATH": "", "HOME": str(packages.parent), "https_proxy": f"http://127.0.0.1:{free_port()}"},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(2 * TIMEOUT):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A list of one package."""
    place = tmp_path / "newest.txt"
    place.write_text("msgpack==1.2.0\n", "utf-8")
    return place


async def test_a_service_that_can_not_be_reached_is_no_data(packages: Path) -> None:
    status, out = await audit(f"http://127.0.0.1:{free_port()}", packages)
    assert (status, out.splitlines()[-1].startswith(NO_DATA)) == (0, True)
    assert "(pypi: " in out
    assert "; osv: " in out


async def test_a_service_without_vulnerabilities_is_no_data(packages: Path) -> None:
    async with osv({"msgpack==1.2.0": "OSV-1"}) as url:
        status, out = await audit(url, packages)
    assert (status, out.splitlines()[-1].startswith(NO_DATA)) == (0, True)


async def test_no_data_fails_where_data_is_required(packages: Path) -> None:
    async with osv({}) as url:
        status, out = await audit(url, packages, "--require-data")
    assert (status, out.startswith(NO_DATA)) == (REQUIRED_STATUS, True)


async def test_a_vulnerable_package_is_named_and_fails(packages: Path) -> None:
    async with osv({KNOWN: "OSV-0", "msgpack==1.2.0": "OSV-1"}) as url:
        status, out = await audit(url, packages)
    assert status == 1
    assert "newest: " in out
    assert "OSV-1" in out
    assert NO_DATA not in out


async def test_packages_without_vulnerabilities_pass(packages: Path) -> None:
    async with osv({KNOWN: "OSV-0"}) as url:
        status, out = await audit(url, packages)
    assert (status, out) == (0, "newest: No known vulnerabilities found\n")
