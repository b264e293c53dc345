"""Files of pages in docs/ that need more than an engine: cells of a notebook, an application's tests, and a proxy with TLS."""

import ast
import asyncio
import inspect
import re
import shutil
import sys
from pathlib import Path

import pytest

from pie_client.testing import LocalEngine
from tests.connection.test_proxies import HttpProxy
from tests.connection.test_tls import serving
from tests.support.certificates import Authority
from tests.support.pages import files_of, write_files
from tests.support.peers import tcp_peer, websocket_peer
from tests.test_documentation import DEADLINE, PAGES


async def test_the_cells_of_the_notebook_run_in_one_loop(capsys: pytest.CaptureFixture[str]) -> None:
    cells = files_of("docs/notebooks.md")
    assert list(cells) == ["cell_1.py", "cell_2.py", "cell_3.py"]
    names: dict[str, object] = {}
    async with LocalEngine(builtins=True) as engine, asyncio.timeout(DEADLINE):
        for name, cell in cells.items():
            code = cell.replace("ws://127.0.0.1:8080", engine.uri)
            # As IPython and `python -m asyncio` do.
            made = eval(compile(code, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 - of the page
            if inspect.isawaitable(made):
                await made
    (shown,) = re.findall(r"```text\n(.*?)```", PAGES["docs/notebooks.md"], re.DOTALL)
    assert capsys.readouterr().out == shown


async def test_the_tests_of_the_application_pass(tmp_path: Path) -> None:
    page = "docs/testing-an-application.md"
    write_files(page, tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        out, _ = await process.communicate()
    (promise,) = re.findall(r"prints `(\d passed)`", PAGES[page])
    assert promise in out.decode()


async def test_the_program_of_the_page_connects_through_a_proxy_with_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    write_files("docs/proxies-and-tls.md", tmp_path)
    async with websocket_peer(tls=serving(authority.issue("pie.example.org"))) as peer:
        proxy = HttpProxy(peer.uri.replace("wss", "ws"))
        async with tcp_peer(proxy.talk) as address:
            code = (tmp_path / "secured.py").read_text(encoding="utf-8")
            assert "@proxy.example.org:3128" in code
            code = code.replace("proxy.example.org:3128", address)
            shutil.copy(authority.path, tmp_path / "company-ca.pem")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-c", code), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
            )
            async with asyncio.timeout(DEADLINE):
                out, _ = await process.communicate()
    assert out.decode().startswith("connected to ServerInfo(")
    (request,) = proxy.requests
    assert request.startswith("CONNECT pie.example.org:443 HTTP/1.1\r\n")
