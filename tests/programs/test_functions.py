"""Python functions that are programs."""

import asyncio
import functools
import importlib
import json
import linecache
import math
import sys
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from pie_client import (
    DeadlineError,
    Inferlet,
    InvalidArgumentError,
    ManifestError,
    NotAttachedError,
    PieClient,
    Process,
    Reconnect,
    ResultError,
    UnsupportedError,
    inferlet,
    models,
)
from pie_client.testing import LocalEngine
from tests.support.peers import TIMEOUT, free_port

if TYPE_CHECKING:
    from collections import OrderedDict

SCALE = 10


@inferlet
async def repeat_words(
    text: str, times: int = 2, loud: bool = False, pause: float | None = None
) -> list[str]:
    """Say something again.

    And again.
    """
    return [text.upper() if loud else text] * times


@inferlet
async def decoded(text: str) -> tuple[str, int]:
    found: tuple[str, int] = json.loads(text)
    return found


@inferlet
async def circle(radius: float, *, digits: int = 2) -> str:
    found: OrderedDict[str, float] = json.loads("{}")  # an annotation that is not uploaded
    found["area"] = round(math.pi * radius**2, digits)
    return json.dumps(found)


@inferlet(name="long-name", version="2.0.0", description="Told otherwise.")
async def renamed(**anything: object) -> object:
    """Not this."""
    return anything


@inferlet
async def converses() -> str:
    session = importlib.import_module("inferlet").session  # checkers don't know the engine's package

    session.send("ready")
    heard: str = await session.receive()
    return heard + " — größer"


@inferlet
async def uses_a_constant(x: int) -> int:
    return x * SCALE


@pytest.fixture
async def engine_of_scripts() -> AsyncIterator[LocalEngine]:
    """An engine that runs uploaded scripts."""
    async with LocalEngine(family="0.5", allow_scripts=True) as engine:
        yield engine


@pytest.fixture
async def scripts(engine_of_scripts: LocalEngine) -> AsyncIterator[PieClient]:
    """A client of that engine."""
    async with PieClient(engine_of_scripts.uri) as client:
        yield client


async def _result(process: Process) -> object:
    return await process.result(timeout=TIMEOUT)


# ------------------------------------------------------------- what travels


def test_a_program_takes_name_and_description_from_its_function() -> None:
    manifest = repeat_words.manifest
    assert repeat_words.name == manifest.package.name == "repeat-words"
    assert manifest.package.description == "Say something again."
    assert manifest.runtime == {"language": "python", "call": "kwargs", "entry": "repeat_words"}
    assert manifest.parameters is not None
    described = {name: (p.type, p.optional) for name, p in manifest.parameters.items()}
    assert described == {
        "text": ("string", None),
        "times": ("int", True),
        "loud": ("bool", True),
        "pause": ("float", True),
    }
    assert repeat_words.program == f"repeat-words@{repeat_words.version}"
    assert repr(repeat_words) == "<Inferlet repeat-words>"


def test_name_version_and_description_can_be_given() -> None:
    assert renamed.program == "long-name@2.0.0"
    assert renamed.manifest.package.description == "Told otherwise."


def test_what_identifies_a_program_is_read_only() -> None:
    for name in ("name", "version", "program", "pinned"):
        with pytest.raises(AttributeError, match=name):
            setattr(renamed, name, "other")


def test_only_the_function_and_its_imports_are_uploaded() -> None:
    assert circle.source.splitlines()[:2] == ["import json", "import math"]
    assert "@inferlet" not in circle.source
    assert "SCALE" not in circle.source
    compile(circle.source, "circle", "exec")


async def test_an_inferlet_can_be_called_locally() -> None:
    assert await repeat_words("a", loud=True) == ["A", "A"]
    assert repeat_words.__doc__ is not None
    assert getattr(repeat_words, "__name__") == "repeat_words"  # noqa: B009 - the type does not promise it


