"""Modules with typed launches, which `python -m pie_client.typed` writes from manifests."""

import ast
import asyncio
import json
import math
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast, get_args

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pie_client import InvalidArgumentError, ManifestError, PieClient, ResultError, models, parse_manifest
from pie_client.testing import LocalEngine
from pie_client.typed.command import main
from pie_client.typed.generate import render
from tests.support.pages import write_files
from tests.support.repository import ROOT, run

PAGE = (ROOT / "docs/typed-inferlets.md").read_text(encoding="utf-8")
PARAMETERS = {
    "prompt": {"type": "string", "description": "The text."},
    "max_tokens": {"type": "int", "optional": True},
    "temperature": {"type": "float", "optional": True},
    "class": {"type": "bool", "optional": True},
    "stop-at": {"type": "string", "optional": True, "description": "Where to stop."},
}
MANIFEST: dict[str, Any] = {"package": {"name": "echo", "version": "1.0.0"}, "parameters": PARAMETERS}
"""Of the built-in program that returns its input."""


def module_of(manifest: dict[str, Any]) -> Any:  # noqa: ANN401 - its functions have the types of the manifest
    """Return the module for a manifest."""
    module = ModuleType("written")
    sys.modules[module.__name__] = module  # pydantic looks names of annotations up there
    code = compile(render(parse_manifest(tomli_w.dumps(manifest))), "written.py", "exec")
    exec(code, vars(module))  # noqa: S102 - as importing it
    return module


@pytest.fixture(scope="module")
def echo() -> Any:  # noqa: ANN401 - as module_of
    """The module of the program that returns its input."""
    return module_of(MANIFEST)


@pytest.fixture
async def client() -> AsyncIterator[PieClient]:
    """A client connected to an engine with the built-in programs."""
    async with LocalEngine(builtins=True) as engine, PieClient(engine.uri, timeout=20) as connected:
        yield connected


# ------------------------------------------------------------- what a module does


async def test_a_launch_sends_what_is_not_none_under_the_names_of_the_manifest(
    echo: Any,  # noqa: ANN401
    client: PieClient,
) -> None:
    process = await echo.launch(client, prompt="Hi", max_tokens=None, stop_at=".", class_=False)
    assert await process.result() == {"prompt": "Hi", "stop-at": ".", "class": False}


async def test_run_returns_the_result_in_the_requested_type(echo: Any, client: PieClient) -> None:  # noqa: ANN401
    assert await echo.run(client, prompt="Hi", temperature=1) == {"prompt": "Hi", "temperature": 1}
    assert (await echo.run(client, echo.Input, prompt="Hi", stop_at=".")).stop_at == "."
    with pytest.raises(ResultError, match="list"):
        await echo.run(client, list[str], prompt="Hi")


async def test_a_run_that_is_cancelled_terminates_its_process(client: PieClient) -> None:
    wait = module_of({"package": {"name": "wait", "version": "1.0.0"}})
    running = asyncio.create_task(wait.run(client))
    while not (found := await client.list_processes()):
        assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [info.program for info in found] == ["wait@1.0.0"]
    assert await client.list_processes() == []


async def test_inputs_can_be_mapped_and_read_back(echo: Any, client: PieClient) -> None:  # noqa: ANN401
    inputs = [echo.Input(prompt=text, stop_at=".") for text in ("one", "two")]
    found = [result.value async for result in client.map(echo.PROGRAM, inputs, echo.Input)]
    assert found == inputs


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"prompt": 3}, "prompt is int, not str"),
        ({"prompt": None}, "prompt is NoneType, not str"),
        ({"prompt": "", "max_tokens": "64"}, "max_tokens is str, not int"),
        ({"prompt": "", "max_tokens": True}, "max_tokens is bool, not int"),
        ({"prompt": "secret", "stop_at": 3}, "stop_at is int, not str"),
        ({"prompt": "", "temperature": math.nan}, "temperature: Input should be a finite number"),
    ],
)
async def test_a_value_of_the_wrong_type_is_an_error_before_anything_is_sent(
    echo: Any,  # noqa: ANN401
    wrong: dict[str, object],
    problem: str,
) -> None:
    unconnected = PieClient("ws://127.0.0.1:1")
    for function in (echo.launch, echo.run):
        with pytest.raises(InvalidArgumentError) as raised:
            await function(unconnected, **wrong)
        assert str(raised.value).startswith(f"invalid input of echo@1.0.0: {problem}")
        assert "\n" not in str(raised.value)
        assert "secret" not in str(raised.value)


def test_an_unknown_parameter_is_an_error_that_does_not_show_it(echo: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValidationError, match="tokens") as raised:
        echo.Input(prompt="", tokens="secret")
    assert "secret" not in str(raised.value)


