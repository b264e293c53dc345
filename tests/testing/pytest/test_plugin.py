"""The pytest plugin works in test runs of users."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pie_client import PieClient
from pie_client.testing import LocalEngine
from tests.support.repository import ROOT

GUIDE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
FILES: dict[str, str] = dict(
    re.findall(
        r"<!-- file: (test_\w+\.py|pyproject\.toml) -->\n```(?:python|toml)\n(.*?)```", GUIDE, re.DOTALL
    )
)
EXAMPLE = FILES["test_greeting.py"] + "\n" + FILES["test_timeout.py"]
SETTINGS = "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
PLUGINS = {"asyncio": "pytest_asyncio.plugin", "anyio": "anyio.pytest_plugin", "xdist": "xdist.plugin"}
OURS = "pie_client.testing.pytest.plugin"


def pytest_run(
    folder: Path, test: str, *arguments: str, plugins: tuple[str, ...] = (), ours: bool = True
) -> str:
    """Run a test file with nothing but the named plugins; and return what pytest prints."""
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    (folder / "pytest.ini").write_text(
        SETTINGS if "asyncio" in plugins else SETTINGS.replace("asyncio_", "#"), encoding="utf-8"
    )
    return pytest_run_in(folder, *arguments, plugins=plugins, ours=ours)


def pytest_run_in(folder: Path, *arguments: str, plugins: tuple[str, ...] = (), ours: bool = True) -> str:
    """Run what is in a folder with nothing but the named plugins; and return what pytest prints."""
    loaded = [argument for name in plugins for argument in ("-p", PLUGINS[name])]
    loaded += ["-p", OURS] if ours else []
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *loaded, *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.stdout + done.stderr


def test_the_files_of_the_page_run_unchanged(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    said = pytest_run_in(tmp_path, "-W", "error", plugins=("asyncio",))
    assert f"{len(FILES) - 1} passed" in said, said


def test_the_first_example_is_short() -> None:
    assert len(FILES["test_greeting.py"].splitlines()) <= 10
    assert len(FILES["pyproject.toml"].splitlines()) <= 3


LOOP_SCOPES = ("function", "class", "module", "package", "session")
WITH_PYTEST_ASYNCIO: dict[str, tuple[str, int]] = {
    "strict_mode": ("import pytest\npytestmark = pytest.mark.asyncio\n" + EXAMPLE, 2),
    "loop_scopes": (
        "import pytest\n"
        + "".join(
            f"""
@pytest.mark.asyncio(loop_scope={scope!r})
@pytest.mark.parametrize("n", range(2))
class Test{scope}:
    async def test_it(self, pie_engine, pie_client, n):
        await pie_client.ping()
"""
            for scope in LOOP_SCOPES
        ),
        2 * len(LOOP_SCOPES),
    ),
    "async_fixtures_of_the_same_loop": (
        "import pytest, pytest_asyncio\npytestmark = pytest.mark.pie(builtins=True)\n"
        + "".join(
            f"""
@pytest_asyncio.fixture(loop_scope={scope!r})
async def {scope}_process(pie_client):
    return await pie_client.launch_process("wait@1.0.0")

@pytest.mark.asyncio(loop_scope={scope!r})
async def test_{scope}({scope}_process):
    await {scope}_process.signal("go")
    assert await {scope}_process.result(str) == "go"
"""
            for scope in ("function", "module", "session")
        ),
        3,
    ),
    "one_engine_for_all_tests": (
        FILES["test_one_engine.py"].replace("builtins=True", 'builtins=True, family="0.4"')
        + "\nseen = set()\n\n"
        '@pytest.mark.pie(client={"username": "ada"})\n@pytest.mark.parametrize("n", range(2))\n'
        "async def test_more(pie_engine, pie_client, n):\n"
        '    await pie_client.launch_process("wait@1.0.0")\n'
        '    assert {p.username for p in await pie_client.list_processes()} == {"ada"}\n'
        "    seen.add(pie_engine.uri)\n    assert len(seen) == 1\n",
        3,
    ),
    "marker_that_overrides_that_of_its_module": (
        """
import pytest
pytestmark = [pytest.mark.asyncio, pytest.mark.pie(family="0.4", builtins=True, client={"username": "ada"})]