def test_every_change_of_source_or_manifest_changes_the_version() -> None:
    """D47"""

    async def first(x: int) -> int:
        return x

    async def second(x: int) -> int:
        return x + 0

    first.__name__ = second.__name__ = "first"
    plain = inferlet(first)
    assert plain.version == inferlet(first).version
    assert plain.version != inferlet(description="Other.")(first).version
    assert plain.version != inferlet(name="other")(first).version
    parts = [int(part) for part in plain.version.split(".")]
    assert len(parts) == 3
    assert max(parts) > 1 << 32


def test_a_nested_function_keeps_its_string_literals() -> None:
    @inferlet
    async def nested() -> str:
        return """one
    two"""

    namespace: dict[str, object] = {}
    exec(nested.source, namespace)  # noqa: S102 - it is the test's own
    function = cast("Callable[[], Coroutine[object, object, str]]", namespace["nested"])
    assert asyncio.run(function()) == "one\n    two"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("_private", "private"), ("camelCase9", "camelCase9"), ("a__b", "a-b"), ("größe", "gr-e")],
)
def test_a_program_name_contains_only_valid_characters(name: str, expected: str) -> None:
    """D47"""

    async def function() -> None: ...

    function.__name__ = name
    assert inferlet(function).name == expected


# ------------------------------------------------------------- what can't travel


def test_a_global_that_is_not_uploaded_is_named() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"uses_a_constant uses SCALE, which is not uploaded with it"
    ):
        _ = uses_a_constant.source


def test_a_variable_of_the_enclosing_function_is_named() -> None:
    captured = 5

    @inferlet
    async def closure() -> int:
        return captured

    with pytest.raises(InvalidArgumentError, match=r"closure uses captured, which is not uploaded with it"):
        _ = closure.source


