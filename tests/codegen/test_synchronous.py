"""The synchronous client: what is translated, and what can't be."""

import contextlib
import re
from collections.abc import Generator
from pathlib import Path

import pytest

from codegen import synchronous
from codegen.layout import Layout
from codegen.schema import CodegenError
from codegen.sync_types import FACES
from tests.support.repository import ROOT, SYNC_GENERATED

PING = "    async def ping(self, *, timeout: float | None = None) -> None:\n"


@contextlib.contextmanager
def changed(root: Path, old: str, new: str) -> Generator[None]:
    """Change the asynchronous client of a copy inside the context."""
    path = root / "src/pie_client/client.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    yield
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules that are translated."""
    root = tmp_path_factory.mktemp("sources")
    for path in (ROOT / "src/pie_client").rglob("*.py"):
        if "testing" not in path.parts and "sync" not in path.parts:
            to = root / path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    return root


def test_a_changed_parameter_reaches_the_synchronous_method(sources: Path) -> None:
    with changed(sources, PING, PING.replace("self, *,", "self, data: bytes = b'', *,")):
        text = synchronous.render(Layout(root=sources), {})[Path(SYNC_GENERATED) / "client.py"]
    assert "def ping(self, data: bytes=b'', *, timeout: float | None=None) -> None:" in text
    assert "self._thread.wait(lambda: self._async.ping(data, timeout=timeout))" in text


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("def extra(self):\n        pass", "it has no return annotation"),
        ("async def extra(self) -> None:\n        '''Run in a task.'''", "its docstring says 'task'"),
        ("def extra(self) -> abc.Awaitable[int]: ...", "its signature can't be translated"),
        ("def extra(self, call: abc.Callable[[], abc.Awaitable[int]]) -> None: ...", "can't be translated"),
        ("async def extra(self) -> process.Process[T] | None: ...", "only a handle or a list of handles"),
        ("async def __await__(self) -> None: ...", "no synchronous class has such a method"),
        ("@staticmethod\n    async def extra() -> None: ...", "its decorator"),
        ("extra: int = 1", "attributes can't be translated; make it a property"),
    ],
    ids=["returns", "docstring", "awaitable", "callback", "union", "dunder", "static", "attribute"],
)
def test_what_can_not_be_translated_is_named(sources: Path, method: str, problem: str) -> None:
    with (
        changed(sources, PING, f"    {method}\n\n{PING}"),
        pytest.raises(CodegenError, match=problem) as caught,
    ):
        synchronous.render(Layout(root=sources), {})
    assert str(caught.value).startswith("pie_client.client: PieClient: ")


def test_each_text_that_is_said_otherwise_occurs(sources: Path) -> None:
    paths = [sources / f"src/pie_client/{name.replace('.', '/')}.py" for name in FACES]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    for pattern, replacement in synchronous.TEXTS:
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