@pytest.mark.pie(family="0.5", client={"timeout": 5})
async def test_it(pie_engine, pie_client):
    assert (pie_engine.traits.name, "echo@1.0.0" in pie_engine.programs) == ("0.5", True)
    await (await pie_client.launch_process("wait@1.0.0")).signal("go")

async def test_other(pie_engine, pie_client):
    await pie_client.launch_process("wait@1.0.0")
    assert [p.username for p in await pie_client.list_processes()] == ["ada"]
""",
        2,
    ),
}
"""Test files, and how many tests each has."""
FIXTURES_OF_A_LONGER_SCOPE = "import pytest\npytestmark = pytest.mark.asyncio\n" + "".join(
    f"""
@pytest.fixture(scope={scope!r})
def {scope}_fixture(pie_engine):
    pass

async def test_{scope}({scope}_fixture):
    pass
"""
    for scope in ("class", "module")
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints about these files; one run, since a start takes seconds."""
    folder = tmp_path_factory.mktemp("asyncio")
    for name, (test, _) in WITH_PYTEST_ASYNCIO.items():
        (folder / f"test_{name}.py").write_text(test, encoding="utf-8")
    return pytest_run(
        folder, FIXTURES_OF_A_LONGER_SCOPE, "-rA", "-o", "asyncio_mode=strict", plugins=("asyncio",)
    )


@pytest.mark.parametrize("name", WITH_PYTEST_ASYNCIO)
def test_it_works_with_pytest_asyncio(name: str, said: str) -> None:
    _, tests = WITH_PYTEST_ASYNCIO[name]
    assert said.count(f"PASSED test_{name}.py::") == tests, said


def test_a_fixture_with_a_longer_scope_can_not_use_the_engine(said: str) -> None:
    assert said.count("\nScopeMismatch: ") == 2, said
    assert "2 errors" in said