def _imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> types.ModuleType:
    """Import a module of this source, under a name of its own."""
    name = f"functions_{abs(hash((source, str(tmp_path))))}"
    (tmp_path / f"{name}.py").write_text("from pie_client import inferlet\n" + source, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        (
            "from math import pow\n@inferlet\nasync def f(x: int) -> float:\n    return pow(x, 2)\n",
            ["from math import pow"],
        ),
        (
            (
                "import xml.etree.ElementTree\nimport xml.dom.minidom\n"
                "@inferlet\nasync def f() -> str:\n    return repr(xml.etree.ElementTree) + repr(xml.dom.minidom)\n"
            ),
            ["import xml.dom.minidom", "import xml.etree.ElementTree"],
        ),
        (
            "import xml\n@inferlet\nasync def f() -> str:\n    return repr(xml.etree.ElementTree)\n",
            ["import xml.etree.ElementTree", "import xml"],
        ),
        (
            "from xml import etree\n@inferlet\nasync def f() -> str:\n    return repr(etree.ElementTree)\n",
            ["import xml.etree.ElementTree", "from xml import etree"],
        ),
        (
            "import xml.etree.ElementTree as e\n@inferlet\nasync def f() -> str:\n    return e.__name__\n",
            ["import xml.etree.ElementTree as e"],
        ),
        (
            (
                "import sys\nif sys.version_info < (3,):\n    import no_such as j\nelse:\n    import json as j\n"
                "@inferlet\nasync def f() -> str:\n    return j.dumps(1)\n"
            ),
            ["import json as j"],
        ),
        (
            (
                "import string as j\nimport json as j\n@inferlet\nasync def f() -> str:\n    return j.dumps(1)\n"
            ),
            ["import json as j"],
        ),
        (
            "from os import *\n@inferlet\nasync def f() -> str:\n    return getcwd()\n",
            ["from os import getcwd"],
        ),
        ("import json as j\n@inferlet\nasync def f() -> str:\n    return j.dumps(1)\n", ["import json as j"]),
    ],
)
def test_a_name_is_imported_from_where_it_was_defined(
    source: str, imports: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = _imported(tmp_path, monkeypatch, source).f
    assert [line for line in function.source.splitlines() if "import" in line] == imports
    namespace: dict[str, object] = {}
    exec(function.source, namespace)  # noqa: S102 - it is the test's own


def _run(source: str) -> object:
    """Run the function f of an uploaded source, and return its result."""
    namespace: dict[str, object] = {}
    exec(source, namespace)  # noqa: S102 - it is the test's own
    return asyncio.run(cast("Callable[[], Coroutine[object, object, object]]", namespace["f"])())


@pytest.mark.parametrize(
    "imports",
    [
        "try:\n    import {module} as x\nexcept ImportError:\n    x = None\n",
        "try:\n    import {module} as x\nexcept (ImportError, OSError) as error:\n    print(error)\n    x = None\n",
        "try:\n    import {module} as x\nexcept ImportError:\n    x: object = False\n",
        "try:\n    from {module} import hls_to_rgb as x\nexcept ModuleNotFoundError:\n    x = 'none'\n",
        "try:\n    import {module}\nexcept ImportError:\n    x = False\nelse:\n    x = True\n",
        "if 5 > 4:\n    try:\n        import {module} as x\n    except:\n        import json as x\n",
        "try:\n    try:\n        import {module} as x\n    except ImportError:\n        x = None\nfinally:\n    print()\n",
        "import string\ntry:\n    import {module} as string\nexcept ImportError:\n    import string\nx = 1\n",
    ],
)
def test_the_fallback_of_an_import_is_uploaded_with_it(
    imports: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the import succeeds here or there."""
    used = "string" if "as string" in imports else "x"
    text = f"@inferlet\nasync def f(): return repr({used})\n"
    with_module, without = (
        _imported(tmp_path, monkeypatch, imports.format(module=module) + text).f
        for module in ("colorsys", "no_such_module")
    )
    assert _run(with_module.source) == asyncio.run(with_module())
    assert _run(without.source) == asyncio.run(without())
    monkeypatch.setitem(sys.modules, "colorsys", None)  # an import of it fails now
    assert _run(with_module.source) == asyncio.run(without())


@pytest.mark.parametrize(
    ("source", "name"),
    [
        *(
            (
                f"try:\n    {tried}\nexcept ImportError:\n    x = {other}\n@inferlet\nasync def f(): return x\n",
                "x",
            )
            for tried in ("import no_such_x as x", "from no_such_x import x", "from no_such_x import *")
            for other in ("object()", "lambda: 0", "[None]")
        ),
        (
            "x = None\ntry:\n    import no_such_x as x\nexcept ImportError:\n    pass\n@inferlet\nasync def f(): return x\n",
            "x",
        ),
        ("import json\njson = None\n@inferlet\nasync def f(): return json\n", "json"),
        ("import types\nx = types.ModuleType('json')\n@inferlet\nasync def f(): return x\n", "x"),
        ("import sys\nx = sys.modules[__name__]\n@inferlet\nasync def f(): return x\n", "x"),
        ("try:\n    x = 1\nexcept ImportError:\n    x = 2\n@inferlet\nasync def f(): return x\n", "x"),
        ("x = 1\n@inferlet\nasync def f(y=x): return y\n", "x"),
        ("x = 1\n@inferlet\nasync def f(): return [lambda z: z + x]\n", "x"),
        ("x = 1\n@inferlet\nasync def f():\n    class A:\n        y = x\n    return A.y\n", "x"),
        ("x = 1\n@inferlet\nasync def f():\n    global x\n    x += 1\n    return x\n", "x"),
        ("def sorted(x): return x\n@inferlet\nasync def f() -> list: return sorted([2, 1])\n", "sorted"),
        ("import json\njson = object()\n@inferlet\nasync def f() -> str: return json.dumps(1)\n", "json"),
        (
            "def outer():\n    max = 5\n    @inferlet\n    async def f() -> int: return max\n    return f\nf = outer()\n",
            "max",
        ),
    ],
)
def test_a_name_that_can_not_be_imported_is_refused(
    source: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = _imported(tmp_path, monkeypatch, source).f
    with pytest.raises(InvalidArgumentError, match=f"f uses {name}, which is not uploaded with it"):
        _ = function.source


NOTEBOOK = {
    "import xml.etree.ElementTree": ("xml.etree.ElementTree.fromstring('<a/>').tag", "a"),
    "import xml.etree as e, xml.etree.ElementTree": ("e.ElementTree.fromstring('<a/>').tag", "a"),
    "import xml.dom.minidom as dom": ("dom.__name__", "xml.dom.minidom"),
    "import os": ("os.path.basename('a/b')", "b"),
    "from random import randint": ("randint(3, 3)", 3),
    "from collections import OrderedDict as Ordered": ("len(Ordered())", 0),
}
"""Expressions and their values, by what a cell imports."""


def _from_cells(*cells: str) -> object:
    """Run cells as a notebook does, where the module has no source, and return the value of f."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        name = f"<cell {abs(hash(cell))}>"
        linecache.cache[name] = len(cell), None, cell.splitlines(keepends=True), name
        exec(compile(cell, name, "exec"), namespace)  # noqa: S102 - it is the test's own
    return namespace["f"]


async def test_imports_of_other_cells_of_a_notebook_are_uploaded(scripts: PieClient) -> None:
    for imports, (expression, value) in NOTEBOOK.items():
        function = _from_cells(
            "from pie_client import inferlet", imports, f"@inferlet\nasync def f(): return [{expression}]\n"
        )
        run = cast("Callable[..., Awaitable[Process]]", scripts.run)
        assert await _result(await run(function)) == [value]


def test_a_failed_import_of_another_cell_is_refused() -> None:
    function = _from_cells(
        "from pie_client import inferlet",
        "try:\n    import no_such_x as x\nexcept ImportError:\n    x = None\n",
        "@inferlet\nasync def f(): return x is None\n",
    )
    assert isinstance(function, Inferlet)
    with pytest.raises(InvalidArgumentError, match="f uses x, which is not uploaded with it"):
        _ = function.source


async def test_a_function_runs_with_the_fallback_of_an_import(
    scripts: PieClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "try:\n    import no_such_x as x\nexcept ImportError:\n    x = None\n"
    function = _imported(tmp_path, monkeypatch, f"{source}@inferlet\nasync def f(): return x is None\n").f
    assert await _result(await scripts.run(function)) is True


def test_the_loaded_source_is_uploaded_even_if_the_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = _imported(tmp_path, monkeypatch, "@inferlet\nasync def f() -> int:\n    return 1\n")
    assert module.__file__ is not None
    Path(module.__file__).write_text("\n\nasync def f() -> int:\n    return 2\n", encoding="utf-8")
    assert "return 1" in module.f.source


def test_annotations_of_inner_classes_are_uploaded_and_those_of_variables_are_not() -> None:
    @inferlet
    async def inner(x: "OrderedDict[str, int]", y: int = 1) -> list[str]:
        import dataclasses  # noqa: PLC0415 - the point

        @dataclasses.dataclass
        class Point:
            x: int

        local: OrderedDict[str, int] = x  # its name exists for checkers only
        return [str(field.type) for field in dataclasses.fields(Point)] * len(local) * y

    assert "OrderedDict" not in inner.source
    assert "x: int" in inner.source
    assert inner.manifest.parameters is not None
    assert list(inner.manifest.parameters) == ["y"]
    compile(inner.source, "inner", "exec")


def test_a_second_decorator_is_refused() -> None:
    def twice(function: Callable[[], Awaitable[int]]) -> Callable[[], Coroutine[object, object, int]]:
        @functools.wraps(function)
        async def wrapper() -> int:
            return 2 * await function()

        return wrapper

    with pytest.raises(InvalidArgumentError, match="another decorator below @inferlet"):

        @inferlet
        @twice
        async def decorated() -> int:
            return 5


def test_methods_and_generators_are_refused_with_the_reason() -> None:
    class Group:
        async def method(self) -> None: ...

    async def generator() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(InvalidArgumentError, match="'method' is a method"):
        inferlet(Group.method)
    with pytest.raises(InvalidArgumentError, match="'generator' is an async generator"):
        inferlet(generator)  # type: ignore[arg-type]  # that is the mistake


def test_a_function_that_is_not_async_is_refused() -> None:
    def plain() -> None: ...

    with pytest.raises(
        InvalidArgumentError, match="'plain' is not an async function; define it with `async def`"
    ):
        inferlet(plain)  # type: ignore[arg-type]  # that is the mistake


def test_a_parameter_that_can_not_be_passed_by_keyword_is_refused() -> None:
    async def star(*values: int) -> None: ...

    async def positional(value: int, /) -> None: ...

    for function in (star, positional):
        with pytest.raises(InvalidArgumentError, match="can't be passed by keyword"):
            Inferlet(function)


@pytest.mark.parametrize(("name", "version"), [("a b", "1.0.0"), ("", "1.0.0"), ("a", "1.0"), ("a", "x")])
def test_an_invalid_name_or_version_is_refused_when_decorating(name: str, version: str) -> None:
    """D47"""

    async def function() -> None: ...

    with pytest.raises(ManifestError, match=r"package\.(name|version)"):
        inferlet(name=name, version=version)(function)


def test_a_function_without_source_is_refused() -> None:
    namespace: dict[str, Callable[[], Coroutine[object, object, None]]] = {}
    exec("async def made(): pass", namespace)  # noqa: S102 - it is the test's own
    made = Inferlet(namespace["made"])
    with pytest.raises(InvalidArgumentError, match="can't find the source of made"):
        _ = made.source


# ------------------------------------------------------------- running


async def test_a_function_runs_as_a_program(scripts: PieClient) -> None:
    assert await _result(await scripts.run(repeat_words, "hello", times=3)) == ["hello"] * 3
    assert json.loads(await (await scripts.run(circle, radius=2.0)).result()) == {"area": 12.57}
    assert await _result(await scripts.run(renamed, any_thing=[1, {"a": None}])) == {
        "any_thing": [1, {"a": None}]
    }


async def test_a_function_exchanges_messages_as_a_program(scripts: PieClient) -> None:
    process = await scripts.run(converses)
    assert (await process.recv(timeout=TIMEOUT))[1] == "ready"
    await process.signal("größe")
    assert await process.result(str, timeout=TIMEOUT) == "größe — größer"


async def test_the_result_of_a_function_has_its_annotated_type_unless_another_is_passed(
    scripts: PieClient,
) -> None:
    run = scripts.run_with(terminate_on_exit=True, timeout=TIMEOUT)
    async with await run(decoded, '["a", 1]') as process:
        assert await process.result(timeout=TIMEOUT) == ("a", 1)
        assert await process.result(list[str | int], timeout=TIMEOUT) == ["a", 1]
    attached = await scripts.attach_process((await scripts.run(decoded, '["b", 1]')).detach())
    assert await attached.result(timeout=TIMEOUT) == ["b", 1]


async def test_a_result_that_is_not_of_the_annotated_type_is_an_error(scripts: PieClient) -> None:
    with pytest.raises(ResultError, match=r"that are not tuple\[str, int\]"):
        await (await scripts.run(decoded, "7")).result(timeout=TIMEOUT)


async def test_a_program_is_run_by_name_with_keyword_arguments(scripts: PieClient) -> None:
    await (await scripts.run(repeat_words, "x")).wait(timeout=TIMEOUT)
    process = await scripts.run(repeat_words.program, text="by name", times=1)
    assert await _result(process) == ["by name"]


async def test_a_function_is_uploaded_once(engine_of_scripts: LocalEngine, scripts: PieClient) -> None:
    for _ in range(3):
        await (await scripts.run(repeat_words, "x")).wait(timeout=TIMEOUT)
    async with PieClient(engine_of_scripts.uri) as other:
        await (await other.run(repeat_words, "x")).wait(timeout=TIMEOUT)
    assert list(engine_of_scripts.uploads) == [repeat_words.program]


async def test_a_function_is_installed_again_on_a_restarted_server() -> None:
    port = free_port()
    async with LocalEngine(allow_scripts=True, port=port) as engine:
        client = PieClient(engine.uri, reconnect=Reconnect())
        await client.connect()
        assert await _result(await client.run(repeat_words, "x")) == ["x"] * 2
    async with LocalEngine(allow_scripts=True, port=port), client:
        assert await _result(await client.run(repeat_words, "x")) == ["x"] * 2


async def test_a_function_with_a_given_version_replaces_the_installed_one(
    engine_of_scripts: LocalEngine, scripts: PieClient
) -> None:
    """D47"""
    await scripts.install_program_bytes(b"stale", renamed.manifest)
    assert await _result(await scripts.run(renamed, a=1)) == {"a": 1}
    assert engine_of_scripts.uploads[renamed.program] == renamed.source.encode()


async def test_wrong_arguments_are_refused_before_sending(scripts: PieClient) -> None:
    run = cast("Callable[..., Awaitable[Process]]", scripts.run)  # the types refuse what follows
    with pytest.raises(InvalidArgumentError, match="wrong arguments for repeat-words: missing"):
        await run(repeat_words)
    with pytest.raises(InvalidArgumentError, match="unexpected keyword argument 'nothing'"):
        await run(repeat_words, "x", nothing=1)
    with pytest.raises(
        InvalidArgumentError, match="no positional arguments; pass its input as keyword arguments"
    ):
        await run("name@1.0.0", 1)
    with pytest.raises(InvalidArgumentError, match="program is int"):
        await run(5)
    assert scripts.server is None


async def test_arguments_of_a_program_may_have_the_names_of_options(scripts: PieClient) -> None:
    arguments = {"timeout": "a word", "capture_outputs": 0, "program": 1, "self": 2}
    for run in (scripts.run, scripts.run_with(timeout=TIMEOUT)):
        assert await _result(await run(renamed, **arguments)) == arguments
        assert await _result(await run(renamed.program, **arguments)) == arguments


@pytest.mark.parametrize("program", [repeat_words, repeat_words.program])
async def test_options_of_a_run_apply_to_the_call(
    engine_of_scripts: LocalEngine, scripts: PieClient, program: Inferlet[..., object] | str
) -> None:
    await (await scripts.run(repeat_words, "x")).wait(timeout=TIMEOUT)
    uncaptured = await scripts.run_with(capture_outputs=False)(program, text="x")
    with pytest.raises(NotAttachedError):
        await uncaptured.wait(timeout=TIMEOUT)
    with pytest.raises(UnsupportedError, match="token_budget"):
        await scripts.run_with(token_budget=5)(program, text="x")
    engine_of_scripts.faults.never_answer(models.LaunchProcessRequest)
    with pytest.raises(DeadlineError, match=r"within 0\.2 s"):
        await scripts.run_with(timeout=0.2)(program, text="x")
    with pytest.raises(InvalidArgumentError, match="timeout"):
        scripts.run_with(timeout=0)
    with pytest.raises(InvalidArgumentError, match="capture_outputs=1 is not a bool"):
        scripts.run_with(capture_outputs=cast("bool", 1))


async def test_the_timeout_of_a_run_includes_the_installation(
    engine_of_scripts: LocalEngine, scripts: PieClient
) -> None:
    engine_of_scripts.faults.never_answer(models.AddProgramRequest)
    with pytest.raises(DeadlineError, match=r"run of 'repeat-words' did not finish within 0\.2 s"):
        await scripts.run_with(timeout=0.2)(repeat_words, "x")


@pytest.mark.parametrize("timeout", [TIMEOUT, math.inf])
async def test_the_timeout_of_a_run_replaces_the_clients_for_every_request(
    engine_of_scripts: LocalEngine, timeout: float
) -> None:
    for request in (models.CheckProgramRequest, models.AddProgramRequest, models.LaunchProcessRequest):
        engine_of_scripts.faults.delay(request, until=0.15)
    async with PieClient(engine_of_scripts.uri, timeout=0.05) as client:
        process = await client.run_with(timeout=timeout)(repeat_words, "x", times=1)
        assert await process.result(timeout=TIMEOUT) == ["x"]


async def test_run_of_a_function_is_unsupported_by_servers_without_scripts() -> None:
    async with LocalEngine(family="0.4") as engine, PieClient(engine.uri) as client:
        with pytest.raises(
            UnsupportedError,
            match=r"^run of 'repeat-words' not sent: Pie 0\.3 and 0\.4 servers don't run Python functions",
        ):
            await client.run(repeat_words, "x")
        assert engine.uploads == {}