def test_descriptions_are_in_the_schema_of_the_input_and_in_the_docstrings(echo: Any) -> None:  # noqa: ANN401
    assert echo.Input.model_json_schema()["properties"]["prompt"]["description"] == "The text."
    for function in (echo.launch, echo.run):
        assert "\n        prompt: The text.\n        max_tokens: No description.\n" in function.__doc__
        assert "\n        stop_at: Where to stop. It is sent as ``stop-at``.\n" in function.__doc__


# ------------------------------------------------------------- which module is written


def test_every_type_of_a_manifest_has_a_type_in_python() -> None:
    kinds = get_args(models.ManifestParameter.model_fields["type"].annotation)
    values = {"string": "text", "int": 2, "float": 2.5, "bool": True}
    assert set(kinds) == values.keys()
    parameters = {f"of_{kind}": {"type": kind} for kind in kinds}
    module = module_of({**MANIFEST, "parameters": parameters})
    given = {f"of_{kind}": value for kind, value in values.items()}
    assert module.Input(**given).model_dump() == given
    for kind in kinds:
        with pytest.raises(ValidationError, match=f"of_{kind}"):
            module.Input(**{**given, f"of_{kind}": b""})


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["max-tokens", "max_tokens"], ["max_tokens_", "max_tokens"]),
        (["a b", "a.b", "a-b"], ["a_b", "a_b_", "a_b__"]),
        (["class", "str", "model_dump", "json"], ["class_", "str_", "model_dump_", "json_"]),
        (["client", "as_type", "launch", "Input", "T"], ["client_", "as_type_", "launch_", "Input_", "T_"]),
        (["_private", "__dunder__"], ["private", "dunder"]),
        (["1st", "", "?", "²"], ["p_1st", "p_", "p__", "p_2"]),
        (["größe", "ﬁ", "fi", "maxTokens"], ["größe", "fi_", "fi", "maxTokens"]),
    ],
)
def test_a_parameter_whose_name_can_not_be_used_has_another_one(
    names: list[str], expected: list[str]
) -> None:
    module = module_of({**MANIFEST, "parameters": {name: {"type": "int"} for name in names}})
    assert list(module.Input.model_fields) == expected
    values = dict(zip(expected, range(len(names)), strict=True))
    sent = module.Input(**values).model_dump()
    assert sent == dict(zip(names, values.values(), strict=True))
    assert module.Input.model_validate_json(json.dumps(sent)).model_dump() == sent


LETTERS = st.characters(codec="utf-8", max_codepoint=0xFFFF)
"""Above, each Python knows other letters, and the generator those of one Python."""
TEXTS = st.text(LETTERS, max_size=12) | st.sampled_from(
    [
        '"""',
        "\\",
        "'''\n",
        '"); import os',
        "{{ 7 }}",
        "{% raw %}",
        "#",
        "Input.x",
        "\0",
        "\u202e",
        "\U00013460",  # not in the Unicode of every Python
        "\\N{DASH}",
    ]
)
HOSTILE = st.dictionaries(
    TEXTS,
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "int", "float", "bool"]), "optional": st.booleans()},
        optional={"description": TEXTS},
    ),
    max_size=5,
)


def shape(source: str) -> list[str]:
    """Return the kinds of a module's statements, and the calls in it."""
    tree = ast.parse(source)
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [type(node).__name__ for node in tree.body] + sorted(
        calls - {"Field", "AliasChoices", "ConfigDict"}
    )


SHAPES = [
    shape(render(parse_manifest(tomli_w.dumps({**MANIFEST, "parameters": parameters}))))
    for parameters in (
        {},
        {"prompt": {"type": "string"}},
        {"prompt": {"type": "string", "description": "The text."}},
        PARAMETERS,
        {"stop-at": {"type": "string"}},
    )
]
"""Of modules for manifests with harmless texts."""


@settings(max_examples=25, deadline=None)
@given(HOSTILE, TEXTS)
def test_names_and_descriptions_never_become_code(
    parameters: dict[str, dict[str, object]], about: str
) -> None:
    manifest = {"package": {**MANIFEST["package"], "description": about}, "parameters": parameters}
    source = render(parse_manifest(tomli_w.dumps(manifest)))
    assert shape(source) in SHAPES
    assert all(each.isprintable() for line in source.splitlines() for each in line)
    module = module_of(manifest)
    fields = module.Input.model_fields.values()
    names = [*module.Input.model_json_schema()["properties"]]
    assert names == [*parameters]
    assert [field.description for field in fields] == [
        each.get("description") or None for each in parameters.values()
    ]


# ------------------------------------------------------------- the command


@pytest.fixture
def files(tmp_path: Path) -> SimpleNamespace:
    """Paths of a manifest and of the module that is to be written."""
    manifest = tmp_path / "Pie.toml"
    manifest.write_text(tomli_w.dumps(MANIFEST), encoding="utf-8")
    return SimpleNamespace(manifest=manifest, out=tmp_path / "echo.py")