def test_a_marked_test_needs_the_marker_registered_if_the_plugin_is_disabled(tmp_path: Path) -> None:
    marked = 'import pytest\n\n@pytest.mark.pie(family="0.4")\ndef test_it():\n    pass\n'
    (tmp_path / "test_it.py").write_text(marked, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(FILES["pyproject.toml"], encoding="utf-8")
    disabled = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:pie", "-W", "error"]
    done = subprocess.run(disabled, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own interpreter
    assert "PytestUnknownMarkWarning" in done.stdout, done.stdout + done.stderr
    registered = pytest_run_in(
        tmp_path, "-W", "error", "-o", "markers=pie: unused", ours=False, plugins=("asyncio",)
    )
    assert "1 passed" in registered, registered


def test_pytest_finds_the_installed_plugin(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--fixtures", "--markers", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "@pytest.mark.pie" in done.stdout, done.stderr


def test_it_follows_the_loop_scope_of_the_settings(tmp_path: Path) -> None:
    arguments = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session")
    said = pytest_run(tmp_path, EXAMPLE, *arguments, plugins=("asyncio",))
    assert "2 passed" in said, said


@pytest.mark.parametrize("beside", [(), ("asyncio",)], ids=["alone", "beside pytest-asyncio"])
def test_it_works_with_anyio(tmp_path: Path, beside: tuple[str, ...]) -> None:
    backend = "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    test = f"import pytest\npytestmark = pytest.mark.anyio\n{backend}\n{EXAMPLE}"
    said = pytest_run(tmp_path, test, plugins=("anyio", *beside))
    assert "2 passed" in said, said


def test_it_works_in_parallel(tmp_path: Path) -> None:
    test = (
        EXAMPLE
        + "\n"
        + "\n".join(
            f"async def test_{n}(pie_engine, pie_client):\n    await pie_client.ping()" for n in range(8)
        )
    )
    said = pytest_run(tmp_path, test, "-n", "2", "-o", "asyncio_mode=auto", plugins=("asyncio", "xdist"))
    assert "10 passed" in said, said


@pytest.mark.pie(family="0.4", builtins=True, client={"username": "ada", "timeout": 20})
async def test_the_marker_sets_options_of_engine_and_client(
    pie_engine: LocalEngine, pie_client: PieClient
) -> None:
    assert pie_engine.traits.name == "0.4"
    process = await pie_client.launch_process("wait@1.0.0")
    assert [info.username for info in await pie_client.list_processes()] == ["ada"]
    await process.signal("go")
    assert await process.result(str) == "go"


async def test_every_test_has_an_engine_of_its_own(pie_engine: LocalEngine, pie_client: PieClient) -> None:
    assert pie_engine.programs == {}
    assert await pie_client.list_processes() == []


ASYNC = "async def test_it(pie_client):\n    await pie_client.ping()\n"
UNITTEST = """
import pytest, unittest

@pytest.mark.usefixtures("pie_engine")
class TestIt(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        pass
"""
MISTAKES = {
    "no loop": (ASYNC, (), "needs an event loop: install pytest-asyncio"),
    "no marker": (ASYNC, ("asyncio",), "mark the test with pytest.mark.asyncio"),
    "not async": ("def test_it(pie_engine):\n    pass\n", ("asyncio",), "write `async def`"),
    "another backend": (
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'trio'\n@pytest.mark.anyio\n"
        + ASYNC,
        ("anyio",),
        "needs asyncio; define a fixture anyio_backend",
    ),
    "two loops": (
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
        "@pytest.mark.asyncio\n@pytest.mark.anyio\n" + ASYNC,
        ("anyio", "asyncio"),
        "runs in both pytest-asyncio and anyio",
    ),
    "unknown option": (
        "import pytest\n@pytest.mark.asyncio\n@pytest.mark.pie(famly='0.4')\n" + ASYNC,
        ("asyncio",),
        "the marker pie: LocalEngine.__init__() got an unexpected keyword argument 'famly'",
    ),
    "unknown client option": (
        "import pytest\n@pytest.mark.asyncio\n@pytest.mark.pie(client={'timout': 1})\n" + ASYNC,
        ("asyncio",),
        "the marker pie: client: PieClient.__init__() got an unexpected keyword argument 'timout'",
    ),
    "wrong value": (
        "import pytest\n@pytest.mark.asyncio\n@pytest.mark.pie(port='x')\n" + ASYNC,
        ("asyncio",),
        "the marker pie: invalid port='x'",
    ),
    "option of another family": (
        "import pytest\n@pytest.mark.anyio\n@pytest.mark.pie(auth={})\n"
        "@pytest.mark.parametrize('anyio_backend', ['asyncio'])\n" + ASYNC,
        ("anyio",),
        "the marker pie: auth has no effect with family",
    ),
    "wrong client value": (
        "import pytest\n@pytest.mark.asyncio\n@pytest.mark.pie(client={'timeout': -1})\n" + ASYNC,
        ("asyncio",),
        "the marker pie: client: ",
    ),
    "unittest": (
        UNITTEST,
        ("asyncio",),
        "pie_engine can't be used in unittest.TestCase classes",
    ),
    "wrong form": (
        "import pytest\n@pytest.mark.asyncio\n@pytest.mark.pie('0.4')\n" + ASYNC,
        ("asyncio",),
        "the marker pie takes keyword arguments, as in",
    ),
}


@pytest.mark.parametrize("plugins", sorted({plugins for _, plugins, _ in MISTAKES.values()}))
def test_a_mistake_is_reported_in_one_line(tmp_path: Path, plugins: tuple[str, ...]) -> None:
    mistakes = {name: (test, text) for name, (test, needed, text) in MISTAKES.items() if needed == plugins}
    for name, (test, _) in mistakes.items():
        (tmp_path / f"test_{name.replace(' ', '_')}.py").write_text(test, encoding="utf-8")
    said = pytest_run(tmp_path, "", plugins=plugins)
    for name, (_, text) in mistakes.items():
        assert text in said, name
    assert f"{len(mistakes)} error" in said
    assert "Traceback" not in said
    assert "src/pie_client" not in said


def test_a_run_without_the_fixtures_imports_the_plugin_only(tmp_path: Path) -> None:
    test = """
import sys

def test_it():
    loaded = {name for name in sys.modules if name.startswith("pie_client")}
    assert loaded <= {
        "pie_client", "pie_client._version", "pie_client.lazy", "pie_client._generated", "pie_client._generated.public",
        "pie_client.testing", "pie_client.testing.pytest", "pie_client.testing.pytest.plugin",
    }, loaded
    assert not {"websockets", "msgpack", "pydantic", "cryptography"} & sys.modules.keys()
"""
    said = pytest_run(tmp_path, test)
    assert "1 passed" in said, said