def test_the_command_replaces_the_module_that_it_has_written(
    files: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(files.manifest), "--out", str(files.out)]
    assert [main(command), main(command)] == [0, 0]
    assert files.out.read_text(encoding="utf-8") == render(parse_manifest(files.manifest.read_text()))
    assert capsys.readouterr().out == f"{files.out}: echo, 5 parameters\n" * 2


def test_check_says_whether_the_module_is_up_to_date_whatever_its_layout(
    files: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(files.manifest), "--out", str(files.out)]
    assert main([*command, "--check"]) == 1
    assert f"{files.out} is missing" in capsys.readouterr().err
    assert not files.out.exists()
    assert main(command) == 0
    files.out.write_text(ast.unparse(ast.parse(files.out.read_text())), encoding="utf-8")
    assert main([*command, "--check"]) == 0
    changed = {**MANIFEST, "parameters": {**PARAMETERS, "seed": {"type": "int"}}}
    files.manifest.write_text(tomli_w.dumps(changed), encoding="utf-8")
    before = files.out.read_text()
    assert main([*command, "--check"]) == 1
    assert f"{files.out} differs from the manifest" in capsys.readouterr().err
    assert files.out.read_text() == before


def test_the_command_replaces_no_file_that_others_wrote(
    files: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files.manifest.read_bytes()
    assert main([str(files.manifest), "--out", str(files.manifest)]) == 2
    assert "was not written by this command" in capsys.readouterr().err
    assert files.manifest.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_the_command_reads_no_file_that_never_ends(
    files: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(files.manifest), "--out", "/dev/full"]) == 2
    assert capsys.readouterr().err == (
        "pie_client.typed: /dev/full is not a regular file; pass another --out\n"
    )


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (None, "No such file or directory"),
        ("name = ", "not valid TOML"),
        ("[package]\nname = 'a'\nversion = '1.0.0'\n[parameters.x]\ntype = 'list'", "parameters.x.type"),
        ("[package]\nname = 'a b'\nversion = '1.0.0'", "package.name is 'a b'"),
    ],
)
def test_an_unusable_manifest_is_an_error_in_one_line_that_names_the_file(
    files: SimpleNamespace, manifest: str | None, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files.manifest.unlink()
    if manifest is not None:
        files.manifest.write_text(manifest, encoding="utf-8")
    assert main([str(files.manifest), "--out", str(files.out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"pie_client.typed: {files.manifest}: ")
    assert problem in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("missing", ["jinja2", "datamodel_code_generator"])
def test_without_the_extra_the_command_says_how_to_install_it(files: SimpleNamespace, missing: str) -> None:
    without = f"import runpy, sys; sys.modules[{missing!r}] = None; sys.argv[0] = 'typed'; "
    without += "runpy.run_module('pie_client.typed', run_name='__main__')"
    done = run(["-c", without, str(files.manifest), "--out", str(files.out)], ROOT)
    assert done.returncode == 2
    assert done.stderr == (
        f"pie_client.typed: the {missing} package is not installed; run `pip install 'pie-client[codegen]'`\n"
    )


def test_the_extra_and_the_generator_of_this_package_pin_the_same_tools() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = cast("list[str]", project["project"]["optional-dependencies"]["codegen"])
    group = cast("list[str]", project["dependency-groups"]["codegen"])
    assert {pin.replace(">=", "==") for pin in extra} <= {str(pin) for pin in group}


# ------------------------------------------------------------- the page


async def test_the_page_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    (shell,) = re.findall(r"<!-- shell -->\n```sh\n(.*)\n```", PAGE)
    (program, output) = re.findall(r"```(?:python|text)\n(.*?)```", PAGE, re.DOTALL)
    write_files("docs/typed-inferlets.md", tmp_path)
    assert run(shell.split()[1:], tmp_path).returncode == 0
    async with LocalEngine(builtins=True) as engine:
        (tmp_path / "pasted.py").write_text(program.replace("ws://127.0.0.1:8080", engine.uri), "utf-8")
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-W", "error", "pasted.py"],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert (done.stdout, done.stderr) == (output, "")


def test_a_manifest_without_parameters_gives_functions_without_any() -> None:
    module = module_of({"package": {"name": "wait", "version": "1.0.0"}})
    assert module.Input.model_fields == {}
    with pytest.raises(TypeError, match="unexpected keyword argument 'prompt'"):
        module.launch(None, prompt="")


def test_a_manifest_is_checked_before_anything_is_written() -> None:
    with pytest.raises(ManifestError):
        parse_manifest("[package]\nname = 'a'\nversion = 'latest'")
